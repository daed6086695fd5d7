namespace Sgm.Verification.Report

open Sgm.Engine
open Sgm.Verification

/// Work against precision as small multiples: a panel a sampler, its own curve before those of all others, on axes that they share.
module WorkPlot =
    open Shapes

    let private el = Markup.el
    let private across, down = 232.0, 176.0
    let private left, right, top, bottom = 44.0, 222.0, 26.0, 140.0

    /// Points are evaluations, the value, and whether it is certain: particles' values have sampling noise.
    type private Curve = { Sampler: string; Points: (float * float * bool) list }

    let private curves (metric: Metric) (rows: WorkRow list) =
        [
            for name, several in rows |> List.groupBy _.Name do
                let points =
                    [
                        for row in several do
                            match row.End.Find metric with
                            | Some found when
                                found.Value.HasValue && finite found.Value.Value && found.Value.Value > 0.0
                                ->
                                float row.End.Evaluations, found.Value.Value, found.Confidence = 1.0
                            | _ -> ()
                    ]

                { Sampler = name; Points = points |> List.distinctBy (fun (u, _, _) -> u) }
        ]

    let private line kind (x: Scale) (y: Scale) (curve: Curve) =
        polyline kind [ for u, v, _ in curve.Points -> Scale.place x u, Scale.place y v ]

    let private panel others (x: Scale) (y: Scale) (curve: Curve) =
        let strokes =
            Scale.ticks y
            |> List.filter _.Label.IsSome
            |> List.map (fun tick -> $"M{px left} {whole (Scale.place y tick.At)}H{px right}")
            |> String.concat ""

        [
            label left (top - 9.0) [ "class", "title" ] [ Text(shortened 30 curve.Sampler) ]
            el "path" [ "class", "grid"; "d", strokes ] []

            for tick in Scale.ticks y do
                match tick.Label with
                | Some words ->
                    label (left - 5.0) (Scale.place y tick.At + 3.5) [ "text-anchor", "end"; "class", "soft" ] words
                | None -> ()

            el "use" [ "class", "others"; "href", $"#{others}" ] []
            line "measured" x y curve

            for u, v, isCertain in curve.Points do
                let across = Scale.place x u
                label across (bottom + 14.0) [ "text-anchor", "middle"; "class", "soft" ] [ Text(Numbers.chosen u) ]
                marker (if isCertain then "dot" else "hollow") 0 across (Scale.place y v)
        ]

    let private lastLine = 24.0

    /// A sheet of panels, or None where nothing positive was measured.
    let sheet (metric: Metric) (rows: WorkRow list) =
        let curves = curves metric rows |> List.filter (fun curve -> not curve.Points.IsEmpty)

        match curves |> List.collect _.Points with
        | [] -> None
        | points ->
            let x = Scale.logarithmic [ for u, _, _ in points -> u ] 0.06 left right
            let y = Scale.logarithmic [ for _, v, _ in points -> v ] 0.06 bottom top
            let others = $"others-{metric.Name}"
            let columns = min 4 curves.Length
            let high = float ((curves.Length + columns - 1) / columns) * down + lastLine
            let wide = float columns * across

            let description =
                $"{metric.Symbol} at the end against evaluations of the score, for {curves.Length} samplers."

            Some(
                el
                    "svg"
                    [ "viewBox", $"0 0 {px wide} {px high}"; "role", "img"; "class", "work"; "aria-label", description ]
                    [
                        el "title" [] [ Text description ]
                        el "defs" [] [ el "g" [ "id", others ] [ for curve in curves -> line "line" x y curve ] ]

                        for i, curve in List.indexed curves do
                            el
                                "g"
                                [
                                    "transform",
                                    $"translate({px (float (i % columns) * across)},{px (float (i / columns) * down)})"
                                ]
                                (panel others x y curve)

                        label
                            left
                            (high - 8.0)
                            [ "class", "soft" ]
                            [
                                Text
                                    $"across: evaluations of the score; up: {metric.Symbol} at the end; grey: the others; hollow: particles, with sampling noise"
                            ]
                    ],
                description
            )

    /// Colours and strokes, in terms of those of the pages.
    let style =
        "svg.work{fill:none;font-size:11px;stroke-linejoin:round}svg.work text{fill:var(--ink)}svg.work text.soft{fill:var(--soft);font-size:10px}"
        + "svg.work .title{font-weight:600}svg.work .grid{stroke:var(--grid)}svg.work .others{stroke:var(--soft);stroke-opacity:.28;stroke-width:1}"
        + "svg.work .measured{stroke:var(--c0);stroke-width:2}svg.work .dot{fill:var(--c0)}svg.work .hollow{fill:var(--paper);stroke:var(--c0);stroke-width:1.5}"
