namespace Sgm.Verification

open System
open Sgm
open Sgm.Verification.Certificates

/// A formula of the language enclosed in intervals: what comes out holds the value for whatever lies in the brackets of its names.
module Enclosure =
    /// Of functions whose slope is at most 1, from the value in the middle.
    let private gentle (f: float -> float) (a: Bracket) =
        let found = f a.Middle
        let spare = 0.5 * a.Width + 1e-15
        { Low = max -1.0 (found - spare); High = min 1.0 (found + spare) }

    let private stepwise (f: float -> float) (a: Bracket) = { Low = f a.Low; High = f a.High }

    /// Which of two numbers is smaller, where that is certain.
    let private order (a: Bracket) (b: Bracket) =
        if a.High < b.Low then Ok -1
        elif a.Low > b.High then Ok 1
        elif a.Width = 0.0 && b.Width = 0.0 then Ok 0
        else Error "rounding leaves open which of two numbers is larger"

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

    let private call name (values: Bracket list) =
        match name, values with
        | ("float" | "int64"), [ a ] -> Ok a
        | "int", [ a ] -> Ok(stepwise Math.Truncate a)
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
        | other, _ -> Error $"'{other}' is no function of numbers"

    /// Whether a condition holds.
    let rec holds (lookup: string -> Result<Bracket, string>) expression : Result<bool, string> =
        let compared a b decide =
            attempt {
                let! left = value lookup a
                let! right = value lookup b
                let! order = order left right
                return decide order
            }

        match expression with
        | Constant(Quantity.Truth known) -> Ok known
        | Call("not", [ inner ]) -> holds lookup inner |> Result.map not
        | Binary(Operator.And, a, b) ->
            holds lookup a |> Result.bind (fun left -> if left then holds lookup b else Ok false)
        | Binary(Operator.Or, a, b) ->
            holds lookup a |> Result.bind (fun left -> if left then Ok true else holds lookup b)
        | Binary(Operator.Less, a, b) -> compared a b (fun order -> order < 0)
        | Binary(Operator.AtMost, a, b) -> compared a b (fun order -> order <= 0)
        | Binary(Operator.Greater, a, b) -> compared a b (fun order -> order > 0)
        | Binary(Operator.AtLeast, a, b) -> compared a b (fun order -> order >= 0)
        | Binary(Operator.Equal, a, b) -> compared a b (fun order -> order = 0)
        | Binary(Operator.Unequal, a, b) -> compared a b (fun order -> order <> 0)
        | Choice(condition, yes, no) ->
            holds lookup condition |> Result.bind (fun decided -> holds lookup (if decided then yes else no))
        | _ -> Error "it is no condition"

    /// The interval of a formula, or why it has no value.
    and value (lookup: string -> Result<Bracket, string>) expression : Result<Bracket, string> =
        let both a b combine =
            attempt {
                let! left = value lookup a
                let! right = value lookup b
                return! combine left right
            }

        match expression with
        | Constant quantity -> Ok(Bracket.Exactly quantity.Number)
        | Name name ->
            match Expression.constants.TryGetValue name with
            | true, x -> Ok(Bracket.Near(x, 1e-16))
            | false, _ -> lookup name
        | Negative inner -> value lookup inner |> Result.map (fun found -> -found)
        | Binary(Operator.Plus, a, b) -> both a b (fun x y -> Ok(x + y))
        | Binary(Operator.Minus, a, b) -> both a b (fun x y -> Ok(x - y))
        | Binary(Operator.Times, a, b) when a = b -> value lookup a |> Result.map Bracket.Square
        | Binary(Operator.Times, a, b) -> both a b (fun x y -> Ok(x * y))
        | Binary(Operator.Over, a, b) -> both a b quotient
        | Binary(Operator.Remainder, a, b) -> both a b remainder
        | Binary(Operator.Power, a, b) -> both a b power
        | Binary _ -> Error "a condition stands for a number"
        | Call(name, arguments) ->
            attempt {
                let! values =
                    (Ok [], arguments)
                    ||> List.fold (fun found one ->
                        found |> Result.bind (fun before -> value lookup one |> Result.map (fun x -> x :: before)))

                return! call name (List.rev values)
            }
        | Choice(condition, yes, no) ->
            holds lookup condition |> Result.bind (fun decided -> value lookup (if decided then yes else no))

    /// The interval, or why it is no finite number.
    let finite lookup expression =
        value lookup expression
        |> Result.bind (fun found ->
            if Double.IsFinite found.Low && Double.IsFinite found.High then
                Ok found
            else
                Error "it is beyond the range of a number")
