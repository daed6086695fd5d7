namespace Sgm

/// Where a value and its parts were written: the source map, in the shape of the value, made as far as it is asked for.
type internal Origin = { At: int; Parts: (string * Lazy<Origin>) list; Items: Lazy<Lazy<Origin>[]> }

module internal Origin =
    let private leaf at = { At = at; Parts = []; Items = lazy [||] }

    /// The offset of the deepest part of the place that was written.
    let rec offset (place: Place) origin =
        match place with
        | Segment.Part name :: rest ->
            match List.tryFind (fun (part, _) -> part = name) origin.Parts with
            | Some(_, inner) -> offset rest inner.Value
            | None -> origin.At
        | Segment.Item(_, index) :: rest ->
            if index >= 1 && index <= origin.Items.Value.Length then
                offset rest origin.Items.Value[index - 1].Value
            else
                origin.At
        | [] -> origin.At

    /// Of a word from those of its arguments; an argument without a name gives its parts to the word.
    let private ofArguments at (arguments: (string * Lazy<Origin>) list) =
        let own (name, origin: Lazy<Origin>) = if name = "" then origin.Value.Parts else [ name, origin ]

        {
            At = at
            Parts = List.collect own arguments
            Items =
                match List.tryFind (fun (name, _) -> name = "") arguments with
                | Some(_, origin) -> origin.Value.Items
                | None -> lazy [||]
        }

    /// Of a word; a score that one more modifier is put on keeps its own place.
    let private ofWord at (word: Word) (arguments: Lazy<Origin> list) =
        let named = List.map2 (fun (name, _) origin -> name, origin) word.Parameters arguments

        if word.Modifies then
            let score = (List.last arguments).Value
            let own = lazy (ofArguments at (List.take (named.Length - 1) named))
            { score with Items = lazy (Array.append score.Items.Value [| own |]) }
        else
            ofArguments at named

    /// Of the value of this kind that a node of a text stands for, which has no fault.
    let rec ofNode (tree: Tree) kind (node: int) : Origin =
        let at = tree[node].At
        let later kind node = lazy (ofNode tree kind node)

        match tree[node].Kind, kind with
        | NodeKind.Parens, _ -> ofNode tree kind (node - 1)
        | NodeKind.Word, _ when (Words.tryFind (tree.Written node)).IsNone -> leaf at
        | NodeKind.Word, _ -> word tree node []
        | NodeKind.List, Kind.Many(_, inner) ->
            { leaf at with Items = lazy (tree.Children node |> Array.map (later inner)) }
        | NodeKind.Tuple, Kind.Pair((name1, kind1), (name2, kind2)) ->
            let parts = tree.Children node
            ofArguments at [ name1, later kind1 parts[0]; name2, later kind2 parts[1] ]
        | NodeKind.Chain, _ -> chain tree at kind (tree.Children node)
        | _ -> leaf at

    /// Of a word with written arguments and those that are passed to it.
    and private word tree node passed =
        let word = Words.tryFind (tree.Written node) |> Option.get
        let written = tree.Children node |> List.ofArray

        let taken = word.Parameters |> List.take written.Length |> List.map snd
        let arguments = List.map2 (fun kind node -> lazy (ofNode tree kind node)) taken written
        ofWord tree[node].At word (arguments @ passed)

    /// Of a first value and the operators after it, of which the last one says what it is.
    and private chain tree at kind (parts: int[]) =
        let last = parts[parts.Length - 1]

        match tree[last].Kind with
        | NodeKind.Pipe ->
            let right = tree.Inside(last - 1)
            let found = Words.tryFind (tree.Written(right)) |> Option.get
            let passed = found.Parameters |> List.last |> snd
            let before = Array.take (parts.Length - 1) parts
            word tree right [ lazy (chain tree at passed before) ]
        | NodeKind.Then ->
            match steps tree at parts with
            | [| single |] -> single.Value
            | several -> { leaf at with Items = lazy several }
        | _ -> ofNode tree kind last

    /// Of the pipelines that `>=>` joins, without the sequences that they are in.
    and private steps tree at (parts: int[]) : Lazy<Origin>[] =
        let operand node =
            let inside = tree.Inside node

            match tree[inside].Kind with
            | NodeKind.Chain -> steps tree tree[inside].At (tree.Children inside)
            | NodeKind.Word when tree.Written(inside) = "identity" -> [||]
            | _ -> [| lazy (ofNode tree Kind.Pipeline inside) |]

        let joined = parts |> Array.rev |> Array.takeWhile (fun part -> tree[part].Kind = NodeKind.Then) |> Array.rev
        let before = Array.take (parts.Length - joined.Length) parts

        let first =
            match before with
            | [| single |] -> operand single
            | piped -> [| lazy (chain tree at Kind.Pipeline piped) |]

        Array.append first (joined |> Array.collect (fun part -> operand (part - 1)))
