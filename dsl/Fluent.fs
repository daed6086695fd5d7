/// The language for C#: the same words as static methods over arrays, `params` and `Func`, and `With…` methods on an
/// experiment. No curried functions, options or F# lists in any signature.
namespace Sgm.Fluent

open System
open System.Collections.Generic
open System.Runtime.CompilerServices
open Sgm

[<AbstractClass; Sealed>]
type Targets =
    static member Normal(mean: float[], variance: float) : Target = normal (List.ofArray mean) variance

    static member NormalDiag(mean: float[], variances: float[]) : Target =
        normalDiag (List.ofArray mean) (List.ofArray variances)

    /// The covariance by rows.
    static member NormalCov(mean: float[], covariance: float[][]) : Target =
        normalCov (List.ofArray mean) (covariance |> Array.map List.ofArray |> List.ofArray)

    static member Standard(dimension: int) : Target = standard dimension

    static member Mixture([<ParamArray>] components: struct (float * Target)[]) : Target =
        mixture [ for struct (weight, law) in components -> weight, law ]

    static member Product([<ParamArray>] blocks: struct (int * Target)[]) : Target =
        product [ for struct (copies, law) in blocks -> copies, law ]

    static member Samples(file: string, bandwidth: float) : Target = samples file bandwidth
    static member Standardized(samples: Target) : Target = standardized samples

    /// A law on the line by its log-density, in so many cells; see `ofLogDensity`.
    static member OfLogDensity(low: float, high: float, cells: int, logDensity: Func<float, float>) : Target =
        ofLogDensity (low, high) cells logDensity.Invoke

[<AbstractClass; Sealed>]
type Schedules =
    static member Uniform(a: float, b: float, n: int) : Schedule = uniform a b n
    static member Geometric(a: float, b: float, n: int) : Schedule = geometric a b n
    static member Karras(rho: float, a: float, b: float, n: int) : Schedule = karras rho a b n
    static member Polyexponential(rho: float, a: float, b: float, n: int) : Schedule = polyexponential rho a b n
    static member Levels([<ParamArray>] parameters: float[]) : Schedule = levels (List.ofArray parameters)

    /// n levels of training, β in equal steps.
    static member Linear(first: float, last: float, n: int) : Schedule = linear first last n

    /// n levels of training, √β in equal steps.
    static member ScaledLinear(first: float, last: float, n: int) : Schedule = scaledLinear first last n

    /// n levels of training, β along the logistic function.
    static member Sigmoid(first: float, last: float, n: int) : Schedule = sigmoid first last n

    /// n levels of training, ᾱ a squared cosine.
    static member Cosine(n: int) : Schedule = cosine n

    /// The VP SDE with β linear in time, in n equal steps of its time from 1 to 0.
    static member LinearBeta(first: float, last: float, n: int) : Schedule = linearBeta first last n

    /// The levels τ(0), …, τ(n).
    static member Levels(n: int, level: Func<int, float>) : Schedule = levels (List.init (n + 1) level.Invoke)

[<AbstractClass; Sealed; Extension>]
type ScheduleChanges =
    /// Of levels of training: rescaled so that the last has m = 0.
    [<Extension>]
    static member ZeroSnr(training: Schedule) : Schedule = zeroSnr training

    /// Of levels of training: every (N div k)-th, from the index `offset` up.
    [<Extension>]
    static member Leading(training: Schedule, offset: int, k: int) : Schedule = leading offset k training

    /// Of levels of training: k down from the last.
    [<Extension>]
    static member Trailing(training: Schedule, k: int) : Schedule = trailing k training

    /// Of levels of training: k from the last to the first.
    [<Extension>]
    static member Linspace(training: Schedule, k: int) : Schedule = linspace k training

    /// The numbers of the schedule are ρ = σ/m.
    [<Extension>]
    static member InRatio(schedule: Schedule) : Schedule = inRatio schedule

    /// The numbers of the schedule are times of the SDE with β linear in time.
    [<Extension>]
    static member InBetaTime(schedule: Schedule, first: float, last: float) : Schedule = inBetaTime first last schedule

    /// ρ = σ/m of every level times s.
    [<Extension>]
    static member Shift(schedule: Schedule, s: float) : Schedule = shift s schedule

    /// One more level, the data.
    [<Extension>]
    static member ToZero(schedule: Schedule) : Schedule = toZero schedule

/// Forward processes whose C# name is not that of the union's case.
[<AbstractClass; Sealed>]
type Forwards =
    /// These levels (m, σ), the noisiest first.
    static member LevelsOf([<ParamArray>] levels: struct (float * float)[]) : Forward =
        levelsOf [ for struct (mean, sigma) in levels -> mean, sigma ]

