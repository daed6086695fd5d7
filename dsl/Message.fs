namespace Sgm

open System
open System.Globalization

/// Numbers as the language writes them.
module Numeral =
    /// The exponent of .NET's text as the language writes it: `1E-05` is `1e-5`.
    let private exponent (text: string) =
        match text.IndexOf 'E' with
        | -1 -> text
        | e -> text.Substring(0, e) + "e" + string (int (text.Substring(e + 1)))

    /// `12300…0` of more than 15 digits as `1.23e…`.
    let private scientific (text: string) =
        let digits = text.TrimStart '-'

        if digits.Length <= 15 || not (Seq.forall Char.IsAsciiDigit digits) then
            text
        else
            let mantissa = digits.TrimEnd('0').Insert(1, ".").TrimEnd '.'
            (if text.StartsWith '-' then "-" else "") + $"{mantissa}e{digits.Length - 1}"

    /// The shortest decimal that reads back as the same number, always with a point or an exponent; −0 is `0.0`.
    let ofFloat (x: float) =
        if Double.IsNaN x then
            "nan"
        elif Double.IsInfinity x then
            (if x > 0.0 then "infinity" else "-infinity")
        elif x = 0.0 then
            "0.0"
        else
            match x.ToString("R", CultureInfo.InvariantCulture) with
            | plain when plain.Contains '.' && not (plain.Contains 'E') -> plain
            | other ->
                let shortest = other |> exponent |> scientific
                if shortest.Contains 'e' then shortest else shortest + ".0"

    /// The number that a text says in the language's own spelling, whatever the machine's: a point, perhaps an
    /// exponent, no separators.
    let tryFloat (text: string) =
        match Double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture) with
        | true, value when Double.IsFinite value -> Some value
        | _ -> None

    /// At most four digits, for a figure in a sentence.
    let brief (x: float) = x.ToString("G4", CultureInfo.InvariantCulture) |> exponent

    /// A size in bytes with its unit.
    let bytes (n: float) =
        let units = [| "bytes"; "KiB"; "MiB"; "GiB"; "TiB"; "PiB"; "EiB" |]
        let power = if n < 1024.0 then 0 else min (units.Length - 1) (int (Math.Log(n, 1024.0)))
        brief (n / 1024.0 ** float power) + " " + units[power]

/// The known word that a mistyped one is nearest to.
module Nearest =
    /// Insertions, deletions, replacements and swaps of neighbours from one word to another.
    let distance (a: string) (b: string) =
        let d =
            Array2D.init (a.Length + 1) (b.Length + 1) (fun i j ->
                if i = 0 then j
                elif j = 0 then i
                else 0)

        for i in 1 .. a.Length do
            for j in 1 .. b.Length do
                let replaced = d[i - 1, j - 1] + (if a[i - 1] = b[j - 1] then 0 else 1)
                d[i, j] <- min replaced (1 + min d[i - 1, j] d[i, j - 1])

                if i > 1 && j > 1 && a[i - 1] = b[j - 2] && a[i - 2] = b[j - 1] then
                    d[i, j] <- min d[i, j] (d[i - 2, j - 2] + 1)

        d[a.Length, b.Length]

    /// The nearest of the known words, when it is near enough to be meant.
    let word (known: string list) (found: string) =
        let found = found.ToLowerInvariant()
        let distance (candidate: string) = distance (candidate.ToLowerInvariant()) found

        if List.isEmpty known || found.Length > 40 then
            None
        else
            let nearest = known |> List.minBy distance
            if distance nearest <= max 1 (nearest.Length / 3) then Some nearest else None

