namespace Sgm

open FParsec
open Sgm.Lexis

/// From text to syntax, by FParsec. Columns matter as in F#: an item or a field ends where a line starts at its column.
module Grammar =

    /// With another context, which ends with the parser. Only where the parser is sure to consume.
    let private within (change: CharStream<Context> -> Context) (parser: Parser<'result>) : Parser<'result> =
        fun stream ->
            let outer = stream.UserState
            stream.UserState <- change stream
            let reply = parser stream
            stream.UserState <- outer
            reply

    /// One level deeper.
    let private deeper (parser: Parser<'result>) : Parser<'result> =
        fun stream ->
            let context = stream.UserState

            if context.Depth >= Syntax.deepest then
                stop stream (int stream.Index) (Fault.TooDeep Syntax.deepest)
            else
                within (fun _ -> { context with Depth = context.Depth + 1 }) parser stream

    /// As an item that starts here: lines that continue it are deeper.
    let private item (parser: Parser<'result>) : Parser<'result> =
        within (fun stream -> { stream.UserState with Offside = column stream }) parser

    let private expression, private expressionRef = createParserForwardedToRef<Expr, Context>()

    /// The closing bracket; a text that ends without it is reported where it was opened.
    let private closing (opening: string) (close: char) : int -> Parser<unit> =
        // Made once: a text may have a million brackets.
        let bracket: Parser<unit> = skipChar close <?> $"'{close}'"

        fun start stream ->
            if stream.IsEndOfStream then
                stop stream start (Fault.Unclosed opening)
            else
                bracket stream

    let private closingParens = closing "(" ')'
    let private closingList = closing "[" ']'

    let private parens: Parser<Expr> =
        at .>> skipChar '(' .>> blank .>>. deeper (item expression)
        >>= fun (start, inner) -> closingParens start >>% expr start (Node.Parens inner)

    /// Items end with `;` or with a new line at the column of the first.
    let private items: Parser<Expr list> =
        let separator first : Parser<unit> =
            fun stream ->
                if stream.Skip ';' then blank stream
                elif column stream = first then Reply(())
                else Reply(Error, expected "';' or a new line at the column of the first item")

        let one: Parser<Expr> =
            fun stream ->
                if startsTerm stream then
                    item expression stream
                else
                    Reply(Error, expected "a value")

        fun stream -> sepEndBy one (separator (column stream)) stream

    let private list: Parser<Expr> =
        at .>> skipChar '[' .>> blank .>>. deeper items
        >>= fun (start, items) -> closingList start >>% expr start (Node.List items)

    let private parensAndBlank = parens .>> blank
    let private listAndBlank = list .>> blank
    let private textAndBlank = text .>> blank
    let private numberAndBlank = number .>> blank

    /// An atom, and the blank after it; `word` reads one that starts with a letter.
    let private atom (word: Parser<Expr>) : Parser<Expr> =
        fun stream ->
            match stream.Peek() with
            | '(' -> parensAndBlank stream
            | '[' -> listAndBlank stream
            | '"' -> textAndBlank stream
            | '-' -> numberAndBlank stream
            | c when isDigit c -> numberAndBlank stream
            | _ -> word stream

    let private bareWord = pipe2 at (name .>> blank) (fun start name -> expr start (Node.Word(name, [])))

    /// Arguments follow on the same line, or deeper than the item starts.
    let private arguments: Parser<Expr list> =
        fun stream ->
            let found = ResizeArray()
            let mutable status = Ok
            let mutable error = null

            while status = Ok && startsTerm stream && column stream > stream.UserState.Offside do
                let reply = atom bareWord stream
                status <- reply.Status
                error <- reply.Error

                if status = Ok then
                    found.Add reply.Result

            if status = Ok then Reply(List.ofSeq found) else Reply(status, error)

    let private application =
        pipe3 at (name .>> blank) arguments (fun start name arguments -> expr start (Node.Word(name, arguments)))

    let private term: Parser<Expr> =
        fun stream ->
            if startsTerm stream then
                atom application stream
            else
                Reply(Error, expected "a value")

    /// An operator may start a line up to its length before the item, as in F#.
    let private operator: Parser<Operator> =
        fun stream ->
            let inside = column stream + 4 >= stream.UserState.Offside

            if inside && stream.Skip "|>" then Reply(Operator.Pipe)
            elif inside && stream.Skip ">=>" then Reply(Operator.Then)
            else Reply(Error, mergeErrors (expected "'|>'") (expected "'>=>'"))

    let private chain =
        pipe3 at term (many (operator .>> blank .>>. term)) (fun start first rest ->
            if List.isEmpty rest then first else expr start (Node.Chain(first, rest)))

    expressionRef.Value <-
        pipe2 at (sepBy1 chain (skipChar ',' .>> blank <?> "','")) (fun start parts ->
            match parts with
            | [ single ] -> single
            | several -> expr start (Node.Tuple several))

    let private field: Parser<FieldSyntax> =
        pipe3 at (name .>> blank) expression (fun start name value -> { Name = name; At = start; Value = value })

    /// To the next line that starts at the fields' column or before it.
    let private recover (stream: CharStream<Context>) =
        let text = stream.UserState.Source.Text
        let mutable i = int stream.Index
        let mutable more = true

        while more do
            let line = text.IndexOf('\n', i)

            if line < 0 then
                i <- text.Length
                more <- false
            else
                i <- line + 1

                while i < text.Length && text[i] = ' ' do
                    i <- i + 1

                more <- i < text.Length && (text[i] = '\n' || i - (line + 1) > stream.UserState.Fields)

        stream.Seek(int64 i)

    /// All fields up to the closing brace; after a problem, reading goes on at the next field.
    let private fields (opening: int) (problems: Problems) : Parser<FieldSyntax list> =
        fun stream ->
            stream.UserState <- { stream.UserState with Fields = column stream; Offside = column stream }

            let source = stream.UserState.Source
            let read = ResizeArray()
            let unclosed = ref false
            let report at fault = problems.Add([], source.Position at, fault)

            /// Runs a parser; on failure reports it, goes to the next field and says so.
            let attempt (parser: Parser<'result>) =
                let reply = parser stream

                if reply.Status = Ok then
                    Some reply.Result
                else
                    let at = int stream.Index
                    let fault = faultOf source.Text at reply.Error
                    report at fault
                    unclosed.Value <- unclosed.Value || fault.IsUnclosed

                    if fault = Fault.Unclosed "(*" then
                        stream.Seek(int64 source.Text.Length)
                    else
                        recover stream

                    None

            let ending: Parser<unit> =
                fun stream ->
                    if stream.Skip ';' then blank stream
                    elif stream.Peek() = '}' || stream.IsEndOfStream then Reply(())
                    elif column stream <= stream.UserState.Fields then Reply(())
                    else Reply(Error, expected "';', '}' or a new line with the next field")

            let mutable previousLine = 0
            let mutable more = (attempt blank).IsSome || not stream.IsEndOfStream

            while more do
                if stream.IsEndOfStream then
                    if not unclosed.Value then
                        report opening (Fault.Unclosed "{")

                    more <- false
                elif stream.Skip '}' then
                    more <- false
                else
                    let at = int stream.Index
                    let line = source.Line at

                    if line > previousLine && column stream <> stream.UserState.Fields then
                        report at (Fault.Misaligned(column stream + 1, stream.UserState.Fields + 1))

                    previousLine <- line

                    match attempt (field <?> "a field") with
                    | Some field ->
                        read.Add field
                        attempt ending |> ignore
                    | None -> ()

                    if int stream.Index = at then
                        stream.Skip()

                    attempt blank |> ignore

            Reply(List.ofSeq read)

    let private document (problems: Problems) : Parser<int * FieldSyntax list> =
        let keyword = skipString "experiment" <?> "'experiment { … }'"

        blank >>. at .>> keyword .>> blank .>>. at .>> (skipChar '{' <?> "'{'") .>> blank
        >>= fun (start, opening) ->
            fields opening problems |>> (fun fields -> start, fields)
            .>> blank
            .>> (eof <?> "nothing but comments after the experiment")

    /// The syntax of a text; never throws, and goes on after a problem at the next field.
    let parse (source: Source) : SyntaxTree =
        let problems = Problems()

        let context = { Source = source; Fields = 0; Offside = -1; Depth = 0 }

        let mutable tree = 0, []

        let whole: Parser<unit> =
            fun stream ->
                let reply = document problems stream
                tree <- if isNull (box reply.Result) then tree else reply.Result

                if reply.Status <> Ok then
                    let at = int stream.Index
                    problems.Add([], source.Position at, faultOf source.Text at reply.Error)

                Reply(())

        runParserOnString whole context "" source.Text |> ignore

        { Experiment = fst tree; Fields = snd tree; Problems = problems.List }
