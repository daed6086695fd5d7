/// Pedrotti, Maas and Mondelli 2024: the corrector with steps of finite size.
module Sgm.Verification.Theorems.PedrottiDiscrete

open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Scenarios
open Sgm.Verification.Theorems.PedrottiData
open Sgm.Verification.Theorems.PedrottiRun
open Sgm.Verification.Theorems.PedrottiScore

type private Facts =
    {
        Run: LangevinRun
        D: float
        /// L of ∇ln p.
        L: float
        Score: ScoreFacts
    }

let private facts: Subject -> Result<Facts, string> =
    Once.per (fun subject ->
        attempt {
            let! run = Subject.langevin subject
            let! data = blocks subject.Plan.Target
            let! score = scoreFacts subject.Plan run.Level

            return
                {
                    Run = run
                    D = float subject.Plan.Dimension
                    L = smoothness run.Level data
                    Score = score
                }
        })

let private langevinForm =
    assume
        "N equal Langevin steps at one level; ∇ln p is L-Lipschitz and the score s is Λ-Lipschitz"
        (facts
         >> Result.map (fun k ->
             $"h = {k.Run.H:g6}, N = {k.Run.N}, L = {k.L:g6}, Λ = {k.Score.Lipschitz:g6}, ε = {k.Score.Error:g6}"))

/// h within a limit that the statement names.
let private stepWithin statement limit =
    assume statement (fun s ->
        attempt {
            let! k = facts s
            let! largest = limit s k

            return!
                require
                    (k.Run.H <= largest * (1.0 + 1e-12))
                    $"h = {k.Run.H:g6} ≤ {largest:g6}"
                    $"h = {k.Run.H:g6} is above {largest:g6}"
        })

let private monotone (k: Facts) =
    let m = -k.Score.OneSided

    require
        (m > 0.0)
        m
        $"the score is not known to be monotone: its one-sided Lipschitz constant is at most {-m:g6}, not below 0"

let private wassersteinAssumptions =
    [
        langevinForm
        assume "⟨s(x) − s(y), x − y⟩ ≤ −m·‖x − y‖² with m > 0" (fun s ->
            facts s |> Result.bind monotone |> Result.map (fun m -> $"m = {m:g6}"))
        stepWithin "h ≤ min(m/Λ², 1/L)" (fun _ k ->
            monotone k |> Result.map (fun m -> min (m / k.Score.Lipschitz ** 2.0) (1.0 / k.L)))
    ]


/// A constant of the logarithmic Sobolev inequality for N(0, I) after any number of Langevin steps h with a Λ-Lipschitz score that is monotone
/// with m: x + h·s(x) multiplies a constant by at most 1 − 2mh + h²Λ², and the noise adds 2h.
let stateLogSobolev m steepest h =
    let kept = 1.0 - 2.0 * m * h + (h * steepest) ** 2.0
    max 1.0 (2.0 * h / (1.0 - kept))

/// By an exact law where there is one; otherwise by particles, with the closed form of D2 in the place of the start's W2.
let private wassersteinEvidence: Evidence =
    fun runner trial ->
        attempt {
            let! k = facts trial.Subject
            let! m = monotone k
            let plan = trial.Subject.Plan
            let h = k.Run.H
            let decay = (1.0 - m * h / 2.0) ** float k.Run.N
            let plateau = 2.0 / m * (k.Score.Error + 1.45 * k.L * sqrt (k.D * h))
            let what = $"W2 after N = {k.Run.N} steps"
            let bound start = decay * start + (1.0 - decay) * plateau

            if List.isEmpty (Laws.applicable plan) then
                let! _ = fromPrior trial.Subject
                let! data = blocks plan.Target
                let start = FromPrior.wasserstein k.Run.Level data
                let! alpha, _ = Entropy.alpha plan.Target k.Run.Level

                let constant = max (stateLogSobolev m k.Score.Lipschitz h) (1.0 / alpha)
                return! Sampling.wassersteinAtEnd runner trial constant what 16384L (bound start)
            else
                let! start = Measure.atStart Metric.W2 runner plan |> Result.bind Measure.atMost
                let! measured = atEnd Metric.W2 runner trial
                return [ { What = what; Measured = measured; Bound = bound start } ]
        }

