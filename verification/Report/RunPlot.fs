namespace Sgm.Verification.Report

open System
open Sgm.Engine

/// A place along a run: the law there against the target, and what was measured.
type RunPlace =
    {
        Name: string
        /// After so many steps.
        Step: int64
        /// The level in words: "t = 0.5".
        Level: string
        Metrics: (Metric * Estimate) list
        Picture: LawPicture
    }

/// The pictures of a run.
module RunPlot =
    open Shapes

    let private el = Markup.el

    /// What the law is drawn from: a curve that is known, or particles.
    let private lawWords isParticles = if isParticles then "particles" else "law of the state q"

    let private grid (x: Scale) (y: Scale) showsOrdinates =
        [
            for tick in Scale.ticks x do
                match tick.Label with
                | Some words ->
                    let u = Scale.place x tick.At
                    segment "grid" u top u bottom
                    label u (bottom + 17.0) [ "text-anchor", "middle"; "class", "soft" ] words
                | None -> ()

            for tick in Scale.ticks y do
                match tick.Label with
                | Some words when showsOrdinates ->
                    let v = Scale.place y tick.At
                    segment "grid" left v right v
                    label (left - 7.0) (v + 4.0) [ "text-anchor", "end"; "class", "soft" ] words
                | _ -> ()

            el "use" [ "class", "frame"; "href", "#plot-frame" ] []
        ]

    let private legend rows =
        [
            for i, (kind, series, words) in List.indexed rows do
                let at = bottom + 46.0 + rowHeight * float i
                Legend.key kind series at
                label (left + 34.0) (at + 4.0) [] [ Text words ]
        ]

    let private picture description rows content =
        let height = bottom + 46.0 + rowHeight * float (List.length rows)

        el
            "svg"
            [ "class", "plot"; "viewBox", $"0 0 {px width} {px height}"; "role", "img" ]
            (el "title" [] [ Text description ] :: content @ legend rows)

    let private clipped children = el "g" [ "clip-path", "url(#plot-clip)" ] children

    /// The density of a coordinate: the law's over the target's.
    let private density isParticles (one: CoordinatePicture) =
        let highest points = points |> List.map snd |> List.fold max 0.0
        let wanted, own = highest one.Target, highest one.Law
        // A law that is nearly a point leaves the picture at the top; the target stays readable.
        let top' = if own > 2.5 * wanted then 2.5 * wanted else max own wanted
        let x = Scale.linear (List.map fst (one.Target @ one.Law)) 0.0 left right
        let y = Scale.linear [ 0.0; 1.06 * top' ] 0.0 bottom top
        let at (u, v) = Scale.place x u, Scale.place y (min v (2.0 * top'))
        let base' points = (fst (List.head points), 0.0) :: points @ [ fst (List.last points), 0.0 ]

        picture
            $"Density of coordinate {one.Coordinate}: the {lawWords isParticles} beside the target."
            [ "bound ink", 0, "target p at this level"; "measured", 0, lawWords isParticles ]
            [
                yield! grid x y true
                label left (top - 8.0) [] [ Text $"density of x{one.Coordinate}" ]
                clipped
                    [
                        if not one.Law.IsEmpty then
                            polygon "share c0" (base' one.Law |> List.map at)
                            el "g" [ "class", "c0" ] [ polyline "measured" (List.map at one.Law) ]

                        match one.Spike with
                        | Some place ->
                            let u = Scale.place x place
                            el "g" [ "class", "c0" ] [ segment "measured" u bottom u top ]
                        | None -> ()

                        el "g" [ "class", "ink" ] [ polyline "bound" (List.map at one.Target) ]
                    ]
            ]

    /// Shares of the mass inside the contours.
    let private shares = [ 0.5; 0.9; 0.99 ]

    let private plane isParticles (target: Surface) law points =
        let ends (values: float[]) first last = Scale.linear [ values[0]; Array.last values ] 0.0 first last

        let x, y = ends target.X left right, ends target.Y bottom top
        let place (u, v) = $"{px (Scale.place x u)} {px (Scale.place y v)}"

        let contours kind surface =
            let strokes =
                Contours.levels shares surface
                |> List.collect (fun level -> Contours.segments level surface)
                |> List.map (fun (a, b) -> $"M{place a}L{place b}")
                |> String.concat ""

            el "path" [ "class", kind; "d", strokes ] []

        let drawn = if isParticles then "particles" else "draws of the law of the state q"

        picture
            $"The {lawWords isParticles} in the plane beside the target's contours."
            [
                "contour ink", 0, "target p at this level: 50, 90 and 99 % of its mass"
                if List.isEmpty points then
                    "contour", 0, $"{lawWords isParticles}, the same"
                else
                    "measured", 0, $"{points.Length} {drawn}"
            ]
            [
                yield! grid x y true
                label left (top - 8.0) [] [ Text "x2 against x1" ]
                clipped
                    [
                        el
                            "g"
                            [ "class", "c0" ]
                            [
                                match law with
                                | Some surface -> contours "contour" surface
                                | None -> ()

                                if not (List.isEmpty points) then
                                    let strokes = points |> List.map (fun p -> $"M{place p}h0") |> String.concat ""
                                    el "path" [ "class", "points"; "d", strokes ] []
                            ]
                        el "g" [ "class", "ink" ] [ contours "contour" target ]
                    ]
            ]

    /// The pictures of a place: one, or one a coordinate.
    let ofPlace isParticles place =
        match place.Picture with
        | Plane(target, law, points) -> [ plane isParticles target law points ]
        | Coordinates all -> all |> List.map (density isParticles)

    /// A metric along the run: values with their intervals, and lower ends where there is no value; None where nothing is positive.
    let along (metric: Metric) (places: RunPlace list) =
        let found =
            places
            |> List.indexed
            |> List.choose (fun (i, place) ->
                place.Metrics |> List.tryPick (fun (m, e) -> if m = metric then Some(i, float place.Step, e) else None))

        let isPositive v = finite v && v > 0.0

        let shown =
            found
            |> List.choose (fun (i, step, e) ->
                match Option.ofNullable e.Value with
                | Some v when isPositive v -> Some(i, step, v, e)
                | None when isPositive e.Lower -> Some(i, step, e.Lower, e)
                | _ -> None)

        if shown.Length < 2 then
            None
        else
            let values = shown |> List.map (fun (_, _, v, _) -> v)
            let x = Scale.linear (found |> List.map (fun (_, step, _) -> step)) 0.02 left right
            let y = Scale.logarithmic values 0.08 bottom top
            let at step v = Scale.place x step, Scale.place y v
            let isValue (e: Estimate) = e.Value.HasValue

            let bar (step, (e: Estimate)) =
                let within v = max y.From (min y.To v)
                let u = Scale.place x step

                if e.Upper > e.Lower && isValue e then
                    let upper = if finite e.Upper then e.Upper else e.Value.Value
                    [ segment "bar" u (Scale.place y (within e.Lower)) u (Scale.place y (within upper)) ]
                else
                    []

            let hasLower = shown |> List.exists (fun (_, _, _, e) -> not (isValue e))
            let isEstimate = shown |> List.exists (fun (_, _, _, e) -> isValue e && e.Confidence < 1.0)

            picture
                $"{metric.Symbol} to the target along the run."
                [
                    if shown |> List.exists (fun (_, _, _, e) -> isValue e) then
                        "measured", 0, (if isEstimate then "estimate, down to its lower end" else "measured")
                    if hasLower then
                        "hollow", 0, "at least so much"
                ]
                [
                    yield! grid x y true
                    label left (top - 8.0) [] [ Text $"{metric.Symbol} after so many steps" ]
                    clipped
                        [
                            el
                                "g"
                                [ "class", "c0" ]
                                [
                                    polyline
                                        "measured"
                                        [
                                            for _, step, v, e in shown do
                                                if isValue e then
                                                    at step v
                                        ]

                                    for _, step, _, e in shown do
                                        yield! bar (step, e)
                                ]
                        ]
                    el
                        "g"
                        [ "class", "c0" ]
                        [
                            for i, step, v, e in shown do
                                let u, w = at step v

                                el
                                    "g"
                                    [ "data-place", string i ]
                                    [ marker (if isValue e then "dot" else "hollow") 0 u w ]
                        ]
                ]
            |> Some
