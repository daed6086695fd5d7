/// Lee, Lu and Tan 2022: annealed Langevin Monte Carlo, alone and after a predictor step at every level.
module Sgm.Verification.Theorems.LeeAnnealed

open Sgm
open Sgm.Engine
open Sgm.Verification

/// A level's run with its constants.
let private legAt (plan: Plan) (run: LevelRun) = LeeLangevin.legOf plan run.Level run.H run.N

/// The levels after the first one, where the start is; or why the plan is not such a descent.
let private descent wantsPredictor (subject: Subject) =
    LevelRuns.ofPlan subject.Plan
    |> Result.bind (fun runs ->
        match runs with
        | first :: rest when first.N = 0L && not rest.IsEmpty ->
            if rest |> List.exists (fun run -> run.N = 0L) then
                Error "a level has no Langevin steps"
            elif rest |> List.exists (fun run -> run.Predictor.IsSome <> wantsPredictor) then
                Error(
                    if wantsPredictor then
                        "a level is reached without a predictor"
                    else
                        "a level is reached by a predictor; the statement is for Langevin steps alone"
                )
            else
                Ok(first.Level, rest)
        | _ -> Error "the sampler does not go down noise levels")

let private assume wantsPredictor statement evaluate =
    {
        Statement = statement
        Evaluate =
            fun subject ->
                let legs =
                    descent wantsPredictor subject
                    |> Result.bind (fun (_, runs) ->
                        (runs, Ok [])
                        ||> List.foldBack (fun run found ->
                            match legAt subject.Plan run, found with
                            | Ok leg, Ok others -> Ok((run, leg) :: others)
                            | Error reason, _
                            | _, Error reason -> Error reason))

                match legs |> Result.bind (evaluate subject) with
                | Ok detail -> Satisfied detail
                | Error reason -> Broken reason
    }

let private allLegs (check: LeeLangevin.Leg -> Result<string, string>) _ legs =
    let results = legs |> List.map (fun (_, leg) -> check leg)

    results
    |> List.tryPick (function
        | Error reason -> Some(Error reason)
        | Ok _ -> None)
    |> Option.defaultValue (List.last results)

let private shared wantsPredictor =
    [
        assume
            wantsPredictor
            "the sampler goes down noise levels, N_m Langevin steps of size h_m at each"
            (fun _ legs -> Ok $"{legs.Length} levels")
        assume wantsPredictor "C_m (log-Sobolev) and L_m (Lipschitz score) at every level" (fun _ legs ->
            let _, last = List.last legs
            Ok $"at the last level L = {last.L:g6}, C = {last.C:g6}")
        assume wantsPredictor "‖s − ∇ln p_m‖_{L²(p_m)} < ∞ at every level" (fun subject legs ->
            let _, last = List.last legs

            ScoreError.l2 subject.Plan last.Level |> Result.map (fun l2 -> $"ε = {l2:g6} at the last level"))
        assume wantsPredictor "h_m ≤ 1/(272·d·C_m·L_m²)" (allLegs LeeLangevin.stepFits)
    ]

/// TV(start, first level) + Σ over the levels of Theorem 2.1's bound, where χ₀² of a level is that of the exact law of the
/// level before, as `arrive` knows it.
let private evidence wantsPredictor what arrive : Evidence =
    fun runner trial ->
        let plan = trial.Subject.Plan

        let folder total run =
            match total, legAt plan run, arrive runner plan run with
            | Ok sum, Ok leg, Ok chi0Square ->
                LeeLangevin.bound plan LeeLangevin.Computed leg chi0Square |> Result.map (fun b -> sum + b)
            | Error reason, _, _
            | _, Error reason, _
            | _, _, Error reason -> Error reason

        let start =
            match plan.Start with
            | :? Engine.Start.Law as law when obj.ReferenceEquals(law.Of, plan.Target) && law.Level = plan.InitialLevel ->
                Ok 0.0
            | _ -> Measure.atInitial Metric.Tv runner plan |> Result.map (fun tv -> tv.Upper)

        match descent wantsPredictor trial.Subject, start, Measure.atEnd Metric.Tv runner plan with
        | Ok(_, runs), Ok tv, Ok measured ->
            (Ok tv, runs)
            ||> List.fold folder
            |> Result.map (fun bound -> [ { What = what; Measured = measured; Bound = bound } ])
        | Error reason, _, _
        | _, Error reason, _
        | _, _, Error reason -> Error reason

