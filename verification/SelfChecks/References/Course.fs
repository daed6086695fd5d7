/// What an experiment's words say happens, in order: levels, steps and probes, every repetition written out. Spelled from
/// docs/language.md alone; nothing in this folder calls `Lower`, `Schedule`, `Forward`, `Kernel` or the engine's laws, so that
/// an error in one of them shows.
module Sgm.Verification.References.Course

open Sgm

/// A noise level: the law of m·X₀ + σ·Z.
type Level = { M: float; Sigma: float }

/// The data: no noise.
let data = { M = 1.0; Sigma = 0.0 }

/// The anneal around a step: the levels before the step's upper one, the nearest first, and how many transitions there are.
type Anneal = { Earlier: Level list; Count: int }

/// What happens to the state.
type Event =
    /// A Langevin step of size h at a level.
    | Correction of h: float * at: Level
    /// A step from a level to a less noisy one; γ is the time between them (vp) or σ² − σ′² (ve).
    | Prediction of PredictorMethod * gamma: float * upper: Level * lower: Level * Anneal
    /// The state is looked at; the target is the data at this level.
    | Look of name: string * at: Level

/// Where the state starts, and what happens to it.
type Course = { First: Level; Events: Event list }

/// vp: m = e^(−t), σ² = 1 − e^(−2t); ve: m = 1, σ.
let level forward parameter =
    match forward with
    | Vp -> { M = exp -parameter; Sigma = sqrt (1.0 - exp (-2.0 * parameter)) }
    | Ve -> { M = 1.0; Sigma = parameter }

/// τ₀, …, τ_n.
let parameters schedule =
    let along n f = [ for i in 0..n -> f (float i / float n) ]

    match schedule with
    | Uniform(a, b, n) -> along n (fun u -> a * (1.0 - u) + b * u)
    | Geometric(a, b, n) -> along n (fun u -> exp ((1.0 - u) * log a + u * log b))
    | Karras(rho, a, b, n) -> along n (fun u -> ((1.0 - u) * a ** (1.0 / rho) + u * b ** (1.0 / rho)) ** rho)
    | Levels listed -> listed

/// Whether a predictor runs here.
let rec private predicts pipeline =
    match pipeline with
    | Predictor _ -> true
    | Sequence parts -> List.exists predicts parts
    | Repeat(times, body) -> times > 0 && predicts body
    | Anneal _
    | Corrector _
    | Probe _ -> false

/// The schedule of the anneal that runs first.
let rec private firstSchedule pipeline =
    match pipeline with
    | Anneal(schedule, _) -> Some schedule
    | Sequence parts -> List.tryPick firstSchedule parts
    | Repeat(times, body) -> if times > 0 then firstSchedule body else None
    | Predictor _
    | Corrector _
    | Probe _ -> None

/// The current level, the transition that the next predictor makes, and what has happened, last first.
type private Place = { At: Level; Transition: (float * Level * Anneal) option; Past: Event list }

let rec private walk forward place pipeline =
    match pipeline with
    | Probe name -> { place with Past = Look(name, place.At) :: place.Past }
    | Sequence parts -> List.fold (walk forward) place parts
    | Repeat(times, body) -> List.fold (fun now _ -> walk forward now body) place [ 1..times ]
    | Corrector method ->
        let h =
            match method with
            | Langevin h -> h
            | LangevinScaled c -> c * place.At.Sigma * place.At.Sigma

        { place with Past = Correction(h, place.At) :: place.Past }
    | Predictor method ->
        let gamma, lower, anneal = place.Transition.Value

        {
            At = lower
            Transition = None
            Past = Prediction(method, gamma, place.At, lower, anneal) :: place.Past
        }
    | Anneal(schedule, body) ->
        let move = predicts body

        let all = parameters schedule

        (place, List.indexed (List.pairwise all))
        ||> List.fold (fun now (i, (above, below)) ->
            let earlier = all |> List.truncate i |> List.rev |> List.truncate 4 |> List.map (level forward)
            let anneal = { Earlier = earlier; Count = all.Length - 1 }
            let lower = level forward below

            let gamma =
                match forward with
                | Vp -> above - below
                | Ve -> above * above - below * below

            let inside =
                if move then
                    { now with At = level forward above; Transition = Some(gamma, lower, anneal) }
                else
                    { now with At = lower; Transition = None }

            { walk forward inside body with At = lower })

/// The level of the first state.
let first (experiment: Experiment) =
    match firstSchedule experiment.Sampler with
    | Some(Levels listed) -> level experiment.Forward listed.Head
    | Some(Uniform(a, _, _))
    | Some(Geometric(a, _, _))
    | Some(Karras(_, a, _, _)) -> level experiment.Forward a
    | None -> data

/// The course of an experiment; its last event is the probe `end`.
let ofExperiment (experiment: Experiment) =
    let first = first experiment
    let last = walk experiment.Forward { At = first; Transition = None; Past = [] } experiment.Sampler
    { First = first; Events = List.rev (Look("end", last.At) :: last.Past) }

let private transitions schedule =
    match schedule with
    | Uniform(_, _, n)
    | Geometric(_, _, n)
    | Karras(_, _, _, n) -> n
    | Levels listed -> listed.Length - 1

/// How many steps a sampler takes, without writing them out.
let rec steps pipeline =
    match pipeline with
    | Corrector _
    | Predictor _ -> 1.0
    | Probe _ -> 0.0
    | Sequence parts -> List.sumBy steps parts
    | Repeat(times, body) -> float times * steps body
    | Anneal(schedule, body) -> float (transitions schedule) * steps body
