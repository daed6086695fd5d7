namespace Sgm.Verification.Report

open Sgm.Verification
open Sgm.Verification.Sabotage

/// docs/trust.md: why a verdict can be believed, with the kill matrix. Written by `sgm verify --sabotage FILE`.
module Trust =
    let private escape = Markdown.escape
    let private row cells = cells |> String.concat " | " |> sprintf "| %s |"

    let private bugTable (rows: Row list) =
        [
            row [ "bug"; "what breaks"; "checks"; "caught by" ]
            row [ "---"; "---"; "--:"; "---" ]
            for entry in rows do
                row
                    [
                        escape entry.Bug.Title
                        escape entry.Bug.Breaks
                        string entry.CaughtBy.Length
                        escape (Trial.catchers 4 entry)
                    ]
        ]

    let private matrixTable (matrix: KillMatrix) =
        let theorems = Trial.theorems matrix
        let numbered = theorems |> List.mapi (fun i theorem -> i + 1, theorem)

        [
            "Columns are theorems:"
            ""
            yield!
                numbered
                |> List.chunkBySize 4
                |> List.map (fun few ->
                    few |> List.map (fun (i, t) -> $"{i} {t}") |> String.concat " · " |> (fun line -> $"{line}  "))
            ""
            "```"
            let width = matrix.Rows |> List.map (fun entry -> entry.Bug.Id.Length) |> List.fold max 0
            let heading digit = numbered |> List.map (fun (i, _) -> digit i) |> String.concat ""
            "".PadRight(width + 2) + heading (fun i -> if i % 10 = 0 then string (i / 10) else " ")
            "".PadRight(width + 2) + heading (fun i -> string (i % 10))

            for entry in matrix.Rows do
                let marks = Trial.byTheorem matrix entry |> List.map Trial.sign |> String.concat ""
                entry.Bug.Id.PadRight(width + 2) + marks

            "```"
            ""

            for reaction in [ Caught; Doubted; Missed; Untouched ] do
                $"`{Trial.sign reaction}` {Trial.word reaction}  "
        ]

    let private checkTable (matrix: KillMatrix) =
        [
            row
                [
                    "theorem"
                    "checks"
                    "bugs caught"
                    "of them not in statements"
                    "checks that only a changed statement fails"
                ]
            row [ "---"; "--:"; "--:"; "--:"; "--:" ]
            for theorem, checks in matrix.Catches |> List.groupBy (fun (name, _) -> name.Theorem) do
                let bugs = checks |> List.collect snd |> List.distinctBy (fun bug -> bug.Id)
                let only = checks |> List.filter (fun (_, caught) -> (Trial.ofItsOwn caught).IsEmpty)

                row
                    [
                        escape theorem
                        string checks.Length
                        string bugs.Length
                        string (Trial.ofItsOwn bugs).Length
                        (if only.IsEmpty then "" else string only.Length)
                    ]
        ]

    /// The document.
    let text (matrix: KillMatrix) =
        [
            "# Can the checker fail?"
            ""
            "<!-- Written by `sgm verify --sabotage docs/trust.md`; edit verification/Report/Trust.fs instead. -->"
            ""
            "A check that cannot fail says nothing. So the verifier is run against itself: small mistakes, as a person makes them, are planted one at a time in the steps, schedules,"
            + " scores, divergences, random streams, bounds and claims, and the catalogue must come back `violated`."
            ""
            $"**{Trial.lead matrix}**"
            ""
            Trial.method matrix
            + $" {matrix.Rows.Length} bugs, {matrix.Checks.Length} checks, {Numbers.seconds matrix.Seconds}, SgmDsl {Version.text}. `sgm verify --effort full` runs it again, and so does"
            + " `sgm verify --sabotage FILE`; a bug that survives makes either end with exit code 1."
            ""
            if not matrix.Survivors.IsEmpty then
                "**Survivors:** "
                + (matrix.Survivors |> List.map (fun entry -> escape entry.Bug.Title) |> String.concat "; ")
                + "."

                ""
            if not matrix.Silent.IsEmpty then
                "**Checks that catch nothing:** "
                + (matrix.Silent |> List.map (fun name -> escape name.Text) |> String.concat "; ")
                + "."

                ""
            if not matrix.Unsound.IsEmpty then
                "**Left out**, because they do not hold without a bug: "
                + (matrix.Unsound |> List.map (fun name -> escape name.Text) |> String.concat "; ")
                + "."

                ""
            "## The bugs"
            ""
            for part, rows in Trial.byPart matrix do
                $"### In {Part.name part}"
                ""
                yield! bugTable rows
                ""
            "## Which theorem catches which bug"
            ""
            yield! matrixTable matrix
            ""
            "## What every theorem is able to catch"
            ""
            "A bound with much room above the truth can hardly be violated by a small bug in a sampler. Such checks are shown able to fail by a changed statement only, and are counted in the last column."
            ""
            yield! checkTable matrix
        ]
        |> String.concat "\n"
        |> fun text -> text + "\n"
