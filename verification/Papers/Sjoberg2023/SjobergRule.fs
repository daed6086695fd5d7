/// Sjöberg, Lindqvist, Önnheim, Jirstrand and Svensson 2023: acceptance from the score alone.
module Sgm.Verification.Theorems.SjobergRule

open MathNet.Numerics
open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Scenarios

/// What rounding leaves of total variation where the statement has none; brackets of exact laws are ten times narrower.
let private rounding = 1e-11

/// The step and how often it is taken, of a plan that takes no other.
let private steps: Subject -> Result<AdjustedStep * int64, string> =
    Once.per (fun subject ->
        match subject.Plan.Steps() |> Seq.distinct |> Seq.truncate 2 |> List.ofSeq with
        | [ :? AdjustedStep as step ] when step.Leaps = 1 && step.LinePoints.HasValue ->
            LevelPath.follows subject.Plan |> Result.map (fun () -> step, subject.Plan.StepCount)
        | _ -> Error "the sampler is not a repetition of one step of 'mhScores'")

/// L, M and η of the plan at the level of the steps.
let private constants (subject: Subject) level =
    attempt {
        let! smooth = Constants.smoothness subject.Plan.Target level
        let! third = Constants.hessianSmoothness subject.Plan.Target level
        let! error = ScoreError.sup subject.Plan
        return smooth.Value, third.Value, error
    }

/// n/2·[η·m₁ + M·m₃/(12(k − 1)²)] of the README.
let ofSteps dimension smooth third error (step: AdjustedStep) (n: int64) =
    let d, h = float dimension, 0.5 * step.Leap * step.Leap
    let intervals = float (step.LinePoints.Value - 1)
    let first = h * (sqrt (d * smooth) + error) + sqrt (2.0 * h * d)
    // E‖ξ‖³.
    let cubed = sqrt 8.0 * exp (SpecialFunctions.GammaLn((d + 3.0) / 2.0) - SpecialFunctions.GammaLn(d / 2.0))
    let size = h * ((d * (d + 2.0)) ** 0.25 * sqrt smooth + error) + sqrt (2.0 * h) * cubed ** (1.0 / 3.0)
    0.5 * float n * (error * first + third * size ** 3.0 / (12.0 * intervals * intervals)) * (1.0 + 1e-12)

let private evidence: Evidence =
    fun runner trial ->
        attempt {
            let! step, n = steps trial.Subject
            let! smooth, third, error = constants trial.Subject step.Level
            let! start = Measure.atStart Metric.Tv runner trial.Subject.Plan
            let! start = Measure.atMost start
            let! measured = atEnd Metric.Tv runner trial

            return
                [
                    {
                        What = "TV after the steps"
                        Measured = measured
                        Bound = start + ofSteps trial.Subject.Plan.Dimension smooth third error step n + rounding
                    }
                ]
        }

let private assumptions =
    [
        Assumption.ofResult "the sampler repeats one step of 'mhScores' at one level" (fun subject ->
            steps subject
            |> Result.map (fun (step, n) ->
                $"{n} of h = {0.5 * step.Leap * step.Leap:g4} with {step.LinePoints.Value} points"))
        Assumption.ofResult "∇ln p is L-Lipschitz, ∇²ln p M-Lipschitz, and ‖s − ∇ln p‖ ≤ η everywhere" (fun subject ->
            attempt {
                let! step, _ = steps subject
                let! smooth, third, error = constants subject step.Level
                return $"L = {smooth:g4}, M = {third:g4}, η = {error:g4}"
            })
    ]

let private whole symbol s = int (value symbol s)

let private experimentOf law wrong (s: Setting) (_refinement: int) =
    experiment {
        target (law s)
        forward ve
        score (if value "ε" s = 0.0 then exact else wrong (value "ε" s) exact)
        start warm
        sampler (repeat (whole "n" s) (corrector (mhScores (value "h" s) (whole "j" s + 1))))
        measure [ tv ]
    }

let private narrow _ = normal [ 0.5 ] 0.5
let private modes _ = mixture [ 0.4, normal [ -1.0 ] 0.6; 0.6, normal [ 1.0 ] 0.6 ]
let private three _ = mixture [ 0.5, normal [ 0.0 ] 0.5; 0.2, normal [ 1.3 ] 0.5; 0.3, normal [ -1.1 ] 0.5 ]
let private base' = setting [ "h", 0.1; "j", 9.0; "n", 1.0; "ε", 0.0 ]
let private pointsAxis = axis "j" "intervals of the rule, one less than its points"
let private stepAxis = axis "h" "step of the proposal"

let private scenarios =
    [
        scenario
            "two modes"
            "0.4·N(−1, 0.6) + 0.6·N(1, 0.6)."
            (experimentOf modes shifted)
            [ base' ]
            [
                pointsAxis (fun _ -> [ 2.0; 4.0; 9.0 ]) |> quickly [ 4.0 ]
                stepAxis (fun _ -> [ 0.2; 0.1; 0.05 ]) |> later
                axis "n" "steps" (fun _ -> [ 1.0; 2.0; 8.0 ]) |> later
            ]
        scenario
            "an affine score"
            "N(½, ½): the rule is exact, and a constant ε more is the score of another normal law."
            (experimentOf narrow shifted)
            [ changed base' [ "h", 0.05 ] ]
            [
                axis "ε" "error of the score" (fun _ -> [ 0.05; 0.2 ]) |> quickly [ 0.05 ]
                pointsAxis (fun _ -> [ 1.0; 2.0; 4.0; 9.0 ]) |> later
                stepAxis (fun _ -> [ 0.5; 0.1 ]) |> later
            ]
        scenario
            "three modes, a rippled score"
            "0.5·N(0, ½) + 0.2·N(1.3, ½) + 0.3·N(−1.1, ½), the score with ε·√2·sin(3x) more."
            (experimentOf three (fun error -> rippled error 3.0))
            [ changed base' [ "n", 2.0 ] ]
            [ axis "ε" "error of the score" (fun _ -> [ 0.1; 0.02; 0.0 ]) |> later ]
    ]

let private source claim =
    Papers.companion "Sjöberg, Lindqvist, Önnheim, Jirstrand and Svensson 2023" "arXiv 2307.14012" claim

/// The rule.
let rule =
    {
        Id = "sjoberg-2023-rule"
        Title = "Acceptance from the score alone"
        Statement =
            "Steps of size h with the acceptance by a trapezoid rule of k points along the way, p with an L-Lipschitz "
            + "score and an M-Lipschitz Hessian of ln p, ‖s − ∇ln p‖ ≤ η. Then TV(q_n, p) ≤ TV(q_0, p) + (n/2)·[η·m₁ + "
            + "M·m₃/(12(k − 1)²)], m₁ = h(√(dL) + η) + √(2hd), m₃ = (h((d(d + 2))^¼·√L + η) + √(2h)·(E‖ξ‖³)^⅓)³. "
            + "Where ∇ln p is affine and s = ∇ln p, p is invariant, whatever k."
        Source = source "the acceptance rule"
        Stance = Guarantee
        Assumptions = assumptions
        Metric = Metric.Tv
        Evidence = evidence
        Scenarios = scenarios
        Rates = []
        Reading =
            "Exact where the score is affine; elsewhere of order 2 in 1/(k − 1) and in h, where the bound is of order "
            + "3/2: it does not see that errors to both sides cancel. "
            + "What k buys is a constant: the law at rest is of order 1 in h as that of unadjusted steps is."
    }
