namespace Sgm.Verification.Report

open Sgm.Verification

/// What stands below a plot.
module Legend =
    open Shapes

    let private el = Markup.el

    let key kind series y =
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

    /// The legend's rows: what stands beside a sample of the line.
    let rows (x: Scale) (plot: Plot) =
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

        let ending before slope after =
            match slope with
            | Some growth -> Text before :: growth @ [ Text after ]
            | None -> []

        let dots = plot.Curves |> List.collect (fun curve -> curve.Dots)
        let isBounded = dots |> List.exists (fun dot -> dot.Bound.IsSome)
        let has mark = dots |> List.exists (fun dot -> dot.Mark = mark)

        [
            match plot.Claimed, plot.Curves with
            | Some claimed, _ ->
                let value, interval = Numbers.interval claimed.Rate.Slope claimed.Rate.Lower claimed.Rate.Upper

                let exponent a = growth isPower axis (Numbers.chosen a)

                let line =
                    match claimed.Claim.Exponent with
                    | Exactly a -> Text "claimed " :: exponent a ""
                    | AtMost a -> Text "claimed O(" :: exponent a ")"

                "measured", 0, Text "measured " :: growth isPower axis value $"   {interval}"
                "claimed", 0, line
            | None, [ single ] ->
                "measured",
                0,
                Text(shortened 36 ("measured " + plot.Quantity)) :: ending ": " (measured single) " at the end"

                if isBounded then
                    "bound ink", 0, Text "bound" :: ending ": " (bound single) " at the end"
            | None, several ->
                for series, curve in List.indexed several do
                    "measured",
                    series,
                    [ Text(shortened 30 curve.Name); Text ": " ]
                    @ ending "measured " (measured curve) ""
                    @ ending ", bound " (bound curve) ""

                if isBounded then
                    "bound", 0, [ Text "dashed: the bound of each; exponents at the end" ]

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
