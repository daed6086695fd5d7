namespace Sgm

/// The law of the first state.
type Start =
    /// N(0, I) for vp, N(0, σ₀²·I) for ve, at the level before the first transition.
    | Prior
    /// This law, as the law of the state itself.
    | From of Target
    /// A point.
    | Point of float list
    /// Exactly the target at the initial level.
    | Warm

/// A whole experiment: what to sample, how, and what to measure.
type Experiment =
    {
        Target: Target
        Forward: Forward
        Score: Score
        Start: Start
        Sampler: Pipeline
        Measure: Engine.Metric list
        Particles: int
        Seed: int64
        /// Discrete diffusion, whose start and metrics are those above; the other fields are then their defaults.
        Discrete: Discrete option
    }

/// Questions about an experiment.
module Experiment =
    /// The same experiment with its data files named from the root, found from this directory: it can be run from any.
    let inDirectory (directory: string) (experiment: Experiment) =
        { experiment with
            Target = Target.inDirectory directory experiment.Target
            Start =
                match experiment.Start with
                | From law -> From(Target.inDirectory directory law)
                | Prior
                | Point _
                | Warm -> experiment.Start
            Score =
                let file name = System.IO.Path.GetFullPath(name, System.IO.Path.GetFullPath directory)
                Score.mapFiles (Target.inDirectory directory) file experiment.Score
        }

/// The words for starts and metrics.
[<AutoOpen>]
module ExperimentSyntax =
    let prior = Prior
    let from target = From target
    let point coordinates = Point coordinates
    let warm = Warm
    let tv = Engine.Metric.Tv
    let kl = Engine.Metric.Kl
    let chi2 = Engine.Metric.Chi2
    let w2 = Engine.Metric.W2

