namespace Sgm

/// A word of the language: its kind, what it takes, and the F# function or value of the same name that it stands for.
type Word =
    {
        Name: string
        Result: Kind
        /// Names and kinds. The place of a parameter without a name is the word's own.
        Parameters: (string * Kind) list
        /// Whether it changes its last argument, a score, which then keeps its own place.
        Modifies: bool
        Make: obj[] -> obj
        Example: string
        Meaning: string
    }

/// A field of an experiment.
type FieldWord =
    {
        Name: string
        Kind: Kind
        /// The canonical text of its default; none when it is required.
        Default: string option
        Example: string
        Meaning: string
    }

/// Words from typed functions: the kinds of the parameters must be those of the function.
module internal Word =

    let word0 name (result: Kind<'r>) (value: 'r) example meaning =
        {
            Name = name
            Result = result.Untyped
            Parameters = []
            Modifies = false
            Make = fun _ -> box value
            Example = example
            Meaning = meaning
        }

    let word1 name (p: string, kind: Kind<'a>) (result: Kind<'r>) (f: 'a -> 'r) example meaning =
        { word0 name result Unchecked.defaultof<'r> example meaning with
            Parameters = [ p, kind.Untyped ]
            Make = fun values -> f (kind.Read values[0]) |> box
        }

    let word2 name (p1, k1: Kind<'a>) (p2, k2: Kind<'b>) (result: Kind<'r>) (f: 'a -> 'b -> 'r) example meaning =
        { word0 name result Unchecked.defaultof<'r> example meaning with
            Parameters = [ p1, k1.Untyped; p2, k2.Untyped ]
            Make = fun values -> f (k1.Read values[0]) (k2.Read values[1]) |> box
        }

    let word3
        name
        (p1, k1: Kind<'a>)
        (p2, k2: Kind<'b>)
        (p3, k3: Kind<'c>)
        (result: Kind<'r>)
        (f: 'a -> 'b -> 'c -> 'r)
        example
        meaning
        =
        { word0 name result Unchecked.defaultof<'r> example meaning with
            Parameters = [ p1, k1.Untyped; p2, k2.Untyped; p3, k3.Untyped ]
            Make = fun values -> f (k1.Read values[0]) (k2.Read values[1]) (k3.Read values[2]) |> box
        }

    let word4
        name
        (p1, k1: Kind<'a>)
        (p2, k2: Kind<'b>)
        (p3, k3: Kind<'c>)
        (p4, k4: Kind<'d>)
        (result: Kind<'r>)
        (f: 'a -> 'b -> 'c -> 'd -> 'r)
        example
        meaning
        =
        { word0 name result Unchecked.defaultof<'r> example meaning with
            Parameters = [ p1, k1.Untyped; p2, k2.Untyped; p3, k3.Untyped; p4, k4.Untyped ]
            Make =
                fun values -> f (k1.Read values[0]) (k2.Read values[1]) (k3.Read values[2]) (k4.Read values[3]) |> box
        }

    let word5
        name
        (p1, k1: Kind<'a>)
        (p2, k2: Kind<'b>)
        (p3, k3: Kind<'c>)
        (p4, k4: Kind<'d>)
        (p5, k5: Kind<'e>)
        (result: Kind<'r>)
        (f: 'a -> 'b -> 'c -> 'd -> 'e -> 'r)
        example
        meaning
        =
        { word0 name result Unchecked.defaultof<'r> example meaning with
            Parameters = [ p1, k1.Untyped; p2, k2.Untyped; p3, k3.Untyped; p4, k4.Untyped; p5, k5.Untyped ]
            Make =
                fun values ->
                    f
                        (k1.Read values[0])
                        (k2.Read values[1])
                        (k3.Read values[2])
                        (k4.Read values[3])
                        (k5.Read values[4])
                    |> box
        }

    let modifies word = { word with Modifies = true }
