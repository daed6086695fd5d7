module Sgm.Tests.GridTests

open System
open Expecto
open FsCheck
open Sgm
open Sgm.Tests.ExactLaws

let private grid e = Engine.GridInterpreter().Run(planOf e, Engine.RunOptions())

let private finalLaw e = finalOf (grid e)

let private measure metric (law: Engine.Law) = law.Measure metric

/// Every metric of the two laws: the grid's bracket holds the closed form and is narrow.
let private agreeWithGaussian relative e =
    let own, exact = finalLaw e, gaussianLaw e

    for metric in metrics do
        let a, b = measure metric own, measure metric exact

        if Double.IsInfinity b.Value.Value then
            Expect.equal a.Value.Value infinity $"{metric}"
            Expect.isNotNull a.Reason $"{metric}: a reason"
        else
            contains a b.Value.Value $"{metric}"
            // A thousand steps of noise 1.4·10⁻⁴ round positions of size 1 by 2⁻⁵³ each: 8·10⁻¹⁰ of the density, and twice in a width;
            // ∫ q²/p feels twice the share of q; W2 adds what the masses' errors may move to what the positions' do.
            let share =
                if metric = Engine.Metric.Chi2 then 2.0 * (1.0 + b.Value.Value)
                elif metric = Engine.Metric.W2 then 2.0
                else 1.0

            Expect.isLessThanOrEqual (a.Upper - a.Lower) (relative * b.Value.Value + 1.6e-9 * share) $"{metric}: width"

    let a, b = own.Moments(), exact.Moments()
    Expect.isLessThanOrEqual (abs (a.Mean[0] - b.Mean[0])) (a.MeanError[0] + 1e-13) "mean"

    Expect.isLessThanOrEqual
        (abs (a.Variance[0] - b.Variance[0]))
        (a.VarianceError[0] + 1e-13 * b.Variance[0])
        "variance"

let private againstClosedForms =
    testList
        "closed forms of normal laws"
        [
            for name, e in
                [
                    "langevin",
                    experiment {
                        target (normal [ 1.0 ] 2.0)
                        forward ve
                        start (from (normal [ -3.0 ] 5.0))
                        sampler (repeat 100 (corrector (langevin 0.3)))
                    }
                    "langevin, ten thousand steps",
                    experiment {
                        target (normal [ 1.0 ] 2.0)
                        forward ve
                        start (from (normal [ 0.0 ] 1.0))
                        sampler (repeat 10_000 (corrector (langevin 0.001)))
                    }
                    "langevin, tiny steps",
                    experiment {
                        target (normal [ 1.0 ] 2.0)
                        forward ve
                        start (from (normal [ 0.0 ] 1.0))
                        sampler (repeat 1000 (corrector (langevin 1e-8)))
                    }
                    "ancestral",
                    experiment {
                        target (normal [ 1.0 ] 0.5)
                        forward vp
                        sampler (anneal (uniform 5.0 0.0 50) (predictor ancestral))
                    }
                    "exponential, biased score",
                    experiment {
                        target (normal [ 1.0 ] 0.5)
                        forward vp
                        score (exact |> scaled 0.9 |> shifted 0.2)
                        sampler (anneal (uniform 5.0 0.0 50) (predictor exponential))
                    }
                    "Euler–Maruyama",
                    experiment {
                        target (normal [ 3.0 ] 1.0)
                        forward vp
                        sampler (anneal (uniform 3.0 0.0 40) (predictor eulerMaruyama))
                    }
                    "flow",
                    experiment {
                        target (normal [ 1.0 ] 0.5)
                        forward vp
                        sampler (anneal (uniform 5.0 0.0 50) (predictor flow))
                    }
                    "flowHeun from σ = 50 to 0.01",
                    experiment {
                        target (normal [ 1.0 ] 0.5)
                        forward ve
                        sampler (anneal (karras 7.0 50.0 0.01 30) (predictor flowHeun))
                    }
                    "flowHeun with a constant score error",
                    experiment {
                        target (normal [ 1.0 ] 0.5)
                        forward vp
                        score (exact |> shifted 0.1)
                        sampler (anneal (uniform 3.0 0.1 20) (predictor flowHeun))
                    }
                    "annealed from σ = 50 to 0.01",
                    experiment {
                        target (normal [ 1.0 ] 0.5)
                        forward ve
                        sampler (anneal (geometric 50.0 0.01 30) (repeat 10 (corrector (langevinScaled 0.3))))
                    }
                    "corrector before predictor",
                    experiment {
                        target (normal [ 1.0 ] 0.5)
                        forward ve

                        sampler (
                            anneal (geometric 20.0 0.1 20) (corrector (langevinScaled 0.2) >=> predictor ancestral)
                        )
                    }
                    "predictor before corrector, wrong score",
                    experiment {
                        target (normal [ 1.0 ] 0.5)
                        forward ve
                        score (scoreOf (normal [ 1.1 ] 0.6))
                        sampler (anneal (geometric 20.0 0.1 20) (predictor flow >=> corrector (langevinScaled 0.2)))
                    }
                    "point start",
                    experiment {
                        target (normal [ 1.0 ] 0.5)
                        forward ve
                        start (point [ 7.0 ])
                        sampler (repeat 20 (corrector (langevin 0.1)))
                    }
                    "warm start",
                    experiment {
                        target (normal [ 1.0 ] 0.5)
                        forward ve
                        start warm
                        sampler (anneal (geometric 4.0 0.5 5) (predictor eulerMaruyama))
                    }
                ] do
                testCase name (fun () -> agreeWithGaussian 1e-9 e)

            testCase "variances from 1e-8 to 1e8"
            <| fun () ->
                for exponent in [ -8; -4; 4; 8 ] do
                    let v = 10.0 ** float exponent

                    agreeWithGaussian
                        1e-8
                        (experiment {
                            target (normal [ sqrt v ] v)
                            forward ve
                            start (from (normal [ 0.0 ] (1.5 * v)))
                            sampler (repeat 30 (corrector (langevin (0.2 * v))))
                        })
        ]

let tests = testList "grid law" [ againstClosedForms ]