[<AbstractClass; Sealed>]
type Scores =
    static member Exact: Score = exact
    static member Of(law: Target) : Score = scoreOf law

    /// Fitted by denoising score matching to draws of the target.
    static member ScoreMatching(draws: int, features: int, seed: int) : Score = scoreMatching draws features seed

    /// Σ weight·score.
    static member Blend([<ParamArray>] parts: struct (float * Score)[]) : Score =
        blend [ for struct (weight, score) in parts -> weight, score ]

    /// unconditional + scale·(conditional − unconditional).
    static member Guided(scale: float, conditional: Score, unconditional: Score) : Score =
        guided scale conditional unconditional

    /// The network in an ONNX file, which gives this.
    static member Onnx(file: string, output: NetworkOutput) : Score = onnx file output

    /// A function of your own, under a name.
    static member OfFunction(name: string, score: Engine.BlockScore) : Score =
        { Base = OfFunction(name, score); Modifiers = [] }

    /// The score of the kernel density of draws of the target.
    static member KernelDensity(draws: int, bandwidth: float, seed: int) : Score = kernelDensity draws bandwidth seed

[<AbstractClass; Sealed; Extension>]
type ScoreModifiers =
    [<Extension>]
    static member Shifted(score: Score, amount: float) : Score = shifted amount score

    [<Extension>]
    static member Scaled(score: Score, factor: float) : Score = scaled factor score

    [<Extension>]
    static member Temperature(score: Score, k: float) : Score = temperature k score

    [<Extension>]
    static member Rippled(score: Score, amplitude: float, frequency: float) : Score = rippled amplitude frequency score

    [<Extension>]
    static member Clipped(score: Score, radius: float) : Score = clipped radius score

[<AbstractClass; Sealed>]
type Starts =
    static member Prior: Start = prior
    static member Warm: Start = warm
    static member From(law: Target) : Start = from law
    static member Point([<ParamArray>] coordinates: float[]) : Start = point (List.ofArray coordinates)

/// Kernels as pipelines of one step, and what composes them.
[<AbstractClass; Sealed>]
type Samplers =
    static member Identity: Pipeline = identity
    static member Langevin(h: float) : Pipeline = corrector (langevin h)
    static member LangevinScaled(c: float) : Pipeline = corrector (langevinScaled c)
    static member LangevinSnr(r: float) : Pipeline = corrector (langevinSnr r)
    static member Ald(r: float) : Pipeline = corrector (ald r)
    static member Obabo(gamma: float, h: float) : Pipeline = corrector (obabo gamma h)
    static member RandomizedMidpoint(h: float) : Pipeline = corrector (randomizedMidpoint h)
    static member Baoab(gamma: float, h: float) : Pipeline = corrector (baoab gamma h)
    static member Mala(h: float) : Pipeline = corrector (mala h)
    static member MhScores(h: float, k: int) : Pipeline = corrector (mhScores h k)
    static member Hmc(h: float, steps: int) : Pipeline = corrector (hmc h steps)
    static member EulerMaruyama: Pipeline = predictor eulerMaruyama
    static member Exponential: Pipeline = predictor exponential
    static member Relative: Pipeline = predictor relative
    static member ReverseDiffusion: Pipeline = predictor reverseDiffusion
    static member Ancestral: Pipeline = predictor ancestral
    static member AncestralEta(eta: float) : Pipeline = predictor (ancestralEta eta)
    static member DdpmLarge: Pipeline = predictor ddpmLarge
    static member Flow: Pipeline = predictor flow
    static member FlowHeun: Pipeline = predictor flowHeun
    static member Dpm2: Pipeline = predictor dpm2
    static member Dpm2Ancestral(eta: float) : Pipeline = predictor (dpm2Ancestral eta)
    static member Dpmpp2s: Pipeline = predictor dpmpp2s
    static member Dpmpp2sAncestral(eta: float) : Pipeline = predictor (dpmpp2sAncestral eta)
    static member DpmppSde(eta: float) : Pipeline = predictor (dpmppSde eta)
    static member ChurnFlow(s: float) : Pipeline = predictor (churn s flow)
    static member ChurnHeun(s: float) : Pipeline = predictor (churn s flowHeun)

    static member ChurnFlow(s: float, sMin: float, sMax: float, sNoise: float) : Pipeline =
        predictor (churnWithin s sMin sMax sNoise flow)

    static member ChurnHeun(s: float, sMin: float, sMax: float, sNoise: float) : Pipeline =
        predictor (churnWithin s sMin sMax sNoise flowHeun)

    static member Dpmpp2m: Pipeline = predictor dpmpp2m
    static member Dpmpp2mSde(eta: float) : Pipeline = predictor (dpmpp2mSde eta)
    static member Dpmpp3mSde(eta: float) : Pipeline = predictor (dpmpp3mSde eta)
    static member Lms(k: int) : Pipeline = predictor (lms k)
    static member Ipndm(k: int) : Pipeline = predictor (ipndm k)
    static member Deis(k: int) : Pipeline = predictor (deis k)
    static member Unipc(k: int) : Pipeline = predictor (unipc k)
    static member AcceleratedSde: Pipeline = predictor acceleratedSde
    static member AcceleratedOde: Pipeline = predictor acceleratedOde

    /// A step of one's own: lines of formulas, as in `custom` of the language.
    static member Custom(name: string, [<ParamArray>] lines: string[]) : Pipeline =
        predictor (custom name [] (List.ofArray lines))

    /// The same with parameters by name.
    static member Custom
        (name: string, parameters: IReadOnlyDictionary<string, float>, [<ParamArray>] lines: string[])
        : Pipeline =
        predictor (custom name [ for pair in parameters -> pair.Key, pair.Value ] (List.ofArray lines))

    static member Probe(name: string) : Pipeline = probe name

    /// One after the other.
    static member Sequence([<ParamArray>] steps: Pipeline[]) : Pipeline = Pipeline.normal (Sequence(List.ofArray steps))

    /// step(0), …, step(n − 1), one after the other.
    static member Sequence(n: int, step: Func<int, Pipeline>) : Pipeline =
        Pipeline.normal (Sequence(List.init n step.Invoke))

    static member Anneal(schedule: Schedule, [<ParamArray>] body: Pipeline[]) : Pipeline =
        anneal schedule (Samplers.Sequence body)

    static member Repeat(times: int, [<ParamArray>] body: Pipeline[]) : Pipeline = repeat times (Samplers.Sequence body)

