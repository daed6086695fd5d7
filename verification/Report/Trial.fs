namespace Sgm.Verification.Report

open System
open Sgm.Verification
open Sgm.Verification.Sabotage

/// The kill matrix in words, and by theorem: what every form of the report says of it.
module Trial =

    /// How a theorem's checks reacted to a bug, the strongest reaction first.
    let strongest reactions =
        [ Caught; Doubted; Missed; Untouched; Untried ]
        |> List.tryFind (fun reaction -> List.contains reaction reactions)
        |> Option.defaultValue Untouched

    /// A sign beside the word, so that colour is never the only carrier.
    let sign reaction =
        match reaction with
        | Caught -> "●"
        | Doubted -> "?"
        | Missed -> "○"
        | Untouched -> "·"
        | Untried -> " "

    let word reaction =
        match reaction with
        | Caught -> "caught: at least one of its checks is violated"
        | Doubted -> "undecided: a check comes to no verdict, which is not counted as caught"
        | Missed -> "missed: the bug was there and every check held"
        | Untouched -> "the bug changes nothing in its experiments"
        | Untried -> "not run with this bug"

    /// The theorems of the matrix in their order.
    let theorems (matrix: KillMatrix) = matrix.Checks |> List.map (fun name -> name.Theorem) |> List.distinct

    /// The strongest reaction of every theorem to a bug, in the order of `theorems`.
    let byTheorem (matrix: KillMatrix) (row: Row) =
        let reactions = row.Reactions |> List.groupBy (fun (name, _) -> name.Theorem) |> Map.ofList

        theorems matrix
        |> List.map (fun theorem ->
            Map.tryFind theorem reactions |> Option.defaultValue [] |> List.map snd |> strongest)

    /// Rows by part, in the order of the parts.
    let byPart (matrix: KillMatrix) =
        Part.all
        |> List.map (fun part -> part, matrix.Rows |> List.filter (fun row -> row.Bug.Part = part))
        |> List.filter (fun (_, rows) -> not rows.IsEmpty)

    /// "86 of 86 seeded bugs are caught; each of 312 checks catches at least one."
    let lead (matrix: KillMatrix) =
        let bugs = matrix.Rows.Length
        let caught = bugs - matrix.Survivors.Length

        let silent =
            match matrix.Silent.Length with
            | 0 -> $"each of the {matrix.Checks.Length} checks catches at least one of them"
            | n -> $"{n} of the {matrix.Checks.Length} checks catch none of them"

        $"{caught} of {bugs} seeded bugs are caught by at least one check; {silent}."

    /// What was run, and what was not.
    let method (matrix: KillMatrix) =
        let cells = if matrix.Cells = 1 then "the first cell" else $"the first {matrix.Cells} cells"

        let scope =
            "Bugs in samplers and divergences are tried on every check that runs in closed form, on the checks of this program against closed forms, and on one check of every theorem that has "
            + "none of these; bugs in statements on every check."

        $"Bugs are planted behind the theorems' backs: a bound is still evaluated from the plan that was written. {scope} Of every bound {cells} along each axis, of every rate all points of quick effort. "
        + "A check whose plan a bug leaves alone is not run. Caught means violated; a check that comes to no verdict does not count."

    let private names (checks: CheckName list) =
        checks
        |> List.countBy (fun name -> name.Theorem)
        |> List.map (fun (theorem, n) -> if n = 1 then theorem else $"{theorem} ({n})")

    /// "lee-2022-4.2 (3), exact-runs (9)": how many checks of which theorems.
    let catchers limit (row: Row) =
        match names row.CaughtBy with
        | [] -> "nothing"
        | several when several.Length > limit ->
            String.Join(", ", List.truncate limit several) + $" and {several.Length - limit} more"
        | several -> String.Join(", ", several)

    /// The bugs that a check caught, none of which is one of those that weaken every statement.
    let ofItsOwn (bugs: Bug list) = bugs |> List.filter (fun bug -> bug.Part <> Statements)
