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

/// A formula over named quantities: what a `let`, a `claim` or an argument of a word says. One value is evaluated with F#'s types, enclosed in intervals
/// (`Bounds` of the verification) and printed.
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

/// Evaluating and printing formulas.
module Expression =
    /// A function of the language: F#'s own of the same name.
    type private Function = { Arity: int; Apply: Quantity list -> Result<Quantity, Unvalued> }

    let private mistyped reason = Error(Unvalued.Mistyped reason)
    let private undefined reason = Error(Unvalued.Undefined reason)

    let private finite what (x: float) =
        if Double.IsNaN x then
            undefined $"{what} is not a number"
        elif Double.IsInfinity x then
            undefined $"{what} is beyond the range of a number"
        else
            Ok(Quantity.Real x)

    let private isWhole quantity =
        match quantity with
        | Quantity.Whole _
        | Quantity.Long _ -> true
        | Quantity.Real _
        | Quantity.Truth _ -> false

    let private wantsReal what (given: Quantity) =
        let mend = if isWhole given then "; write float (…), or a literal with a point" else ""
        mistyped $"'{what}' takes a number, found {given.Type}{mend}"

    let private real name (f: float -> float) =
        name,
        {
            Arity = 1
            Apply =
                fun values ->
                    match values with
                    | [ Quantity.Real x ] -> finite $"{name} {Numeral.brief x}" (f x)
                    | other -> wantsReal name other.Head
        }

    let private rounded name (low: float) high (make: float -> Quantity) =
        name,
        {
            Arity = 1
            Apply =
                fun values ->
                    match values with
                    | [ Quantity.Truth _ ] -> mistyped $"'{name}' takes a number, found a condition"
                    | [ one ] ->
                        let x = Math.Truncate one.Number

                        if x >= low && x <= high then
                            Ok(make x)
                        else
                            undefined $"{name} {Numeral.brief one.Number} is beyond the range of a whole number"
                    | _ -> mistyped $"'{name}' takes one number"
        }

    let private sameType a b =
        match a, b with
        | Quantity.Whole _, Quantity.Whole _
        | Quantity.Long _, Quantity.Long _
        | Quantity.Real _, Quantity.Real _ -> true
        | _ -> false

    let private mixed what (a: Quantity) (b: Quantity) =
        let mend =
            if isWhole a <> isWhole b then
                "; F# does not mix them: write float (…) around the whole one, or 2.0 for 2"
            else
                ""

        mistyped $"'{what}' has {a.Type} on one side and {b.Type} on the other{mend}"

    let private extreme name (isFirst: int -> bool) =
        name,
        {
            Arity = 2
            Apply =
                fun values ->
                    match values with
                    | [ a; b ] when sameType a b -> Ok(if isFirst (compare a b) then a else b)
                    | [ a; b ] -> mixed name a b
                    | _ -> mistyped $"'{name}' takes two numbers"
        }

    let private negated value =
        match value with
        | Quantity.Whole Int32.MinValue -> undefined "it is beyond the range of a whole number"
        | Quantity.Whole n -> Ok(Quantity.Whole -n)
        | Quantity.Long Int64.MinValue -> undefined "it is beyond the range of a whole number"
        | Quantity.Long n -> Ok(Quantity.Long -n)
        | Quantity.Real x -> Ok(Quantity.Real -x)
        | Quantity.Truth _ -> mistyped "'-' takes a number, found a condition"

    let private functions =
        dict
            [
                real "sqrt" sqrt
                real "exp" exp
                real "log" log
                real "sin" sin
                real "cos" cos
                real "ceil" ceil
                real "floor" floor
                rounded "int" (float Int32.MinValue) (float Int32.MaxValue) (int >> Quantity.Whole)
                rounded "int64" -9.2e18 9.2e18 (int64 >> Quantity.Long)
                "float",
                {
                    Arity = 1
                    Apply =
                        fun values ->
                            match values with
                            | [ Quantity.Truth _ ] -> mistyped "'float' takes a number, found a condition"
                            | [ one ] -> Ok(Quantity.Real one.Number)
                            | _ -> mistyped "'float' takes one number"
                }
                "abs",
                {
                    Arity = 1
                    Apply =
                        fun values ->
                            match values with
                            | [ Quantity.Truth _ ] -> mistyped "'abs' takes a number, found a condition"
                            | [ one ] when one.Number < 0.0 -> negated one
                            | [ one ] -> Ok one
                            | _ -> mistyped "'abs' takes one number"
                }
                "not",
                {
                    Arity = 1
                    Apply =
                        fun values ->
                            match values with
                            | [ Quantity.Truth value ] -> Ok(Quantity.Truth(not value))
                            | other -> mistyped $"'not' takes a condition, found {other.Head.Type}"
                }
                extreme "min" (fun order -> order <= 0)
                extreme "max" (fun order -> order >= 0)
            ]

    /// The names of the functions.
    let functionNames = List.ofSeq functions.Keys

    /// How many numbers a function takes, if it is one.
    let arity name =
        match functions.TryGetValue name with
        | true, found -> Some found.Arity
        | false, _ -> None

    /// Names that mean the same everywhere.
    let constants = dict [ "pi", Math.PI ]

    /// An operator as it is written.
    let symbol operator =
        match operator with
        | Operator.Or -> "||"
        | Operator.And -> "&&"
        | Operator.Less -> "<"
        | Operator.AtMost -> "<="
        | Operator.Greater -> ">"
        | Operator.AtLeast -> ">="
        | Operator.Equal -> "="
        | Operator.Unequal -> "<>"
        | Operator.Plus -> "+"
        | Operator.Minus -> "-"
        | Operator.Times -> "*"
        | Operator.Over -> "/"
        | Operator.Remainder -> "%"
        | Operator.Power -> "**"

    let private operators =
        [
            Operator.Or
            Operator.And
            Operator.Less
            Operator.AtMost
            Operator.Greater
            Operator.AtLeast
            Operator.Equal
            Operator.Unequal
            Operator.Plus
            Operator.Minus
            Operator.Times
            Operator.Over
            Operator.Remainder
            Operator.Power
        ]

    /// The operator that is written so.
    let operatorOf written = operators |> List.find (fun operator -> symbol operator = written)

    let private compared operator (order: int) =
        match operator with
        | Operator.Less -> order < 0
        | Operator.AtMost -> order <= 0
        | Operator.Greater -> order > 0
        | Operator.AtLeast -> order >= 0
        | Operator.Equal -> order = 0
        | _ -> order <> 0

    let private whole operator (a: bigint) (b: bigint) =
        match operator with
        | Operator.Plus -> Ok(a + b)
        | Operator.Minus -> Ok(a - b)
        | Operator.Times -> Ok(a * b)
        | Operator.Over
        | Operator.Remainder when b.IsZero -> undefined "it divides by zero"
        | Operator.Over -> Ok(bigint.Divide(a, b))
        | Operator.Remainder -> Ok(bigint.Remainder(a, b))
        | _ -> mistyped "'**' takes numbers, found whole ones; write float (…), or literals with a point"

    let private within (low: bigint) (high: bigint) make (value: bigint) =
        if value >= low && value <= high then
            Ok(make value)
        else
            undefined "it is beyond the range of a whole number"

    let private reals operator (a: float) (b: float) =
        match operator with
        | Operator.Plus -> finite "the sum" (a + b)
        | Operator.Minus -> finite "the difference" (a - b)
        | Operator.Times -> finite "the product" (a * b)
        | Operator.Over when b = 0.0 -> undefined "it divides by zero"
        | Operator.Over -> finite "the quotient" (a / b)
        | Operator.Remainder -> finite "the remainder" (a % b)
        | _ -> finite "the power" (a ** b)

    let private combine operator (a: Quantity) (b: Quantity) =
        match operator, a, b with
        | Operator.Or, Quantity.Truth x, Quantity.Truth y -> Ok(Quantity.Truth(x || y))
        | Operator.And, Quantity.Truth x, Quantity.Truth y -> Ok(Quantity.Truth(x && y))
        | (Operator.Or | Operator.And), _, _ ->
            mistyped $"'{symbol operator}' takes conditions, found {a.Type} and {b.Type}"
        | (Operator.Less | Operator.AtMost | Operator.Greater | Operator.AtLeast | Operator.Equal | Operator.Unequal),
          _,
          _ ->
            if sameType a b then
                Ok(Quantity.Truth(compared operator (compare a b)))
            else
                mixed (symbol operator) a b
        | _, Quantity.Whole x, Quantity.Whole y ->
            whole operator (bigint x) (bigint y)
            |> Result.bind (within (bigint Int32.MinValue) (bigint Int32.MaxValue) (int >> Quantity.Whole))
        | _, Quantity.Long x, Quantity.Long y ->
            whole operator (bigint x) (bigint y)
            |> Result.bind (within (bigint Int64.MinValue) (bigint Int64.MaxValue) (int64 >> Quantity.Long))
        | _, Quantity.Real x, Quantity.Real y -> reals operator x y
        | _ -> mixed (symbol operator) a b

    /// The value with F#'s types and rules, names read by `lookup`; or the part that has none, and why.
    let rec value (lookup: string -> Result<Quantity, Unvalued>) expression : Result<Quantity, Expression * Unvalued> =
        let here result = Result.mapError (fun reason -> expression, reason) result

        match expression with
        | Constant quantity -> Ok quantity
        | Name name -> lookup name |> here
        | Negative inner -> value lookup inner |> Result.bind (negated >> here)
        | Binary(operator, left, right) ->
            match value lookup left with
            | Ok(Quantity.Truth known) when (operator = Operator.And && not known) || (operator = Operator.Or && known) ->
                Ok(Quantity.Truth known)
            | Ok a -> value lookup right |> Result.bind (combine operator a >> here)
            | error -> error
        | Call(name, arguments) ->
            let folder found argument =
                match found, value lookup argument with
                | Ok before, Ok one -> Ok(one :: before)
                | Error reason, _
                | _, Error reason -> Error reason

            (Ok [], arguments)
            ||> List.fold folder
            |> Result.bind (fun values -> functions[name].Apply(List.rev values) |> here)
        | Choice(condition, yes, no) ->
            match value lookup condition with
            | Ok(Quantity.Truth true) -> value lookup yes
            | Ok(Quantity.Truth false) -> value lookup no
            | Ok other -> Error(condition, Unvalued.Mistyped $"'if' takes a condition, found {other.Type}")
            | error -> error

    /// The names in a formula, each once, in order.
    let names expression =
        let rec all expression =
            match expression with
            | Constant _ -> []
            | Name name -> [ name ]
            | Negative inner -> all inner
            | Binary(_, a, b) -> all a @ all b
            | Call(_, arguments) -> List.collect all arguments
            | Choice(a, b, c) -> List.collect all [ a; b; c ]

        all expression |> List.distinct

    let private precedence operator =
        match operator with
        | Operator.Or -> 1
        | Operator.And -> 2
        | Operator.Plus
        | Operator.Minus -> 4
        | Operator.Times
        | Operator.Over
        | Operator.Remainder -> 5
        | Operator.Power -> 6
        | _ -> 3

    /// The summands of a formula.
    let rec terms expression =
        match expression with
        | Binary(Operator.Plus, a, b) -> terms a @ terms b
        | other -> [ other ]

    let private constant quantity =
        match quantity with
        | Quantity.Whole n -> string n
        | Quantity.Long n -> string n + "L"
        | Quantity.Real x ->
            let text = Numeral.ofFloat x

            if text.EndsWith(".0", StringComparison.Ordinal) then
                text.Substring(0, text.Length - 2)
            else
                text
        | Quantity.Truth value -> if value then "true" else "false"

    /// A formula as a reader of papers writes it: `½` is not made of `0.5`, but `a·b`, `√x` and `e^(…)` are.
    let rec private pretty around expression =
        let parens inside text = if inside < around then $"({text})" else text

        match expression with
        | Constant quantity ->
            let text = constant quantity
            if text.StartsWith '-' then parens 5 ("−" + text.Substring 1) else text
        | Name name -> name
        | Negative inner -> parens 4 ("−" + pretty 6 inner)
        | Binary(Operator.Times, a, b) ->
            let text = $"{leading a}·{pretty 6 b}"
            parens (if text.StartsWith '−' then 4 else 5) text
        | Binary(Operator.Power, a, Constant(Quantity.Real b)) when b = 2.0 || b = 3.0 ->
            parens 6 (pretty 7 a + (if b = 2.0 then "²" else "³"))
        | Binary(Operator.Power, a, b) -> parens 6 $"{pretty 7 a}^{pretty 7 b}"
        | Binary(Operator.Minus, a, b) -> parens 4 $"{pretty 4 a} − {pretty 5 b}"
        | Binary(Operator.Over, a, b) ->
            let text = $"{leading a}/{pretty 6 b}"
            parens (if text.StartsWith '−' then 4 else 5) text
        | Binary(operator, a, b) ->
            let level = precedence operator
            parens level $"{pretty level a} {sign operator} {pretty (level + 1) b}"
        | Call("float", [ one ]) -> pretty around one
        | Call("exp", [ one ]) -> parens 7 $"e^({pretty 0 one})"
        | Call("sqrt", [ one ]) -> "√" + pretty 7 one
        | Call("log", [ one ]) -> $"ln({pretty 0 one})"
        | Call("abs", [ one ]) -> $"|{pretty 0 one}|"
        | Call("ceil", [ one ]) -> $"⌈{pretty 0 one}⌉"
        | Call("floor", [ one ]) -> $"⌊{pretty 0 one}⌋"
        | Call("int", [ one ]) -> pretty around one
        | Call(name, arguments) ->
            let inside = arguments |> List.map (pretty 0)
            name + "(" + String.Join(", ", inside) + ")"
        | Choice(condition, yes, no) -> parens 0 $"if {pretty 0 condition} then {pretty 0 yes} else {pretty 0 no}"

    /// A sign in front of a product is its first factor's.
    and private leading first =
        match first with
        | Binary((Operator.Times | Operator.Over), _, _) -> pretty 0 first
        | Negative inner -> "−" + pretty 6 inner
        | _ -> pretty 5 first

    and private sign operator =
        match operator with
        | Operator.AtMost -> "≤"
        | Operator.AtLeast -> "≥"
        | Operator.Unequal -> "≠"
        | Operator.And -> "and"
        | Operator.Or -> "or"
        | other -> symbol other

    /// The formula in words of mathematics.
    let text expression = pretty 0 expression
