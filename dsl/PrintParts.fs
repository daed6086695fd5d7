namespace Sgm

open System
open System.IO

/// Pieces of canonical texts: numbers, lists, laws, scores, schedules, and a line a field.
module internal PrintParts =
    let width = 118
    let newLine column = "\n" + String(' ', column)

    let quoted = Escape.quoted
    let number = Numeral.ofFloat

    /// Items in brackets, with a separator between them.
    let list (out: TextWriter) (separator: string) (write: 'item -> unit) (items: 'item list) =
        out.Write "[ "

        items
        |> List.iteri (fun i item ->
            if i > 0 then
                out.Write separator

            write item)

        out.Write(if items.IsEmpty then "]" else " ]")

    let sameNumber (a: float) (b: float) = a = b || number a = number b

    let isFill (entries: float list) = List.length entries > 4 && List.forall (sameNumber entries.Head) entries.Tail

    /// A vector, not as an argument.
    let vector (out: TextWriter) (entries: float list) =
        if isFill entries then
            out.Write $"fill {List.length entries} {number entries.Head}"
        else
            list out "; " (number >> out.Write) entries

    let vectorArgument (out: TextWriter) entries =
        if isFill entries then
            out.Write '('
            vector out entries
            out.Write ')'
        else
            vector out entries

    let text (write: TextWriter -> unit) =
        use out = new StringWriter()
        write out
        out.ToString()

    /// Parentheses around what is more than one word or bracket.
    let parenthesised (text: string) =
        if text.StartsWith '[' || text.StartsWith '"' || not (text.Contains ' ') then
            text
        else
            "(" + text + ")"

    /// Rows on one line when they fit, else one a line.
    let rows (out: TextWriter) column (rows: float list list) =
        let write separator out = list out separator (vector out) rows

        if List.length rows <= width && column + (text (write "; ")).Length <= width then
            write "; " out
        else
            write (newLine (column + 2)) out

    /// A target that starts at this column; parts of mixtures and products one a line. It is more than one word.
    let rec target (out: TextWriter) column law =
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
    and inParentheses (out: TextWriter) column law =
        out.Write '('
        target out (column + 1) law
        out.Write ')'

    let modifier change =
        match change with
        | Shifted amount -> $"shifted {number amount}"
        | Scaled factor -> $"scaled {number factor}"
        | Temperature k -> $"temperature {number k}"
        | Rippled(amplitude, frequency) -> $"rippled {number amplitude} {number frequency}"
        | Clipped radius -> $"clipped {number radius}"

    let output given =
        match given with
        | NetworkOutput.Gradient -> "gradient"
        | NetworkOutput.Noise -> "noise"
        | NetworkOutput.Denoised -> "denoised"
        | NetworkOutput.Velocity -> "velocity"
        | NetworkOutput.Edm deviation -> $"(edm {number deviation})"

    let rec score column (given: Score) =
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

    let start column law =
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

    let rec schedule levels =
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

    /// A forward process as a field's value.
    let forward (out: TextWriter) column given =
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

    let seed (n: int64) = if n = int64 (int32 n) then string n else $"{n}L"

    let metric (metric: Engine.Metric) = metric.Name

    /// Negative numbers do not follow a field's name as an argument in F#.
    let wholeNumber (text: string) = if text.StartsWith '-' then $"({text})" else text

    /// The column at which a field's value starts.
    let column = 15

    let field (out: TextWriter) (name: string) (write: unit -> unit) =
        out.Write("    " + name.PadRight(column - 5))
        write ()
        out.Write '\n'

    let metrics (out: TextWriter) measured = list out "; " (metric >> out.Write) measured
