namespace Sgm.Verification.Report

open Sgm.Verification

/// A theorem's picture for its row: measured against bound along the first axis or, without a bound, what a rate is read from.
module Spark =
    let private el = Markup.el
    let private width, height = 120.0, 40.0

    let private draw (plot: Plot) =
        let x, y = Draw.scalesIn (3.0, width - 3.0) (height - 3.0, 3.0) plot
        let dots = plot.Curves.Head.Dots |> List.filter (fun dot -> Shapes.finite dot.X)

        let stroke kind value =
            [
                for run in
                    dots
                    |> List.choose (fun dot -> value dot |> Option.map (fun v -> dot.X, v))
                    |> List.filter (fun (_, v) -> Shapes.finite v && v > 0.0)
                    |> Draw.joined x do
                    // What leaves the picture is drawn at its edge.
                    run
                    |> List.map (fun (u, v) -> Scale.place x u, Scale.place y (max y.From (min y.To v)))
                    |> Shapes.polyline kind
            ]

        el
            "svg"
            [
                "class", "spark"
                "viewBox", $"0 0 {Shapes.px width} {Shapes.px height}"
                "role", "img"
                "aria-label", $"{plot.Quantity} along {plot.Axis.Symbol}"
            ]
            (stroke "bound" (fun dot -> dot.Bound) @ stroke "measured" (fun dot -> dot.Value))

    /// The picture of a theorem, if one of its checks has a curve.
    let ofLine (line: TheoremLine) =
        let hasCurve (plot: Plot) =
            plot.Curves.Head.Dots
            |> List.filter (fun dot -> dot.Value |> Option.exists (fun v -> Shapes.finite v && v > 0.0))
            |> List.length
            |> fun n -> n > 1

        let bounds, rates = line.Checks |> List.partition (fun reported -> reported.Check.Kind <> RateCheck)
        bounds @ rates |> List.tryPick (Plot.ofCheck >> Option.filter hasCurve) |> Option.map draw
