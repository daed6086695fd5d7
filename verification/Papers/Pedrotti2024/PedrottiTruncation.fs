/// Pedrotti, Maas and Mondelli 2024: truncating the score, so that its L² error is enough.
module Sgm.Verification.Theorems.PedrottiTruncation

open System.Collections.Immutable
open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Scenarios
open Sgm.Verification.Theorems.PedrottiData
open Sgm.Verification.Theorems.PedrottiScore

type private Facts =
    {
        Run: LangevinRun
        Law: Mixture
        /// R of the ball that the denoiser is projected onto.
        Clip: float
        /// B = 2aR/σ², a bound for the truncated score's error.
        B: float
        Alpha: float
        /// ε before the truncation.
        Error: float
    }

/// The score without its last modifier, the clip.
let private untruncated (plan: Plan) =
    match List.ofSeq plan.Score.Modifiers |> List.rev with
    | (:? Engine.ScoreModifier.Clipped as clip) :: earlier ->
        let modifiers = ImmutableArray.CreateRange(List.rev earlier)

        Ok(clip.Radius, plan |> Plan.withScore (Engine.Score(plan.Score.Of, modifiers)))
    | _ -> Error "the score's last modifier is not 'clipped'"

let private facts: Subject -> Result<Facts, string> =
    Once.per (fun subject ->
        attempt {
            let! run = Subject.langevin subject
            let! clip, plan = untruncated subject.Plan
            do! Limits.components plan.Target

            do!
                require
                    (plan.Dimension = 1)
                    ()
                    "the moment of a truncated score is computed here in one dimension only"

            let law = plan.Target.Factors[0].Law
            let! data = blocks plan.Target
            let! score = scoreFacts plan run.Level
            let! alpha, _ = Entropy.alpha plan.Target run.Level
            let level, v = run.Level, varianceAt run.Level data.Head
            let atoms = law.Means |> Array.map abs |> Array.max

            // The denoiser of X₀ is θx/a + (1 − θ)·E[Z₀|x] with θ = a²τ²/v: beyond this |x| it may leave the ball.
            let theta = level.Mean * level.Mean * data.Head.Variance / v
            let inside = level.Mean * (clip - (1.0 - theta) * atoms) / theta

            do!
                require
                    (inside >= level.Mean * atoms + 40.0 * sqrt v)
                    ()
                    $"the denoiser leaves the ball of radius {clip:g6} already at |x| = {inside:g4}: τ is too large for a truncation at R"

            return
                {
                    Run = run
                    Law = law
                    Clip = clip
                    B = 2.0 * level.Mean * clip / level.NoiseVariance
                    Alpha = alpha
                    Error = score.Error
                }
        })

/// ∫ f(s − (ln p)′)·p dx by the trapezoid rule, s the plan's score; the bracket is from half as many points.
let private expectation (k: Facts) (plan: Plan) f =
    let line = ScalarMixture.At(k.Law, k.Run.Level)
    let level = k.Run.Level
    let means = line.Means.ToArray()
    let reach = 13.0 * line.LargestDeviation
    let low, high = Array.min means - reach, Array.max means + reach

    let apply x s (modifier: Engine.ScoreModifier) =
        match modifier with
        | :? Engine.ScoreModifier.Shifted as shift -> s + shift.Amount
        | :? Engine.ScoreModifier.Scaled as scale -> scale.Factor * s
        | :? Engine.ScoreModifier.Rippled as ripple -> s + ripple.Amplitude * sqrt 2.0 * sin (ripple.Frequency * x)
        | :? Engine.ScoreModifier.Clipped as clip ->
            let denoised = (x + level.NoiseVariance * s) / level.Mean
            (level.Mean * max -clip.Radius (min clip.Radius denoised) - x) / level.NoiseVariance
        | _ -> nan

    let sum count =
        let width = (high - low) / float count

        Seq.init (count + 1) (fun i ->
            let x = low + width * float i
            let struct (score, _) = line.Score x
            let wrong = (score, plan.Score.Modifiers) ||> Seq.fold (apply x)
            exp (line.LogDensity x) * f (wrong - score))
        |> Seq.sum
        |> (*) width

    let fine, coarse = sum 16_000, sum 8_000
    fine, 2.0 * abs (fine - coarse) + 1e-13 * fine

let private estimate map (value, width) =
    Estimate.Exact(map value, map (max 0.0 (value - width)), map (value + width), "trapezoid rule")

