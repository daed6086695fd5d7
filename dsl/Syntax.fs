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

    /// The column, from 0, of an offset.
    member this.Column(offset: int) = offset - starts[this.LineIndex offset]

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

        for i in 0 .. text.Length - 1 do
            if text[i] = '\n' then
                starts.Add(i + 1)

        Source(file, text, starts.ToArray())

/// A number as it was written, without `_`.
[<RequireQualifiedAccess>]
type Literal =
    | Whole of digits: string
    /// With the suffix `L`.
    | Long of digits: string
    | Real of digits: string

[<RequireQualifiedAccess>]
type Operator =
    /// `|>`
    | Pipe
    /// `>=>`
    | Then

/// An expression of the file format. The nesting is at most `Syntax.deepest`; long chains and lists are flat.
type Expr = { At: int; Node: Node }

and [<RequireQualifiedAccess>] Node =
    /// A word applied to arguments, perhaps none.
    | Word of name: string * arguments: Expr list
    | Number of Literal
    | Text of string
    | List of Expr list
    | Tuple of Expr list
    /// Operators of one precedence, from left to right, as in F#.
    | Chain of first: Expr * rest: (Operator * Expr) list
    | Parens of Expr

/// A field of the experiment, as written.
type FieldSyntax = { Name: string; At: int; Value: Expr }

/// What the grammar made of a text: the fields that could be read, and the problems.
type SyntaxTree = { Experiment: int; Fields: FieldSyntax list; Problems: Problem list }

module Syntax =
    /// Levels of parentheses and brackets that a text may nest.
    let deepest = 200

    /// Levels of pipelines, products and score modifiers that a value may nest, so that its text can be read back.
    let deepestValue = 150
