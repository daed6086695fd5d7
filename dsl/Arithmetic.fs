namespace Sgm

open System

/// F#'s arithmetic on quantities, with its types; what would be infinite, no number, or wrap around has no value.
module internal Arithmetic =
    /// A function of the language: F#'s own of the same name.
    type Function =
        | One of (Quantity -> Result<Quantity, Unvalued>)
        | Two of (Quantity -> Quantity -> Result<Quantity, Unvalued>)

    let private mistyped reason = Error(Unvalued.Mistyped reason)
    let private undefined reason = Error(Unvalued.Undefined reason)
    let private tooFar = "it is beyond the range of a whole number"

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

    let private wants what name (given: Quantity) =
        let mend = if isWhole given then "; write float (…), or a literal with a point" else ""
        mistyped $"'{name}' takes {what}, found {given.Type}{mend}"

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

    /// −x.
    let negated value =
        match value with
        | Quantity.Whole Int32.MinValue
        | Quantity.Long Int64.MinValue -> undefined tooFar
        | Quantity.Whole n -> Ok(Quantity.Whole -n)
        | Quantity.Long n -> Ok(Quantity.Long -n)
        | Quantity.Real x -> Ok(Quantity.Real -x)
        | condition -> wants "a number" "-" condition

    let private real name (f: float -> float) =
        name,
        One (function
            | Quantity.Real x -> finite $"{name} {Numeral.brief x}" (f x)
            | other -> wants "a number" name other)

    /// Of numbers of any type.
    let private ofNumber name apply =
        name,
        One (function
            | Quantity.Truth _ as condition -> wants "a number" name condition
            | number -> apply number)

    let private truncated name (low: float) high (make: float -> Quantity) =
        ofNumber name (fun number ->
            let x = Math.Truncate number.Number

            if x >= low && x <= high then
                Ok(make x)
            else
                undefined $"{name} {Numeral.brief number.Number} is beyond the range of a whole number")

    let private extreme name (isFirst: int -> bool) =
        name,
        Two(fun a b ->
            if sameType a b then
                Ok(if isFirst (compare a b) then a else b)
            else
                mixed name a b)

    /// The functions by name.
    let functions =
        dict
            [
                real "sqrt" sqrt
                real "exp" exp
                real "log" log
                real "sin" sin
                real "cos" cos
                real "ceil" ceil
                real "floor" floor
                truncated "int" (float Int32.MinValue) (float Int32.MaxValue) (int >> Quantity.Whole)
                truncated "int64" -9.2e18 9.2e18 (int64 >> Quantity.Long)
                ofNumber "float" (fun number -> Ok(Quantity.Real number.Number))
                ofNumber "abs" (fun number -> if number.Number < 0.0 then negated number else Ok number)
                "not",
                One (function
                    | Quantity.Truth value -> Ok(Quantity.Truth(not value))
                    | other -> mistyped $"'not' takes a condition, found {other.Type}")
                extreme "min" (fun order -> order <= 0)
                extreme "max" (fun order -> order >= 0)
            ]

    /// A function of so many quantities as it takes.
    let apply name (arguments: Quantity list) =
        match functions[name], arguments with
        | One f, [ a ] -> f a
        | Two f, [ a; b ] -> f a b
        | One _, _ -> mistyped $"'{name}' takes one number"
        | Two _, _ -> mistyped $"'{name}' takes two numbers"

    let private compared operator (order: int) =
        match operator with
        | Operator.Less -> order < 0
        | Operator.AtMost -> order <= 0
        | Operator.Greater -> order > 0
        | Operator.AtLeast -> order >= 0
        | Operator.Equal -> order = 0
        | _ -> order <> 0

    let private whole operator (a: bigint) (b: bigint) (low: bigint) (high: bigint) make =
        let within (value: bigint) = if value >= low && value <= high then Ok(make value) else undefined tooFar

        match operator with
        | Operator.Plus -> within (a + b)
        | Operator.Minus -> within (a - b)
        | Operator.Times -> within (a * b)
        | Operator.Over
        | Operator.Remainder when b.IsZero -> undefined "it divides by zero"
        | Operator.Over -> within (bigint.Divide(a, b))
        | Operator.Remainder -> within (bigint.Remainder(a, b))
        | _ -> mistyped "'**' takes numbers, found whole ones; write float (…), or literals with a point"

    let private reals operator (a: float) (b: float) =
        match operator with
        | Operator.Plus -> finite "the sum" (a + b)
        | Operator.Minus -> finite "the difference" (a - b)
        | Operator.Times -> finite "the product" (a * b)
        | Operator.Over when b = 0.0 -> undefined "it divides by zero"
        | Operator.Over -> finite "the quotient" (a / b)
        | Operator.Remainder -> finite "the remainder" (a % b)
        | _ -> finite "the power" (a ** b)

    /// Two quantities with an operator, `symbol` for messages.
    let combine (symbol: Operator -> string) operator (a: Quantity) (b: Quantity) =
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
            let low, high = bigint Int32.MinValue, bigint Int32.MaxValue
            whole operator (bigint x) (bigint y) low high (int >> Quantity.Whole)
        | _, Quantity.Long x, Quantity.Long y ->
            let low, high = bigint Int64.MinValue, bigint Int64.MaxValue
            whole operator (bigint x) (bigint y) low high (int64 >> Quantity.Long)
        | _, Quantity.Real x, Quantity.Real y -> reals operator x y
        | _ -> mixed (symbol operator) a b
