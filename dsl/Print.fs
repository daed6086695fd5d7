namespace Sgm

open System
open System.IO
open PrintParts

/// The canonical text of an experiment: valid F# after `open Sgm`, and a valid `.sgm` file. All fields are written,
/// in the order of the language document.
module Print =
    /// A pipeline in normal form, on one line.
    let rec private flatPipeline pipeline =
        match pipeline with
        | Corrector method -> $"corrector ({method})"
        | Predictor method -> $"predictor {parenthesised (method.ToString())}"
        | Probe name -> $"probe {quoted name}"
        | Repeat(times, body) -> $"repeat {times} {parenthesised (flatPipeline body)}"
        | Anneal(levels, body) -> $"anneal ({schedule levels}) {parenthesised (flatPipeline body)}"
        | Sequence [] -> "identity"
        | Sequence parts -> String.Join(" >=> ", List.map flatPipeline parts)

    /// Whether a pipeline is so long that it need not be written to know that it does not fit in a line.
    let rec private isLong pipeline =
        match pipeline with
        | Sequence parts -> List.length parts > width || List.exists isLong parts
        | Anneal(Levels parameters, _) when List.length parameters > width -> true
        | other -> Pipeline.children other |> List.exists isLong

    /// What follows a head would be written after more blanks than this: then it starts on a new line.
    let private mostBlanks = 100_000_000L

    /// The most lines that a pipeline takes.
    let rec private lines pipeline = 1L + List.sumBy lines (Pipeline.children pipeline)

    /// A pipeline that starts at this column: a sequence that does not fit in the line has one step a line.
    let rec private pipeline (out: TextWriter) column sampler =
        let around (head: string) body =
            out.Write head
            let isFar = int64 (column + head.Length) * lines body > mostBlanks
            let column = if isFar then column + 4 else column + head.Length + 1
            out.Write(if isFar then newLine column else " ")

            if body = identity then
                out.Write "identity"
            else
                out.Write '('
                pipeline out (column + 1) body
                out.Write ')'

        let flat = if isLong sampler then None else Some(flatPipeline sampler)

        match flat, sampler with
        | Some flat, _ when column + flat.Length <= width -> out.Write flat
        | _, Sequence parts ->
            let separator = newLine column + ">=> "

            parts
            |> List.iteri (fun i part ->
                out.Write(if i = 0 then "" else separator)
                pipeline out (if i = 0 then column else column + 4) part)
        | _, Repeat(times, body) -> around $"repeat {times}" body
        | _, Anneal(levels, body) -> around $"anneal ({schedule levels})" body
        | _ -> out.Write(flatPipeline sampler)

    /// Whether the value is nested so shallowly that its text can be read back.
    let isShallow (experiment: Experiment) =
        let scores = Score.all experiment.Score

        let laws =
            [
                experiment.Target
                for one in scores do
                    match one.Base with
                    | ScoreOf law -> law
                    | Exact
                    | Onnx _
                    | OfFunction _
                    | ScoreMatching _
                    | KernelDensity _
                    | Blend _ -> ()
                match experiment.Start with
                | From law -> law
                | Prior
                | Warm
                | Point _ -> ()
            ]

        let rec deepest pipeline =
            match pipeline with
            | Anneal(schedule, body) -> max (Schedule.depth schedule) (deepest body)
            | Repeat(_, body) -> deepest body
            | Sequence parts -> parts |> List.fold (fun found part -> max found (deepest part)) 0
            | Corrector _
            | Predictor _
            | Probe _ -> 0

        Pipeline.depth experiment.Sampler <= Syntax.deepestValue
        && deepest experiment.Sampler <= Syntax.deepestValue
        && Score.depth experiment.Score <= Syntax.deepestValue
        && laws |> List.forall (fun law -> Target.depth law <= Syntax.deepestValue)

    let private diffusion (out: TextWriter) (experiment: Experiment) =
        let field = field out
        let words name (text: string) = field name (fun () -> out.Write text)
        out.Write "experiment {\n"
        field "target" (fun () -> inParentheses out (column - 1) experiment.Target)
        field "forward" (fun () -> forward out column experiment.Forward)
        words "score" (parenthesised (score column experiment.Score))
        words "start" (parenthesised (start column experiment.Start))

        field "sampler" (fun () ->
            match Pipeline.normal experiment.Sampler with
            | Sequence [] -> out.Write "identity"
            | sampler ->
                out.Write '('
                pipeline out column sampler
                out.Write ')')

        field "measure" (fun () -> metrics out experiment.Measure)
        words "particles" (wholeNumber (string experiment.Particles))
        words "seed" (wholeNumber (seed experiment.Seed))
        out.Write "}\n"

    /// Writes the canonical text. The sampler is written in normal form. The experiment must be shallow (`isShallow`), as
    /// every valid one is.
    let write (out: TextWriter) (experiment: Experiment) =
        if not (isShallow experiment) then
            invalidArg (nameof experiment) $"more than {Syntax.deepestValue} levels of nesting"

        match experiment.Discrete with
        | Some own -> PrintDiscrete.write out experiment own
        | None -> diffusion out experiment

    /// The canonical text.
    let experiment (experiment: Experiment) = text (fun out -> write out experiment)
