/// Bounds of τ-leaping that know the sampler's times and rates and nothing of its steps: README.md of this folder has the proofs.
module Sgm.Verification.Theorems.ZhangBounds

open Sgm.Engine
open Sgm.Verification.Certificates

/// KL(p_T‖q_T) + KL(p_δ‖u) − KL(p_T‖u) − Σ h_k·I(t_k) + Σ h_k·B(t_k), of the independent parts together; for τ-leaping alone.
let entropies (process': FiniteProcess) =
    let struct (parts, _) = process'.Independent()
    let times = List.ofSeq process'.Times

    let ofPart (part: FinitePart) =
        let fromUniform t = FinitePath.fromUniform (FinitePath.noised t part.Target)
        let spent = fromUniform (List.last times) - fromUniform times.Head

        (spent, List.pairwise times)
        ||> List.fold (fun sum (t, next) ->
            let struct (production, loss) = FinitePath.production part t
            sum - (t - next) * production + (t - next) * loss)

    (FinitePath.start process' parts, parts) ||> Seq.fold (fun sum part -> sum + float part.Count * ofPart part)

/// ln(1 + S/(e^t − 1)): how far a rate may be from 1/S at time t, in logarithms.
let private reach symbols t = log (1.0 + symbols / (exp t - 1.0))

/// The bound of `zhang-2024-linear`, of any target on [S]^d, for τ-leaping with the exact rates up to e^(±b).
let closedForm (process': FiniteProcess) =
    let s, d = float process'.Target.Symbols, float process'.Dimension
    let times = Array.ofSeq process'.Times
    let f = reach s
    let steps = times |> Array.pairwise |> Array.map (fun (t, next) -> t - next)
    let last = times[times.Length - 1]
    // Of the steps that end above the data.
    let above = if last > 0.0 then steps.Length else steps.Length - 1

    let decreasing = seq { 1 .. above - 1 } |> Seq.sumBy (fun k -> max 0.0 (steps[k - 1] - steps[k]) * f times[k])

    let final =
        if last > 0.0 then
            steps[above - 1] * f last
        else
            let h = steps[above]

            h * log (1.0 + s / h)
            + s * log (1.0 + h / s)
            + (if above > 0 then steps[above - 1] * f times[above] else 0.0)

    let b = abs process'.Bias
    let even, odd = ceil (d / 2.0), floor (d / 2.0)
    let loss = even * (exp process'.Bias - 1.0 - process'.Bias) + odd * (exp -process'.Bias - 1.0 + process'.Bias)
    let start = if process'.IsWarm then 0.0 else exp -times[0] * log s

    // Rounding of a few hundred operations of terms ≥ 0.
    (d * start + (1.0 - 1.0 / s) * (d * (decreasing + final) + (times[0] - last) * (if b = 0.0 then 0.0 else loss)))
    * (1.0 + 1e-12)
