namespace Sgm

open System.Collections.Generic

/// Values inside each other, found without recursion: a text may nest them as deep as it likes.
module internal Nesting =
    /// A value and all inside it, in the order of writing, each with its level from 1.
    let all (children: 'value -> 'value list) (value: 'value) =
        let pending = Stack [ struct (value, 1) ]
        let found = ResizeArray()

        while pending.Count > 0 do
            let struct (next, level) = pending.Pop()
            found.Add(struct (next, level))

            for child in List.rev (children next) do
                pending.Push(struct (child, level + 1))

        found

    /// Levels of nesting.
    let depth children value = all children value |> Seq.fold (fun deepest struct (_, level) -> max deepest level) 0