/// Words of families.
[<AutoOpen>]
module FamilySyntax =
    let pi = System.Math.PI

    /// The values of a family along a name; the first is the one that is run.
    let oneOf (values: 'value list) =
        match values with
        | first :: _ -> first
        | [] -> invalidArg "values" "oneOf takes one value at least"

/// Names that a claim of a text may use, for texts that are compiled as F#; their values are known where `sgm verify`
/// checks the claim.
module Quantities =
    let steps, evaluations, dimension = nan, nan, nan
    let lipschitz, logSobolev, concavity, secondMoment, scoreError = nan, nan, nan, nan, nan

    let startLipschitz, startLogSobolev, startConcavity, startSecondMoment, startScoreError = nan, nan, nan, nan, nan

    let startTv, startKl, startChi2, startW2 = nan, nan, nan, nan

/// The values of the fields that may be left out.
module Defaults =
    let score = exact
    let start = prior
    let measure = [ tv; kl; chi2; w2 ]
    let particles = 100_000
    let seed = 1L

/// A required field that was not given yet.
type Missing = private | Missing

/// A required field that was given.
type Given = private | Given

/// An experiment being written; the type says which required fields are there, so that leaving one out, or giving it
/// twice, does not compile.
type Draft<'target, 'forward, 'sampler> =
    internal
        {
            TargetField: Target option
            ForwardField: Forward option
            SamplerField: Pipeline option
            ScoreField: Score option
            StartField: Start option
            MeasureField: Engine.Metric list option
            ParticlesField: int option
            SeedField: int64 option
        }

/// What is said of a line that is no field.
module internal NoField =
    [<Literal>]
    let Message =
        "This line is no field of an experiment. Fields are target, forward, score, start, sampler, measure, particles and seed; a value of more than one word needs parentheses: sampler (repeat 10 (corrector (langevin 0.1)))."

/// The `experiment { … }` expression.
type ExperimentBuilder() =
    /// An optional field may be given once; the required ones are checked by their types.
    let once name current value =
        match current with
        | None -> Some value
        | Some _ -> invalidOp $"the field '{name}' is given twice in this experiment"

    /// The same draft, with what is known of its required fields restated.
    let restate (d: Draft<_, _, _>) : Draft<_, _, _> =
        {
            TargetField = d.TargetField
            ForwardField = d.ForwardField
            SamplerField = d.SamplerField
            ScoreField = d.ScoreField
            StartField = d.StartField
            MeasureField = d.MeasureField
            ParticlesField = d.ParticlesField
            SeedField = d.SeedField
        }

    member _.Yield(_: unit) : Draft<Missing, Missing, Missing> =
        {
            TargetField = None
            ForwardField = None
            SamplerField = None
            ScoreField = None
            StartField = None
            MeasureField = None
            ParticlesField = None
            SeedField = None
        }

    [<CustomOperation "target">]
    member _.Target(d: Draft<Missing, 'f, 's>, target) : Draft<Given, 'f, 's> =
        { restate d with TargetField = Some target }

    [<CustomOperation "forward">]
    member _.Forward(d: Draft<'t, Missing, 's>, forward) : Draft<'t, Given, 's> =
        { restate d with ForwardField = Some forward }

    [<CustomOperation "sampler">]
    member _.Sampler(d: Draft<'t, 'f, Missing>, sampler) : Draft<'t, 'f, Given> =
        { restate d with SamplerField = Some sampler }

    [<CustomOperation "score">]
    member _.Score(d: Draft<'t, 'f, 's>, score) = { d with ScoreField = once "score" d.ScoreField score }

    [<CustomOperation "start">]
    member _.Start(d: Draft<'t, 'f, 's>, start) = { d with StartField = once "start" d.StartField start }

    [<CustomOperation "measure">]
    member _.Measure(d: Draft<'t, 'f, 's>, metrics) = { d with MeasureField = once "measure" d.MeasureField metrics }

    [<CustomOperation "particles">]
    member _.Particles(d: Draft<'t, 'f, 's>, particles) =
        { d with ParticlesField = once "particles" d.ParticlesField particles }

    [<CustomOperation "seed">]
    member _.Seed(d: Draft<'t, 'f, 's>, seed: int) = { d with SeedField = once "seed" d.SeedField (int64 seed) }

    [<CustomOperation "seed">]
    member _.Seed(d: Draft<'t, 'f, 's>, seed: int64) = { d with SeedField = once "seed" d.SeedField seed }

    // Claims are data of a text (`sgm verify`); in F#, where a bound is a number already, `Claim.check` of the
    // verification holds them.

    /// metric ≤ bound at the end.
    [<CustomOperation "claim">]
    member _.Claim(d: Draft<'t, 'f, 's>, _: Engine.Metric, _: float) = d

    /// The same where a condition holds.
    [<CustomOperation "claimWhen">]
    member _.ClaimWhen(d: Draft<'t, 'f, 's>, _: bool, _: Engine.Metric, _: float) = d

    /// metric ~ axis^exponent along a `let` by `oneOf`.
    [<CustomOperation "rate">]
    member _.Rate(d: Draft<'t, 'f, 's>, _: Engine.Metric, _: 'axis, _: float) = d

    /// metric = O(axis^exponent).
    [<CustomOperation "rateAtMost">]
    member _.RateAtMost(d: Draft<'t, 'f, 's>, _: Engine.Metric, _: 'axis, _: float) = d

    // What the compiler would say of these in terms of types is said in words.

    /// Reached by a line that is no field, between others or last: a misspelt one.
    [<CompilerMessage(NoField.Message, 10101, IsError = true)>]
    member _.For(_: Draft<'t, 'f, 's>, _: 'body) : Draft<'t, 'f, 's> = invalidOp "not a field"

    [<CompilerMessage(NoField.Message, 10101, IsError = true)>]
    member _.Zero() : Draft<Missing, Missing, Missing> = invalidOp "not a field"

    [<CompilerMessage(NoField.Message, 10101, IsError = true)>]
    member _.Combine(_: 'first, _: 'second) : Draft<Missing, Missing, Missing> = invalidOp "not a field"

    /// With it the compiler looks at such a line at all, and names a misspelt word with those that are near.
    member _.Delay(body: unit -> 'body) : 'body = body ()

    [<CompilerMessage("The field 'target' is given twice in this experiment.", 10102, IsError = true)>]
    [<CustomOperation "target">]
    member _.Target(_: Draft<Given, 'f, 's>, _: Target) : Draft<Given, 'f, 's> = invalidOp "given twice"

    [<CompilerMessage("The field 'forward' is given twice in this experiment.", 10102, IsError = true)>]
    [<CustomOperation "forward">]
    member _.Forward(_: Draft<'t, Given, 's>, _: Forward) : Draft<'t, Given, 's> = invalidOp "given twice"

    [<CompilerMessage("The field 'sampler' is given twice in this experiment.", 10102, IsError = true)>]
    [<CustomOperation "sampler">]
    member _.Sampler(_: Draft<'t, 'f, Given>, _: Pipeline) : Draft<'t, 'f, Given> = invalidOp "given twice"

    [<CompilerMessage("The field 'target' is missing; add for example: target (standard 1)", 10103, IsError = true)>]
    member _.Run(_: Draft<Missing, 'f, 's>) : Experiment = invalidOp "no target"

    [<CompilerMessage("The field 'forward' is missing; add: forward vp, or: forward ve", 10103, IsError = true)>]
    member _.Run(_: Draft<Given, Missing, 's>) : Experiment = invalidOp "no forward"

    [<CompilerMessage("The field 'sampler' is missing; add for example: sampler (repeat 10 (corrector (langevin 0.1)))",
                      10103,
                      IsError = true)>]
    member _.Run(_: Draft<Given, Given, Missing>) : Experiment = invalidOp "no sampler"

    member _.Run(d: Draft<Given, Given, Given>) : Experiment =
        {
            Target = d.TargetField.Value
            Forward = d.ForwardField.Value
            Sampler = d.SamplerField.Value
            Score = defaultArg d.ScoreField Defaults.score
            Start = defaultArg d.StartField Defaults.start
            Measure = defaultArg d.MeasureField Defaults.measure
            Particles = defaultArg d.ParticlesField Defaults.particles
            Seed = defaultArg d.SeedField Defaults.seed
            Discrete = None
        }

/// `experiment { target …; forward …; sampler …; … }`.
[<AutoOpen>]
module ExperimentExpression =
    let experiment = ExperimentBuilder()

/// Discrete diffusion as an experiment.
module DiscreteExperiment =
    let measure = [ tv; kl; chi2 ]

    let make start measure (discrete: Discrete) : Experiment =
        {
            Target = Standard 1
            Forward = Vp
            Score = Defaults.score
            Start = start
            Sampler = identity
            Measure = measure
            Particles = Defaults.particles
            Seed = Defaults.seed
            Discrete = Some discrete
        }

/// The `discrete { … }` expression. A field that is missing or given twice is an error when it runs.
type DiscreteBuilder() =
    let add name value (fields: Map<string, obj>) =
        if fields.ContainsKey name then
            invalidOp $"the field '{name}' is given twice in this experiment"

        fields.Add(name, box value)

    let required name (fields: Map<string, obj>) : 'value =
        match fields.TryFind name with
        | Some value -> unbox value
        | None -> invalidOp $"the field '{name}' is missing in this experiment"

    let optional name otherwise (fields: Map<string, obj>) : 'value =
        fields.TryFind name |> Option.map unbox |> Option.defaultValue otherwise

    member _.Yield(_: unit) : Map<string, obj> = Map.empty

    [<CustomOperation "target">]
    member _.Target(fields, law: SymbolLaw) = add "target" law fields

    [<CustomOperation "times">]
    member _.Times(fields, schedule: Schedule) = add "times" schedule fields

    [<CustomOperation "rates">]
    member _.Rates(fields, rates: Rates) = add "rates" rates fields

    [<CustomOperation "start">]
    member _.Start(fields, start: Start) = add "start" start fields

    [<CustomOperation "sampler">]
    member _.Sampler(fields, jumps: Jumps) = add "sampler" jumps fields

    [<CustomOperation "measure">]
    member _.Measure(fields, metrics: Engine.Metric list) = add "measure" metrics fields

    member _.Run(fields: Map<string, obj>) : Experiment =
        DiscreteExperiment.make
            (optional "start" Defaults.start fields)
            (optional "measure" DiscreteExperiment.measure fields)
            {
                Law = required "target" fields
                Times = required "times" fields
                Rates = optional "rates" exactRates fields
                Jumps = required "sampler" fields
            }

/// `discrete { target …; times …; sampler …; … }`.
[<AutoOpen>]
module DiscreteExpression =
    let discrete = DiscreteBuilder()
