namespace Sgm

open System
open System.Globalization
open System.Text

/// The strings of the format.
module internal Escape =
    /// What stands after `\`, and the character that it means; `\u` takes four hexadecimal digits.
    let simple =
        dict
            [
                '\\', '\\'
                '"', '"'
                '\'', '\''
                'n', '\n'
                'r', '\r'
                't', '\t'
                'b', '\b'
                'a', '\a'
                'f', '\f'
                'v', '\v'
                '0', '\000'
            ]

    /// The content of the well-formed string whose opening quote is at an offset.
    let content (text: string) (at: int) =
        let content = StringBuilder()
        let mutable i = at + 1

        while text[i] <> '"' do
            if text[i] <> '\\' then
                content.Append text[i] |> ignore
                i <- i + 1
            elif text[i + 1] = 'u' then
                content.Append(char (Convert.ToInt32(text.Substring(i + 2, 4), 16))) |> ignore
                i <- i + 6
            else
                content.Append simple[text[i + 1]] |> ignore
                i <- i + 2

        content.ToString()

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

    /// A string as the language writes it.
    let quoted (text: string) =
        let text = if isNull text then "" else text
        "\"" + String.Join("", Seq.init text.Length (character text)) + "\""

/// Operators that bind alike, as in F#.
[<RequireQualifiedAccess; Struct>]
type internal Precedence =
    | Or
    | And
    | Comparison
    | Sum
    | Product
    | Power

