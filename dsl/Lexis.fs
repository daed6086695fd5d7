namespace Sgm

open System
open FParsec

/// The words, numbers, strings and blanks of the file format, by FParsec.
module internal Lexis =

    type Context =
        {
            Source: Source
            /// Column where the fields start.
            Fields: int
            /// A new line continues the current item only beyond this column.
            Offside: int
            Depth: int
        }

    type Parser<'result> = Parser<'result, Context>

    /// Stops with a fault of ours, at an offset.
    let stop (stream: CharStream<Context>) (at: int) (fault: Fault) =
        stream.Seek(int64 at)
        Reply(FatalError, otherError (box fault))

    let isLetter c = Char.IsLetter c || c = '_'
    let isWordPart c = Char.IsLetterOrDigit c || c = '_' || c = '\''
    let isDigit c = Char.IsAsciiDigit c

    /// Skips a block comment from its opening; comments nest. False when it is never closed.
    let skipComment (stream: CharStream<Context>) =
        let mutable depth = 0
        let mutable inside = true

        while inside do
            if stream.Skip "(*" then
                depth <- depth + 1
            elif stream.Skip "*)" then
                depth <- depth - 1
                inside <- depth > 0
            elif stream.IsEndOfStream then
                inside <- false
            else
                stream.Skip()

        depth = 0

    /// Spaces, new lines and comments.
    let blank: Parser<unit> =
        fun stream ->
            let mutable fault = ValueNone
            let mutable more = true

            while more do
                match stream.Peek() with
                | ' '
                | '\n' -> stream.Skip()
                | '\t' ->
                    fault <- ValueSome(int stream.Index, Fault.Tab)
                    more <- false
                | '/' when stream.Match "//" -> stream.SkipCharsOrNewlinesWhile((fun c -> c <> '\n')) |> ignore
                | '(' when stream.Match "(*" ->
                    let start = int stream.Index

                    if not (skipComment stream) then
                        fault <- ValueSome(start, Fault.Unclosed "(*")
                        more <- false
                | _ -> more <- false

            match fault with
            | ValueNone -> Reply(())
            | ValueSome(at, fault) -> stop stream at fault

    let at: Parser<int> = fun stream -> Reply(int stream.Index)

    let column (stream: CharStream<Context>) = stream.UserState.Source.Column(int stream.Index)

    let startsTerm (stream: CharStream<Context>) =
        let c = stream.Peek()
        isLetter c || isDigit c || c = '(' || c = '[' || c = '"' || (c = '-' && isDigit (stream.Peek 1u))

    let expr at node : Expr = { At = at; Node = node }

    /// The length of a number from an offset, and its literal when it is well formed.
    let scanNumber (text: string) (start: int) =
        let mutable i = start
        let peek k = if k < text.Length then text[k] else ' '

        let digits () =
            let from = i

            while isDigit (peek i) || (peek i = '_' && i > from && isDigit (peek (i + 1))) do
                i <- i + 1

        if peek i = '-' then
            i <- i + 1

        digits ()
        let mutable real = false

        if peek i = '.' then
            real <- true
            i <- i + 1
            digits ()

        let mark = peek i

        if mark = 'e' || mark = 'E' then
            let sign = if peek (i + 1) = '+' || peek (i + 1) = '-' then 1 else 0

            if isDigit (peek (i + 1 + sign)) then
                real <- true
                i <- i + 1 + sign
                digits ()

        let value = text.Substring(start, i - start).Replace("_", "")

        if not real && peek i = 'L' && not (isWordPart (peek (i + 1))) then
            i + 1 - start, Some(Literal.Long value)
        elif isWordPart (peek i) || peek i = '.' then
            while isWordPart (peek i) || peek i = '.' do
                i <- i + 1

            i - start, None
        else
            i - start, Some((if real then Literal.Real else Literal.Whole) value)

    let number: Parser<Expr> =
        fun stream ->
            let start = int stream.Index
            let text = stream.UserState.Source.Text
            let length, literal = scanNumber text start

            match literal with
            | Some literal ->
                stream.Skip length
                Reply(expr start (Node.Number literal))
            | None -> stop stream start (Fault.MalformedNumber(text.Substring(start, min 60 length)))

    let escapes =
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

    /// A string, with the escapes of F#.
    let text: Parser<Expr> =
        let hexadecimal = manyMinMaxSatisfy 4 4 isHex |>> fun digits -> char (Convert.ToInt32(digits, 16))

        let escape =
            skipChar '\\'
            >>. ((anyOf escapes.Keys |>> fun c -> escapes[c]) <|> (skipChar 'u' >>. hexadecimal)
                 <?> "an escape such as \\\\, \\\" or \\n")

        let content = manyChars (noneOf "\\\"\n" <|> escape)

        let closing start : Parser<unit> =
            fun stream -> if stream.Skip '"' then Reply(()) else stop stream start (Fault.Unclosed "\"")

        at .>> skipChar '"' .>>. content >>= fun (start, content) -> closing start >>% expr start (Node.Text content)

    let name: Parser<string> = many1Satisfy2L isLetter isWordPart "a word"

    /// What stands at an offset, in words.
    let found (text: string) (at: int) =
        if at >= text.Length then
            "the end of the text"
        elif text[at] = '\n' then
            "the end of the line"
        else
            let rest = text.Substring(at, min 40 (text.Length - at))
            let word = rest |> Seq.takeWhile (fun c -> isWordPart c || c = '.') |> Seq.length
            $"'{rest.Substring(0, max 1 word)}'"

    /// The fault in FParsec's messages: ours if there is one, else what was expected.
    let faultOf text at (messages: ErrorMessageList) =
        let messages = ErrorMessageList.ToSortedArray messages

        let ours =
            messages
            |> Array.tryPick (fun (message: ErrorMessage) ->
                match message with
                | :? ErrorMessage.Other as other -> other.Data |> unbox<Fault> |> Some
                | _ -> None)

        let expected =
            messages
            |> Array.choose (function
                | Expected label
                | ExpectedString label -> Some label
                | _ -> None)

        match ours with
        | Some fault -> fault
        | None ->
            Fault.Syntax(found text at, (if expected.Length = 0 then [ "something else" ] else List.ofArray expected))
