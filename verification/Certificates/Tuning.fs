namespace Sgm.Verification.Certificates

open System
open System.Threading.Tasks
open Sgm
open Sgm.Engine
open Sgm.Verification

/// The schedule of so many transitions whose certificate is least: dynamic programming over a grid of levels, which finds the exact
/// minimum of Σκ on that grid, and then over ever finer ones around the schedule so far.
module Tuning =
    /// An anneal whose levels may be chosen, and the sampler with other ones in their place.
    type Place = { Schedule: Schedule; Body: Pipeline; With: Schedule -> Pipeline }

    let rec private anneals pipeline =
        match pipeline with
        | Anneal(schedule, body) -> [ { Schedule = schedule; Body = body; With = fun s -> Anneal(s, body) } ]
        | Sequence parts ->
            [
                for i, part in List.indexed parts do
                    for found in anneals part do
                        { found with With = fun s -> Sequence(List.updateAt i (found.With s) parts) }
            ]
        | Repeat _
        | Corrector _
        | Predictor _
        | Probe _ -> []

    /// The one anneal of a sampler that has a predictor, or why there is nothing to choose.
    let place (experiment: Experiment) =
        match anneals experiment.Sampler with
        | [ one ] when Pipeline.moves one.Body -> Ok one
        | [] -> Error "the sampler has no anneal outside a repeat, so that there are no levels to choose"
        | [ _ ] ->
            Error
                "the anneal has no predictor: its levels change without the state, and its certificate is no sum over steps"
        | _ -> Error "the sampler has several anneals; which levels to choose is not clear"

    let rec private flat (body: Instruction seq) : IStep seq =
        body
        |> Seq.collect (function
            | AnyStep step -> Seq.singleton step
            | Repeated repeat -> Seq.replicate (int repeat.Count) (flat repeat.Body) |> Seq.concat
            | _ -> Seq.empty)

    /// The steps of a body over a transition alone.
    let private bodySteps sizes forward a b body =
        let transition = Transition.Alone(forward, Forward.level forward a, Forward.level forward b)
        Lower.transition sizes transition body |> flat |> List.ofSeq

    /// Score evaluations of one transition.
    let evaluations (experiment: Experiment) place =
        let at = Schedule.parameter experiment.Forward place.Schedule
        // How many there are does not depend on how large they are.
        bodySteps Sizes.Unit experiment.Forward (at 0) (at 1) place.Body
        |> List.sumBy (fun step -> Seq.length step.Levels)

    /// Most levels of the grid, and most transitions that are chosen on it.
    let private mostLevels = 480
    let mostTransitions = 240

    /// ρ^(1/7), ρ = σ/m, of a level's parameter: where equal steps are a good schedule.
    let position forward parameter =
        let level = Forward.level forward parameter
        (level.Sigma / level.Mean) ** (1.0 / 7.0)

    /// The parameter of the level there.
    let parameter forward position = Forward.ofRatio forward (position ** 7.0)

    /// Levels from the schedule's first to its last, equal in ρ^(1/7).
    let private grid forward first last n =
        let a, b = position forward first, position forward last

        Array.init (n + 1) (fun i ->
            if i = 0 then first
            elif i = n then last
            else parameter forward (a + (b - a) * float i / float n))

    /// Σκ of a transition with its body; +∞ where nothing is known.
    let private cost (kappa: IStep -> Result<float, string>) sizes forward body a b =
        let steps = bodySteps sizes forward a b body
        // Correctors that are repeated cost the same.
        let distinct = steps |> List.countBy id

        distinct
        |> List.sumBy (fun (step, n) ->
            match kappa step with
            | Ok cost -> float n * cost
            | Error _ -> infinity)

    /// The cheapest way from place 0 to the last in so many steps: the places on it, and its cost.
    let private cheapest count (costs: float[][]) =
        let n = costs.Length
        // choices[k][j]: where the cheapest way to j in k + 1 steps comes from.
        let choices = Array.init count (fun _ -> Array.create (n + 1) -1)

        let least =
            (Array.init (n + 1) (fun j -> if j = 0 then 0.0 else infinity), choices)
            ||> Array.fold (fun least choice ->
                Array.init (n + 1) (fun j ->
                    let mutable best = infinity

                    for i in 0 .. j - 1 do
                        let total = least[i] + costs[i][j]

                        if total < best then
                            best <- total
                            choice[j] <- i

                    best))

        let places = (n, Array.rev choices) ||> Array.scan (fun at choice -> if at < 0 then -1 else choice[at])
        List.rev (List.ofArray places), least[n]

    let private costTable (cancellation: Threading.CancellationToken) kappa sizes forward body (levels: float[]) =
        let n = levels.Length - 1
        let costs = Array.init n (fun _ -> Array.create (n + 1) infinity)

        let fill i =
            cancellation.ThrowIfCancellationRequested()

            for j in i + 1 .. n do
                costs[i][j] <- cost kappa sizes forward body levels[i] levels[j]

        Parallel.For(0, n, fill) |> ignore
        costs

    /// Levels that may stand in each place of a schedule, and the best choice of one from each with its cost.
    let private cheapestOf (cost: float -> float -> float) (layers: float[][]) =
        let arrive (before: (float * float list)[]) (from: float[]) (next: float[]) =
            next
            |> Array.map (fun b ->
                Array.zip from before
                |> Array.map (fun (a, (spent, way)) -> spent + (if a > b then cost a b else infinity), b :: way)
                |> Array.minBy fst)

        let mutable best = [| 0.0, [ layers[0][0] ] |]

        for i in 1 .. layers.Length - 1 do
            best <- arrive best layers[i - 1] layers[i]

        let total, way = Array.minBy fst best
        List.rev way, total

    /// So many times the levels are moved by thirds of a step, which is then a third as long.
    let private rounds, thirds = 4, 3

    /// Levels moved a little, all at once, as long as Σκ falls; `step` is one of the grid in ρ^(1/7).
    let private refined forward cost step (levels: float list) =
        let around step i level =
            if i = 0 || i = levels.Length - 1 then
                [| level |]
            else
                let at = position forward level

                [|
                    for j in -thirds .. thirds do
                        if j = 0 then
                            level
                        else
                            let moved = at + step * float j / float thirds

                            if moved > 0.0 then
                                parameter forward moved
                |]

        ((levels, infinity), [ 0 .. rounds - 1 ])
        ||> List.fold (fun (levels, _) round ->
            let step = step / float (pown thirds round)
            levels |> List.mapi (around step) |> Array.ofList |> cheapestOf cost)

    /// The levels of `count` transitions with the least Σκ, and that sum; or why there are none. What is known by draws is
    /// known on the grid alone; otherwise the search goes on around the grid's schedule.
    let optimal (cancellation: Threading.CancellationToken) (plan: Plan) (experiment: Experiment) place count =
        let forward = experiment.Forward
        let sizes = Lower.sizes plan.Target plan.Score
        let n = max 200 (min mostLevels (6 * count))
        let levels = grid forward (Schedule.first forward place.Schedule) (Schedule.last forward place.Schedule) n

        // κ itself, or its estimate where only draws know it.
        let kappa =
            match DrawnPath.atomsOf plan with
            | Some(atoms, v) -> DrawnPath.estimator plan atoms v (levels |> Array.map (Forward.level forward))
            | None -> fun step -> PathRule.cost plan step |> Result.map (fun cost -> cost.Whole)

        let kappa (step: IStep) =
            match step with
            | :? Tableau as step -> kappa step
            | other -> Error(NoTableauException.Reason other.Method)

        attempt {
            do!
                require
                    (count <= mostTransitions)
                    ()
                    $"{count} transitions are more than the {mostTransitions} that are chosen on the grid"

            // The reason of the first step that the path rule says nothing of.
            do!
                (Ok(), bodySteps sizes forward levels[0] levels[1] place.Body)
                ||> List.fold (fun found step -> found |> Result.bind (fun () -> kappa step |> Result.map ignore))

            let places, total = costTable cancellation kappa sizes forward place.Body levels |> cheapest count

            do! require (Double.IsFinite total) () "no schedule has a finite certificate: the last step draws no noise"

            let found = places |> List.map (fun i -> levels[i])

            if (DrawnPath.atomsOf plan).IsSome then
                return found, total
            else
                let between a b =
                    cancellation.ThrowIfCancellationRequested()
                    cost kappa sizes forward place.Body a b

                let step = abs (position forward levels[0] - position forward (Array.last levels)) / float n
                return refined forward between step found
        }
