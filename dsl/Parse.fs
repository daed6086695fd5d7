namespace Sgm

open System.Collections.Generic

/// From text to an experiment.
module Parse =

    /// Field values in the canonical order of fields, some of them parenthesised because they are more than one word.
    let private isAtom (tree: Tree) node =
        match tree[node].Kind with
        | NodeKind.Word -> tree[node].Size = 1
        | NodeKind.Whole
        | NodeKind.Long
        | NodeKind.Real
        | NodeKind.Text
        | NodeKind.List
        | NodeKind.Parens -> true
        | NodeKind.Operator
        | NodeKind.Negative
        | NodeKind.If
        | NodeKind.For
        | NodeKind.Tuple
        | NodeKind.Chain
        | NodeKind.Pipe
        | NodeKind.Then -> false

    /// The fields that the text may have.
    let private fieldsOf (tree: SyntaxTree) = if tree.IsDiscrete then Words.discreteFields else Words.fields

    /// The fields that are there, by name; an unknown or a repeated one is reported and left out.
    let private fieldsByName (source: Source) (problems: Problems) (tree: SyntaxTree) =
        let byName = Dictionary<string, FieldSyntax>()
        let names = fieldsOf tree |> List.map (fun field -> field.Name)
        let report (field: FieldSyntax) fault = problems.Add([], source.Position field.At, fault)

        for field in tree.Fields do
            if not (List.contains field.Name names) then
                report field (Fault.UnknownField(field.Name, names @ Syntax.claims))
            else
                match byName.TryGetValue field.Name with
                | true, first -> report field (Fault.RepeatedField(field.Name, source.Line first.At))
                | false, _ -> byName.Add(field.Name, field)

        byName

    /// Missing fields, unless a syntax error or a misspelt name explains why.
    let private reportMissing
        (source: Source)
        (problems: Problems)
        (tree: SyntaxTree)
        (present: Dictionary<string, _>)
        =
        let names = fieldsOf tree |> List.map (fun field -> field.Name)

        let misspelt =
            tree.Fields
            |> List.choose (fun field -> if present.ContainsKey field.Name then None else Nearest.word names field.Name)

        if tree.Problems.IsEmpty then
            for field in fieldsOf tree do
                if
                    field.Default.IsNone
                    && not (present.ContainsKey field.Name)
                    && not (List.contains field.Name misspelt)
                then
                    problems.Add([], source.Position tree.Experiment, Fault.MissingField(field.Name, field.Example))

    /// Names that a claim may use besides those of the text: what the plan knows, and constants of the target and the score.
    let quantities =
        let ofTarget = [ "lipschitz"; "logSobolev"; "concavity"; "secondMoment"; "scoreError" ]

        let atStart =
            ofTarget
            |> List.map (fun name -> "start" + string (System.Char.ToUpperInvariant name[0]) + name.Substring 1)

        [ "steps"; "evaluations"; "dimension" ]
        @ ofTarget
        @ atStart
        @ [ "startTv"; "startKl"; "startChi2"; "startW2" ]

    let private isReserved name =
        (Words.tryFind name).IsSome
        || (Expression.arity name).IsSome
        || Expression.constants.ContainsKey name
        || List.contains name quantities
        || List.contains name ("oneOf" :: Syntax.keywords @ Syntax.claims)

    /// A given number as one of the type that the text's own has.
    let private coerced (given: Quantity) (own: Quantity) =
        match own, given with
        | Quantity.Real _, _ -> Some(Quantity.Real given.Number)
        | Quantity.Whole _, Quantity.Whole _
        | Quantity.Long _, Quantity.Long _ -> Some given
        | Quantity.Long _, Quantity.Whole n -> Some(Quantity.Long(int64 n))
        | _ -> None

    /// The kind of a value that stands for itself, where its last word says so.
    let rec private kindOf (tree: Tree) node =
        match tree[node].Kind with
        | NodeKind.Word -> Words.tryFind (tree.Written node) |> Option.map (fun word -> word.Result)
        | NodeKind.Parens
        | NodeKind.Pipe
        | NodeKind.Then
        | NodeKind.Chain -> kindOf tree (node - 1)
        | _ -> None

    /// Brings the `let`s of a text into an elaboration, some of them with other numbers; the axes of the family.
    let private bind (source: Source) (problems: Problems) (tree: SyntaxTree) (elaboration: Elaboration) settings =
        let formulas = elaboration.Formulas
        let report (at: int) fault = problems.Add([], source.Position at, fault)
        let axes = ResizeArray()
        let lines = Dictionary<string, int>()
        let numbers = ResizeArray()

        let set (field: FieldSyntax) (own: Quantity) =
            numbers.Add field.Name

            match Map.tryFind field.Name settings with
            | None -> Meaning.Number own
            | Some given ->
                match coerced given own with
                | Some value -> Meaning.Number value
                | None ->
                    let written =
                        match given with
                        | Quantity.Real x -> Numeral.ofFloat x
                        | other -> Numeral.brief other.Number

                    report field.At (Fault.WrongKind($"{field.Name} = {written}", own.Type, None))
                    Meaning.Faulty

        let oneOf (field: FieldSyntax) node =
            match tree.Tree.Children node with
            | [| list |] when tree.Tree[list].Kind = NodeKind.List ->
                let values =
                    elaboration.Value(Kind.Many("value", Kind.Quantity), list)
                    |> ValueOption.map (fun values -> [ for value in unbox<obj[]> values -> unbox<Quantity> value ])

                match values with
                | ValueNone -> Meaning.Faulty
                | ValueSome [] ->
                    report tree.Tree[list].At (Fault.Empty "a list of values")
                    Meaning.Faulty
                | ValueSome values when List.distinct values <> values ->
                    report tree.Tree[list].At (Fault.OutOfRange("a value twice", "each value of 'oneOf' once"))
                    Meaning.Faulty
                | ValueSome((Quantity.Truth _ :: _)) ->
                    report tree.Tree[list].At (Fault.WrongKind("conditions", "numbers", None))
                    Meaning.Faulty
                | ValueSome values when (values |> List.distinctBy (fun value -> value.Type)).Length > 1 ->
                    report
                        tree.Tree[list].At
                        (Fault.WrongKind(
                            "values of several types",
                            "values of one type, all with a point or none",
                            None
                        ))

                    Meaning.Faulty
                | ValueSome values ->
                    axes.Add { Name = field.Name; Choices = values }
                    set field values.Head
            | _ ->
                report tree.Tree[node].At (Fault.WrongClaim("oneOf", "let h = oneOf [ 0.2; 0.1; 0.05 ]"))
                Meaning.Faulty

        for field in tree.Lets do
            match lines.TryGetValue field.Name with
            | true, line -> report field.At (Fault.RepeatedName(field.Name, line))
            | false, _ when field.Value < 0 -> formulas.Names.TryAdd(field.Name, Meaning.Faulty) |> ignore
            | false, _ when isReserved field.Name -> report field.At (Fault.ReservedName field.Name)
            | false, _ ->
                lines.Add(field.Name, source.Line field.At)
                let node = tree.Tree.Inside field.Value
                let isWord = tree.Tree[node].Kind = NodeKind.Word

                let meaning =
                    if isWord && tree.Tree.Written node = "oneOf" then
                        oneOf field node
                    elif formulas.IsFormula node then
                        match formulas.Quantity node with
                        | ValueSome own -> set field own
                        | ValueNone -> Meaning.Faulty
                    elif
                        isWord
                        && (Words.tryFind (tree.Tree.Written node)).IsNone
                        && not (formulas.Names.ContainsKey(tree.Tree.Written node))
                    then
                        report
                            tree.Tree[node].At
                            (Fault.UnknownName(
                                tree.Tree.Written node,
                                List.ofSeq formulas.Names.Keys @ [ for word in Words.all -> word.Name ]
                            ))

                        Meaning.Faulty
                    else
                        match kindOf tree.Tree field.Value with
                        | Some kind when (elaboration.Value(kind, field.Value)).IsNone -> Meaning.Faulty
                        | _ -> Meaning.Written field.Value

                formulas.Names.Add(field.Name, meaning)

        for KeyValue(name, _) in settings do
            if not (numbers.Contains name) && tree.Problems.IsEmpty then
                report tree.Experiment (Fault.UnknownSetting(name, List.ofSeq numbers))

        List.ofSeq axes

    /// What a text claims of its experiment.
    let private claims
        (source: Source)
        (problems: Problems)
        (tree: SyntaxTree)
        (elaboration: Elaboration)
        (axes: FamilyAxis list)
        =
        let report (at: int) fault = problems.Add([], source.Position at, fault)
        let formulas = elaboration.Formulas
        let quantities = if tree.IsDiscrete then List.truncate 3 quantities else quantities

        let metric node =
            elaboration.Value(Kind.Metric, node) |> ValueOption.map (fun value -> unbox<Engine.Metric> value)

        let found = ResizeArray()
        let rates = ResizeArray()

        let claim (syntax: ClaimSyntax) condition metricNode boundNode =
            let condition = condition |> Option.map (fun node -> formulas.Claim(quantities, true, node))

            match metric metricNode, formulas.Claim(quantities, false, boundNode), condition with
            | ValueSome metric, ValueSome bound, None ->
                found.Add { Metric = metric; Bound = bound; When = None; Position = source.Position syntax.At }
            | ValueSome metric, ValueSome bound, Some(ValueSome condition) ->
                found.Add
                    {
                        Metric = metric
                        Bound = bound
                        When = Some condition
                        Position = source.Position syntax.At
                    }
            | _ -> ()

        let rate (syntax: ClaimSyntax) metricNode nameNode exponentNode =
            let name = tree.Tree.Written nameNode

            match metric metricNode, elaboration.Value(Kind.Number, exponentNode) with
            | ValueSome metric, ValueSome exponent ->
                let along = axes |> List.tryFind (fun axis -> axis.Name = name)

                if
                    along
                    |> Option.exists (fun axis -> axis.Choices |> List.exists (fun value -> not (value.Number > 0.0)))
                then
                    report
                        tree.Tree[nameNode].At
                        (Fault.OutOfRange($"values of '{name}' that are not positive", "positive ones, for a rate"))
                elif along |> Option.exists (fun axis -> axis.Choices.Length < 4) then
                    let found = $"{along.Value.Choices.Length} values of '{name}'"
                    report tree.Tree[nameNode].At (Fault.OutOfRange(found, "four at least, for a rate"))
                elif along.IsSome then
                    formulas.Use name

                    rates.Add
                        {
                            Metric = metric
                            Axis = name
                            Exponent = unbox exponent
                            IsAtMost = (syntax.Name = "rateAtMost")
                            Position = source.Position syntax.At
                        }
                elif not (formulas.Names.ContainsKey name) || formulas.Names[name] <> Meaning.Faulty then
                    report tree.Tree[nameNode].At (Fault.NotAFamily name)
            | _ -> ()

        for syntax in tree.Claims do
            match syntax.Name, tree.Tree.Children syntax.Node with
            | "claim", [| metric; bound |] -> claim syntax None metric bound
            | "claimWhen", [| condition; metric; bound |] -> claim syntax (Some condition) metric bound
            | ("rate" | "rateAtMost"), [| metric; name; exponent |] when tree.Tree[name].Kind = NodeKind.Word ->
                rate syntax metric name exponent
            | "claim", _ -> report syntax.At (Fault.WrongClaim(syntax.Name, "claim kl (0.25 * h)"))
            | "claimWhen", _ -> report syntax.At (Fault.WrongClaim(syntax.Name, "claimWhen (h < 0.5) kl (0.25 * h)"))
            | name, _ -> report syntax.At (Fault.WrongClaim(name, $"{name} kl h 1.0"))

        List.ofSeq found, List.ofSeq rates

    /// A text as its grammar has it, read once for all the experiments of a family.
    type Read = private { Source: Source; Tree: SyntaxTree }

    /// Reads a text; `file` is the name that its problems are reported under.
    let read (file: string) (text: string) : Read =
        let source = Source.Create(file, text)
        { Source = source; Tree = FileGrammar.parse source }

    /// The experiment that a text describes where some of its numbers are set, as far as it could be read; never throws.
    let cell (read: Read) (settings: Map<string, Quantity>) : Parsed =
        let source, tree = read.Source, read.Tree
        let problems = Problems()
        let present = fieldsByName source problems tree
        reportMissing source problems tree present

        let elaboration = Elaboration(tree.Tree, problems)
        let axes = bind source problems tree elaboration settings
        let values = Dictionary<string, obj>()

        let fields = fieldsOf tree

        for field in fields do
            match present.TryGetValue field.Name with
            | true, syntax ->
                if not (isAtom tree.Tree syntax.Value) then
                    problems.Add([], source.Position tree.Tree[syntax.Value].At, Fault.NeedsParentheses field.Name)

                match elaboration.Value(field.Kind, syntax.Value) with
                | ValueSome value -> values.Add(field.Name, value)
                | ValueNone -> ()
            | false, _ -> ()

        let claims, rates = claims source problems tree elaboration axes

        // Only a text that was read to its end says what it does not use.
        if tree.Problems.IsEmpty then
            for field in tree.Lets do
                if field.Value >= 0 && not (elaboration.Formulas.IsUsed field.Name) then
                    problems.Add([], source.Position field.At, Fault.UnusedName field.Name)

        let read name (kind: Kind<'value>) (otherwise: 'value) =
            match values.TryGetValue name with
            | true, value -> kind.Read value
            | false, _ -> otherwise

        let unread (field: FieldWord) =
            not (values.ContainsKey field.Name)
            && (field.Default.IsNone || present.ContainsKey field.Name || not tree.Problems.IsEmpty)

        let origin (field: FieldWord) =
            let value = present[field.Name].Value
            field.Name, lazy { Origin.ofNode tree.Tree field.Kind value with At = tree.Tree[value].At }

        let origin =
            {
                At = tree.Experiment
                Parts = fields |> List.filter (fun field -> values.ContainsKey field.Name) |> List.map origin
                Items = lazy [||]
            }

        {
            Experiment =
                if tree.IsDiscrete then
                    DiscreteExperiment.make
                        (read "start" Kind.start Defaults.start)
                        (read "measure" (Kind.many "metric" Kind.metric) DiscreteExperiment.measure)
                        {
                            Law = read "target" Kind.symbols (SymbolLaw.IsingChain(1, 0.0, 0.0))
                            Times = read "times" Kind.schedule (Uniform(1.0, 0.0, 1))
                            Rates = read "rates" Kind.rates exactRates
                            Jumps = read "sampler" Kind.jumps Jumps.TauLeaping
                        }
                else

                    {
                        Target = read "target" Kind.law (Standard 1)
                        Forward = read "forward" Kind.forward Vp
                        Score = read "score" Kind.score Defaults.score
                        Start = read "start" Kind.start Defaults.start
                        Sampler = read "sampler" Kind.pipeline identity
                        Measure = read "measure" (Kind.many "metric" Kind.metric) Defaults.measure
                        Particles = read "particles" Kind.whole Defaults.particles
                        Seed = read "seed" Kind.long Defaults.seed
                        Discrete = None
                    }
            Names =
                Map.ofList
                    [
                        for KeyValue(name, meaning) in elaboration.Formulas.Names do
                            match meaning with
                            | Meaning.Number quantity -> name, quantity
                            | Meaning.Written _
                            | Meaning.Faulty -> ()
                    ]
            Axes = axes
            Claims = claims
            Rates = rates
            Unread = fields |> List.filter unread |> List.map (fun field -> field.Name) |> Set.ofList
            Problems = tree.Problems @ problems.List
            Locate = fun place -> source.Position(Origin.offset place origin)
        }

    /// The experiment that a text describes; of a family its first.
    let text (file: string) (contents: string) : Parsed = cell (read file contents) Map.empty

    /// The experiment that a text describes, or everything that is wrong with the text.
    let experiment (file: string) (contents: string) : Result<Experiment, Problem list> =
        let parsed = text file contents

        match parsed.Problems |> List.filter (fun problem -> problem.Severity = Severity.Error) with
        | [] -> Ok parsed.Experiment
        | errors -> Error errors
