/// Cheng, Lu, Tan and Xie 2023: a flow by proximal steps in W2 (JKO), and its way back.
module Sgm.Verification.Theorems.ChengProximal

open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Certificates
open Sgm.Verification.Scenarios

/// One direction of p_n as a normal law.
type private Normal = { Mean: float; Deviation: float }

/// The normal laws N(mean·e/√d, deviation²·I) of a plan's target along its levels, e = (1, …, 1).
let private atLevel (plan: Plan) (level: NoiseLevel) =
    match List.ofSeq plan.Target.Factors with
    | [ factor ] when
        factor.Law.Count = 1
        && factor.Law.Covariances[0].Shape = CovarianceShape.Isotropic
        && Seq.forall ((=) factor.Law.Means[0]) factor.Law.Means
        ->
        Ok
            {
                Mean = level.Mean * factor.Law.Means[0] * sqrt (float plan.Dimension)
                Deviation = sqrt (level.VarianceOf factor.Law.Covariances[0].Largest)
            }
    | _ -> Error "the target is not a normal law of one variance, its mean the same in all coordinates"

/// What the steps say: h, their number, and the largest first-order error.
type private Run =
    {
        H: float
        Steps: int
        Error: float
        First: float
        /// By what share of a deviation the steps miss the levels' laws, all together.
        Missed: float
    }

/// √(2KL(p‖N(0, I))) of a normal law in d dimensions.
let private size d law =
    let v = law.Deviation * law.Deviation
    sqrt (law.Mean * law.Mean + float d * (v - 1.0 - log v))

let private near a b = abs (a - b) <= 1e-9 * (1.0 + abs a + abs b)

let private isProximal (step: Tableau) =
    let own = step.InScores()
    own.Stages.Length = 1 && own.C = 0.0 && near own.A (1.0 + own.B[0])

/// Steps x + h(x + s), each carrying p_(n+1) onto p_n: the optimal map T, affine; ξ = ∇ln(p_(n+1)/γ) + (x − T)/h.
let private read: Subject -> Result<Run, string> =
    Once.per (fun subject ->
        let plan = subject.Plan

        attempt {
            let! own = Subject.stepsOf "x + h(x + s)" isProximal plan
            let steps = own |> List.map (fun step -> step.InScores())
            let! _ = Subject.constantScoreError plan
            let shift = ScoreForm.ofScore plan.Score |> Option.map _.Shift |> Option.defaultValue 0.0
            let h = steps.Head.B[0]
            do! require (h > 0.0) () $"its h is {h:g4}, and a proximal step has h > 0"

            let error (step: Tableau) =
                attempt {
                    let! upper = atLevel plan step.From
                    let! lower = atLevel plan step.To
                    let slope = step.A - step.B[0] / (upper.Deviation * upper.Deviation)
                    do! require (near step.B[0] h) () "its steps have more than one h"
                    let moved = step.A * upper.Mean + step.B[0] * shift

                    // In deviations of the law that is reached, with what rounding leaves of the slope and the mean.
                    let terms = abs step.A + abs step.B[0] / (upper.Deviation * upper.Deviation)
                    let means = abs (step.A * upper.Mean) + abs (step.B[0] * shift)

                    let missed =
                        abs (slope * upper.Deviation / lower.Deviation - 1.0)
                        + (abs (moved - lower.Mean) + 1e-15 * means) / lower.Deviation
                        + 1e-15 * terms / slope

                    do!
                        require
                            (slope > 0.0 && missed <= 1e-9)
                            ()
                            $"'{step.Method}' does not carry the law at its beginning onto the one at its end"

                    // ξ = (its mean along e, its slope): E‖ξ‖² = mean² + d·(slope·deviation)².
                    let mean = upper.Mean + (upper.Mean - moved) / h
                    let bend = 1.0 - 1.0 / (upper.Deviation * upper.Deviation) + (1.0 - slope) / h
                    return sqrt (mean * mean + float plan.Dimension * (bend * upper.Deviation) ** 2.0), missed
                }

            let! errors = every (List.map error steps)
            let! first = atLevel plan (List.last steps).To

            return
                {
                    H = h
                    Steps = steps.Length
                    Error = errors |> List.map fst |> List.max
                    First = size plan.Dimension first
                    Missed = errors |> List.sumBy snd
                }
        })

