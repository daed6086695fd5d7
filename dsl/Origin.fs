namespace Sgm

/// Where a value and its parts were written: the source map, in the shape of the value.
type Origin = { At: int; Parts: (string * Origin) list; Items: Origin[] }

module Origin =
    let leaf at = { At = at; Parts = []; Items = [||] }

    /// The offset of the deepest part of the place that was written.
    let rec offset (place: Place) origin =
        match place with
        | Segment.Part name :: rest ->
            match List.tryFind (fun (part, _) -> part = name) origin.Parts with
            | Some(_, inner) -> offset rest inner
            | None -> origin.At
        | Segment.Item(_, index) :: rest ->
            if index >= 1 && index <= origin.Items.Length then
                offset rest origin.Items[index - 1]
            else
                origin.At
        | [] -> origin.At

    /// Of a word from those of its arguments; an argument without a name gives its parts to the word.
    let ofArguments at (arguments: (string * Origin) list) =
        let own (name, origin) = if name = "" then origin.Parts else [ name, origin ]

        {
            At = at
            Parts = List.collect own arguments
            Items =
                arguments
                |> List.tryPick (fun (name, origin) -> if name = "" then Some origin.Items else None)
                |> Option.defaultValue [||]
        }

    /// Of a score that one more modifier was put on.
    let ofModified at (arguments: (string * Origin) list) score =
        { score with Items = Array.append score.Items [| ofArguments at arguments |] }

    /// Of pipelines in sequence, with the sequence that `>=>` makes of them.
    let ofSequence at (steps: (Pipeline * Origin) seq) =
        let flat =
            steps
            |> Seq.collect (fun (pipeline, origin) ->
                match pipeline with
                | Sequence parts -> Seq.zip parts origin.Items
                | single -> Seq.singleton (single, origin))
            |> Array.ofSeq

        match flat with
        | [| single |] -> single
        | several ->
            Sequence(several |> Array.map fst |> List.ofArray), { At = at; Parts = []; Items = Array.map snd several }
