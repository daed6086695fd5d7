namespace Sgm.Verification.Report

open Sgm.Verification

/// index.html: one file, nothing fetched.
module Html =
    let private el = Markup.el
    let private text = Markup.text

    /// Nothing may be fetched, whatever a name in the report looks like.
    let private policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"

    /// A page of a report, with its title, body and what its style says besides.
    let styled style title body =
        let head =
            el
                "head"
                []
                [
                    el "meta" [ "charset", "utf-8" ] []
                    el "meta" [ "http-equiv", "Content-Security-Policy"; "content", policy ] []
                    el "meta" [ "name", "viewport"; "content", "width=device-width, initial-scale=1" ] []
                    el "meta" [ "name", "color-scheme"; "content", "light dark" ] []
                    el "title" [] [ text title ]
                    el "style" [] [ Verbatim(Style.colours + Style.page + Style.plot + style + Style.print) ]
                    el "script" [] [ Verbatim Style.themeScript ]
                ]

        "<!DOCTYPE html>\n" + Markup.write (el "html" [ "lang", "en" ] [ head; body ]) + "\n"

    /// A page of a report, with its title and body.
    let whole title body = styled "" title body

    let private guide (document: Document) =
        let entry term description = [ el "dt" [] term; el "dd" [] description ]

        el
            "section"
            [ "id", "how-to-read" ]
            [
                el "h2" [] [ text "How to read this report" ]
                el
                    "p"
                    []
                    [
                        text
                            "A check holds one theorem against experiments along one axis. Every experiment is a cell: the sampler runs, a divergence between the law of its output and the target is measured, and the theorem's bound is evaluated from the very plan that ran. Measured values are intervals; exact laws give brackets as narrow as rounding."
                    ]
                el
                    "dl"
                    [ "class", "guide" ]
                    [
                        for verdict in Wording.verdicts do
                            yield! entry [ Overview.verdict verdict ] [ text (Wording.definition verdict) ]

                        yield!
                            entry
                                [ text "measured/bound" ]
                                [
                                    text
                                        $"How much of the bound is used up. 1 is a sharp theorem; 0.01 is a theorem with a factor 100 to spare there. The table shows the largest (tightest) and the smallest (loosest) over a theorem's cells. An exact law cannot tell an excess below {Numbers.short Verdict.resolution} of the bound from equality, and counts it as equality."
                                ]

                        yield!
                            entry
                                [ text "vacuous" ]
                                [
                                    text
                                        "The bound is true but says nothing that was not known before, for instance a total variation of at most 3. Such cells are drawn hollow."
                                ]

                        yield!
                            entry
                                [ text "counts" ]
                                [
                                    text
                                        "A bound is one claim on however many scenarios it is tried, a rate one for every axis and quantity, tightness one for every scenario. Independent experiments are distinct experiment texts; two cells may share one."
                                ]

                        yield!
                            entry
                                [ text "exponents" ]
                                [
                                    text
                                        "A rate claims that a measured quantity behaves like a power of the axis, or like an exponential in it. The exponent is read at the asymptotic end; the interval covers the last local slopes and their extrapolation. In pictures the dotted line is the claim, drawn through the last point, and the triangle shows its slope. A claim in parentheses is exact, or one-sided: ≤ where the value may grow at most so fast, ≥ where it must vanish at least so fast. “At the end” is the exponent between the last two points."
                                ]

                        yield! entry [ text "error budget" ] [ text (Document.budget document) ]

                        yield!
                            entry
                                [ text "replay" ]
                                [
                                    text
                                        "Every cell is a file. Its command, typed in this report's folder, measures it again; "
                                    el "code" [] [ text "sgm" ]
                                    text " is "
                                    el "code" [] [ text "dotnet run -c Release --project cli --" ]
                                    text " in the repository."
                                ]
                    ]
            ]

    let private body (document: Document) =
        let lines = Summary.lines document

        el
            "body"
            []
            [
                // What all plots share; drawn nowhere itself.
                el "svg" [ "class", "shared"; "aria-hidden", "true" ] [ Shapes.frame ]
                Overview.header document lines
                el
                    "main"
                    []
                    [
                        Overview.verdicts lines
                        yield! Sabotaged.section document
                        yield! Summary.byPaper lines |> List.map Evidence.paper
                        guide document
                    ]
                el
                    "footer"
                    []
                    [
                        text $"Written by SgmDsl {Version.text}. The same in other forms: "
                        el "a" [ "href", "report.json" ] [ text "report.json" ]
                        text ", "
                        el "a" [ "href", "report.md" ] [ text "report.md" ]
                        text "."
                    ]
                el "script" [] [ Verbatim(Style.script + Style.filterScript) ]
            ]

    /// The page.
    let page (document: Document) = whole "Verification report · SgmDsl" (body document)
