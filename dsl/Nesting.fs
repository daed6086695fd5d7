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
    let depth (children: 'value -> 'value list) (value: 'value) =
        let pending = Stack [ struct ([ value ], 1) ]
        let mutable deepest = 0

        // Siblings stay in one list: a law of 10⁵ components costs no more than to walk it.
        while pending.Count > 0 do
            match pending.Pop() with
            | struct ([], _) -> ()
            | struct (next :: rest, level) ->
                deepest <- max deepest level

                if not rest.IsEmpty then
                    pending.Push(struct (rest, level))

                match children next with
                | [] -> ()
                | inside -> pending.Push(struct (inside, level + 1))

        deepest
