/// Lee, Lu and Tan 2022, and Cao et al. 2026: an L² error that vanishes with the dimension, and a sampler that it ruins.
module Sgm.Verification.Theorems.LeeFalseMode

open MathNet.Numerics
open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Scenarios
open Sgm.Verification.Theorems.LeeNecessity

/// What the statement speaks of, read from a plan.
type private Example =
    {
        /// ‖μ‖.
        M: float
        /// Weight of the false mode at 0.
        W: float
        H: float
        N: float
    }

/// Whether every factor is N(0, v·I).
let private isCentred v (factors: Factor seq) =
    factors
    |> Seq.forall (fun factor ->
        let law = factor.Law

        law.Count = 1
        && Array.forall ((=) 0.0) law.Means
        && abs (law.Covariances[0].Smallest - v) <= 1e-9 * v
        && abs (law.Covariances[0].Largest - v) <= 1e-9 * v)

/// The coordinate along μ: N(m, 1), and the score of (1 − w)·N(m, 1) + w·N(0, 1) there.
let private along (plan: Plan) =
    let law, scored = plan.Target.Factors[0].Law, plan.Score.Of.Factors[0].Law

    let isUnit (law: Mixture) = law.Dimension = 1 && law.Covariances |> Seq.forall (fun c -> c.Smallest = 1.0)

    if not (isUnit law && isUnit scored && law.Count = 1 && scored.Count = 2) then
        Error "the first coordinate is not N(m, 1) with the score of two modes of variance 1"
    elif not (scored.Means[0] = law.Means[0] && scored.Means[1] = 0.0 && law.Means[0] > 0.0) then
        Error "the modes of the score are not at μ and at 0"
    elif not (plan.Score.Modifiers.IsEmpty) then
        Error "the score has further errors"
    elif not (isCentred 1.0 (Seq.skip 1 plan.Target.Factors) && isCentred 1.0 (Seq.skip 1 plan.Score.Of.Factors)) then
        Error "across μ the law or the score is not that of N(0, I)"
    else
        Ok(law.Means[0], scored.Weights[1])

let private exampleOf (subject: Subject) =
    let plan = subject.Plan

    match legOf subject, along plan, plan.Start with
    | Ok leg, Ok(m, w), (:? Engine.Start.Law as start) ->
        if not (leg.Level.Sigma = 0.0 && leg.Level.Mean = 1.0) then
            Error "Langevin does not run at the level of the data"
        elif not (leg.H <= 1.0) then
            Error $"h = {leg.H:g6} is above 1"
        elif not (isCentred (start.Level.NoiseVariance + 1.0 / (1.0 - leg.H / 2.0)) start.Of.Factors) then
            Error "the start is not N(0, (1 − h/2)^(−1)·I)"
        else
            Ok { M = m; W = w; H = leg.H; N = leg.N }
    | Error reason, _, _
    | _, Error reason, _ -> Error reason
    | _ -> Error "the start is not N(0, (1 − h/2)^(−1)·I)"

/// P(z > x) for a standard normal z.
let private tail x = SpecialFunctions.Erfc(x / sqrt 2.0) / 2.0

/// (N + 1)·Φ̄((t − δ_t)·√(1 − h/2)) + Φ̄(m − t), δ_t = m·((1 − w)/w)·e^(mt − m²/2), the smallest over t in (0, m).
let private escape example =
    let m = example.M

    Seq.init 1999 (fun i -> m * float (i + 1) / 2000.0)
    |> Seq.map (fun t ->
        let exponent = log m + log ((1.0 - example.W) / example.W) + m * t - m * m / 2.0

        if exponent > 100.0 then
            1.0
        else
            let z = (t - exp exponent) * sqrt (1.0 - example.H / 2.0)
            (example.N + 1.0) * tail z + tail (m - t))
    |> Seq.min

/// What 1 − TV in double precision cannot go below.
let private floor = 1e-14

