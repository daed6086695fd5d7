/// Zhang, Chen and Gu 2024: discrete diffusion in discrete time.
module Sgm.Verification.Theorems.ZhangDiscrete

open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Certificates
open Sgm.Verification.Scenarios

let private whole symbol s = int (value symbol s)

/// A number of [0, 1) of three whole ones, from the middle digits of a product of irrational ones.
let private hashed (seed: int) i salt =
    let x = sin (float seed * 12.9898 + float i * 78.233 + float salt * 37.719) * 43758.5453
    x - floor x

let private random salt (s: Setting) =
    let weights = [ for i in 0..26 -> -log(1.0 - 0.999 * hashed (whole "seed" s) i salt) + 1e-6 ]
    let sum = List.sum weights
    table 3 [ for w in weights -> w / sum ]

let private chain s = isingChain (whole "d" s) 0.5 0.2
let private equal s = independent [ whole "d" s, [ 0.8; 0.2 ] ]
let private even (s: Setting) = uniform (value "T" s) (value "δ" s) (whole "K" s)
let private biasedBy (s: Setting) = exactRates |> skewed (value "b" s)

let private run law clock given first jumps (s: Setting) (_refinement: int) =
    discrete {
        target (law s)
        times (clock s)
        rates (given s)
        start first
        sampler jumps
        measure [ tv; kl ]
    }

let private base' = setting [ "T", 3.0; "δ", 0.1; "K", 32.0; "d", 5.0; "b", 0.0 ]
let private stepsAxis counts = axis "K" "number of steps" (fun _ -> counts)
let private biasAxis = axis "b" "rates times e^(±b)" (fun _ -> [ 0.0; 0.1; 0.4 ]) |> quickly [ 0.4 ]
let private stopAxis = axis "δ" "where the time stops" (fun _ -> [ 0.3; 0.1; 0.01; 0.0 ]) |> quickly [ 0.0 ]

