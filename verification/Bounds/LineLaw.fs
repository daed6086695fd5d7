namespace Sgm.Verification

open System
open MathNet.Numerics
open Sgm.Engine

/// A mixture Σ w_k·N(m_k, v_k) on the line, evaluated here and not by the engine: what bounds are computed from does not
/// share code with what they are held against.
type internal LineLaw =
    {
        Weights: float[]
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

        let weights = kept |> Array.map (fun k -> law.Weights[k] / total)
        let logWeights = weights |> Array.map log

        {
            Weights = weights
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

    /// ln Σ e^(x_i); −∞ of nothing.
    let logSum (values: float[]) =
        let largest = Array.fold max Double.NegativeInfinity values

        if Double.IsInfinity largest then
            largest
        else
            largest + log (values |> Array.sumBy (fun v -> exp (v - largest)))

    /// ln of component k's share of the density at x.
    let logShare law k x =
        let y = x - law.Means[k]
        law.Heights[k] - halfLogTwoPi - 0.5 * y * y / law.Variances[k]

    /// The least of a share on [p, q], which is at an end.
    let least law k p q = min (logShare law k p) (logShare law k q)

    /// The largest of a share on [p, q].
    let most law k p q = logShare law k (max p (min q law.Means[k]))

    /// ln Σ_k e^(f k), of a function that is cheap; those below e^(−40) of the largest count as `rest` of it.
    let inline private logOver (law: LineLaw) rest ([<InlineIfLambda>] f: int -> float) =
        let mutable largest = Double.NegativeInfinity

        for k in 0 .. law.Means.Length - 1 do
            largest <- max largest (f k)

        if Double.IsInfinity largest then
            largest
        else
            let mutable sum = 0.0

            for k in 0 .. law.Means.Length - 1 do
                let away = f k - largest
                sum <- sum + if away > -40.0 then exp away else rest

            largest + log sum

    /// ln p(x).
    let logDensity law x = logOver law 0.0 (fun k -> logShare law k x)

    /// Bounds of ln p on [p, q]: every component is between its values at the ends, or its own peak inside.
    let range law p q =
        struct (logOver law 0.0 (fun k -> least law k p q), logOver law 4.3e-18 (fun k -> most law k p q))

    /// ln P(X ≥ x, X from one of so many components).
    let inline logAboveOf (law: LineLaw) count ([<InlineIfLambda>] component': int -> int) x =
        let mutable sum = 0.0

        for i in 0 .. count - 1 do
            let k = component' i
            let z = (x - law.Means[k]) / law.Deviations[k]

            // Beyond 38 deviations a tail is less than the smallest double, before −9 it is 1 but for a rounding.
            if z < -9.0 then
                sum <- sum + law.Weights[k]
            elif z < 38.0 then
                sum <- sum + law.Weights[k] * tail z

        if sum > 1e-280 then
            log sum
        else
            Seq.init count (fun i ->
                let k = component' i
                law.LogWeights[k] + logTail ((x - law.Means[k]) / law.Deviations[k]))
            |> Seq.toArray
            |> logSum

    /// ln P(X ≥ x).
    let logAbove (law: LineLaw) x = logAboveOf law law.Means.Length id x

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

            sum <- sum + law.Weights[k] * (larger - smaller)
            tails <- tails + law.Weights[k] * larger

        struct (sum, tails)
