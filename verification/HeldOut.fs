namespace Sgm.Verification

open System
open System.Collections.Immutable
open MathNet.Numerics.Distributions
open MathNet.Numerics.Statistics
open Sgm.Engine

/// Errors of a score estimate from fresh draws of the target, which it was not fitted to.
module HeldOut =

    /// Draws are averaged in so many batches, whose means are close to normal.
    let private batches = 64

    /// An interval for the mean of independent values by Student's t over the means of 64 batches; asymptotic in the length of a
    /// batch.
    let private meanOf confidence (values: float[]) =
        let means = values |> Array.splitInto batches |> Array.map Array.average
        let centre = Array.average means
        let quantile = StudentT.InvCDF(0.0, 1.0, float (batches - 1), (1.0 + confidence) / 2.0)
        let reach = quantile * Statistics.StandardDeviation means / sqrt (float batches)
        Estimate.Sampled(centre, max 0.0 (centre - reach), centre + reach, confidence, "held-out draws")

    /// Σ_i w_i·‖s − ∇ln p_i‖²_{L²(p_i)} over levels i with weights w_i, from n draws of the target, each noised to every level:
    /// the sum is one number a draw, so one interval covers all levels together. Any dimension.
    let squaredErrors (plan: Plan) (weighted: (NoiseLevel * float) list) (n: int) (seed: int64) confidence =
        let d = plan.Dimension
        let draws = TrainingSample.Draw(plan.Target, n, seed)
        let noise = Array.zeroCreate (n * d)

        Normal.Samples(
            MathNet.Numerics.Random.Xoshiro256StarStar(int (seed % 2147483647L) ^^^ 0x5bd1e995),
            noise,
            0.0,
            1.0
        )

        let estimate = ScoreField plan.Score
        let exact = ScoreField(Score(plan.Target, ImmutableArray.Empty))
        let sums = Array.zeroCreate n
        let points, found, truth = Array.zeroCreate (n * d), Array.zeroCreate (n * d), Array.zeroCreate (n * d)

        for level, weight in weighted do
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

        meanOf confidence sums
