/// The numbers of an experiment from its words alone: of normal laws in matrices, of the line by plain sums, and of
/// independent coordinates by the rules of products.
module Sgm.Verification.References.Reference

open Sgm.Engine
open Sgm
open Sgm.Verification.References.Course
open Sgm.Verification.References.Density

/// One component where all are the same law.
let private merged (block: Component list) =
    if block |> List.forall (fun c -> c.Mean = block.Head.Mean && c.Covariance = block.Head.Covariance) then
        [ { block.Head with Weight = 1.0 } ]
    else
        block

/// Blocks of one coordinate where they are independent; None where some are not.
let private split (law: Law) : Component list list option =
    let blocks block =
        match merged block with
        | one when blockDimension one = 1 -> Some [ one ]
        | [ c ] when c.Covariance.Equals(diagonal (c.Covariance.Diagonal())) ->
            Some
                [
                    for i in 0 .. c.Mean.Count - 1 ->
                        [
                            {
                                Weight = 1.0
                                Mean = vector [ c.Mean[i] ]
                                Covariance = diagonal [ c.Covariance[i, i] ]
                            }
                        ]
                ]
        | _ -> None

    let parts = List.map blocks law

    if List.forall Option.isSome parts then
        Some(List.collect Option.get parts)
    else
        None

/// The law that the score was made for; None for one that is fitted to draws, or blended.
let scored data (experiment: Experiment) =
    match experiment.Score.Base with
    | Exact -> Some(law data experiment.Target)
    | ScoreOf other -> Some(law data other)
    | Onnx _
    | OfFunction _
    | ScoreMatching _
    | KernelDensity _
    | Blend _ -> None

/// Whether the score is fitted to draws, or blended: not that of one law.
let isFitted (experiment: Experiment) =
    match experiment.Score.Base with
    | Onnx _
    | OfFunction _
    | ScoreMatching _
    | KernelDensity _
    | Blend _ -> true
    | Exact
    | ScoreOf _ -> false

/// The law of the first state; Error for a point.
let started data (experiment: Experiment) first : Result<Law, float list> =
    let target = law data experiment.Target

    match experiment.Start with
    | Prior ->
        let variance =
            match experiment.Forward with
            | Vp
            | SubVp -> 1.0
            | Ve
            | Rectified
            | LevelsOf _ -> first.Sigma * first.Sigma

        let d = dimension target
        Ok [ [ { Weight = 1.0; Mean = vector (Array.zeroCreate d); Covariance = variance * unit d } ] ]
    | From other -> Ok(law data other)
    | Point at -> Error at
    | Warm -> Ok(noised first target)

/// The states at the probes of a course, folded from the first.
let private fold move step state course =
    ((state, []), course.Events)
    ||> List.fold (fun (state, seen) event ->
        match event with
        | Look(name, at) -> state, (name, at, state) :: seen
        | _ -> step (move event) state, seen)
    |> snd
    |> List.rev

/// Whether a step keeps earlier evaluations or draws inside.
let rec private remembers pipeline =
    match pipeline with
    | Predictor method -> Memory.isRead method
    | Corrector method -> method.Keeps || method.Word = "randomizedMidpoint"
    | other -> Pipeline.children other |> List.exists remembers

/// Whether a step is no affine map of the state and draws even of an affine score.
let rec private isRandomized pipeline =
    match pipeline with
    | Corrector method -> method.Word = "randomizedMidpoint"
    | other -> Pipeline.children other |> List.exists isRandomized

/// How an experiment is run here.
type private Form =
    /// In matrices: target, the score's law, and the start.
    | Normal of Law * Law * Result<Law, float list>
    /// On lines: the same of every coordinate.
    | Lines of (Component list * Component list * Result<Component list, float>) list

/// What a run by matrices may cost, in products of numbers.
let private mostProducts = 1e8

/// The most steps of a run, each written out.
let private mostWritten = 1e6

/// The most components of all its laws.
let private mostParts = 1000.0

/// The most steps of a run by plain sums.
let private mostSteps = 100.0

