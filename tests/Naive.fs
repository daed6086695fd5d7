/// A plan on the line by plain trapezoid sums on a uniform grid: what the grid law is equivalent to, in thirty lines and slowly.
module Sgm.Tests.Naive

open System
open System.Collections.Generic
open Sgm
open Sgm.Engine

/// A density on equidistant points.
type Line = { X: float[]; Density: float[] }

let private normalLog mean variance (x: float) =
    -0.5 * (x - mean) * (x - mean) / variance - 0.5 * log (2.0 * Math.PI * variance)

/// ln p of a mixture at a level.
let logDensity (law: Mixture) (level: NoiseLevel) x =
    let terms =
        Array.init law.Count (fun k ->
            let variance = level.VarianceOf((law.Covariance k).Eigenvalue 0)
            log law.Weights[k] + normalLog (level.Mean * law.Means[k]) variance x)

    let largest = Array.max terms
    largest + log (terms |> Array.sumBy (fun t -> exp (t - largest)))

/// The score with its modifiers (no clips).
let rec score (own: Score) (level: NoiseLevel) x =
    let law = own.Of.Factors[0].Law
    let whole = logDensity law level x

    let exact =
        Seq.sum (
            seq {
                for k in 0 .. law.Count - 1 do
                    let variance = level.VarianceOf((law.Covariance k).Eigenvalue 0)
                    let mean = level.Mean * law.Means[k]
                    exp (log law.Weights[k] + normalLog mean variance x - whole) * (mean - x) / variance
            }
        )

    (exact, own.Modifiers)
    ||> Seq.fold (fun value modifier ->
        match modifier with
        | :? ScoreModifier.Shifted as shifted -> value + shifted.Amount
        | :? ScoreModifier.Scaled as scaled -> value * scaled.Factor
        | :? ScoreModifier.Rippled as ripple -> value + ripple.Amplitude * sqrt 2.0 * sin (ripple.Frequency * x)
        | :? ScoreModifier.Blended as blend ->
            blend.Weight * value
            + Seq.sum (blend.Others |> Seq.map (fun other -> other.Weight * score other.Score level x))
        | other -> failwith $"the naive twin does not know {other}")

/// What a stage reads of a score: itself, or the denoiser (x + σ²s)/m that it stands for.
let read (stage: Stage) x (score: float) =
    match stage.Of with
    | Prediction.Denoiser -> (x + stage.Level.NoiseVariance * score) / stage.Level.Mean
    | _ -> score

/// The state after a step without its noise.
let drift (plan: Plan) (step: Tableau) x =
    let read' = List<float>()

    for stage in step.Stages do
        let y = stage.A * x + Seq.sum (Seq.mapi (fun j b -> b * read'[j]) stage.B)
        read'.Add(read stage y (score plan.Score stage.Level y))

    step.A * x + Seq.sum (Seq.mapi (fun j b -> b * read'[j]) step.B)

/// A predictor's step over a transition, of a method that is one tableau.
let tableauOf method transition =
    match Kernel.predictor method transition with
    | [ TableauStep step ] -> step
    | other -> failwith $"'{method}' is no tableau but {other}"

/// Whether a method of the catalogue is one tableau.
let isTableau method =
    match Kernel.predictor method (Transition.Alone(vp, Forward.level vp 2.0, Forward.level vp 1.0)) with
    | [ TableauStep _ ] -> true
    | _ -> false

/// Every step in the order of running.
let steps (plan: Plan) =
    let rec walk (body: seq<Instruction>) : seq<Tableau> =
        body
        |> Seq.collect (fun instruction ->
            match instruction with
            | TableauStep step -> Seq.singleton step
            | GeneralStep step -> failwith $"the naive twin does not know '{step.Method}'"
            | MetropolisStep step -> failwith $"the naive twin does not know '{step.Method}'"
            | Repeated again -> Seq.collect (fun _ -> walk again.Body) (seq { 1L .. again.Count })
            | Annealed several -> Seq.collect (fun i -> walk (several.Body.Invoke i)) (seq { 0 .. several.Count - 1 })
            | Probed _ -> Seq.empty)

    walk plan.Instructions

let private uniform low high count = Array.init count (fun i -> low + (high - low) * float i / float (count - 1))

/// The law after the last step, which must be noisy; the start must be normal.
let run points (plan: Plan) =
    let mean, deviation =
        match plan.Start with
        | :? Start.Law as start when start.Of.Factors[0].Law.Count = 1 ->
            let law = start.Of.Factors[0].Law
            start.Level.Mean * law.Means[0], sqrt (start.Level.VarianceOf((law.Covariance 0).Eigenvalue 0))
        | other -> failwith $"the naive twin does not start from {other}"

    let first = uniform (mean - 16.0 * deviation) (mean + 16.0 * deviation) points
    let mutable x = first
    let mutable image = first
    let mutable density = first |> Array.map (normalLog mean (deviation * deviation) >> exp)

    for step in steps plan do
        image <- Array.map (drift plan step) image

        if step.C > 0.0 then
            let spacing = x[1] - x[0]

            let at y =
                let mutable sum = 0.0

                for i in 0 .. points - 1 do
                    let z = (y - image[i]) / step.C
                    sum <- sum + density[i] * exp (-0.5 * z * z)

                sum * spacing / (step.C * sqrt (2.0 * Math.PI))

            let matters = Array.zip image density |> Array.filter (fun (_, d) -> d > 1e-90) |> Array.map fst

            let next = uniform (Array.min matters - 15.0 * step.C) (Array.max matters + 15.0 * step.C) points
            density <- Array.Parallel.map at next
            x <- next
            image <- next

    { X = x; Density = density }

/// Sum of f(x, q(x), ln p(x)) times the spacing.
let private integral (law: Line) (target: Mixture) level f =
    let spacing = law.X[1] - law.X[0]

    Seq.sum (Seq.map2 (fun x q -> f q (logDensity target level x)) law.X law.Density) * spacing

/// KL(q‖p).
let kl law target level =
    integral law target level (fun q logP -> if q > 0.0 then q * (log q - logP) - q + exp logP else exp logP)

/// χ²(q‖p).
let chi2 law target level = integral law target level (fun q logP -> let p = exp logP in (q - p) * ((q - p) / p))

/// TV, to second order in the spacing.
let tv law target level = 0.5 * integral law target level (fun q logP -> abs (q - exp logP))

/// Mean and variance.
let moments (law: Line) =
    let spacing = law.X[1] - law.X[0]
    let mean = spacing * Seq.sum (Seq.map2 (*) law.X law.Density)
    mean, spacing * Seq.sum (Seq.map2 (fun x q -> (x - mean) * (x - mean) * q) law.X law.Density)
