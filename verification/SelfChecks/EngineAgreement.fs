/// The engine against itself: particles have the law that an exact interpreter gives the same plan.
module Sgm.Verification.Theorems.EngineAgreement

open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Scenarios

let private coordinatesAreIndependent (plan: Plan) =
    let startIs =
        match plan.Start with
        | :? Engine.Start.Law as law -> law.Of.HasIndependentCoordinates
        | _ -> true

    let staysSo =
        plan.Score.AllModifiers
        |> Seq.forall (function
            | :? Engine.ScoreModifier.Clipped
            | :? Engine.ScoreModifier.Learned -> false
            | _ -> true)

    startIs
    && staysSo
    && plan.Target.HasIndependentCoordinates
    && Seq.append [ plan.Score ] plan.Score.Blends |> Seq.forall (fun score -> score.Of.HasIndependentCoordinates)

/// The particles at the end of a run.
let private particles (runner: Runner) plan count seed =
    let options = RunOptions(Particles = count, Seed = seed, Cancellation = runner.Cancellation)
    Measure.lawBy runner.Sample plan options |> Result.map (fun law -> law :?> ParticleLaw)

/// What the exact law is known to be: all of it when it is normal with independent coordinates.
let private normalLaw (exact: Law) (moments: Moments) isIndependent =
    match exact with
    | :? GaussianLaw when isIndependent ->
        Some(Engine.Target(Mixture.Normal(moments.Mean, Covariance.Diagonal moments.Variance)))
    | _ -> None

/// What rounding may do to an exact normal law, in total variation.
let private precision = 1e-12

/// Against the exact law itself: no set of states may be more frequent among the particles than in the law.
let private fit confidence (store: ParticleStore) law seed =
    let lower = ParticleLaw(store, law, NoiseLevel.Data, seed, confidence).Measure(Metric.Tv).Lower

    {
        What = "total variation between particles and exact law, lower bound"
        Measured = Estimate.ClosedForm lower
        Bound = precision
    }

let private evidence: Evidence =
    fun runner trial ->
        let plan = trial.Subject.Plan

        match Measure.law runner plan with
        | Error reason -> Error reason
        | Ok exact ->
            let moments = exact.Moments()
            let isIndependent = coordinatesAreIndependent plan
            let normal = normalLaw exact moments isIndependent
            let distance = exact.Measure Metric.W2
            let variation = exact.Measure Metric.Tv

            let measure (stage: Stage) =
                match
                    particles runner plan stage.Particles stage.Seed,
                    particles runner plan (stage.Particles / 2L) (stage.Seed + 1UL)
                with
                | Error reason, _
                | _, Error reason -> Error reason
                | Ok law, Ok next ->
                    let statistics =
                        Conformance.statistics (exact :? GaussianLaw) isIndependent moments law.Particles next.Particles

                    let statements = statistics.Length + 3
                    let confidence = stage.Confidence statements
                    let allowed = -log10(stage.FalseAlarm / float statements)

                    Ok
                        [
                            for statistic in statistics do
                                {
                                    What = $"{statistic.Of}, surprise in decades"
                                    Measured = Estimate.ClosedForm statistic.Surprise
                                    Bound = allowed
                                }

                            match normal with
                            | Some law' -> fit confidence law.Particles law' stage.Seed
                            | None -> ()

                            {
                                What = "the particles' lower bound of total variation against the exact value"
                                Measured = Estimate.ClosedForm (law.At(confidence).Measure Metric.Tv).Lower
                                Bound = variation.Upper
                            }
                            {
                                What = "the particles' lower bound of W2 against the exact value"
                                Measured = Estimate.ClosedForm(law.At(confidence).WassersteinBelow())
                                Bound = distance.Upper
                            }
                        ]

            let power (stage: Stage) = Conformance.power stage.Particles (stage.FalseAlarm / 40.0)

            Sampling.decide
                runner.Budget
                "exact law and particles agree"
                None
                trial.Subject.Experiment.Seed
                (Sampling.most runner.Budget.Effort)
                (Some power)
                measure


