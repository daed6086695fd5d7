namespace Sgm

open System
open System.Collections.Generic

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

    let private arguments (problems: Problems) (place: Place) faults =
        for inside, fault in faults do
            problems.Add(place @ inside, fault)

    /// Arguments, and whether there is a step: for formulas of a user's at every transition that they will make, for the catalogue's,
    /// whose formulas hold at every transition of a forward process, at the first.
    let private predictor
        (problems: Problems)
        forward
        (annealed: Schedule option)
        (place: Place)
        (method: PredictorMethod)
        =
        arguments problems place method.Faults

        match annealed with
        | Some schedule when method.Faults.IsEmpty ->
            let level = Schedule.parameter forward schedule >> Forward.level forward
            let n = Schedule.transitions schedule

            seq { 0 .. (if method.IsCustom then n else min n 1) - 1 }
            |> Seq.tryPick (fun i ->
                match method.Step(Transition.Of(forward, level, i, n)) with
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
            arguments problems place method.Faults
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
