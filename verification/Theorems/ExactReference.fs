/// What a sampler does to a normal law, computed from the experiment's words alone: levels, schedules and kernels are spelled
/// here a second time, from the papers' own formulas (posterior, denoiser, Euler step) and not as tableaux. It shares no code
/// with `Lower`, `Kernel` or the engine, so that an error in one of them shows.
module Sgm.Verification.Theorems.ExactReference

open Sgm

/// A noise level: m, σ.
type private Level = { M: float; Sigma: float }

/// One coordinate of the state, N(Mean, Variance).
type Moments = { Mean: float; Variance: float }

/// x ↦ Slope·x + Offset.
type private Affine = { Slope: float; Offset: float }

/// The data N(Mean, Variance) in every coordinate of ℝᵈ.
type Data = { Mean: float; Variance: float; Dimension: int }

let private level forward parameter =
    match forward with
    | Vp -> { M = exp -parameter; Sigma = sqrt (1.0 - exp (-2.0 * parameter)) }
    | Ve -> { M = 1.0; Sigma = parameter }

let private parameters schedule =
    let along n f = [ for i in 0..n -> f (float i / float n) ]

    match schedule with
    | Uniform(a, b, n) -> along n (fun u -> a * (1.0 - u) + b * u)
    | Geometric(a, b, n) -> along n (fun u -> exp ((1.0 - u) * log a + u * log b))
    | Karras(rho, a, b, n) -> along n (fun u -> ((1.0 - u) * a ** (1.0 / rho) + u * b ** (1.0 / rho)) ** rho)
    | Levels listed -> listed

/// The score estimate at a level: −(x − m·μ)/(m²v + σ²), then the modifiers; None for one that is not affine.
let private score data (scored: Data) modifiers at =
    let variance = at.M * at.M * scored.Variance + at.Sigma * at.Sigma
    let exact = { Slope = -1.0 / variance; Offset = at.M * scored.Mean / variance }

    (Some exact, modifiers)
    ||> List.fold (fun found modifier ->
        match found, modifier with
        | Some s, Shifted a -> Some { s with Offset = s.Offset + a / sqrt (float data.Dimension) }
        | Some s, Scaled c -> Some { Slope = c * s.Slope; Offset = c * s.Offset }
        | _ -> None)

/// The denoiser E[X₀ | x] = (x + σ²·s(x))/m that a score stands for.
let private denoiser at s =
    let square = at.Sigma * at.Sigma
    { Slope = (1.0 + square * s.Slope) / at.M; Offset = square * s.Offset / at.M }

/// The law of slope·x + offset + N(0, noise).
let private push map noise (state: Moments) : Moments =
    {
        Mean = map.Slope * state.Mean + map.Offset
        Variance = map.Slope * map.Slope * state.Variance + noise
    }

/// x + h·s(x) + √(2h)·ξ.
let private langevin h s = push { Slope = 1.0 + h * s.Slope; Offset = h * s.Offset } (2.0 * h)

/// The reverse SDE over a time γ with its score frozen: dx = (x + 2s)dr + √2 dB (vp), dx = s dw + dB with w = σ² (ve).
let private reverseSde forward method upper lower gamma s =
    match forward, method with
    | Ve, _ ->
        let added = upper.Sigma * upper.Sigma - lower.Sigma * lower.Sigma
        push { Slope = 1.0 + added * s.Slope; Offset = added * s.Offset } added
    | Vp, EulerMaruyama ->
        push { Slope = 1.0 + gamma * (1.0 + 2.0 * s.Slope); Offset = 2.0 * gamma * s.Offset } (2.0 * gamma)
    | Vp, _ ->
        // Variation of constants: x·e^γ + 2s·∫₀^γ e^r dr, noise 2·∫₀^γ e^(2r) dr.
        let integral = exp gamma - 1.0

        push
            { Slope = exp gamma + 2.0 * integral * s.Slope; Offset = 2.0 * integral * s.Offset }
            (exp (2.0 * gamma) - 1.0)

/// DDPM: the law of the lower level given the upper state and the denoised data (Ho et al. 2020, equations 6 and 7).
let private posterior upper lower d =
    let shrink = upper.M / lower.M
    let added = upper.Sigma ** 2.0 - shrink ** 2.0 * lower.Sigma ** 2.0
    let ofState = shrink * lower.Sigma ** 2.0 / upper.Sigma ** 2.0
    let ofData = lower.M - ofState * upper.M

    push
        { Slope = ofState + ofData * d.Slope; Offset = ofData * d.Offset }
        (lower.Sigma ** 2.0 * added / upper.Sigma ** 2.0)

/// DDIM: the noise that the denoiser leaves, rescaled (Song et al. 2021, equation 12 with η = 0): m′·D + (σ′/σ)·(x − m·D).
let private deterministic upper lower d =
    let kept = lower.Sigma / upper.Sigma
    let ofData = lower.M - kept * upper.M
    { Slope = kept + ofData * d.Slope; Offset = ofData * d.Offset }

