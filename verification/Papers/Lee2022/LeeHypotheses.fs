/// Lee, Lu and Tan 2022: steps beyond stability, and hypotheses that are broken one at a time.
module Sgm.Verification.Theorems.LeeHypotheses

open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Scenarios
open Sgm.Verification.Theorems.LeeNecessity

/// The share of a theorem's assumptions that hold on an experiment; an error when it applies.
let private shareThatHolds (theorem: Theorem) subject =
    let held =
        theorem.Assumptions
        |> List.filter (fun a ->
            match Assumption.evaluate subject a with
            | Satisfied _ -> true
            | InTheLimit _
            | Broken _ -> false)

    let all = float theorem.Assumptions.Length

    {
        What = $"the share of the assumptions of {theorem.Id} that hold"
        Measured = Estimate.ClosedForm(float held.Length / all)
        Bound = 1.0 - 1.0 / all
    }

let private langevinOn variance h n d =
    experiment {
        target (normal (fill d 0.0) variance)
        forward ve
        start (from (normal (fill d 0.0) (1.2 * variance)))
        sampler (repeat n (corrector (langevin h)))
        measure [ tv ]
    }

let private isIsotropic (plan: Plan) =
    let first = plan.Target.Factors[0].Law.Covariances[0].Smallest

    plan.Target.IsGaussian
    && plan.Target.Factors
       |> Seq.forall (fun f -> f.Law.Covariances[0].Smallest = first && f.Law.Covariances[0].Largest = first)
    && plan.Score.Modifiers.IsEmpty
    && obj.ReferenceEquals(plan.Score.Of, plan.Target)

/// Necessity (c).
let unstableStep =
    {
        Id = "lee-2022-unstable-step"
        Title = "A step beyond stability"
        Statement =
            "Langevin with the exact score of N(μ, v·I) and h > 2v: every step multiplies the distance from μ by 1 − h/v < −1, so that after N steps the noise in a coordinate "
            + "has at least the deviation s·√v, s = 2·(h/v − 1)^(N−1). For s ≥ 300 TV ≥ 0.99, whatever the start; Theorem 4.2 does not apply, since h > 1/(272·d·C·L²)."
        Source = Papers.lee "the need of a small step"
        Stance = Necessity
        Assumptions =
            [
                assume "Langevin on a normal law with h > 2v" (fun _ leg ->
                    if leg.H > 2.0 / leg.L then
                        Ok $"h = {leg.H:g6}, v = {1.0 / leg.L:g6}"
                    else
                        Error $"h = {leg.H:g6} is stable: it is at most 2v = {2.0 / leg.L:g6}")
                assume "the target is N(μ, v·I), the score its own" (fun subject leg ->
                    require (isIsotropic subject.Plan) $"v = {1.0 / leg.L:g6}" "it is another law, or another score")
                // P(|x − μ| ≤ 3.2·√v) ≤ P(|Z| ≤ 3.2/s) by Anderson, and 3.2 deviations hold all but 0.0014 of the target.
                assume "s = 2·(h/v − 1)^(N−1) ≥ 300" (fun _ leg ->
                    let spread = 2.0 * (leg.H * leg.L - 1.0) ** (leg.N - 1.0)
                    require (spread >= 300.0) $"s = {spread:g6}" $"s = {spread:g6}: the steps are too few")
            ]
        Metric = Metric.Tv
        Evidence =
            fun runner trial ->
                Measure.atEnd Metric.Tv runner trial.Subject.Plan
                |> Result.map (fun tv ->
                    [ shareThatHolds LeeLuTan.langevinSupNorm trial.Subject; failed "after N steps" tv ])
        Scenarios =
            [
                {
                    Name = "normal"
                    Description = "N(0, I/4) from a law wider by a fifth, 60 steps."
                    Bases = [ Map.ofList [ "h/v", 2.2; "d", 1.0 ] ]
                    Axes =
                        [
                            axis "h/v" "step in units of the variance" (fun _ -> [ 2.1; 2.2; 2.5; 3.0; 4.0 ])
                            axis "d" "dimension" (fun _ -> [ 1.0; 4.0; 16.0; 64.0 ])
                        ]
                    Experiment =
                        fun setting _ -> langevinOn 0.25 (0.25 * value "h/v" setting) 60 (int (value "d" setting))
                }
            ]
        Rates = []
        Reading =
            "The hypothesis on h is far from sharp (272·d times below the edge of stability on normal laws), but beyond that edge nothing is left."
    }

/// A theorem with an experiment that it covers, and the same one with one hypothesis broken.
type private Case = { Theorem: Theorem; Words: string; Covered: Experiment; Broken: Experiment }

/// N(0, 1/4) noised along σ = 1, …, 1/2, as Theorem 2.2 prescribes it for so many levels, `before` each level's steps.
let private descending levels before =
    let steps (lower: float) =
        let v = 0.25 + lower * lower
        let h, n = LeeLangevin.prescribed 1.0 (1.0 / v) v 0.5 1.0
        repeat n (corrector (langevin h))

    let sigmas = List.init (levels + 1) (fun i -> 0.5 ** (float i / float levels))

    let sampler' =
        List.pairwise sigmas
        |> List.map (fun (upper, lower) -> anneal (Levels [ upper; lower ]) (before >=> steps lower))
        |> List.reduce (>=>)

    experiment {
        target (normal [ 0.0 ] 0.25)
        forward ve
        start warm
        sampler sampler'
        measure [ tv ]
    }

