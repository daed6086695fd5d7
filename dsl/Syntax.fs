namespace Sgm

open System

/// A text under a name, with its lines found once, so that an offset is turned into line and column only when a problem
/// is reported. Line ends are brought to `\n` and a byte order mark is dropped, which moves no line or column.
type Source private (file: string, text: string, starts: int[]) =
    member _.Text = text

    /// The index in `starts` of the line with this offset.
    member private _.LineIndex(offset: int) =
        let found = Array.BinarySearch(starts, offset)
        if found >= 0 then found else ~~~found - 1

    /// The line, from 1, of an offset.
    member this.Line(offset: int) = this.LineIndex offset + 1

    member this.Position(offset: int) : Position =
        let line = this.LineIndex offset
        let start = starts[line]
        let finish = if line + 1 < starts.Length then starts[line + 1] - 1 else text.Length

        Position.In(file, line + 1, offset - start + 1, text, start, finish)

    static member Create(file: string, text: string) =
        let text =
            (if text.StartsWith '\uFEFF' then text.Substring 1 else text).Replace("\r\n", "\n").Replace('\r', '\n')

        let starts = ResizeArray [ 0 ]
        let mutable line = text.IndexOf '\n'

        while line >= 0 do
            starts.Add(line + 1)
            line <- text.IndexOf('\n', line + 1)

        Source(file, text, starts.ToArray())

/// What a part of an expression is.
[<RequireQualifiedAccess; Struct>]
type NodeKind =
    /// A word, with its arguments as children.
    | Word
    | Whole
    /// A whole number with the suffix `L`.
    | Long
    | Real
    | Text
    | List
    /// Values with commas between them.
    | Tuple
    /// A value and operators of one precedence, from left to right, as in F#: the first child, then `Pipe` and `Then`.
    | Chain
    /// `|>` and its right side.
    | Pipe
    /// `>=>` and its right side.
    | Then
    | Parens
    /// An operator between two values, as written.
    | Operator
    /// `-` before a value.
    | Negative
    /// `if`, its condition and its two values.
    | If
    /// `for NAME in a .. b -> value` or `a .. step .. b`: the node is written where the name is.
    | For

/// A part of an expression. The nesting is at most `Syntax.deepest`; long chains and lists are flat.
[<Struct>]
type Node =
    {
        Kind: NodeKind
        /// Offset of its first character.
        At: int
        /// Characters of a number's digits or of a word's name.
        Length: int
        /// Nodes that it consists of, itself included.
        Size: int
    }

/// Expressions as one array, 16 bytes a node, whatever the text: a node stands after its children, the last one next to it.
type Tree(source: Source) =
    let nodes = ResizeArray<Node>(source.Text.Length / 8)

    /// How many nodes there are; the next one has this index.
    member _.Count = nodes.Count

    member _.Item
        with get (node: int) = nodes[node]

    /// Adds the node whose descendants are those from `first` on; always true.
    member _.Add(kind, at, first, length) =
        nodes.Add { Kind = kind; At = at; Length = length; Size = nodes.Count - first + 1 }
        true

    member this.Add(kind, at, first) = this.Add(kind, at, first, 0)

    member _.Source = source

    /// A number's digits, or a word's name.
    member _.Written(node: int) = source.Text.Substring(nodes[node].At, nodes[node].Length)

    /// The children in order.
    member _.Children(node: int) : int[] =
        let before = node - nodes[node].Size
        let mutable count = 0
        let mutable child = node - 1

        while child > before do
            count <- count + 1
            child <- child - nodes[child].Size

        let children = Array.zeroCreate count
        child <- node - 1

        for i in count - 1 .. -1 .. 0 do
            children[i] <- child
            child <- child - nodes[child].Size

        children

    /// The node without parentheses around it.
    member this.Inside(node: int) : int = if nodes[node].Kind = NodeKind.Parens then this.Inside(node - 1) else node

/// A field of the experiment, or a `let`, as written; `Value` is a node of the tree.
type FieldSyntax = { Name: string; At: int; Value: int }

/// A claim or a rate, as written: its node has its arguments as children.
type ClaimSyntax = { Name: string; At: int; Node: int }

/// What the grammar made of a text: the fields that could be read, and the problems.
type SyntaxTree =
    {
        /// Offset of the experiment.
        Experiment: int
        /// Whether it is `discrete { … }`.
        IsDiscrete: bool
        Lets: FieldSyntax list
        Fields: FieldSyntax list
        Claims: ClaimSyntax list
        Tree: Tree
        Problems: Problem list
    }

module Syntax =
    /// Levels of parentheses and brackets that a text may nest.
    let deepest = 200

    /// Operators that an expression may have, those in parentheses included.
    let mostOperators = 1000

    /// Words that are no names.
    let keywords = [ "let"; "if"; "then"; "else"; "for"; "in" ]

    /// What may be said of an experiment besides its fields, any number of times.
    let claims = [ "claim"; "claimWhen"; "rate"; "rateAtMost" ]

    /// Levels of pipelines, products and score modifiers that a value may nest, so that its text can be read back.
    let deepestValue = 150
