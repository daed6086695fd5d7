namespace Sgm.Verification

open System
open System.Collections.Immutable
open MathNet.Numerics.Distributions
open MathNet.Numerics.Statistics
open Sgm.Engine

/// Errors of a score estimate from fresh draws of the target, which it was not fitted to.
///
/// A draw is one point of every component of the target, each with its weight: what a rare component has in the error is then in every
/// draw. Points and their noise come from normal laws s times as wide, s² = 1 + 1/d, and count by the ratio of the densities,
/// s^(2d)·e^(−(s² − 1)·|z|²/2): what is far out is drawn more often and counts less, so that no draw has much of the mean. The lower end is
/// a theorem for every score (errors are not negative: `MeanBelow`). The upper end is Student's.
module HeldOut =

    /// What the upper end rests on.
    let assumes =
        "the errors' upper end: Student's t over 64 batch means, the target's components drawn one by one and wider than they are"

    /// Draws are averaged in so many batches, whose means are close to normal.
    let private batches = 64

    /// The most components that are drawn one by one.
    let private mostComponents = 512

    /// A part of the target: its weight, and its law; a component has a mean and a covariance, which it is widened about.
    type private Part = { Weight: float; Law: Target; Component: (float[] * Covariance) option }

    /// The parts of a target that are drawn one by one; none where it is a product with too many.
    let private parts (target: Target) =
        let law = target.Factors[0].Law

        if LineMixture.IsOneMixture target && law.Count <= mostComponents then
            Some
                [
                    for k in 0 .. law.Count - 1 ->
                        let mean, covariance = law.Mean(k).ToArray(), law.Covariance k

                        {
                            Weight = law.Weights[k]
                            Law = Target(Mixture.Normal(mean, covariance))
                            Component = Some(mean, covariance)
                        }
                ]
        elif target.IsGaussian then
            Some [ { Weight = 1.0; Law = target; Component = None } ]
        else
            None

    /// Widens the draws of a component and their noise in place; what every draw counts.
    let private widen d part (draws: float[]) (noise: float[]) =
        let n = draws.Length / d

        match part.Component with
        | None -> Array.create n part.Weight
        | Some(mean, covariance) ->
            let square = 1.0 + 1.0 / float d
            let s = sqrt square
            let precision = Array2D.init d d (fun e f -> covariance.Entry(e, f, fun eigenvalue -> 1.0 / eigenvalue))

            Array.init n (fun i ->
                let away = Array.init d (fun e -> draws[i * d + e] - mean[e])
                let mutable length = 0.0

                for e in 0 .. d - 1 do
                    length <- length + noise[i * d + e] * noise[i * d + e]

                    for f in 0 .. d - 1 do
                        length <- length + away[e] * precision[e, f] * away[f]

                for e in 0 .. d - 1 do
                    draws[i * d + e] <- mean[e] + s * away[e]
                    noise[i * d + e] <- s * noise[i * d + e]

                part.Weight * square ** float d * exp (-0.5 * (square - 1.0) * length))

    /// Both ends for the mean of independent values ≥ 0, each at half the failure: the upper by Student's t, which assumes what is said, or
    /// none for a reason.
    let meanOf upper (confidence: float) (values: float[]) =
        let failure = (1.0 - confidence) / 2.0
        let lower = max 0.0 (MeanBelow.Of(ReadOnlySpan values, 0.0, failure))
        let centre = Array.average values

        match upper with
        | Ok assumes ->
            let means = values |> Array.splitInto batches |> Array.map Array.average
            let error = Statistics.StandardDeviation means / sqrt (float batches)
            let upper = centre + StudentTail.Quantile(float (batches - 1), failure) * error
            // 10⁻¹² for the rounding of the sums.
            Estimate.Sampled(
                max lower centre,
                lower,
                max lower upper * (1.0 + 1e-12),
                confidence,
                "held-out draws",
                assumes
            )
        | Error reason -> Estimate.Sampled(max lower centre, lower, infinity, confidence, "held-out draws", reason)

    /// Σ_i w_i·‖s − ∇ln p_i‖² at one point a row, noised to every level i; shape [n].
    let private squaredAt (plan: Plan) weighted (draws: float[]) (noise: float[]) =
        let d = plan.Dimension
        let n = draws.Length / d
        let estimate = ScoreField plan.Score
        let exact = ScoreField(Score(plan.Target, ImmutableArray.Empty))
        let sums = Array.zeroCreate n
        let points, found, truth = Array.zeroCreate (n * d), Array.zeroCreate (n * d), Array.zeroCreate (n * d)

        for level: NoiseLevel, weight in weighted do
            // Coordinate-major for the engine's kernels.
            for i in 0 .. n - 1 do
                for e in 0 .. d - 1 do
                    points[e * n + i] <- level.Mean * draws[i * d + e] + level.Sigma * noise[i * d + e]

            estimate.Evaluate(level, ReadOnlySpan points, Span found, n)
            exact.Evaluate(level, ReadOnlySpan points, Span truth, n)

            for i in 0 .. n - 1 do
                for e in 0 .. d - 1 do
                    let error = found[e * n + i] - truth[e * n + i]
                    sums[i] <- sums[i] + weight * error * error

        sums

    /// Σ_i w_i·‖s − ∇ln p_i‖²_{L²(p_i)} over levels i with weights w_i, from about n draws, each noised to every level:
    /// the sum is one number a draw, so one interval covers all levels together. Any dimension.
    let squaredErrors (plan: Plan) (weighted: (NoiseLevel * float) list) (n: int) (seed: int64) confidence =
        let found = parts plan.Target
        let drawn = found |> Option.defaultValue [ { Weight = 1.0; Law = plan.Target; Component = None } ]
        let each = max (8 * batches) (min n (4 * n / drawn.Length))
        let sums = Array.zeroCreate each

        for k, part in List.indexed drawn do
            let own = seed + (int64 k <<< 41)
            let noise = Array.zeroCreate (each * plan.Dimension)

            Normal.Samples(
                MathNet.Numerics.Random.Xoshiro256StarStar(int (own % 2147483647L) ^^^ 0x5bd1e995),
                noise,
                0.0,
                1.0
            )

            let draws = TrainingSample.Draw(part.Law, each, own)
            let counts = widen plan.Dimension part draws noise
            squaredAt plan weighted draws noise |> Array.iteri (fun i error -> sums[i] <- sums[i] + counts[i] * error)

        let upper =
            match found with
            | Some _ -> Ok assumes
            | None ->
                Error "no upper end: the target is a product of mixtures, whose components are not drawn one by one"

        meanOf upper confidence sums