let private form data (experiment: Experiment) =
    let d = Density.coordinates data experiment.Target
    let steps = Course.steps experiment.Sampler

    if (unread experiment).IsSome then
        Error (unread experiment).Value
    elif isRandomized experiment.Sampler then
        Error "a random fraction of a step is read a second time by particles alone"
    elif steps > mostWritten then
        Error $"{steps:g6} steps are too many to be written out"
    elif Density.parts experiment > mostParts then
        Error $"{Density.parts experiment:g6} components are too many"
    elif (1.0 + steps) * d ** 3.0 > mostProducts then
        Error $"{steps:g6} steps in {d:g6} dimensions are too many for matrices"
    else
        match scored data experiment with
        | None -> Error "the score is not that of one law"
        | Some scored ->
            let target = law data experiment.Target |> List.map merged
            let scored = List.map merged scored
            let start = Course.first experiment |> started data experiment |> Result.map (List.map merged)
            let modifiers = experiment.Score.Modifiers
            let isAffine = modifiers |> List.forall (fun (m: ScoreModifier) -> not m.IsRippled && not m.IsClipped)
            let isNormal = List.forall (fun block -> List.length block = 1)

            let starts =
                match start with
                | Ok law -> split law |> Option.map (List.map Ok)
                | Error at -> Some(List.map Error at)

            if adjusts experiment.Sampler && d > 1.0 then
                Error "a step that may be rejected ties the coordinates together"
            elif leaps experiment.Sampler then
                Error "the transition density of 'hmc' is no formula"
            elif
                not (adjusts experiment.Sampler)
                && isAffine
                && isNormal target
                && isNormal scored
                && (Result.toOption start |> Option.forall isNormal)
            then
                Ok(Normal(target, scored, start))
            elif d > 1.0 && (modifiers |> List.exists (fun (m: ScoreModifier) -> m.IsClipped)) then
                Error "a clip ties the coordinates together"
            elif remembers experiment.Sampler then
                Error
                    "a method that keeps earlier evaluations, or draws inside a step, is read a second time on normal laws alone"
            elif steps > mostSteps then
                Error $"{steps:g6} steps are too many for plain sums"
            else
                match split target, split scored, starts with
                | Some targets, Some scores, Some starts -> Ok(Lines(List.zip3 targets scores starts))
                | _ -> Error "coordinates depend on each other, and the laws are not normal"

let private normal (experiment: Experiment) target scored start =
    let first =
        match start with
        | Ok law -> Normals.ofLaw law
        | Error at -> Normals.ofPoint at

    let estimate = Steps.estimate (dimension target) scored experiment.Score.Modifiers

    [
        let d = first.Mean.Count
        let move event = Memory.move experiment.Forward estimate event
        let step (move, draws) law = Normals.moved d move draws law

        for name, at, stacked in fold move step first (ofExperiment experiment) ->
            let state = Normals.state d stacked
            let rounding value = Number.exactly value (1e-11 * (1.0 + abs value))

            {
                Name = name
                At = at
                Means = state.Mean.ToArray() |> Array.map rounding
                Variances = state.Covariance.Diagonal().ToArray() |> Array.map rounding
                Metrics = Normals.metrics state (Normals.ofLaw (noised at target)) experiment.Measure
            }
    ]

/// Nodes, and the lattice's spacing for total variation of products; each run three times.
let private resolutions = [ 500, 0.06; 750, 0.04; 1000, 0.03 ]

/// The most coordinates of which total variation is found.
let private mostForTv = 100

/// Σ, Π and convolutions over the distinct coordinates, each with its count.
let private product metric delta (states: (Component list * Line.Line * int) list) =
    let every f = states |> List.map (fun (target, line, count) -> f target line |> Option.map (fun v -> v, count))

    let all found =
        if List.forall Option.isSome found then
            Some(List.map Option.get found)
        else
            None

    match metric, states with
    | Tv, [ target, line, 1 ] -> Line.tv target line
    | Tv, _ when List.sumBy (fun (_, _, count) -> count) states > mostForTv -> None
    | Tv, _ -> all (every Line.ratios) |> Option.map (Line.productTv delta)
    | Kl, _ -> all (every Line.kl) |> Option.map (List.sumBy (fun (v, count) -> float count * v))
    | Chi2, _ ->
        all (every Line.chi2)
        |> Option.map (fun parts ->
            (parts |> List.map (fun (v, count) -> pown (1.0 + v) count) |> List.reduce (*)) - 1.0)
    | W2, _ ->
        states |> List.sumBy (fun (target, line, count) -> float count * Line.w2Squared target line) |> sqrt |> Some

