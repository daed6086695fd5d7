namespace Sgm.Verification

open System
open System.Collections.Immutable
open MathNet.Numerics.Distributions
open MathNet.Numerics.Random
open MathNet.Numerics.Statistics
open Sgm.Engine

/// ‖s − ∇ln p‖² in L²(p) for a score of which nothing is known but its values, from draws, as a theorem.
///
/// A draw is a component k and ξ ~ N(0, I), x = m·μ_k + S_k·ξ. Where the score's denoiser is clipped to a ball of radius R, e = (m/σ²)(Π_R D̂ − D), and D, the
/// target's own denoiser, grows linearly: ‖e‖ ≤ a + b‖ξ‖. So Y = ‖e‖²·1{‖ξ‖ ≤ r} lies in [0, (a + br)²], whose mean empirical
/// Bernstein bounds at any confidence (Maurer and Pontil 2009, Theorem 4), and what is beyond r is known from χ².
module internal ClippedError =
    /// Draws Y of one level, and what is known of them.
    type Draws =
        {
            /// A sampler with buffers of its own, of a given number of draws at a time.
            Sampler: int -> (Xoshiro256StarStar -> float[] -> unit)
            /// 0 ≤ Y ≤ this.
            Most: float
            /// E‖e‖² is at most E Y plus this.
            Tail: float
            /// Multiply-adds a draw, roughly.
            Cost: float
        }

    /// P(χ²_{d+2} > d + 2 + 2√((d + 2)·L) + 2L) ≤ e^(−L) (Laurent and Massart 2000, Lemma 1).
    let private exponent = 36.0

    /// What is known of ‖s − ∇ln p‖ by the modifiers: the radius of the last clip, and what is added behind it.
    let private clipOf (score: Score) =
        let isBlend = score.Modifiers |> Seq.exists (fun modifier -> modifier :? ScoreModifier.Blended)
        let what = if isBlend then "blend" else "network"

        ((Error $"the {what}'s denoiser is not clipped", score.Modifiers)
         ||> Seq.fold (fun found modifier ->
             match modifier, found with
             | (:? ScoreModifier.Clipped as clipped), _ -> Ok struct (clipped.Radius, 0.0)
             | (:? ScoreModifier.Shifted as shifted), Ok(struct (radius, more)) ->
                 Ok(struct (radius, more + abs shifted.Amount))
             | (:? ScoreModifier.Rippled as rippled), Ok(struct (radius, more)) ->
                 Ok(struct (radius, more + sqrt 2.0 * abs rippled.Amplitude))
             | _, Ok _ -> Error "what stands behind 'clipped' multiplies the score or replaces it"
             | _, error -> error))

    let private norm (law: Mixture) k =
        let mutable sum = 0.0

        for x in law.Mean(k).ToArray() do
            sum <- sum + x * x

        sqrt sum

    /// a and b.
    let private growth (law: Mixture) (level: NoiseLevel) radius more =
        let largest = law.Covariances |> Seq.map (fun c -> c.Largest) |> Seq.max
        let farthest = Seq.max (Seq.init law.Count (norm law))
        let m, variance = level.Mean, level.NoiseVariance
        let wide = sqrt (level.VarianceOf largest)
        // ‖m·Λ·Σ⁻¹‖.
        let gain = m * largest / level.VarianceOf largest
        let isIsotropic = law.SharesCovariance && law.Covariances[0].Shape = CovarianceShape.Isotropic

        // D = (1 − Gm)·E[μ | x] + G·x for one variance; otherwise means are 2·‖μ‖ apart at most.
        let apart = if isIsotropic then 0.0 else 2.0 * m * gain * farthest
        let up = 1.0 + 1e-12
        struct ((m / variance * (radius + farthest + apart) + more) * up, m / variance * gain * wide * up)

    /// Draws of x at the level, coordinate-major, and ‖ξ‖².
    let private points (law: Mixture) (level: NoiseLevel) =
        let d = law.Dimension
        let cumulative = law.Weights |> Array.scan (+) 0.0 |> Array.tail
        let deviation eigenvalue = sqrt (level.VarianceOf eigenvalue)

        let roots =
            law.Covariances
            |> Array.map (fun c ->
                if c.Shape = CovarianceShape.Full then
                    Choice1Of2(Array2D.init d d (fun e f -> c.Entry(e, f, deviation)))
                else
                    Choice2Of2(Array.init d (fun e -> deviation (c.Eigenvalue e))))

        fun (generator: Xoshiro256StarStar) n (x: float[]) (squares: float[]) ->
            let noise = Array.zeroCreate<float> d

            for i in 0 .. n - 1 do
                let found = Array.BinarySearch(cumulative, generator.NextDouble() * cumulative[law.Count - 1])
                let k = min (law.Count - 1) (if found >= 0 then found + 1 else ~~~found)
                Normal.Samples(generator, noise, 0.0, 1.0)
                squares[i] <- noise |> Array.sumBy (fun z -> z * z)
                let mean = law.Mean k

                match roots[if law.SharesCovariance then 0 else k] with
                | Choice1Of2 root ->
                    for e in 0 .. d - 1 do
                        let mutable at = level.Mean * mean[e]

                        for f in 0 .. d - 1 do
                            at <- at + root[e, f] * noise[f]

                        x[e * n + i] <- at
                | Choice2Of2 deviations ->
                    for e in 0 .. d - 1 do
                        x[e * n + i] <- level.Mean * mean[e] + deviations[e] * noise[e]

    let private costOf (plan: Plan) =
        let own =
            plan.Score.AllModifiers
            |> Seq.sumBy (function
                | :? ScoreModifier.Learned as learned -> learned.Function.Cost
                | _ -> float plan.Dimension)

        let blended =
            plan.Score.Blends
            |> Seq.collect (fun other -> other.Of.Factors)
            |> Seq.sumBy (fun factor -> 2.0 * float factor.Law.Means.Length)

        let law = plan.Target.Factors[0].Law
        own + blended + float law.Count * float law.Dimension * 2.0

    /// The law of the target where it is one block.
    let private blockOf (plan: Plan) =
        if plan.Target.Factors.Length = 1 && plan.Target.Factors[0].Count = 1 then
            Ok plan.Target.Factors[0].Law
        else
            Error "the target is a product of several blocks"

    /// e of points at a level, coordinate-major.
    let private errors (plan: Plan) (level: NoiseLevel) n =
        let estimate, exact = ScoreField plan.Score, ScoreField(Score(plan.Target, ImmutableArray.Empty))
        let found, truth = Array.zeroCreate (n * plan.Dimension), Array.zeroCreate (n * plan.Dimension)

        fun (x: float[]) (squares: float[]) ->
            estimate.Evaluate(level, ReadOnlySpan x, Span found, n)
            exact.Evaluate(level, ReadOnlySpan x, Span truth, n)

            for i in 0 .. n - 1 do
                let mutable sum = 0.0

                for e in 0 .. plan.Dimension - 1 do
                    let error = found[e * n + i] - truth[e * n + i]
                    sum <- sum + error * error

                squares[i] <- sum

    /// Draws of ‖e‖², as 0 where ‖ξ‖² is larger than this.
    let private sampler (plan: Plan) law (level: NoiseLevel) far n =
        let draw, errors = points law level, errors plan level n
        let x, squares = Array.zeroCreate (n * plan.Dimension), Array.zeroCreate n

        fun (generator: Xoshiro256StarStar) (found: float[]) ->
            draw generator n x squares
            errors x found

            for i in 0 .. n - 1 do
                if squares[i] > far then
                    found[i] <- 0.0
                elif Double.IsNaN found[i] then
                    found[i] <- infinity

    /// Draws of Y at a level, or why nothing bounds them.
    let ofLevel (plan: Plan) (level: NoiseLevel) : Result<Draws, string> =
        attempt {
            let! struct (radius, more) = clipOf plan.Score
            let! law = blockOf plan
            do! require (level.Sigma > 0.0) () "at noise level 0 there is no denoiser"
            let d = float plan.Dimension
            let struct (a, b) = growth law level radius more
            let far = d + 2.0 + 2.0 * sqrt ((d + 2.0) * exponent) + 2.0 * exponent

            return
                {
                    Sampler = sampler plan law level far
                    Most = (a + b * sqrt far) ** 2.0 * (1.0 + 1e-12)
                    Tail = 2.0 * (a * a + b * b * d) * exp -exponent
                    Cost = costOf plan
                }
        }

    /// Draws of ‖e‖² of any score, of which nothing is bounded; none of a product of several blocks.
    let plainly (plan: Plan) level =
        blockOf plan
        |> Result.map (fun law ->
            {
                Sampler = sampler plan law level infinity
                Most = infinity
                Tail = 0.0
                Cost = costOf plan
            })

    /// So many draws of Y.
    let draw (draws: Draws) n (seed: int) =
        let batch = 64
        let generator, sample = Xoshiro256StarStar(seed), draws.Sampler batch
        let buffer, found = Array.zeroCreate batch, Array.zeroCreate n

        for from in 0..batch .. n - 1 do
            sample generator buffer
            Array.blit buffer 0 found from (min batch (n - from))

        found

    /// Both ends of E‖e‖² from draws of Y, each failing with a probability of at most half of this.
    let interval (draws: Draws) (failure: float) (values: float[]) =
        let n, logs = float values.Length, log (4.0 / failure)
        let mean, variance = Array.average values, Statistics.Variance values

        // ln(2/δ), of which this end has half.
        let spare = sqrt (2.0 * variance * logs / n) + 7.0 / 3.0 * draws.Most * logs / (n - 1.0)
        let lower = MeanBelow.Of(ReadOnlySpan values, 0.0, failure / 2.0)
        struct (min mean (max 0.0 lower), mean, (mean + spare) * (1.0 + 1e-12) + draws.Tail)

    /// The probability that an upper end of a level is wrong.
    [<Literal>]
    let risk = 1e-12

    /// What a level's draws may cost in multiply-adds: a second or two.
    let private work = 3e9

    /// An upper end of E‖e‖² at a level, wrong with a probability of at most `risk`.
    let above (plan: Plan) (level: NoiseLevel) =
        ofLevel plan level
        |> Result.bind (fun draws ->
            let n = int (min 200_000.0 (max 4096.0 (work / draws.Cost)))
            let seed = BitConverter.DoubleToInt64Bits level.Parameter
            let values = draw draws n (int (seed ^^^ (seed >>> 32)) &&& 0x7fffffff)
            let struct (_, _, upper) = interval draws risk values

            if Double.IsFinite upper then
                Ok upper
            else
                Error "the network's output is not finite under p")
