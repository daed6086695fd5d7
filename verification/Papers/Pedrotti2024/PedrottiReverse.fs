/// Pedrotti, Maas and Mondelli 2024: the deterministic reverse of time, and the whole sampler in continuous time.
module Sgm.Verification.Theorems.PedrottiReverse

open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Scenarios
open Sgm.Verification.Theorems.PedrottiData
open Sgm.Verification.Theorems.PedrottiRun
open Sgm.Verification.Theorems.PedrottiScore

let private reverseRun (subject: Subject) =
    attempt {
        let! run = paperRun "flow" subject
        do! require (not run.Reverse.IsEmpty) () "the sampler has no predictor"
        let last = List.last run.Reverse
        do! require (last.To.Sigma = 0.0) () $"the run stops at time {last.To.Parameter:g4}, not 0"
        return run
    }

let private dataForm =
    assume "the data are a product of blocks q∗N(0, τ²·I), supp q inside a ball of radius R" (fun s ->
        blocks s.Plan.Target |> Result.map describe)

/// It depends on the data, the score and T1 alone, which many experiments share.
let private growthFrom =
    Remember.fact
        (fun subject -> subject.Experiment.Target, subject.Experiment.Score, reverseRun subject |> Result.map _.T1)
        (fun subject ->
            attempt {
                let! run = reverseRun subject
                return! Reverse.growth subject.Plan run.T1
            })

let private growth subject =
    attempt {
        let! run = reverseRun subject
        let! growth, accumulated = growthFrom subject
        return run, growth, accumulated
    }

let private reverseForm =
    Assumption.inTheLimit
        "the reverse ODE dY = (Y + s)dr from T1 to 0 (the limit of small steps of 'flow'), with a score of one-sided Lipschitz constant L_s(t)"
        (fun s ->
            growth s
            |> Result.map (fun (run, growth, accumulated) ->
                $"T1 = {run.T1:g6}, E = exp∫(1 + L_s) = {growth:g6}, ∫E_t·ε_t = {accumulated:g6}"))

let private atEnd = limit Metric.W2

let private evidence: Evidence =
    fun runner trial ->
        attempt {
            let! _, growth, accumulated = growth trial.Subject
            let! start = Measure.atStart Metric.W2 runner trial.Subject.Plan |> Result.bind Measure.atMost
            let! measured = atEnd runner trial

            return [ { What = "W2 at time 0"; Measured = measured; Bound = growth * start + accumulated } ]
        }

let private withoutCorrector =
    assume "nothing before it" (fun s ->
        attempt {
            let! run = reverseRun s
            return! require run.Corrector.IsNone "the start is the state at T1" "the sampler has a corrector"
        })

/// T2, the contraction m at T1 and the score's error there.
let private correctorFacts (subject: Subject) =
    attempt {
        let! run = reverseRun subject
        do! require run.Corrector.IsSome () "the sampler has no corrector"
        let! facts = scoreFacts subject.Plan run.Level

        do!
            require
                (facts.OneSided < 0.0)
                ()
                $"at T1 = {run.T1:g6} the score is not known to be monotone (one-sided constant {facts.OneSided:g6}): T1 > ½·ln(1 − τ² + R²) is needed"

        return run.T2, -facts.OneSided, facts.Error
    }

let private correctorForm =
    Assumption.inTheLimit
        "before it, Langevin dynamics at T1 from N(0, I) for a time T2 (the limit h → 0), m > 0 there"
        (fun s ->
            attempt {
                let! t2, m, error = correctorFacts s
                let! start = fromPrior s
                return $"T2 = {t2:g6} from {start}, m = {m:g6}, ε = {error:g6}"
            })

let private mainEvidence: Evidence =
    fun runner trial ->
        attempt {
            let! run, growth, accumulated = growth trial.Subject
            let! data = blocks trial.Subject.Plan.Target
            let! t2, m, error = correctorFacts trial.Subject
            let! measured = atEnd runner trial

            let corrected =
                exp (-m * t2) * FromPrior.wasserstein run.Level data - RealFunctions.ExpM1(-m * t2) * error / m

            return [ { What = "W2 at time 0"; Measured = measured; Bound = growth * corrected + accumulated } ]
        }

