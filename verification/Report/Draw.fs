namespace Sgm.Verification.Report

open System
open Sgm.Verification

/// Plots as SVG.
module Draw =
    let private width = 480.0
    let private left, right, top, bottom = 56.0, 466.0, 46.0, 288.0
    let private legendTop = 352.0
    let private rowHeight = 18.0
    let private el = Markup.el

    let private px (x: float) = (Math.Round(x, 2)).ToString "0.##"

    let private finite (x: float) = not (Double.IsNaN x || Double.IsInfinity x)

    let private label x y attributes children = el "text" ([ "x", px x; "y", px y ] @ attributes) children

    let private segment kind x1 y1 x2 y2 =
        el "line" [ "class", kind; "x1", px x1; "y1", px y1; "x2", px x2; "y2", px y2 ] []

    let private polyline kind points =
        let path = points |> List.map (fun (x, y) -> $"{px x},{px y}") |> String.concat " "
        el "polyline" [ "class", kind; "points", path ] []

    let private polygon kind points =
        let path = points |> List.map (fun (x, y) -> $"{px x},{px y}") |> String.concat " "
        el "polygon" [ "class", kind; "points", path ] []

    /// Marks differ in shape as well as in colour.
    let private marker kind series x y =
        match series % 4 with
        | 0 -> el "circle" [ "class", kind; "cx", px x; "cy", px y; "r", "4" ] []
        | 1 -> el "rect" [ "class", kind; "x", px (x - 3.6); "y", px (y - 3.6); "width", "7.2"; "height", "7.2" ] []
        | 2 -> polygon kind [ x, y - 5.0; x + 5.0, y; x, y + 5.0; x - 5.0, y ]
        | _ -> polygon kind [ x, y - 4.8; x + 4.8, y + 3.8; x - 4.8, y + 3.8 ]

    let private italic name = el "tspan" [ "class", "math" ] [ Text name ]

    /// base^exponent with a raised exponent; the text after it is lowered again.
    let private power name (exponent: string) after =
        [
            italic name
            el "tspan" [ "dy", "-5"; "font-size", "9.5" ] [ Text exponent ]
            el "tspan" [ "dy", "5" ] [ Text(if after = "" then "\u200A" else after) ]
        ]

    /// axis^exponent, or e^(exponent·axis) on an axis of equal steps.
    let private growth isPower axis exponent after =
        if isPower then
            power axis exponent after
        else
            power "e" $"{exponent} {axis}" after

    let private scales (plot: Plot) =
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
        let kind tick = if tick.Label.IsSome then "grid" else "minor"

        [
            for tick in Scale.ticks x do
                let at = Scale.place x tick.At
                segment (kind tick) at top at bottom

                match tick.Label with
                | Some text -> label at (bottom + 17.0) [ "text-anchor", "middle"; "class", "soft" ] text
                | None -> ()

            for tick in Scale.ticks y do
                let at = Scale.place y tick.At
                segment (kind tick) left at right at

                match tick.Label with
                | Some text -> label (left - 7.0) (at + 4.0) [ "text-anchor", "end"; "class", "soft" ] text
                | None -> ()

            el
                "rect"
                [ "class", "frame"; "x", px left; "y", px top; "width", px (right - left); "height", px (bottom - top) ]
                []

            match x.Zero with
            | Some zero ->
                let gap = (zero + x.Start) / 2.0
                label zero (bottom + 17.0) [ "text-anchor", "middle"; "class", "soft" ] [ Text "0" ]
                segment "frame" (gap - 5.0) (bottom + 5.0) (gap + 1.0) (bottom - 5.0)
                segment "frame" (gap - 1.0) (bottom + 5.0) (gap + 5.0) (bottom - 5.0)
            | None -> ()
        ]

    /// Runs of neighbouring points that a line may join: not across the break before zero.
    let private joined (x: Scale) points =
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
                    polygon
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

    let private points (x: Scale) (y: Scale) series (curve: Curve) =
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

                let reach = el "circle" [ "class", "reach"; "cx", px u; "cy", px v; "r", "10" ] []
                el "g" [ "class", "pt" ] ([ el "title" [] [ Text dot.Hint ] ] @ drawn @ wrong @ [ reach ])

                // The bound above the frame.
                match dot.Bound with
                | Some bound when bound > y.To ->
                    polyline "bar" [ u - 4.0, top + 6.0; u, top + 2.0; u + 4.0, top + 6.0 ]
                | _ -> ()
        ]
        |> el "g" [ "class", $"c{series % 6}" ]

    /// The claimed exponent: a line through the asymptotic end, a wedge of what the interval allows, and a triangle.
    let private claimedLine (x: Scale) (y: Scale) (plot: Plot) (claimed: ClaimedLine) =
        let x0, y0 = claimed.Through

        let a =
            match claimed.Claim.Exponent with
            | Exactly a
            | AtMost a -> a

        let value slope u =
            if claimed.Claim.IsExponential then
                y0 * exp (slope * (u - x0))
            else
                y0 * (u / x0) ** slope

        let place slope u = Scale.place x u, Scale.place y (Math.Clamp(value slope u, 1e-6 * y.From, 1e6 * y.To))

        let xs = plot.Curves.Head.Dots |> List.filter (fun dot -> dot.Mark = Counted) |> List.map (fun dot -> dot.X)

        let other = if List.head xs = x0 then List.last xs else List.head xs
        let isWide = claimed.Rate.Upper - claimed.Rate.Lower > 0.02

        // Between two places a third apart, beside the line.
        let triangle =
            let ends = [ Scale.place x other; Scale.place x x0 ] |> List.sort
            let from = ends[0] + 0.36 * (ends[1] - ends[0])
            let upto = ends[0] + 0.58 * (ends[1] - ends[0])
            let v u = place a (Scale.at x u) |> snd
            let v0, v1 = v from, v upto

            if claimed.Claim.IsExponential || abs (v1 - v0) < 8.0 then
                []
            else
                // Rising lines have room below on the right, falling ones below on the left.
                let corner, apart = if v1 < v0 then (upto, v0), 22.0 else (from, v1), 22.0
                let shifted (u, v) = (if v1 < v0 then u + 6.0 else u - 6.0), v + apart
                let shape = [ from, v0; upto, v1; corner ] |> List.map shifted

                if shape |> List.forall (fun (_, v) -> v < bottom - 16.0) then
                    let cu, cv = shifted corner
                    let middle = (from + upto) / 2.0 + (if v1 < v0 then 6.0 else -6.0)
                    let side = if v1 < v0 then cu + 5.0 else cu - 5.0
                    let anchor = if v1 < v0 then "start" else "end"
                    let height = (v0 + v1) / 2.0 + apart + 4.0

                    [
                        polygon "triangle" shape
                        label middle (cv + 13.0) [ "text-anchor", "middle"; "class", "soft" ] [ Text "1" ]
                        label side height [ "text-anchor", anchor; "class", "soft" ] [ Text(Numbers.chosen a) ]
                    ]
                else
                    []

        [
            if isWide && finite claimed.Rate.Lower && finite claimed.Rate.Upper then
                polygon "wedge c0" [ place a x0; place claimed.Rate.Lower other; place claimed.Rate.Upper other ]

            polyline "claimed" [ place a other; place a x0 ]
            yield! triangle
        ]

    let private key kind series y =
        match kind with
        | "measured" ->
            el
                "g"
                [ "class", $"c{series % 6}" ]
                [ segment "measured" left y (left + 26.0) y; marker "dot" series (left + 13.0) y ]
        | "hollow" -> el "g" [ "class", "c0" ] [ marker "hollow" 0 (left + 13.0) y ]
        | "breaks" ->
            el
                "g"
                []
                [
                    segment "breaks" (left + 8.0) (y - 5.0) (left + 18.0) (y + 5.0)
                    segment "breaks" (left + 8.0) (y + 5.0) (left + 18.0) (y - 5.0)
                ]
        | line -> el "g" [ "class", $"c{series % 6}" ] [ segment line left y (left + 26.0) y ]

    let private shortened length (text: string) =
        if text.Length > length then text.Substring(0, length - 1) + "…" else text

    /// The legend's rows: what stands beside a sample of the line.
    let private legend (x: Scale) (plot: Plot) =
        let isPower = x.IsLog
        let axis = plot.Axis.Symbol

        let slope (points: (float * float) list) =
            Plot.endSlope isPower points
            |> Option.map (fun slope ->
                if abs slope < 0.005 then
                    [ Text "flat" ]
                else
                    growth isPower axis (slope.ToString("0.00").Replace('-', '−')) "")

        let measured (curve: Curve) =
            curve.Dots |> List.choose (fun dot -> dot.Value |> Option.map (fun value -> dot.X, value)) |> slope

        let bound (curve: Curve) =
            curve.Dots |> List.choose (fun dot -> dot.Bound |> Option.map (fun value -> dot.X, value)) |> slope

        let ending before slope =
            match slope with
            | Some growth -> Text before :: growth
            | None -> []

        let dots = plot.Curves |> List.collect (fun curve -> curve.Dots)
        let has mark = dots |> List.exists (fun dot -> dot.Mark = mark)

        [
            match plot.Claimed, plot.Curves with
            | Some claimed, _ ->
                let value, interval = Numbers.interval claimed.Rate.Slope claimed.Rate.Lower claimed.Rate.Upper

                let claimedExponent =
                    match claimed.Claim.Exponent with
                    | Exactly a -> Numbers.chosen a
                    | AtMost a -> Numbers.chosen a

                let atMost =
                    match claimed.Claim.Exponent with
                    | Exactly _ -> "claimed "
                    | AtMost _ -> "claimed at most "

                "measured", 0, Text "measured " :: growth isPower axis value $"   {interval}"
                "claimed", 0, Text atMost :: growth isPower axis claimedExponent ""
            | None, [ single ] ->
                "measured", 0, Text("measured " + plot.Quantity) :: ending ", at the end " (measured single)
                "bound ink", 0, Text "bound" :: ending ", at the end " (bound single)
            | None, several ->
                for series, curve in List.indexed several do
                    "measured",
                    series,
                    [ Text(shortened 32 curve.Name); Text ": " ]
                    @ ending "measured " (measured curve)
                    @ ending ", bound " (bound curve)

                "bound", 0, [ Text "dashed: the bound of each, in its colour" ]

            if plot.Shared <> "" then
                "", 0, [ el "tspan" [ "class", "soft" ] [ Text("at " + shortened 60 plot.Shared) ] ]

            if has Hollow then
                "hollow",
                0,
                [
                    Text(
                        if plot.Claimed.IsSome then
                            "hollow: left out of the fit"
                        else
                            "hollow: vacuous or inconclusive"
                    )
                ]

            if has Breaks then
                "breaks", 0, [ Text "violated: measured above the bound" ]
        ]

    /// The plot; a plot that stands alone brings its own colours.
    let private svg alone (plot: Plot) =
        let x, y = scales plot
        let rows = legend x plot
        let height = legendTop + rowHeight * float rows.Length
        let clip = $"clip-{plot.Id}"
        let boundKind = if plot.Curves.Length = 1 then "bound ink" else "bound"
        let titleId = $"title-{plot.Id}"

        let inside =
            [
                yield! plot.Curves |> List.mapi (curve x y boundKind)
                yield! plot.Claimed |> Option.map (claimedLine x y plot) |> Option.defaultValue []
            ]

        let legendRows =
            rows
            |> List.mapi (fun i (kind, series, content) ->
                let at = legendTop + rowHeight * float i - 4.0

                [
                    if kind <> "" then
                        key kind series at

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
                "aria-labelledby", titleId
            ]
            [
                el "title" [ "id", titleId ] [ Text plot.Description ]

                if alone then
                    el "style" [] [ Verbatim(Style.colours + Style.plot) ]
                    el "rect" [ "width", "100%"; "height", "100%"; "style", "fill:var(--paper)" ] []

                el
                    "clipPath"
                    [ "id", clip ]
                    [
                        el
                            "rect"
                            [ "x", px left; "y", px top; "width", px (right - left); "height", px (bottom - top) ]
                            []
                    ]

                label
                    left
                    19.0
                    []
                    [
                        el "tspan" [ "class", "title" ] [ Text(shortened 30 plot.Theorem) ]
                        el "tspan" [ "dx", "8"; "class", "soft" ] [ Text(shortened 40 plot.Subject) ]
                    ]

                label
                    right
                    19.0
                    [ "text-anchor", "end"; "class", $"v-{Verdict.name plot.Verdict}"; "font-weight", "600" ]
                    [ Text $"{Wording.sign plot.Verdict} {Wording.verdict plot.Verdict}" ]

                label left (top - 8.0) [] [ Text plot.Quantity ]
                yield! grid x y
                el "g" [ "clip-path", $"url(#{clip})" ] inside
                yield! plot.Curves |> List.mapi (points x y)

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

    /// The plot of a check, for the page.
    let inPage reported = Plot.ofCheck reported |> Option.map (svg false)

    /// The plot of a check as a file of its own, for slides.
    let alone reported = Plot.ofCheck reported |> Option.map (fun plot -> Markup.write (svg true plot) + "\n")
