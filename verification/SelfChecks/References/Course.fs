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

/// A step that may be rejected: the word and its arguments, at a level.
type Adjustment = { Word: string; Arguments: float list; At: Level }

/// What happens to the state.
type Event =
    | Adjusted of Adjustment
    /// A Langevin step of size h at a level.
    | Correction of h: float * at: Level
    /// A step of underdamped Langevin at a level, the first of a run or a later one.
    | Kinetic of splitting: string * gamma: float * h: float * isFirst: bool * at: Level
    /// The end of a run: its velocity is forgotten.
    | Rest
    /// A step of Langevin by the randomised midpoint at a level.
    | Midpoint of h: float * at: Level
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
    | SubVp -> { M = exp -parameter; Sigma = 1.0 - exp (-2.0 * parameter) }
    | Rectified -> { M = 1.0 - parameter; Sigma = parameter }
    | LevelsOf listed ->
        let m, sigma = listed[listed.Length - 1 - int parameter]
        { M = m; Sigma = sigma }

/// The parameter of the level with this ρ = σ/m, by bisection of what `level` says.
let private atRatio forward rho =
    let ratio parameter = (level forward parameter).Sigma / (level forward parameter).M

    let rec between low high n =
        let middle = (low + high) / 2.0

        if n = 0 then middle
        elif ratio middle < rho then between middle high (n - 1)
        else between low middle (n - 1)

    match forward with
    | Ve -> rho
    | Vp
    | SubVp -> if rho = 0.0 then 0.0 else between 0.0 40.0 200
    | Rectified -> if rho = 0.0 then 0.0 else between 0.0 1.0 200
    | LevelsOf _ -> invalidOp "listed levels have none between them"

/// ᾱ of the levels of training, the first first.
let rec private cumulated schedule =
    let betas n f = [ for k in 0 .. n - 1 -> f (if n = 1 then 0.0 else float k / float (n - 1)) ]
    let products betas = betas |> List.scan (fun product beta -> product * (1.0 - beta)) 1.0 |> List.tail

    match schedule with
    | Linear(a, b, n) -> betas n (fun u -> a + u * (b - a)) |> products
    | ScaledLinear(a, b, n) -> betas n (fun u -> (sqrt a + u * (sqrt b - sqrt a)) ** 2.0) |> products
    | Sigmoid(a, b, n) -> betas n (fun u -> a + (b - a) / (1.0 + exp (6.0 - 12.0 * u))) |> products
    | Cosine n ->
        let bar u = cos ((u + 0.008) / 1.008 * System.Math.PI / 2.0) ** 2.0
        let beta k = min 0.999 (1.0 - bar (float (k + 1) / float n) / bar (float k / float n))
        [ for k in 0 .. n - 1 -> beta k ] |> products
    | ZeroSnr inner ->
        let roots = cumulated inner |> List.map sqrt
        let first, last = roots.Head, List.last roots
        roots |> List.map (fun root -> ((root - last) * first / (first - last)) ** 2.0)
    | other -> invalidOp $"{other} has no levels of training"

/// NumPy's round: to the even of two that are as near.
let private rounded (x: float) = int (System.Math.Round(x, System.MidpointRounding.ToEven))

