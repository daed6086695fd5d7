/// A report with every verdict and every kind of number, and names made to break pages.
module Sgm.Tests.HostileReport

open System
open Sgm
open Sgm.Engine
open Sgm.Verification

let private hostile = "</script><script>alert('1')</script>&amp; \"q\" <b>|*_`]]>\u0000\u001B"

let experimentAt h =
    experiment {
        target (normal [ 0.0 ] 1.0)
        forward ve
        start (from (normal [ 0.0 ] 1.2))
        sampler (repeat 10 (corrector (langevin h)))
        measure [ w2 ]
    }

let private axis symbol = { Symbol = symbol; Meaning = $"step {hostile}"; Values = fun _ -> [ 0.1; 0.01 ] }

let private scenario symbol =
    {
        Name = $"scenario {hostile}"
        Description = hostile
        Bases = []
        Axes = [ axis symbol; axis "ε" ]
        Experiment = fun _ _ -> experimentAt 0.1
    }

let private assumption = { Statement = $"h^(1/2) ≤ ε_1 {hostile}"; Evaluate = fun _ -> Satisfied "" }

let private theorem id =
    {
        Id = id
        Title = hostile
        Statement = $"χ²_{{k+1}} ≤ e^(−h/C)·χ²_k {hostile}"
        Source =
            {
                Paper = $"paper {hostile}"
                Reference = "arXiv 2206.06227"
                Statement = "Theorem 1"
                IsCompanion = true
            }
        Stance = Guarantee
        Assumptions = [ assumption ]
        Metric = Metric.W2
        Evidence = fun _ _ -> Error "not run"
        Scenarios = []
        Rates = []
        Reading = hostile
    }

let cellAt symbol verdict bound (measured: Estimate) h =
    {
        Setting = Map.ofList [ symbol, h; "ε", 0.0 ]
        Experiment = Some(experimentAt h)
        Assumptions = [ assumption, (if verdict = NotApplicable then Broken hostile else Satisfied "h = 1e-05") ]
        Decisive =
            if verdict = NotApplicable then
                None
            else
                Some { What = $"W2 {hostile}"; Measured = measured; Bound = bound }
        Comparisons = 1L
        Verdict = verdict
        Reason = if verdict = Holds then None else Some $"because {hostile}"
        IsVacuous = Double.IsInfinity bound
    }

let boundCheck id symbol verdict cells =
    {
        Theorem = theorem id
        Kind = BoundCheck
        Scenario = scenario symbol
        Axis = axis symbol
        Verdict = verdict
        Reason = if verdict = Holds then None else Some $"because {hostile}"
        Cells = cells
        Claim = None
        Points = []
        Rate = None
        Sampled = []
        Missing = 0
        Seconds = 0.25
    }

let private rateCheck id exponent isExponential points =
    let claim =
        {
            Axis = "h"
            Exponent = exponent
            IsExponential = isExponential
            Of = $"W2 {hostile}"
            Quantity = fun _ _ -> Error "not run"
            Scenario = scenario "h"
        }

    {
        Theorem = theorem id
        Kind = RateCheck
        Scenario = claim.Scenario
        Axis = axis "h"
        Verdict = Holds
        Reason = None
        Cells = []
        Claim = Some claim
        Points = points
        Rate = Some { Points = points; Slope = 1.0; Lower = 0.99; Upper = 1.01 }
        Sampled = []
        Missing = 0
        Seconds = 0.5
    }

let exactly value = Estimate.ClosedForm value

let private points =
    [
        for k in 0..5 do
            let x = 10.0 ** float -k

            {
                X = x
                Value = exactly (2.0 * x)
                Excluded = if k = 0 then Some hostile else None
                Experiment = Some(experimentAt x)
            }
    ]

/// Every verdict, every kind of number, hostile names.
let mixed =
    let unknown = Estimate.Unavailable("run", hostile)
    let infinite = Estimate.Infinite("closed form", "too wide")

    {
        Checks =
            [
                boundCheck
                    "one"
                    "h"
                    Holds
                    [
                        cellAt "h" Holds 0.2 (exactly 0.1) 0.1
                        cellAt "h" Holds infinity (exactly 0.2) 0.01
                        cellAt "h" Holds 0.2 (exactly 0.0) 0.001
                    ]
                boundCheck hostile "h" Violated [ cellAt "h" Violated 0.2 (exactly 0.3) 0.1 ]
                boundCheck
                    "three"
                    hostile
                    Inconclusive
                    [
                        cellAt hostile Inconclusive 0.2 unknown 0.1
                        cellAt hostile Inconclusive 0.2 infinite 0.01
                        cellAt hostile Inconclusive 0.2 (Estimate.Sampled(0.2, 0.1, 0.3, 0.99, "samples")) 0.0
                    ]
                boundCheck "four" "h" NotApplicable [ cellAt "h" NotApplicable 0.2 unknown 0.1 ]
                boundCheck "nothing" "h" NotApplicable []
                rateCheck "five" (Exactly 1.0) false points
                rateCheck "six" (AtMost 1.0) false points
                rateCheck "seven" (Exactly -2.0) true points
            ]
        Effort = Quick
        FalseAlarm = 1e-6
        Seconds = 1.5
    }
