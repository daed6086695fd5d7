/// Particles against a twin that runs the experiment's words, one particle after the other.
module Sgm.Verification.Theorems.ParticleWords

open System.Collections.Concurrent
open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.References
open Sgm.Verification.Scenarios

let private noFiles file = invalidOp $"the twin reads no files, such as {file}"

/// The particles of the twin and of the engine.
let private sizes effort =
    match effort with
    | Quick -> 1 <<< 14, 1L <<< 16
    | Standard
    | Full -> 1 <<< 16, 1L <<< 18

let private coordinates (store: ParticleStore) = Array.init store.Dimension store.Coordinate

/// The largest distance of distribution functions at a probe, over all projections, with the projection where it is.
let furthest (ours: float[][]) (twin: float[][]) =
    List.zip (Twin.projections ours) (Twin.projections twin)
    |> List.map (fun ((name, a), (_, b)) -> name, Twin.distance a b)
    |> List.maxBy snd

/// How many projections there are in d dimensions.
let statements d = 3 * d - 2

/// Twins by experiment, size and seed, remembered: a bug that is planted in a run changes no words.
let private known =
    ConcurrentDictionary<Experiment * int * int, Lazy<Result<(string * float[][]) list, string>>>()

let private twinOf experiment size seed =
    let run (e, count, from) = lazy (Twin.run noFiles e count from)
    known.GetOrAdd((experiment, size, seed), run).Value

let private evidence: Evidence =
    fun runner trial ->
        let experiment = trial.Subject.Experiment
        let size, count = sizes runner.Budget.Effort

        let measure (stage: Stage) =
            attempt {
                let options =
                    RunOptions(Particles = stage.Particles, Seed = stage.Seed, Cancellation = runner.Cancellation)

                let! outcome = Measure.outcomeBy runner.Sample trial.Subject.Plan options
                let! twin = twinOf experiment size (int (stage.Seed % 1_000_000_007UL))
                let d = trial.Subject.Plan.Dimension
                let share = stage.FalseAlarm / float (List.length twin * statements d)

                return
                    [
                        {
                            What = "probes too few or too many"
                            Measured = Estimate.ClosedForm(float (abs (outcome.Probes.Length - twin.Length)))
                            Bound = 0.0
                        }

                        for probe, (name, particles) in Seq.zip outcome.Probes twin do
                            let ours = coordinates (probe.Law :?> ParticleLaw).Particles
                            let projection, distance = furthest ours particles

                            {
                                What =
                                    $"distance of the distribution functions of {projection} at '{name}' (the engine's '{probe.Name}')"
                                Measured = Estimate.ClosedForm(if probe.Name = name then distance else 1.0)
                                Bound = Twin.allowed share stage.Particles (int64 size)
                            }
                    ]
            }

        Sampling.decide
            runner.Budget
            "particles and their twin agree"
            None
            experiment.Seed
            count
            (Some(fun stage ->
                $"distribution functions {2.0 * Twin.allowed stage.FalseAlarm stage.Particles (int64 size):g2} apart"))
            measure

