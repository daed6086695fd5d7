namespace Sgm.Verification

open System
open System.Collections.Immutable
open MathNet.Numerics.Distributions
open MathNet.Numerics.Statistics
open Sgm.Engine

/// Errors of a score estimate from fresh draws of the target, which it was not fitted to.
///
/// A draw is one point of every component of the target, each with its weight: what a rare component has in the error is then in every
/// draw. The lower end is a theorem for every score (errors are not negative: `MeanBelow`). The upper end is Student's.
module HeldOut =

    /// What the upper end rests on.
    let assumes = "the errors' upper end: Student's t over 64 batch means, the target's components drawn one by one"

    /// Draws are averaged in so many batches, whose means are close to normal.
    let private batches = 64

    /// The most components that are drawn one by one.
    let private mostComponents = 512

    /// The parts of a target that are drawn one by one, with their weights; none where it is a product with too many.
    let private components (target: Target) =
        let law = target.Factors[0].Law

        if target.IsGaussian then
            Some [ 1.0, target ]
        elif LineMixture.IsOneMixture target && law.Count <= mostComponents then
            Some
                [
                    for k in 0 .. law.Count - 1 ->
                        law.Weights[k], Target(Mixture.Normal(law.Mean(k).ToArray(), law.Covariance k))
                ]
        else
            None

    /// Both ends for the mean of independent values ≥ 0, each at half the failure.
    let private meanOf hasUpper (confidence: float) (values: float[]) =
        let failure = (1.0 - confidence) / 2.0
        let lower = max 0.0 (MeanBelow.Of(ReadOnlySpan values, 0.0, failure))
        let centre = Array.average values

        if hasUpper then
            let means = values |> Array.splitInto batches |> Array.map Array.average
            let error = Statistics.StandardDeviation means / sqrt (float batches)
            let upper = centre + StudentTail.Quantile(float (batches - 1), failure) * error
            Estimate.Sampled(max lower centre, lower, max lower upper, confidence, "held-out draws", assumes)
        else
            let reason = "no upper end: the target is a product of mixtures, whose components are not drawn one by one"
            Estimate.Sampled(max lower centre, lower, infinity, confidence, "held-out draws", reason)

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
        let parts = components plan.Target
        let drawn = parts |> Option.defaultValue [ 1.0, plan.Target ]
        let each = max (8 * batches) (n / drawn.Length)
        let sums = Array.zeroCreate each

        for k, (weight, part) in List.indexed drawn do
            let own = seed + (int64 k <<< 41)
            let noise = Array.zeroCreate (each * plan.Dimension)

            Normal.Samples(
                MathNet.Numerics.Random.Xoshiro256StarStar(int (own % 2147483647L) ^^^ 0x5bd1e995),
                noise,
                0.0,
                1.0
            )

            squaredAt plan weighted (TrainingSample.Draw(part, each, own)) noise
            |> Array.iteri (fun i error -> sums[i] <- sums[i] + weight * error)

        meanOf parts.IsSome confidence sums
