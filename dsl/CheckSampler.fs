namespace Sgm

open System
open System.Collections.Generic

/// Whether a schedule is strictly decreasing and its levels are numbers that the formulas can bear.
module internal CheckSchedule =
    open CheckNumber

    let private mostTransitions = 10_000_000

    /// Beyond this time e^(−t) is so small that the state is noise to every digit.
    let private latestTime = 300.0

    let private part name (place: Place) = place @ [ Segment.Part name ]

    /// A level parameter: 0, or a number with a noise variance that is a number.
    let private isLevel forward x =
        match forward with
        | Vp -> x = 0.0 || (x >= 1e-100 && x <= latestTime)
        | Ve -> x = 0.0 || (x >= 1e-50 && x <= 1e50)

    let private level (problems: Problems) forward place x =
        if not (isLevel forward x) then
            let allowed =
                match forward with
                | Vp -> "a time t ≥ 0 of at most 300"
                | Ve -> "a standard deviation σ ≥ 0 (0, or between 1e-50 and 1e50)"

            problems.Add(place, Fault.OutOfRange(Numeral.ofFloat x, allowed))

    /// The formulas are smooth and their relative steps monotone, so the ends of a long schedule decide.
    let private indices n =
        if n <= 20_000 then
            seq { 1..n }
        else
            seq {
                yield! seq { 1..10_000 }
                yield! seq { n - 9_999 .. n }
            }

    let private decreasing (problems: Problems) place schedule =
        let parameter = Schedule.parameter schedule

        indices (Schedule.transitions schedule)
        |> Seq.tryFind (fun i -> not (parameter i < parameter (i - 1)))
        |> Option.iter (fun i ->
            let place =
                match schedule with
                | Levels _ -> place @ [ Segment.Item("level", i + 1) ]
                | Uniform _
                | Geometric _
                | Karras _ -> place

            problems.Add(place, Fault.NotDecreasing(i, parameter (i - 1), parameter i)))

    let private transitions (problems: Problems) place n =
        if n < 1 || n > mostTransitions then
            problems.Add(place, Fault.OutOfRange(string n, $"a number of transitions from 1 to {mostTransitions}"))

    /// Whether the schedule is valid; everything that is wrong goes into `problems`.
    let check (problems: Problems) forward place schedule =
        let before = problems.Count
        let level = level problems forward

        let ends a b n =
            level (part "a" place) a
            level (part "b" place) b
            transitions problems (part "n" place) n

        match schedule with
        | Uniform(a, b, n) -> ends a b n
        | Geometric(a, b, n) ->
            ends a b n

            if b = 0.0 then
                problems.Add(
                    part "b" place,
                    Fault.OutOfRange("0.0", "a last level > 0: equal ratios never reach 0 (uniform and karras do)")
                )
        | Karras(rho, a, b, n) ->
            ends a b n

            if not (rho >= 0.01 && rho <= 100.0) then
                problems.Add(part "rho" place, Fault.OutOfRange(Numeral.ofFloat rho, "an exponent from 0.01 to 100"))
        | Levels parameters ->
            items "level" (isLevel forward) level place parameters

            if List.length parameters < 2 then
                problems.Add(place, Fault.Empty "at least two levels, one transition")
            else
                transitions problems place (List.length parameters - 1)

        if problems.Count = before then
            decreasing problems place schedule

        problems.Count = before

/// Whether a pipeline is well formed, apart from the levels that it runs at.
module internal CheckSampler =
    open CheckNumber

    let private mostSteps = 1e15

    type private Around =
        {
            /// The schedule of the anneal around.
            Annealed: Schedule option
            /// False inside `repeat 0`: nothing runs there, so nothing can run at a wrong place.
            Runs: bool
        }

        member this.Annealing = this.Annealed.IsSome

    let private part name (place: Place) = place @ [ Segment.Part name ]

    let private kernel problems place corrector =
        match corrector with
        | Langevin h -> positive problems (part "h" place) "a step" h
        | LangevinScaled c -> positive problems (part "c" place) "a factor" c

    /// Arguments, and for formulas of a user's every transition that they will make.
    let private predictor
        (problems: Problems)
        forward
        (annealed: Schedule option)
        (place: Place)
        (method: PredictorMethod)
        =
        for inside, fault in method.Faults do
            problems.Add(place @ inside, fault)

        match annealed with
        | Some schedule when method.IsCustom && method.Faults.IsEmpty ->
            let level = Schedule.parameter schedule >> Forward.level forward

            let count = Schedule.transitions schedule

            seq { 0 .. count - 1 }
            |> Seq.tryPick (fun i ->
                match method.Step(Transition.Of(forward, level, i, count)) with
                | Ok _ -> None
                | Error fault -> Some fault)
            |> Option.iter (fun fault -> problems.Add(place, fault))
        | _ -> ()

    let private probe (problems: Problems) (names: HashSet<string>) place name =
        if String.IsNullOrWhiteSpace name then
            problems.Add(part "name" place, Fault.Empty "a name")
        elif name = "end" then
            problems.Add(part "name" place, Fault.ReservedProbe name)
        elif not (names.Add name) then
            problems.Add(part "name" place, Fault.RepeatedProbe name)

    /// Number of steps that run, saturating as a float does.
    let rec private steps pipeline =
        match pipeline with
        | Corrector _
        | Predictor _ -> 1.0
        | Probe _ -> 0.0
        | Sequence parts -> List.sumBy steps parts
        | Repeat(times, body) -> float times * steps body
        | Anneal(schedule, body) -> float (Schedule.transitions schedule) * steps body

    /// Checks a pipeline; `moved` says whether the transition around has been made before it, the result after it.
    let rec private walk (problems: Problems) names forward around place moved pipeline : bool =
        let walk = walk problems names forward

        match pipeline with
        | Corrector method ->
            kernel problems place method
            moved
        | Predictor method ->
            predictor problems forward around.Annealed place method

            if around.Runs && not around.Annealing then
                problems.Add(place, Fault.PredictorOutside)
            elif around.Runs && moved then
                problems.Add(place, Fault.SecondPredictor)

            around.Runs
        | Probe name ->
            probe problems names place name
            moved
        | Sequence parts ->
            parts
            |> List.fold
                (fun (i, moved) part -> i + 1, walk around (place @ [ Segment.Item("step", i) ]) moved part)
                (1, moved)
            |> snd
        | Repeat(times, body) ->
            atLeast problems (part "times" place) "a number of times" 0 times
            let runs = around.Runs && times > 0
            let after = walk { around with Runs = runs } (part "body" place) (runs && moved) body

            if runs && around.Annealing && times > 1 && after && not moved then
                problems.Add(place, Fault.SecondPredictor)

            if runs then after else moved
        | Anneal(schedule, body) ->
            if around.Annealing && around.Runs then
                problems.Add(place, Fault.NestedAnneal)

            let isValid = CheckSchedule.check problems forward (part "schedule" place) schedule
            let valid = if isValid then schedule else Levels []
            walk { around with Annealed = Some valid } (part "body" place) false body |> ignore
            moved

    /// Whether the sampler is valid; everything that is wrong goes into `problems`.
    let check (problems: Problems) forward (place: Place) sampler =
        let before = problems.Count

        if Pipeline.depth sampler > Syntax.deepestValue then
            problems.Add(place, Fault.TooDeep Syntax.deepestValue)
        else
            walk problems (HashSet()) forward { Annealed = None; Runs = true } place false sampler |> ignore

            if problems.Count = before && steps sampler > mostSteps then
                problems.Add(place, Fault.TooManySteps(steps sampler, mostSteps))

        problems.Count = before
