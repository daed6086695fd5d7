namespace Sgm.Verification

open System
open System.Collections.Generic
open Sgm.Verification.Bernstein

/// ln p, (ln p)′ and (ln p)″ at a place.
[<Struct>]
type internal LineValue = { Log: float; First: float; Second: float }

/// A mixture on the line on an interval and near it: what bounds a quadrature there, and its values at points. All components are
/// relative to the one that is largest in the middle. The proofs are in README.md of this folder.
type internal LineInterval(law: LineLaw) =
    let halfLogTwoPi = 0.5 * log (2.0 * Math.PI)
    let tops = law.Heights |> Array.map (fun height -> height - halfLogTwoPi)

    /// How far heights may be off for the rounding of means and deviations.
    let spare = 1e-6 + 1e-13 * (Array.map2 (fun m s -> abs m / s) law.Means law.Deviations |> Array.max)

    let heights = Array.zeroCreate<float> law.Means.Length
    let slope k c = (c - law.Means[k]) / law.Variances[k]

    let height k c =
        let y = c - law.Means[k]
        tops[k] - 0.5 * y * y / law.Variances[k]

    /// At least ln p anywhere, and |ln| of every component's peak.
    member val Height = (tops |> Array.map abs |> Array.max) + log (float tops.Length)

    member val All = Array.init tops.Length id

    /// Bounds on Bernstein's ellipse about c ± h: |p|, |(ln p)′|, |(ln p)″|, |ln p|; none where p might vanish there. Also the
    /// components that count in it and in all intervals of the interval.
    member _.Near(active: int[], c, h) : struct (AnalyticBounds voption * int[]) =
        let a, b = major * h, minor * h
        let mutable first, top = active[0], Double.NegativeInfinity

        for k in active do
            heights[k] <- height k c

            if heights[k] > top then
                first <- k
                top <- heights[k]

        let g, precision = slope first c, 1.0 / law.Variances[first]
        let bounds = NearBounds()
        let kept = List<int>(active.Length)

        for k in active do
            let own, inverse = slope k c, 1.0 / law.Variances[k]
            let d1, d2 = abs (own - g), 0.5 * abs (inverse - precision)
            let up = heights[k] - top + d1 * a + d2 * a * a + spare
            let turn = d1 * b + d2 * a * b
            let size = abs own + inverse * a
            let largest = heights[k] + abs own * a + 0.5 * inverse * b * b + spare

            if bounds.Add((k = first), up, turn, size, inverse + size * size, largest) then
                kept.Add k

        let found = bounds.Found(abs top + abs g * a + 0.5 * precision * a * a + spare)
        struct (found, (if kept.Count = active.Length then active else kept.ToArray()))

    /// At least −ln p, and |ln p| − Height, on the real interval: the component that is largest in the middle is a part of p.
    member _.Surprise(active: int[], c, h) =
        let mutable first, top = active[0], Double.NegativeInfinity

        for k in active do
            let found = height k c

            if found > top then
                first <- k
                top <- found

        abs top + abs (slope first c) * h + 0.5 * h * h / law.Variances[first] + spare

    /// Bounds of the integrals over the real interval by p·f ≤ Σ e^(q_k)·f_k, whether p vanishes nearby or not: f = (ln p)′²,
    /// (ln p)″², |ln p|, and a function that is at most `other`.
    member this.Crude(active: int[], c, h, other: float, sums: float[]) =
        Array.Clear sums

        for k in active do
            let own, inverse, height = abs (slope k c), 1.0 / law.Variances[k], height k c
            let mass = 2.0 * h * exp (height + own * h + spare)
            let square = (own + inverse * h) * (own + inverse * h)
            sums[0] <- sums[0] + mass * square
            sums[1] <- sums[1] + mass * (inverse + square) * (inverse + square)
            sums[2] <- sums[2] + mass * (abs height + own * h + 0.5 * inverse * h * h + this.Height)
            sums[3] <- sums[3] + mass * other

    /// ln p, (ln p)′ and (ln p)″ at a place that is right to a rounding of `place`, with what rounding may have made of p
    /// (relative), (ln p)′ and (ln p)″.
    member _.At(active: int[], x, place) : struct (LineValue * LineValue) =
        let mutable top = Double.NegativeInfinity

        for k in active do
            let found = height k x
            heights[k] <- found
            top <- max top found

        let mutable sum, first, precise, wrong, size, wrongSize, sizes, wrongSizes =
            0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0

        for k in active do
            let r = exp (heights[k] - top)
            let s = law.Deviations[k]
            let z = (x - law.Means[k]) / s
            // What rounding makes of z, of q_k, and of its slope in units of (1 + |z|)/s.
            let moved = 5e-16 * (place + abs law.Means[k]) / s + 6e-16 * abs z
            let off = moved * (1.0 + abs z) + 6e-16 * (1.0 + abs tops[k])
            let large = (1.0 + abs z) / s
            heights[k] <- r
            sum <- sum + r
            first <- first - r * z / s
            precise <- precise + r / law.Variances[k]
            wrong <- wrong + r * off
            size <- size + r * large
            wrongSize <- wrongSize + r * off * large
            sizes <- sizes + r * large * large
            wrongSizes <- wrongSizes + r * off * large * large

        let adding = 1e-15 + 2.3e-16 * float active.Length
        let mean = first / sum
        let mutable spread = 0.0

        for k in active do
            let away = -(x - law.Means[k]) / law.Variances[k] - mean
            spread <- spread + heights[k] * away * away

        let wrong = wrong / sum + adding
        let size, sizes = size / sum, sizes / sum
        let wrongSize, wrongSizes = wrongSize / sum + adding * size, wrongSizes / sum + adding * sizes

        struct ({ Log = top + log sum; First = mean; Second = (spread - precise) / sum },
                {
                    Log = wrong
                    First = 2.0 * wrongSize + wrong * size
                    Second = 6.0 * wrongSizes + 11.0 * wrong * sizes + 10.0 * size * wrongSize
                })
