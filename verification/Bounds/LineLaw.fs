namespace Sgm.Verification

open System
open MathNet.Numerics
open Sgm.Engine

/// A mixture Σ w_k·N(m_k, v_k) on the line, evaluated here and not by the engine: what bounds are computed from does not
/// share code with what they are held against.
type internal LineLaw =
    {
        LogWeights: float[]
        Means: float[]
        Variances: float[]
        Deviations: float[]
        /// ln w_k − ½·ln v_k.
        Heights: float[]
    }

/// The normal tail and mixtures of normal laws, by logarithms where the numbers leave the range of a double.
module internal LineLaw =
    /// A mixture at a noise level (m, σ): means m·μ, variances m²·v + σ². Components without weight are left out, and
    /// weights that sum to 1 but for rounding are made to.
    let at (level: NoiseLevel) (law: Mixture) =
        let kept = [| for k in 0 .. law.Count - 1 -> k |] |> Array.filter (fun k -> law.Weights[k] > 0.0)
        let total = kept |> Array.sumBy (fun k -> law.Weights[k])
        let variance k = level.Mean * level.Mean * law.Covariance(k).Eigenvalues[0] + level.Sigma * level.Sigma
        let variances = kept |> Array.map variance

        let logWeights = kept |> Array.map (fun k -> log (law.Weights[k] / total))

        {
            LogWeights = logWeights
            Means = kept |> Array.map (fun k -> level.Mean * law.Means[k])
            Variances = variances
            Deviations = Array.map sqrt variances
            Heights = Array.map2 (fun w v -> w - 0.5 * log v) logWeights variances
        }

    /// The law of −X.
    let mirrored law = { law with Means = Array.map (~-) law.Means }

    let private halfLogTwoPi = 0.5 * log (2.0 * Math.PI)

    /// Φ̄(z) = P(Z > z) for a standard normal Z.
    let tail z = 0.5 * SpecialFunctions.Erfc(z / sqrt 2.0)

    /// ln Φ̄(z); beyond z = 20 by −z²/2 − ln(z√(2π)) + ln(1 − 1/z² + 3/z⁴ − 15/z⁶ + …), whose first five terms leave less than 10^(−9).
    let logTail z =
        if z < 20.0 then
            log (tail z)
        else
            let r = 1.0 / (z * z)
            -0.5 * z * z - log z - halfLogTwoPi + log (1.0 - r * (1.0 - 3.0 * r * (1.0 - 5.0 * r * (1.0 - 7.0 * r))))

    /// ln φ(z).
    let logPeak z = -0.5 * z * z - halfLogTwoPi

    /// ln of the Gaussian isoperimetric profile I(u) = φ(Φ⁻¹(u)) from ln u, u ≤ ½: Newton's method for ln Φ̄(z) = ln u, which is concave.
    let logProfile logU =
        let rec improve z rounds =
            let value = logTail z
            let next = z + (value - logU) / exp (logPeak z - value)

            if rounds = 0 || abs (next - z) <= 1e-13 * (1.0 + abs z) then
                next
            else
                improve next (rounds - 1)

        logPeak (improve (sqrt (max 0.0 (-2.0 * (logU + log 2.0)))) 60)

    /// ln Σ e^(x_i).
    let logSum (values: float[]) =
        let largest = Array.max values

        if Double.IsInfinity largest then
            largest
        else
            largest + log (values |> Array.sumBy (fun v -> exp (v - largest)))

    let private over law f = Array.init law.Means.Length f |> logSum

    /// ln of component k's share of the density at x.
    let logShare law k x =
        let z = (x - law.Means[k]) / law.Deviations[k]
        law.LogWeights[k] - log law.Deviations[k] + logPeak z

    /// ln p(x).
    let logDensity law x = over law (fun k -> logShare law k x)

    /// ln P(X ≥ x).
    let logAbove law x = over law (fun k -> law.LogWeights[k] + logTail ((x - law.Means[k]) / law.Deviations[k]))

    /// P(a < X < b), from the tail on the side where it is small, and the sum of those tails, for the rounding of their difference.
    let between law a b =
        let mutable sum, tails = 0.0, 0.0

        for k in 0 .. law.Means.Length - 1 do
            let m, s = law.Means[k], law.Deviations[k]

            let larger, smaller =
                if a > m then
                    tail ((a - m) / s), tail ((b - m) / s)
                else
                    tail ((m - b) / s), tail ((m - a) / s)

            let weight = exp law.LogWeights[k]
            sum <- sum + weight * (larger - smaller)
            tails <- tails + weight * larger

        struct (sum, tails)