/// A place in a text, and what was expected there. What reads answers whether it could; where it could not, `Fault` says why.
type internal Reader(source: Source) =
    let text = source.Text
    let mutable index = 0
    let mutable lineStart = 0
    let mutable fault = ValueNone

    /// What could have stood at `expectedAt`, by everybody who looked there.
    let expected = ResizeArray<string>()
    let mutable expectedAt = -1

    let peek k = if k < text.Length then text[k] else '\000'
    let isWordPart c = Char.IsLetterOrDigit c || c = '_' || c = '\''
    let isDigit c = Char.IsAsciiDigit c

    /// What stands here, in words.
    let found () =
        if index >= text.Length then
            "the end of the text"
        elif text[index] = '\n' then
            "the end of the line"
        else
            let rest = text.Substring(index, min 40 (text.Length - index))
            let word = rest |> Seq.takeWhile (fun c -> isWordPart c || c = '.') |> Seq.length
            $"'{rest.Substring(0, max 1 word)}'"

    /// The offset after the digits from here; `_` may stand between them.
    let rec digits from i =
        if isDigit (peek i) || (peek i = '_' && i > from && isDigit (peek (i + 1))) then
            digits from (i + 1)
        else
            i

    /// The kind of the number at an offset, and where its digits end.
    let scan start =
        let whole = if peek start = '-' then start + 1 else start
        let point = digits whole whole
        // `1..4` is a range.
        let mark =
            if peek point = '.' && peek (point + 1) <> '.' then
                digits (point + 1) (point + 1)
            else
                point

        let sign = if peek (mark + 1) = '+' || peek (mark + 1) = '-' then 1 else 0

        let last =
            if (peek mark = 'e' || peek mark = 'E') && isDigit (peek (mark + 1 + sign)) then
                digits (mark + 1 + sign) (mark + 1 + sign)
            else
                mark

        if last > point then
            struct (NodeKind.Real, last)
        elif peek last = 'L' && not (isWordPart (peek (last + 1))) then
            struct (NodeKind.Long, last)
        else
            struct (NodeKind.Whole, last)

    /// A line that continues an item starts beyond this column.
    member val Offside = -1 with get, set
    /// Column where the fields start.
    member val Fields = 0 with get, set
    /// Levels of parentheses and brackets around.
    member val Depth = 0 with get, set

    member _.Index = index
    member _.Column = index - lineStart
    member _.IsEnd = index >= text.Length

    /// The character here; NUL at the end.
    member _.Here = peek index

    /// Operators of the item that is read.
    member val Operators = 0 with get, set

    /// Counts an operator that was written at an offset; too many would be too deep a tree.
    member this.Counts(at: int) =
        this.Operators <- this.Operators + 1

        this.Operators <= Syntax.mostOperators || this.Stop(at, Fault.TooManyOperators Syntax.mostOperators)

    /// Whether this word is here, and not only the beginning of another.
    member _.IsAt(word: string) =
        String.CompareOrdinal(text, index, word, 0, word.Length) = 0 && not (isWordPart (peek (index + word.Length)))

    member this.StartsTerm =
        let c = peek index

        isDigit c
        || c = '_'
        || c = '('
        || c = '['
        || c = '"'
        || (c = '-' && peek (index + 1) <> '>')
        || (Char.IsLetter c
            && not (c = 't' && this.IsAt "then")
            && not (c = 'e' && this.IsAt "else")
            && not (c = 'i' && this.IsAt "in"))

    /// Whether a term starts here that is an argument: of a minus that stands before a value and behind a space, as in F#.
    member this.StartsArgument =
        this.StartsTerm
        && (peek index <> '-'
            || (index > 0
                && not (isWordPart text[index - 1] || text[index - 1] = ')' || text[index - 1] = ']')
                && not (Char.IsWhiteSpace(peek (index + 1)))))

    member _.StartsNumber = isDigit (peek index) || (peek index = '-' && isDigit (peek (index + 1)))

    /// The name that the `let` at an offset is for.
    member _.Name(start: int) =
        let rest = text.Substring(start + 3, min 200 (text.Length - start - 3)).TrimStart()
        let name = rest |> Seq.takeWhile isWordPart |> Seq.toArray |> String
        if name = "" then None else Some name

    /// How long the operator of a precedence that is here is; 0 where none is.
    member private _.OperatorLength(level: Precedence) =
        let next = peek (index + 1)

        match level, peek index with
        | Precedence.Or, '|' when next = '|' -> 2
        | Precedence.And, '&' when next = '&' -> 2
        | Precedence.Comparison, '<' when next = '=' || next = '>' -> 2
        | Precedence.Comparison, '>' when next = '=' -> if peek (index + 2) = '>' then 0 else 2
        | Precedence.Comparison, ('<' | '>' | '=') -> 1
        | Precedence.Sum, '+' -> 1
        // Not the arrow of a `for`.
        | Precedence.Sum, '-' when next <> '>' -> 1
        | Precedence.Product, '*' when next <> '*' -> 1
        | Precedence.Product, ('/' | '%') -> 1
        | Precedence.Power, '*' when next = '*' -> 2
        | _ -> 0

    /// Whether an operator of this precedence is here and continues the item.
    member this.StartsOperator(level: Precedence) = this.Column > this.Offside && this.OperatorLength level > 0

    /// Passes an operator of this precedence: how long it is, or 0.
    member this.Operator(level: Precedence) =
        let length = this.OperatorLength level
        index <- index + length
        length

    /// Goes to an offset.
    member _.Seek(at: int) =
        index <- at
        lineStart <- text.AsSpan(0, at).LastIndexOf '\n' + 1

    /// This was expected here.
    member _.Expect(what: string) =
        if expectedAt <> index then
            expected.Clear()
            expectedAt <- index

        expected.Add what
        false

    /// Stops with a fault at an offset.
    member this.Stop(at: int, found: Fault) =
        this.Seek at
        fault <- ValueSome found
        false

    /// What stopped the last `Run`, at `Index`.
    member _.Fault =
        match fault with
        | ValueSome fault -> fault
        | ValueNone ->
            expected.Sort StringComparer.Ordinal
            let allowed = expected |> Seq.distinct |> List.ofSeq
            Fault.Syntax(found (), (if expectedAt = index then allowed else [ "something else" ]))

    /// Reads without memory of what was expected before.
    member this.Run(read: Reader -> bool) =
        expectedAt <- -1
        fault <- ValueNone
        read this

    /// Passes a token that is here.
    member _.Skips(token: string) =
        let isHere = String.CompareOrdinal(text, index, token, 0, token.Length) = 0

        if isHere then
            index <- index + token.Length

        isHere

    /// Passes a token, which is expected here.
    member this.Skip(token: string, what: string) = this.Skips token || this.Expect what

    /// Passes a character, whatever it is.
    member _.Pass() = index <- min text.Length (index + 1)

    /// Passes a block comment, from its opening; comments nest.
    member private this.Comment() =
        let start = index
        let mutable depth = 0
        let mutable inside = true

        while inside do
            if this.Skips "(*" then
                depth <- depth + 1
            elif this.Skips "*)" then
                depth <- depth - 1
                inside <- depth > 0
            elif index >= text.Length then
                inside <- false
            else
                index <- index + 1

                if text[index - 1] = '\n' then
                    lineStart <- index

        depth = 0 || this.Stop(start, Fault.Unclosed "(*")

    /// Passes spaces, new lines and comments.
    member this.Blank() =
        let mutable fine = true
        let mutable more = true

        while fine && more do
            match peek index with
            | ' ' -> index <- index + 1
            | '\n' ->
                index <- index + 1
                lineStart <- index
            | '\t' -> fine <- this.Stop(index, Fault.Tab)
            | '/' when peek (index + 1) = '/' ->
                let line = text.IndexOf('\n', index)
                index <- if line < 0 then text.Length else line
            | '(' when peek (index + 1) = '*' -> fine <- this.Comment()
            | _ -> more <- false

        fine

    /// Passes a word, which is expected here.
    member this.Word(what: string) =
        if Char.IsLetter(peek index) || peek index = '_' then
            while isWordPart (peek index) do
                index <- index + 1

            true
        else
            this.Expect what

    /// A number that starts here, into the tree.
    member this.Number(tree: Tree) =
        let struct (kind, last) = scan index
        let mutable finish = last

        // Two points are those of a range.
        while kind <> NodeKind.Long && (isWordPart (peek finish) || (peek finish = '.' && peek (finish + 1) <> '.')) do
            finish <- finish + 1

        if finish > last then
            this.Stop(index, Fault.MalformedNumber(text.Substring(index, min 60 (finish - index))))
        else
            let at = index
            index <- if kind = NodeKind.Long then last + 1 else last
            tree.Add(kind, at, tree.Count, last - at)

    /// A string that starts here, into the tree; with the escapes of F#.
    member this.Text(tree: Tree) =
        let start = index
        index <- index + 1
        let mutable fine = true

        while fine && peek index <> '"' do
            if this.IsEnd || peek index = '\n' then
                fine <- this.Stop(start, Fault.Unclosed "\"")
            elif peek index <> '\\' then
                index <- index + 1
            elif Escape.simple.ContainsKey(peek (index + 1)) then
                index <- index + 2
            elif peek (index + 1) <> 'u' then
                index <- index + 1
                fine <- this.Expect "an escape such as \\\\, \\\" or \\n"
            elif Seq.forall (fun k -> Char.IsAsciiHexDigit(peek (index + k))) [ 2..5 ] then
                index <- index + 6
            else
                index <- index + 2
                fine <- false

        index <- if fine then index + 1 else index
        fine && tree.Add(NodeKind.Text, start, tree.Count)