/// χ₀² ≤ (1 − η²)^(−d/2) − 1 from the ratio of the noise variances.
let private byGrowth _ (plan: Plan) (run: LevelRun) =
    let eta = run.From.NoiseVariance / run.Level.NoiseVariance - 1.0

    if run.From.Mean <> run.Level.Mean then
        Error "the levels scale the data differently; the statement is for additive noise"
    elif eta >= 1.0 then
        Error $"η = {eta:g6} is not below 1"
    else
        Ok(LeeWarmStart.neighbourBound (float plan.Dimension) eta)

/// χ² of the exact law of the level above, moved by the predictor.
let private byExactLaw runner plan run =
    LevelRuns.arrival plan run |> Measure.atEnd Metric.Chi2 runner |> Result.bind Measure.resolved

/// What a schedule is designed for.
type private Design =
    {
        D: float
        /// Radius and variance of the data q∗N(0, v·I).
        Radius: float
        Variance: float
        /// First and last noise.
        From: float
        To: float
        /// Bound for the sum of the levels' ½·ε_χ.
        Accuracy: float
    }

/// L and C at noise σ: for R < √v strongly log-concave.
let private constantsAt design sigma =
    let v = design.Variance + sigma * sigma
    let r = design.Radius
    max (1.0 / v) (r * r / (v * v) - 1.0 / v), 1.0 / (1.0 / v - r * r / (v * v))

/// The levels of the prescription, M = ⌈ln(σ_M²/σ_1²)/ln(1+η)⌉, and ε_χ = 2·accuracy/M.
let private schedule design =
    let growth = log (1.0 + LeeWarmStart.warmGrowth design.D)
    let m = max 1 (int (ceil (2.0 * log (design.From / design.To) / growth - 1e-9)))
    let sigmas = List.init (m + 1) (fun i -> design.From * (design.To / design.From) ** (float i / float m))
    sigmas, min 0.5 (2.0 * design.Accuracy / float m)

/// Annealed Langevin with step and number of steps prescribed at every level, `before` each transition's steps.
let private descend design chi0Square before =
    let sigmas, accuracy = schedule design

    sigmas
    |> List.pairwise
    |> List.map (fun (upper, lower) ->
        let l, c = constantsAt design lower
        let h, n = LeeLangevin.prescribed design.D l c accuracy chi0Square
        anneal (Levels [ upper; lower ]) (before >=> repeat n (corrector (langevin h))))
    |> List.reduce (>=>)

let private axis symbol meaning values = { Symbol = symbol; Meaning = meaning; Values = values }
let private value symbol (setting: Setting) = Map.find symbol setting

let private design radius variance setting =
    let d = value "d" setting

    {
        D = d
        Radius = radius
        Variance = variance
        From = value "σ_M" setting * d ** 0.25
        To = value "σ_1" setting
        Accuracy = value "δ" setting
    }

let private scoreOfSetting setting =
    if value "ε" setting = 0.0 then
        exact
    else
        exact |> scaled (1.0 + value "ε" setting)

let private normalExperiment chi0Square before (setting: Setting) (_refinement: int) =
    experiment {
        target (normal (fill (int (value "d" setting)) 0.0) 1.0)
        forward ve
        score (scoreOfSetting setting)
        start prior
        sampler (descend (design 0.0 1.0 setting) chi0Square before)
        measure [ tv ]
    }

/// ½·N(−1, ¼) + ½·N(1, ¼), two modes; log-concave once σ is above √¾.
let private bimodalExperiment chi0Square before (setting: Setting) (_refinement: int) =
    experiment {
        target (mixture [ 0.5, normal [ -1.0 ] 0.25; 0.5, normal [ 1.0 ] 0.25 ])
        forward ve
        score (scoreOfSetting setting)
        start prior
        sampler (descend (design 1.0 0.25 setting) chi0Square before)
        measure [ tv ]
    }

let private dimensionAxis =
    axis "d" "dimension" (function
        | Quick -> [ 1.0; 2.0; 4.0; 8.0; 16.0 ]
        | Standard -> [ 1.0; 2.0; 4.0; 8.0; 16.0; 32.0; 64.0 ]
        | Full -> [ for k in 0..8 -> 2.0 ** float k ])

let private accuracyAxis = axis "δ" "sum of the levels' ½·ε_χ" (fun _ -> [ 0.8; 0.4; 0.2; 0.1; 0.05 ])
let private errorAxis = axis "ε" "score error: s = (1 + ε)·∇ln p" (fun _ -> [ 1e-3; 3e-4; 1e-4; 3e-5; 1e-5; 0.0 ])

