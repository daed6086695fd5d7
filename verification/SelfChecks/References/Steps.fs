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
    | Temperature k -> s |> Array.map (fun v -> v / k)
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

/// The denoiser at a point y = x/m of a level.
let denoisedAt score at (y: float[]) =
    let x = y |> Array.map ((*) at.M)
    denoised at x (score at x)

/// The flow dy/dρ = (y − D)/ρ in y = x/m against ρ = σ/m: what a step sees of it, with the slope at (ρ, y).
type private Course =
    {
        Rho: float
        Down: float
        Slope: float -> float[] -> float[]
        Denoiser: float -> float[] -> float[]
    }

let private along step = each (fun y k -> y + step * k)

/// Karras et al. 2022, algorithm 1.
let private heun flow y =
    let first = flow.Slope flow.Rho y
    let guess = along (flow.Down - flow.Rho) y first

    if flow.Down = 0.0 then
        guess
    else
        let mean = each (fun a b -> (a + b) / 2.0) first (flow.Slope flow.Down guess)
        along (flow.Down - flow.Rho) y mean

/// DPM-Solver-2: the slope at the geometric mean of the two ρ.
let private midpoint flow y =
    let guess rho = along (rho - flow.Rho) y (flow.Slope flow.Rho y)

    if flow.Down = 0.0 then
        guess 0.0
    else
        let middle = exp ((log flow.Rho + log flow.Down) / 2.0)
        along (flow.Down - flow.Rho) y (flow.Slope middle (guess middle))

/// DPM-Solver++(2S) in t = −ln ρ: the denoiser at t + h/2.
let private singleStep flow y =
    let decayed h y d = each (fun y d -> exp -h * y + (1.0 - exp -h) * d) y d

    if flow.Down = 0.0 then
        flow.Denoiser flow.Rho y
    else
        let h = log (flow.Rho / flow.Down)
        let half = decayed (h / 2.0) y (flow.Denoiser flow.Rho y)
        decayed h y (flow.Denoiser (flow.Rho * exp (-h / 2.0)) half)

/// k-diffusion's ancestral step: the flow's method down to ρ_d, then the noise ρ_u, in y.
let ancestral eta rho rho' =
    let up = eta * rho' / rho * sqrt (rho * rho - rho' * rho')
    sqrt (rho' * rho' - up * up), up

let private down eta upper lower = ancestral eta (upper.Sigma / upper.M) (lower.Sigma / lower.M)

/// The level with this σ/m, where it is none of the ends.
let between forward (upper: Level) (lower: Level) rho =
    if rho = upper.Sigma / upper.M then
        upper
    elif rho = lower.Sigma / lower.M then
        lower
    else
        match forward with
        | Ve -> { M = 1.0; Sigma = rho }
        | Vp -> { M = 1.0 / sqrt (1.0 + rho * rho); Sigma = rho / sqrt (1.0 + rho * rho) }
        | Rectified -> { M = 1.0 / (1.0 + rho); Sigma = rho / (1.0 + rho) }
        // 1/m − m = ρ.
        | SubVp ->
            let m = sqrt (1.0 + rho * rho / 4.0) - rho / 2.0
            { M = m; Sigma = rho * m }
        | LevelsOf _ -> { M = 1.0; Sigma = rho }

/// A method of the flow down to the level that the noise share η leaves, and that noise.
let private flows forward score eta upper lower step =
    let reached, up = down eta upper lower

    let denoiserAt rho y = denoisedAt score (between forward upper lower rho) y

    let flow =
        {
            Rho = upper.Sigma / upper.M
            Down = reached
            Slope = fun rho y -> each (fun y d -> (y - d) / rho) y (denoiserAt rho y)
            Denoiser = denoiserAt
        }

    (fun x -> x |> Array.map (fun v -> v / upper.M) |> step flow |> Array.map ((*) lower.M)), lower.M * up

/// A method of the flow by its word, between any two levels.
let moveFrom forward score word upper lower =
    match word with
    | "flow" -> (fun x -> deterministic upper lower x (denoised upper x (score upper x))), 0.0
    | "flowHeun" -> flows forward score 0.0 upper lower heun
    | "dpm2" -> flows forward score 0.0 upper lower midpoint
    | "dpmpp2s" -> flows forward score 0.0 upper lower singleStep
    | other -> invalidOp $"'{other}' is no method of the flow"

