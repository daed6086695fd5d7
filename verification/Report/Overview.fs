namespace Sgm.Verification.Report

open Sgm.Verification

/// The top of the page: what came out, in one look.
module Overview =
    let private el = Markup.el
    let private text = Markup.text

    /// The verdict as a coloured word with its sign.
    let verdict value =
        el
            "span"
            [ "class", $"verdict v-{Verdict.name value}" ]
            [ text $"{Wording.sign value} {Wording.verdict value}" ]

    /// A table in a box of its own, which scrolls where the page is narrow; without a label a script gives it that of its section.
    let table label (headings: (string * string) list) bodies =
        el
            "div"
            (("class", "scroll")
             :: (if label = "" then
                     []
                 else
                     [ "tabindex", "0"; "role", "region"; "aria-label", label ]))
            [
                el
                    "table"
                    []
                    (el
                        "thead"
                        []
                        [
                            el
                                "tr"
                                []
                                [
                                    for kind, heading in headings do
                                        el "th" (if kind = "" then [] else [ "class", kind ]) (Maths.render heading)
                                ]
                        ]
                     :: bodies)
            ]

    let private tiles lines =
        el
            "ul"
            [ "class", "tiles" ]
            [
                for value in Wording.verdicts do
                    let count = lines |> List.filter (fun line -> Summary.verdict line = value) |> List.length
                    let kind = if count = 0 then "none" else $"v-{Verdict.name value}"

                    el
                        "li"
                        [ "class", kind ]
                        [ el "b" [] [ text (string count) ]; text $"{Wording.sign value} {Wording.verdict value}" ]
            ]

    let private facts (document: Document) counts =
        el
            "dl"
            [ "class", "facts" ]
            [
                for name, value in
                    [
                        "In all", Summary.claims counts
                        "Checks", string counts.Checks
                        "Independent experiments", $"""{counts.Experiments}, in {Wording.count counts.Cells "cell"}"""
                        if counts.Missing > 0 then
                            "Missing", Wording.count counts.Missing "cell"

                        "Cells with a vacuous bound", Wording.share document.Result.Vacuous document.Result.BoundCells
                        "Effort", Wording.effort document.Result.Effort
                        "Time", Numbers.seconds document.Result.Seconds
                        "SgmDsl", Version.text
                        "Written", document.WrittenAt.ToString "yyyy-MM-dd HH:mm 'UTC'"
                    ] do
                    el "div" [] [ el "dt" [] [ text name ]; el "dd" [] [ text value ] ]
            ]

    let header (document: Document) lines =
        let counts = Summary.counts document

        el
            "header"
            []
            [
                el "div" [ "class", "top" ] [ el "h1" [] [ text "Samplers against their theorems" ] ]
                el
                    "p"
                    [ "class", "lead" ]
                    [
                        text $"{Summary.theorems counts}: {Summary.verdicts lines}. "
                        el "a" [ "href", "#how-to-read" ] [ text "How to read this report" ]
                    ]
                tiles lines
                facts document counts
            ]

    /// What does not hold, with its reason and a link to its picture.
    let private reasons line =
        [
            for reported in Summary.unsettled line do
                let check = reported.Check
                let reason = Option.defaultValue "no reason was given" check.Reason

                el
                    "p"
                    [ "class", "why" ]
                    [
                        verdict check.Verdict
                        text " "
                        el "a" [ "href", $"#{reported.Anchor}" ] [ text $"{check.KindName} along {check.Axis.Symbol}" ]
                        text $": {Maths.numbers reason}"
                    ]
        ]

    let private cell (line: TheoremLine) (column: Column<TheoremLine>) =
        let parts = column.Parts line

        let content =
            match column.Look with
            | Identifier ->
                [
                    yield! parts |> List.map (fun part -> el "a" [ "href", $"#{line.Anchor}" ] [ text part ])
                    el "span" [ "class", "soft" ] [ text line.Theorem.Title ]
                    yield! reasons line
                ]
            | Judged -> [ verdict (Summary.verdict line) ]
            | Words
            | Number -> [ for part in parts -> el "span" [ "class", "part" ] (Maths.render part) ]

        let isEmpty = parts |> List.forall ((=) "")

        let kind =
            match column.Look with
            | Identifier -> "id"
            | Number -> "n"
            | Judged
            | Words -> ""

        el "td" [ "class", (if isEmpty then kind + " empty" else kind); "data-label", column.Title ] content

    let private row (line: TheoremLine) =
        let value = Summary.verdict line

        el
            "tr"
            [
                "data-verdict", Verdict.name value
                if value = Violated then
                    "class", "alarm"
            ]
            [
                yield! Tables.theorems |> List.map (cell line)
                el "td" [ "class", "picture" ] (Option.toList (Spark.ofLine line))
            ]

    /// One row a theorem, by paper. With scripts, a search and filters stand above it.
    let verdicts (lines: TheoremLine list) =
        let headings =
            [
                yield!
                    Tables.theorems |> List.map (fun column -> (if column.Look = Number then "n" else ""), column.Title)
                "", "measured —, bound - -"
            ]

        let bodies =
            [
                for (paper, reference), lines in Summary.byPaper lines do
                    el
                        "tbody"
                        [ "data-paper", paper ]
                        [
                            el
                                "tr"
                                [ "class", "paper" ]
                                [
                                    el
                                        "th"
                                        [ "colspan", string headings.Length; "scope", "rowgroup" ]
                                        [ text $"{paper} ({reference})" ]
                                ]
                            yield! List.map row lines
                        ]
            ]

        el
            "section"
            [ "id", "verdicts"; "aria-label", "Verdicts" ]
            [ el "div" [ "class", "theorems" ] [ table "Theorems" headings bodies ] ]
