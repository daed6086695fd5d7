namespace Sgm

open System.Collections.Generic

/// What depends on the levels that a valid sampler runs at, without unrolling it.
module internal CheckLevels =

    /// The levels of an anneal that a place in the sampler is visited at, from one to another; a place outside of anneals is one of
    /// them. Most of what is asked of them is monotone along a schedule, so that the first and the last are the extreme ones.
    [<NoEquality; NoComparison>]
    type private Visited =
        {
            Level: int -> Engine.NoiseLevel
            From: int
            To: int
            /// r = m/m′ of the transition that is made there.
            Shrink: int -> float
        }

        member this.First = this.Level this.From
        member this.Last = this.Level this.To
        /// The first and the last place.
        member this.Ends = if this.From = this.To then [ this.From ] else [ this.From; this.To ]
        member this.Spans(other: Visited) = this.First = other.First && this.Last = other.Last

        /// What a corrector knows there.
        member this.Correction sizes i = { Correction.At(this.Level i) with Shrink = this.Shrink i; Sizes = sizes }

    [<NoEquality; NoComparison>]
    type private Visit =
        | Corrects of CorrectorMethod * Visited
        | Anneals of before: Engine.NoiseLevel * first: Engine.NoiseLevel

    let private part name (place: Place) = place @ [ Segment.Part name ]
    let private at level = { Level = (fun _ -> level); From = 0; To = 0; Shrink = fun _ -> 1.0 }

    /// Calls `visit` with every corrector and anneal that runs, in order; `lower` has the levels after the predictor of the
    /// anneal around. The result has the levels after the pipeline.
    let rec private walk visit forward place (lower: Visited option) (current: Visited) pipeline : Visited =
        let walk = walk visit forward

        match pipeline with
        | Corrector method ->
            visit place (Corrects(method, current))
            current
        | Predictor _ -> Option.defaultValue current lower
        | Probe _ -> current
        | Sequence parts ->
            parts
            |> List.fold
                (fun (i, current) part -> i + 1, walk (place @ [ Segment.Item("step", i) ]) lower current part)
                (1, current)
            |> snd
        | Repeat(0, _) -> current
        | Repeat(times, body) ->
            let after = walk (part "body" place) lower current body

            if times > 1 && not (after.Spans current) then
                walk (part "body" place) lower after body
            else
                after
        | Anneal(schedule, body) ->
            let level i = Forward.level forward (Schedule.parameter forward schedule i)
            let n = Schedule.transitions schedule
            visit place (Anneals(current.Last, level 0))
            let shrink i = Transition.Of(forward, level, i, n).Shrink
            let upper = { Level = level; From = 0; To = n - 1; Shrink = shrink }
            let lower = { upper with From = 1; To = n; Shrink = fun i -> shrink (i - 1) }
            let current = if Pipeline.moves body then upper else lower
            walk (part "body" place) (Some lower) current body |> ignore
            at (level n)

    /// Visits every corrector and anneal of a sampler.
    let private visits forward sampler visit =
        let first = at (Lower.initialLevel forward sampler)
        walk visit forward [ Segment.Part "sampler" ] None first sampler |> ignore

    /// A corrector whose score goes by way of a denoiser must not run without noise.
    let needsNoise (problems: Problems) word forward sampler =
        let reported = HashSet<Place>()

        visits forward sampler (fun place visit ->
            match visit with
            | Corrects(_, levels) when levels.Last.Sigma = 0.0 && reported.Add place ->
                problems.Add(place, (Fault.NeedsNoise word))
            | Corrects _
            | Anneals _ -> ())

    /// The smallest variance of a law's normal parts, and whether it has several.
    let private smallestVariance (law: Engine.Target) =
        let covariances = law.Factors |> Seq.collect (fun factor -> factor.Law.Covariances)
        covariances |> Seq.map (fun covariance -> covariance.Smallest) |> Seq.min, not law.IsGaussian

    /// The laws whose scores are added up, by their smallest variance and what their scores are multiplied by; whether one has several
    /// normal parts, so that the variance is an estimate.
    let rec private slopes (score: Engine.Score) : (float * float) list * bool =
        let variance, several = smallestVariance score.Of

        (([ variance, 1.0 ], several), score.Modifiers)
        ||> Seq.fold (fun (found, several) modifier ->
            let times factor all = all |> List.map (fun (variance, by) -> variance, factor * by)

            match modifier with
            | :? Engine.ScoreModifier.Scaled as scaled -> times scaled.Factor found, several
            | :? Engine.ScoreModifier.Blended as blend ->
                ((times blend.Weight found, several), blend.Others)
                ||> Seq.fold (fun (found, several) other ->
                    let own, estimated = slopes other.Score
                    found @ times other.Weight own, several || estimated)
            | _ -> found, several)

    /// Whether a method's step depends on the score: texts of many steps are walked no oftener than they need.
    let rec private asks pipeline =
        match pipeline with
        | Corrector method -> method.AsksScore
        | other -> Pipeline.children other |> List.exists asks

    /// Errors of methods whose step depends on the score, at every level.
    let steps (problems: Problems) forward sizes sampler =
        let reported = HashSet<Place>()

        let visit place visit =
            match visit with
            | Corrects(method, levels) when method.AsksScore && reported.Add place ->
                seq { levels.From .. levels.To }
                |> Seq.tryPick (fun i ->
                    match method.Size(levels.Correction sizes i) with
                    | Ok _ -> None
                    | Error fault -> Some fault)
                |> Option.iter (fun fault -> problems.Add(place, fault))
            | Corrects _
            | Anneals _ -> ()

        if asks sampler then
            visits forward sampler visit

    /// The step sizes of those methods, at a place's first level and at its last.
    let sizes forward sizes sampler =
        let found = List<string * float * Engine.NoiseLevel>()

        let visit _ visit =
            match visit with
            | Corrects(method, levels) when method.AsksScore ->
                for i in levels.Ends do
                    match method.Size(levels.Correction sizes i) with
                    | Ok h -> found.Add((method.ToString(), h, levels.Level i))
                    | Error _ -> ()
            | Corrects _
            | Anneals _ -> ()

        if asks sampler then
            visits forward sampler visit

        List.ofSeq found |> List.distinct

    /// Warnings: steps beyond stability (at the worst level of a schedule), steps of size 0, jumps up in level.
    let warn (problems: Problems) forward (score: Engine.Score) sizes sampler =
        let scored, several = slopes score
        let zero = HashSet<Place>()
        let jumps = HashSet<Place>()
        let worst = Dictionary<Place, struct (float * Fault)>()
        let order = List<Place>()

        let stability place (method: CorrectorMethod) h (level: Engine.NoiseLevel) =
            let slope = scored |> List.sumBy (fun (variance, factor) -> factor / level.VarianceOf variance)
            let largest = method.Largest slope

            if largest > 0.0 && h >= largest then
                match worst.TryGetValue place with
                | true, struct (ratio, _) when ratio >= h / largest -> ()
                | known, _ ->
                    if not known then
                        order.Add place

                    worst[place] <- struct (h / largest, Fault.Unstable(h, largest, level.Parameter, several))

        visits forward sampler (fun place visit ->
            match visit with
            | Anneals(before, first) ->
                if first.Parameter > before.Parameter && jumps.Add place then
                    problems.Add(
                        place @ [ Segment.Part "schedule" ],
                        Fault.LevelJump(before.Parameter, first.Parameter)
                    )
            | Corrects(method, levels) ->
                for i in levels.Ends do
                    let correction = levels.Correction sizes i

                    match method.Size correction with
                    | Ok 0.0 when zero.Add place -> problems.Add(place, Fault.ZeroStep method.Word)
                    | Ok h -> stability place method h correction.Level
                    | Error _ -> ())

        for place in order do
            let struct (_, fault) = worst[place]
            problems.Add(place, fault)
