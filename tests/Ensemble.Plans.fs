/// Plans for the ensemble and its particles.
module Sgm.Tests.EnsemblePlans

open System.Collections.Immutable
open Sgm
open Sgm.Engine

let planOf target start sampler : Plan =
    Lower.plan
        (fun file -> invalidOp file)
        {
            Target = target
            Forward = Vp
            Score = exact
            Start = start
            Sampler = sampler
            Measure = []
            Particles = 1
            Seed = 1L
            Discrete = None
        }

let bimodal = mixture [ 0.3, normal [ -2.0; 0.5 ] 0.25; 0.7, normal [ 1.5; -1.0 ] 0.5 ]

/// Seven levels, and a probe at each.
let annealed =
    planOf
        bimodal
        prior
        (anneal
            (uniform 2.0 0.01 7)
            (predictor ancestral >=> repeat 3 (corrector (langevinScaled 0.1)) >=> probe "level"))

let options particles threads = RunOptions(Particles = particles, Seed = 7UL, Threads = threads)

/// The particles at every probe, with its name and level.
let particlesOf (outcome: Outcome) =
    outcome.Probes
    |> Seq.map (fun p ->
        let law = p.Law :?> ParticleLaw
        p.Name, p.Level, Array.init law.Dimension law.Particles.Coordinate)
    |> Array.ofSeq

let run (plan: Plan) (options: RunOptions) = Ensemble().Run(plan, options)

/// N steps of Langevin on a law, from the origin.
let langevinPlan (target: Engine.Target) h steps =
    let once = Kernel.corrector (langevin h) (Correction.At NoiseLevel.Data)

    Plan(
        Target = target,
        Score = Engine.Score(target, ImmutableArray.Empty),
        Start = Engine.Start.Point(Array.zeroCreate target.Dimension),
        InitialLevel = NoiseLevel.Data,
        Instructions =
            ImmutableArray.Create<Instruction>(
                Instruction.Repeat(steps, ImmutableArray.CreateRange once),
                Instruction.Probe("end", NoiseLevel.Data)
            ),
        Metrics = ImmutableArray.Empty
    )

/// The same plan with a score of one's own.
let scoredBy (score: BlockScore) (plan: Plan) =
    let own = Engine.ScoreModifier.Learned(OwnScore("own", plan.Dimension, score))

    Plan(
        Target = plan.Target,
        Score = Engine.Score(plan.Target, ImmutableArray.Create<Engine.ScoreModifier> own),
        Start = plan.Start,
        InitialLevel = plan.InitialLevel,
        Instructions = plan.Instructions,
        Metrics = plan.Metrics
    )

let standardNormal d = Engine.Target.Centred(d, 1.0)

/// Particles drawn from q, held against p.
let drawn (q: Engine.Target) (p: Engine.Target) =
    Plan(
        Target = p,
        Score = Engine.Score(p, ImmutableArray.Empty),
        Start = Engine.Start.Law(q, NoiseLevel.Data),
        InitialLevel = NoiseLevel.Data,
        Instructions = ImmutableArray.Create<Instruction>(Instruction.Probe("end", NoiseLevel.Data)),
        Metrics = ImmutableArray.Empty
    )