/// τ₀, …, τ_n.
let rec parameters forward schedule =
    let trained (bars: float list) = bars |> List.map (fun bar -> atRatio forward (sqrt ((1.0 - bar) / bar)))

    let picked training (indices: int list) =
        let bars = cumulated training |> Array.ofList
        trained [ for k in indices -> bars[k] ]

    let count training = (cumulated training).Length

    let along n f = [ for i in 0..n -> f (float i / float n) ]

    match schedule with
    | Uniform(a, b, n) -> along n (fun u -> a * (1.0 - u) + b * u)
    | Geometric(a, b, n) -> along n (fun u -> exp ((1.0 - u) * log a + u * log b))
    | Karras(rho, a, b, n) -> along n (fun u -> ((1.0 - u) * a ** (1.0 / rho) + u * b ** (1.0 / rho)) ** rho)
    | Polyexponential(rho, a, b, n) -> along n (fun u -> exp (log b + (1.0 - u) ** rho * (log a - log b)))
    | Levels listed -> listed
    | Linear _
    | ScaledLinear _
    | Sigmoid _
    | Cosine _
    | ZeroSnr _ -> cumulated schedule |> List.rev |> trained
    | Leading(offset, k, training) -> picked training [ for i in k - 1 .. -1 .. 0 -> i * (count training / k) + offset ]
    | Trailing(k, training) ->
        let n = float (count training)
        picked training [ for i in 0 .. k - 1 -> rounded (n - float i * (n / float k)) - 1 ]
    | Linspace(k, training) ->
        let step = float (count training - 1) / float (max 1 (k - 1))
        picked training [ for i in k - 1 .. -1 .. 0 -> rounded (float i * step) ]
    | InRatio inner -> parameters Ve inner |> List.map (atRatio forward)
    | InBetaTime(first, last, inner) ->
        // m of vp is exp(−½∫β).
        let clock u = 0.5 * (first * u + (last - first) * u * u / 2.0)

        match forward with
        | Vp
        | SubVp -> parameters forward inner |> List.map clock
        | _ ->
            parameters Ve inner
            |> List.map (fun u ->
                let vp = level Vp (clock u)
                atRatio forward (vp.Sigma / vp.M))
    | Shift(s, inner) ->
        parameters forward inner
        |> List.map (fun parameter ->
            let at = level forward parameter
            atRatio forward (s * at.Sigma / at.M))
    | ToZero inner -> parameters forward inner @ [ 0.0 ]

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

/// E‖ξ‖²/E‖s‖² at a level for the exact score of an isotropic normal law, perhaps scaled, whose coordinates are ξ/√v.
let private ratio (experiment: Experiment) =
    let variance =
        match experiment.Target with
        | Standard _ -> Some 1.0
        | Normal(_, v) -> Some v
        | _ -> None

    let factor =
        (Some 1.0, experiment.Score.Modifiers)
        ||> List.fold (fun product modifier ->
            match product, modifier with
            | Some c, Scaled k -> Some(c * k)
            | Some c, Temperature k -> Some(c / k)
            | _ -> None)

    match variance, factor, experiment.Score.Base with
    | Some v, Some c, Exact -> Some(fun at -> (at.M * at.M * v + at.Sigma * at.Sigma) / (c * c))
    | _ -> None

let rec private asksScore pipeline =
    match pipeline with
    | Corrector method -> method.Word = "langevinSnr"
    | other -> Pipeline.children other |> List.exists asksScore

/// Why the words of an experiment are not read here, if they are not.
let unread (experiment: Experiment) =
    if asksScore experiment.Sampler && (ratio experiment).IsNone then
        Some "a signal-to-noise ratio is read a second time for exact scores of isotropic normal laws alone"
    else
        None

/// The current level, the transition that the next predictor makes, the underdamped method whose run this
/// is, and what has happened, last first.
type private Place =
    {
        At: Level
        /// By how much the forward process shrinks the state over the transition around; 1 outside.
        Shrink: float
        Transition: (float * Level * Anneal) option
        Run: CorrectorMethod option
        Past: Event list
        Ratio: Level -> float
    }

let private correction place (method: CorrectorMethod) =
    let kept = place.Shrink ** 2.0

    match method.Word, List.map float method.Arguments with
    | "langevin", [ h ] -> Correction(h, place.At)
    | "langevinScaled", [ c ] -> Correction(c * place.At.Sigma * place.At.Sigma, place.At)
    | "langevinSnr", [ r ] -> Correction(2.0 * kept * r * r * place.Ratio place.At, place.At)
    | "ald", [ r ] -> Correction(2.0 * kept * (r * place.At.Sigma) ** 2.0, place.At)
    | ("obabo" | "baoab"), [ gamma; h ] -> Kinetic(method.Word, gamma, h, place.Run <> Some method, place.At)
    | "randomizedMidpoint", [ h ] -> Midpoint(h, place.At)
    | word, _ -> invalidOp $"'{word}' has no second reading"

/// Where a run of an underdamped method ends, if there is one.
let private ended place =
    match place.Run with
    | Some _ -> { place with Run = None; Past = Rest :: place.Past }
    | None -> place

