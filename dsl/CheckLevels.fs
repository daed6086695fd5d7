namespace Sgm

open System.Collections.Generic

/// What depends on the levels that a valid sampler runs at, without unrolling it.
module internal CheckLevels =

    /// The levels that a place in the sampler is visited at: the first and the last. What is asked of them is monotone
    /// along a schedule, so these two are the extreme ones.
    [<Struct>]
    type private Visited = { First: Engine.NoiseLevel; Last: Engine.NoiseLevel }

    type private Visit =
        | Corrects of CorrectorMethod * Visited
        | Anneals of before: Engine.NoiseLevel * first: Engine.NoiseLevel

    let private part name (place: Place) = place @ [ Segment.Part name ]
    let private at level = { First = level; Last = level }

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

            if times > 1 && after <> current then
                walk (part "body" place) lower after body
            else
                after
        | Anneal(schedule, body) ->
            let level i = Forward.level forward (Schedule.parameter forward schedule i)
            let n = Schedule.transitions schedule
            visit place (Anneals(current.Last, level 0))
            let upper = { First = level 0; Last = level (n - 1) }
            let lower = { First = level 1; Last = level n }
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

    /// Warnings: steps beyond stability (at the worst level of a schedule), steps of size 0, jumps up in level.
    let warn (problems: Problems) forward (score: Engine.Score) sampler =
        let scored, several = slopes score
        let zero = HashSet<Place>()
        let jumps = HashSet<Place>()
        let worst = Dictionary<Place, struct (float * Fault)>()
        let order = List<Place>()

        let step method (level: Engine.NoiseLevel) =
            match method with
            | Langevin h -> h
            | LangevinScaled c -> c * level.NoiseVariance

        let stability place method (level: Engine.NoiseLevel) =
            let largest =
                match scored with
                | [ variance, factor ] -> 2.0 * level.VarianceOf variance / factor
                | _ -> 2.0 / (scored |> List.sumBy (fun (variance, factor) -> factor / level.VarianceOf variance))

            let h = step method level

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
                stability place method levels.First
                stability place method levels.Last

                match method with
                | LangevinScaled _ when levels.Last.Sigma = 0.0 && zero.Add place ->
                    problems.Add(place, Fault.ZeroStep)
                | LangevinScaled _
                | Langevin _ -> ())

        for place in order do
            let struct (_, fault) = worst[place]
            problems.Add(place, fault)
