namespace Sgm

open System

/// A value of an expression, with its type in F#.
[<RequireQualifiedAccess>]
type Quantity =
    | Whole of int
    | Long of int64
    | Real of float
    | Truth of bool

    /// The number; 1 and 0 for true and false.
    member this.Number =
        match this with
        | Whole n -> float n
        | Long n -> float n
        | Real x -> x
        | Truth value -> if value then 1.0 else 0.0

    /// The type in words.
    member this.Type =
        match this with
        | Whole _ -> "a whole number"
        | Long _ -> "a whole number of 64 bits"
        | Real _ -> "a number"
        | Truth _ -> "a condition"

/// Operators, by their precedence in F#; all but `**` associate to the left.
[<RequireQualifiedAccess>]
type Operator =
    | Or
    | And
    | Less
    | AtMost
    | Greater
    | AtLeast
    | Equal
    | Unequal
    | Plus
    | Minus
    | Times
    | Over
    | Remainder
    | Power

/// A formula over named quantities: what a `let`, a `claim` or an argument of a word says. One value is evaluated with
/// F#'s types, enclosed in intervals (`Bounds` of the verification) and printed.
type Expression =
    | Constant of Quantity
    | Name of string
    | Negative of Expression
    | Binary of Operator * Expression * Expression
    | Call of name: string * Expression list
    | Choice of condition: Expression * yes: Expression * no: Expression

    // So that a formula in F# reads as it is printed.
    static member (+)(a, b) = Binary(Operator.Plus, a, b)
    static member (-)(a, b) = Binary(Operator.Minus, a, b)
    static member (*)(a: Expression, b: Expression) = Binary(Operator.Times, a, b)
    static member (*)(a: float, b: Expression) = Binary(Operator.Times, Constant(Quantity.Real a), b)
    static member (/)(a, b) = Binary(Operator.Over, a, b)
    static member Pow(a: Expression, b: float) = Binary(Operator.Power, a, Constant(Quantity.Real b))
    static member (~-)(a) = Negative a
    static member Exp(a: Expression) = Call("exp", [ a ])
    static member Sqrt(a: Expression) = Call("sqrt", [ a ])

/// Why a formula has no value.
[<RequireQualifiedAccess>]
type Unvalued =
    /// Its types do not fit, whatever its numbers are.
    | Mistyped of reason: string
    /// It has none for these numbers.
    | Undefined of reason: string

    member this.Reason =
        match this with
        | Mistyped reason
        | Undefined reason -> reason
