namespace Sgm

open System.Collections.Immutable
open Sgm.Engine

/// A kernel that leaves the law at the current level (nearly) invariant.
type CorrectorMethod =
    /// Unadjusted Langevin of step h.
    | Langevin of h: float
    /// Unadjusted Langevin of step h = c·σ² at a level with noise variance σ².
    | LangevinScaled of c: float

/// A kernel that moves the state from a level to a less noisy one.
type PredictorMethod =
    /// Euler–Maruyama for the reverse SDE.
    | EulerMaruyama
    /// The exponential integrator: the reverse SDE with its score frozen.
    | Exponential
    /// The posterior of the lower level given the upper one and the denoised state (DDPM; Ho et al. 2020).
    | Ancestral
    /// The probability flow ODE by Euler in x/m against σ/m (DDIM; Song et al. 2021).
    | Flow
    /// The same ODE by Heun's method (EDM; Karras et al. 2022, algorithm 1).
    | FlowHeun

/// The words for kernels.
[<AutoOpen>]
module KernelSyntax =
    let langevin h = Langevin h
    let langevinScaled c = LangevinScaled c
    let eulerMaruyama = EulerMaruyama
    let exponential = Exponential
    let ancestral = Ancestral
    let flow = Flow
    let flowHeun = FlowHeun

/// From one level to the next less noisy one.
type Transition =
    {
        Forward: Forward
        Upper: NoiseLevel
        Lower: NoiseLevel
    }

    /// The step in the process's own clock: t − t′ (vp), σ² − σ′² (ve).
    member this.Gamma =
        match this.Forward with
        | Vp -> this.Upper.Parameter - this.Lower.Parameter
        | Ve -> (this.Upper.Sigma - this.Lower.Sigma) * (this.Upper.Sigma + this.Lower.Sigma)

    /// r = m/m′ ≤ 1, the factor by which the forward process shrinks the state from lower to upper.
    member this.Shrink =
        match this.Forward with
        | Vp -> exp -this.Gamma
        | Ve -> 1.0

    /// σ² − r²σ′² > 0, the noise variance that the forward process adds from lower to upper, without cancellation.
    member this.AddedVariance =
        match this.Forward with
        | Vp -> -(RealFunctions.ExpM1(-2.0 * this.Gamma))
        | Ve -> this.Gamma

/// Every kernel as a tableau, one function a method, spelled as in the table of docs/language.md. A step that moves from a level to the
/// next is written with the denoiser D wherever its coefficients of x and D are of size 1: those of x and the score have size m′/m.
module Kernel =
    let private predictor name (t: Transition) a b c prediction =
        Tableau.OneStage(name, t.Upper, t.Lower, t.Upper, a, b, c, prediction)

    let private byScore name t a b c = predictor name t a b c Prediction.Score
    let private byDenoiser name t a b c = predictor name t a b c Prediction.Denoiser

    let private langevinStep name h (level: NoiseLevel) =
        Tableau.OneStage(name, level, level, level, 1.0, h, sqrt (2.0 * h))

    /// The tableau of a corrector at a level. Weak order 1 in h.
    let corrector method (level: NoiseLevel) =
        match method with
        | Langevin h -> langevinStep "langevin" h level
        | LangevinScaled c -> langevinStep "langevinScaled" (c * level.NoiseVariance) level

    /// 1 − r²σ′²/σ² ∈ (0, 1]: the share of the noise variance at the upper level that the forward process added since the lower one.
    let private addedShare (t: Transition) = t.AddedVariance / t.Upper.NoiseVariance

    /// r·(σ′/σ)² and m′·(1 − r²σ′²/σ²): the mean of the lower level's state given the upper one's and the data.
    let private posterior name (t: Transition) noise =
        let ratio = t.Lower.Sigma / t.Upper.Sigma
        byDenoiser name t (t.Shrink * ratio * ratio) (t.Lower.Mean * addedShare t) noise

    /// Under ve the reverse SDE by Euler, x + γ·s + √γ·ξ, has the posterior's drift.
    let private exploding name (t: Transition) = posterior name t (sqrt t.Gamma)

    let private eulerMaruyama (t: Transition) =
        match t.Forward with
        | Vp -> byScore "eulerMaruyama" t (1.0 + t.Gamma) (2.0 * t.Gamma) (sqrt (2.0 * t.Gamma))
        | Ve -> exploding "eulerMaruyama" t

    let private exponential (t: Transition) =
        match t.Forward with
        | Vp ->
            let growth = RealFunctions.ExpM1 t.Gamma
            byScore "exponential" t (1.0 + growth) (2.0 * growth) (sqrt (RealFunctions.ExpM1(2.0 * t.Gamma)))
        | Ve -> exploding "exponential" t

    let private ancestral (t: Transition) = posterior "ancestral" t (t.Lower.Sigma * sqrt (addedShare t))

    /// κ = ρ′/ρ with ρ = σ/m, and 1 − κ = (1 − κ²)/(1 + κ), which does not cancel.
    let private ratios (t: Transition) =
        let kept = t.Shrink * t.Lower.Sigma / t.Upper.Sigma
        kept, addedShare t / (1.0 + kept)

    /// With y = x/m: y′ = κ·y + (1 − κ)·D.
    let private flow name (t: Transition) =
        let _, moved = ratios t
        byDenoiser name t (t.Lower.Sigma / t.Upper.Sigma) (t.Lower.Mean * moved) 0.0

    /// From the Euler point ŷ = κ·y + (1 − κ)·D₁ half a step of the difference of the slopes: y′ = ŷ + (1 − κ)/(2κ)·(D₂ − D₁), D₂ at ŷ.
    let private flowHeun (t: Transition) =
        if t.Lower.Sigma = 0.0 then
            flow "flowHeun" t
        else
            let euler = flow "flowHeun" t
            let kept, moved = ratios t
            let half = t.Lower.Mean * moved / (2.0 * kept)

            Tableau(
                Method = "flowHeun",
                From = t.Upper,
                To = t.Lower,
                Stages = ImmutableArray.Create(euler.Stages[0], Stage(t.Lower, euler.A, euler.B, Prediction.Denoiser)),
                A = euler.A,
                B = ImmutableArray.Create(euler.B[0] - half, half),
                C = 0.0
            )

    /// The tableau of a predictor over a transition.
    let predictorStep method transition =
        match method with
        | EulerMaruyama -> eulerMaruyama transition
        | Exponential -> exponential transition
        | Ancestral -> ancestral transition
        | Flow -> flow "flow" transition
        | FlowHeun -> flowHeun transition

    /// The order in the largest step at which the law at the end of a predictor-only anneal converges in W2.
    let predictorOrder method =
        match method with
        | EulerMaruyama
        | Exponential
        | Ancestral
        | Flow -> 1
        | FlowHeun -> 2

    /// The order in h of the W2 bias at stationarity.
    let correctorOrder method =
        match method with
        | Langevin _
        | LangevinScaled _ -> 1
