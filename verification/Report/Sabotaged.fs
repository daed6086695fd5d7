namespace Sgm.Verification.Report

open Sgm.Verification.Sabotage

/// The page's section on the seeded bugs: which theorem catches which.
module Sabotaged =
    let private el = Markup.el
    let private text = Markup.text

    let private mark reaction theorem =
        el
            "td"
            [ "class", $"mark m-{(string reaction).ToLowerInvariant()}"; "title", $"{theorem}: {Trial.word reaction}" ]
            [ text (Trial.sign reaction) ]

    let private bugRow theorems matrix (entry: Row) =
        el
            "tr"
            [
                if entry.CaughtBy.IsEmpty then
                    "class", "alarm"
            ]
            [
                el "th" [ "scope", "row"; "title", entry.Bug.Breaks ] [ text entry.Bug.Title ]
                el "td" [ "class", "n" ] [ text (string entry.CaughtBy.Length) ]
                yield! List.map2 mark (Trial.byTheorem matrix entry) theorems
            ]

    let private grid (matrix: KillMatrix) =
        let theorems = Trial.theorems matrix

        el
            "div"
            [ "class", "scroll kills"; "tabindex", "0"; "role", "region"; "aria-label", "Kill matrix" ]
            [
                el
                    "table"
                    []
                    [
                        el
                            "thead"
                            []
                            [
                                el
                                    "tr"
                                    []
                                    [
                                        el "th" [ "scope", "col" ] [ text "bug" ]
                                        el "th" [ "scope", "col"; "class", "n" ] [ text "checks" ]
                                        for theorem in theorems do
                                            el "th" [ "scope", "col"; "class", "up" ] [ el "span" [] [ text theorem ] ]
                                    ]
                            ]
                        for part, rows in Trial.byPart matrix do
                            el
                                "tbody"
                                []
                                [
                                    el
                                        "tr"
                                        []
                                        [
                                            el
                                                "th"
                                                [ "scope", "rowgroup"; "class", "part" ]
                                                [ text (Wording.sentence (Part.name part)) ]
                                        ]
                                    yield! rows |> List.map (bugRow theorems matrix)
                                ]
                    ]
            ]

    let private findings title items =
        [
            if not (List.isEmpty items) then
                el "h3" [] [ text title ]
                el "ul" [] [ for item in items -> el "li" [] [ text item ] ]
        ]

    /// The section, when bugs were planted.
    let section (document: Document) =
        [
            match document.Matrix with
            | None -> ()
            | Some matrix ->
                el
                    "section"
                    [ "id", "sabotage" ]
                    [
                        el "h2" [] [ text "Can the checker fail?" ]
                        el "p" [ "class", "lead" ] [ text (Trial.lead matrix) ]
                        el "p" [] [ text (Trial.method matrix + $" It took {Numbers.seconds matrix.Seconds}.") ]
                        yield!
                            findings
                                "Bugs that survive"
                                (matrix.Survivors |> List.map (fun entry -> $"{entry.Bug.Title}: {entry.Bug.Breaks}"))
                        yield! findings "Checks that catch nothing" (matrix.Silent |> List.map (fun name -> name.Text))
                        yield!
                            findings
                                "Checks left out, because they do not hold without a bug"
                                (matrix.Unsound |> List.map (fun name -> name.Text))
                        el
                            "p"
                            [ "class", "soft" ]
                            [
                                for reaction in [ Caught; Doubted; Missed; Untouched ] do
                                    text $"{Trial.sign reaction} {Trial.word reaction}. "
                            ]
                        grid matrix
                    ]
        ]
