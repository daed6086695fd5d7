namespace Sgm.Verification.Certificates

open System
open Sgm.Engine
open Sgm.Verification

/// Certificates whose numbers are closed forms and quadratures. TV is a shortest path over cut points: candidates (TV up to a cut, R since it), of
/// which those that are worse in both than another are dropped.
module internal CandidateCertificate =
    open Candidates

    /// n ≥ 1 rounds of a step that stays, or one that moves.
    let private kernels (plan: Plan) (blocks: Block list) (n: int64) (state: State) first (step: Tableau) =
        let state = changed plan blocks state step.From
        let cost = PathRule.cost plan step
        let maps = state.Distances |> Result.bind (fun _ -> mapsOf blocks step)
        let count = float n

        let kappa =
            match cost with
            | Ok c -> c.Whole
            | Error _ -> infinity

        let kept = state.Candidates |> List.map (fun c -> { c with Since = plus c.Since (count * kappa) })

        let fresh =
            match state.Distances, maps, cost with
            | Ok distances, Ok maps, Ok cost when step.C > 0.0 ->
                [
                    for last in List.distinct (n :: (List.unfold (fun k -> if k > n then None else Some(k, 2L * k)) 1L)) do
                        let reached = List.map2 (fun map w -> Wasserstein.rounds (n - last) map w) maps distances
                        let tv = smoothed blocks last maps reached

                        if tv < 1.0 then
                            let since = float last * cost.Whole

                            {
                                Before = tv
                                Since = since
                                Trail =
                                    [
                                        {
                                            Rule = Rules.smoothing
                                            Of = $"{last} × {step.Method} at {Shared.spelled step.From}"
                                            Inputs =
                                                [
                                                    "W2", total blocks reached
                                                    "C", step.C
                                                    "n", float last
                                                    "R of these steps", since
                                                ]
                                            Value = tv
                                            Parts = []
                                        }
                                    ]
                            }
                ]
            | _ -> []

        // TV(qK, p′) ≤ TV(q, p) + TV(pK, p′), the last in closed form.
        let direct =
            (Some 0.0, blocks)
            ||> List.fold (fun sum b ->
                Option.map2 (fun all one -> all + b.Count * one) sum (Wasserstein.normalStep b.Plan step))
            |> Option.map (fun r -> r, PathRule.totalVariation r)

        let passed =
            match direct, state.Candidates with
            | Some(r, own), (_ :: _ as several) ->
                let c = several |> List.minBy value
                let before = plus (value c) (count * own * (1.0 + 1e-15))

                let trail =
                    {
                        Rule = Rules.normalStep
                        Of = $"{n} × {step.Method} to {Shared.spelled step.To}"
                        Inputs = [ "TV before", c.Before; "R since", c.Since; "KL(p′‖pK) of a step", r ]
                        Value = before
                        Parts = []
                    }

                let isNext =
                    match c.Trail with
                    | last :: _ -> last.Rule = Rules.normalStep && c.Since = 0.0
                    | [] -> false

                let earlier = if isNext then List.tail c.Trail else c.Trail
                [ { Before = before; Since = 0.0; Trail = trail :: earlier } ]
            | _ -> []

        let path =
            match state.Path, cost with
            | Ok r, Ok c -> Ok(plus r (count * c.Whole))
            | Error reason, _ -> Error reason
            | _, Error reason -> Error reason

        let contribution =
            match cost with
            | Ok c ->
                [
                    {
                        Index = first
                        Rounds = n
                        Method = step.Method
                        From = step.From
                        To = step.To
                        Steps = count * c.Exact
                        Score = count * (c.Whole - c.Exact)
                    }
                ]
            | Error _ -> []

        {
            Level = step.To
            Path = path
            First = state.First
            Contributions = contribution @ state.Contributions
            Candidates = prune (fresh @ passed @ kept)
            Distances =
                match state.Distances, maps with
                | Ok distances, Ok maps -> Ok(List.map2 (fun map w -> Wasserstein.rounds n map w) maps distances)
                | Error reason, _
                | _, Error reason -> Error reason
        }

    /// Rounds of several steps: once through for what each adds to R, and W2 through all rounds by the composed maps.
    let private several (plan: Plan) (blocks: Block list) (n: int64) (state: State) (body: Course list) =
        let inside = body |> List.collect (Course.kernels 1L)

        let state =
            match inside with
            | (_, _, step) :: _ -> changed plan blocks state step.From
            | [] -> state

        let once =
            (state, inside) ||> List.fold (fun s (first, times, step) -> kernels plan blocks (times * n) s first step)

        let composed =
            (Ok None, inside)
            ||> List.fold (fun found (_, times, step) ->
                attempt {
                    let! before = found
                    let! maps = mapsOf blocks step

                    let powers =
                        maps
                        |> List.map (fun m ->
                            { m with
                                Lip = m.Lip ** float times * (1.0 + 1e-15 * float times)
                                Add = Wasserstein.rounds times m 0.0
                            })

                    return
                        Some(
                            match before with
                            | None -> powers
                            | Some all -> List.map2 Wasserstein.following all powers
                        )
                })

        let distances =
            match state.Distances, composed with
            | Ok distances, Ok(Some maps) -> Ok(List.map2 (fun map w -> Wasserstein.rounds n map w) maps distances)
            | Ok distances, Ok None -> Ok distances
            | Error reason, _
            | _, Error reason -> Error reason

        // What smoothing found inside one pass is of another order of the steps: only the paths carry over.
        let added =
            inside
            |> List.sumBy (fun (_, times, step) ->
                match PathRule.cost plan step with
                | Ok c -> float (times * n) * c.Whole
                | Error _ -> infinity)

        let kept = state.Candidates |> List.map (fun c -> { c with Since = plus c.Since (added * (1.0 + 1e-14)) })
        { once with Candidates = prune kept; Distances = distances }

    let private pathTree (state: State) r =
        let group = state.Contributions |> List.groupBy (fun c -> c.Method, c.From = c.To) |> List.rev

        {
            Rule = Rules.path
            Of = $"all steps, to {Shared.spelled state.Level}"
            Inputs = []
            Value = r
            Parts =
                {
                    Rule = Rules.start
                    Of = "the law of the first state"
                    Inputs = []
                    Value = defaultArg state.First nan
                    Parts = []
                }
                :: [
                    for (name, stays), items in group ->
                        {
                            Rule = if stays then Rules.corrector else Rules.predictor
                            Of = $"{name}, {items |> List.sumBy (fun c -> c.Rounds)} steps"
                            Inputs =
                                [
                                    "steps", items |> List.sumBy (fun c -> c.Steps)
                                    "score", items |> List.sumBy (fun c -> c.Score)
                                ]
                            Value = items |> List.sumBy (fun c -> c.Steps + c.Score)
                            Parts = []
                        }
                ]
        }

    let private certificate (plan: Plan) blocks (state: State) (probe: Instruction.Probe) =
        let state = changed plan blocks state probe.Level

        let best =
            match state.Candidates with
            | [] -> None
            | several -> Some(List.minBy value several)

        let path =
            match state.Path with
            | Ok r when Double.IsFinite r -> Some r
            | _ -> None

        let tv, derivation =
            match best with
            | Some c when value c < 1.0 ->
                let rule = if c.Trail.IsEmpty then Rules.pinsker else Rules.cut

                let final =
                    {
                        Rule = rule
                        Of = Shared.spelled probe.Level
                        Inputs =
                            [
                                if not c.Trail.IsEmpty then
                                    "TV before", c.Before
                                "R", c.Since
                            ]
                        Value = value c
                        Parts =
                            (if c.Trail.IsEmpty then
                                 Option.toList (path |> Option.map (pathTree state))
                             else
                                 [])
                            @ List.rev c.Trail
                    }

                Bound.certain rule (value c), [ final ]
            | _ ->
                let reason =
                    match path, state.Path with
                    | Some r, _ -> $"the rules give 1, which says nothing: R = {r:g4}"
                    | None, Error reason -> reason
                    | None, Ok _ -> "the relative entropy of the start is infinite"

                { Bound.unknown reason with Value = 1.0 }, []

        let reverse = Bound.ofResult Rules.path state.Path
        let w2 = state.Distances |> Result.map (total blocks)

        let trees =
            derivation
            @ (match path with
               | Some r when derivation |> List.forall (fun d -> d.Rule <> Rules.pinsker) -> [ pathTree state r ]
               | _ -> [])

        {
            Name = probe.Name
            Level = probe.Level
            Tv = tv
            KlReverse = reverse
            Kl = Bound.unknown Shared.noReverse
            W2 = Bound.ofResult Rules.wasserstein w2
            Start = if path.IsSome then state.First else None
            Contributions = if path.IsSome then List.rev state.Contributions else []
            Derivation = trees
        }

    let private beginning (plan: Plan) (blocks: Block list) level =
        let first =
            match plan.Start with
            | :? Start.Law as start -> RelativeEntropy.bound plan.Target level start.Of start.Level
            | _ -> Error "a point has no density: KL(p‖q) of the start is infinite"

        let distances =
            (Ok [], blocks)
            ||> List.fold (fun found block ->
                found |> Result.bind (fun all -> Wasserstein.start block.Plan level |> Result.map (fun w -> w :: all)))
            |> Result.map List.rev

        {
            Level = level
            Path = first
            First = Result.toOption first
            Contributions = []
            Candidates =
                [
                    {
                        Before = 0.0
                        Since =
                            (match first with
                             | Ok r -> r
                             | Error _ -> infinity)
                        Trail = []
                    }
                ]
            Distances = distances
        }

    let ofCourse (cancellation: Threading.CancellationToken) (plan: Plan) (course: Course list) =
        let blocks = Blocks.ofPlan plan

        let levels =
            course
            |> List.collect (Course.kernels 1L)
            |> List.collect (fun (_, _, s) -> [ s.From; s.To ])
            |> List.distinct

        // What takes time is found for all levels at once, on all cores.
        let prepare (level: NoiseLevel) =
            cancellation.ThrowIfCancellationRequested()
            Information.fisher plan.Target level |> ignore
            blocks |> List.iter (fun block -> Wasserstein.prepare block level)

        if levels.Length > 4 then
            Threading.Tasks.Parallel.ForEach(levels, prepare) |> ignore

        let advance (state, found) one =
            cancellation.ThrowIfCancellationRequested()

            match one with
            | Kernel(first, step) -> kernels plan blocks 1L state first step, found
            | Rounds(n, [ Kernel(first, step) ]) -> kernels plan blocks n state first step, found
            | Rounds(n, body) -> several plan blocks n state body, found
            | Mark probe -> state, certificate plan blocks state probe :: found

        ((beginning plan blocks (Shared.firstLevel plan course), []), course) ||> List.fold advance |> snd |> List.rev
