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

    /// Warnings: steps beyond stability (at the worst level of a schedule), steps of size 0, jumps up in level. `scored` is
    /// the law whose score is used and `factor` what the score is multiplied by.
    let warn (problems: Problems) forward (scored: Engine.Target) factor sampler =
        let variance, several = smallestVariance scored
        let zero = HashSet<Place>()
        let jumps = HashSet<Place>()
        let worst = Dictionary<Place, struct (float * Fault)>()
        let order = List<Place>()

        let step method (level: Engine.NoiseLevel) =
            match method with
            | Langevin h -> h
            | LangevinScaled c -> c * level.NoiseVariance

        let stability place method (level: Engine.NoiseLevel) =
            let largest = 2.0 * level.VarianceOf variance / factor
            let h = step method level

            if factor > 0.0 && h >= largest then
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
