namespace Sgm.Verification.Report

open System
open Sgm.Engine

/// The law of one coordinate beside the target's, as points of two curves.
type CoordinatePicture =
    {
        /// From 1.
        Coordinate: int
        Law: (float * float) list
        Target: (float * float) list
        /// Where the law is a point mass.
        Spike: float option
    }

/// A law against the target at its level.
type LawPicture =
    | Coordinates of CoordinatePicture list
    /// Contours of the target, and of the law or its points.
    | Plane of target: Surface * law: Surface option * points: (float * float) list

/// From laws to pictures.
module LawPicture =
    /// Coordinates that are shown in more than two dimensions.
    let mostCoordinates = 6

    let private mostPoints = 600

    /// Nodes of a contour's grid on either axis.
    let private nodes = 61

    let private evenly count low high =
        [| for i in 0 .. count - 1 -> low + (high - low) * float i / float (count - 1) |]

    let private densityOf (law: LineMixture) x =
        Array.zip3 law.Weights law.Means law.Deviations
        |> Array.sumBy (fun (w, m, s) ->
            let z = (x - m) / s
            w * exp (-0.5 * z * z) / (s * sqrt (2.0 * Math.PI)))

    let private reach (law: LineMixture) deviations =
        Array.map2 (fun m s -> m - deviations * s) law.Means law.Deviations |> Array.min,
        Array.map2 (fun m s -> m + deviations * s) law.Means law.Deviations |> Array.max

    /// The places of the quantiles that a curve must not miss.
    let private shares = [ for i in 1..60 -> float i / 61.0 ]

    let private particlesOf (law: Law) =
        match law with
        | :? ParticleLaw as own -> Some own.Particles
        | _ -> None

    /// Where a coordinate has all but a thousandth of its mass on either side, and quantiles between.
    let private places (law: Law) i =
        match law.Marginal i, particlesOf law with
        | null, Some particles ->
            let sorted = Array.sort (particles.Coordinate i)
            let at u = sorted[min (sorted.Length - 1) (int (u * float sorted.Length))]
            Some(at 0.001, at 0.999, shares |> List.map at)
        | null, None -> None
        | marginal, _ -> Some(marginal.Quantile 0.001, marginal.Quantile 0.999, shares |> List.map marginal.Quantile)

    /// The outline of a histogram of about 2·n^(1/3) bins of one width.
    let private histogram low high (values: float[]) =
        let bins = 2.0 * float values.Length ** (1.0 / 3.0) |> int |> max 4 |> min 80
        let width = (high - low) / float bins
        let counts = Array.zeroCreate<int> bins

        for x in values do
            let bin = floor ((x - low) / width)

            if bin >= 0.0 && bin < float bins then
                counts[int bin] <- counts[int bin] + 1

        [
            low, 0.0
            for b in 0 .. bins - 1 do
                let height = float counts[b] / (float values.Length * width)
                low + float b * width, height
                low + float (b + 1) * width, height
            high, 0.0
        ]

    let private coordinate (law: Law) (target: Target) level i =
        let wanted = LineMixture.Coordinate(target, level, i)
        let low, high = reach wanted 3.5

        let low, high, own =
            match places law i with
            | Some(a, b, quantiles) -> min low a, max high b, quantiles
            | None -> low, high, []

        let pad = 0.03 * (high - low)
        let low, high = low - pad, high + pad

        let fine =
            if wanted.Means.Length <= 16 then
                reach wanted 2.0 ||> evenly 40 |> List.ofArray
            else
                []

        let xs = (evenly 200 low high |> List.ofArray) @ own @ fine |> List.sort |> List.distinct

        let curve, spike =
            match law.Marginal i, particlesOf law with
            | null, Some particles -> histogram low high (particles.Coordinate i), None
            | null, None -> [], None
            | marginal, _ when Double.IsInfinity(marginal.Density(marginal.Quantile 0.5)) ->
                [], Some(marginal.Quantile 0.5)
            | marginal, _ -> xs |> List.map (fun x -> x, marginal.Density x), None

        {
            Coordinate = i + 1
            Law = curve
            Target = xs |> List.map (fun x -> x, densityOf wanted x)
            Spike = spike
        }

    let private plane (law: Law) (target: Target) level =
        let ranges =
            [
                for i in 0..1 do
                    let low, high = reach (LineMixture.Coordinate(target, level, i)) 3.5

                    match places law i with
                    | Some(a, b, _) -> min low a, max high b
                    | None -> low, high
            ]

        let axis (low: float, high: float) =
            let pad = 0.03 * (high - low)
            evenly nodes (low - pad) (high + pad)

        let xs, ys = axis ranges[0], axis ranges[1]
        let density = TargetDensity(target, level)
        let wanted = Contours.surface xs ys (fun x -> density.LogDensity(ReadOnlySpan x))

        let logs (x: float[]) =
            let found = law.LogDensity(ReadOnlySpan x)
            if found.HasValue then found.Value else nan

        match particlesOf law with
        | Some particles ->
            let count = int (min particles.Count (int64 mostPoints))
            let x, y = particles.Coordinate 0, particles.Coordinate 1
            Plane(wanted, None, [ for k in 0 .. count - 1 -> x[k], y[k] ])
        | None ->
            // A law without a density in the plane shows by draws, a point mass as one of them.
            let found = Contours.surface xs ys logs

            if Seq.exists (fun v -> v > 0.0) (Seq.cast<float> found.Values) then
                Plane(wanted, Some found, [])
            else
                let draws = Array.zeroCreate<float>(2 * mostPoints)
                law.Draw(RandomStream(1UL, 0L), draws.AsSpan(), mostPoints)
                Plane(wanted, None, List.distinct [ for k in 0 .. mostPoints - 1 -> draws[k], draws[mostPoints + k] ])

    /// Densities on the line, contours or points in the plane, marginals of the first coordinates beyond.
    let ofLaw (law: Law) (target: Target) (level: NoiseLevel) =
        if law.Dimension = 2 then
            plane law target level
        else
            Coordinates [ for i in 0 .. min mostCoordinates law.Dimension - 1 -> coordinate law target level i ]