let private entropyFacts (subject: Subject) =
    attempt {
        let! run = reverseRun subject
        do! require run.Corrector.IsSome () "the sampler has no corrector"
        let! alpha, provenance = Entropy.alpha subject.Plan.Target run.Level
        let! moment = Entropy.moment subject.Plan run.Level (1.0 / alpha)
        return run.T2, alpha, provenance, moment
    }

let private entropyForm =
    Assumption.inTheLimit
        "before it, Langevin dynamics at T1 from N(0, I) for a time T2 (the limit h → 0); a log-Sobolev inequality with 1/α and M = ln E e^(‖s − ∇ln p‖²/α) < ∞ there"
        (fun s ->
            attempt {
                let! t2, alpha, provenance, moment = entropyFacts s
                let! start = fromPrior s
                return $"T2 = {t2:g6} from {start}, α = {alpha:g6} ({provenance}), M ≤ {moment:g6}"
            })

let private entropyEvidence: Evidence =
    fun runner trial ->
        attempt {
            let! run, growth, accumulated = growth trial.Subject
            let! data = blocks trial.Subject.Plan.Target
            let! t2, alpha, _, moment = entropyFacts trial.Subject
            let! measured = atEnd runner trial
            let decayed = -0.5 * alpha * t2
            let divergence = exp decayed * FromPrior.divergence run.Level data - RealFunctions.ExpM1 decayed * moment

            return
                [
                    {
                        What = "W2 at time 0"
                        Measured = measured
                        Bound = growth * sqrt (2.0 * divergence / alpha) + accumulated
                    }
                ]
        }

/// Data `law`; Langevin for T2 (none when T2 = 0) at T1 from `begun`, then 'flow' to 0 on a grid uniform in σ/m.
let private experimentOf count begun law (s: Setting) refinement =
    let t1, t2 = value "T1" s, value "T2" s
    let corrections = int (ceil (float count / 4.0 * t2)) <<< refinement
    let reverse = anneal (levels (Reverse.grid (value "τ" s) t1 (count <<< refinement))) (predictor flow)

    experiment {
        target (law s)
        forward vp
        score (if value "ε" s = 0.0 then exact else exact |> shifted (value "ε" s))
        start begun

        sampler (
            if t2 = 0.0 then
                reverse
            else
                repeat corrections (corrector (langevin (t2 / float corrections))) >=> reverse
        )

        measure [ w2 ]
    }

let private errorAxis =
    axis "ε" "size of the constant score error" (fun _ -> [ 0.3; 0.1; 0.03; 0.01; 0.003; 0.001 ])

let private fewErrors = axis "ε" "size of the constant score error" (few [ 0.1; 0.03; 0.01; 0.003; 0.001 ])
let private timeAxis = axis "T1" "time of the forward process" (few [ 0.75; 1.0; 1.5; 2.0; 3.0; 4.0; 6.0 ])
let private correctorAxis = axis "T2" "time of the corrector" (few [ 0.5; 1.0; 2.0; 4.0; 6.0; 8.0; 12.0 ])
let private dimensionAxis = axis "d" "dimension" (few [ 1.0; 4.0; 16.0; 64.0; 256.0; 1024.0; 4096.0 ])
let private ratioAxis = axis "R/τ" "radius of the atoms in units of τ" (few [ 0.25; 0.5; 1.0; 1.5; 2.0 ])

let private base' = setting [ "d", 4.0; "T1", 1.0; "T2", 0.0; "ε", 0.1; "τ", 0.5; "R/τ", 1.0 ]
let private with' = changed base'

/// N(−(1, …, 1)/√d, τ²·I): the score error (1, …, 1)·ε/√d points away from it.
let private normalData s =
    let d = int (value "d" s)
    normal (fill d (-1.0 / sqrt (float d))) (value "τ" s ** 2.0)