/// The correctors that may reject.
let private adjusting = set [ "mala"; "mhScores"; "hmc" ]

/// Whether a sampler has a step of these words.
let rec private has words pipeline =
    match pipeline with
    | Corrector method -> List.contains method.Word words
    | other -> Pipeline.children other |> List.exists (has words)

/// Whether a step may be rejected.
let adjusts sampler = has (List.ofSeq adjusting) sampler

/// Whether one has no transition density that could be written down.
let leaps sampler = has [ "hmc" ] sampler

let rec private walk forward place pipeline =
    match pipeline with
    | Probe name -> { place with Past = Look(name, place.At) :: place.Past }
    | Sequence parts -> List.fold (walk forward) place parts
    | Repeat(times, body) -> List.fold (fun now _ -> walk forward now body) place [ 1..times ]
    | Corrector method when adjusting.Contains method.Word ->
        let step = { Word = method.Word; Arguments = List.map float method.Arguments; At = place.At }
        { place with Past = Adjusted step :: place.Past }
    | Corrector method ->
        let place = if place.Run = Some method then place else ended place

        match correction place method with
        | Kinetic _ as step -> { place with Run = Some method; Past = step :: place.Past }
        | step -> { place with Past = step :: place.Past }
    | Predictor method ->
        let place = ended place
        let gamma, lower, anneal = place.Transition.Value

        { place with
            At = lower
            Transition = None
            Past = Prediction(method, gamma, place.At, lower, anneal) :: place.Past
        }
    | Anneal(schedule, body) ->
        let move = predicts body

        let all = parameters forward schedule

        (place, List.indexed (List.pairwise all))
        ||> List.fold (fun now (i, (above, below)) ->
            let now = ended now
            let earlier = all |> List.truncate i |> List.rev |> List.truncate 4 |> List.map (level forward)
            let anneal = { Earlier = earlier; Count = all.Length - 1 }
            let lower = level forward below

            let gamma =
                match forward with
                | Ve -> above * above - below * below
                | Vp
                | SubVp
                | Rectified
                | LevelsOf _ -> above - below

            let inside =
                if move then
                    { now with
                        At = level forward above
                        Shrink = (level forward above).M / lower.M
                        Transition = Some(gamma, lower, anneal)
                    }
                else
                    { now with At = lower; Shrink = (level forward above).M / lower.M; Transition = None }

            { ended (walk forward inside body) with At = lower; Shrink = 1.0 })

/// The level of the first state.
let first (experiment: Experiment) =
    match firstSchedule experiment.Sampler with
    | Some schedule -> level experiment.Forward (parameters experiment.Forward schedule).Head
    | None -> data

/// The course of an experiment; its last event is the probe `end`.
let ofExperiment (experiment: Experiment) =
    let first = first experiment

    let start =
        {
            At = first
            Shrink = 1.0
            Transition = None
            Run = None
            Past = []
            Ratio = ratio experiment |> Option.defaultValue (fun _ -> nan)
        }

    let last = walk experiment.Forward start experiment.Sampler
    { First = first; Events = List.rev (Look("end", last.At) :: last.Past) }

let rec private transitions schedule =
    match schedule with
    | Uniform(_, _, n)
    | Geometric(_, _, n)
    | Karras(_, _, _, n)
    | Polyexponential(_, _, _, n) -> n
    | Levels listed -> listed.Length - 1
    | Linear(_, _, n)
    | ScaledLinear(_, _, n)
    | Sigmoid(_, _, n)
    | Cosine n
    | Leading(_, n, _)
    | Trailing(n, _)
    | Linspace(n, _) -> n - 1
    | ZeroSnr inner
    | InRatio inner
    | InBetaTime(_, _, inner)
    | Shift(_, inner) -> transitions inner
    | ToZero inner -> transitions inner + 1

/// How many steps a sampler takes, without writing them out.
let rec steps pipeline =
    match pipeline with
    | Corrector _
    | Predictor _ -> 1.0
    | Probe _ -> 0.0
    | Sequence parts -> List.sumBy steps parts
    | Repeat(times, body) -> float times * steps body
    | Anneal(schedule, body) -> float (transitions schedule) * steps body