/// Problems in words.
module Message =
    let private number = Numeral.ofFloat

    /// "a", "a or b", "a, b or c".
    let private oneOf (words: string list) =
        match List.rev words with
        | [] -> "nothing"
        | [ single ] -> single
        | last :: others -> String.Join(", ", List.rev others) + " or " + last

    let private didYouMean known found =
        match Synonym.tryFind found, Nearest.word known found with
        | Some advice, _ -> $"; {advice}"
        | None, Some nearest -> $"; did you mean '{nearest}'?"
        | None, None -> ""

    let private plural noun n = if n = 1 then $"{n} {noun}" else $"{n} {noun}s"
    let private values = plural "value"
    let private columns = plural "column"
    let private rows = plural "row"

    /// What was found, what is allowed and what to do.
    let ofFault fault =
        match fault with
        | Fault.Unreadable(file, reason) -> $"cannot read '{file}': {reason}"
        | Fault.Syntax(found, expected) -> $"found {found}, expected {oneOf expected}{Synonym.ofSymbol found}"
        | Fault.Unclosed opening -> $"this '{opening}' is never closed"
        | Fault.Tab -> "found a tab, expected spaces: as in F#, columns matter, so indent with spaces"
        | Fault.TooDeep limit -> $"found more than {limit} levels of nesting; write it flatter, with '>=>' and 'repeat'"
        | Fault.TooManyOperators limit ->
            $"found an expression of more than {limit} operators; name its parts by 'let', or write the numbers themselves"
        | Fault.RepeatedName(name, line) ->
            $"found 'let {name}' again, expected one of each name; the first is on line {line}"
        | Fault.ReservedName name -> $"found 'let {name}', expected a name that means nothing in the language yet"
        | Fault.UnknownName(found, allowed) ->
            // All words of the language are no help.
            let names =
                if allowed.Length > 50 then
                    "a number, a formula or a word of the language"
                else
                    oneOf allowed

            $"found '{found}', expected a name: {names}{didYouMean allowed found}"
        | Fault.UnusedName name -> $"'{name}' is used nowhere, so that its value changes nothing"
        | Fault.NoArguments name -> $"'{name}' is a value and takes nothing after it"
        | Fault.NoValue reason -> $"this has no value: {reason}"
        | Fault.WrongClaim(claim, example) -> $"'{claim}' is written otherwise, for example: {example}"
        | Fault.NotAFamily name ->
            $"'{name}' is no 'let' by 'oneOf', and a rate is along one; write for example: let h = oneOf [ 0.2; 0.1; 0.05 ]"
        | Fault.UnknownSetting(name, []) -> $"'{name}' cannot be set: the file has no 'let' of a number"
        | Fault.UnknownSetting(name, allowed) ->
            $"'{name}' cannot be set, expected a 'let' of a number: {oneOf allowed}{didYouMean allowed name}"
        | Fault.TooManyCells(found, limit) ->
            $"found a family of {Numeral.brief found} experiments, expected at most {limit}; shorten the lists of 'oneOf'"
        | Fault.MalformedNumber found ->
            $"found '{found}', expected a number such as 2, 2.0, 1e-3 or (for a seed) 5000000000L"
        | Fault.Misaligned(found, expected) ->
            $"found a new line at column {found}, expected column {expected}, where the first field starts (or deeper, to continue the one before)"
        | Fault.UnknownField(found, allowed) ->
            $"found '{found}', expected a field: {oneOf allowed}{didYouMean allowed found}"
        | Fault.RepeatedField(field, firstLine) ->
            $"the field '{field}' is given twice, first in line {firstLine}; keep one of them"
        | Fault.MissingField(field, example) -> $"the field '{field}' is missing; add for example: {example}"
        | Fault.NeedsParentheses field ->
            $"the value of '{field}' is more than one word; put parentheses around it: {field} (…)"
        | Fault.UnknownWord(found, kind, allowed) ->
            $"found '{found}', expected {kind}: {oneOf allowed}{didYouMean allowed found}"
        | Fault.WrongKind(found, expected, advice) ->
            match advice with
            | Some advice -> $"found {found}, expected {expected}; {advice}"
            | None -> $"found {found}, expected {expected}"
        | Fault.WrongArity(word, found, expected, signature, example) ->
            let takes = if expected = 0 then "no value" else values expected
            $"'{word}' takes {takes}, found {found}: {signature}; for example: {example}"
        | Fault.NumberTooLarge(found, allowed) -> $"found {found}, expected {allowed}"
        | Fault.OutOfRange(found, allowed) -> $"found {found}, expected {allowed}"
        | Fault.Empty what -> $"found nothing, expected {what}"
        | Fault.DimensionMismatch(found, expected, reference) ->
            $"found dimension {found}, expected {expected}, the dimension of {reference}"
        | Fault.TooManyDimensions(found, limit) ->
            $"found {Numeral.brief found} coordinates, expected at most {limit} (the components of a mixture count each)"
        | Fault.TooManyFactors(found, limit) ->
            $"found {Numeral.brief found} different blocks, expected at most {limit}; write equal blocks as one `n, T`"
        | Fault.WeightSum found ->
            $"the weights sum to {number found}, expected 1 (within 1e-9); they differ by {Numeral.brief (found - 1.0)}"
        | Fault.NestedMixture ->
            "found a mixture inside a mixture, expected a normal law; multiply the weights and list all components in one mixture"
        | Fault.NotNormal found ->
            $"found {found}, expected a normal law as a mixture's component: normal, normalDiag, normalCov or standard"
        | Fault.NotSymmetric(row, column, upper, lower) ->
            $"the covariance is not symmetric: row {row}, entry {column} is {number upper}, but row {column}, entry {row} is {number lower}"
        | Fault.NotPositiveDefinite(smallest, largest) ->
            $"the covariance is not positive definite: its smallest eigenvalue is {Numeral.brief smallest}, expected more than 1e-12 of the largest, {Numeral.brief largest}"
        | Fault.NotSamples found ->
            $"found {found}, expected `samples \"file.csv\" bandwidth`: only a data set is standardized"
        | Fault.NotDecreasing(index, before, found) ->
            $"level {index} is {number found} after {number before}, expected strictly decreasing levels down to 0 or above"
        | Fault.PredictorOutside ->
            "a predictor moves along a schedule, but no anneal is around it; write anneal (…) (predictor …)"
        | Fault.SecondPredictor ->
            "a second predictor in one transition, expected at most one: the first has already moved to the lower level"
        | Fault.NestedAnneal -> "an anneal inside the body of an anneal; put them one after the other with '>=>'"
        | Fault.PriorWithoutAnneal ->
            "the start is 'prior', but no anneal says at which level; write an anneal, or start from a law, a point or 'warm'"
        | Fault.RepeatedProbe name -> $"a second probe named '{name}', expected a name of its own"
        | Fault.ReservedProbe name ->
            $"the name '{name}' belongs to the probe at the end of every sampler; choose another"
        | Fault.NeedsNoise word ->
            $"'{word}' needs noise, but this corrector runs at level 0, where σ = 0; stop the schedule above 0, or leave '{word}' out"
        | Fault.TooManySteps(found, limit) ->
            $"found {Numeral.brief found} steps, expected at most {Numeral.brief limit}"
        | Fault.UnreadableData(file, reason) -> $"cannot read the data file '{file}': {reason}"
        | Fault.EmptyData file -> $"the data file '{file}' has no row of numbers"
        | Fault.RaggedRow(found, expected) ->
            $"found {values found} in this row, expected {expected} as in the rows above"
        | Fault.DataTooLarge(file, found, limit) ->
            $"the data file '{file}' has {Numeral.bytes (float found)}, expected at most {Numeral.bytes (float limit)}"
        | Fault.TooManyColumns(found, limit) -> $"found {values found} in this row, expected at most {limit}"
        | Fault.TooManyValues limit -> $"the file has more than {limit} numbers; use fewer rows"
        | Fault.LineTooLong limit -> $"this line is longer than {limit} characters; is this a CSV file?"
        | Fault.HeaderWidth(names, found) ->
            let listed = String.Join(", ", names |> List.truncate 8 |> List.map (fun name -> $"'{name}'"))

            $"the header names {columns names.Length} ({listed}), but this row has {values found}; values are separated by commas, and decimals have a point"
        | Fault.MissingValue found ->
            let what = if found = "" then "an empty cell" else $"'{found}'"
            $"found {what}, a missing value; leave the row out or fill it in"
        | Fault.BadQuote ->
            "this quote is not closed before the end of its cell; a quote inside a cell is written twice"
        | Fault.BadCell found when found.Contains ';' || found.Contains '\t' ->
            $"found '{found}', expected numbers that are separated by commas"
        | Fault.BadCell found -> $"found '{found}', expected a number (values are separated by commas)"
        | Fault.NonFiniteCell found -> $"found '{found}', expected a finite number"
        | Fault.UnreadableNetwork(file, reason) -> $"cannot use the network '{file}': {reason}"
        | Fault.WrongFunction(name, reason) -> $"cannot use the function '{name}': {reason}"
        | Fault.VelocityUnderVe ->
            "found 'velocity' under another process than vp, where it is m·Z − σ·X; under ve a velocity by σ is the noise itself: write 'noise'; for v = Z − X of a rectified flow have the network give x − t·v, and write 'denoised'"
        | Fault.NoStepUnder(word, forward, instead) ->
            $"'{word}' has no step under {forward}, as its formula is one in the process's own time; write {instead}"
        | Fault.NotTraining word ->
            $"'{word}' takes levels of training, expected linear, scaledLinear, sigmoid or cosine (or zeroSnr of one) inside it"
        | Fault.NotPlain word ->
            $"'{word}' says what the numbers of a schedule are, expected uniform, geometric, karras, polyexponential or levels (or toZero of one) inside it"
        | Fault.PureNoise advice ->
            $"this level has m = 0: nothing of the data is left in it, and x/m, in which steps are written, does not exist; {advice}"
        | Fault.BetweenListed word ->
            $"'{word}' asks for levels by their ρ = σ/m, but levelsOf lists its levels and has none between them; write the numbers of the levels, such as uniform 2.0 0.0 2"
        | Fault.TooFewRows(file, found) ->
            $"the data file '{file}' has {rows found}, expected at least 2 to standardize its columns"
        | Fault.ConstantColumn(file, column) ->
            $"column {column} of '{file}' has the same value in every row, expected different ones to standardize it; leave it out"
        | Fault.Unstable(h, largest, parameter, estimated) ->
            let about = if estimated then "about " else ""

            $"the step h = {Numeral.brief h} at level {Numeral.brief parameter} is beyond stability: the state grows without bound unless h < {about}{Numeral.brief largest}"
        | Fault.NoSignal(word, parameter, size) ->
            $"{word} divides by the mean size of the score, which is {Numeral.brief size} at level {Numeral.brief parameter}; use a score that is not zero there, or langevin h"
        | Fault.ZeroStep word -> $"{word} at level 0 has the step h = 0 and does nothing there; use langevin h"
        | Fault.LevelJump(before, after) ->
            $"this anneal starts at level {Numeral.brief after}, above the current level {Numeral.brief before}; nothing noises the state back up"
        | Fault.LargeMemory(needed, available) ->
            $"the particles need about {Numeral.bytes needed}, this machine has {Numeral.bytes available}; a run by particles will be refused, an exact law is not affected"
        | Fault.IndexColumn file ->
            $"the first column of '{file}' has no name and numbers the rows: an index, which counts as a dimension here; leave it out (pandas: index=False)"

    /// The message without its position: the place, if any, then what is wrong.
    let text (problem: Problem) =
        let message = ofFault problem.Fault

        if List.isEmpty problem.Place then
            message
        else
            let place = String.Join(" / ", problem.Place |> List.map string)
            $"{place}: {message}"

    /// One line, `file:line:column: error: …`, and, where there is text, the source line with a caret.
    let render (problem: Problem) =
        let severity =
            match problem.Severity with
            | Severity.Error -> "error"
            | Severity.Warning -> "warning"

        let message = Visible.line (text problem)

        match problem.Position with
        | Some position ->
            let caret = String(' ', position.Caret) + "^"
            $"{position}: {severity}: {message}\n  {position.Excerpt}\n  {caret}"
        | None -> $"{severity}: {message}"

    /// As many as a person reads: one slip of indentation may make a problem of every line.
    let private most = 20

    /// In the order of the text, one after the other; of many the first, and how many there are beyond them.
    let renderAll (problems: Problem list) =
        let shown = problems |> List.truncate most |> List.map render

        match problems.Length - most with
        | more when more > 0 -> String.Join("\n", shown @ [ $"and {more} more, of which the first may be the cause" ])
        | _ -> String.Join("\n", shown)