/// Langevin on N(0, 1) as Theorem 2.1 prescribes it, and ancestral steps as Theorem 3.1 does.
let private prescribedRun =
    let h, n = LeeLangevin.prescribed 1.0 1.0 1.0 0.5 1.0
    langevinOn 1.0 h n 1

let private ancestralRun =
    { langevinOn 1.0 1e-3 100 1 with
        Start = prior
        Sampler = anneal (LeePredictions.levels 10.0 0.5 16) (predictor ancestral)
    }

let private jumped e = { e with Sampler = e.Sampler >=> anneal (Levels [ 0.5; 0.25 ]) identity }

/// One hypothesis each.
let private cases =
    let case theorem words covered broken = { Theorem = theorem; Words = words; Covered = covered; Broken = broken }

    let langevinRun = langevinOn 1.0 1e-3 10 1

    let descent = descending 4 identity
    let corrected = descending 4 (predictor ancestral)

    [
        case LeeLuTan.langevinSupNorm "step too large" langevinRun (langevinOn 1.0 0.1 10 1)
        case LeeLuTan.langevinSupNorm "error too large" langevinRun { langevinRun with Score = exact |> shifted 0.2 }
        case LeeLuTan.langevinSupNorm "error unbounded" langevinRun { langevinRun with Score = exact |> scaled 1.1 }
        case LeeLangevin.langevinL2 "step too large" prescribedRun (langevinOn 1.0 0.1 1000 1)
        case
            LeeLangevin.langevinL2
            "too little time"
            prescribedRun
            { prescribedRun with Start = from (normal [ 9.0 ] 1.0) }
        case
            LeeLangevin.langevinL2
            "infinite χ₀²"
            prescribedRun
            { prescribedRun with Start = from (normal [ 0.0 ] 2.5) }
        case LeePredictor.stochasticPredictor "no predictor" ancestralRun langevinRun
        case
            LeePredictor.stochasticPredictor
            "not uniform in λ"
            ancestralRun
            { ancestralRun with Sampler = anneal (geometric 10.0 0.5 16) (predictor ancestral) }
        case
            LeePredictor.stochasticPredictor
            "no last noise"
            ancestralRun
            { ancestralRun with Sampler = anneal (Levels [ 1.0; 0.0 ]) (predictor ancestral) }
        case LeePredictor.stochasticPredictor "the end at a lower level" ancestralRun (jumped ancestralRun)
        case LeeAnnealed.annealedLangevin "levels too far apart" descent (descending 1 identity)
        case LeeAnnealed.annealedLangevin "the end at a lower level" descent (jumped descent)
        case LeeAnnealed.predictorCorrector "no predictor" corrected descent
        case LeeAnnealed.predictorCorrector "the end at a lower level" corrected (jumped corrected)
    ]

let private caseOf setting = cases[int (value "case" setting) - 1]

/// How many of the two answers are wrong: that the theorem covers the one experiment, and that it refuses the other.
let private wrongAnswers assumptionsOf case =
    let isCovered e =
        let subject = { Experiment = e; Plan = planOf e; Setting = Map.empty }
        Assumption.evaluateAll subject (assumptionsOf case.Theorem) |> snd |> Option.isNone

    [ not (isCovered case.Covered); isCovered case.Broken ] |> List.filter id |> List.length

/// Necessity (d), for theorems of these assumptions.
let brokenHypothesesOf (assumptionsOf: Theorem -> Assumption list) =
    {
        Id = "lee-2022-hypotheses"
        Title = "A broken hypothesis is never a theorem that holds"
        Statement =
            "Of two experiments that differ in one hypothesis (step, error, time, χ₀², schedule, last noise, predictor, the level of the end) the theorem covers the one, and refuses the other: "
            + String.concat "; " (cases |> List.mapi (fun i case -> $"{i + 1}: {case.Theorem.Id}, {case.Words}"))
            + "."
        Source = Papers.lee "its hypotheses"
        Stance = Necessity
        Assumptions =
            [
                {
                    Statement = "the experiment is one of those that break a hypothesis"
                    Evaluate =
                        fun subject ->
                            match cases |> List.tryFind (fun case -> case.Broken = subject.Experiment) with
                            | Some case -> Satisfied $"of {case.Theorem.Id}: {case.Words}"
                            | None -> Broken "it is another experiment"
                }
            ]
        Metric = Metric.Tv
        Evidence =
            fun _ trial ->
                let case = caseOf trial.Setting

                Ok
                    [
                        {
                            What = $"wrong answers of {case.Theorem.Id} ({case.Words})"
                            Measured = Estimate.ClosedForm(float (wrongAnswers assumptionsOf case))
                            Bound = 0.0
                        }
                    ]
        Scenarios =
            [
                {
                    Name = "one at a time"
                    Description = "Every case with the theorem that must refuse it, and must not refuse its twin."
                    Bases = [ Map.empty ]
                    Axes =
                        [ axis "case" "number of the experiment" (fun _ -> [ for k in 1 .. cases.Length -> float k ]) ]
                    Experiment = fun setting _ -> (caseOf setting).Broken
                }
            ]
        Rates = []
        Reading = "What a theorem does not cover it does not judge; no case counts as evidence for it."
    }

/// Necessity (d).
let brokenHypotheses = brokenHypothesesOf (fun theorem -> theorem.Assumptions)
