namespace Sgm

open Sgm.Engine

/// The forward process, which says what a level parameter means.
type Forward =
    /// Ornstein–Uhlenbeck, dX = −X dt + √2 dB; the parameter is the time t ≥ 0.
    | Vp
    /// Additive noise; the parameter is its standard deviation σ ≥ 0.
    | Ve

/// A strictly decreasing list of level parameters τ₀ > τ₁ > … > τ_n ≥ 0.
type Schedule =
    /// a + (b − a)·i/n.
    | Uniform of a: float * b: float * n: int
    /// a·(b/a)^(i/n).
    | Geometric of a: float * b: float * n: int
    /// (a^(1/ρ) + (i/n)(b^(1/ρ) − a^(1/ρ)))^ρ.
    | Karras of rho: float * a: float * b: float * n: int
    /// The parameters themselves.
    | Levels of float list

/// The words for forward processes and schedules.
[<AutoOpen>]
module ScheduleSyntax =
    /// Variance preserving (Ornstein–Uhlenbeck).
    let vp = Vp
    /// Variance exploding.
    let ve = Ve
    /// n + 1 levels, equally spaced.
    let uniform a b n = Uniform(a, b, n)
    /// n + 1 levels with equal ratios.
    let geometric a b n = Geometric(a, b, n)
    /// Karras et al. 2022, equation 5.
    let karras rho a b n = Karras(rho, a, b, n)
    /// The level parameters, listed.
    let levels parameters = Levels parameters

/// The level that a parameter names.
module Forward =
    let level forward parameter =
        match forward with
        | Vp -> NoiseLevel.VariancePreserving parameter
        | Ve -> NoiseLevel.VarianceExploding parameter

/// The parameters of a schedule by index; the end points are exact, whatever the rounding between them.
module Schedule =
    /// n: the number of transitions.
    let transitions schedule =
        match schedule with
        | Uniform(_, _, n)
        | Geometric(_, _, n)
        | Karras(_, _, _, n) -> n
        | Levels parameters -> List.length parameters - 1

    /// A function from i in 0..n to τ_i.
    let parameter schedule : int -> float =
        let between a b n interpolate i =
            if i = 0 then a
            elif i = n then b
            else interpolate (float i / float n)

        match schedule with
        | Uniform(a, b, n) -> between a b n (fun u -> a + (b - a) * u)
        | Geometric(a, b, n) -> between a b n (fun u -> a * (b / a) ** u)
        | Karras(rho, a, b, n) ->
            between a b n (fun u -> (a ** (1.0 / rho) + u * (b ** (1.0 / rho) - a ** (1.0 / rho))) ** rho)
        | Levels parameters ->
            let parameters = Array.ofList parameters
            fun i -> parameters[i]

    /// τ₀.
    let first schedule = parameter schedule 0

    /// τ_n.
    let last schedule = parameter schedule (transitions schedule)