/// The standing cases: every kind of kernel, step and law that has an exact twin.
let private cases =
    [
        "Langevin, one normal law",
        fun _ ->
            experiment {
                target (normal [ 0.5 ] 0.8)
                forward ve
                start (from (normal [ -1.0 ] 2.0))
                sampler (repeat 20 (corrector (langevin 0.05)))
                measure [ tv; w2 ]
            }
        "the reverse SDE, four variances",
        fun _ ->
            experiment {
                target (normalDiag [ 1.0; 0.0; -0.5; 0.3 ] [ 0.5; 1.0; 2.0; 0.25 ])
                forward vp
                score (exact |> shifted 0.1)
                sampler (anneal (uniform 2.0 0.0 16) (predictor eulerMaruyama))
                measure [ tv; w2 ]
            }
        "a rotated covariance",
        fun _ ->
            experiment {
                target (normalCov [ 1.0; -1.0 ] [ [ 2.0; 0.8 ]; [ 0.8; 0.5 ] ])
                forward ve
                sampler (anneal (geometric 4.0 0.1 16) (predictor exponential >=> corrector (langevinScaled 0.1)))
                measure [ tv; w2 ]
            }
        "the probability flow, by Heun",
        fun _ ->
            experiment {
                target (normal [ 1.0; 2.0 ] 0.5)
                forward vp
                sampler (anneal (uniform 3.0 0.0 12) (predictor flowHeun))
                measure [ tv; w2 ]
            }
        "two modes with their own variances",
        fun _ ->
            experiment {
                target (mixture [ 0.3, normal [ -2.0 ] 0.1; 0.7, normal [ 1.5 ] 0.4 ])
                forward ve
                score (exact |> scaled 0.95)

                sampler (
                    anneal (geometric 5.0 0.2 16) (predictor exponential >=> repeat 2 (corrector (langevinScaled 0.05)))
                )

                measure [ tv; w2 ]
            }
        "two modes with one variance, ancestral",
        fun _ ->
            experiment {
                target (mixture [ 0.5, normal [ -1.0 ] 0.2; 0.5, normal [ 1.5 ] 0.2 ])
                forward vp
                score (exact |> rippled 0.1 2.0)
                sampler (anneal (uniform 2.5 0.1 24) (predictor ancestral))
                measure [ tv; w2 ]
            }
        "two correlated modes in the plane",
        fun _ ->
            experiment {
                target (
                    mixture
                        [
                            0.4, normalCov [ -1.5; 0.0 ] [ [ 0.5; 0.3 ]; [ 0.3; 0.4 ] ]
                            0.6, normalCov [ 1.5; 1.0 ] [ [ 0.3; -0.1 ]; [ -0.1; 0.5 ] ]
                        ]
                )

                forward ve
                sampler (anneal (geometric 5.0 0.3 12) (predictor ancestral >=> corrector (langevinScaled 0.1)))
                measure [ tv; w2 ]
            }
        "a product of mixtures",
        fun _ ->
            experiment {
                target (
                    product [ 2, mixture [ 0.5, normal [ -1.0 ] 0.3; 0.5, normal [ 1.0 ] 0.3 ]; 1, normal [ 0.5 ] 1.0 ]
                )

                forward vp
                sampler (anneal (uniform 2.0 0.2 12) (predictor exponential))
                measure [ tv; w2 ]
            }
    ]

let private caseAxis =
    {
        Symbol = "case"
        Meaning = "standing case"
        Values = fun _ -> List.init cases.Length float
    }

let private hasExactLaw =
    {
        Statement = "an exact law runs the plan"
        Evaluate =
            fun subject ->
                match Laws.applicable subject.Plan with
                | (law, _) :: _ -> Satisfied law.Backend
                | [] -> Broken(Laws.reasons (Laws.refusals subject.Plan))
    }

/// Exact laws and particles agree.
let agreement =
    {
        Id = "engine-agreement"
        Title = "Exact laws and particles agree"
        Statement =
            "The particles of a run are independent draws from the law that an exact interpreter gives the same plan: their means, variances and frequencies "
            + "are those of the law, lanes, blocks and seeds are independent of each other, and no lower end of W2 or total variation is above the exact value."
        Source =
            {
                Paper = "SgmDsl"
                Reference = "engine"
                Statement = "conformance of the interpreters"
                IsCompanion = false
            }
        Stance = SelfCheck
        Assumptions = [ hasExactLaw ]
        Metric = Metric.W2
        Evidence = evidence
        Scenarios =
            [
                {
                    Name = "standing cases"
                    Description = cases |> List.mapi (fun i (name, _) -> $"{i}: {name}") |> String.concat "; "
                    Bases = [ setting [ "case", 0.0 ] ]
                    Axes = [ caseAxis ]
                    Experiment = fun s _ -> snd cases[int (Map.find "case" s)] ()
                }
            ]
        Rates = []
        Reading =
            "A statistic counts by its surprise, log₁₀ of one over the probability of anything as extreme; the bound is what the error budget allows. It holds when nothing was found that a healthy engine would not show."
    }