let private evidence: Evidence =
    fun runner trial ->
        let plan = trial.Subject.Plan

        match exampleOf trial.Subject, ScoreError.l2 plan NoiseLevel.Data, Measure.atEnd Metric.Tv runner plan with
        | Ok example, Ok l2, Ok tv ->
            Ok
                [
                    {
                        What = "‖s − ∇ln p‖_{L²(p)}"
                        Measured = Estimate.ClosedForm(l2, 1e-6)
                        Bound = example.M * sqrt (example.W / (1.0 - example.W))
                    }
                    {
                        What = "1 − TV after N steps (of the bound, what is below 10^(−14) counts as 10^(−14))"
                        Measured = agreement tv
                        Bound = max floor (escape example)
                    }
                ]
        | Error reason, _, _
        | _, Error reason, _
        | _, _, Error reason -> Error reason

/// N(μ, I), ‖μ‖ = 7√d, with the score of a law that has e^(−d) of its mass at 0, from the stationary law there.
let private experimentOf (setting: Setting) (_refinement: int) =
    let d = int (value "d" setting)
    let far = 7.0 * sqrt (float d)
    let h = value "h" setting
    let along mode = if d = 1 then mode else product [ 1, mode; d - 1, normal [ 0.0 ] 1.0 ]

    experiment {
        target (along (normal [ far ] 1.0))
        forward ve
        score (scoreOf (along (withFalseMode (exp -(float d)) (normal [ far ] 1.0) (normal [ 0.0 ] 1.0))))
        start (from (normal (fill d 0.0) (1.0 / (1.0 - h / 2.0))))
        sampler (repeat (int (value "N" setting)) (corrector (langevin h)))
        measure [ tv ]
    }

/// Necessity (b), after Cao et al.
let falseModeInHighDimension =
    {
        Id = "lee-2022-false-mode"
        Title = "An exponentially small L² error that ruins Langevin Monte Carlo"
        Statement =
            "π = N(μ, I_d), m = ‖μ‖ = 7√d; s is the score of (1 − w)·N(μ, I_d) + w·N(0, I_d), w = e^(−d), so that ‖s − ∇ln π‖_{L²(π)} ≤ m·(w/(1 − w))^½. Langevin Monte Carlo "
            + "with h ≤ 1 from N(0, (1 − h/2)^(−1)·I_d) has, for every t in (0, m), 1 − TV(q_N, π) ≤ (N + 1)·Φ̄((t − δ_t)·√(1 − h/2)) + Φ̄(m − t), δ_t = m·((1 − w)/w)·e^(mt − m²/2), "
            + "Φ̄ the tail of N(0, 1): exponentially small in d for every number of steps that is polynomial in d."
        Source =
            Papers.companion
                "Cao et al. 2026"
                "a smooth variant of their example"
                "Langevin Monte Carlo with a small L² score error"
        Stance = Necessity
        Assumptions =
            [
                {
                    Statement =
                        "the target, the score, the start and the steps are those of the example, with any m > 0 and w"
                    Evaluate =
                        fun subject ->
                            match exampleOf subject with
                            | Ok e -> Satisfied $"m = {e.M:g6}, w = {e.W:g6}, h = {e.H:g6}, N = {e.N}"
                            | Error reason -> Broken reason
                }
            ]
        Metric = Metric.Tv
        Evidence = evidence
        Scenarios =
            [
                {
                    Name = "false mode at 0"
                    Description =
                        "Coordinates along μ and across it are independent, so that the laws are exact in every dimension."
                    Bases = [ Map.ofList [ "d", 4.0; "h", 0.1; "N", 50.0 ] ]
                    Axes =
                        [
                            axis "d" "dimension" (function
                                | Quick -> [ 1.0; 4.0 ]
                                | _ -> [ 1.0; 2.0; 4.0; 8.0; 16.0; 32.0; 64.0 ])
                            axis "N" "number of steps" (fun _ -> [ 30.0; 100.0; 300.0; 1000.0 ]) |> later
                        ]
                    Experiment = experimentOf
                }
            ]
        Rates = []
        Reading =
            "The L² error falls like e^(−d/2) while the sampler never leaves the false mode: no L² bound alone can help without a warm start. In one dimension the two modes are only seven deviations apart, and a hundredth of the mass does get across in fifty steps."
    }
