/// Pedrotti, Maas and Mondelli 2024: prediction–correction with a fixed forward time.
module Sgm.Verification.Theorems.Pedrotti

open Sgm
open Sgm.Engine
open Sgm.Verification

/// What statement D3a needs to know of a run.
type private Contraction =
    {
        /// One-sided Lipschitz constant of the score.
        M: float
        ScoreError: float
        /// T2, the time of the corrector.
        Time: float
    }

let private constants (subject: Subject) =
    match Subject.langevin subject with
    | Error reason -> Error reason
    | Ok run ->
        match Constants.strongConcavity subject.Plan.Target run.Level, Subject.constantScoreError subject.Plan with
        | Ok m, Ok scoreError -> Ok { M = m.Value; ScoreError = scoreError; Time = float run.N * run.H }
        | Error reason, _
        | _, Error reason -> Error reason

let private assume statement describe =
    {
        Statement = statement
        Evaluate =
            fun subject ->
                match constants subject with
                | Ok k -> Satisfied(describe k)
                | Error reason -> Broken reason
    }

let private assumptions =
    [
        assume "Langevin dynamics at one level for a time T2 (the limit h → 0 of Nh = T2)" (fun k ->
            $"T2 = {k.Time:g6}")
        assume "⟨s(x) − s(y), x − y⟩ ≤ −m·‖x − y‖²" (fun k ->
            $"m = {k.M:g6}: a normal law, whose score has slope at most −m, and a constant error")
        assume "‖s − ∇ln p‖ ≤ ε in L²(p)" (fun k -> $"ε = {k.ScoreError:g6}")
    ]

/// W2(q_{T2}, p) ≤ e^(−m·T2)·W2(q_0, p) + (1 − e^(−m·T2))·ε/m.
let private bound k start =
    let decay = exp (-k.M * k.Time)
    decay * start - RealFunctions.ExpM1(-k.M * k.Time) * k.ScoreError / k.M

let private afterCorrector runner (trial: Trial) = Measure.limit Metric.W2 runner trial.Refined

let private evidence: Evidence =
    fun runner trial ->
        match
            constants trial.Subject, Measure.atStart Metric.W2 runner trial.Subject.Plan, afterCorrector runner trial
        with
        | Ok k, Ok start, Ok measured ->
            Ok
                [
                    {
                        What = $"W2 after T2 = {k.Time:g6}"
                        Measured = measured
                        Bound = bound k start.Value.Value
                    }
                ]
        | Error reason, _, _
        | _, Error reason, _
        | _, _, Error reason -> Error reason

/// Data N(−(1, …, 1)·mean, variance·I) at time T1, Langevin for T2 from N(0, I) with the score shifted towards (1, …, 1).
let private experimentOf (setting: Setting) refinement =
    let value symbol = Map.find symbol setting
    let d = int (value "d")
    let t1 = value "T1"
    let steps = int (ceil (8.0 * value "T2")) <<< refinement

    experiment {
        target (normal (fill d (-(value "mean") / sqrt (float d))) (value "variance"))
        forward vp
        score (exact |> shifted (value "ε"))
        start prior
        sampler (anneal (levels [ t1 + 1.0; t1 ]) (repeat steps (corrector (langevin (value "T2" / float steps)))))
        measure [ w2 ]
    }

let private setting values : Setting = Map.ofList values

let private axis symbol meaning values = { Symbol = symbol; Meaning = meaning; Values = values }

let private timeAxis =
    axis "T2" "time of the corrector" (function
        | Quick -> [ 0.25; 0.5; 1.0; 2.0; 4.0; 8.0; 16.0 ]
        | Standard -> [ 0.125; 0.25; 0.5; 1.0; 2.0; 4.0; 8.0; 16.0; 32.0 ]
        | Full -> [ 0.0625; 0.125; 0.25; 0.5; 1.0; 2.0; 4.0; 8.0; 16.0; 32.0 ])

let private errorAxis = axis "ε" "L² score error" (fun _ -> [ 1.0; 0.3; 0.1; 0.03; 0.01; 0.003; 0.001 ])

let private dimensionAxis = axis "d" "dimension" (fun _ -> [ 1.0; 4.0; 16.0; 64.0; 256.0; 1024.0; 4096.0 ])

let private scenario name description bases axes =
    {
        Name = name
        Description = description
        Bases = bases
        Axes = axes
        Experiment = experimentOf
    }

let private scenarios =
    [
        scenario
            "unit variance"
            "Data N(μ, I) and a constant score error that points away from μ: the bound is an equality."
            [ setting [ "d", 4.0; "T1", 0.5; "T2", 2.0; "ε", 0.1; "mean", 1.0; "variance", 1.0 ] ]
            [ timeAxis; errorAxis; dimensionAxis ]
        scenario
            "small variance"
            "Data N(μ, I/4): the start is wider than the target, so mean and spread both have to contract."
            [ setting [ "d", 4.0; "T1", 0.5; "T2", 2.0; "ε", 0.1; "mean", 1.0; "variance", 0.25 ] ]
            [ timeAxis; errorAxis; dimensionAxis ]
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
                    [ setting [ "d", 4.0; "T1", 0.5; "T2", 40.0; "ε", 0.1; "mean", 1.0; "variance", 0.25 ] ]
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
        Source =
            {
                Paper = "Pedrotti, Maas and Mondelli 2024"
                Reference = "arXiv 2305.14164"
                Statement = "the corrector's Wasserstein bound"
                IsCompanion = true
            }
        Stance = Guarantee
        Assumptions = assumptions
        Metric = Metric.W2
        Evidence = evidence
        Scenarios = scenarios
        Rates = rates
        Reading =
            "Sharp: on N(μ, I) with a constant score error that points away from μ measured and bound agree to the resolution of the measurement, at every T2 and ε."
    }