let private ofChain name description law times jumps axes =
    scenario name description (run law times biasedBy prior jumps) [ base' ] axes

let private leaping =
    ofChain
        "τ-leaping on an Ising chain"
        "J = ½, b = 0.2, equal steps of time from uniform symbols."
        chain
        even
        tauLeaping
        [
            stepsAxis [ 8.0; 16.0; 64.0; 256.0 ] |> quickly [ 8.0; 64.0 ]
            axis "d" "number of spins" (fun _ -> [ 2.0; 4.0; 6.0; 8.0 ]) |> quickly [ 2.0; 7.0 ]
            biasAxis
            stopAxis
        ]

let private separate =
    ofChain
        "τ-leaping on independent symbols"
        "So many with the law (0.8, 0.2)."
        equal
        (fun s -> even (changed s [ "T", 4.0; "K", 4.0 * value "K" s ]))
        tauLeaping
        [
            axis "d" "number of symbols" (fun effort -> [ 10.0; 1e3 ] @ (if effort = Full then [ 1e6 ] else []))
            |> quickly [ 10.0; 1e3 ]
        ]

let private euler =
    ofChain
        "Euler's jumps on an Ising chain"
        "The same with steps in proportion to the time."
        chain
        (fun s -> geometric (value "T" s) (max 0.01 (value "δ" s)) (whole "K" s))
        eulerJumps
        [ stepsAxis [ 16.0; 64.0; 256.0 ] |> quickly [ 16.0; 64.0 ]; biasAxis |> later ]

let private learned =
    scenario
        "rates of another law"
        "Random masses on 3³ states, the rates those of others; reverse process and τ-leaping in turn."
        (fun s ->
            let jumps = if whole "seed" s % 2 = 0 then uniformisation else tauLeaping
            run (random 1) even (random 2 >> ratesOf) prior jumps s)
        [ Map.add "seed" 1.0 base' ]
        [ axis "seed" "number of the pair" (fun _ -> [ 1.0 .. 12.0 ]) |> quickly [ 1.0; 2.0; 3.0 ] ]

let private process' (trial: Trial) = trial.Subject.Plan.Finite

let private certificate (runner: Runner) (trial: Trial) =
    Certificate.ofPlan runner.Cancellation trial.Subject.Plan |> Result.map List.last

/// What is known of the law at the end: TV, and KL(p_δ‖q) where the law says it, against a bound of the latter.
let private ends runner (trial: Trial) r =
    Measure.law runner trial.Subject.Plan
    |> Result.map (fun law ->
        [
            PathRule.againstTotalVariation law r
            match FiniteLaw.Reverse law with
            | null -> ()
            | measured -> { What = "KL(p‖q)"; Measured = measured; Bound = r }
        ])

let private byCertificate: Evidence =
    fun runner trial ->
        attempt {
            let! found = certificate runner trial
            let r = found.KlReverse.Value
            let! measured = ends runner trial r

            let entropies =
                if (process' trial).Sampler = FiniteSampler.TauLeaping then
                    let bound = ZhangBounds.entropies (process' trial)

                    [
                        {
                            What = "the bound by the laws of steps, against the one by entropies"
                            Measured = Estimate.Exact(r, max 0.0 (r - 1e-9 * (1.0 + r)), r, "certificate")
                            Bound = bound.High
                        }
                    ]
                else
                    []

            return entropies @ measured
        }

let private closed: Evidence = fun runner trial -> ends runner trial (ZhangBounds.closedForm (process' trial))

let private isOfThese =
    Assumption.ofResult "steps of τ-leaping with the exact rates, up to e^(±b), from uniform symbols" (fun subject ->
        match subject.Plan.Finite with
        | null -> Error "it has none"
        | own when own.Sampler <> FiniteSampler.TauLeaping -> Error $"the sampler is {own.Sampler}"
        | own when not (obj.ReferenceEquals(own.Target, own.RatesOf)) -> Error "the rates are those of another law"
        | own when own.IsWarm -> Error "the start is the law at T"
        | own -> Ok $"{own.Steps} steps, b = {own.Bias:g3}")

let private order words jumps law times counts =
    {
        Axis = "K"
        Exponent = Exactly -1.0
        IsExponential = false
        Of = words
        Quantity = atEnd Metric.Tv
        Scenario =
            scenario words "From the law at T." (run law times biasedBy warm jumps) [ base' ] [ stepsAxis counts ]
    }

let private along words exponent axis law counts =
    {
        Axis = axis
        Exponent = exponent
        IsExponential = false
        Of = words
        Quantity =
            fun runner trial ->
                certificate runner trial
                |> Result.map (fun found ->
                    let r = found.KlReverse.Value
                    Estimate.Exact(r, r * (1.0 - 1e-9), r, "certificate"))
        Scenario =
            scenario
                words
                "Equal steps of time from uniform symbols."
                (run law even biasedBy prior tauLeaping)
                [ base' ]
                [ Scenarios.axis axis "number of symbols, or of their bonds" (fun _ -> counts) ]
    }

let private toData s = even (Map.add "δ" 0.0 s)

let private source claim = Papers.companion "Zhang, Chen and Gu 2024" "arXiv 2410.02321" claim

/// The path certificate.
let path =
    {
        Id = "zhang-2024-path"
        Title = "Discrete diffusion along its path"
        Statement =
            "On [S]^d, every coordinate refreshed at rate 1: KL(p_δ‖q) ≤ KL(p_T‖u) + Σ κ_k, κ_k = E KL(reverse step‖the sampler's "
            + "step) under p, and for τ-leaping Σ κ_k ≤ KL(p_δ‖u) − KL(p_T‖u) − Σ h_k·I(t_k) + Σ h_k·B(t_k), I(t) = −d/dt KL(p_t‖u), "
            + "B(t) = Σ E [λ ln(λ/λ̂) − λ + λ̂]; KL(p_T‖u) ≤ e^(−T)·KL(p_0‖u). TV of τ-leaping and of Euler's jumps is of order h."
        Source = source "discrete time, with a score held over every step"
        Stance = Guarantee
        Assumptions = [ Assumption.onSymbols ]
        Metric = Metric.Kl
        Evidence = byCertificate
        Scenarios = [ leaping; separate; euler; learned ]
        Rates =
            [
                order "TV of τ-leaping" tauLeaping chain even [ 32.0; 64.0; 128.0; 256.0 ]
                order "TV of τ-leaping to the data" tauLeaping chain toData [ 32.0; 64.0; 128.0; 256.0 ]
                order "TV of Euler's jumps" eulerJumps chain even [ 64.0; 128.0; 256.0; 512.0 ]
            ]
        Reading =
            "The bound of KL is of order h where KL itself is of order h²: along a path errors of a step do not cancel. The loss B of "
            + "the rates enters by its own formula and nothing else."
    }

/// The closed form.
let linear =
    {
        Id = "zhang-2024-linear"
        Title = "Linear in the dimension"
        Statement =
            "For every law on [S]^d and τ-leaping with the exact rates in K equal steps from T to δ > 0, KL(p_δ‖q) ≤ d·[e^(−T)·ln S + "
            + "(1 − 1/S)·h·ln(1 + S/(e^δ − 1))]; down to the data the last step costs (1 − 1/S)·(h·ln(1 + S/h) + S·ln(1 + h/S)) in "
            + "place of its part. Rates times e^(±b) add (T − δ)·(1 − 1/S)·Σ (e^(b_i) − 1 − b_i)."
        Source = source "a number of steps that is nearly linear in d"
        Stance = Guarantee
        Assumptions = [ Assumption.onSymbols; isOfThese ]
        Metric = Metric.Kl
        Evidence = closed
        Scenarios = [ leaping; separate ]
        Rates =
            [
                along "the certificate of independent symbols" (Exactly 1.0) "d" equal [ 1e2; 1e3; 1e4; 1e5 ]
                // One spin without a field is uniform: what there is to learn is in the bonds.
                along
                    "the certificate of an Ising chain"
                    (AtMost 1.0)
                    "n"
                    (fun s -> isingChain (1 + whole "n" s) 0.5 0.0)
                    [ 2.0; 4.0; 6.0; 8.0; 10.0 ]
            ]
        Reading =
            "No constant of the target is in it, and no smoothness: the reverse intensities of shifts are martingales, and entropy "
            + "production is monotone."
    }