/// α, where it is from, and M = ln E e^(5‖e‖²/(2α)).
let private entropy (subject: Subject) =
    attempt {
        let! run = Subject.langevin subject
        let! alpha, provenance = Entropy.alpha subject.Plan.Target run.Level
        let! moment = Entropy.moment subject.Plan run.Level (2.5 / alpha)
        return alpha, provenance, moment
    }

/// What D5b adds to the decaying start: 1.07·M + (2.61·Λ² + 1.31·ΛL)·hd/α.
let entropyPlateau (subject: Subject) =
    attempt {
        let! k = facts subject
        let! alpha, _, moment = entropy subject
        let steep = k.Score.Lipschitz

        return alpha, 1.07 * moment + (2.61 * steep * steep + 1.31 * steep * k.L) * k.Run.H * k.D / alpha
    }

let private entropyAssumptions =
    [
        langevinForm
        assume
            "p satisfies a log-Sobolev inequality with constant 1/α"
            (entropy >> Result.map (fun (alpha, provenance, _) -> $"α = {alpha:g6}: {provenance}"))
        assume
            "M = ln E_p e^(5‖s − ∇ln p‖²/(2α)) < ∞"
            (entropy >> Result.map (fun (_, _, moment) -> $"M ≤ {moment:g6}"))
        stepWithin "h ≤ 1/(8·max(Λ, L))" (fun _ k -> Ok(1.0 / (8.0 * max k.Score.Lipschitz k.L)))
    ]

let private entropyEvidence: Evidence =
    fun runner trial ->
        attempt {
            let! k = facts trial.Subject
            let! alpha, plateau = entropyPlateau trial.Subject
            let! start = Measure.atStart Metric.Kl runner trial.Subject.Plan |> Result.bind Measure.atMost
            let! measured = atEnd Metric.Kl runner trial

            return
                [
                    {
                        What = $"KL after N = {k.Run.N} steps"
                        Measured = measured
                        Bound = exp (-0.5 * alpha * k.Run.H * float k.Run.N) * start + plateau
                    }
                ]
        }

/// Data `law` at time T1, N = T2/h Langevin steps from N(0, I) with the score `scored`.
let private experimentOf law scored (s: Setting) _refinement =
    let t1, h = value "T1" s, value "h" s

    experiment {
        target (law s)
        forward vp
        score (if value "ε" s = 0.0 then exact else scored s)
        sampler (anneal (levels [ t1 + 1.0; t1 ]) (repeat (int (round (value "T2" s / h))) (corrector (langevin h))))
        measure [ w2; kl ]
    }

let private powers count first = List.init count (fun i -> first / 2.0 ** float i)

let private stepAxis first =
    axis "h" "Langevin step" (function
        | Quick -> powers 4 first
        | Standard -> powers 6 first
        | Full -> powers 8 first)

let private errorAxis = axis "ε" "size of the score error" (few [ 0.3; 0.1; 0.03; 0.01; 0.003 ])
let private dimensionAxis = axis "d" "dimension" (few [ 2.0; 4.0; 16.0; 64.0; 256.0; 1024.0; 4096.0 ])
let private timeAxis = axis "T2" "time of the corrector, Nh" (few [ 0.5; 1.0; 2.0; 4.0; 8.0; 16.0 ])

let private base' = setting [ "d", 4.0; "T1", 1.0; "T2", 8.0; "ε", 0.03; "h", 1.0 / 256.0 ]
let private with' = changed base'

let private shift s = exact |> shifted (value "ε" s)
let private ripple s = exact |> rippled (value "ε" s) 0.5

let private halves a b s =
    normalDiag (fill (int (value "d" s)) 0.3) (List.init (int (value "d" s)) (fun i -> if i % 2 = 0 then a else b))

/// Two atoms at ±0.8 with a small spread: bimodal data, log-concave from T1 = ½·ln(1 − τ² + R²) ≈ 0.25 on.
let private bimodal (_: Setting) = twoAtoms 0.0 0.8 0.01

