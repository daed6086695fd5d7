namespace Sgm.Verification.Report

open System

/// The strokes that plots are made of, and where the frame stands.
module Shapes =
    let private el = Markup.el
    let width = 480.0
    let left, right, top, bottom = 62.0, 466.0, 48.0, 288.0
    let legendTop = 352.0
    let rowHeight = 18.0

    let px (x: float) = (Math.Round(x, 1)).ToString "0.#"

    /// To whole units, for the many strokes and words of a grid.
    let whole (x: float) = (Math.Round x).ToString "0"

    let finite (x: float) = not (Double.IsNaN x || Double.IsInfinity x)

    let label x y attributes children = el "text" ([ "x", px x; "y", px y ] @ attributes) children

    let segment kind x1 y1 x2 y2 = el "path" [ "class", kind; "d", $"M{px x1} {px y1}L{px x2} {px y2}" ] []

    let polyline kind points =
        let path = points |> List.map (fun (x, y) -> $"{px x},{px y}") |> String.concat " "
        el "polyline" [ "class", kind; "points", path ] []

    /// A shaded region, to whole units.
    let area kind points =
        let path = points |> List.map (fun (x, y) -> $"{whole x},{whole y}") |> String.concat " "
        el "polygon" [ "class", kind; "points", path ] []

    let polygon kind points =
        let path = points |> List.map (fun (x, y) -> $"{px x},{px y}") |> String.concat " "
        el "polygon" [ "class", kind; "points", path ] []

    /// The frame of a plot and what is cut off at it, once for all plots of a page.
    let frame =
        el
            "defs"
            []
            [
                el
                    "rect"
                    [
                        "id", "plot-frame"
                        "x", px left
                        "y", px top
                        "width", px (right - left)
                        "height", px (bottom - top)
                    ]
                    []
                el "clipPath" [ "id", "plot-clip" ] [ el "use" [ "href", "#plot-frame" ] [] ]
            ]

    /// Marks differ in shape as well as in colour.
    let marker kind series x y =
        match series % 4 with
        | 0 -> el "circle" [ "class", kind; "cx", px x; "cy", px y; "r", "4" ] []
        | 1 -> el "rect" [ "class", kind; "x", px (x - 3.6); "y", px (y - 3.6); "width", "7.2"; "height", "7.2" ] []
        | 2 -> polygon kind [ x, y - 5.0; x + 5.0, y; x, y + 5.0; x - 5.0, y ]
        | _ -> polygon kind [ x, y - 4.8; x + 4.8, y + 3.8; x - 4.8, y + 3.8 ]

    let italic name = el "tspan" [ "class", "math" ] [ Text name ]

    /// base^exponent with a raised exponent; the text after it is lowered again.
    let power name (exponent: string) after =
        [
            italic name
            el "tspan" [ "dy", "-5"; "font-size", "9.5" ] [ Text exponent ]
            el "tspan" [ "dy", "5" ] [ Text(if after = "" then "\u200A" else after) ]
        ]

    /// axis^exponent, or e^(exponent·axis) on an axis of equal steps.
    let growth isPower axis exponent after =
        if isPower then
            power axis exponent after
        else
            power "e" $"{exponent} {axis}" after

    /// The beginning of a text that is too long for its place.
    let shortened length (text: string) = if text.Length > length then text.Substring(0, length - 1) + "…" else text
