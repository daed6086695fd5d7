namespace Sgm

open System
open System.Globalization

/// From expressions to values of the kinds that their positions ask for. Goes on after a fault.
type internal Elaboration(source: Source, problems: Problems) =

    /// Numbers that `fill` may make in one text.
    let mutable fillLeft = 20_000_000

    let report (at: int) fault = problems.Add([], source.Position at, fault)

    let short (text: string) = if text.Length <= 40 then text else text.Substring(0, 40) + "…"

    let literalText literal =
        match literal with
        | Literal.Whole digits
        | Literal.Real digits -> digits
        | Literal.Long digits -> digits + "L"

    let rec describe (expr: Expr) =
        match expr.Node with
        | Node.Word(name, _) ->
            match Words.tryFind name with
            | Some word -> $"'{name}', {Kind.describe word.Result}"
            | None -> $"'{short name}'"
        | Node.Number literal -> $"the number {short (literalText literal)}"
        | Node.Text text -> $"the string \"{short text}\""
        | Node.List _ -> "a list"
        | Node.Tuple parts -> $"{List.length parts} values with commas"
        | Node.Chain(_, rest) ->
            if List.exists (fun (operator, _) -> operator = Operator.Then) rest then
                "pipelines composed by '>=>'"
            else
                "a value passed on by '|>'"
        | Node.Parens inner -> describe inner

    /// How a word of one kind becomes another kind: `corrector (langevin …)`.
    let wrapping (word: Word) kind =
        Words.ofKind kind
        |> List.filter (fun outer -> outer.Parameters |> List.exists (fun (_, taken) -> Kind.agrees taken word.Result))
        |> List.sortBy (fun outer -> outer.Parameters.Length)
        |> List.tryHead
        |> Option.map (fun outer ->
            let argument (_, taken) =
                if not (Kind.agrees taken word.Result) then "…"
                elif word.Parameters.IsEmpty then word.Name
                else $"({word.Name} …)"

            let written = String.Join(" ", outer.Parameters |> List.map argument)
            $"write {outer.Name} {written}")

    let wrong (expr: Expr) kind advice =
        let advice =
            match advice, expr.Node with
            | None, Node.Tuple _ -> Some "the entries of a list are separated by ';', the values of a word by spaces"
            | _ -> advice

        report expr.At (Fault.WrongKind(describe expr, Kind.describe kind, advice))
        None

    /// The word of this name that gives this kind.
    let find kind at name =
        match Words.tryFind name with
        | Some word when Kind.agrees word.Result kind -> Some word
        | Some word ->
            report
                at
                (Fault.WrongKind($"'{name}', {Kind.describe word.Result}", Kind.describe kind, wrapping word kind))

            None
        | None ->
            let allowed = Words.ofKind kind |> List.map (fun word -> word.Name)

            if allowed.IsEmpty then
                report at (Fault.WrongKind($"'{short name}'", Kind.describe kind, None))
            else
                report at (Fault.UnknownWord(short name, Kind.describe kind, allowed))

            None

    let arity at (word: Word) given =
        report at (Fault.WrongArity(word.Name, given, word.Parameters.Length, Words.signature word, word.Example))

    let real at (digits: string) =
        let value = Double.Parse(digits, NumberStyles.Float, CultureInfo.InvariantCulture)

        if Double.IsInfinity value then
            report at (Fault.NumberTooLarge(short digits, "a number of at most 1.797e308"))
            None
        else
            Some(box value, Origin.leaf at)

    let whole at (digits: string) =
        match Int32.TryParse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture) with
        | true, value -> Some(box value, Origin.leaf at)
        | false, _ ->
            report at (Fault.NumberTooLarge(short digits, "a whole number of at most 2147483647"))
            None

    let long at (digits: string) suffixed =
        match Int64.TryParse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture) with
        | true, value when suffixed || value = int64 (int32 value) -> Some(box value, Origin.leaf at)
        | true, _ ->
            report at (Fault.NumberTooLarge(digits, $"the suffix L on a whole number beyond 2147483647: {digits}L"))
            None
        | false, _ ->
            report at (Fault.NumberTooLarge(short digits + "L", "a whole number of at most 9223372036854775807L"))
            None

    let number kind (expr: Expr) literal =
        match kind, literal with
        | Kind.Number, (Literal.Whole digits | Literal.Real digits) -> real expr.At digits
        | Kind.Whole, Literal.Whole digits -> whole expr.At digits
        | Kind.Long, Literal.Whole digits -> long expr.At digits false
        | Kind.Long, Literal.Long digits -> long expr.At digits true
        | (Kind.Number | Kind.Whole), Literal.Long digits ->
            wrong expr kind (Some $"write {short digits}, without the L")
        | (Kind.Whole | Kind.Long), Literal.Real _ -> wrong expr kind (Some "write it without point and exponent")
        | _ -> wrong expr kind None

    /// `fill` makes long lists from short texts: only as long as the memory allows.
    let fillTooLong at (word: Word) (values: obj[]) =
        if word.Name <> "fill" then
            false
        else
            let length = unbox<int> values[0]

            if length < 1 || length > 10_000_000 || length > fillLeft then
                let allowed = "a length from 1 to 10000000 (and 20000000 in all; write longer vectors as `product`)"
                report at (Fault.OutOfRange(string length, allowed))
                true
            else
                fillLeft <- fillLeft - length
                false

    /// A word applied to arguments that were elaborated already.
    let apply at (word: Word) (arguments: (obj * Origin) option list) =
        if arguments |> List.exists Option.isNone then
            None
        else
            let values, origins = arguments |> List.map Option.get |> List.unzip
            let named = List.map2 (fun (name, _) origin -> name, origin) word.Parameters origins
            let values = Array.ofList values

            if fillTooLong at word values then
                None
            elif word.Modifies then
                let own = named |> List.take (named.Length - 1)
                Some(word.Make values, Origin.ofModified at own (List.last origins))
            else
                Some(word.Make values, Origin.ofArguments at named)

    let rec value kind (expr: Expr) : (obj * Origin) option =
        match expr.Node with
        | Node.Parens inner -> value kind inner
        | Node.Word(name, arguments) ->
            find kind expr.At name
            |> Option.bind (fun word ->
                let given = List.length arguments

                if given <> word.Parameters.Length then
                    arity expr.At word given
                    None
                else
                    List.map2 (fun (_, taken) argument -> value taken argument) word.Parameters arguments
                    |> apply expr.At word)
        | Node.Number literal -> number kind expr literal
        | Node.Text text ->
            if kind = Kind.Text then
                Some(box text, Origin.leaf expr.At)
            else
                wrong expr kind None
        | Node.List items -> list kind expr items
        | Node.Tuple parts -> pair kind expr parts
        | Node.Chain(first, rest) -> chain kind expr.At first (Array.ofList rest)

    and list kind expr items =
        match kind with
        | Kind.Many(_, inner) ->
            let elaborated = items |> List.map (value inner)

            if elaborated |> List.exists Option.isNone then
                None
            else
                let values, origins = elaborated |> List.map Option.get |> List.unzip

                Some(box values, { At = expr.At; Parts = []; Items = Array.ofList origins })
        | _ -> wrong expr kind None

    and pair kind expr parts =
        match kind, parts with
        | Kind.Pair((name1, kind1), (name2, kind2)), [ one; two ] ->
            match value kind1 one, value kind2 two with
            | Some(value1, origin1), Some(value2, origin2) ->
                Some(box (value1, value2), Origin.ofArguments expr.At [ name1, origin1; name2, origin2 ])
            | _ -> None
        | Kind.Number, _ -> wrong expr kind (Some "separate the items of a list by ';'")
        | _ -> wrong expr kind None

    /// Operators from left to right. What the left side must be is known from the right: `x |> f a` is `f a x`.
    and chain kind at first rest =
        let words = Array.create rest.Length None
        let mutable expected = kind
        let mutable composes = true

        for i in rest.Length - 1 .. -1 .. 0 do
            match rest[i] with
            | Operator.Then, right ->
                if expected <> Kind.Pipeline then
                    composes <- false
                    report right.At (Fault.WrongKind("a pipeline composed by '>=>'", Kind.describe expected, None))

                expected <- Kind.Pipeline
            | Operator.Pipe, right ->
                match piped expected right with
                | Some(word, arguments) ->
                    words[i] <- Some(word, arguments)
                    expected <- word.Parameters |> List.last |> snd
                | None -> ()

        if
            rest |> Array.sumBy (fun (operator, _) -> if operator = Operator.Pipe then 1 else 0) > Syntax.deepestValue
        then
            report at (Fault.TooDeep Syntax.deepestValue)
            None
        else
            let result = evaluate at (value expected first) rest words
            if composes then result else None

    /// The word right of `|>` and its written arguments, when it takes one more.
    and piped kind (right: Expr) =
        match right.Node with
        | Node.Parens inner -> piped kind inner
        | Node.Word(name, arguments) ->
            find kind right.At name
            |> Option.bind (fun word ->
                let given = List.length arguments + 1

                if given <> word.Parameters.Length then
                    arity right.At word given
                    None
                else
                    Some(word, arguments))
        | _ ->
            report right.At (Fault.WrongKind(describe right, "a word that takes the value before '|>'", None))
            None

    and evaluate at first rest words =
        let mutable result = first
        let mutable i = 0

        while i < rest.Length do
            match fst rest[i] with
            | Operator.Pipe ->
                result <-
                    words[i]
                    |> Option.bind (fun (word, arguments) ->
                        let kinds = word.Parameters |> List.take arguments.Length |> List.map snd
                        let written = List.map2 value kinds arguments
                        apply (snd rest[i]).At word (written @ [ result ]))

                i <- i + 1
            | Operator.Then ->
                let parts = ResizeArray [ result ]

                while i < rest.Length && fst rest[i] = Operator.Then do
                    parts.Add(value Kind.Pipeline (snd rest[i]))
                    i <- i + 1

                result <-
                    if parts.Exists Option.isNone then
                        None
                    else
                        parts
                        |> Seq.map (fun part -> unbox<Pipeline>(fst part.Value), snd part.Value)
                        |> Origin.ofSequence at
                        |> fun (pipeline, origin) -> Some(box pipeline, origin)

        result

    /// The value of this kind that the expression stands for; none when a problem was reported.
    member _.Value(kind: Kind, expr: Expr) = value kind expr