/// Heun's method in y = x/m against ρ = σ/m (Karras et al. 2022, algorithm 1).
let private heun upper lower d dLower =
    let euler = deterministic upper lower d

    if lower.Sigma = 0.0 then
        euler
    else
        let rho, rhoLower = upper.Sigma / upper.M, lower.Sigma / lower.M
        // y = x/m_upper; every slope below is an affine function of x.
        let y = { Slope = 1.0 / upper.M; Offset = 0.0 }
        let first = { Slope = (y.Slope - d.Slope) / rho; Offset = -d.Offset / rho }
        let guess = { Slope = euler.Slope / lower.M; Offset = euler.Offset / lower.M }

        let second =
            {
                Slope = (guess.Slope - dLower.Slope * euler.Slope) / rhoLower
                Offset = (guess.Offset - dLower.Slope * euler.Offset - dLower.Offset) / rhoLower
            }

        let step = (rhoLower - rho) / 2.0

        {
            Slope = lower.M * (y.Slope + step * (first.Slope + second.Slope))
            Offset = lower.M * step * (first.Offset + second.Offset)
        }

/// The state after a pipeline, with the level where it stands; None when a score on the way is not affine.
let rec private run (experiment: Experiment) data scored (state: Moments, at, transition) pipeline =
    let scoreAt where = score data scored experiment.Score.Modifiers where
    let recurse place part = run experiment data scored place part

    match pipeline with
    | Pipeline.Probe _ -> Some(state, at, transition)
    | Sequence parts ->
        (Some(state, at, transition), parts)
        ||> List.fold (fun found part -> Option.bind (fun place -> recurse place part) found)
    | Repeat(times, body) ->
        (Some(state, at, transition), [ 1..times ])
        ||> List.fold (fun found _ -> Option.bind (fun place -> recurse place body) found)
    | Corrector method ->
        let h =
            match method with
            | Langevin h -> h
            | LangevinScaled c -> c * at.Sigma * at.Sigma

        scoreAt at |> Option.map (fun s -> langevin h s state, at, transition)
    | Predictor method ->
        match transition, scoreAt at with
        | Some(gamma, lower), Some s ->
            let d = denoiser at s

            let next =
                match method with
                | EulerMaruyama
                | Exponential -> Some(reverseSde experiment.Forward method at lower gamma s state)
                | Ancestral -> Some(posterior at lower d state)
                | Flow -> Some(push (deterministic at lower d) 0.0 state)
                | FlowHeun ->
                    scoreAt lower |> Option.map (fun below -> push (heun at lower d (denoiser lower below)) 0.0 state)

            next |> Option.map (fun moved -> moved, lower, None)
        | _ -> None
    | Anneal(schedule, body) ->
        let moves = Sgm.Pipeline.moves body

        (Some(state, at, transition), List.pairwise (parameters schedule))
        ||> List.fold (fun found (above, below) ->
            let upper, lower = level experiment.Forward above, level experiment.Forward below

            found
            |> Option.bind (fun (now, _, _) ->
                let place = if moves then now, upper, Some(above - below, lower) else now, lower, None

                recurse place body)
            |> Option.map (fun (now, _, _) -> now, lower, None))

/// The first level of the first anneal.
let rec private firstLevel pipeline =
    match pipeline with
    | Anneal(schedule, _) -> Some(List.head (parameters schedule))
    | Sequence parts -> List.tryPick firstLevel parts
    | Repeat(_, body) -> firstLevel body
    | _ -> None

/// N(μ, v) in every coordinate: as one normal law, or as a mixture of copies of it.
let rec private normalData target =
    match target with
    | Normal(mean, variance) when List.forall ((=) mean.Head) mean ->
        Some { Mean = mean.Head; Variance = variance; Dimension = mean.Length }
    | Standard d -> Some { Mean = 0.0; Variance = 1.0; Dimension = d }
    | Mixture components ->
        match components |> List.map (snd >> normalData) |> List.distinct with
        | [ one ] -> one
        | _ -> None
    | Product [ count, part ] ->
        normalData part |> Option.map (fun one -> { one with Dimension = count * one.Dimension })
    | _ -> None

/// The law of every coordinate at the end, and of the target there; None beyond normal data with an affine score.
let finalMoments (experiment: Experiment) : (Moments * Moments * Data) option =
    let scoredLaw =
        match experiment.Score.Base with
        | Exact -> Some experiment.Target
        | ScoreOf law -> Some law
        | ScoreMatching _
        | KernelDensity _ -> None

    match normalData experiment.Target, Option.bind normalData scoredLaw with
    | Some data, Some scored ->
        let first =
            match firstLevel experiment.Sampler with
            | Some parameter -> level experiment.Forward parameter
            | None -> { M = 1.0; Sigma = 0.0 }

        let noised at : Moments =
            { Mean = at.M * data.Mean; Variance = at.M * at.M * data.Variance + at.Sigma * at.Sigma }

        let start: Moments option =
            match experiment.Start, experiment.Forward with
            | Prior, Vp -> Some { Mean = 0.0; Variance = 1.0 }
            | Prior, Ve -> Some { Mean = 0.0; Variance = first.Sigma * first.Sigma }
            | From law, _ -> normalData law |> Option.map (fun q -> { Mean = q.Mean; Variance = q.Variance })
            | Point coordinates, _ -> Some { Mean = coordinates.Head; Variance = 0.0 }
            | Warm, _ -> Some(noised first)

        start
        |> Option.bind (fun state -> run experiment data scored (state, first, None) experiment.Sampler)
        |> Option.map (fun (state, at, _) -> state, noised at, data)
    | _ -> None