/// Independent coordinates, each distinct one on a line of its own.
let private lines (experiment: Experiment) every =
    let course = ofExperiment experiment
    let d = List.length every
    let distinct = List.countBy id every

    let density =
        let target = List.map (fun (target, _, _) -> target) every
        fun at -> logDensityOf (noised at target)

    // At a resolution: by probe, the distinct coordinates' targets there, their laws, and how many there are.
    let run (n, delta) =
        let probes =
            [
                for (target, score, start), count in distinct ->
                    let first =
                        match start with
                        | Ok block -> Line.ofBlock n block
                        | Error x -> Line.ofPoint x

                    let estimate = Steps.estimate d [ score ] experiment.Score.Modifiers

                    let move event line =
                        match event with
                        | Adjusted step ->
                            let ln, s = density step.At, estimate step.At
                            fst (Adjusted.line n step (fun x -> ln [| x |]) (fun x -> (s [| x |])[0]) line)
                        | _ ->
                            let map, c = Steps.move experiment.Forward estimate event
                            Line.step n (fun x -> Array.head (map [| x |])) c line

                    fold move id first course
                    |> List.map (fun (_, at, line) -> List.head (noised at [ target ]), line, count)
            ]
            |> List.transpose

        delta, probes

    let runs = List.map run resolutions
    let place = every |> List.map (fun coordinate -> distinct |> List.findIndex (fst >> (=) coordinate))

    [
        for i, (name, at) in
            course.Events
            |> List.choose (function
                | Look(name, at) -> Some(name, at)
                | _ -> None)
            |> List.indexed do
            let states = runs |> List.map (fun (delta, probes) -> delta, probes[i])

            let moment pick =
                [|
                    for k in place ->
                        states
                        |> List.map (fun (_, laws) -> let _, line, _ = laws[k] in pick (Line.moments line))
                        |> Number.converged 1e-9
                |]

            {
                Name = name
                At = at
                Means = moment fst
                Variances = moment snd
                Metrics =
                    [
                        for metric in experiment.Measure do
                            let found = states |> List.map (fun (delta, laws) -> product metric delta laws)

                            if List.forall Option.isSome found then
                                let floor = if metric = Metric.W2 then 1e-6 else 1e-9
                                metric, Number.converged floor (List.map Option.get found)
                    ]
            }
    ]

/// Whether a law is read from a file.
let rec private isRead target =
    match target with
    | Samples _ -> true
    | Standardized inner -> isRead inner
    | Mixture parts -> parts |> List.exists (snd >> isRead)
    | Product parts -> parts |> List.exists (snd >> isRead)
    | Target.Normal _
    | NormalDiag _
    | NormalCov _
    | Standard _ -> false

/// Whether any law of an experiment is read from a file.
let private readsFiles (experiment: Experiment) =
    [
        experiment.Target
        match experiment.Score.Base with
        | ScoreOf other -> other
        | _ -> ()
        match experiment.Start with
        | From other -> other
        | _ -> ()
    ]
    |> List.exists isRead

/// Whether a step is written in lines of formulas.
let rec private isCustom pipeline =
    match pipeline with
    | Predictor method -> method.IsCustom
    | other -> Pipeline.children other |> List.exists isCustom

/// Why an experiment's words have no second reading at all.
let readable (experiment: Experiment) =
    if readsFiles experiment then
        Error "the laws are read from files"
    elif isCustom experiment.Sampler then
        Error "a step is the user's own, and nobody reads its lines a second time"
    else
        Ok()

/// Whether `readings` has an answer, or why not: it has for normal laws with affine scores, and for independent coordinates, of
/// short runs, with scores that were not fitted to draws. Costs next to nothing, and reads no files.
let covers experiment =
    readable experiment |> Result.bind (fun () -> form (fun _ -> [||]) experiment |> Result.map ignore)

/// What is at every probe, in order. Files are read by `data`.
let readings data (experiment: Experiment) : Result<Reading list, string> =
    form data experiment
    |> Result.map (function
        | Normal(target, scored, start) -> normal experiment target scored start
        | Lines every -> lines experiment every)
