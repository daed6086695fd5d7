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
            match a.Evaluate subject with
            | Satisfied _ -> true
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

/// Necessity (c).
let unstableStep =
    {
        Id = "lee-2022-unstable-step"
        Title = "A step beyond stability"
        Statement =
            "Langevin on N(0, v·I) with h > 2v: every step multiplies the state by 1 − h/v < −1. After N steps TV ≥ 0.99; Theorem 4.2 does not apply, since h > 1/(272·d·C·L²)."
        Source = Papers.lee "the need of a small step"
        Stance = Necessity
        Assumptions =
            [
                assume "Langevin on a normal law with h > 2v" (fun _ leg ->
                    if leg.H > 2.0 / leg.L then
                        Ok $"h = {leg.H:g6}, v = {1.0 / leg.L:g6}"
                    else
                        Error $"h = {leg.H:g6} is stable: it is at most 2v = {2.0 / leg.L:g6}")
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

/// Experiments that break one hypothesis each, with the theorem that must not apply.
let private broken =
    [
        LeeLuTan.langevinSupNorm, langevinOn 1.0 0.1 10 1
        LeeLuTan.langevinSupNorm, { langevinOn 1.0 1e-3 10 1 with Score = exact |> shifted 0.2 }
        LeeLuTan.langevinSupNorm, { langevinOn 1.0 1e-3 10 1 with Score = exact |> scaled 1.1 }
        LeeLangevin.langevinL2, langevinOn 1.0 0.1 100 1
        LeeLangevin.langevinL2, { langevinOn 1.0 1e-3 1000 1 with Start = from (normal [ 3.0 ] 1.0) }
        LeeLangevin.langevinL2, { langevinOn 1.0 1e-3 3000 1 with Start = from (normal [ 0.0 ] 2.5) }
        LeePredictor.stochasticPredictor, langevinOn 1.0 1e-3 100 1
        LeePredictor.stochasticPredictor,
        { langevinOn 1.0 1e-3 100 1 with
            Start = prior
            Sampler = anneal (geometric 10.0 0.5 16) (predictor ancestral)
        }
        LeePredictor.stochasticPredictor,
        { langevinOn 1.0 1e-3 100 1 with
            Start = prior
            Sampler = anneal (Levels [ 1.0; 0.0 ]) (predictor ancestral)
        }
        LeeAnnealed.annealedLangevin,
        { langevinOn 1.0 1e-3 100 1 with
            Start = prior
            Sampler = anneal (geometric 4.0 0.5 16) (repeat 10 (corrector (langevinScaled 0.1)))
        }
        LeeAnnealed.predictorCorrector,
        { langevinOn 1.0 1e-3 100 1 with
            Start = prior
            Sampler = anneal (geometric 4.0 0.5 16) (repeat 10 (corrector (langevinScaled 1e-4)))
        }
    ]

let private case setting = broken[int (value "case" setting) - 1]

/// Necessity (d).
let brokenHypotheses =
    {
        Id = "lee-2022-hypotheses"
        Title = "A broken hypothesis is never a theorem that holds"
        Statement =
            "On experiments that break one hypothesis each (step too large, error too large or unbounded, too little time, infinite χ₀², schedule not uniform in λ, no last noise, no "
            + "predictor) the theorem's verdict is notApplicable, and at least one of its assumptions is reported as broken."
        Source = Papers.lee "its hypotheses"
        Stance = Necessity
        Assumptions =
            [
                {
                    Statement = "the experiment is one of those that break a hypothesis"
                    Evaluate =
                        fun subject ->
                            match broken |> List.tryFind (fun (_, e) -> e = subject.Experiment) with
                            | Some(theorem, _) -> Satisfied $"of {theorem.Id}"
                            | None -> Broken "it is another experiment"
                }
            ]
        Metric = Metric.Tv
        Evidence =
            fun runner trial ->
                let theorem, e = case trial.Setting

                match (Study.onExperiment runner theorem e).Verdict with
                | NotApplicable -> Ok [ shareThatHolds theorem trial.Subject ]
                | other -> Error $"the verdict of {theorem.Id} is {Verdict.name other}, not notApplicable"
        Scenarios =
            [
                {
                    Name = "one at a time"
                    Description = "Every case with the theorem that must refuse it."
                    Bases = [ Map.empty ]
                    Axes =
                        [ axis "case" "number of the experiment" (fun _ -> [ for k in 1 .. broken.Length -> float k ]) ]
                    Experiment = fun setting _ -> snd (case setting)
                }
            ]
        Rates = []
        Reading = "What a theorem does not cover it does not judge; no case counts as evidence for it."
    }
