/// Bugs in the coefficients and stages of a step.
module Sgm.Verification.Sabotage.KernelBugs

open System.Collections.Immutable
open Sgm.Engine
open Sgm.Verification.Sabotage.PlanEdit

let private bug id title breaks edit = { Id = id; Title = title; Breaks = breaks; Part = Kernels; Change = OfPlan edit }

let private only wanted (change: Tableau -> Tableau) = steps (fun t -> if wanted t then Some(change t) else None)
let private noisy (t: Tableau) = t.C > 0.0

/// Only where a law in closed form runs the plan: long chains of deterministic maps on the line are beyond the quadrature.
let private inClosedForm (edit: Plan -> Plan option) (plan: Plan) =
    if isNull (GaussianInterpreter().WhyNot plan) then edit plan else None

let private named name (t: Tableau) = t.Method = name

/// Whether a predictor has a linear drift: A = 1 but for the rounding of the form in scores.
let private grows (t: Tableau) = not t.StaysAtLevel && abs (t.A - 1.0) > 1e-12

let private twoStages (t: Tableau) = t.Stages.Length = 2

/// The step with its second stage changed.
let private second change (t: Tableau) = tableau t [ t.Stages[0]; change t t.Stages[1] ] t.A t.B t.C

let all =
    [
        bug
            "langevin-root-two"
            "√h for √(2h) in Langevin's noise"
            "half the noise variance: the law at rest is half as wide"
            (correctors (scaled 1.0 1.0 (sqrt 0.5)))
        bug
            "never-rejected"
            "a proposal that is accepted whatever it is"
            "Langevin's bias where the target should be invariant"
            (adjusted (fun step ->
                let level, leap = step.Level, step.Leap
                Instruction.Step(Tableau.OneStage(step.Method, level, level, level, 1.0, 0.5 * leap * leap, leap))))
        bug
            "leap-root-two"
            "√h for √(2h) in the leap of MALA"
            "half the step: the target stays, the way to it is longer"
            (adjusted (fun step ->
                AdjustedStep(
                    Method = step.Method,
                    Level = step.Level,
                    Leap = step.Leap / sqrt 2.0,
                    Leaps = step.Leaps,
                    LinePoints = step.LinePoints
                )
                |> Instruction.Adjusted
                :> Instruction))
        bug
            "two-line-points"
            "two points in the rule of the line integral, whatever k"
            "an acceptance by the two ends alone"
            (adjusted (fun step ->
                AdjustedStep(
                    Method = step.Method,
                    Level = step.Level,
                    Leap = step.Leap,
                    Leaps = step.Leaps,
                    LinePoints = (if step.LinePoints.HasValue then System.Nullable 2 else System.Nullable())
                )
                |> Instruction.Adjusted
                :> Instruction))
        bug
            "noise-doubled"
            "noise of variance 2v where the step says v"
            "every noisy step adds too much"
            (only noisy (scaled 1.0 1.0 (sqrt 2.0)))
        bug
            "variance-for-deviation"
            "the noise's variance where its standard deviation belongs"
            "c² for c: far too little noise for small steps"
            (only noisy (fun t -> tableau t t.Stages t.A t.B (t.C * t.C)))
        bug
            "noise-two-percent"
            "noise of a variance 2 % too large"
            "a bias that no plot shows"
            (only noisy (scaled 1.0 1.0 (sqrt 1.02)))
        bug
            "langevin-no-noise"
            "Langevin without its noise"
            "gradient ascent to a mode"
            (inClosedForm (only (fun t -> t.StaysAtLevel && noisy t) (scaled 1.0 1.0 0.0)))
        bug
            "predictor-no-noise"
            "a stochastic predictor without its noise"
            "too small a variance after every transition"
            (inClosedForm (only (fun t -> not t.StaysAtLevel && noisy t) (scaled 1.0 1.0 0.0)))
        bug "langevin-2h" "2h for h in Langevin's drift" "half the variance at rest" (correctors (scaled 1.0 2.0 1.0))
        bug
            "langevin-half-drift"
            "h/2 for h in Langevin's drift"
            "twice the variance at rest"
            (correctors (scaled 1.0 0.5 1.0))
        bug
            "predictor-half-score"
            "g²/2 for g² before the score of the reverse SDE"
            "the probability flow's drift with the SDE's noise"
            (only (fun t -> not t.StaysAtLevel && noisy t) (scaled 1.0 0.5 1.0))
        bug
            "drift-sign"
            "the sign of the score"
            "the state runs away from the data"
            (steps (scaled 1.0 -1.0 1.0 >> Some))
        bug
            "no-linear-drift"
            "the term +x of the reverse Ornstein–Uhlenbeck process is missing"
            "A = 1 in every predictor"
            (only grows (fun t -> tableau t t.Stages 1.0 t.B t.C))
        bug
            "linear-drift-sign"
            "−x for +x in the reverse Ornstein–Uhlenbeck process"
            "1/A for A in every predictor"
            (only grows (fun t -> tableau t t.Stages (1.0 / t.A) t.B t.C))
        bug
            "shrinking-state"
            "the state loses a thousandth of itself every step"
            "A·0.999"
            (steps (scaled 0.999 1.0 1.0 >> Some))
        bug
            "beta-for-posterior"
            "ancestral noise of variance β where the posterior's β̃ belongs"
            "noise that does not vanish at the last level"
            (only (named "ancestral") (fun t ->
                let shrink = t.From.Mean / t.To.Mean
                let added = t.From.NoiseVariance - shrink * shrink * t.To.NoiseVariance
                tableau t t.Stages t.A t.B (sqrt (max 0.0 added))))
        bug
            "unit-epsilon"
            "the score's σ·s (a noise prediction) where the step wants s"
            "every score too small by σ"
            (only (fun t -> t.From.Sigma > 0.0 && t.From.Sigma <> 1.0) (fun t -> scaled 1.0 t.From.Sigma 1.0 t))
        bug
            "heun-first-level"
            "Heun's second stage at the first level"
            "the method falls back to order one"
            (only twoStages (second (fun t stage -> Stage(t.Stages[0].Level, stage.A, stage.B))))
        bug
            "heun-no-euler-point"
            "Heun's second stage at the state, not at the Euler point"
            "the second slope is taken at the wrong place"
            (only twoStages (second (fun _ stage -> Stage(stage.Level, 1.0, ImmutableArray.Create 0.0))))
        bug
            "heun-weights"
            "Heun's slopes added where they should be averaged"
            "twice the drift"
            (only twoStages (scaled 1.0 2.0 1.0))
        bug
            "ddim-order"
            "σ for σ′ in DDIM's coefficient of the score"
            "the flow's step from the wrong end"
            (only (named "flow") (fun t ->
                let shrink = t.From.Mean / t.To.Mean
                tableau t t.Stages t.A [ t.From.NoiseVariance / shrink - t.To.NoiseVariance ] t.C))
    ]
