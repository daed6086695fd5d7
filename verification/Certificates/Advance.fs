namespace Sgm.Verification.Certificates

open System
open Sgm.Engine
open Sgm.Verification

/// What is known after steps, from what is known before them.
module internal Advance =
    open Candidates

    /// What a step does to W2, to the spread and to KL(q‖p), per block.
    type private Maps =
        {
            Distances: Result<Contraction list, string>
            Spreads: Result<Contraction list, string>
            Forward: Result<Forward list, string>
        }

    let private mapsOf blocks step =
        let distances = ofBlocks blocks (fun block -> Wasserstein.step block step)

        let lips =
            match distances with
            | Ok maps -> maps |> List.map (fun (map: Contraction) -> Some map.Lip)
            | Error _ -> blocks |> List.map (fun _ -> None)

        {
            Distances = distances
            Spreads = ofBlocks blocks (fun block -> Spread.step block.Plan step)
            Forward =
                List.zip blocks lips |> Seq.map (fun (block: Block, lip) -> Forward.step block.Plan step lip) |> every
        }

    let private both f a b =
        match a, b with
        | Ok x, Ok y -> Ok(f x y)
        | Error reason, _
        | _, Error reason -> Error reason

    /// One stretch for all steps that follow each other.
    let private told (step: Tableau) rule n input value (earlier: Stretch list) =
        let entry count first =
            {
                Rule = rule
                Method = step.Method
                Steps = count
                To = step.To
                Input = first
                Value = value
            }

        match earlier with
        | last :: rest when Object.ReferenceEquals(last.Rule, rule) && last.Method = step.Method ->
            entry (n + last.Steps) last.Input :: rest
        | _ -> entry n input :: earlier

    let private fromEntropy blocks forward = "KL(q‖p) before", entropy blocks forward

    /// Where KL(q‖p) says more than R, the rest may start from p again.
    let private recut blocks (state: State) =
        let again (c: Candidate) =
            let tv = value blocks c

            if isForward blocks c && tv < 1.0 then
                let cut = closed blocks (Shared.spelled state.Level) [] c
                Some { Before = tv; Since = 0.0; Forward = nothing blocks; Trail = cut :: c.Trail; Told = [] }
            else
                None

        { state with
            Candidates = state.Candidates @ (ways blocks state |> List.choose again) |> prune blocks
        }

    /// W2² ≤ 2C·KL(q‖p), where C was asked for anyhow.
    let transported blocks (state: State) =
        match state.Forward with
        | Ok forward when forward |> List.forall Double.IsFinite ->
            let near (b: Block) kl =
                match Forward.reach b.Plan.Target state.Level with
                | Ok reach -> reach * sqrt kl * (1.0 + 1e-13)
                | Error _ -> infinity

            let found = List.map2 near blocks forward

            let distances =
                match state.Distances with
                | Ok w -> Ok(List.map2 min w found)
                | Error _ when found |> List.forall Double.IsFinite -> Ok found
                | error -> error

            { state with Distances = distances }
        | _ -> state

    /// n, and 1, 2, 4, … below it.
    let private doubled (n: int64) =
        List.distinct (n :: List.unfold (fun k -> if k > n then None else Some(k, 2L * k)) 1L)

    /// Ways that begin where W2 is turned into TV by the last 1, 2, 4, … n of the rounds.
    let private smoothedWays blocks (n: int64) (state: State) (step: Tableau) maps (cost: Result<Cost, string>) =
        match state.Distances, maps.Distances, cost with
        | Ok distances, Ok contractions, Ok cost when step.C > 0.0 ->
            [
                for last in doubled n do
                    let reached = List.map2 (fun map w -> Contraction.rounds (n - last) map w) contractions distances

                    let tv = smoothed blocks last contractions reached

                    if tv < 1.0 then
                        let since = float last * cost.Whole

                        {
                            Before = tv
                            Since = since
                            Forward =
                                match maps.Forward with
                                | Ok forward -> forward |> List.map (fun map -> map.Rounds last 0.0)
                                | Error _ -> blocks |> List.map (fun _ -> infinity)
                            Told = []
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

    /// TV(qK, p′) ≤ TV(q, p) + TV(pK, p′), the last in closed form.
    let private normalWay blocks (n: int64) (state: State) (step: Tableau) =
        let direct =
            (Some 0.0, blocks)
            ||> List.fold (fun sum (b: Block) ->
                Option.map2 (fun all one -> all + b.Count * one) sum (Wasserstein.normalStep b.Plan step))
            |> Option.map (fun r -> r, PathRule.totalVariation r)

        match direct with
        | None -> []
        | Some(r, own) ->
            let c = ways blocks state |> List.minBy (value blocks)
            let before = plus (value blocks c) (float n * own * (1.0 + 1e-15))

            let trail =
                { closed blocks $"{n} × {step.Method} to {Shared.spelled step.To}" [ "KL(p′‖pK) of a step", r ] c with
                    Rule = Rules.normalStep
                    Value = before
                }

            let isNext =
                match c.Trail with
                | last :: _ -> last.Rule = Rules.normalStep && c.Since = 0.0
                | [] -> false

            let earlier = if isNext then List.tail c.Trail else c.Trail

            [
                {
                    Before = before
                    Since = 0.0
                    Forward = nothing blocks
                    Trail = trail :: earlier
                    Told = []
                }
            ]

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
    let kernels (plan: Plan) (blocks: Block list) (n: int64) (state: State) first (step: Tableau) =
        let state = changed plan blocks state step.From
        let cost = PathRule.cost plan step
        let maps = mapsOf blocks step
        let count = float n
        let kappa = cost |> Result.map (fun c -> c.Whole) |> Result.defaultValue infinity
        let rule = if step.StaysAtLevel then Rules.forwardCorrector else Rules.forwardPredictor

        let passed forward =
            match maps.Forward with
            | Ok several -> List.map2 (fun (map: Forward) kl -> map.Rounds n kl) several forward
            | Error _ -> forward |> List.map (fun _ -> infinity)

        let carried (c: Candidate) =
            let forward = passed c.Forward

            { c with
                Since = plus c.Since (count * kappa)
                Forward = forward
                Told = told step rule n (fromEntropy blocks c.Forward) (entropy blocks forward) c.Told
            }

        // From KL, and from W2.
        let onward = state.Forward |> Result.bind (fun kl -> maps.Forward |> Result.map (fun _ -> passed kl))

        let across =
            both
                (fun maps w -> List.map2 (fun (map: Forward) w -> map.OfDistance w) maps w)
                maps.Forward
                state.Distances

        let fresh kl w = Ok kl, told step Rules.forwardDistance n ("W2 before", total blocks w) (entropy blocks kl) []

        let forward, told =
            match onward, across, state.Forward, state.Distances with
            | Ok old, Ok kl, _, Ok w when entropy blocks kl < entropy blocks old -> fresh kl w
            | Error _, Ok kl, _, Ok w when kl |> List.forall Double.IsFinite -> fresh kl w
            | Ok kl, _, Ok before, _ ->
                Ok kl, told step rule n (fromEntropy blocks before) (entropy blocks kl) state.Told
            | _ -> onward, []

        // R from W2 by the last of the rounds, where that is less than R so far with theirs.
        let again =
            match state.Distances, maps.Distances, cost with
            | Ok distances, Ok contractions, Ok cost when step.C > 0.0 ->
                doubled n
                |> List.map (fun last ->
                    let reached = List.map2 (Contraction.rounds (n - last)) contractions distances
                    let r = pathFrom blocks last contractions reached

                    let own = min r (float last * cost.Whole)

                    {
                        Rule = Rules.pathDistance
                        Of = $"{last} × {step.Method} to {Shared.spelled step.To}"
                        Inputs = [ "W2 before", total blocks reached; "R", r; "of these steps", own ]
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
        let cuts = smoothedWays blocks n state step maps cost @ normalWay blocks n state step

        let reached =
            {
                Level = step.To
                Path = path
                First = first
                Contributions = contribution @ earlier
                Forward = forward
                Told = told
                Candidates = prune blocks (cuts @ List.map carried state.Candidates)
                Distances = both (List.map2 rounds) maps.Distances state.Distances
                Spreads = both (List.map2 rounds) maps.Spreads state.Spreads
            }
            |> capped blocks

        if step.StaysAtLevel then
            reached |> transported blocks |> recut blocks
        else
            reached

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
    let private many (plan: Plan) blocks (n: int64) (state: State) (inside: (int64 * int64 * Tableau) list) =
        let head = inside |> List.map (fun (_, _, step) -> step) |> List.head
        let maps = inside |> List.map (fun (_, times, step) -> times, mapsOf blocks step)
        let contracting find = composed maps find Contraction.power Contraction.following
        let rounds found before = both (List.map2 (Contraction.rounds n)) (contracting found) before

        let lines = composed maps (fun maps -> maps.Forward) (fun n map -> Forward.power n map.Line) Forward.following

        let passed forward =
            match lines with
            | Ok lines -> List.map2 (fun line kl -> Forward.through (Forward.power n line) kl) lines forward
            | Error _ -> forward |> List.map (fun _ -> infinity)

        let told before after = told head Rules.forwardCorrector n (fromEntropy blocks before) (entropy blocks after)
        let costs = inside |> List.map (fun (first, times, step) -> first, times * n, step, PathRule.cost plan step)

        let added =
            (Ok 0.0, costs)
            ||> List.fold (fun sum (_, count, _, cost) -> both (fun r (c: Cost) -> r + float count * c.Whole) sum cost)
            |> Result.map (fun r -> r * (1.0 + 1e-14))

        let carried (c: Candidate) =
            let forward = passed c.Forward

            { c with
                Since = plus c.Since (Result.defaultValue infinity added)
                Forward = forward
                Told = told c.Forward forward c.Told
            }

        let forward = both (fun _ kl -> passed kl) lines state.Forward

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
            Candidates = state.Candidates |> List.map carried |> prune blocks
            Distances = rounds (fun maps -> maps.Distances) state.Distances
            Spreads = rounds (fun maps -> maps.Spreads) state.Spreads
        }
        |> capped blocks
        |> transported blocks

    /// Rounds of several steps: the last of them step by step.
    let several (plan: Plan) (blocks: Block list) (n: int64) (state: State) (body: Course list) =
        match body |> List.collect (Course.kernels 1L) with
        | [] -> state
        | (first, _, head) :: _ as inside ->
            let state = changed plan blocks state head.From
            let before = if n = 1L then state else many plan blocks (n - 1L) state inside

            let after =
                (before, inside) ||> List.fold (fun s (first, times, step) -> kernels plan blocks times s first step)

            { after with Contributions = joined first after.Contributions }
