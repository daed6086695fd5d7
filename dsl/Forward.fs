namespace Sgm

open System.Runtime.CompilerServices
open Sgm.Engine

/// The forward process, which says what a level parameter means. z = x/m and ρ = σ/m are the same process for all of them.
type Forward =
    /// Ornstein–Uhlenbeck, dX = −X dt + √2 dB; the parameter is the time t ≥ 0.
    | Vp
    /// Additive noise; the parameter is its standard deviation σ ≥ 0.
    | Ve
    /// dX = −X dt + √(2(1 − e^(−4t))) dB: m = e^(−t), σ = 1 − e^(−2t); the parameter is the time t ≥ 0.
    | SubVp
    /// The straight line of flow matching, (1 − t)·X₀ + t·Z; the parameter is the time 0 ≤ t < 1.
    | Rectified
    /// The levels (m, σ) themselves, the noisiest first; the parameter of one is how many come after it.
    | LevelsOf of (float * float) list

/// The words for forward processes.
[<AutoOpen>]
module ForwardSyntax =
    /// Variance preserving (Ornstein–Uhlenbeck).
    let vp = Vp
    /// Variance exploding.
    let ve = Ve
    /// Below variance preserving (Song et al. 2021, equation 29).
    let subVp = SubVp
    /// Rectified flow: m = 1 − t, σ = t.
    let rectified = Rectified
    /// These levels (m, σ), the noisiest first.
    let levelsOf levels = LevelsOf levels

/// The level that a parameter names, and the parameter of a level.
module Forward =
    let private arrays = ConditionalWeakTable<(float * float) list, (float * float)[]>()

    /// The listed levels, the least noisy first: by their parameters.
    let private listed levels = arrays.GetValue(levels, (fun all -> all |> List.rev |> Array.ofList))

    /// How an error names it.
    let name forward =
        match forward with
        | Vp -> "vp"
        | Ve -> "ve"
        | SubVp -> "subVp"
        | Rectified -> "rectified"
        | LevelsOf _ -> "levelsOf"

    let level forward parameter =
        match forward with
        | Vp -> NoiseLevel.VariancePreserving parameter
        | Ve -> NoiseLevel.VarianceExploding parameter
        | SubVp -> NoiseLevel.SubVariancePreserving parameter
        | Rectified -> NoiseLevel.Rectified parameter
        | LevelsOf levels ->
            let mean, sigma = (listed levels)[int parameter]
            NoiseLevel(parameter, mean, sigma)

    /// The parameter of the level with this ρ = σ/m ≥ 0; of listed levels there is none between them.
    let ofRatio forward rho =
        match forward with
        | Vp -> 0.5 * RealFunctions.LogOnePlus(rho * rho)
        | Ve -> rho
        // ρ = e^t − e^(−t).
        | SubVp -> System.Math.Asinh(0.5 * rho)
        | Rectified -> if rho = infinity then 1.0 else rho / (1.0 + rho)
        | LevelsOf _ -> invalidOp "listed levels have no level between them: check first"

    /// A level with this ρ = σ/m, for a score that is read between two levels: listed levels are continued with m = 1.
    let atRatio forward rho =
        match forward with
        | Vp
        | Ve
        | SubVp
        | Rectified -> level forward (ofRatio forward rho)
        | LevelsOf _ -> NoiseLevel(rho, 1.0, rho)

    /// ρ = σ/m at a parameter.
    let ratio forward parameter =
        match forward with
        | Vp -> sqrt (RealFunctions.ExpM1(2.0 * parameter))
        | Ve -> parameter
        | SubVp -> 2.0 * sinh parameter
        | Rectified -> parameter / (1.0 - parameter)
        | LevelsOf _ ->
            let level = level forward parameter
            level.Sigma / level.Mean

    /// The parameter of the level that vp has at time t, by its ρ.
    let ofTime forward t =
        match forward with
        | Vp -> t
        | Ve
        | SubVp
        | Rectified
        | LevelsOf _ -> ofRatio forward (ratio Vp t)
