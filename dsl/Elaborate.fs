namespace Sgm

open System
open System.Globalization

/// From expressions to values of the kinds that their positions ask for. Goes on after a fault.
type internal Elaboration(tree: Tree, problems: Problems) =
    let formulas = Formulas(tree, problems, [])
    let names = formulas.Names

    /// Uses of names that stand for more than a number, each of which is read anew.
    let mutable usesLeft = 20_000

    /// Numbers that `fill` may make in one text.
    let mutable fillLeft = 20_000_000

    let report (at: int) fault = problems.Add([], tree.Source.Position at, fault)

    let short (text: string) = if text.Length <= 40 then text else text.Substring(0, 40) + "…"

    let digits node = (tree.Written node).Replace("_", "")

    let rec describe node =
        match tree[node].Kind with
        | NodeKind.Word ->
            match Words.tryFind (tree.Written node) with
            | Some word -> $"'{word.Name}', {Kind.describe word.Result}"
            | None when names.ContainsKey(tree.Written node) ->
                match names[tree.Written node] with
                | Meaning.Number quantity -> $"'{tree.Written node}', {quantity.Type}"
                | Meaning.Written inner -> $"'{tree.Written node}', {describe inner}"
                | Meaning.Faulty -> $"'{tree.Written node}'"
            | None -> $"'{short (tree.Written node)}'"
        | NodeKind.Whole
        | NodeKind.Real -> "the number " + short (digits node)
        | NodeKind.Long -> "the number " + short (digits node + "L")
        | NodeKind.Text -> "the string \"" + short (Escape.content tree.Source.Text tree[node].At) + "\""
        | NodeKind.List -> "a list"
        | NodeKind.Tuple -> $"{(tree.Children node).Length} values with commas"
        | NodeKind.Chain when tree.Children node |> Array.exists (fun part -> tree[part].Kind = NodeKind.Then) ->
            "pipelines composed by '>=>'"
        | NodeKind.Chain -> "a value passed on by '|>'"
        | NodeKind.Operator when (tree.Written node) = "=" -> "a comparison by '='"
        | NodeKind.Operator
        | NodeKind.Negative -> "arithmetic"
        | NodeKind.If -> "a choice by 'if'"
        | NodeKind.For -> "a list by 'for'"
        | NodeKind.Parens
        | NodeKind.Pipe
        | NodeKind.Then -> describe (node - 1)

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

    let wrong node kind advice =
        let advice =
            match advice, tree[node].Kind with
            | None, NodeKind.Operator when (tree.Written node) = "=" -> Some "what a word takes follows it without '='"
            | None, NodeKind.Tuple -> Some "the entries of a list are separated by ';', the values of a word by spaces"
            | _ -> advice

        report tree[node].At (Fault.WrongKind(describe node, Kind.describe kind, advice))
        ValueNone

    /// The word of this name that gives this kind.
    let find kind at name =
        match Words.tryFind name with
        | Some word when Kind.agrees word.Result kind -> Some word
        | Some word ->
            let advice = Synonym.ofKind kind name |> Option.orElseWith (fun () -> wrapping word kind)

            report at (Fault.WrongKind($"'{name}', {Kind.describe word.Result}", Kind.describe kind, advice))

            None
        | None ->
            let values =
                [
                    for KeyValue(name, meaning) in names do
                        match meaning with
                        | Meaning.Written _ -> name
                        | Meaning.Number _
                        | Meaning.Faulty -> ()
                ]

            let allowed = (Words.ofKind kind |> List.map (fun word -> word.Name)) @ values

            if allowed.IsEmpty then
                report at (Fault.WrongKind($"'{short name}'", Kind.describe kind, None))
            else
                report at (Fault.UnknownWord(short name, Kind.describe kind, allowed))

            None

    let arity at (word: Word) given =
        report at (Fault.WrongArity(word.Name, given, word.Parameters.Length, Words.signature word, word.Example))

    let tooLarge node (digits: string) allowed =
        report tree[node].At (Fault.NumberTooLarge(digits, allowed))
        ValueNone

    let number kind node : obj voption =
        let digits = digits node

        match kind, tree[node].Kind with
        | Kind.Number, (NodeKind.Whole | NodeKind.Real) ->
            let value = Double.Parse(digits, NumberStyles.Float, CultureInfo.InvariantCulture)

            if Double.IsInfinity value then
                tooLarge node (short digits) "a number of at most 1.797e308"
            else
                ValueSome value
        | Kind.Whole, NodeKind.Whole ->
            match Int32.TryParse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture) with
            | true, value -> ValueSome value
            | false, _ -> tooLarge node (short digits) "a whole number of at most 2147483647"
        | Kind.Long, (NodeKind.Whole | NodeKind.Long as written) ->
            match Int64.TryParse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture) with
            | true, value when written = NodeKind.Long || value = int64 (int32 value) -> ValueSome value
            | true, _ -> tooLarge node digits $"the suffix L on a whole number beyond 2147483647: {digits}L"
            | false, _ -> tooLarge node (short digits + "L") "a whole number of at most 9223372036854775807L"
        | (Kind.Number | Kind.Whole), NodeKind.Long -> wrong node kind (Some $"write {short digits}, without the L")
        | (Kind.Whole | Kind.Long), NodeKind.Real -> wrong node kind (Some "write it without point and exponent")
        | _ -> wrong node kind None

    /// A formula's value where a kind of number is wanted, with F#'s types.
    let computed kind node : obj voption =
        match formulas.Quantity node with
        | ValueNone -> ValueNone
        | ValueSome quantity ->
            let mend advice =
                report tree[node].At (Fault.WrongKind(quantity.Type, Kind.describe kind, Some advice))
                ValueNone

            match kind, quantity with
            | Kind.Number, Quantity.Real x -> ValueSome x
            | Kind.Number, (Quantity.Whole _ | Quantity.Long _) -> mend "write float (…)"
            | Kind.Whole, Quantity.Whole n -> ValueSome n
            | Kind.Whole, (Quantity.Real _ | Quantity.Long _) -> mend "write int (…)"
            | Kind.Long, Quantity.Long n -> ValueSome n
            | Kind.Long, (Quantity.Real _ | Quantity.Whole _) -> mend "write int64 (…)"
            | _ -> wrong node kind None

    let isNumeric kind = kind = Kind.Number || kind = Kind.Whole || kind = Kind.Long

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

    /// The values, if there are all.
    let every (values: obj voption[]) =
        let found = Array.zeroCreate values.Length
        let mutable i = 0

        while i < values.Length && values[i].IsSome do
            found[i] <- values[i].Value
            i <- i + 1

        if i = values.Length then ValueSome found else ValueNone

    /// A word applied to arguments that were elaborated already.
    let apply at (word: Word) (arguments: obj voption[]) =
        match every arguments with
        | ValueSome values when not (fillTooLong at word values) -> ValueSome(word.Make values)
        | _ -> ValueNone

    /// The word that a node names, when it takes as many arguments as are written, and so many more.
    let called kind node more =
        find kind tree[node].At (tree.Written node)
        |> Option.bind (fun word ->
            let arguments = tree.Children node

            if arguments.Length + more <> word.Parameters.Length then
                arity tree[node].At word (arguments.Length + more)
                None
            else
                Some(struct (word, arguments)))

    let rec value kind node : obj voption =
        match tree[node].Kind with
        | _ when kind = Kind.Quantity -> formulas.Quantity node |> ValueOption.map box
        | NodeKind.Word when isNumeric kind && formulas.IsFormula node -> computed kind node
        | NodeKind.Word when names.ContainsKey(tree.Written node) -> named kind node names[tree.Written node]
        | NodeKind.Operator
        | NodeKind.Negative -> if isNumeric kind then computed kind node else wrong node kind None
        | NodeKind.If -> choice kind (tree.Children node)
        | NodeKind.For -> wrong node kind None
        | NodeKind.Word ->
            match called kind node 0 with
            | Some(struct (word, arguments)) -> written word arguments |> apply tree[node].At word
            | None -> ValueNone
        | NodeKind.Whole
        | NodeKind.Long
        | NodeKind.Real -> number kind node
        | NodeKind.Text when kind = Kind.Text -> ValueSome(Escape.content tree.Source.Text tree[node].At)
        | NodeKind.Text -> wrong node kind None
        | NodeKind.List ->
            match kind with
            | Kind.Many(_, inner) when tree[node].Size > 1 && tree[node - 1].Kind = NodeKind.For ->
                comprehension inner (node - 1)
            | Kind.Many(_, inner) ->
                match tree.Children node |> Array.map (value inner) |> every with
                | ValueSome items -> ValueSome items
                | ValueNone -> ValueNone
            | _ -> wrong node kind None
        | NodeKind.Tuple -> pair kind node (tree.Children node)
        | NodeKind.Chain -> chain kind tree[node].At (tree.Children node)
        | NodeKind.Parens
        | NodeKind.Pipe
        | NodeKind.Then -> value kind (node - 1)

    /// What a name of another kind than a number's stands for.
    and named kind node meaning =
        formulas.Use(tree.Written node)

        match meaning with
        | Meaning.Faulty -> ValueNone
        | Meaning.Written inner when tree[node].Size = 1 ->
            usesLeft <- usesLeft - 1

            if usesLeft = 0 then
                report
                    tree[node].At
                    (Fault.OutOfRange(
                        "more than 20000 uses of names, those within each other included",
                        "fewer; 'product' and 'repeat' take a number of copies"
                    ))

            if usesLeft <= 0 then ValueNone else value kind inner
        | Meaning.Number _ when tree[node].Size = 1 -> wrong node kind None
        | _ ->
            report tree[node].At (Fault.NoArguments(tree.Written node))
            ValueNone

    and choice kind (parts: int[]) =
        match formulas.Quantity parts[0] with
        | ValueSome(Quantity.Truth condition) -> value kind parts[if condition then 1 else 2]
        | ValueSome other ->
            report tree[parts[0]].At (Fault.WrongKind(other.Type, "a condition", None))
            ValueNone
        | ValueNone -> ValueNone

    /// A list by `for`.
    and comprehension inner node =
        let name, parts = tree.Written node, tree.Children node
        let body = Array.last parts
        let bounds = Array.take (parts.Length - 1) parts

        let turns =
            if names.ContainsKey name then
                report tree[node].At (Fault.ReservedName name)
                ValueNone
            else
                formulas.Range(node, bounds)

        match turns with
        | ValueNone -> ValueNone
        | ValueSome(turns: int[]) ->
            // After a first fault the others would be the same.
            let values = Array.zeroCreate turns.Length
            let mutable i = 0

            while i < turns.Length do
                names[name] <- Meaning.Number(Quantity.Whole turns[i])

                match value inner body with
                | ValueSome item ->
                    values[i] <- item
                    i <- i + 1
                | ValueNone -> i <- Int32.MaxValue

            names.Remove name |> ignore
            if i = turns.Length then ValueSome values else ValueNone

    /// The arguments that are written after a word.
    and written word arguments =
        let values = Array.zeroCreate arguments.Length
        let mutable parameters = word.Parameters

        for i in 0 .. arguments.Length - 1 do
            values[i] <- value (snd parameters.Head) arguments[i]
            parameters <- parameters.Tail

        values

    and pair kind node parts =
        match kind, parts with
        | Kind.Pair((_, kind1), (_, kind2)), [| one; two |] ->
            match value kind1 one, value kind2 two with
            | ValueSome value1, ValueSome value2 -> ValueSome((value1, value2))
            | _ -> ValueNone
        | Kind.Number, _ -> wrong node kind (Some "separate the items of a list by ';'")
        | _ -> wrong node kind None

    /// Operators from left to right. What the left side must be is known from the right: `x |> f a` is `f a x`.
    and chain kind at (parts: int[]) =
        let words = Array.create parts.Length None
        let mutable expected = kind
        let mutable composes = true
        let mutable pipes = 0

        for i in parts.Length - 1 .. -1 .. 1 do
            if tree[parts[i]].Kind = NodeKind.Pipe then
                pipes <- pipes + 1
                words[i] <- piped expected (tree.Inside(parts[i] - 1))

                match words[i] with
                | Some(struct (word, _)) -> expected <- word.Parameters |> List.last |> snd
                | None -> ()
            else
                if expected <> Kind.Pipeline then
                    composes <- false

                    report
                        tree[parts[i]].At
                        (Fault.WrongKind("a pipeline composed by '>=>'", Kind.describe expected, None))

                expected <- Kind.Pipeline

        if pipes > Syntax.deepestValue then
            report at (Fault.TooDeep Syntax.deepestValue)
            ValueNone
        else
            let result = evaluate (value expected parts[0]) parts words
            if composes then result else ValueNone

    /// The word right of `|>` and its written arguments, when it takes one more.
    and piped kind right =
        if tree[right].Kind = NodeKind.Word then
            called kind right 1
        else
            report tree[right].At (Fault.WrongKind(describe right, "a word that takes the value before '|>'", None))
            None

    and evaluate first parts words =
        let mutable result = first
        let mutable i = 1

        while i < parts.Length do
            if tree[parts[i]].Kind = NodeKind.Pipe then
                result <-
                    match words[i] with
                    | Some(struct (word, arguments)) ->
                        apply tree[parts[i]].At word (Array.append (written word arguments) [| result |])
                    | None -> ValueNone

                i <- i + 1
            else
                let steps = ResizeArray [ result ]

                while i < parts.Length && tree[parts[i]].Kind = NodeKind.Then do
                    steps.Add(value Kind.Pipeline parts[i])
                    i <- i + 1

                result <-
                    match every (steps.ToArray()) with
                    | ValueSome steps -> ValueSome(Pipeline.flat [ for step in steps -> unbox step ])
                    | ValueNone -> ValueNone

        result

    /// The value of this kind that the node stands for; none when a problem was reported.
    member _.Value(kind: Kind, node: int) = value kind node

    /// Formulas of the text, and its names.
    member _.Formulas = formulas
