namespace Sgm.Verification

open System
open Sgm.Engine

/// A score as a law and its modifiers, each with what a blend adds; without a law it is that of the target.
type internal Branch =
    {
        Law: LineLaw option
        Cell: LineCell option
        Steps: (ScoreModifier * (float * Branch) list) list
    }

/// A score on the line by its law and modifiers, and what is certain of it far out.
type internal LineBranch
    (level: NoiseLevel, target: LineLaw, scored: LineLaw option, modifiers: ScoreModifier list, dimension: int) =
    let rec branch (law: LineLaw option) (modifiers: ScoreModifier list) : Branch =
        let part (other: WeightedScore) =
            let own = LineLaw.at level other.Score.Of.Factors[0].Law
            let law = if own = target then None else Some own
            other.Weight, branch law (List.ofSeq other.Score.Modifiers)

        {
            Law = law
            Cell = law |> Option.map LineCell
            Steps =
                [
                    for modifier in modifiers ->
                        match modifier with
                        | :? ScoreModifier.Blended as blend -> modifier, [ for other in blend.Others -> part other ]
                        | _ -> modifier, []
                ]
        }

    let rec lawsOf (branch: Branch) =
        Option.toList branch.Law @ (branch.Steps |> List.collect (snd >> List.collect (fun (_, part) -> lawsOf part)))

    let score = branch scored modifiers
    let laws = target :: lawsOf score
    let unit = 1.0 / sqrt (float dimension)
    let noise = level.Sigma * level.Sigma

    /// |s(x)| + |∇ln p(x)| ≤ a + b·|x − at| beyond `at`.
    let growth at =
        let ofLaw (law: LineLaw) =
            let steep = 1.0 / Array.min law.Variances
            Array.max (Array.map2 (fun m v -> abs (at - m) / v) law.Means law.Variances), steep

        let truth, truthSteep = ofLaw target

        let rec ofBranch (branch: Branch) =
            let mutable value, steep = branch.Law |> Option.map ofLaw |> Option.defaultValue (truth, truthSteep)

            for modifier, parts in branch.Steps do
                match modifier with
                | :? ScoreModifier.Shifted as shifted -> value <- value + abs shifted.Amount * unit
                | :? ScoreModifier.Scaled as scaled ->
                    value <- value * abs scaled.Factor
                    steep <- steep * abs scaled.Factor
                | :? ScoreModifier.Blended as blend ->
                    value <- value * abs blend.Weight
                    steep <- steep * abs blend.Weight

                    for w, part in parts do
                        let own, slope = ofBranch part
                        value <- value + abs w * own
                        steep <- steep + abs w * slope
                | :? ScoreModifier.Rippled as rippled -> value <- value + abs rippled.Amplitude * unit * sqrt 2.0
                | :? ScoreModifier.Learned as learned ->
                    let struct (v, _) = learned.Function.OnLine(level, at)
                    let struct (steepest, _) = learned.Function.Bounds level
                    value <- abs v
                    steep <- steepest
                | :? ScoreModifier.Clipped as clipped ->
                    value <- value + (level.Mean * clipped.Radius + abs at) / noise
                    steep <- steep + 1.0 / noise
                | _ -> value <- infinity

            value, steep

        let value, steep = ofBranch score
        value + truth, steep + truthSteep

    let tails (law: LineLaw) = lazy (Curvature.tails law)
    let tailsOf = laws |> List.map (fun law -> law, tails law)

    /// −∇²ln p of a law beyond `at`, on the right or on the left.
    let curvatureBeyond (law: LineLaw) isRight at =
        match (tailsOf |> List.find (fun (own, _) -> Object.ReferenceEquals(own, law)) |> snd).Value with
        | None -> struct (Double.NegativeInfinity, Double.PositiveInfinity)
        | Some(left, right) ->
            let least, most =
                if isRight then
                    Curvature.beyond law right at
                else
                    Curvature.beyond (LineLaw.mirrored law) left -at

            struct (least, most)

    /// sup|e′| beyond `at`: a score's slope there is gain·(ln p)″ plus something in an interval.
    let steepestBeyond isRight at =
        let struct (least, most) = curvatureBeyond target isRight at

        let rec slopes (branch: Branch) : struct (float * float * float) =
            let mutable gain, low, high = 1.0, 0.0, 0.0

            match branch.Law with
            | None -> ()
            | Some law ->
                let struct (least, most) = curvatureBeyond law isRight at
                gain <- 0.0
                low <- -most
                high <- -least

            let scale c =
                let p, q = c * low, c * high
                gain <- c * gain
                low <- min p q
                high <- max p q

            for modifier, parts in branch.Steps do
                match modifier with
                | :? ScoreModifier.Shifted -> ()
                | :? ScoreModifier.Scaled as scaled -> scale scaled.Factor
                | :? ScoreModifier.Blended as blend ->
                    scale blend.Weight

                    for w, part in parts do
                        let struct (g, p, q) = slopes part
                        gain <- gain + w * g
                        low <- low + min (w * p) (w * q)
                        high <- high + max (w * p) (w * q)
                | :? ScoreModifier.Rippled as rippled ->
                    let steep = abs (rippled.Amplitude * rippled.Frequency) * unit * sqrt 2.0
                    low <- low - steep
                    high <- high + steep
                | :? ScoreModifier.Learned as learned ->
                    let struct (steepest, _) = learned.Function.Bounds level
                    gain <- 0.0
                    low <- -steepest
                    high <- steepest
                | :? ScoreModifier.Clipped ->
                    // The denoiser goes on or stands still: the score's slope is what it was, or −1/σ².
                    let still = -1.0 / noise
                    low <- min still (low + min (-gain * least) (-gain * most))
                    high <- max still (high + max (-gain * least) (-gain * most))
                    gain <- 0.0
                | _ ->
                    low <- Double.NegativeInfinity
                    high <- Double.PositiveInfinity

            struct (gain, low, high)

        let struct (gain, low, high) = slopes score
        let own = 1.0 - gain
        let p, q = own * least, own * most
        max (abs (low + min p q)) (abs (high + max p q)) * (1.0 + 1e-12)

    member _.Score = score

    /// The target's law and all that the score has.
    member _.Laws = laws

    member _.Growth at = growth at
    member _.SteepestBeyond(isRight, at) = steepestBeyond isRight at