let private assumptions =
    let of' describe = facts >> Result.map describe

    [
        Assumption.inTheLimit
            "Langevin dynamics at one level for a time T2 (the limit h → 0), in one dimension"
            (of' (fun k -> $"T2 = {float k.Run.N * k.Run.H:g6}"))
        assume
            "the score's denoiser is projected onto the ball of radius R ⊇ supp q, and τ is so small that the true denoiser leaves it only beyond 40 standard deviations"
            (of' (fun k -> $"R = {k.Clip:g6}, B = 2aR/σ² = {k.B:g6}"))
        assume
            "p satisfies a log-Sobolev inequality with constant 1/α"
            (of' (fun k -> $"α = {k.Alpha:g6}, B²/α = {k.B * k.B / k.Alpha:g6}"))
        assume "‖s − ∇ln p‖ ≤ ε in L²(p) before the truncation" (of' (fun k -> $"ε = {k.Error:g6}"))
    ]

let private evidence: Evidence =
    fun runner trial ->
        attempt {
            let! k = facts trial.Subject
            let! start = Measure.atStart Metric.Kl runner trial.Subject.Plan |> Result.bind Measure.atMost
            let! measured = limit Metric.Kl runner trial
            let plan = trial.Subject.Plan
            let decayed = -0.5 * k.Alpha * float k.Run.N * k.Run.H
            let moment = Entropy.bounded (1.0 / k.Alpha) k.B k.Error

            return
                [
                    {
                        What = "L² error of the truncated score"
                        Measured = expectation k plan (fun e -> e * e) |> estimate sqrt
                        Bound = k.Error
                    }
                    {
                        What = "M of the truncated score"
                        Measured =
                            expectation k plan (fun e -> RealFunctions.ExpM1(e * e / k.Alpha))
                            |> estimate RealFunctions.LogOnePlus
                        Bound = moment
                    }
                    {
                        What = $"KL after T2 = {float k.Run.N * k.Run.H:g6}"
                        Measured = measured
                        Bound = exp decayed * start - RealFunctions.ExpM1 decayed * moment
                    }
                ]
        }

/// ½N(−1, 10⁻⁴) + ½N(1, 10⁻⁴) at T1 = ½·ln(1 − τ² + kR²), the score `wrong` projected to R = 1.01.
let private experimentOf wrong (s: Setting) refinement =
    let variance = 1e-4
    let t1 = PedrottiCurvature.forwardTime (value "k" s) 1.0 variance
    let steps = int (ceil (3.0 * value "T2" s)) <<< refinement

    experiment {
        target (twoAtoms 0.0 1.0 variance)
        forward vp
        score (exact |> wrong (value "ε" s) |> clipped 1.01)
        sampler (anneal (levels [ t1 + 1.0; t1 ]) (repeat steps (corrector (langevin (value "T2" s / float steps)))))
        measure [ kl ]
    }

let private base' = setting [ "k", 5.0; "T2", 2.0; "ε", 0.1 ]
let private errorAxis = axis "ε" "size of the score error" (few [ 2.0; 1.0; 0.3; 0.1; 0.03; 0.01; 0.003 ])

let private scenarios =
    [
        scenario
            "score scaled by 1 + ε"
            "The untruncated error is not bounded, and from ε ≈ 0.63 on its exponential moment is infinite."
            (experimentOf (fun e -> scaled (1.0 + e)))
            [ base' ]
            [ quickly [ 1.0 ] errorAxis ]
        scenario
            "score shifted by ε"
            "A constant error before the truncation."
            (experimentOf shifted)
            [ base' ]
            [
                axis "k" "kR² in T1 = ½·ln(1 − τ² + kR²)" (few [ 2.0; 3.0; 5.0; 10.0; 20.0 ]) |> quickly [ 10.0 ]
                axis "T2" "time of the corrector" (few [ 0.5; 1.0; 2.0; 3.0; 4.0 ]) |> later
            ]
    ]

/// PMM-D3c.
let truncation =
    {
        Id = "pedrotti-2024-d3c"
        Title = "Truncation: the L² error of the score is enough"
        Statement =
            "Let the denoiser (x + σ²·s)/a be projected onto a ball of radius R that holds the true one. This never increases the error of s, bounds it by B = 2aR/σ², and so "
            + "M ≤ ln(1 + (e^(B²/α) − 1)·ε²/B²) ≤ (e^(B²/α) − 1)/B²·ε² in D3b: an L² error ε is enough. For τ = 0 and T1 = ½·ln(1 + kR²), B²/α = 4/(k − 1)."
        Source = Papers.pedrotti "the corrector with a truncated score"
        Stance = Guarantee
        Assumptions = assumptions
        Metric = Metric.Kl
        Evidence = evidence
        Scenarios = scenarios
        Rates =
            [
                {
                    Axis = "ε"
                    Exponent = AtMost 2.0
                    IsExponential = false
                    Of = "M of the truncated score in the L² scale ε"
                    Quantity =
                        fun _ trial ->
                            attempt {
                                let! k = facts trial.Subject

                                return
                                    expectation k trial.Subject.Plan (fun e -> RealFunctions.ExpM1(e * e / k.Alpha))
                                    |> estimate RealFunctions.LogOnePlus
                            }
                    Scenario =
                        scenario
                            "moment"
                            "The score scaled by 1 + ε, then truncated."
                            (experimentOf (fun e -> scaled (1.0 + e)))
                            [ base' ]
                            [ axis "ε" "size of the score error" (fun _ -> [ 1.0; 0.3; 0.1; 0.03; 0.01 ]) ]
                }
            ]
        Reading =
            "An error that is small in L² but has no exponential moment is tamed; the factor (e − 1) at k = 5 against 1 for small errors, and half of the dissipation as in D3b, are what the bound gives away."
    }
