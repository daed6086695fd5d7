/// Bruno et al. 2023, the motivating example with its training: what comes out of the sampler, over runs of the training.
module Sgm.Verification.Theorems.BrunoLearned

open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Theorems.Bruno
open Sgm.Verification.Theorems.BrunoTraining

/// d times the number of runs, at first.
let coordinates = 1L <<< 16

/// The law that comes out as a function of θ: its mean is b + a·θ coordinate by coordinate, its variances do not depend on θ.
type Response =
    {
        Intercept: float[]
        Slope: float[]
        Deviations: float[]
        /// The same for the experiment's own θ, which the affine form must reproduce.
        OwnMean: float[]
        OwnTheta: float[]
    }

let response runner (plan: Plan) =
    let d = plan.Dimension

    let moments (theta: float[]) =
        let law = Engine.Target(Mixture.Normal(theta, Covariance.Isotropic(d, 1.0)))

        plan
        |> Plan.withScore (Engine.Score(law, plan.Score.Modifiers))
        |> Measure.law runner
        |> Result.map (fun law -> law.Moments())

    match unitNormal "the law of the score" plan.Score.Of with
    | Error reason -> Error reason
    | Ok own ->
        match moments (Array.zeroCreate d), moments (Array.create d 1.0), moments own with
        | Ok zero, Ok one, Ok itself ->
            Ok
                {
                    Intercept = zero.Mean
                    Slope = Array.map2 (-) one.Mean zero.Mean
                    Deviations = zero.Variance |> Array.map sqrt
                    OwnMean = itself.Mean
                    OwnTheta = own
                }
        | Error reason, _, _
        | _, Error reason, _
        | _, _, Error reason -> Error reason

let private square (x: float) = x * x

/// Σ_i (√v_i − 1)²: what W2² has from the spread.
let private spreadError r = r.Deviations |> Array.sumBy (fun deviation -> square (deviation - 1.0))

/// W2² of the law given θ, for every run.
let private squaresGivenTheta (t: Training) r (learned: Learned) =
    let spread = spreadError r

    learned.Theta
    |> Array.map (fun theta ->
        let mutable sum = spread

        for i in 0 .. t.Dimension - 1 do
            sum <- sum + square (r.Intercept[i] + r.Slope[i] * theta[i] - t.Mean)

        sum)

/// W2² of the law given only the times τ of the training, under which θ_n is normal; the mean over runs is at least W2² of
/// the marginal law.
let private squaresGivenTimes (t: Training) r (learned: Learned) =
    Array.map2
        (fun memory spread ->
            let mutable sum = 0.0

            for i in 0 .. t.Dimension - 1 do
                let slope = r.Slope[i]
                let centre = r.Intercept[i] + slope * (t.Mean + memory * t.Offset)
                let deviation = sqrt (square r.Deviations[i] + slope * slope * spread)
                sum <- sum + square (centre - t.Mean) + square (deviation - 1.0)

            sum)
        learned.Memory
        learned.Spread

let meanDistance t r learned confidence =
    squaresGivenTheta t r learned |> Array.map sqrt |> meanOverRuns "mean of W2" confidence id

let rootMeanSquare t r learned confidence =
    squaresGivenTheta t r learned |> meanOverRuns "mean of W2²" confidence (max 0.0 >> sqrt)

let marginal t r learned confidence =
    squaresGivenTimes t r learned |> meanOverRuns "mean of W2² given the times τ" confidence (max 0.0 >> sqrt)

/// |E over runs of |θ_n − μ|² / its formula − 1|.
let identityError (t: Training) (learned: Learned) confidence =
    let formula = secondMoment t

    let ratio =
        learned.Theta
        |> Array.map (Array.sumBy (fun x -> square (x - t.Mean)))
        |> meanOverRuns "mean of |θ_n − μ|²" confidence (fun mean -> mean / formula)

    let least = max 0.0 (max (ratio.Lower - 1.0) (1.0 - ratio.Upper))
    let most = max (ratio.Upper - 1.0) (1.0 - ratio.Lower)
    Estimate.Sampled(abs (ratio.Value.Value - 1.0), least, most, ratio.Confidence, ratio.Method, ratio.Reason)

/// The precision to which the second moment is checked.
let identityPrecision = 0.04

/// How far the experiment's own output is from the affine form.
let affineError r =
    let away =
        Array.init r.OwnTheta.Length (fun i -> r.Intercept[i] + r.Slope[i] * r.OwnTheta[i] - r.OwnMean[i]) |> norm

    Estimate.ClosedForm away
