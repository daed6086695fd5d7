namespace Sgm

/// Whether a score can be evaluated, and fits into memory.
module internal CheckScore =

    let private field name : Place = [ Segment.Part name ]

    /// A law besides the target must have the target's dimension.
    let sameDimension (problems: Problems) place (target: int64 option) (found: int64 option) =
        match target, found with
        | Some expected, Some found when found <> expected && found > 0L && expected > 0L ->
            problems.Add(place, Fault.DimensionMismatch(found, expected, "the target"))
        | _ -> ()

    let private modifiers (problems: Problems) (place: Place) (score: Score) =
        score.Modifiers
        |> List.iteri (fun i modifier ->
            let at name = place @ [ Segment.Item("modifier", i + 1); Segment.Part name ]

            match modifier with
            | Shifted amount -> CheckNumber.finite problems (at "amount") amount
            | Scaled factor -> CheckNumber.finite problems (at "factor") factor
            | Temperature k -> CheckNumber.positive problems (at "k") "a temperature" k
            | Rippled(amplitude, frequency) ->
                CheckNumber.finite problems (at "amplitude") amplitude
                CheckNumber.finite problems (at "frequency") frequency
            | Clipped radius -> CheckNumber.positive problems (at "radius") "a radius" radius)

    /// The words of a score that have a meaning only where there is noise.
    let needsNoise (score: Score) =
        [
            for one in Score.all score do
                match one.Base with
                | ScoreMatching _ -> "scoreMatching"
                | Onnx(_, output) when Networks.needsNoise output -> "onnx"
                | Onnx _
                | OfFunction _
                | Exact
                | ScoreOf _
                | KernelDensity _
                | Blend _ -> ()

                if
                    one.Modifiers
                    |> List.exists (function
                        | Clipped _ -> true
                        | Shifted _
                        | Scaled _
                        | Temperature _
                        | Rippled _ -> false)
                then
                    "clipped"
        ]
        |> List.distinct

    /// The scores inside a score with their places, itself first.
    let rec private placed (place: Place) (score: Score) : (Place * Score) list =
        let inside i part = placed (place @ [ Segment.Part "parts"; Segment.Item("part", i + 1) ]) part
        (place, score) :: (Score.children score |> List.mapi inside |> List.concat)

    /// The most numbers of one kind that a fitted score may keep: 800 MB.
    let private largestFit = 100_000_000L

    /// The most features, and the largest dimension, of score matching: matrices of k × k and d × d numbers that are
    /// factored at every level.
    let private largestMatrix = 4000

    /// Says what would not fit into memory: n draws of d coordinates and, for score matching, k features of d coordinates.
    let private fits (problems: Problems) at (dimension: int64 option) draws features =
        let product place (a: int64) (b: int64) words allowed =
            if bigint a * bigint b > bigint largestFit then
                problems.Add(
                    at place,
                    Fault.OutOfRange(words, $"{allowed} of at most {largestFit} numbers; ask for fewer")
                )

        match dimension, features with
        | None, _ -> ()
        | Some d, None -> product "draws" draws d $"{draws} draws of {d} coordinates" "draws × dimension"
        | Some d, Some k ->
            product "draws" draws d $"{draws} draws of {d} coordinates" "draws × dimension"
            product "features" draws k $"{draws} draws of {k} features" "draws × features"
            product "features" k d $"{k} features of {d} coordinates" "features × dimension"

            if k > int64 largestMatrix then
                problems.Add(
                    at "features",
                    Fault.OutOfRange(
                        $"{k} features",
                        $"at most {largestMatrix}, because their {k} × {k} matrix is factored at every level"
                    )
                )

            if d > int64 largestMatrix then
                problems.Add(
                    at "features",
                    Fault.OutOfRange(
                        $"a target of {d} dimensions",
                        $"at most {largestMatrix} for score matching, because a {d} × {d} matrix is factored at every level; kernelDensity has no such matrix"
                    )
                )

    /// Levels that a score of one's own is tried at: the first and the last ones with noise.
    let private trials (experiment: Experiment) isNoisy =
        let first = Lower.initialLevel experiment.Forward experiment.Sampler

        let later =
            match Pipeline.firstSchedule experiment.Sampler with
            | Some schedule ->
                let n = Schedule.transitions schedule

                [ n; n - 1 ]
                |> List.map (Schedule.parameter experiment.Forward schedule >> Forward.level experiment.Forward)
            | None -> []

        first :: later
        |> List.filter (fun level -> not isNoisy || level.Sigma > 0.0)
        |> List.distinct
        |> List.truncate 2

    /// A function that was tried at two points: no exception, the right shape, finite numbers.
    let private tryFunction name (score: Engine.BlockScore) dimension (levels: Engine.NoiseLevel list) =
        let own = Engine.OwnScore(name, dimension, score)
        let points = Array.init (2 * dimension) (fun i -> 0.7 * sin (float i + 0.4))

        levels
        |> List.tryPick (fun level ->
            let found = Array.create (2 * dimension) nan

            try
                own.Evaluate(level, points, found, 2, 2)

                if Array.forall System.Double.IsFinite found then
                    None
                else
                    Some
                        $"at (m, σ) = ({Numeral.brief level.Mean}, {Numeral.brief level.Sigma}) its score is not finite"
            with error ->
                Some $"it fails: {error.Message}")

    /// Reads and tries scores of one's own: files and functions are asked last, when everything else is known.
    let tried (library: Data.Library) (problems: Problems) (experiment: Experiment) (dimension: int64 option) =
        for place, score in placed (field "score") experiment.Score do
            match score.Base, dimension with
            | Onnx(file, output), Some d when d <= int64 System.Int32.MaxValue && problems.Count = 0 ->
                let levels = trials experiment (Networks.needsNoise output)
                let place = place @ [ Segment.Part "file" ]

                match library.TryNetwork(place, file, output, int d, levels, problems) with
                | Some network when network.NeedsNoise && not (Networks.needsNoise output) ->
                    CheckLevels.needsNoise problems "onnx" experiment.Forward experiment.Sampler
                | _ -> ()
            | OfFunction(name, score), Some d when problems.Count = 0 ->
                tryFunction name score (int d) (trials experiment false)
                |> Option.iter (fun reason -> problems.Add(place, Fault.WrongFunction(name, reason)))
            | _ -> ()

    /// The most scores of one blend, those inside others included.
    let private mostBlended = 1000

    let private one (library: Data.Library) (problems: Problems) forward place (score: Score) dimension =
        let at name = place @ [ Segment.Part name ]

        match score.Base with
        | Exact
        | OfFunction _ -> ()
        | ScoreMatching(draws, features, seed) ->
            CheckNumber.atLeast problems (at "draws") "a number of draws" 2 draws
            CheckNumber.atLeast problems (at "features") "a number of features" 1 features
            CheckNumber.atLeast problems (at "seed") "a seed" 0 seed

            fits problems at dimension (int64 draws) (Some(int64 features))
        | KernelDensity(draws, bandwidth, seed) ->
            CheckNumber.atLeast problems (at "draws") "a number of draws" 1 draws
            CheckNumber.positive problems (at "bandwidth") "a bandwidth" bandwidth
            CheckNumber.atLeast problems (at "seed") "a seed" 0 seed
            fits problems at dimension (int64 draws) None
        | Onnx(_, output) ->
            match output with
            | NetworkOutput.Edm deviation ->
                let place = place @ [ Segment.Part "output"; Segment.Part "dataDeviation" ]
                CheckNumber.positive problems place "a deviation" deviation
            | NetworkOutput.Velocity when forward |> Option.exists (fun forward -> forward <> Vp) ->
                problems.Add(at "output", Fault.VelocityUnderVe)
            | NetworkOutput.Velocity
            | NetworkOutput.Gradient
            | NetworkOutput.Noise
            | NetworkOutput.Denoised -> ()
        | ScoreOf law ->
            let place = at "law"
            CheckTarget.check library problems place law |> sameDimension problems place dimension
        | Blend parts ->
            if parts.IsEmpty then
                problems.Add(at "parts", Fault.Empty "at least one weight with a score")

            parts
            |> List.iteri (fun i (weight, _) ->
                let place = place @ [ Segment.Part "parts"; Segment.Item("part", i + 1); Segment.Part "weight" ]
                CheckNumber.finite problems place weight)

        modifiers problems place score

    /// Bases and modifiers of a score, whose laws have the target's dimension; files of networks are read by `tried`.
    let check (library: Data.Library) (problems: Problems) (experiment: Experiment) isForwardRead dimension =
        let scores = Score.all experiment.Score

        if Score.depth experiment.Score > Syntax.deepestValue then
            problems.Add(field "score", Fault.TooDeep Syntax.deepestValue)
        elif scores.Length > mostBlended then
            problems.Add(
                field "score",
                Fault.OutOfRange($"{scores.Length} scores in a blend", $"at most {mostBlended}")
            )
        else
            let forward = if isForwardRead then Some experiment.Forward else None

            for place, score in placed (field "score") experiment.Score do
                one library problems forward place score dimension
