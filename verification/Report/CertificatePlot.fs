namespace Sgm.Verification.Report

open System
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Certificates

/// A certificate and what an exact law measures at the same probe, after so many steps.
type CertifiedProbe = { Certificate: Certificate; Measured: (Metric * Estimate) list; Step: int64 }

/// The pictures of a certificate: where its relative entropy comes from, and its bounds beside what was measured.
module CertificatePlot =
    open Shapes

    let private el = Markup.el

    /// Most corners of a curve: more are closer together than a picture shows.
    let private corners = 400

    let private thinned (points: 'a list) =
        let every = points.Length / corners + 1
        let last = points.Length - 1
        points |> List.indexed |> List.filter (fun (i, _) -> i % every = 0 || i = last) |> List.map snd

    let private parameter (level: NoiseLevel) = Numbers.short level.Parameter
    let private symbol (level: NoiseLevel) = if level.Mean = 1.0 then "σ" else "t"

    /// The frame with its grid: ordinates as on every plot, levels and steps along the run below.
    let private axes (x: Scale) (y: Scale) quantity (marks: (float * NoiseLevel) list) =
        let ticks = Scale.ticks y

        let strokes isWanted =
            ticks
            |> List.filter isWanted
            |> List.map (fun tick -> $"M{px left} {whole (Scale.place y tick.At)}H{px right}")
            |> String.concat ""

        [
            el "path" [ "class", "minor"; "d", strokes (fun tick -> tick.Label.IsNone) ] []
            el "path" [ "class", "grid"; "d", strokes (fun tick -> tick.Label.IsSome) ] []

            for tick in ticks do
                match tick.Label with
                | Some words ->
                    label (left - 7.0) (Scale.place y tick.At + 4.0) [ "text-anchor", "end"; "class", "soft" ] words
                | None -> ()

            el "use" [ "class", "frame"; "href", "#plot-frame" ] []
            label left (top - 8.0) [] [ Text quantity ]

            for step, level in marks do
                let u = Scale.place x step
                segment "frame" u bottom u (bottom + 5.0)
                label u (bottom + 17.0) [ "text-anchor", "middle"; "class", "soft" ] [ Text(parameter level) ]
                label u (bottom + 31.0) [ "text-anchor", "middle"; "class", "soft" ] [ Text(Numbers.chosen step) ]

            match marks with
            | (_, level) :: _ ->
                label
                    ((left + right) / 2.0)
                    (bottom + 49.0)
                    [ "text-anchor", "middle" ]
                    [ italic (symbol level); el "tspan" [ "class", "soft" ] [ Text "  level; below it, steps so far" ] ]
            | [] -> ()
        ]

    /// At most six of the places along a run, evenly.
    let private marks (places: (float * NoiseLevel) list) =
        let among = max 1 (places.Length - 1)
        let wanted = [ for i in 0..5 -> i * among / 5 ] |> List.distinct
        wanted |> List.choose (fun i -> List.tryItem i places) |> List.distinctBy fst

    let private picture description rows content =
        el
            "svg"
            [
                "class", "plot"
                "viewBox", $"0 0 {px width} {px (legendTop + 14.0 + rowHeight * float (List.length rows))}"
                "role", "img"
            ]
            [
                el "title" [] [ Text description ]
                yield! content

                for i, (kind, series, words) in List.indexed rows do
                    let at = legendTop + 12.0 + rowHeight * float i - 4.0

                    if kind = "share" then
                        el
                            "rect"
                            [
                                "class", $"share c{series}"
                                "x", px left
                                "y", px (at - 5.0)
                                "width", "26"
                                "height", "10"
                            ]
                            []
                    else
                        Legend.key kind series at

                    label (left + 34.0) (at + 4.0) [] [ Text words ]
            ]

    /// Start, steps and score, stacked along the run; None where the path rule says nothing.
    let shares (c: Certificate) =
        match c.Start with
        | Some start when not c.Contributions.IsEmpty ->
            let walked =
                ((0.0, 0.0, 0.0), c.Contributions)
                ||> List.scan (fun (n, steps, score) one -> n + float one.Rounds, steps + one.Steps, score + one.Score)

            let levels = c.Contributions.Head.From :: (c.Contributions |> List.map (fun one -> one.To))
            let points = thinned walked
            let n, steps, score = List.last walked
            let x = Scale.linear [ 0.0; n ] 0.0 left right
            let y = Scale.linear [ 0.0; start + steps + score ] 0.0 bottom top

            let band series low high =
                let upper = points |> List.map (fun (n, s, e) -> Scale.place x n, Scale.place y (high s e))
                let lower = points |> List.map (fun (n, s, e) -> Scale.place x n, Scale.place y (low s e))
                polygon $"share c{series}" (upper @ List.rev lower)

            let rows =
                [
                    "share", 2, $"score {Numbers.short score}"
                    "share", 0, $"steps {Numbers.short steps}"
                    "share", 1, $"start {Numbers.short start}"
                ]

            let words = rows |> List.map (fun (_, _, words) -> words) |> List.rev |> String.concat ", "

            Some(
                picture
                    $"What KL(p‖q) at {c.Name} is made of, in nats: {words}."
                    rows
                    [
                        yield!
                            axes
                                x
                                y
                                "KL(p‖q) so far, in nats"
                                (marks (List.map2 (fun (n, _, _) l -> n, l) walked levels))
                        band 1 (fun _ _ -> 0.0) (fun _ _ -> start)
                        band 0 (fun _ _ -> start) (fun s _ -> start + s)
                        band 2 (fun s _ -> start + s) (fun s e -> start + s + e)
                    ]
            )
        | _ -> None

    /// The bound of a metric and what was measured, at every probe; None where no bound says anything.
    let along (metric: Metric) (bound: Certificate -> Bound) (probes: CertifiedProbe list) =
        let value (probe: CertifiedProbe) =
            probe.Measured
            |> List.tryPick (fun (m, estimate) -> if m = metric then Option.ofNullable estimate.Value else None)
            |> Option.filter (fun v -> finite v && v > 0.0)

        let bounds =
            probes
            |> List.map (fun probe -> float probe.Step, bound probe.Certificate)
            |> List.filter (fun (_, b) -> b.Reason.IsNone && finite b.Value && b.Value > 0.0)
            |> List.map (fun (at, b) -> at, b.Value)

        let measured = probes |> List.choose (fun probe -> value probe |> Option.map (fun v -> float probe.Step, v))

        if bounds.IsEmpty then
            None
        else
            let x = Scale.linear (0.0 :: List.map fst (bounds @ measured)) 0.0 left (right - 8.0)
            let y = Scale.logarithmic (List.map snd (bounds @ measured)) 0.07 bottom top
            let at (u, v) = Scale.place x u, Scale.place y v

            let curve kind points =
                [
                    if List.length points > 1 then
                        polyline kind (List.map at points)

                    for point in points do
                        let u, v = at point
                        marker (if kind = "measured" then "dot" else "hollow") 0 u v
                ]

            let rows =
                [
                    "bound ink", 0, "certified"
                    if not measured.IsEmpty then
                        "measured", 0, "measured by an exact law"
                ]

            let places = probes |> List.map (fun probe -> float probe.Step, probe.Certificate.Level)

            Some(
                picture
                    $"{metric.Symbol} along the run: certified {Numbers.short (snd (List.last bounds))} at its last place."
                    rows
                    [
                        yield! axes x y metric.Symbol (marks places)
                        el "g" [ "class", "c0 ink" ] (curve "bound" bounds)
                        el "g" [ "class", "c0" ] (curve "measured" measured)
                    ]
            )