let private scenarios =
    [
        scenario
            "normal data, from p_{T1}"
            "A constant score error: the bound is an equality."
            (experimentOf 16 warm normalData)
            [ base' ]
            [
                axis "ε" "size of the constant score error" (few [ 1.0; 0.3; 0.1; 0.03 ])
                timeAxis
                axis "d" "dimension" (few [ 1.0; 4.0; 16.0; 64.0; 256.0 ])
            ]
        scenario
            "normal data, from N(0, I)"
            "The older way, without a corrector."
            (experimentOf 16 prior normalData)
            [ base' ]
            [ spanned errorAxis; timeAxis; dimensionAxis ]
        scenario
            "two atoms, from N(0, I)"
            "½N(−R, τ²) + ½N(R, τ²), bimodal for R > τ: E grows like e^(R²/(2τ²))."
            (experimentOf 8 prior bimodal)
            [ with' [ "ε", 0.01; "T1", 2.0 ] ]
            [ quickly [ 1.5 ] ratioAxis; later fewErrors ]
        scenario
            "product of mixtures, from N(0, I)"
            "Five unequal atoms and two, R = τ."
            (experimentOf 8 prior mixtures)
            [ with' [ "ε", 0.01 ] ]
            [ axis "d" "copies of each" (few [ 1.0; 8.0; 64.0; 512.0; 4096.0 ]) |> quickly [ 64.0 ]; later fewErrors ]
    ]

let private rate axisOf exponent exponential what begun settings =
    {
        Axis = axisOf.Symbol
        Exponent = exponent
        IsExponential = exponential
        Of = what
        Quantity = atEnd
        Scenario = scenario what "Normal data." (experimentOf 16 begun normalData) [ with' settings ] [ axisOf ]
    }

let private rates =
    [
        rate errorAxis (Exactly 1.0) false "W2 at time 0 from p_{T1}, in ε" warm []
        rate
            (axis "T1" "time of the forward process" (fun _ -> [ 1.0; 2.0; 3.0; 4.0; 5.0; 6.0 ]))
            (Exactly -1.0)
            true
            "W2 at time 0 without a corrector, exact score: the older way needs T1 → ∞"
            prior
            [ "ε", 0.0 ]
        rate
            (axis "T1" "time of the forward process" (fun _ ->
                List.init 6 (fun i -> 4.0 + 4.0 * float i) @ [ 32.0; 48.0 ])
             |> quickly [ 8.0; 16.0; 24.0; 32.0; 48.0 ])
            (AtMost 1.0)
            false
            "W2 at time 0 without a corrector, ε fixed: the error accumulates in proportion to T1"
            prior
            [ "ε", 0.05; "τ", 0.9 ]
    ]

/// τ = ¾R and the T1 of k = 5.
let private scaledTo radius s =
    let tau = 0.75 * radius

    changed s [ "τ", tau; "R/τ", radius / tau; "T1", PedrottiCurvature.forwardTime 5.0 radius (tau * tau) ]

let private mainScenarios =
    [
        scenario
            "normal data of variance 1"
            "The score error points away from the mean: corrector and reverse are both equalities."
            (experimentOf 16 prior normalData)
            [ with' [ "τ", 1.0; "T2", 4.0 ] ]
            [ spanned errorAxis; timeAxis; correctorAxis; dimensionAxis ]
        scenario
            "two atoms"
            "½N(−R, τ²) + ½N(R, τ²) with T1 = 1 fixed."
            (experimentOf 8 prior bimodal)
            [ with' [ "ε", 0.01; "T2", 4.0 ] ]
            [ later ratioAxis; later fewErrors ]
        scenario
            "two atoms far apart"
            "R grows, τ = ¾R, T1 = ½·ln(1 − τ² + 5R²): the forward time is logarithmic in R."
            (fun s -> experimentOf 8 prior bimodal (scaledTo (value "R" s) s))
            [ setting [ "ε", 0.01; "T2", 8.0; "R", 1.0 ] ]
            [ axis "R" "radius of the data's atoms" (few [ 0.5; 1.0; 2.0; 8.0; 32.0 ]) |> quickly [ 8.0 ] ]
        scenario
            "product of mixtures"
            "Five unequal atoms and two, R = τ."
            (experimentOf 8 prior mixtures)
            [ with' [ "ε", 0.01; "T2", 4.0 ] ]
            [ axis "d" "copies of each" (few [ 1.0; 8.0; 64.0; 512.0; 4096.0 ]) |> quickly [ 1.0 ] ]
    ]

let private mainRates =
    [
        rate
            errorAxis
            (Exactly 1.0)
            false
            "W2 at time 0 with T1 = 1 fixed, T2 = 40: the accuracy goes to 0 with ε"
            prior
            [ "T2", 40.0 ]
        rate
            (axis "T2" "time of the corrector" (fun _ -> [ 1.0; 2.0; 3.0; 4.0; 5.0; 6.0 ]))
            (Exactly -(1.0 / (1.0 - 0.75 * exp -2.0))) // m = 1/v, v = 1 − a²(1 − τ²) with τ = ½
            true
            "W2 at time 0, exact score, T1 = 1 fixed: the start is forgotten like e^(−T2/v)"
            prior
            [ "ε", 0.0; "T2", 1.0 ]
    ]

/// PMM-D4.
let reverse =
    {
        Id = "pedrotti-2024-d4"
        Title = "The deterministic reverse of time"
        Statement =
            "Let s_t have the one-sided Lipschitz constant L_s(t) and ‖s_t − ∇ln p_t‖_{L²(p_t)} ≤ ε_t, and E_t = exp∫₀^t(1 + L_s). The reverse ODE "
            + "dY = (Y + s)dr from T1 to 0 gives W2(out, p) ≤ E_{T1}·W2(start, p_{T1}) + ∫₀^{T1} E_t·ε_t dt. For data q∗N(0, τ²·I) and an error of "
            + "Lipschitz constant 0, E_t = τ/√v·exp((R²/2)(1/τ² − a²/v))."
        Source = Papers.pedrotti "the reverse process"
        Stance = Guarantee
        Assumptions = [ dataForm; reverseForm; withoutCorrector ]
        Metric = Metric.W2
        Evidence = evidence
        Scenarios = scenarios
        Rates = rates
        Reading =
            "Sharp for normal data and a constant error. For separated atoms E pays e^(R²/(2τ²)), which only points between the atoms feel: this is the price of Lipschitz bounds, and it does not depend on T1."
    }

/// PMM-main, Wasserstein.
let mainWasserstein =
    {
        Id = "pedrotti-2024-main-w2"
        Title = "Prediction–correction at a fixed forward time"
        Statement =
            "Corrector for T2 at T1 from N(0, I), then the reverse ODE: with D2, D3a and D4 "
            + "W2(out, p) ≤ E_{T1}·[e^(−m·T2)·(a²M₂ + (1 − √v)²·d)^½ + (1 − e^(−m·T2))·ε_{T1}/m] + ∫₀^{T1} E_t·ε_t dt. T1 is fixed; T2 grows like ln(1/accuracy)."
        Source = Papers.pedrotti "the main bound in Wasserstein distance"
        Stance = Guarantee
        Assumptions = [ dataForm; reverseForm; correctorForm ]
        Metric = Metric.W2
        Evidence = mainEvidence
        Scenarios = mainScenarios
        Rates = mainRates
        Reading =
            "Sharp on normal data of variance 1, in T1, T2, ε and d. With T1 fixed the output's error goes to 0 with ε and T2, where the sampler without a corrector keeps e^(−T1)."
    }

/// PMM-main, by relative entropy.
let mainEntropy =
    {
        Id = "pedrotti-2024-main-kl"
        Title = "Prediction–correction at a fixed forward time, by relative entropy"
        Statement =
            "The same sampler; 1/α the log-Sobolev constant of p_{T1} (α = (1 − 1/k)/v at T1 = ½·ln(1 − τ² + kR²)), M = ln E e^(‖s − ∇ln p‖²/α): with D2, D3b, "
            + "Talagrand's inequality and D4 W2(out, p) ≤ E_{T1}·((2/α)·[e^(−α·T2/2)·K₀ + (1 − e^(−α·T2/2))·M])^½ + ∫₀^{T1} E_t·ε_t dt."
        Source = Papers.pedrotti "the main bound under the moment-generating loss"
        Stance = Guarantee
        Assumptions = [ dataForm; reverseForm; entropyForm ]
        Metric = Metric.W2
        Evidence = entropyEvidence
        Scenarios = mainScenarios |> List.filter (fun s -> s.Name <> "two atoms")
        Rates = []
        Reading =
            "Holds without monotonicity of the learned score at T1; looser than the Wasserstein form by √2 in the plateau and by half the rate in T2 or more."
    }
