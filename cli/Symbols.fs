/// Discrete diffusion in words.
module Sgm.Cli.Symbols

open System
open Sgm.Engine

let private states (law: FiniteTarget) =
    if law.States > 9e15 then
        $"{law.Symbols}^{law.Dimension} states"
    else
        $"{law.Symbols}^{law.Dimension} = {Words.count (int64 law.States)} states"

/// What the exact law goes through.
let visits (own: FiniteProcess) =
    match own.Target, own.RatesOf with
    | (:? FiniteProduct), (:? FiniteProduct) -> "one coordinate of each kind, as they are independent"
    | _ when own.Sampler = FiniteSampler.Uniformisation -> $"{states own.Target}, once a coordinate"
    | _ -> $"all pairs of {states own.Target}, once a step"

let private law (own: FiniteTarget) =
    let kind =
        match own with
        | :? FiniteProduct -> "independent symbols"
        | _ -> "a law of symbols by its masses"

    $"{kind}, {states own}"

/// What runs, in lines with labels.
let lines (own: FiniteProcess) =
    let first, last = own.Times[0], own.Times[own.Times.Length - 1]

    let skewed =
        if own.Bias = 0.0 then
            ""
        else
            $", times e^(±{Words.number own.Bias}), + for even coordinates"

    let rates =
        if obj.ReferenceEquals(own.Target, own.RatesOf) then
            "λ = p_t(x + c·e_i)/(S·p_t(x)) of the target"
        else
            $"λ = π_t(x + c·e_i)/(S·π_t(x)), π {law own.RatesOf}"

    let step =
        match own.Sampler with
        | FiniteSampler.Euler -> "x_i ← x_i + c mod S with probability h·λ_{i,c}, all i at once"
        | FiniteSampler.TauLeaping -> "x_i ← x_i + Σ c·N_{i,c} mod S, N_{i,c} Poisson of mean h·λ_{i,c}, all i at once"
        | _ -> "the reverse process in continuous time"

    [
        "target", law own.Target
        "rates", rates + skewed
        "start",
        (if own.IsWarm then
             $"the target at t = {Words.number first}"
         else
             "uniform symbols")
        "times", $"{own.Times.Length - 1} steps from t = {Words.number first} to {Words.number last}"
        "step", step
    ]
