/// Random laws on the plane whose truth is known from the line: products of two laws, turned.
module Sgm.Tests.PlaneCases

open System
open Sgm
open Sgm.Tests.ExactLaws

/// A normal law of the line as weight, mean and variance.
type Part = { Weight: float; Mean: float; Variance: float }

/// A target in the plane that is a product when it is turned back, and the sampler and score of its runs.
type Case = { First: Part list; Second: Part list; Angle: float; Sampler: Pipeline }

let private covariance angle v w =
    let c, s = cos angle, sin angle
    let off = c * s * (v - w)
    [ [ c * c * v + s * s * w; off ]; [ off; s * s * v + c * c * w ] ]

/// The law of (x cos a − y sin a, x sin a + y cos a).
let turned case =
    let c, s = cos case.Angle, sin case.Angle

    mixture
        [
            for a in case.First do
                for b in case.Second do
                    a.Weight * b.Weight,
                    normalCov
                        [ c * a.Mean - s * b.Mean; s * a.Mean + c * b.Mean ]
                        (covariance case.Angle a.Variance b.Variance)
        ]

let private line parts = mixture [ for part in parts -> part.Weight, normal [ part.Mean ] part.Variance ]

let private run case law =
    experiment {
        target law
        forward ve
        sampler case.Sampler
        measure [ tv; kl; chi2; w2 ]
    }

/// The run in the plane, and the same one turned back, coordinate by coordinate.
let experiments case = run case (turned case), run case (product [ 1, line case.First; 1, line case.Second ])

/// Condition numbers to 10³, modes to 20 deviations apart, levels by factors of 1.3 to 2.2, predictors with noise, correctors, and
/// flows before noise.
let random seed =
    let source = Random(seed: int)
    let between low high = low + (high - low) * source.NextDouble()
    let scale = exp (between (log 0.0316) 0.0)

    let parts count size =
        let weights = [ for _ in 1..count -> between 0.2 1.0 ]

        [
            for i, weight in List.indexed weights ->
                let deviation = size * between 0.7 1.4

                {
                    Weight = weight / List.sum weights
                    Mean = float i * size * between 1.0 20.0
                    Variance = deviation * deviation
                }
        ]

    let first, second = parts (source.Next(1, 3)) 1.0, parts (source.Next(1, 4)) scale

    let spread = [ first; second ] |> List.concat |> List.map (fun p -> abs p.Mean) |> List.max
    let top, last = (1.0 + spread) * between 1.0 2.0, scale * between 0.4 1.0
    let schedule = geometric top last (max 2 (int (ceil (log (top / last) / log (between 1.3 2.2)))))

    let predict =
        [
            predictor ancestral
            predictor exponential
            predictor eulerMaruyama
            predictor flow >=> corrector (langevinScaled 0.3)
        ][source.Next 4]

    let body =
        match source.Next 3 with
        | 0 -> predict
        | 1 -> predict >=> corrector (langevinScaled (between 0.1 0.5))
        | _ -> predict >=> repeat 2 (corrector (langevinScaled (between 0.1 0.5)))

    {
        First = first
        Second = second
        Angle = between 0.1 1.4
        Sampler = anneal schedule body
    }

/// Two modes in either coordinate, turned; twelve ancestral steps.
let two angle =
    {
        First = [ { Weight = 0.4; Mean = -1.5; Variance = 0.3 }; { Weight = 0.6; Mean = 1.0; Variance = 0.5 } ]
        Second = [ { Weight = 0.5; Mean = -1.0; Variance = 0.4 }; { Weight = 0.5; Mean = 1.2; Variance = 0.2 } ]
        Angle = angle
        Sampler = anneal (geometric 6.0 0.3 12) (predictor ancestral)
    }

let plane = Engine.PlaneInterpreter()
let runWith options e = finalOf (plane.Run(planOf e, options))
let planeLaw e = runWith (Engine.RunOptions()) e
let productLaw e = finalOf (Engine.ProductInterpreter().Run(planOf e, Engine.RunOptions()))
