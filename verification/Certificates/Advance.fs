namespace Sgm.Verification.Certificates

open System
open Sgm.Engine
open Sgm.Verification

/// What is known after steps, from what is known before them.
module internal Advance =
    open Candidates
    open Ways

    /// What steps at one place add to R, where that is known.
    let private contributed cost first rounds (step: Tableau) =
        match cost with
        | Ok(c: Cost) ->
            [
                {
                    Index = first
                    Rounds = rounds
                    Method = step.Method
                    From = step.From
                    To = step.To
                    Steps = float rounds * c.Exact
                    Score = float rounds * (c.Whole - c.Exact)
                }
            ]
        | Error _ -> []

    /// Rounds of one place together, of the places from the step of this number on.
    let private joined (first: int64) (contributions: Contribution list) =
        let own, earlier = contributions |> List.partition (fun c -> c.Index >= first)

        (own
         |> List.groupBy (fun c -> c.Index)
         |> List.map (fun (_, several) ->
             { List.head several with
                 Rounds = several |> List.sumBy (fun c -> c.Rounds)
                 Steps = several |> List.sumBy (fun c -> c.Steps)
                 Score = several |> List.sumBy (fun c -> c.Score)
             }))
        @ earlier

    /// n ≥ 1 rounds of a step that stays, or one that moves.
    let kernels (plan: Plan) (work: Working) (n: int64) (state: State) first (step: Tableau) =
        let state = changed plan work state step.From
        let cost = work.Rules.Cost plan step
        let maps = mapsOf work step
        let count = float n
        let kappa = cost |> Result.map (fun c -> c.Whole) |> Result.defaultValue infinity
        let rule = if step.StaysAtLevel then Rules.forwardCorrector else Rules.forwardPredictor

        let passed forward =
            match maps.Forward with
            | Ok several -> List.map2 (fun (map: Forward) kl -> map.Rounds n kl) several forward
            | Error _ -> forward |> List.map (fun _ -> infinity)

        let carried (c: Candidate) =
            let forward = passed c.Forward

            let chi = passedChi maps n c.Chi

            { c with
                Since = plus c.Since (count * kappa)
                Forward = forward
                Told = toldOf step rule n (fromEntropy work c.Forward) (entropy work forward) c.Told
                Chi = chi
                ToldChi = toldOf step Rules.chiCorrector n (fromChi work c.Chi) (chiEntropy work chi) c.ToldChi
            }

        // From KL, and from W2.
        let onward = state.Forward |> Result.bind (fun kl -> maps.Forward |> Result.map (fun _ -> passed kl))

        // By the first of the rounds, the others forget; or after the others have brought W2 down.
        let across =
            match maps.Forward, state.Distances with
            | Ok several, Ok w ->
                [
                    for some in doubled n do
                        let early (map: Forward) w = map.Rounds (n - some) (map.OfDistance some w)
                        List.map2 early several w

                        match maps.Distances with
                        | Ok contractions when some < n ->
                            let reached = List.map2 (Contraction.rounds (n - some)) contractions w
                            List.map2 (fun (map: Forward) w -> map.OfDistance some w) several reached
                        | _ -> ()
                ]
                |> List.minBy (entropy work)
                |> Ok
            | Error reason, _
            | _, Error reason -> Error reason

        let fresh kl w = Ok kl, toldOf step Rules.forwardDistance n ("W2 before", total work w) (entropy work kl) []

        let forward, told =
            match onward, across, state.Forward, state.Distances with
            | Ok old, Ok kl, _, Ok w when entropy work kl < entropy work old -> fresh kl w
            | Error _, Ok kl, _, Ok w when kl |> List.forall Double.IsFinite -> fresh kl w
            | Ok kl, _, Ok before, _ -> Ok kl, toldOf step rule n (fromEntropy work before) (entropy work kl) state.Told
            | _ -> onward, []

        // R from W2 by the last of the rounds, where that is less than R so far with theirs.
        let again =
            match state.Distances, maps.Distances, cost with
            | Ok distances, Ok contractions, Ok cost when step.C > 0.0 ->
                doubled n
                |> List.map (fun last ->
                    let reached = List.map2 (Contraction.rounds (n - last)) contractions distances
                    let r = work.Rules.PathFrom work.Blocks last contractions reached

                    let own = min r (float last * cost.Whole)

                    {
                        Rule = Rules.pathDistance
                        Of = $"{last} × {step.Method} to {Shared.spelled step.To}"
                        Inputs = [ "W2 before", total work reached; "R", r; "of these steps", own ]
                        Value = max 0.0 (r - own)
                        Parts = []
                    }
                    : Derivation
                    , last
                    , r)
                |> List.minBy (fun (_, _, r) -> r)
                |> Some
            | _ -> None

        let along = both (fun r (c: Cost) -> plus r (count * c.Whole)) state.Path cost

        let path, first, index, rounds', earlier =
            match again, along with
            | Some(origin, last, r), Ok old when r < old -> Ok r, Some origin, first + n - last, last, []
            | Some(origin, last, r), Error _ when Double.IsFinite r -> Ok r, Some origin, first + n - last, last, []
            | _ -> along, state.First, first, n, state.Contributions

        let contribution = contributed cost index rounds' step
        let rounds map w = if n = 1L then Contraction.once map w else Contraction.rounds n map w

        let cuts =
            smoothedWays work n state step maps cost @ normalWay work n state step @ excused work n step maps state

        let chi = passedChi maps n state.Chi
        let toldChi = toldOf step Rules.chiCorrector n (fromChi work state.Chi) (chiEntropy work chi) state.ToldChi

        let reached =
            {
                Level = step.To
                Path = path
                First = first
                Contributions = contribution @ earlier
                Forward = forward
                Told = told
                Chi = chi
                ToldChi = toldChi
                Candidates = prune work (cuts @ List.map carried state.Candidates)
                Distances = both (List.map2 rounds) maps.Distances state.Distances
                Spreads = both (List.map2 rounds) maps.Spreads state.Spreads
            }
            |> capped work

        if step.StaysAtLevel then reached |> transported work |> recut work else reached

    /// Rounds of several steps as one map of every block.
    let private composed (inside: (int64 * Maps) list) (find: Maps -> Result<'map list, string>) power following =
        (Ok None, inside)
        ||> List.fold (fun found (times, maps) ->
            both
                (fun before maps ->
                    let powers = maps |> List.map (power times)

                    Some(
                        before |> Option.map (fun all -> List.map2 following all powers) |> Option.defaultValue powers
                    ))
                found
                (find maps))
        |> Result.map Option.get

    /// n ≥ 1 rounds of several steps at one level, through all of them but the last by the composed maps.
    let private many (plan: Plan) (work: Working) (n: int64) (state: State) (inside: (int64 * int64 * Tableau) list) =
        let head = inside |> List.map (fun (_, _, step) -> step) |> List.head
        let maps = inside |> List.map (fun (_, times, step) -> times, mapsOf work step)
        let contracting find = composed maps find Contraction.power Contraction.following
        let rounds found before = both (List.map2 (Contraction.rounds n)) (contracting found) before

        let lines = composed maps (fun maps -> maps.Forward) (fun n map -> Forward.power n map.Line) Forward.following

        let passed forward =
            match lines with
            | Ok lines -> List.map2 (fun line kl -> Forward.through (Forward.power n line) kl) lines forward
            | Error _ -> forward |> List.map (fun _ -> infinity)

        let told before after = toldOf head Rules.forwardCorrector n (fromEntropy work before) (entropy work after)

        // One line of every step: the one that ends lowest.
        let throughChi (chi: float list) =
            let lines () =
                composed
                    maps
                    (fun maps -> maps.Chi.Value |> Result.bind bounded)
                    (fun n step -> Forward.power n (ChiSquare.lowest step))
                    Forward.following

            if chi |> List.forall Double.IsInfinity then
                chi
            else
                match lines () with
                | Ok lines -> List.map2 (fun line x -> Forward.through (Forward.power n line) x) lines chi
                | Error _ -> unknown work

        let toldChi before after = toldOf head Rules.chiCorrector n (fromChi work before) (chiEntropy work after)

        let costs = inside |> List.map (fun (first, times, step) -> first, times * n, step, work.Rules.Cost plan step)

        let added =
            (Ok 0.0, costs)
            ||> List.fold (fun sum (_, count, _, cost) -> both (fun r (c: Cost) -> r + float count * c.Whole) sum cost)
            |> Result.map (fun r -> r * (1.0 + 1e-14))

        let carried (c: Candidate) =
            let forward = passed c.Forward

            let chi = throughChi c.Chi

            { c with
                Since = plus c.Since (Result.defaultValue infinity added)
                Forward = forward
                Told = told c.Forward forward c.Told
                Chi = chi
                ToldChi = toldChi c.Chi chi c.ToldChi
            }

        let forward = both (fun _ kl -> passed kl) lines state.Forward
        let chi = throughChi state.Chi

        { state with
            Path = both plus state.Path added
            Contributions =
                (state.Contributions, costs)
                ||> List.fold (fun found (first, count, step, cost) -> contributed cost first count step @ found)
            Forward = forward
            Told =
                match forward, state.Forward with
                | Ok after, Ok before -> told before after state.Told
                | _ -> []
            Chi = chi
            ToldChi = toldChi state.Chi chi state.ToldChi
            Candidates = state.Candidates |> List.map carried |> prune work
            Distances = rounds (fun maps -> maps.Distances) state.Distances
            Spreads = rounds (fun maps -> maps.Spreads) state.Spreads
        }
        |> capped work
        |> transported work

    /// Rounds of several steps: the last of them step by step.
    let several (plan: Plan) (work: Working) (n: int64) (state: State) (body: Course list) =
        match body |> List.collect (Course.kernels 1L) with
        | [] -> state
        | (first, _, head) :: _ as inside ->
            let state = changed plan work state head.From
            let before = if n = 1L then state else many plan work (n - 1L) state inside

            let after =
                (before, inside) ||> List.fold (fun s (first, times, step) -> kernels plan work times s first step)

            { after with Contributions = joined first after.Contributions }
