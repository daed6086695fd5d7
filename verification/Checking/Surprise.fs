namespace Sgm.Verification

open System
open Sgm.Engine

/// How surprising a statistic is: log₁₀(1/P), P an upper bound for the probability of a value at least as extreme. From formulas
/// that hold in the far tail, never from quantiles of a simulation.
module Surprise =
    /// Anything above this is this.
    let private most = 1e6

    let private decades (logProbability: float) = max 0.0 (min most (-logProbability / log 10.0))

    /// |z|, z standard normal: P = 2·P(Z > |z|).
    let ofNormal (z: float) = decades (log 2.0 + NormalTail.LogAbove(abs z))

    /// A χ² variable with n degrees of freedom, by Chernoff: with r = S/n, P ≤ 2·exp(−(n/2)·(r − 1 − ln r)).
    let ofChiSquare (n: float) (sum: float) = decades (log 2.0 - 0.5 * n * RealFunctions.LogExcess(sum / n - 1.0))

    /// k of n independent events that each have at most the probability p, by Chernoff: P ≤ exp(−n·kl(k/n, p)) for k > np.
    let ofEvents (n: float) (k: float) (p: float) =
        let seen = k / n
        let term a b = if a > 0.0 then a * log (a / b) else 0.0

        if seen <= p then
            0.0
        else
            decades (-n * (term seen p + term (1.0 - seen) (1.0 - p)))

    /// A sum of n independent products u·v of independent standard normals, by Chernoff: with r = |S|/n and
    /// t = (√(1 + 4r²) − 1)/(2r), P ≤ 2·exp(−n·(t·r + ½·ln(1 − t²))), as ln E e^(tuv) = −½·ln(1 − t²).
    let ofProducts (n: float) (sum: float) =
        let r = abs sum / n

        // (√(1 + 4r²) − 1)/(2r) without cancellation.
        let t = 2.0 * r / (1.0 + sqrt (1.0 + 4.0 * r * r))
        decades (log 2.0 - n * (t * r + 0.5 * log ((1.0 - t) * (1.0 + t))))

    /// A sum of n independent signs, by Hoeffding: P ≤ 2·e^(−S²/(2n)).
    let ofSigns (n: float) (sum: float) = decades (log 2.0 - sum * sum / (2.0 * n))

    /// k events where at most λ < 1 are expected: P ≤ λᵏ/k! for a Poisson number.
    let ofRareEvents (lambda: float) (k: int) =
        if k = 0 then
            0.0
        else
            decades (float k * log lambda - MathNet.Numerics.SpecialFunctions.FactorialLn k)