/// ½(ε + (1 + h)^(−N)·(√(2KL(p_0‖γ)) − ε)₊)², and what it costs that q is off by a share m of its deviation: KL of normal laws in d
/// dimensions moves by at most m·(8KL + 2d + 1).
let private bound d run =
    let left = max 0.0 (run.First - run.Error) * (1.0 + run.H) ** -float run.Steps
    let whole = 0.5 * (run.Error + left) ** 2.0
    whole + run.Missed * (8.0 * whole + 2.0 * float d + 1.0)

let private evidence: Evidence =
    fun runner trial ->
        attempt {
            let! run = read trial.Subject
            let! law = Measure.law runner trial.Subject.Plan
            let bound = bound trial.Subject.Plan.Dimension

            return
                [
                    PathRule.againstTotalVariation law (bound run)
                    match Measure.reverseKl law with
                    | Some measured ->
                        {
                            What = "KL(p‖q) of what comes back from N(0, I)"
                            Measured = measured
                            Bound = bound run
                        }
                    | None -> ()
                ]
        }

let private assumptions =
    [
        Assumption.ofResult
            "steps x + h(x + s) that carry the law at every level onto the next one: proximal steps, backwards"
            (fun subject ->
                read subject
                |> Result.map (fun run -> $"{run.Steps} of h = {run.H:g4}, first-order error ε = {run.Error:g4}"))
        Assumption.ofResult "the start is N(0, I)" (fun subject ->
            match subject.Plan.Start with
            | :? Start.Law as law when law.Of.IsGaussian && law.Level = NoiseLevel.Data ->
                match List.ofSeq law.Of.Factors with
                | [ one ] when
                    Seq.forall ((=) 0.0) one.Law.Means && Seq.forall ((=) 1.0) one.Law.Covariances[0].Eigenvalues
                    ->
                    Ok "it is"
                | _ -> Error "it is another law"
            | _ -> Error "it is another law")
    ]

let private whole symbol s = int (value symbol s)

/// p_0 = N(μ, v), …, p_N by proximal steps whose first-order error is the constant ε, as (mean/μ, deviation).
let private iterates (s: Setting) =
    let h, mean = value "h" s, value "μ" s

    let next (m, deviation) =
        (m + h * value "ε" s / mean) / (1.0 + h),
        (deviation + sqrt (deviation * deviation + 4.0 * h * (1.0 + h))) / (2.0 * (1.0 + h))

    List.scan (fun law _ -> next law) (1.0, sqrt (value "v" s)) [ 1 .. whole "N" s ]

let private experimentOf (s: Setting) (_refinement: int) =
    let d, h = whole "d" s, value "h" s
    let laws = iterates s
    let noise (m, deviation) = sqrt (max 0.0 (deviation * deviation - m * m * value "v" s))

    // In z = x/m with σ = m·ρ: x + h(x + s) is m·((1 + h)·z + h·(D − z)/σ²).
    let back (i, ((lower, _), (upper, _))) =
        let step =
            custom
                "proximal"
                [ "h", h; "a", upper; "b", lower ]
                [ "a / b * ((1 + h) * z + h * (denoise rho z - z) / (a * rho) ** 2)" ]

        anneal (levels [ float (i + 1); float i ]) (predictor step)

    experiment {
        target (normal (fill d (value "μ" s / sqrt (float d))) (value "v" s))
        forward (levelsOf (laws |> List.rev |> List.map (fun law -> fst law, noise law)))
        score (if value "ε" s = 0.0 then exact else exact |> shifted -(value "ε" s))
        start (from (standard d))
        sampler (laws |> List.pairwise |> List.indexed |> List.map back |> List.rev |> List.reduce (>=>))
        measure [ tv; kl ]
    }

