namespace Sgm

/// A sampler as a value: a composition of Markov kernels.
type Pipeline =
    /// One step at the current level.
    | Corrector of CorrectorMethod
    /// One step from a transition's upper level to its lower one; only inside `Anneal`, once a transition.
    | Predictor of PredictorMethod
    /// Run the body once a transition of the schedule.
    | Anneal of Schedule * body: Pipeline
    /// Run the body n ≥ 0 times.
    | Repeat of times: int * body: Pipeline
    /// One after the other; the empty list is the identity.
    | Sequence of Pipeline list
    /// Measure here.
    | Probe of name: string

/// The words for pipelines.
[<AutoOpen>]
module PipelineSyntax =
    /// Does nothing; the unit of `>=>`.
    let identity = Sequence []
    /// One step at the current level.
    let corrector method = Corrector method
    /// One step to the next level of the schedule.
    let predictor method = Predictor method
    /// For each transition of the schedule, run the body.
    let anneal schedule body = Anneal(schedule, body)
    /// n times the body.
    let repeat times body = Repeat(times, body)
    /// Measure the law of the state here, under a name.
    let probe name = Probe name

    /// First `a`, then `b`: Kleisli composition, which is what composing Markov kernels is. Associative by construction.
    let (>=>) a b =
        match a, b with
        | Sequence xs, Sequence ys -> Sequence(xs @ ys)
        | Sequence [], single
        | single, Sequence [] -> single
        | Sequence xs, y -> Sequence(xs @ [ y ])
        | x, Sequence ys -> Sequence(x :: ys)
        | x, y -> Sequence [ x; y ]

/// Questions about a pipeline that checking and lowering share.
module Pipeline =
    /// The pipelines directly inside this one.
    let children pipeline =
        match pipeline with
        | Anneal(_, body)
        | Repeat(_, body) -> [ body ]
        | Sequence parts -> parts
        | Corrector _
        | Predictor _
        | Probe _ -> []

    /// The predictor here that moves this pipeline's own transition (one inside an inner anneal does not), if one runs.
    let rec mover pipeline =
        match pipeline with
        | Predictor method -> Some method
        | Anneal _
        | Repeat(0, _) -> None
        | other -> children other |> List.tryPick mover

    /// Whether a predictor moves this pipeline's own transition.
    let moves pipeline = (mover pipeline).IsSome

    /// The first anneal's schedule, in the order of running.
    let rec firstSchedule pipeline =
        match pipeline with
        | Anneal(schedule, _) -> Some schedule
        | Repeat(0, _) -> None
        | other -> children other |> List.tryPick firstSchedule

    /// A sequence of flat parts without sequences inside, or its only part.
    let flat parts =
        let inner =
            parts
            |> List.collect (fun part ->
                match part with
                | Sequence inner -> inner
                | single -> [ single ])

        match inner with
        | [ single ] -> single
        | several -> Sequence several

    /// Without sequences inside sequences or of one part: what `>=>` makes of the same steps. Equal samplers are equal
    /// values in this form, and it is the form that text reads back to.
    let rec normal pipeline =
        match pipeline with
        | Anneal(schedule, body) -> Anneal(schedule, normal body)
        | Repeat(times, body) -> Repeat(times, normal body)
        | Sequence parts -> flat (List.map normal parts)
        | Corrector _
        | Predictor _
        | Probe _ -> pipeline

    /// Levels of nesting.
    let depth pipeline = Nesting.depth children pipeline