let private mixtures s =
    let half = int (value "d" s) / 2
    product [ half, fiveAtoms 0.8 0.04; half, twoAtoms 0.0 0.7 0.01 ]

let private scenarios =
    [
        scenario
            "normal, two variances"
            "Variances ½ and 2 alternate; a constant score error."
            (experimentOf (halves 0.5 2.0) shift)
            [ base' ]
            [ stepAxis (1.0 / 16.0); errorAxis; dimensionAxis; timeAxis ]
        scenario
            "normal, condition number 40"
            "Variances 0.1 and 4 alternate, badly conditioned still at T1 = 0.05."
            (experimentOf (halves 0.1 4.0) shift)
            [ with' [ "T1", 0.05; "T2", 24.0; "h", 1.0 / 8192.0 ] ]
            [ stepAxis (1.0 / 1024.0) ]
        scenario
            "bimodal data, log-concave at T1"
            "½N(−0.8, 0.01) + ½N(0.8, 0.01) at T1 = 1; a ripple as score error."
            (experimentOf bimodal ripple)
            [ with' [ "d", 1.0; "h", 1.0 / 64.0 ] ]
            [ quickly [ 1.0 / 32.0 ] (stepAxis (1.0 / 16.0)); later errorAxis ]
        scenario
            "product of mixtures"
            "Five unequal atoms in half of the coordinates, two in the others; a ripple as score error."
            (experimentOf mixtures ripple)
            [ with' [ "h", 1.0 / 64.0 ] ]
            [ quickly [ 16.0 ] dimensionAxis ]
    ]

/// Three modes at the corners of a triangle, no product of lines. Log-concave at T1 = 1.
let private triangle (_: Setting) =
    mixture [ 0.5, normal [ 0.8; 0.0 ] 0.04; 0.3, normal [ -0.4; 0.7 ] 0.04; 0.2, normal [ -0.4; -0.7 ] 0.04 ]

/// Data in the plane, of which the small steps are for particles.
let private sampled =
    let plane changes = with' ([ "d", 2.0 ] @ changes)

    let steps first count =
        axis "h" "Langevin step" (function
            // The smallest: the bound says nothing at the largest of three coupled modes.
            | Quick -> [ first / 2.0 ** float (count - 1) ]
            | Standard -> powers (count + 1) first
            | Full -> powers (count + 2) first)

    [
        scenario
            "three coupled modes"
            "0.5·N((0.8, 0), 0.04) + 0.3·N((−0.4, 0.7), 0.04) + 0.2·N((−0.4, −0.7), 0.04) at T1 = 1; a constant score error."
            (experimentOf triangle shift)
            [ plane [ "T1", 1.0; "T2", 4.0; "ε", 0.2; "h", 1.0 / 256.0 ] ]
            [ steps (1.0 / 64.0) 3; axis "ε" "size of the score error" (few [ 0.6; 0.3; 0.2 ]) |> later ]
        scenario
            "Old Faithful"
            "272 eruptions, both columns standardised, each row convolved with N(0, 0.09·I), at T1 = 1.5; a constant score error."
            (experimentOf (fun _ -> OldFaithful.durationsAndWaits 0.3) shift)
            [ plane [ "T1", 1.5; "T2", 2.0; "ε", 0.3; "h", 1.0 / 64.0 ] ]
            [ later (steps (1.0 / 32.0) 2) ]
    ]

/// Data far from log-concave at T1: only the relative entropy's bound applies.
let private separated =
    scenario
        "bimodal at T1"
        "½N(−2, ¼) + ½N(2, ¼) at T1 = 0.4: two modes; α from the criteria on the line."
        (experimentOf (fun _ -> twoAtoms 0.0 2.0 0.25) ripple)
        [ with' [ "d", 1.0; "T1", 0.4; "h", 1.0 / 512.0; "ε", 0.01 ] ]
        [ axis "h" "Langevin step" (fun effort -> powers (if effort = Quick then 1 else 4) (1.0 / 256.0)) ]

let private bias metric axisOf exponent law scored what settings =
    {
        Axis = axisOf.Symbol
        Exponent = exponent
        IsExponential = false
        Of = what
        Quantity = atEnd metric
        Scenario =
            scenario
                what
                "At stationarity, T2 = 40."
                (experimentOf law scored)
                [ with' ([ "T2", 40.0 ] @ settings) ]
                [ axisOf ]
    }

let private fourSteps =
    axis "h" "Langevin step" (fun effort -> powers (if effort = Quick then 5 else 8) (1.0 / 16.0))

let private allErrors = axis "ε" "size of the score error" (fun _ -> [ 0.3; 0.1; 0.03; 0.01 ])
let private allDimensions = axis "d" "dimension" (fun _ -> [ 2.0; 8.0; 32.0; 128.0; 512.0 ])

/// PMM-D5a.
let wasserstein =
    {
        Id = "pedrotti-2024-d5a"
        Title = "The corrector with finite steps, Wasserstein distance"
        Statement =
            "∇ln p is L-Lipschitz, s is Λ-Lipschitz, ⟨s(x) − s(y), x − y⟩ ≤ −m·‖x − y‖², ‖s − ∇ln p‖_{L²(p)} ≤ ε, h ≤ min(m/Λ², 1/L). Then N Langevin steps give "
            + "W2(q_N, p) ≤ (1 − mh/2)^N·W2(q_0, p) + (2/m)·(ε + 1.45·L·√(dh))."
        Source = Papers.pedrotti "the discretised corrector"
        Stance = Guarantee
        Assumptions = wassersteinAssumptions
        Metric = Metric.W2
        Evidence = wassersteinEvidence
        Scenarios = scenarios @ sampled
        Rates =
            [
                bias
                    Metric.W2
                    fourSteps
                    (AtMost 0.5)
                    (halves 0.5 2.0)
                    shift
                    "W2 at stationarity in h, exact score"
                    [ "ε", 0.0 ]
                bias
                    Metric.W2
                    allDimensions
                    (Exactly 0.5)
                    (halves 0.5 2.0)
                    shift
                    "W2 at stationarity in d, exact score"
                    [ "ε", 0.0 ]
                bias
                    Metric.W2
                    allErrors
                    (AtMost 1.0)
                    (halves 0.5 2.0)
                    shift
                    "W2 at stationarity in ε"
                    [ "h", 1.0 / 4096.0 ]
            ]
        Reading =
            "Loose by half a power in h: the synchronous coupling follows the path, whose error is √h; the law's own bias on normal data is of order h."
    }

/// PMM-D5b.
let relativeEntropy =
    {
        Id = "pedrotti-2024-d5b"
        Title = "The corrector with finite steps, relative entropy"
        Statement =
            "p satisfies a log-Sobolev inequality with constant 1/α, ∇ln p is L-Lipschitz, s is Λ-Lipschitz, h ≤ 1/(8·max(Λ, L)). Then "
            + "KL(q_N‖p) ≤ e^(−αNh/2)·KL(q_0‖p) + 1.07·ln E_p e^(5‖s − ∇ln p‖²/(2α)) + (2.61·Λ² + 1.31·ΛL)·hd/α."
        Source = Papers.pedrotti "the discretised corrector under the moment-generating loss"
        Stance = Guarantee
        Assumptions = entropyAssumptions
        Metric = Metric.Kl
        Evidence = entropyEvidence
        Scenarios = scenarios @ [ separated ]
        Rates =
            [
                bias
                    Metric.Kl
                    fourSteps
                    (AtMost 1.0)
                    (halves 0.5 2.0)
                    shift
                    "KL at stationarity in h, exact score"
                    [ "ε", 0.0 ]
                bias
                    Metric.Kl
                    allDimensions
                    (Exactly 1.0)
                    (halves 0.5 2.0)
                    shift
                    "KL at stationarity in d, exact score"
                    [ "ε", 0.0 ]
                bias
                    Metric.Kl
                    allErrors
                    (AtMost 2.0)
                    (halves 0.5 2.0)
                    shift
                    "KL at stationarity in ε"
                    [ "h", 1.0 / 4096.0 ]
            ]
        Reading =
            "Loose by one power in h on normal data, whose variance is off by O(h) and KL by O(h²); exact in d and ε up to constants. It needs no log-concavity: the bimodal scenario is out of D5a's reach."
    }