/// What a step does to the state apart from its noise, and the deviation of its noise in every coordinate. Methods of the
/// catalogue have theirs here; a user's own lines are read by nobody else.
let move forward score event : (float[] -> float[]) * float =
    match event with
    | Look _ -> id, 0.0
    | Adjusted step -> invalidOp $"'{step.Word}' is no map and a noise"
    | Correction(h, at) -> (fun x -> each (fun x s -> x + h * s) x (score at x)), sqrt (2.0 * h)
    | Kinetic _
    | Rest
    | Midpoint _ -> invalidOp "a step of several states or draws"
    | Prediction(method, gamma, upper, lower, _) ->
        let euler growth pull = fun x -> each (fun x s -> growth * x + pull * s) x (score upper x)
        let denoiser x = denoised upper x (score upper x)

        // Of the lower level given the upper state and the data (Ho et al. 2020, equations 6 and 7).
        let shrink = upper.M / lower.M
        let before, after = lower.Sigma ** 2.0, upper.Sigma ** 2.0
        let added = after - shrink ** 2.0 * before

        let posterior x =
            let ofState = shrink * before / after
            let ofData = lower.M * added / after
            each (fun x d -> ofState * x + ofData * d) x (denoiser x)

        let flows = fun eta step -> flows forward score eta upper lower step

        match forward, method.Word, List.map float method.Arguments with
        // dx = s dw + dB with w = σ², the score frozen: one formula for all.
        | Ve, ("eulerMaruyama" | "exponential" | "relative" | "reverseDiffusion"), _ -> euler 1.0 gamma, sqrt gamma
        // dx = (x + 2s) dr + √2 dB.
        | Vp, "eulerMaruyama", _ -> euler (1.0 + gamma) (2.0 * gamma), sqrt (2.0 * gamma)
        // dX = −X dt + g dB with g² = 2(1 − e^(−4t)) (Song et al. 2021, equation 29), m = e^(−t).
        | SubVp, "eulerMaruyama", _ ->
            let g2 = 2.0 * (1.0 - upper.M ** 4.0)
            euler (1.0 + gamma) (gamma * g2), sqrt (gamma * g2)
        // dX = (ln m)′·X dt + g dB with g² = (σ²)′ − 2(ln m)′·σ².
        | Rectified, "eulerMaruyama", _ ->
            let rate = -1.0 / upper.M
            let g2 = 2.0 * upper.Sigma - 2.0 * rate * upper.Sigma ** 2.0
            euler (1.0 - gamma * rate) (gamma * g2), sqrt (gamma * g2)
        // Variation of constants: x·e^γ + 2s·∫₀^γ e^r dr, noise 2·∫₀^γ e^(2r) dr.
        | Vp, "exponential", _ -> euler (exp gamma) (2.0 * (exp gamma - 1.0)), sqrt (exp (2.0 * gamma) - 1.0)
        // dx = (−x + 2(s + x)) dr + √2 dB with s + x frozen.
        | Vp, "relative", _ ->
            (fun x -> each (fun x s -> exp -gamma * x + 2.0 * (1.0 - exp -gamma) * (s + x)) x (score upper x)),
            sqrt (1.0 - exp (-2.0 * gamma))
        // The forward chain has x ← √(1 − β)·x + √β·ξ (Song et al. 2021, equation 46).
        | Vp, "reverseDiffusion", _ -> euler (2.0 - shrink) (1.0 - shrink ** 2.0), sqrt (1.0 - shrink ** 2.0)
        | _, "ancestral", _ -> posterior, sqrt (before * added / after)
        | _, "ddpmLarge", _ -> posterior, (if lower.Sigma = 0.0 then 0.0 else sqrt added)
        | _, "ancestralEta", [ eta ] ->
            // Song, Meng & Ermon 2021, equation 12, with their σ_t = η times the posterior's deviation.
            let noise = eta * sqrt (before * added / after)
            let left = sqrt (before - noise ** 2.0)
            let step x d = lower.M * d + left * (x - upper.M * d) / upper.Sigma
            (fun x -> each step x (denoiser x)), noise
        | _, ("flow" | "flowHeun" | "dpm2" | "dpmpp2s"), _ -> moveFrom forward score method.Word upper lower
        | _, "dpm2Ancestral", [ eta ] -> flows eta midpoint
        | _, "dpmpp2sAncestral", [ eta ] -> flows eta singleStep
        | _, word, _ -> invalidOp $"'{word}' has no second reading"
