namespace Sgm

open System.Collections.Generic

/// What was made of a text. A field that could not be read has a stand-in value and is named in `Unread`, so that the
/// others can be checked all the same and all problems are reported together.
type Parsed =
    {
        Experiment: Experiment
        Unread: Set<string>
        Problems: Problem list
        /// Where a place was written.
        Locate: Place -> Position
    }

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
        | NodeKind.Tuple
        | NodeKind.Chain
        | NodeKind.Pipe
        | NodeKind.Then -> false

    /// The fields that are there, by name; an unknown or a repeated one is reported and left out.
    let private fieldsByName (source: Source) (problems: Problems) (tree: SyntaxTree) =
        let byName = Dictionary<string, FieldSyntax>()
        let names = Words.fields |> List.map (fun field -> field.Name)
        let report (field: FieldSyntax) fault = problems.Add([], source.Position field.At, fault)

        for field in tree.Fields do
            if not (List.contains field.Name names) then
                report field (Fault.UnknownField(field.Name, names))
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
        let names = Words.fields |> List.map (fun field -> field.Name)

        let misspelt =
            tree.Fields
            |> List.choose (fun field -> if present.ContainsKey field.Name then None else Nearest.word names field.Name)

        if tree.Problems.IsEmpty then
            for field in Words.fields do
                if
                    field.Default.IsNone
                    && not (present.ContainsKey field.Name)
                    && not (List.contains field.Name misspelt)
                then
                    problems.Add([], source.Position tree.Experiment, Fault.MissingField(field.Name, field.Example))

    /// The experiment that a text describes, as far as it could be read; never throws.
    let text (file: string) (text: string) : Parsed =
        let source = Source.Create(file, text)
        let tree = Grammar.parse source
        let problems = Problems()
        let present = fieldsByName source problems tree
        reportMissing source problems tree present

        let elaboration = Elaboration(tree.Tree, problems)
        let values = Dictionary<string, obj>()

        for field in Words.fields do
            match present.TryGetValue field.Name with
            | true, syntax ->
                if not (isAtom tree.Tree syntax.Value) then
                    problems.Add([], source.Position tree.Tree[syntax.Value].At, Fault.NeedsParentheses field.Name)

                match elaboration.Value(field.Kind, syntax.Value) with
                | ValueSome value -> values.Add(field.Name, value)
                | ValueNone -> ()
            | false, _ -> ()

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
                Parts = Words.fields |> List.filter (fun field -> values.ContainsKey field.Name) |> List.map origin
                Items = lazy [||]
            }

        {
            Experiment =
                {
                    Target = read "target" Kind.law (Standard 1)
                    Forward = read "forward" Kind.forward Vp
                    Score = read "score" Kind.score Defaults.score
                    Start = read "start" Kind.start Defaults.start
                    Sampler = read "sampler" Kind.pipeline identity
                    Measure = read "measure" (Kind.many "metric" Kind.metric) Defaults.measure
                    Particles = read "particles" Kind.whole Defaults.particles
                    Seed = read "seed" Kind.long Defaults.seed
                }
            Unread = Words.fields |> List.filter unread |> List.map (fun field -> field.Name) |> Set.ofList
            Problems = tree.Problems @ problems.List
            Locate = fun place -> source.Position(Origin.offset place origin)
        }

    /// The experiment that a text describes, or everything that is wrong with the text.
    let experiment (file: string) (contents: string) : Result<Experiment, Problem list> =
        let parsed = text file contents

        if parsed.Problems.IsEmpty then Ok parsed.Experiment else Error parsed.Problems
