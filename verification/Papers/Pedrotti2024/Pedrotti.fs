/// Pedrotti, Maas and Mondelli 2024: the corrector at a fixed forward time, in Wasserstein distance.
module Sgm.Verification.Theorems.Pedrotti

open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Scenarios
open Sgm.Verification.Theorems.PedrottiData
open Sgm.Verification.Theorems.PedrottiScore

/// What statement D3a needs to know of a run.
type private Contraction =
    {
        /// −m is a one-sided Lipschitz constant of the score.
        M: float
        ScoreError: float
        /// T2, the time of the corrector.
        Time: float
    }

let private constants (subject: Subject) =
    attempt {
        let! run = Subject.langevin subject
        let! facts = scoreFacts subject.Plan run.Level

        do!
            require
                (facts.OneSided < 0.0)
                ()
                $"the score is not known to be monotone: its one-sided Lipschitz constant is at most {facts.OneSided:g6}, not below 0"

        return { M = -facts.OneSided; ScoreError = facts.Error; Time = float run.N * run.H }
    }

let private assumptions =
    let of' describe = constants >> Result.map describe

    [
        Assumption.inTheLimit
            "Langevin dynamics at one level for a time T2 (the limit h → 0 of Nh = T2)"
            (of' (fun k -> $"T2 = {k.Time:g6}"))
        assume
            "⟨s(x) − s(y), x − y⟩ ≤ −m·‖x − y‖² with m > 0"
            (of' (fun k -> $"m = {k.M:g6}: 1/v − a²R²/v² less the slope of the score's error"))
        assume "‖s − ∇ln p‖ ≤ ε in L²(p)" (of' (fun k -> $"ε = {k.ScoreError:g6}"))
    ]

/// W2(q_{T2}, p) ≤ e^(−m·T2)·W2(q_0, p) + (1 − e^(−m·T2))·ε/m.
let private bound k start =
    let decay = exp (-k.M * k.Time)
    decay * start - RealFunctions.ExpM1(-k.M * k.Time) * k.ScoreError / k.M

let private afterCorrector = limit Metric.W2

let private evidence: Evidence =
    fun runner trial ->
        attempt {
            let! k = constants trial.Subject
            let! start = Measure.atStart Metric.W2 runner trial.Subject.Plan |> Result.bind Measure.atMost
            let! measured = afterCorrector runner trial

            return [ { What = $"W2 after T2 = {k.Time:g6}"; Measured = measured; Bound = bound k start } ]
        }

/// Data `law` at time T1, Langevin for T2 from N(0, I) with the score `scored`.
let private experimentOf law scored (s: Setting) refinement =
    let t1 = value "T1" s
    let perTime = if value "mixture" s > 0.0 then 3.0 else 8.0
    let steps = int (ceil (perTime * value "T2" s)) <<< refinement

    experiment {
        target (law s)
        forward vp
        score (scored s)
        start prior
        sampler (anneal (levels [ t1 + 1.0; t1 ]) (repeat steps (corrector (langevin (value "T2" s / float steps)))))
        measure [ w2 ]
    }

/// N(−(1, …, 1)·mean, variance·I), and a score shifted towards (1, …, 1).
let private normalData s =
    let d = int (value "d" s)
    normal (fill d (-(value "mean" s) / sqrt (float d))) (value "variance" s)

let private shift s = exact |> shifted (value "ε" s)

let private timeAxis =
    axis "T2" "time of the corrector" (function
        | Quick -> [ 0.25; 0.5; 1.0; 2.0; 4.0; 8.0; 16.0 ]
        | Standard -> [ 0.125; 0.25; 0.5; 1.0; 2.0; 4.0; 8.0; 16.0; 32.0 ]
        | Full -> [ 0.0625; 0.125; 0.25; 0.5; 1.0; 2.0; 4.0; 8.0; 16.0; 32.0 ])

let private errorAxis = axis "ε" "L² score error" (fun _ -> [ 1.0; 0.3; 0.1; 0.03; 0.01; 0.003; 0.001 ])

let private dimensionAxis = axis "d" "dimension" (fun _ -> [ 1.0; 4.0; 16.0; 64.0; 256.0; 1024.0; 4096.0 ])

let private normalBase t2 mean variance =
    setting [ "d", 4.0; "T1", 0.5; "T2", t2; "ε", 0.1; "mean", mean; "variance", variance; "mixture", 0.0 ]

let private mixtureBase = setting [ "d", 4.0; "T1", 0.8; "T2", 2.0; "ε", 0.1; "mixture", 1.0 ]

let private correctorAxis = axis "T2" "time of the corrector" (few [ 0.5; 1.0; 2.0; 3.0; 4.0; 6.0 ])
let private mixtureErrorAxis = axis "ε" "size of the score error" (few [ 1.0; 0.3; 0.1; 0.03; 0.01 ])

let private scenarios =
    [
        scenario
            "unit variance"
            "Data N(μ, I) and a constant score error that points away from μ: the bound is an equality."
            (experimentOf normalData shift)
            [ normalBase 2.0 1.0 1.0 ]
            [ timeAxis; errorAxis; dimensionAxis ]
        scenario
            "small variance"
            "Data N(μ, I/4): the start is wider than the target, so mean and spread both have to contract."
            (experimentOf normalData shift)
            [ normalBase 2.0 1.0 0.25 ]
            [ timeAxis; errorAxis; dimensionAxis ]
        scenario
            "bimodal data, log-concave at T1"
            "½N(−1, 0.01) + ½N(1, 0.01), T1 = 0.8, in one dimension; the error is a constant."
            (experimentOf (fun _ -> twoAtoms 0.0 1.0 0.01) shift)
            [ mixtureBase ]
            [ quickly [ 2.0 ] correctorAxis; later mixtureErrorAxis ]
        scenario
            "product of mixtures"
            "Five unequal atoms in [−1, 1] in half of the coordinates, two in the others; the error is a ripple."
            (experimentOf
                (fun s ->
                    let half = int (value "d" s) / 2
                    product [ half, fiveAtoms 1.0 0.04; half, twoAtoms 0.0 0.9 0.01 ])
                (fun s -> exact |> rippled (0.5 * value "ε" s) 0.5))
            [ mixtureBase |> Map.add "T2" 0.5 |> Map.add "ε" 1.0 ]
            [
                axis "d" "dimension" (few [ 2.0; 16.0; 128.0; 1024.0; 4096.0 ]) |> quickly [ 16.0 ]
                later correctorAxis
                later mixtureErrorAxis
            ]
    ]

let private rates =
    [
        {
            Axis = "ε"
            Exponent = Exactly 1.0
            IsExponential = false
            Of = "the plateau of W2 in T2 (T2 = 40, T1 = 0.5 fixed)"
            Quantity = afterCorrector
            Scenario =
                scenario
                    "plateau"
                    "T1 fixed, T2 = 40: what is left is ε/m."
                    (experimentOf normalData shift)
                    [ normalBase 40.0 1.0 0.25 ]
                    [ errorAxis ]
        }
    ]

/// PMM-D3a.
let inexactLangevin =
    {
        Id = "pedrotti-2024-d3a"
        Title = "The corrector at a fixed forward time"
        Statement =
            "If ⟨s(x) − s(y), x − y⟩ ≤ −m·‖x − y‖² and ‖s − ∇ln p‖_{L²(p)} ≤ ε, then Langevin dynamics with the score s satisfies "
            + "W2(q_{T2}, p) ≤ e^(−m·T2)·W2(q_0, p) + (1 − e^(−m·T2))·ε/m. T1 is fixed: the plateau in T2 is proportional to ε."
        Source = Papers.pedrotti "the corrector's Wasserstein bound"
        Stance = Guarantee
        Assumptions = assumptions
        Metric = Metric.W2
        Evidence = evidence
        Scenarios = scenarios
        Rates = rates
        Reading =
            "Sharp: on N(μ, I) with a constant score error that points away from μ measured and bound agree to the resolution of the measurement, at every T2 and ε. On mixtures that are log-concave at T1 the smallest curvature m is not what decides, and the bound is loose by a factor."
    }
