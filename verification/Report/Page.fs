namespace Sgm.Verification.Report

/// What the pages of one run, one certificate and one sweep have in common.
module Page =
    let private el = Markup.el
    let private text = Markup.text

    /// What is written into the report's folder.
    let paths = [ "index.html" ]

    let figure caption svg = el "figure" [] [ svg; el "figcaption" [] [ el "p" [] [ text caption ] ] ]

    /// Rows under titles, those of numbers set to the right.
    let table label (columns: (string * bool) list) (rows: string list list) =
        let kinds = columns |> List.map (fun (_, isNumber) -> if isNumber then "n" else "")

        let row cells =
            List.map2
                (fun kind (cell: string) -> el "td" (if kind = "" then [] else [ "class", kind ]) [ text cell ])
                kinds
                cells
            |> el "tr" []

        Overview.table
            label
            (List.map2 (fun kind (title, _) -> kind, title) kinds columns)
            [ el "tbody" [] (List.map row rows) ]

    let source title code = el "section" [] [ el "h2" [] [ text title ]; el "pre" [] [ el "code" [] [ text code ] ] ]

    /// The files of a page: its name, what its style and script say besides, what it is, facts in a sentence, and its sections.
    let files title (style, script) lead facts (sections: Markup list) =
        let body =
            el
                "body"
                []
                [
                    el "svg" [ "class", "shared"; "aria-hidden", "true" ] [ Shapes.frame ]
                    el
                        "header"
                        []
                        [
                            el "div" [ "class", "top" ] [ el "h1" [] [ text title ] ]
                            el "p" [ "class", "lead" ] [ text lead ]
                            el "p" [ "class", "soft" ] [ text facts ]
                        ]
                    el "main" [] sections
                    el "footer" [] [ text $"Written by SgmDsl {Sgm.Verification.Version.text}." ]
                    el "script" [] [ Verbatim(Style.script + script) ]
                ]

        [ paths.Head, Html.styled style $"{title} · SgmDsl" body ]