let private scenarios chi0Square before =
    [
        {
            Name = "normal"
            Description =
                "N(0, I) from N(0, σ_M²·I), σ_M = 4·d^(1/4), down to σ = ½ with the prescribed levels, steps and times."
            Bases = [ Map.ofList [ "d", 4.0; "δ", 0.3; "σ_M", 4.0; "σ_1", 0.5; "ε", 1e-5 ] ]
            Axes = [ dimensionAxis; accuracyAxis; errorAxis ]
            Experiment = normalExperiment chi0Square before
        }
        {
            Name = "two modes"
            Description = "½·N(−1, ¼) + ½·N(1, ¼) from N(0, 9) down to σ = 2, where one more mode begins to show."
            Bases = [ Map.ofList [ "d", 1.0; "δ", 0.5; "σ_M", 3.0; "σ_1", 2.0; "ε", 1e-4 ] ]
            Axes =
                [
                    axis "σ_1" "noise of the last level" (function
                        | Quick -> [ 2.2 ]
                        | Standard -> [ 2.5; 2.0; 1.5 ]
                        | Full -> [ 2.5; 2.0; 1.5; 1.2; 1.0 ])
                ]
            Experiment = bimodalExperiment chi0Square before
        }
    ]

let private source statement =
    {
        Paper = "Lee, Lu and Tan 2022"
        Reference = "arXiv 2206.06227"
        Statement = statement
        IsCompanion = true
    }

/// Score evaluations of the prescribed plan over the logarithm that it contains, as a value.
let private prescribedCost _ (trial: Trial) =
    let _, accuracy = schedule (design 0.0 1.0 trial.Setting)
    let cost = float trial.Subject.Plan.ScoreEvaluations / log (2.0 / accuracy ** 2.0)
    Ok(Estimate.ClosedForm(cost, 1e-6))

let private costScenario before =
    let growing =
        axis "d" "dimension" (function
            | Quick -> [ for k in 4..9 -> 2.0 ** float k ]
            | _ -> [ for k in 4..11 -> 2.0 ** float k ])

    {
        Name = "prescribed cost"
        Description = "N(0, I), from σ = 8 to σ = ½ in every dimension."
        Bases = [ Map.ofList [ "d", 16.0; "δ", 2.0; "σ_M", 8.0; "σ_1", 0.5; "ε", 0.0 ] ]
        Axes = [ growing ]
        Experiment =
            fun setting refinement ->
                let d = value "d" setting
                normalExperiment 1.0 before (Map.add "σ_M" (8.0 / d ** 0.25) setting) refinement
    }

/// LLT-2.2c.
let annealedLangevin =
    {
        Id = "lee-2022-2.2"
        Title = "Annealed Langevin Monte Carlo"
        Statement =
            "Noise levels σ_M > … > σ_1 with σ²_{m+1} ≤ (1 + η)·σ²_m, and at every level N_m Langevin steps of h_m as in Theorem 2.1 for "
            + "χ₀² = (1 − η²)^(−d/2) − 1 (at most 1 for η = min(d^(−1/2), 2^(−1/2))). Then TV(q_1, p_1) ≤ TV(q_M, p_M) + the sum of Theorem "
            + "2.1's bounds: errors add over the M = O(√d·ln(σ_M²/σ_1²)) levels."
        Source = source "Theorem 2.2"
        Stance = Guarantee
        Assumptions = shared false
        Metric = Metric.Tv
        Evidence = evidence false "TV at the last level" byGrowth
        Scenarios = scenarios 1.0 identity
        Rates =
            [
                {
                    Axis = "d"
                    Exponent = AtMost 2.5
                    IsExponential = false
                    Of = "score evaluations of the prescription over ln(2/ε_χ²)"
                    Quantity = prescribedCost
                    Scenario = costScenario identity
                }
            ]
        Reading =
            "Loose: the bound adds the errors of all levels, but every level forgets most of the error of the one before; what is measured is the last level's own bias."
    }

/// LLT-3.2c.
let predictorCorrector =
    {
        Id = "lee-2022-3.2"
        Title = "Predictor–corrector"
        Statement =
            "As annealed Langevin, with a predictor step to every level before its Langevin steps. With χ₀,m² the χ² of the exact law of the "
            + "level above after the predictor, TV(q_1, p_1) ≤ TV(q_M, p_M) + Σ_m [Theorem 2.1's bound at level m from χ₀,m]."
        Source = source "Theorem 3.2"
        Stance = Guarantee
        Assumptions = shared true
        Metric = Metric.Tv
        Evidence = evidence true "TV at the last level" byExactLaw
        Scenarios = scenarios 0.3 (predictor ancestral)
        Rates = []
        Reading =
            "Loose like annealed Langevin; the predictor's gain is visible in χ₀ alone, which enters through a logarithm: in these bounds prediction saves time per level, not accuracy."
    }
