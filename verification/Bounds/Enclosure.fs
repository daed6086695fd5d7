namespace Sgm.Verification

open System
open Sgm
open Sgm.Verification.Certificates

/// What is known of a value: whole numbers and conditions exactly, as F# has them; other numbers in brackets.
type Enclosed =
    /// A whole number or a condition, never a number with a point.
    | Known of Quantity
    | Within of Bracket

/// A formula of the language enclosed in intervals: what comes out holds the value for whatever lies in the brackets of
/// its names. Whole numbers are F#'s own: they truncate, and where they would wrap around there is no value.
module Enclosure =
    /// The names of a text as they are.
    let ofQuantity quantity =
        match quantity with
        | Quantity.Real x -> Within(Bracket.Exactly x)
        | other -> Known other

    /// Of functions whose slope is at most 1, from the value in the middle.
    let private gentle (f: float -> float) (a: Bracket) =
        let found = f a.Middle
        // The middle of neighbours is one of them.
        let spare = max (a.High - a.Middle) (a.Middle - a.Low) * (1.0 + 1e-15) + 1e-15
        { Low = max -1.0 (found - spare); High = min 1.0 (found + spare) }

    let private stepwise (f: float -> float) (a: Bracket) = { Low = f a.Low; High = f a.High }
    let private isOpen = "rounding leaves it open"

    /// Which of two numbers is smaller, where that is certain.
    let private order (a: Bracket) (b: Bracket) =
        if a.High < b.Low then Ok -1
        elif a.Low > b.High then Ok 1
        elif a.Width = 0.0 && b.Width = 0.0 then Ok 0
        else Error isOpen

    let private remainder (a: Bracket) (b: Bracket) =
        if a.Width = 0.0 && b.Width = 0.0 && b.Low <> 0.0 then
            Ok(Bracket.Exactly(a.Low % b.Low))
        else
            Error "'%' is of numbers that are known exactly"

    let private isInteger (x: float) = x = Math.Round x && abs x <= 1e6

    /// a^b: by squares for whole exponents, by e^(b·ln a) for positive a.
    let rec private power (a: Bracket) (b: Bracket) =
        if b.Width = 0.0 && isInteger b.Low && b.Low >= 0.0 then
            let rec raise (n: float) =
                if n = 0.0 then
                    Bracket.Exactly 1.0
                else
                    let half = Bracket.Square(raise (floor (n / 2.0)))
                    if n % 2.0 = 0.0 then half else half * a

            Ok(if b.Low = 1.0 then a else raise b.Low)
        elif a.Low > 0.0 then
            Ok(Bracket.Exp(b * Bracket.Log a))
        elif b.Width = 0.0 && isInteger b.Low then
            power a (-b) |> Result.bind (fun inverse -> quotient (Bracket.Exactly 1.0) inverse)
        elif a.Low = 0.0 && b.Low > 0.0 then
            // 0^b = 0, and a^b grows with a.
            let top = Bracket.Exp(b * Bracket.Log(Bracket.Exactly(max a.High Double.Epsilon)))
            Ok { Low = 0.0; High = top.High }
        else
            Error "a power of a number that may not be positive"

    and private quotient (a: Bracket) (b: Bracket) =
        if b.Low <= 0.0 && b.High >= 0.0 then
            Error "it divides by zero"
        elif a.Width = 0.0 && b.Width = 0.0 then
            Ok(Bracket.Outward(a.Low / b.Low, a.Low / b.Low))
        else
            Ok(a / b)

    let private magnitude (a: Bracket) =
        if a.Low >= 0.0 then a
        elif a.High <= 0.0 then -a
        else { Low = 0.0; High = a.Size }

    /// By the language's own rules, where nothing is rounded.
    let private exactly formula =
        Expression.value (fun name -> Error(Unvalued.Undefined $"'{name}' is no number here")) formula
        |> Result.map Known
        |> Result.mapError (fun (_, why) -> why.Reason)

    let private functionOf name (values: Bracket list) =
        match name, values with
        | "sqrt", [ a ] when a.High < 0.0 -> Error "√ of a negative number"
        | "sqrt", [ a ] -> Ok(Bracket.Sqrt a)
        | "exp", [ a ] -> Ok(Bracket.Exp a)
        | "log", [ a ] when a.Low <= 0.0 -> Error "ln of a number that may not be positive"
        | "log", [ a ] -> Ok(Bracket.Log a)
        | "sin", [ a ] -> Ok(gentle sin a)
        | "cos", [ a ] -> Ok(gentle cos a)
        | "ceil", [ a ] -> Ok(stepwise ceil a)
        | "floor", [ a ] -> Ok(stepwise floor a)
        | "abs", [ a ] -> Ok(magnitude a)
        | "min", [ a; b ] -> Ok { Low = min a.Low b.Low; High = min a.High b.High }
        | "max", [ a; b ] -> Ok { Low = max a.Low b.Low; High = max a.High b.High }
        | other, _ -> Error $"'{other}' is no function of numbers with a point"

    let private call name (values: Enclosed list) =
        match name, values with
        | ("int" | "int64"), [ Within a ] when Math.Truncate a.Low = Math.Truncate a.High ->
            exactly (Call(name, [ Constant(Quantity.Real(Math.Truncate a.Low)) ]))
        | ("int" | "int64"), [ Within _ ] -> Error "rounding leaves open which whole number it is"
        | "float", [ Within _ ] -> Error "'float' takes a whole number here"
        | "float", [ Known quantity ] -> Ok(Within(Bracket.Exactly quantity.Number))
        | _ ->
            let known =
                values
                |> List.choose (function
                    | Known quantity -> Some(Constant quantity)
                    | Within _ -> None)

            let brackets =
                values
                |> List.choose (function
                    | Within bracket -> Some bracket
                    | Known _ -> None)

            if brackets.IsEmpty then exactly (Call(name, known))
            elif known.IsEmpty then functionOf name brackets |> Result.map Within
            else Error $"'{name}' takes numbers of one type"

    let private truth = Quantity.Truth >> Known >> Ok

    let private combine operator (a: Enclosed) (b: Enclosed) =
        let compared decide (x: Bracket) y = order x y |> Result.map (decide >> Quantity.Truth >> Known)

        match operator, a, b with
        | _, Known x, Known y -> exactly (Binary(operator, Constant x, Constant y))
        | Operator.Plus, Within x, Within y -> Ok(Within(x + y))
        | Operator.Minus, Within x, Within y -> Ok(Within(x - y))
        | Operator.Times, Within x, Within y -> Ok(Within(x * y))
        | Operator.Over, Within x, Within y -> quotient x y |> Result.map Within
        | Operator.Remainder, Within x, Within y -> remainder x y |> Result.map Within
        | Operator.Power, Within x, Within y -> power x y |> Result.map Within
        | Operator.Less, Within x, Within y -> compared (fun order -> order < 0) x y
        | Operator.AtMost, Within x, Within y -> compared (fun order -> order <= 0) x y
        | Operator.Greater, Within x, Within y -> compared (fun order -> order > 0) x y
        | Operator.AtLeast, Within x, Within y -> compared (fun order -> order >= 0) x y
        | Operator.Equal, Within x, Within y -> compared (fun order -> order = 0) x y
        | Operator.Unequal, Within x, Within y -> compared (fun order -> order <> 0) x y
        | _ -> Error $"'{Expression.symbol operator}' has a whole number or a condition on one side only"

    /// What is known of a formula, or why it has no value.
    let rec find (lookup: string -> Result<Enclosed, string>) expression : Result<Enclosed, string> =
        match expression with
        | Constant quantity -> Ok(ofQuantity quantity)
        | Name name ->
            match Expression.constants.TryGetValue name with
            | true, x -> Ok(Within(Bracket.Near(x, 1e-16)))
            | false, _ -> lookup name
        | Negative inner ->
            find lookup inner
            |> Result.bind (function
                | Within found -> Ok(Within(-found))
                | Known quantity -> exactly (Negative(Constant quantity)))
        | Binary(Operator.Times, a, b) when a = b ->
            find lookup a
            |> Result.bind (function
                | Within found -> Ok(Within(Bracket.Square found))
                | known -> combine Operator.Times known known)
        | Binary((Operator.And | Operator.Or) as operator, a, b) ->
            // One side decides where it can, whichever it is.
            let decisive = (operator = Operator.Or)

            match find lookup a, find lookup b with
            | Ok(Known(Quantity.Truth known)), _ when known = decisive -> truth known
            | Error _, Ok(Known(Quantity.Truth known)) when known = decisive -> truth known
            | Ok left, Ok right -> combine operator left right
            | Error reason, _
            | _, Error reason -> Error reason
        | Binary(operator, a, b) ->
            attempt {
                let! left = find lookup a
                let! right = find lookup b
                return! combine operator left right
            }
        | Call(name, arguments) -> arguments |> Seq.map (find lookup) |> every |> Result.bind (call name)
        | Choice(condition, yes, no) ->
            holds lookup condition |> Result.bind (fun decided -> find lookup (if decided then yes else no))

    /// Whether a condition holds, where that is certain.
    and holds lookup expression : Result<bool, string> =
        find lookup expression
        |> Result.bind (function
            | Known(Quantity.Truth decided) -> Ok decided
            | _ -> Error "it is no condition")

    /// The interval of a formula with a point, or why it has no value.
    let value lookup expression : Result<Bracket, string> =
        find lookup expression
        |> Result.bind (function
            | Within found -> Ok found
            | Known(Quantity.Truth _) -> Error "it is a condition"
            // A whole number is what it is.
            | Known quantity -> Ok(Bracket.Exactly quantity.Number))

    /// The interval, or why it is no finite number.
    let finite lookup expression =
        value lookup expression
        |> Result.bind (fun found ->
            if Double.IsFinite found.Low && Double.IsFinite found.High then
                Ok found
            else
                Error "it is beyond the range of a number")
