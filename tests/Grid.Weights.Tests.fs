/// Weights of far modes on the line count to more digits than doubles have.
module Sgm.Tests.GridWeightsTests

open Expecto
open Sgm
open Sgm.Tests.ExactLaws

let private finalLaw e = finalOf (Engine.GridInterpreter().Run(planOf e, Engine.RunOptions()))

/// A law from another, without steps that draw.
let private moved law first steps =
    finalLaw (
        experiment {
            target law
            forward ve
            start (from first)
            sampler steps
            measure [ w2 ]
        }
    )

let private along variance parts = mixture [ for weight, mean in parts -> weight, normal [ mean ] variance ]

/// √δ·gap is what W2 makes of mass δ: weights count to more digits than doubles have.
let tests =
    testList
        "far modes exchange what their weights differ by"
        [
            for words, one, other in
                [
                    "in another order", [ 0.1, 0.0; 0.2, 1e4; 0.7, 2e4 ], [ 0.7, 2e4; 0.2, 1e4; 0.1, 0.0 ]
                    "in parts", [ 0.3, 0.0; 0.7, 60.0 ], [ 0.15, 0.0; 0.15, 0.0; 0.35, 60.0; 0.35, 60.0 ]
                    "in parts and another order", [ 0.15, 0.0; 0.85, 60.0 ], [ 0.075, 0.0; 0.85, 60.0; 0.075, 0.0 ]
                    "of another sum", [ 3.0, 0.0; 7.0, 500.0 ], [ 6.0, 0.0; 14.0, 500.0 ]
                ] do
                testCase $"the same law {words}" (fun () ->
                    let found = (moved (along 1.0 one) (along 1.0 other) identity).Measure Engine.Metric.W2
                    Expect.equal found.Lower 0.0 "not apart"
                    Expect.isLessThan found.Upper 1e-9 "not by more than rounding")

            // By mpmath: masses in closed form, W2² by integrals of quantiles.
            for one, other, variance, expected in
                [
                    [ 0.3, 0.0; 0.7, 20.0 ], [ 0.3000000000000005, 0.0; 0.6999999999999994, 20.0 ], 0.1, 3.38769883e-7
                    [ 0.3, 0.0; 0.7, 1e4 ], [ 0.3000000000000005, 0.0; 0.6999999999999994, 1e4 ], 0.1, 2.27096508e-4
                    [ 0.3, 0.0; 0.7000000006999999, 1e3 ], [ 0.3, 0.0; 0.6999999991, 1e3 ], 0.5, 0.02171839413683
                    [ 0.15, 0.0; 0.85, 60.0 ],
                    [ 0.1500000000000002, 0.0; 0.8499999999999995, 60.0 ],
                    1.0,
                    6.663404655e-7
                ] do
                testCase $"weights that differ: W2 = {expected}" (fun () ->
                    let found = (moved (along variance one) (along variance other) identity).Measure Engine.Metric.W2
                    Expect.isLessThan found.Lower (expected * (1.0 + 2e-9)) "from below"
                    Expect.isGreaterThan found.Upper (expected * (1.0 - 2e-9)) "from above"
                    Expect.isLessThan (found.Upper - found.Lower) (1e-6 * expected) "narrow")
        ]
