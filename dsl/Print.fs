namespace Sgm

open System
open System.Globalization
open System.IO

/// The canonical text of an experiment: valid F# after `open Sgm`, and a valid `.sgm` file. All eight fields are written,
/// in the order of the language document.
module Print =

    let private width = 118
    let private newLine column = "\n" + String(' ', column)

    let private quoted = Escape.quoted
    let private number = Numeral.ofFloat

    /// Items in brackets, with a separator between them.
    let private list (out: TextWriter) (separator: string) (write: 'item -> unit) (items: 'item list) =
        out.Write "[ "

        items
        |> List.iteri (fun i item ->
            if i > 0 then
                out.Write separator

            write item)

        out.Write(if items.IsEmpty then "]" else " ]")

    let private sameNumber (a: float) (b: float) = a = b || number a = number b

    let private isFill (entries: float list) =
        List.length entries > 4 && List.forall (sameNumber entries.Head) entries.Tail

    /// A vector, not as an argument.
    let private vector (out: TextWriter) (entries: float list) =
        if isFill entries then
            out.Write $"fill {List.length entries} {number entries.Head}"
        else
            list out "; " (number >> out.Write) entries

    let private vectorArgument (out: TextWriter) entries =
        if isFill entries then
            out.Write '('
            vector out entries
            out.Write ')'
        else
            vector out entries

    let private text (write: TextWriter -> unit) =
        use out = new StringWriter()
        write out
        out.ToString()

    /// Parentheses around what is more than one word or bracket.
    let private parenthesised (text: string) =
        if text.StartsWith '[' || text.StartsWith '"' || not (text.Contains ' ') then
            text
        else
            "(" + text + ")"

    /// Rows on one line when they fit, else one a line.
    let private rows (out: TextWriter) column (rows: float list list) =
        let write separator out = list out separator (vector out) rows

        if List.length rows <= width && column + (text (write "; ")).Length <= width then
            write "; " out
        else
            write (newLine (column + 2)) out

    /// A target that starts at this column; parts of mixtures and products one a line. It is more than one word.
    let rec private target (out: TextWriter) column law =
        let parts (word: string) (label: 'number -> string) (items: ('number * Target) list) =
            let inner = column + word.Length + 3

            let part (number, law) =
                let label = label number + ", "
                out.Write label
                target out (inner + label.Length) law

            out.Write(word + " ")
            list out (newLine inner) part items

        match law with
        | Normal(mean, variance) ->
            out.Write "normal "
            vectorArgument out mean
            out.Write(" " + number variance)
        | NormalDiag(mean, variances) ->
            out.Write "normalDiag "
            vectorArgument out mean
            out.Write ' '
            vectorArgument out variances
        | NormalCov(mean, covariance) ->
            let head = text (fun out -> vectorArgument out mean)
            out.Write("normalCov " + head + " ")
            rows out (column + 11 + head.Length) covariance
        | Standard dimension -> out.Write $"standard {dimension}"
        | Mixture components -> parts "mixture" number components
        | Product blocks -> parts "product" string blocks
        | Samples(file, bandwidth) -> out.Write $"samples {quoted file} {number bandwidth}"
        | Standardized inner ->
            out.Write "standardized "
            inParentheses out (column + 13) inner

    /// A target as an argument, its opening parenthesis at this column.
    and private inParentheses (out: TextWriter) column law =
        out.Write '('
        target out (column + 1) law
        out.Write ')'

    let private modifier change =
        match change with
        | Shifted amount -> $"shifted {number amount}"
        | Scaled factor -> $"scaled {number factor}"
        | Temperature k -> $"temperature {number k}"
        | Rippled(amplitude, frequency) -> $"rippled {number amplitude} {number frequency}"
        | Clipped radius -> $"clipped {number radius}"

    let private output given =
        match given with
        | NetworkOutput.Gradient -> "gradient"
        | NetworkOutput.Noise -> "noise"
        | NetworkOutput.Denoised -> "denoised"
        | NetworkOutput.Velocity -> "velocity"
        | NetworkOutput.Edm deviation -> $"(edm {number deviation})"

    let rec private score column (given: Score) =
        let first =
            match given.Base with
            | Exact -> "exact"
            | ScoreOf law ->
                text (fun out ->
                    out.Write "scoreOf "
                    inParentheses out (column + 8) law)
            | ScoreMatching(draws, features, seed) -> $"scoreMatching {draws} {features} {seed}"
            | KernelDensity(draws, bandwidth, seed) -> $"kernelDensity {draws} {number bandwidth} {seed}"
            | Onnx(file, given) -> $"onnx {quoted file} {output given}"
            | OfFunction(name, _) -> $"ofFunction {quoted name}"
            | Blend parts ->
                text (fun out ->
                    out.Write "blend "

                    let part (weight, inner) =
                        let head = number weight + ", "
                        out.Write(head + parenthesised (score (column + 8 + head.Length + 1) inner))

                    list out (newLine (column + 8)) part parts)

        let parts = first :: List.map modifier given.Modifiers
        let flat = String.Join(" |> ", parts)

        if column + flat.Length <= width && not (first.Contains '\n') then
            flat
        else
            String.Join(newLine column + "|> ", parts)

    let private start column law =
        match law with
        | Prior -> "prior"
        | Warm -> "warm"
        | Point coordinates ->
            text (fun out ->
                out.Write "point "
                vectorArgument out coordinates)
        | From law ->
            text (fun out ->
                out.Write "from "
                inParentheses out (column + 5) law)

    let rec private schedule levels =
        let around (words: string) inner = $"{words} ({schedule inner})"

        match levels with
        | Uniform(a, b, n) -> $"uniform {number a} {number b} {n}"
        | Geometric(a, b, n) -> $"geometric {number a} {number b} {n}"
        | Karras(rho, a, b, n) -> $"karras {number rho} {number a} {number b} {n}"
        | Levels parameters ->
            text (fun out ->
                out.Write "levels "
                vectorArgument out parameters)
        | Polyexponential(rho, a, b, n) -> $"polyexponential {number rho} {number a} {number b} {n}"
        | Linear(first, last, n) -> $"linear {number first} {number last} {n}"
        | ScaledLinear(first, last, n) -> $"scaledLinear {number first} {number last} {n}"
        | Sigmoid(first, last, n) -> $"sigmoid {number first} {number last} {n}"
        | Cosine n -> $"cosine {n}"
        | ZeroSnr inner -> around "zeroSnr" inner
        | Leading(offset, k, inner) -> around $"leading {offset} {k}" inner
        | Trailing(k, inner) -> around $"trailing {k}" inner
        | Linspace(k, inner) -> around $"linspace {k}" inner
        | InRatio inner -> around "inRatio" inner
        | InBetaTime(first, last, inner) -> around $"inBetaTime {number first} {number last}" inner
        | Shift(s, inner) -> around $"shift {number s}" inner
        | ToZero inner -> around "toZero" inner

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

    /// A forward process as a field's value.
    let private forward (out: TextWriter) column given =
        match given with
        | LevelsOf levels ->
            let pair (mean, sigma) = out.Write $"{number mean}, {number sigma}"
            out.Write "(levelsOf "
            let isShort = List.length levels <= 4
            list out (if isShort then "; " else newLine (column + 11)) pair levels
            out.Write ')'
        | Vp
        | Ve
        | SubVp
        | Rectified -> out.Write(Forward.name given)

    let private seed (n: int64) = if n = int64 (int32 n) then string n else $"{n}L"

    let private metric (metric: Engine.Metric) = metric.Name

    /// Negative numbers do not follow a field's name as an argument in F#.
    let private wholeNumber (text: string) = if text.StartsWith '-' then $"({text})" else text

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

    /// A law of symbols that starts at this column; parts one a line.
    let rec private symbols (out: TextWriter) column law =
        let parts (word: string) write (items: 'item list) =
            out.Write(word + " ")
            list out (newLine (column + word.Length + 3)) write items

        match law with
        | SymbolLaw.Table(n, masses) ->
            out.Write $"table {n} "
            vectorArgument out masses
        | SymbolLaw.Independent blocks ->
            parts
                "independent"
                (fun (count: int, masses) ->
                    out.Write $"{count}, "
                    vectorArgument out masses)
                blocks
        | SymbolLaw.LatentClasses components ->
            parts
                "latentClasses"
                (fun (weight, inner) ->
                    let label = number weight + ", "
                    out.Write label
                    symbols out (column + 16 + label.Length) inner)
                components
        | SymbolLaw.IsingChain(dimension, coupling, field) ->
            out.Write $"isingChain {dimension} {number coupling} {number field}"

    let private discrete (out: TextWriter) (experiment: Experiment) (own: Discrete) =
        let field (name: string) (write: unit -> unit) =
            out.Write("    " + name.PadRight 10)
            write ()
            out.Write '\n'

        let words (text: string) () = out.Write text
        out.Write "discrete {\n"

        field "target" (fun () ->
            out.Write '('
            symbols out 15 own.Law
            out.Write ')')

        field "times" (words (parenthesised (schedule own.Times)))

        field "rates" (fun () ->
            let of' =
                match own.Rates.Of with
                | None -> "exactRates"
                | Some law ->
                    let inner = text (fun out -> symbols out 24 law)
                    $"ratesOf ({inner})"

            out.Write(
                if own.Rates.Bias <> 0.0 then
                    $"({of'} |> skewed {number own.Rates.Bias})"
                else
                    parenthesised of'
            ))

        field "start" (words (parenthesised (start 15 experiment.Start)))

        field
            "sampler"
            (words (
                match own.Jumps with
                | Jumps.EulerJumps -> "eulerJumps"
                | Jumps.TauLeaping -> "tauLeaping"
                | Jumps.Uniformisation -> "uniformisation"
            ))

        field "measure" (fun () -> list out "; " (metric >> out.Write) experiment.Measure)
        out.Write "}\n"

    /// Writes the canonical text. The sampler is written in normal form. The experiment must be shallow (`isShallow`), as
    /// every valid one is.
    let write (out: TextWriter) (experiment: Experiment) =
        if not (isShallow experiment) then
            invalidArg (nameof experiment) $"more than {Syntax.deepestValue} levels of nesting"

        match experiment.Discrete with
        | Some own -> discrete out experiment own
        | None ->

            let column = 15

            let field (name: string) (write: unit -> unit) =
                out.Write("    " + name.PadRight 10)
                write ()
                out.Write '\n'

            let words (text: string) () = out.Write text
            out.Write "experiment {\n"
            field "target" (fun () -> inParentheses out (column - 1) experiment.Target)

            field "forward" (fun () -> forward out column experiment.Forward)

            field "score" (words (parenthesised (score column experiment.Score)))
            field "start" (words (parenthesised (start column experiment.Start)))

            field "sampler" (fun () ->
                match Pipeline.normal experiment.Sampler with
                | Sequence [] -> out.Write "identity"
                | sampler ->
                    out.Write '('
                    pipeline out column sampler
                    out.Write ')')

            field "measure" (fun () -> list out "; " (metric >> out.Write) experiment.Measure)
            field "particles" (words (wholeNumber (string experiment.Particles)))
            field "seed" (words (wholeNumber (seed experiment.Seed)))
            out.Write "}\n"

    /// The canonical text.
    let experiment (experiment: Experiment) = text (fun out -> write out experiment)
