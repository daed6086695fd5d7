namespace Sgm

open System

/// Evaluating and printing formulas.
[<CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module Expression =
    /// The names of the functions.
    let functionNames = List.ofSeq Arithmetic.functions.Keys

    /// How many numbers a function takes, if it is one.
    let arity name =
        match Arithmetic.functions.TryGetValue name with
        | true, Arithmetic.One _ -> Some 1
        | true, Arithmetic.Two _ -> Some 2
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

    /// The value with F#'s types and rules, names read by `lookup`; or the part that has none, and why.
    let rec value (lookup: string -> Result<Quantity, Unvalued>) expression : Result<Quantity, Expression * Unvalued> =
        let here result = Result.mapError (fun reason -> expression, reason) result

        match expression with
        | Constant quantity -> Ok quantity
        | Name name -> lookup name |> here
        | Negative inner -> value lookup inner |> Result.bind (Arithmetic.negated >> here)
        | Binary(operator, left, right) ->
            match value lookup left with
            | Ok(Quantity.Truth known) when (operator = Operator.And && not known) || (operator = Operator.Or && known) ->
                Ok(Quantity.Truth known)
            | Ok a -> value lookup right |> Result.bind (Arithmetic.combine symbol operator a >> here)
            | error -> error
        | Call(name, arguments) ->
            let folder found argument =
                match found, value lookup argument with
                | Ok before, Ok one -> Ok(one :: before)
                | Error reason, _
                | _, Error reason -> Error reason

            (Ok [], arguments)
            ||> List.fold folder
            |> Result.bind (fun values -> Arithmetic.apply name (List.rev values) |> here)
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
        // What is made of several whole numbers may have been truncated, which must show.
        | Call("float", [ (Name _ | Constant _) as one ]) -> pretty around one
        | Call("exp", [ one ]) -> parens 7 $"e^({pretty 0 one})"
        | Call("sqrt", [ one ]) -> "√" + pretty 7 one
        | Call("log", [ one ]) -> $"ln({pretty 0 one})"
        | Call("abs", [ one ]) -> $"|{pretty 0 one}|"
        | Call("ceil", [ one ]) -> $"⌈{pretty 0 one}⌉"
        | Call("floor", [ one ]) -> $"⌊{pretty 0 one}⌋"
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
