namespace Sgm

open System.Collections.Immutable

/// From an experiment that was checked to the plan that runs. Each formula once; nothing here can fail.
module Lower =

    /// A data set by the file name in the experiment: shape [n][d].
    type DataSets = string -> float[][]

    /// The network of a file, read for an output.
    type NetworkScores = string -> NetworkOutput -> Engine.ScoreFunction

    /// A column, less its mean, over its deviation (population variance, divided by n). The sums are of values brought to [0, 1],
    /// so that no offset cancels and nothing overflows. The column is not constant.
    let private standardizeColumn (values: float[]) =
        let halved = System.Double.IsInfinity(Array.max values - Array.min values)
        let values = if halved then values |> Array.map (fun v -> 0.5 * v) else values
        let least, range = Array.min values, Array.max values - Array.min values
        let scaled = values |> Array.map (fun v -> (v - least) / range)
        let mean = Array.average scaled
        let deviation = sqrt (scaled |> Array.averageBy (fun v -> (v - mean) * (v - mean)))
        scaled |> Array.map (fun v -> (v - mean) / deviation)

    /// Columns brought to mean 0 and variance 1.
    let standardize (rows: float[][]) = rows |> Array.transpose |> Array.map standardizeColumn |> Array.transpose

    let private samplesMixture bandwidth (rows: float[][]) =
        let n = rows.Length

        Engine.Mixture(
            Array.create n (1.0 / float n),
            Array.concat rows,
            [| Engine.Covariance.Isotropic(rows[0].Length, bandwidth * bandwidth) |]
        )

    /// A normal law as mean and covariance.
    let rec private normalLaw target =
        match target with
        | Normal(mean, variance) -> Some(Array.ofList mean, Engine.Covariance.Isotropic(List.length mean, variance))
        | NormalDiag(mean, variances) -> Some(Array.ofList mean, Engine.Covariance.Diagonal(Array.ofList variances))
        | NormalCov(mean, rows) -> Some(Array.ofList mean, Engine.Covariance.Full(array2D rows))
        | Standard d -> Some(Array.zeroCreate d, Engine.Covariance.Isotropic(d, 1.0))
        | Mixture [ _, single ] -> normalLaw single
        | Mixture _
        | Product _
        | Samples _
        | Standardized _ -> None

    /// Whether two components may share one covariance object.
    let private sameCovariance (a: Engine.Covariance) (b: Engine.Covariance) =
        a.Shape = b.Shape && a.Eigenvalues = b.Eigenvalues && a.Eigenvectors = b.Eigenvectors

    let private mixtureOf components =
        let weights = components |> List.map fst |> Array.ofList
        let laws = components |> List.choose (snd >> normalLaw)
        let covariances = laws |> List.map snd |> Array.ofList

        let shared = covariances |> Array.forall (sameCovariance covariances[0])

        Engine.Mixture(
            weights,
            laws |> List.map fst |> Array.concat,
            (if shared then [| covariances[0] |] else covariances)
        )

    /// The engine's form of a target: independent factors, each a mixture of normals.
    let rec factors (data: DataSets) target : Engine.Factor list =
        match target with
        | Samples(file, bandwidth) -> [ Engine.Factor(1, samplesMixture bandwidth (data file)) ]
        | Standardized(Samples(file, bandwidth)) ->
            [ Engine.Factor(1, samplesMixture bandwidth (standardize (data file))) ]
        | Standardized other -> factors data other
        | Mixture components when List.length components > 1 -> [ Engine.Factor(1, mixtureOf components) ]
        | Product parts ->
            parts
            |> List.collect (fun (count, part) ->
                match factors data part with
                | [ single ] -> [ Engine.Factor(count * single.Count, single.Law) ]
                | several -> List.replicate count several |> List.concat)
        | normalTarget ->
            let mean, covariance = (normalLaw normalTarget).Value
            [ Engine.Factor(1, Engine.Mixture.Normal(mean, covariance)) ]

    /// The engine's form of a target.
    let target data t = Engine.Target(ImmutableArray.CreateRange(factors data t))

    let private modifier m : Engine.ScoreModifier =
        match m with
        | Shifted a -> Engine.ScoreModifier.Shifted a
        | Scaled c -> Engine.ScoreModifier.Scaled c
        | Temperature k -> Engine.ScoreModifier.Scaled(1.0 / k)
        | Rippled(a, w) -> Engine.ScoreModifier.Rippled(a, w)
        | Clipped r -> Engine.ScoreModifier.Clipped r

    /// Where a pipeline stands while it is lowered.
    type private Place =
        {
            Forward: Forward
            /// The current level.
            Level: Engine.NoiseLevel
            /// r = m/m′ of the transition around; 1 outside of every anneal.
            Shrink: float
            /// The registers that the anneal's predictor holds.
            Held: Lazy<int>
            /// The transition of the anneal around, until its predictor has run.
            Pending: Transition option
            /// The corrector of the last step at this level, where it keeps more than the state.
            Kept: CorrectorMethod option
            Sizes: Sizes
        }

    /// Where a transition's body begins.
    let private entering (transition: Transition) body place =
        let inside = { place with Shrink = transition.Shrink; Kept = None; Held = Held.nothing }

        match Pipeline.mover body with
        | Some method ->
            { inside with
                Level = transition.Upper
                Pending = Some transition
                Held = lazy (if transition.Index = 0 then 0 else Kernel.held method (transition.Before 1))
            }
        | None -> { inside with Level = transition.Lower; Pending = None }

    let rec private instructions place pipeline : Engine.Instruction list * Place =
        match pipeline with
        | Corrector method ->
            let correction =
                {
                    Level = place.Level
                    Shrink = place.Shrink
                    Sizes = place.Sizes
                    Held = place.Held
                    GoesOn = (place.Kept = Some method)
                }

            Kernel.corrector method correction, { place with Kept = if method.Keeps then Some method else None }
        | Predictor method ->
            let transition = place.Pending.Value

            Kernel.predictor method transition,
            { place with
                Level = transition.Lower
                Pending = None
                Kept = None
                Held = lazy (Kernel.held method transition)
            }
        | Probe name -> [ Engine.Instruction.Probe(name, place.Level) ], place
        | Sequence parts ->
            let lowered, after = List.mapFold (fun where part -> instructions where part) place parts

            List.concat lowered, after
        | Repeat(0, _) -> [], place
        | Repeat(1, body) -> instructions place body
        | Repeat(times, body) ->
            let once, after = instructions place body

            if after.Level = place.Level && after.Kept = place.Kept then
                [ Engine.Instruction.Repeat(int64 times, ImmutableArray.CreateRange once) ], after
            else
                let again, after = instructions after body
                let rest = Engine.Instruction.Repeat(int64 (times - 1), ImmutableArray.CreateRange again)
                once @ [ rest ], after
        | Anneal(schedule, body) ->
            let count = Schedule.transitions schedule
            let parameter = Schedule.parameter place.Forward schedule
            let level i = Forward.level place.Forward (parameter i)

            let inside i = entering (Transition.Of(place.Forward, level, i, count)) body place
            let transition i = instructions (inside i) body |> fst |> ImmutableArray.CreateRange

            [ Engine.Instruction.Transitions(count, transition) ],
            { place with
                Level = level count
                Shrink = 1.0
                Pending = None
                Kept = None
                Held = Held.nothing
            }

    /// The steps of an anneal's body over one transition.
    let transition sizes (transition: Transition) body =
        {
            Forward = transition.Forward
            Level = transition.Upper
            Shrink = 1.0
            Pending = None
            Kept = None
            Held = Held.nothing
            Sizes = sizes
        }
        |> entering transition body
        |> fun place -> fst (instructions place body)

    /// The level of the first state: the first level of the first anneal, or the data level.
    let initialLevel forward sampler =
        Pipeline.firstSchedule sampler
        |> Option.map (Schedule.first forward >> Forward.level forward)
        |> Option.defaultValue Engine.NoiseLevel.Data

    let private start data (experiment: Experiment) (target: Engine.Target) (level: Engine.NoiseLevel) : Engine.Start =
        match experiment.Start with
        | Prior ->
            let variance =
                match experiment.Forward with
                | Vp
                | SubVp -> 1.0
                | Ve
                | Rectified
                | LevelsOf _ -> level.NoiseVariance

            Engine.Start.Law(Engine.Target.Centred(target.Dimension, variance), Engine.NoiseLevel.Data)
        | From law ->
            Engine.Start.Law(Engine.Target(ImmutableArray.CreateRange(factors data law)), Engine.NoiseLevel.Data)
        | Point coordinates -> Engine.Start.Point(Array.ofList coordinates)
        | Warm -> Engine.Start.Law(target, level)

    /// A score estimate for a target. A blend is its first score, to which the others are added.
    let rec private score (networks: NetworkScores) data (target: Engine.Target) (own: Score) : Engine.Score =
        let learned func = Engine.ScoreModifier.Learned func: Engine.ScoreModifier

        let changed law (first: Engine.ScoreModifier seq) =
            Engine.Score(law, ImmutableArray.CreateRange(Seq.append first (Seq.map modifier own.Modifiers)))

        match own.Base with
        | Exact -> changed target []
        | ScoreOf law -> changed (Engine.Target(ImmutableArray.CreateRange(factors data law))) []
        | KernelDensity(draws, bandwidth, seed) ->
            changed (Engine.TrainingSample.KernelDensity(target, draws, bandwidth, seed)) []
        | ScoreMatching(draws, features, seed) ->
            changed target [ learned (Engine.ScoreMatching(target, draws, features, seed)) ]
        | Onnx(file, output) -> changed target [ learned (networks file output) ]
        | OfFunction(name, function') -> changed target [ learned (Engine.OwnScore(name, target.Dimension, function')) ]
        | Blend parts ->
            let all = parts |> List.map (fun (weight, part) -> struct (weight, score networks data target part))
            let struct (weight, first) = all.Head
            let others = [ for struct (weight, other) in all.Tail -> Engine.WeightedScore(weight, other) ]
            let blend = Engine.ScoreModifier.Blended(weight, ImmutableArray.CreateRange others): Engine.ScoreModifier
            changed first.Of (Seq.append first.Modifiers [ blend ])

    /// What correctors may ask about a target and a score.
    let sizes (target: Engine.Target) score =
        {
            Noise = Engine.ScoreNorm.OfNoise target.Dimension
            Score =
                fun level ->
                    let struct (mean, _) = Engine.ScoreNorm.Of(target, score).At level
                    mean
        }

    /// The target and the score of a valid experiment, with what its files hold.
    let model (networks: NetworkScores) (data: DataSets) (experiment: Experiment) =
        let target = target data experiment.Target
        target, score networks data target experiment.Score

    /// The plan of a valid experiment, given its model.
    let planOf (data: DataSets) (target: Engine.Target, score: Engine.Score) (experiment: Experiment) : Engine.Plan =
        let level = initialLevel experiment.Forward experiment.Sampler

        let body, after =
            instructions
                {
                    Forward = experiment.Forward
                    Level = level
                    Shrink = 1.0
                    Pending = None
                    Kept = None
                    Held = Held.nothing
                    Sizes = sizes target score
                }
                experiment.Sampler

        Engine.Plan(
            Target = target,
            Score = score,
            Start = start data experiment target level,
            InitialLevel = level,
            Instructions = ImmutableArray.CreateRange(body @ [ Engine.Instruction.Probe("end", after.Level) ]),
            Metrics = ImmutableArray.CreateRange experiment.Measure,
            Finite = (experiment.Discrete |> Option.map (Discrete.lower (experiment.Start = Warm)) |> Option.toObj)
        )

    /// The plan of a valid experiment, with what its files hold.
    let planWith networks data experiment = planOf data (model networks data experiment) experiment

    /// The plan of a valid experiment whose score names no network.
    let plan (data: DataSets) (experiment: Experiment) : Engine.Plan =
        planWith (fun file _ -> invalidOp $"the network {file} was not read") data experiment
