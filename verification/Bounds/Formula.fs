namespace Sgm.Verification

open System
open Sgm
open Sgm.Verification.Certificates

/// A bound of a theorem as a formula: one value that the statement prints, that evidence evaluates and that a
/// prescription is solved from.
module Formula =
    /// The interval of a formula of finite numbers.
    let bracket (numbers: (string * float) list) (formula: Expression) =
        let known = Map.ofList numbers

        match Enclosure.value (fun name -> Ok(Within(Bracket.Exactly known[name]))) formula with
        | Ok found -> found
        | Error reason -> invalidOp $"{Expression.text formula}: {reason}"

    /// The value rounded up, so that what is measured above it is above the formula's own; ∞ where one of the numbers is.
    let value (numbers: (string * float) list) (formula: Expression) =
        if numbers |> List.exists (fun (_, x) -> Double.IsInfinity x) then
            infinity
        else
            (bracket numbers formula).High

    /// The largest x for which a formula that is a power of it, of positive exponent, is at most a limit.
    let largest name (numbers: (string * float) list) (formula: Expression) limit =
        let at x = value ((name, x) :: numbers) formula
        let exponent = Math.Log2(at 2.0 / at 1.0)

        let rec within tries x =
            if at x <= limit then
                x
            elif tries = 0 then
                invalidOp $"{Expression.text formula} is no power of {name} here"
            else
                within (tries - 1) (x * (1.0 - 1e-15))

        within 1000 ((limit / at 1.0) ** (1.0 / exponent))

    /// The smallest whole number from 1 on for which a formula that falls in it is at most a limit; ∞ where none below 2⁶² is.
    let smallestWhole name (numbers: (string * float) list) (formula: Expression) limit =
        let fits (n: float) = value ((name, n) :: numbers) formula <= limit

        let rec enough n =
            if fits n then Some n
            elif n >= 4.6e18 then None
            else enough (2.0 * n)

        let rec fewest low high =
            let middle = floor (low + (high - low) / 2.0)

            if middle <= low || middle >= high then high
            elif fits middle then fewest low middle
            else fewest middle high

        match enough 1.0 with
        | Some 1.0 -> 1.0
        | Some n -> fewest (n / 2.0) n
        | None -> infinity
