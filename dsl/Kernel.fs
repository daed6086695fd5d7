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

/// Every kernel as a tableau x ← A·x + B·s + C·ξ, one function a method, spelled as in the table of docs/language.md.
module Kernel =
    let private predictor name (t: Transition) a b c = Tableau.OneStage(name, t.Upper, t.Lower, t.Upper, a, b, c)

    let private langevinStep name h (level: NoiseLevel) =
        Tableau.OneStage(name, level, level, level, 1.0, h, sqrt (2.0 * h))

    /// The tableau of a corrector at a level. Weak order 1 in h.
    let corrector method (level: NoiseLevel) =
        match method with
        | Langevin h -> langevinStep "langevin" h level
        | LangevinScaled c -> langevinStep "langevinScaled" (c * level.NoiseVariance) level

    let private eulerMaruyama (t: Transition) =
        match t.Forward with
        | Vp -> predictor "eulerMaruyama" t (1.0 + t.Gamma) (2.0 * t.Gamma) (sqrt (2.0 * t.Gamma))
        | Ve -> predictor "eulerMaruyama" t 1.0 t.Gamma (sqrt t.Gamma)

    let private exponential (t: Transition) =
        match t.Forward with
        | Vp ->
            let growth = RealFunctions.ExpM1 t.Gamma
            predictor "exponential" t (1.0 + growth) (2.0 * growth) (sqrt (RealFunctions.ExpM1(2.0 * t.Gamma)))
        | Ve -> predictor "exponential" t 1.0 t.Gamma (sqrt t.Gamma)

    let private ancestral (t: Transition) =
        let r = t.Shrink
        let added = t.AddedVariance
        predictor "ancestral" t (1.0 / r) (added / r) (t.Lower.Sigma * sqrt added / t.Upper.Sigma)

    /// σ/r − σ′ = (σ² − r²σ′²)/(r(σ + rσ′)): the step of σ/m, in units of the lower level.
    let private ratioStep (t: Transition) = t.AddedVariance / (t.Shrink * (t.Upper.Sigma + t.Shrink * t.Lower.Sigma))

    let private flow name (t: Transition) = predictor name t (1.0 / t.Shrink) (t.Upper.Sigma * ratioStep t) 0.0

    /// With y = x/m and ρ = σ/m the slope is k = −σ·s, so y′ = y + (ρ − ρ′)(σ·s₁ + σ′·s₂)/2, s₂ at the Euler point.
    let private flowHeun (t: Transition) =
        if t.Lower.Sigma = 0.0 then
            flow "flowHeun" t
        else
            let step = ratioStep t
            let euler = Stage(t.Lower, 1.0 / t.Shrink, ImmutableArray.Create(step * t.Upper.Sigma))

            Tableau(
                Method = "flowHeun",
                From = t.Upper,
                To = t.Lower,
                Stages = ImmutableArray.Create(Stage(t.Upper, 1.0, ImmutableArray.Empty), euler),
                A = 1.0 / t.Shrink,
                B = ImmutableArray.Create(step * t.Upper.Sigma / 2.0, step * t.Lower.Sigma / 2.0),
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