/// Kernels, starts and scores that no exact law runs are among these.
let private cases =
    [
        "a mixture in the plane, rotated, from the target at the first level",
        experiment {
            target (
                mixture
                    [
                        0.25, normalCov [ -2.0; 1.0 ] [ [ 0.6; 0.4 ]; [ 0.4; 0.5 ] ]
                        0.75, normalCov [ 2.0; -1.0 ] [ [ 0.4; -0.2 ]; [ -0.2; 0.9 ] ]
                    ]
            )

            forward vp
            start warm
            sampler (probe "start" >=> anneal (uniform 1.0 0.2 3) (predictor ancestral >=> corrector (langevin 0.05)))
        }
        "a product of a mixture and other blocks, every modifier, from the prior",
        experiment {
            target (
                product
                    [
                        1, mixture [ 0.3, normal [ -2.0; 0.0 ] 0.4; 0.7, normal [ 1.5; 1.0 ] 0.4 ]
                        2, normal [ 3.0 ] 0.5
                    ]
            )

            forward ve
            score (exact |> shifted 1.5 |> scaled 0.7 |> rippled 1.2 1.5 |> clipped 3.5)

            sampler (
                probe "start"
                >=> anneal (karras 3.0 4.0 0.5 3) (predictor eulerMaruyama)
                >=> repeat 3 (corrector (langevinScaled 0.2))
            )
        }
        "steps that may be rejected, in the plane, with a wrong score",
        experiment {
            target (
                mixture
                    [
                        0.4, normalCov [ -1.0; 0.5 ] [ [ 0.6; 0.4 ]; [ 0.4; 0.5 ] ]
                        0.6, normalCov [ 1.0; -0.5 ] [ [ 0.4; -0.2 ]; [ -0.2; 0.9 ] ]
                    ]
            )

            forward vp
            score (exact |> scaled 0.8 |> shifted 0.5)
            start (from (normal [ 0.5; 0.5 ] 1.5))

            sampler (
                anneal (levels [ 0.4; 0.2 ]) (corrector (mala 0.3) >=> predictor ancestral)
                >=> probe "annealed"
                >=> corrector (hmc 0.35 3)
                >=> probe "moved"
                >=> corrector (mhScores 0.25 3)
            )
        }
        "the score of another mixture, from a mixture",
        experiment {
            target (mixture [ 0.4, normal [ -1.0; 2.0 ] 0.5; 0.6, normal [ 1.0; -1.0 ] 0.5 ])
            forward vp

            score (
                scoreOf (
                    mixture [ 0.8, normalDiag [ 0.0; 2.0 ] [ 0.5; 1.0 ]; 0.2, normalDiag [ 1.0; -1.0 ] [ 0.2; 0.7 ] ]
                )
            )

            start (from (mixture [ 0.3, normal [ 3.0; 0.0 ] 0.3; 0.7, normal [ -1.0; -2.0 ] 0.8 ]))

            sampler (
                probe "start"
                >=> anneal (geometric 1.5 0.2 3) (predictor flowHeun >=> probe "below")
                >=> corrector (langevin 0.1)
            )
        }
        "correlations of either sign, from one of them",
        experiment {
            target (
                mixture
                    [
                        0.5, normalCov [ 0.0; 0.0 ] [ [ 1.0; 0.8 ]; [ 0.8; 1.0 ] ]
                        0.5, normalCov [ 0.0; 0.0 ] [ [ 1.0; -0.8 ]; [ -0.8; 1.0 ] ]
                    ]
            )

            forward vp
            score (exact |> shifted 0.5 |> scaled 1.3)
            start warm
            sampler (probe "start" >=> anneal (levels [ 0.6; 0.2 ]) (predictor ancestral))
        }
        "correlated normal laws, from a point",
        experiment {
            target (normalCov [ 1.0; -1.0; 0.0 ] [ [ 2.0; 0.8; 0.2 ]; [ 0.8; 0.7; -0.1 ]; [ 0.2; -0.1; 1.0 ] ])
            forward vp
            start (point [ 2.0; 0.0; -1.0 ])

            sampler (
                corrector (langevin 0.5)
                >=> anneal (uniform 1.2 0.1 4) (predictor exponential)
                >=> probe "sde"
                >=> anneal (levels [ 0.1; 0.0 ]) (predictor flow)
            )
        }
        "two modes by runs with a velocity and by random fractions of a step",
        experiment {
            target (mixture [ 0.3, normal [ -1.5; 0.5 ] 0.4; 0.7, normal [ 1.0; -0.5 ] 0.6 ])
            forward ve
            start (point [ 0.0; 1.0 ])

            sampler (
                anneal (levels [ 1.5; 0.8 ]) (predictor flow >=> repeat 3 (corrector (obabo 1.0 0.5)))
                >=> probe "obabo"
                >=> repeat 3 (corrector (baoab 2.0 0.6))
                >=> probe "baoab"
                >=> repeat 2 (corrector (randomizedMidpoint 0.4))
            )
        }
    ]

let private hasTwin =
    Assumption.ofResult
        "a twin reads the words: no files, no score that is fitted to draws, few steps in few dimensions"
        (fun subject -> Twin.covers subject.Experiment |> Result.map (fun () -> "there is one"))

/// Particles against the words.
let particleWords =
    {
        Id = "words-particles"
        Title = "Particles have the law of the words"
        Statement =
            "At every probe the particles and those of a twin, which reads the experiment's words and not its plan and has random numbers of its own, are draws of one law: "
            + "the distribution functions of all coordinates, and of sums and differences of neighbours, differ by no more than independent draws of one law do (Massart 1990)."
        Source = Papers.closedForms "runs from their words"
        Stance = SelfCheck
        Assumptions = [ hasTwin ]
        Metric = Metric.Tv
        Evidence = evidence
        Scenarios =
            [
                {
                    Name = "standing cases"
                    Description = cases |> List.mapi (fun i (name, _) -> $"{i}: {name}") |> String.concat "; "
                    Bases = [ setting [ "case", 0.0 ] ]
                    Axes = [ axis "case" "standing case" (fun _ -> List.init cases.Length float) ]
                    Experiment = fun s _ -> snd cases[int (value "case" s)]
                }
            ]
        Rates = []
        Reading =
            "Not a theorem about samplers but a check of this program. The bound holds for any law and any number of particles; it is what the error budget allows."
    }
