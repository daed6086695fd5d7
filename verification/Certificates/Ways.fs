namespace Sgm.Verification.Certificates

open System
open Sgm.Engine
open Sgm.Verification

/// What a step does to everything that is known, and the ways to a bound that begin at it.
module internal Ways =
    open Candidates

    /// Options of every block, of which there may be one that is the only one, as blocks of every option.
    let transposed (options: 'a list list) =
        let count = options |> List.map List.length |> List.max

        [ for i in 0 .. count - 1 -> options |> List.map (fun own -> List.item (min i (own.Length - 1)) own) ]

    /// What a step does to W2, to the spread, to KL(q‖p) and to χ², per block.
    type Maps =
        {
            Distances: Result<Contraction list, string>
            Spreads: Result<Contraction list, string>
            Forward: Result<Forward list, string>
            /// Asked for only where χ² is finite: for every threshold of the bad sets what the blocks do.
            Chi: Lazy<Result<ChiStep list list, string>>
        }

    let mapsOf (work: Working) step =
        let distances = ofBlocks work (fun block -> work.Rules.Distance block step)

        let known =
            match distances with
            | Ok maps -> maps |> List.map Some
            | Error _ -> work.Blocks |> List.map (fun _ -> None)

        {
            Distances = distances
            Spreads = ofBlocks work (fun block -> work.Rules.Spread block.Plan step)
            Forward =
                List.zip work.Blocks known
                |> Seq.map (fun (block: Block, map) -> work.Rules.Forward block.Plan step map)
                |> every
            Chi = lazy (ofBlocks work (fun block -> work.Rules.Chi block.Plan step) |> Result.map transposed)
        }

    let both f a b =
        match a, b with
        | Ok x, Ok y -> Ok(f x y)
        | Error reason, _
        | _, Error reason -> Error reason

    /// One stretch for all steps that follow each other.
    let toldOf (step: Tableau) rule n input value (earlier: Stretch list) =
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

    let fromEntropy work forward = "KL(q‖p) before", entropy work forward
    let fromChi work chi = "ln(1 + χ²) before", chiEntropy work chi

    /// Where KL(q‖p) or χ² says more than R, the rest may start from p again.
    let recut work (state: State) =
        let again (c: Candidate) =
            let tv = value work c

            if best work c <> Paths && tv < 1.0 then
                Some(anew work tv (closed work (Shared.spelled state.Level) [] c :: c.Trail))
            else
                None

        { state with
            Candidates = state.Candidates @ (ways work state |> List.choose again) |> prune work
        }

    /// W2² ≤ 2C·KL(q‖p), where C was asked for anyhow.
    let transported (work: Working) (state: State) =
        match state.Forward with
        | Ok forward when forward |> List.forall Double.IsFinite ->
            let near (b: Block) kl =
                match work.Rules.Reach b.Plan.Target state.Level with
                | Ok reach -> reach * sqrt kl * (1.0 + 1e-13)
                | Error _ -> infinity

            let found = List.map2 near work.Blocks forward

            let distances =
                match state.Distances with
                | Ok w -> Ok(List.map2 min w found)
                | Error _ when found |> List.forall Double.IsFinite -> Ok found
                | error -> error

            { state with Distances = distances }
        | _ -> state

    /// n, and 1, 2, 4, … below it.
    let doubled (n: int64) = List.distinct (n :: List.unfold (fun k -> if k > n then None else Some(k, 2L * k)) 1L)

    /// The one option of errors that are bounded.
    let bounded options =
        match options with
        | [ steps ] when steps |> List.forall (fun (step: ChiStep) -> step.Bad = 0.0) -> Ok steps
        | _ -> Error "the score's error has no bound"

    /// χ² after n rounds of a corrector whose error is bounded; ∞ where it is not.
    let passedChi (maps: Maps) n (chi: float list) =
        if chi |> List.exists Double.IsFinite then
            match maps.Chi.Value |> Result.bind bounded with
            | Ok steps -> List.map2 (ChiSquare.rounds n) steps chi
            | Error _ -> chi |> List.map (fun _ -> infinity)
        else
            chi

    /// Ways on which the exact score stands for the actual one on bad sets, which TV pays for: nothing but χ² is
    /// known of them then.
    let excused work n (step: Tableau) (maps: Maps) (state: State) =
        let through (c: Candidate) (steps: ChiStep list) =
            let paid =
                List.map3 (fun (b: Block) own chi -> b.Count * ChiSquare.missed n own chi) work.Blocks steps c.Chi
                |> List.sum

            let chi = List.map2 (ChiSquare.rounds n) steps c.Chi
            let before = work.Rules.Join c.Before paid

            let trail =
                {
                    Rule = Rules.badSets
                    Of = $"{n} × {step.Method} at {Shared.spelled step.From}"
                    Inputs = [ "TV before", c.Before; fromChi work c.Chi ]
                    Value = before
                    Parts = []
                }

            { anew work before (trail :: c.Trail) with
                Since = infinity
                Forward = unknown work
                Chi = chi
                ToldChi = toldOf step Rules.chiCorrector n (fromChi work c.Chi) (chiEntropy work chi) c.ToldChi
            }

        let known = ways work state |> List.filter (fun c -> c.Chi |> List.forall Double.IsFinite)

        if known.IsEmpty then
            []
        else
            match maps.Chi.Value with
            | Ok options ->
                [
                    for steps in options do
                        if steps |> List.exists (fun step -> step.Bad > 0.0) then
                            for c in known -> through c steps
                ]
            | Error _ -> []

    /// Ways that begin where W2 is turned into TV by the last 1, 2, 4, … n of the rounds.
    let smoothedWays work (n: int64) (state: State) (step: Tableau) maps (cost: Result<Cost, string>) =
        match state.Distances, maps.Distances, cost with
        | Ok distances, Ok contractions, Ok cost when step.C > 0.0 ->
            [
                for last in doubled n do
                    let reached = List.map2 (fun map w -> Contraction.rounds (n - last) map w) contractions distances

                    let tv = work.Rules.Smoothed work.Blocks last contractions reached

                    if tv < 1.0 then
                        let since = float last * cost.Whole

                        let trail =
                            {
                                Rule = Rules.smoothing
                                Of = $"{last} × {step.Method} at {Shared.spelled step.From}"
                                Inputs =
                                    [
                                        "W2", total work reached
                                        "C", step.C
                                        "n", float last
                                        "R of these steps", since
                                    ]
                                Value = tv
                                Parts = []
                            }

                        { anew work tv [ trail ] with
                            Since = since
                            Forward =
                                match maps.Forward with
                                | Ok forward -> forward |> List.map (fun map -> map.Rounds last 0.0)
                                | Error _ -> unknown work
                            Chi = unknown work
                        }
            ]
        | _ -> []

    /// TV(qK, p′) ≤ TV(q, p) + TV(pK, p′), the last in closed form.
    let normalWay (work: Working) (n: int64) (state: State) (step: Tableau) =
        let direct =
            (Some 0.0, work.Blocks)
            ||> List.fold (fun sum (b: Block) ->
                Option.map2 (fun all one -> all + b.Count * one) sum (work.Rules.NormalStep b.Plan step))
            |> Option.map (fun r -> r, work.Rules.Pinsker r)

        match direct with
        | None -> []
        | Some(r, own) ->
            let c = ways work state |> List.minBy (value work)
            let before = work.Rules.Join (value work c) (float n * own * (1.0 + 1e-15))

            let trail =
                { closed work $"{n} × {step.Method} to {Shared.spelled step.To}" [ "KL(p′‖pK) of a step", r ] c with
                    Rule = Rules.normalStep
                    Value = before
                }

            let isNext =
                match c.Trail with
                | last :: _ -> last.Rule = Rules.normalStep && c.Since = 0.0
                | [] -> false

            let earlier = if isNext then List.tail c.Trail else c.Trail
            [ anew work before (trail :: earlier) ]