let private base' = setting [ "μ", 3.0; "v", 1.0; "h", 0.5; "N", 12.0; "ε", 0.0; "d", 4.0 ]
let private errorAxis = axis "ε" "first-order error" (fun _ -> [ 0.2; 0.05; 0.01; 0.0 ]) |> quickly [ 0.05 ]
let private countAxis = axis "N" "proximal steps" (fun _ -> [ 4.0; 8.0; 16.0; 32.0 ]) |> quickly [ 8.0 ]

let private scenarios =
    [
        scenario
            "a mean"
            "N(μ, I): proximal steps take the mean alone."
            experimentOf
            [ base' ]
            [ errorAxis; countAxis; axis "h" "size of a proximal step" (fun _ -> [ 2.0; 0.5; 0.1 ]) |> later ]
        scenario
            "a width"
            "N(μ, v·I), a narrow law and a wide one."
            experimentOf
            [ changed base' [ "μ", 1.0; "ε", 0.02 ] ]
            [
                axis "v" "variance" (fun _ -> [ 0.01; 0.25; 4.0 ]) |> quickly [ 0.25 ]
                axis "d" "dimension" (fun _ -> [ 1.0; 16.0; 256.0 ]) |> later
            ]
    ]

let private reverse runner (trial: Trial) =
    Measure.law runner trial.Subject.Plan
    |> Result.bind (fun law ->
        match Measure.reverseKl law with
        | Some found -> Ok found
        | None -> Error "KL(p‖q) of this law is not known")

let private rates =
    let claim symbol exponent isExponential changes values =
        {
            Axis = symbol
            Exponent = exponent
            IsExponential = isExponential
            Of = $"KL(p‖q), in {symbol}"
            Quantity = reverse
            Scenario =
                scenario
                    $"a mean, KL(p‖q) in {symbol}"
                    "N(3·e/√d, I), h = ½."
                    experimentOf
                    [ changed base' changes ]
                    [ axis symbol symbol (fun _ -> values) ]
        }

    [
        claim "N" (Exactly(-2.0 * log 1.5)) true [] [ 2.0; 4.0; 6.0; 8.0 ]
        claim "ε" (AtMost 2.0) false [ "N", 40.0 ] [ 0.4; 0.2; 0.1; 0.05 ]
    ]

/// The companion.
let proximal =
    {
        Id = "cheng-2023-proximal"
        Title = "A flow by proximal steps, and its way back"
        Statement =
            "h > 0, γ = N(0, I), p_(n+1) ≈ argmin KL(·‖γ) + W2²(·, p_n)/(2h) with ‖∇ln(p_(n+1)/γ) + (x − T)/h‖_{L²(p_(n+1))} "
            + "≤ ε, T the optimal map to p_n. Then √(2KL(p_N‖γ)) ≤ ε + (1 + h)^(−N)·(√(2KL(p_0‖γ)) − ε)₊: KL ≤ 2ε² "
            + "after ln(√(2KL(p_0‖γ))/ε)/ln(1 + h) steps. "
            + "From γ back along the maps T to q: KL(p_0‖q) = KL(p_N‖γ)."
        Source =
            Papers.companion
                "Cheng, Lu, Tan and Xie 2023"
                "arXiv 2310.17582"
                "proximal gradient descent in W2, and back"
        Stance = Guarantee
        Assumptions = assumptions
        Metric = Metric.Kl
        Evidence = evidence
        Scenarios = scenarios
        Rates = rates
        Reading =
            "Attained by N(μ, I), whose mean a step takes to (μ + hε)/(1 + h). Backwards a proximal step is an "
            + "explicit one, x + h(x + s), with the score of the law it comes from."
    }
