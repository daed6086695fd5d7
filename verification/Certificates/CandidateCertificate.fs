namespace Sgm.Verification.Certificates

open System
open Sgm.Engine
open Sgm.Verification

/// Certificates whose numbers are closed forms and quadratures. TV is a shortest path over cut points: candidates (TV
/// up to a cut, R since it), of which those that are worse in both than another are dropped.
module internal CandidateCertificate =
    open Candidates

    let private pathTree (state: State) r =
        let group = state.Contributions |> List.groupBy (fun c -> c.Method, c.From = c.To) |> List.rev

        {
            Rule = Rules.path
            Of = $"all steps, to {Shared.spelled state.Level}"
            Inputs = []
            Value = r
            Parts =
                Option.get state.First
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

    let private certificate (plan: Plan) work (state: State) (probe: Instruction.Probe) =
        let state = changed plan work state probe.Level
        let near = Ways.transported work state
        let least = ways work state |> List.minBy (value work)

        let path =
            match state.Path with
            | Ok r when Double.IsFinite r -> Some r
            | _ -> None

        let tv, derivation =
            match least with
            | c when value work c < 1.0 ->
                let parts =
                    match c.Trail, path with
                    | [], Some r when best work c = Paths -> [ pathTree state r ]
                    | _ -> []

                let last = closed work (Shared.spelled probe.Level) [] c
                let rule = if c.Trail.IsEmpty then Rules.pinsker else Rules.cut
                let inputs = if c.Trail.IsEmpty then List.tail last.Inputs else last.Inputs

                Bound.certain rule (value work c),
                [ { last with Rule = rule; Inputs = inputs; Parts = parts @ last.Parts @ List.rev c.Trail } ]
            | _ ->
                let reason =
                    match path, state.Path with
                    | Some r, _ -> $"the rules give 1, which says nothing: R = {r:g4}"
                    | None, Error reason -> reason
                    | None, Ok _ -> "the relative entropy of the start is infinite"

                { Bound.unknown reason with Value = 1.0 }, []

        let reverse = Bound.ofResult Rules.path state.Path

        let chi = chiEntropy work state.Chi

        let forward, kl =
            match state.Told, state.Forward |> Result.map (entropy work) with
            | _, Ok kl when chi < kl -> Rules.chiSquare, Ok chi
            | _, Error _ when Double.IsFinite chi -> Rules.chiSquare, Ok chi
            | last :: _, kl -> last.Rule, kl
            | [], kl -> Rules.start, kl

        let w2 = near.Distances |> Result.map (total work)

        let nearest =
            match state.Distances, near.Distances, state.Spreads with
            | Ok before, Ok after, _ when after <> before -> Rules.talagrand
            | Error _, Ok _, _ -> Rules.talagrand
            | Ok w, _, Ok spreads when
                w = List.map2 (fun (b: Block) -> work.Rules.Independent b.Plan.Target state.Level) work.Blocks spreads
                ->
                Rules.moments
            | _ -> Rules.wasserstein

        let trees =
            derivation
            @ (match path with
               | Some r when derivation |> List.forall (fun d -> d.Parts |> List.forall (fun p -> p.Rule <> Rules.path)) ->
                   [ pathTree state r ]
               | _ -> [])
            @ (state.Told @ (if Double.IsFinite chi then state.ToldChi else []) |> List.rev |> List.map derived)

        {
            Name = probe.Name
            Level = probe.Level
            Tv = tv
            KlReverse = reverse
            Kl = Bound.ofResult forward kl
            W2 = Bound.ofResult nearest w2
            Start = if path.IsSome then state.First |> Option.map (fun d -> d.Value) else None
            Contributions = if path.IsSome then List.rev state.Contributions else []
            Derivation = trees
        }

    let private beginning (plan: Plan) (work: Working) level =
        let first = work.Rules.Start plan level

        {
            Level = level
            Path = first
            First =
                first
                |> Result.toOption
                |> Option.map (fun r ->
                    {
                        Rule = Rules.start
                        Of = "the law of the first state"
                        Inputs = []
                        Value = r
                        Parts = []
                    })
            Contributions = []
            Forward = ofBlocks work (fun block -> Forward.start block.Plan level)
            Told = []
            Chi =
                work.Blocks |> List.map (fun block -> ChiSquare.start block.Plan level |> Result.defaultValue infinity)
            ToldChi = []
            Candidates = []
            Distances = ofBlocks work (fun block -> Wasserstein.start block.Plan level)
            Spreads = Ok(work.Blocks |> List.map (fun block -> Spread.start block.Plan level))
        }
        |> capped work

    let ofCourse rules (cancellation: Threading.CancellationToken) (plan: Plan) (course: Course list) =
        let work = { Rules = rules; Blocks = Blocks.ofPlan plan }

        let levels =
            course
            |> List.collect (Course.kernels 1L)
            |> List.collect (fun (_, _, s) -> [ s.From; s.To ])
            |> List.distinct

        // What takes time is found for all levels at once, on all cores.
        let prepare (level: NoiseLevel) =
            cancellation.ThrowIfCancellationRequested()
            Information.fisher plan.Target level |> ignore
            work.Blocks |> List.iter (fun block -> Wasserstein.prepare block level)

        if levels.Length > 4 then
            Threading.Tasks.Parallel.ForEach(levels, prepare) |> ignore

        // Rounds that are alike count as one repeat across a probe, which does nothing to the law: so they are kept with the state before
        // them until something else comes.
        let after (state, pending) =
            cancellation.ThrowIfCancellationRequested()

            match pending with
            | None -> state
            | Some(n, [ Kernel(first, step) ]) -> Advance.kernels plan work n state first step
            | Some(n, body) -> Advance.several plan work n state body

        let steps = List.collect (Course.kernels 1L) >> List.map (fun (_, times, step) -> times, step)

        let advance (known, found) one =
            match one with
            | Mark probe -> known, certificate plan work (after known) probe :: found
            | Kernel _
            | Rounds _ ->
                let n, body =
                    match one with
                    | Rounds(n, body) -> n, body
                    | other -> 1L, [ other ]

                match known with
                | state, Some(before, same) when
                    steps same = steps body && steps body |> List.forall (fun (_, step: Tableau) -> step.StaysAtLevel)
                    ->
                    (state, Some(before + n, same)), found
                | _ -> (after known, Some(n, body)), found

        (((beginning plan work (Shared.firstLevel plan course), None), []), course)
        ||> List.fold advance
        |> snd
        |> List.rev
