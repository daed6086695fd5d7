namespace Sgm

open System
open System.Globalization

/// The canonical text of an experiment: valid F# after `open Sgm`, and a valid `.sgm` file. All eight fields are written,
/// in the order of the language document.
module Print =

    let private width = 118
    let private newLine column = "\n" + String(' ', column)

    let private character (text: string) i =
        let c = text[i]

        let paired =
            (Char.IsHighSurrogate c && i + 1 < text.Length && Char.IsLowSurrogate text[i + 1])
            || (Char.IsLowSurrogate c && i > 0 && Char.IsHighSurrogate text[i - 1])

        match c with
        | '"' -> "\\\""
        | '\\' -> "\\\\"
        | '\n' -> "\\n"
        | '\r' -> "\\r"
        | '\t' -> "\\t"
        | _ when paired -> string c
        | _ ->
            match Char.GetUnicodeCategory c with
            | UnicodeCategory.Control
            | UnicodeCategory.Format
            | UnicodeCategory.LineSeparator
            | UnicodeCategory.ParagraphSeparator
            | UnicodeCategory.PrivateUse
            | UnicodeCategory.Surrogate
            | UnicodeCategory.OtherNotAssigned -> $"\\u%04X{int c}"
            | _ -> string c

    let private quoted (text: string) =
        let text = if isNull text then "" else text
        "\"" + String.Join("", Seq.init text.Length (character text)) + "\""

    let private number = Numeral.ofFloat

    let private flatList (items: string list) = if items.IsEmpty then "[ ]" else "[ " + String.Join("; ", items) + " ]"

    let private sameNumber (a: float) (b: float) = a = b || number a = number b

    /// A vector, not as an argument.
    let private vector (entries: float list) =
        match entries with
        | first :: rest when List.forall (sameNumber first) rest && List.length entries > 4 ->
            $"fill {List.length entries} {number first}"
        | _ -> flatList (List.map number entries)

    /// Parentheses around what is more than one word or bracket.
    let private parenthesised (text: string) =
        if text.StartsWith '[' || text.StartsWith '"' || not (text.Contains ' ') then
            text
        else
            "(" + text + ")"

    let private vectorArgument entries = parenthesised (vector entries)

    /// Rows on one line when they fit, else one a line.
    let private rows column (rows: float list list) =
        let texts = List.map vector rows
        let flat = flatList texts

        if column + flat.Length <= width then
            flat
        else
            "[ " + String.Join(newLine (column + 2), texts) + " ]"

    /// A target that starts at this column; parts of mixtures and products one a line.
    let rec private target column law =
        let parts word (texts: (int -> string) list) =
            let inner = column + String.length word + 3
            let texts = texts |> List.map (fun text -> text inner)

            if texts.IsEmpty then
                $"{word} [ ]"
            else
                $"{word} [ " + String.Join(newLine inner, texts) + " ]"

        let part (label: string) law column = label + ", " + target (column + label.Length + 2) law

        match law with
        | Normal(mean, variance) -> $"normal {vectorArgument mean} {number variance}"
        | NormalDiag(mean, variances) -> $"normalDiag {vectorArgument mean} {vectorArgument variances}"
        | NormalCov(mean, covariance) ->
            let head = $"normalCov {vectorArgument mean} "
            head + rows (column + head.Length) covariance
        | Standard dimension -> $"standard {dimension}"
        | Mixture components -> parts "mixture" (components |> List.map (fun (weight, law) -> part (number weight) law))
        | Product blocks -> parts "product" (blocks |> List.map (fun (copies, law) -> part (string copies) law))
        | Samples(file, bandwidth) -> $"samples {quoted file} {number bandwidth}"
        | Standardized inner -> "standardized (" + target (column + 14) inner + ")"

    let private modifier change =
        match change with
        | Shifted amount -> $"shifted {number amount}"
        | Scaled factor -> $"scaled {number factor}"
        | Rippled(amplitude, frequency) -> $"rippled {number amplitude} {number frequency}"
        | Clipped radius -> $"clipped {number radius}"

    let private score column (score: Score) =
        let first =
            match score.Base with
            | Exact -> "exact"
            | ScoreOf law -> "scoreOf (" + target (column + 9) law + ")"
            | ScoreMatching(draws, features, seed) -> $"scoreMatching {draws} {features} {seed}"
            | KernelDensity(draws, bandwidth, seed) -> $"kernelDensity {draws} {number bandwidth} {seed}"

        let parts = first :: List.map modifier score.Modifiers
        let flat = String.Join(" |> ", parts)

        if column + flat.Length <= width && not (first.Contains '\n') then
            flat
        else
            String.Join(newLine column + "|> ", parts)

    let private start column law =
        match law with
        | Prior -> "prior"
        | Warm -> "warm"
        | Point coordinates -> $"point {vectorArgument coordinates}"
        | From law -> "from (" + target (column + 6) law + ")"

    let private schedule levels =
        match levels with
        | Uniform(a, b, n) -> $"uniform {number a} {number b} {n}"
        | Geometric(a, b, n) -> $"geometric {number a} {number b} {n}"
        | Karras(rho, a, b, n) -> $"karras {number rho} {number a} {number b} {n}"
        | Levels parameters -> $"levels {vectorArgument parameters}"

    let private correctorMethod kernel =
        match kernel with
        | Langevin h -> $"langevin {number h}"
        | LangevinScaled c -> $"langevinScaled {number c}"

    let private predictorMethod kernel =
        match kernel with
        | EulerMaruyama -> "eulerMaruyama"
        | Exponential -> "exponential"
        | Ancestral -> "ancestral"
        | Flow -> "flow"
        | FlowHeun -> "flowHeun"

    /// A pipeline in normal form, on one line.
    let rec private flatPipeline pipeline =
        match pipeline with
        | Corrector kernel -> $"corrector ({correctorMethod kernel})"
        | Predictor kernel -> $"predictor {predictorMethod kernel}"
        | Probe name -> $"probe {quoted name}"
        | Repeat(times, body) -> $"repeat {times} {parenthesised (flatPipeline body)}"
        | Anneal(levels, body) -> $"anneal ({schedule levels}) {parenthesised (flatPipeline body)}"
        | Sequence [] -> "identity"
        | Sequence parts -> String.Join(" >=> ", List.map flatPipeline parts)

    /// A pipeline that starts at this column: a sequence that does not fit in the line has one step a line.
    let rec private pipeline column sampler =
        let flat = flatPipeline sampler

        let around (head: string) body =
            if body = identity then
                head + "identity"
            else
                head + "(" + pipeline (column + head.Length + 1) body + ")"

        if column + flat.Length <= width then
            flat
        else
            match sampler with
            | Sequence parts ->
                let steps = parts |> List.mapi (fun i part -> pipeline (if i = 0 then column else column + 4) part)
                String.Join(newLine column + ">=> ", steps)
            | Repeat(times, body) -> around $"repeat {times} " body
            | Anneal(levels, body) -> around $"anneal ({schedule levels}) " body
            | Corrector _
            | Predictor _
            | Probe _ -> flat

    let private seed (n: int64) = if n = int64 (int32 n) then string n else $"{n}L"

    let private metric (metric: Engine.Metric) = metric.Name

    /// Negative numbers do not follow a field's name as an argument in F#.
    let private wholeNumber (text: string) = if text.StartsWith '-' then $"({text})" else text

    /// Whether the value is nested so shallowly that its text can be read back.
    let isShallow (experiment: Experiment) =
        let laws =
            [
                experiment.Target
                match experiment.Score.Base with
                | ScoreOf law -> law
                | Exact
                | ScoreMatching _
                | KernelDensity _ -> ()
                match experiment.Start with
                | From law -> law
                | Prior
                | Warm
                | Point _ -> ()
            ]

        Pipeline.depth experiment.Sampler <= Syntax.deepestValue
        && List.length experiment.Score.Modifiers <= Syntax.deepestValue
        && laws |> List.forall (fun law -> Target.depth law <= Syntax.deepestValue)

    /// The canonical text. The sampler is written in normal form. The experiment must be shallow (`isShallow`), as every
    /// valid one is.
    let experiment (experiment: Experiment) =
        if not (isShallow experiment) then
            invalidArg (nameof experiment) $"more than {Syntax.deepestValue} levels of nesting"

        let column = 15
        let field (name: string) value = $"    {name.PadRight 10}{value}\n"

        String.Join(
            "",
            [
                "experiment {\n"
                field "target" (parenthesised (target column experiment.Target))
                field
                    "forward"
                    (match experiment.Forward with
                     | Vp -> "vp"
                     | Ve -> "ve")
                field "score" (parenthesised (score column experiment.Score))
                field "start" (parenthesised (start column experiment.Start))
                field "sampler" (parenthesised (pipeline column (Pipeline.normal experiment.Sampler)))
                field "measure" (flatList (List.map metric experiment.Measure))
                field "particles" (wholeNumber (string experiment.Particles))
                field "seed" (wholeNumber (seed experiment.Seed))
                "}\n"
            ]
        )
