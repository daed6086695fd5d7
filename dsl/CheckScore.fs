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

    let private modifiers (problems: Problems) (score: Score) =
        if List.length score.Modifiers > Syntax.deepestValue then
            problems.Add(field "score", Fault.TooDeep Syntax.deepestValue)

        score.Modifiers
        |> List.iteri (fun i modifier ->
            let at name = field "score" @ [ Segment.Item("modifier", i + 1); Segment.Part name ]

            match modifier with
            | Shifted amount -> CheckNumber.finite problems (at "amount") amount
            | Scaled factor -> CheckNumber.finite problems (at "factor") factor
            | Rippled(amplitude, frequency) ->
                CheckNumber.finite problems (at "amplitude") amplitude
                CheckNumber.finite problems (at "frequency") frequency
            | Clipped radius -> CheckNumber.positive problems (at "radius") "a radius" radius)

    /// The words of a score that have a meaning only where there is noise.
    let needsNoise (score: Score) =
        [
            match score.Base with
            | ScoreMatching _ -> "scoreMatching"
            | Onnx(_, output) when Networks.needsNoise output -> "onnx"
            | Onnx _
            | OfFunction _
            | Exact
            | ScoreOf _
            | KernelDensity _ -> ()

            if
                score.Modifiers
                |> List.exists (function
                    | Clipped _ -> true
                    | Shifted _
                    | Scaled _
                    | Rippled _ -> false)
            then
                "clipped"
        ]

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
                [ n; n - 1 ] |> List.map (Schedule.parameter experiment.Forward schedule >> Forward.level experiment.Forward)
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

    /// Reads and tries a score of one's own: files and functions are asked last, when everything else is known.
    let tried (library: Data.Library) (problems: Problems) (experiment: Experiment) (dimension: int64 option) =
        match experiment.Score.Base, dimension with
        | Onnx(file, output), Some d when d <= int64 System.Int32.MaxValue && problems.Count = 0 ->
            let levels = trials experiment (Networks.needsNoise output)
            let place = field "score" @ [ Segment.Part "file" ]

            match library.TryNetwork(place, file, output, int d, levels, problems) with
            | Some network when network.NeedsNoise && not (Networks.needsNoise output) ->
                CheckLevels.needsNoise problems "onnx" experiment.Forward experiment.Sampler
            | _ -> ()
        | OfFunction(name, score), Some d when problems.Count = 0 ->
            tryFunction name score (int d) (trials experiment false)
            |> Option.iter (fun reason -> problems.Add(field "score", Fault.WrongFunction(name, reason)))
        | _ -> ()

    /// Base and modifiers of a score, whose law has the target's dimension; files of networks are read by `tried`.
    let check (library: Data.Library) (problems: Problems) (experiment: Experiment) isForwardRead dimension =
        match experiment.Score.Base with
        | Exact -> ()
        | ScoreMatching(draws, features, seed) ->
            let at name = field "score" @ [ Segment.Part name ]
            CheckNumber.atLeast problems (at "draws") "a number of draws" 2 draws
            CheckNumber.atLeast problems (at "features") "a number of features" 1 features
            CheckNumber.atLeast problems (at "seed") "a seed" 0 seed

            fits problems at dimension (int64 draws) (Some(int64 features))
        | KernelDensity(draws, bandwidth, seed) ->
            let at name = field "score" @ [ Segment.Part name ]
            CheckNumber.atLeast problems (at "draws") "a number of draws" 1 draws
            CheckNumber.positive problems (at "bandwidth") "a bandwidth" bandwidth
            CheckNumber.atLeast problems (at "seed") "a seed" 0 seed
            fits problems at dimension (int64 draws) None
        | Onnx(_, output) ->
            match output with
            | NetworkOutput.Edm deviation ->
                CheckNumber.positive
                    problems
                    (field "score" @ [ Segment.Part "output"; Segment.Part "dataDeviation" ])
                    "a deviation"
                    deviation
            | NetworkOutput.Velocity when isForwardRead && experiment.Forward <> Vp ->
                problems.Add(field "score" @ [ Segment.Part "output" ], Fault.VelocityUnderVe)
            | NetworkOutput.Velocity
            | NetworkOutput.Gradient
            | NetworkOutput.Noise
            | NetworkOutput.Denoised -> ()
        | OfFunction _ -> ()
        | ScoreOf law ->
            let place = field "score" @ [ Segment.Part "law" ]
            CheckTarget.check library problems place law |> sameDimension problems place dimension

        modifiers problems experiment.Score
