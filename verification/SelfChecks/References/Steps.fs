/// One step, each method from its own paper: Euler's step, the posterior, the denoiser, Heun's two slopes.
module Sgm.Verification.References.Steps

open System.Collections.Generic
open Sgm
open Sgm.Verification.References.Course

let private each f (x: float[]) (s: float[]) : float[] = Array.map2 f x s

/// The denoiser E[X₀ | x] = (x + σ²·s)/m that a score stands for.
let private denoised at = each (fun x s -> (x + at.Sigma * at.Sigma * s) / at.M)

let private modified dimension at modifier (x: float[]) (s: float[]) =
    match modifier with
    | Shifted a -> s |> Array.map (fun v -> v + a / sqrt (float dimension))
    | Scaled c -> s |> Array.map (fun v -> c * v)
    | Rippled(a, w) -> each (fun x v -> v + a / sqrt (float dimension) * sqrt 2.0 * sin (w * x)) x s
    | Clipped radius ->
        let d = denoised at x s
        let length = sqrt (Array.sumBy (fun v -> v * v) d)
        let kept = if length > radius then d |> Array.map (fun v -> v * radius / length) else d
        each (fun x d -> (at.M * d - x) / (at.Sigma * at.Sigma)) x kept

/// s(x, level): the score of a law, and the modifiers from left to right, in a space of so many dimensions. A function of the
/// level that remembers the levels that it has met.
let estimate dimension (law: Density.Law) modifiers =
    let known = Dictionary<Level, float[] -> float[]>()

    fun at ->
        match known.TryGetValue at with
        | true, found -> found
        | _ ->
            let exact = Density.score (Density.noised at law)
            let found x = (exact x, modifiers) ||> List.fold (fun s modifier -> modified dimension at modifier x s)
            known[at] <- found
            found

/// m′·D + (σ′/σ)·(x − m·D): the noise that the denoiser leaves, rescaled (DDIM; Song et al. 2021, equation 12 with η = 0).
let private deterministic upper lower = each (fun x d -> lower.M * d + lower.Sigma / upper.Sigma * (x - upper.M * d))

/// Karras et al. 2022, algorithm 1, in y = x/m against ρ = σ/m.
let private heun score upper lower x =
    let rho, rho' = upper.Sigma / upper.M, lower.Sigma / lower.M

    let slope at rho y =
        let x = Array.map ((*) at.M) y in each (fun y d -> (y - d) / rho) y (denoised at x (score at x))

    let y = x |> Array.map (fun v -> v / upper.M)
    let first = slope upper rho y
    let guess = each (fun y k -> y + (rho' - rho) * k) y first

    let last =
        if lower.Sigma = 0.0 then
            guess
        else
            let mean = each (fun a b -> (a + b) / 2.0) first (slope lower rho' guess)
            each (fun y k -> y + (rho' - rho) * k) y mean

    last |> Array.map ((*) lower.M)

/// What a step does to the state apart from its noise, and the deviation of its noise in every coordinate.
let move forward score event : (float[] -> float[]) * float =
    match event with
    | Look _ -> id, 0.0
    | Correction(h, at) -> (fun x -> each (fun x s -> x + h * s) x (score at x)), sqrt (2.0 * h)
    | Prediction(method, gamma, upper, lower) ->
        let euler growth pull = fun x -> each (fun x s -> growth * x + pull * s) x (score upper x)
        let denoiser x = denoised upper x (score upper x)

        match forward, method with
        // dx = s dw + dB with w = σ², the score frozen: one formula for both.
        | Ve, (EulerMaruyama | Exponential) -> euler 1.0 gamma, sqrt gamma
        // dx = (x + 2s) dr + √2 dB.
        | Vp, EulerMaruyama -> euler (1.0 + gamma) (2.0 * gamma), sqrt (2.0 * gamma)
        // Variation of constants: x·e^γ + 2s·∫₀^γ e^r dr, noise 2·∫₀^γ e^(2r) dr.
        | Vp, Exponential -> euler (exp gamma) (2.0 * (exp gamma - 1.0)), sqrt (exp (2.0 * gamma) - 1.0)
        | _, Ancestral ->
            // The law of the lower level given the upper state and the data (Ho et al. 2020, equations 6 and 7).
            let shrink = upper.M / lower.M
            let before, after = lower.Sigma ** 2.0, upper.Sigma ** 2.0
            let added = after - shrink ** 2.0 * before
            let ofState = shrink * before / after
            let ofData = lower.M * added / after
            (fun x -> each (fun x d -> ofState * x + ofData * d) x (denoiser x)), sqrt (before * added / after)
        | _, Flow -> (fun x -> deterministic upper lower x (denoiser x)), 0.0
        | _, FlowHeun -> heun score upper lower, 0.0