[<AbstractClass; Sealed; Extension>]
type Pipelines =
    /// First this, then the next.
    [<Extension>]
    static member Then(pipeline: Pipeline, next: Pipeline) : Pipeline = pipeline >=> next

/// A checked experiment, or the problems that it has.
[<Sealed>]
type CheckResult internal (result: Result<Checked, Problem list>) =
    let valid =
        match result with
        | Ok valid -> Some valid
        | Error _ -> None

    let orNull (field: Checked -> 'a when 'a: null) =
        match valid with
        | Some valid -> field valid
        | None -> null

    let problems =
        match result with
        | Ok valid -> valid.Warnings
        | Error problems -> problems

    let rendered severity : IReadOnlyList<string> =
        problems
        |> List.filter (fun problem -> problem.Severity = severity)
        |> List.map Message.render
        |> Array.ofList
        :> IReadOnlyList<string>

    member _.IsValid = valid.IsSome

    /// Null when it is not valid.
    member _.Experiment: Experiment =
        match valid with
        | Some valid -> valid.Experiment
        | None -> Unchecked.defaultof<Experiment>

    /// Null when it is not valid.
    member _.Plan: Engine.Plan = orNull (fun valid -> valid.Plan)

    /// The canonical text; null when it is not valid.
    member _.Text: string = orNull (fun valid -> valid.Text)

    /// Null when it is not valid.
    member _.Fingerprint: string = orNull (fun valid -> valid.Fingerprint)

    /// What is wrong, one rendered message each.
    member _.Errors = rendered Severity.Error

    member _.Warnings = rendered Severity.Warning

/// Experiments, with the defaults of the language for what `Create` does not take.
[<AbstractClass; Sealed; Extension>]
type Experiments =
    static member Create(target: Target, forward: Forward, sampler: Pipeline) : Experiment =
        {
            Target = target
            Forward = forward
            Score = Defaults.score
            Start = Defaults.start
            Sampler = sampler
            Measure = Defaults.measure
            Particles = Defaults.particles
            Seed = Defaults.seed
            Discrete = None
        }

    [<Extension>]
    static member WithScore(experiment: Experiment, score: Score) = { experiment with Score = score }

    [<Extension>]
    static member WithStart(experiment: Experiment, start: Start) = { experiment with Start = start }

    [<Extension>]
    static member WithMeasure(experiment: Experiment, [<ParamArray>] metrics: Engine.Metric[]) =
        { experiment with Measure = List.ofArray metrics }

    [<Extension>]
    static member WithParticles(experiment: Experiment, particles: int) = { experiment with Particles = particles }

    [<Extension>]
    static member WithSeed(experiment: Experiment, seed: int64) = { experiment with Seed = seed }

    /// The canonical text.
    [<Extension>]
    static member ToText(experiment: Experiment) : string = Print.experiment experiment

    /// Checks and lowers; data files are relative to the directory.
    [<Extension>]
    static member Check(experiment: Experiment, baseDirectory: string) : CheckResult =
        CheckResult(Check.experiment baseDirectory experiment)

    /// Reads, checks and lowers an `.sgm` file.
    static member CheckFile(path: string) : CheckResult = CheckResult(Check.file path)

    /// The same for a text; data files are relative to the directory.
    static member CheckText(text: string, baseDirectory: string) : CheckResult =
        CheckResult(Check.text "experiment.sgm" baseDirectory text)
