namespace Sgm.Verification.Report

open System
open Sgm.Verification

/// Plots as SVG.
module Draw =
    open Shapes

    let private el = Markup.el

    /// The scales of a plot in the box from (left, bottom) to (right, top).
    let scalesIn (left, right) (bottom, top) (plot: Plot) =
        let dots = plot.Curves |> List.collect (fun curve -> curve.Dots)
        let xs = dots |> List.map (fun dot -> dot.X)

        let isLog =
            match plot.Claimed with
            | Some claimed -> not claimed.Claim.IsExponential
            | None -> List.forall (fun x -> x >= 0.0) xs && List.exists (fun x -> x > 0.0) xs && Scale.isGeometric xs

        let x =
            if isLog then
                Scale.logarithmic xs 0.05 left right
            else
                Scale.linear xs 0.05 left right

        let values =
            dots |> List.choose (fun dot -> dot.Value) |> List.filter (fun value -> finite value && value > 0.0)

        let largest, smallest = List.max values, List.min values

        // A bound far above what was measured leaves the picture at its top; intervals may not stretch it either.
        let bounds =
            dots
            |> List.choose (fun dot -> dot.Bound)
            |> List.filter (fun bound -> finite bound && bound > 1e-3 * smallest && bound < 1e6 * largest)

        let intervals =
            dots
            |> List.filter (fun dot -> dot.Value.IsSome)
            |> List.collect (fun dot -> [ dot.Lower; dot.Upper ])
            |> List.filter (fun v -> finite v && v > 0.03 * smallest && v < 30.0 * largest)

        x, Scale.logarithmic (values @ bounds @ intervals) 0.07 bottom top

    let private grid (x: Scale) (y: Scale) =
        // One path for all lines of a kind: a page has hundreds of plots.
        let lines kind isWanted =
            [
                for tick in Scale.ticks x |> List.filter isWanted ->
                    $"M{whole (Scale.place x tick.At)} {px top}V{px bottom}"
                for tick in Scale.ticks y |> List.filter isWanted ->
                    $"M{px left} {whole (Scale.place y tick.At)}H{px right}"
            ]
            |> String.concat ""
            |> fun path -> if path = "" then [] else [ el "path" [ "class", kind; "d", path ] [] ]

        let labels anchor (u, v) coordinate scale =
            el
                "g"
                [ "text-anchor", anchor; "class", "soft"; "transform", $"translate({px u},{px v})" ]
                [
                    for tick in Scale.ticks scale do
                        match tick.Label with
                        | Some text -> el "text" [ coordinate, whole (Scale.place scale tick.At) ] text
                        | None -> ()
                ]

        [
            yield! lines "minor" (fun tick -> tick.Label.IsNone)
            yield! lines "grid" (fun tick -> tick.Label.IsSome)
            labels "middle" (0.0, bottom + 17.0) "x" x
            labels "end" (left - 7.0, 4.0) "y" y
            el "use" [ "class", "frame"; "href", "#plot-frame" ] []

            match x.Zero with
            | Some zero ->
                let gap = (zero + x.Start) / 2.0
                label zero (bottom + 17.0) [ "text-anchor", "middle"; "class", "soft" ] [ Text "0" ]
                segment "frame" (gap - 5.0) (bottom + 5.0) (gap + 1.0) (bottom - 5.0)
                segment "frame" (gap - 1.0) (bottom + 5.0) (gap + 5.0) (bottom - 5.0)
            | None -> ()
        ]

    /// Runs of neighbouring points that a line may join: not across the break before zero.
    let joined (x: Scale) points =
        points
        |> List.groupBy (fun (at: float, _) -> x.IsLog && at = 0.0)
        |> List.map snd
        |> List.filter (fun run -> List.length run > 1)

    let private curve (x: Scale) (y: Scale) boundKind series (curve: Curve) =
        let at (u, v) = Scale.place x u, Scale.place y v

        let measured =
            curve.Dots
            |> List.choose (fun dot -> dot.Value |> Option.map (fun value -> dot.X, value))
            |> List.filter (fun (_, value) -> finite value && value > 0.0)

        // Far above the frame is as good as infinite, and keeps the numbers small.
        let bounds =
            curve.Dots
            |> List.choose (fun dot -> dot.Bound |> Option.map (fun bound -> dot.X, min bound (1e3 * y.To)))
            |> List.filter (fun (_, bound) -> bound > 0.0)

        [
            for run in joined x (curve.Dots |> List.map (fun dot -> dot.X, dot)) do
                let both =
                    run
                    |> List.map snd
                    |> List.filter (fun dot ->
                        dot.Bound |> Option.exists (fun b -> b > 0.0)
                        && dot.Value |> Option.exists (fun v -> finite v && v > 0.0))

                if both.Length > 1 then
                    area
                        "slack"
                        ((both |> List.map (fun dot -> at (dot.X, dot.Value.Value)))
                         @ (both |> List.rev |> List.map (fun dot -> at (dot.X, min dot.Bound.Value (1e3 * y.To)))))

            for run in joined x measured do
                polyline "measured" (List.map at run)

            for run in joined x bounds do
                polyline boundKind (List.map at run)

            // A bound that stands alone has no line.
            if List.length bounds = 1 then
                let u, v = at bounds.Head
                segment boundKind (u - 12.0) v (u + 12.0) v

            for dot in curve.Dots do
                match dot.Value with
                | Some value when finite value && value > 0.0 ->
                    let low = Scale.place y (max y.From dot.Lower)
                    let high = Scale.place y (min y.To dot.Upper)

                    if low - high > 5.0 then
                        let u = Scale.place x dot.X
                        segment "bar" u low u high
                        segment "bar" (u - 3.5) low (u + 3.5) low
                        segment "bar" (u - 3.5) high (u + 3.5) high
                | _ -> ()
        ]
        |> el "g" [ "class", $"c{series % 6}" ]

    /// What stands where a number cannot: at the top for infinity, at the bottom for zero, nothing and not applicable.
    let private edgeSign (dot: Dot) =
        match dot.Value with
        | Some value when Double.IsPositiveInfinity value -> "∞", top + 13.0
        | Some _ -> "0", bottom - 5.0
        | None when dot.Mark = Outside -> "–", bottom - 5.0
        | None -> "?", bottom - 5.0

    /// In the page a script writes the hint of a point from its row in the table; a plot that stands alone has it itself.
    let private points alone inOrder (x: Scale) (y: Scale) series (curve: Curve) =
        [
            for dot in curve.Dots do
                let u = Scale.place x dot.X

                let drawn, v =
                    match dot.Value with
                    | Some value when finite value && value > 0.0 ->
                        let v = Scale.place y value
                        let kind = if dot.Mark = Hollow then "hollow" else "dot"
                        [ marker kind series u v ], v
                    | _ ->
                        let sign, v = edgeSign dot
                        [ label u v [ "text-anchor", "middle"; "fill", "currentColor" ] [ Text sign ] ], v - 4.0

                let wrong =
                    if dot.Mark = Breaks then
                        [
                            segment "breaks" (u - 6.0) (v - 6.0) (u + 6.0) (v + 6.0)
                            segment "breaks" (u - 6.0) (v + 6.0) (u + 6.0) (v - 6.0)
                        ]
                    else
                        []

                if alone then
                    el "g" [] (el "title" [] [ Text dot.Hint ] :: drawn @ wrong)
                else
                    let row = if inOrder then [] else [ "data-row", string dot.Row ]
                    el "g" (("class", "pt") :: row) (drawn @ wrong)

                // The bound above the frame.
                match dot.Bound with
                | Some bound when bound > y.To ->
                    polyline "bar" [ u - 4.0, top + 6.0; u, top + 2.0; u + 4.0, top + 6.0 ]
                | _ -> ()
        ]
        |> el "g" [ "class", $"c{series % 6}" ]

    /// The plot; a plot that stands alone brings its own colours.
    let private svg alone (plot: Plot) =
        let x, y = scalesIn (left, right) (bottom, top) plot
        let rows = Legend.rows x plot
        let height = legendTop + rowHeight * float rows.Length
        let order = plot.Curves |> List.collect (fun curve -> curve.Dots |> List.map (fun dot -> dot.Row))
        let inOrder = order = [ 0 .. order.Length - 1 ]

        // In the page the caption, and the table of its check, say the rest.
        let words =
            if alone then
                plot.Description
            else
                match plot.Verdict with
                | Some verdict -> $"{plot.Theorem}, {plot.Subject}: {Wording.verdict verdict}."
                | None -> $"{plot.Theorem}, {plot.Subject}"

        let boundKind = if plot.Curves.Length = 1 then "bound ink" else "bound"

        let inside =
            [
                yield! plot.Curves |> List.mapi (curve x y boundKind)
                yield! plot.Claimed |> Option.map (Slopes.draw x y plot) |> Option.defaultValue []
            ]

        let legendRows =
            rows
            |> List.mapi (fun i (kind, series, content) ->
                let at = legendTop + rowHeight * float i - 4.0

                [
                    if kind <> "" then
                        Legend.key kind series at

                    label (left + 34.0) (at + 4.0) [] content
                ])
            |> List.concat

        el
            "svg"
            [
                if alone then
                    "xmlns", "http://www.w3.org/2000/svg"

                "class", "plot"
                "viewBox", $"0 0 {px width} {px height}"
                "role", "img"
            ]
            [
                el "title" [] [ Text words ]

                if alone then
                    el "style" [] [ Verbatim(Style.colours + Style.plot) ]
                    el "rect" [ "width", "100%"; "height", "100%"; "style", "fill:var(--paper)" ] []
                    frame

                label
                    left
                    19.0
                    []
                    [
                        el "tspan" [ "class", "title" ] [ Text(shortened 22 plot.Theorem) ]
                        el "tspan" [ "dx", "8"; "class", "soft" ] [ Text(shortened 26 plot.Subject) ]
                    ]

                match plot.Verdict with
                | Some verdict ->
                    label
                        right
                        19.0
                        [ "class", $"ending v-{Verdict.name verdict}" ]
                        [ Text $"{Wording.sign verdict} {Wording.verdict verdict}" ]
                | None -> ()

                label left (top - 8.0) [] [ Text(shortened 64 plot.Quantity) ]
                yield! grid x y
                el "g" [ "clip-path", "url(#plot-clip)" ] inside
                yield! plot.Curves |> List.mapi (points alone inOrder x y)

                label
                    ((left + right) / 2.0)
                    (bottom + 37.0)
                    [ "text-anchor", "middle" ]
                    [
                        italic plot.Axis.Symbol
                        el "tspan" [ "class", "soft" ] [ Text(shortened 60 ("  " + plot.Axis.Meaning)) ]
                    ]

                yield! legendRows
            ]

    /// A plot for a page.
    let ofPlot plot = svg false plot

    /// The plot of a check, for the page.
    let inPage reported = Plot.ofCheck reported |> Option.map (svg false)

    /// The plot of a check as a file of its own, for slides.
    let alone reported = Plot.ofCheck reported |> Option.map (fun plot -> Markup.write (svg true plot) + "\n")
