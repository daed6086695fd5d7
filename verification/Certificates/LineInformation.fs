namespace Sgm.Verification.Certificates

open System
open System.Runtime.CompilerServices
open System.Collections.Generic
open Sgm.Verification

/// A mixture on the line near a point or over an interval: ln p and its first two derivatives, and p, as Taylor series. Everything is relative to the
/// component R that is largest in the middle, p = e^(q_R)·S with S = Σ e^(q_k − q_R) ≥ 1, so that nothing leaves the range of a double.
type internal LineTaylor(law: LineLaw) =
    let count = law.Means.Length
    let halfLogTwoPi = 0.5 * log (2.0 * Math.PI)
    let negligible = Array.create 40 { Low = -1e-100; High = 1e-100 }

    let largestAt x =
        let mutable best = 0
        let mutable value = Double.NegativeInfinity

        for k in 0 .. count - 1 do
            let y = x - law.Means[k]
            let share = law.Heights[k] - 0.5 * y * y / law.Variances[k]

            if share > value then
                best <- k
                value <- share

        best

    /// q_k = ln of component k's share, over c + [−h, h]: its Taylor coefficients.
    let exponent k c h =
        let v = Bracket.Exactly law.Variances[k]
        let y = Bracket.Outward(c - h, c + h) - Bracket.Exactly law.Means[k]
        let height = law.Heights[k] - halfLogTwoPi
        let size = 1e-15 * (2.0 + abs law.Heights[k] + abs law.LogWeights[k])
        let square = Bracket.Square y / v
        struct (Bracket.Outward(height - size, height + size) - 0.5 * square, -(y / v), Bracket.Exactly -0.5 / v)

    /// ln of the ratio of k's share to R's.
    let relative r k c h =
        let struct (value, error, slope, slopeError) = LinePair.relative law r k c
        let v, u = law.Variances[r], law.Variances[k]
        let bend = Bracket.Near((v - u) / (v * u), 1e-15)
        let at = Bracket.Outward(slope - slopeError, slope + slopeError)
        let interval = { Low = -h; High = h }
        let slopes = at + bend * interval
        let values = Bracket.Outward(value - error, value + error) + slopes * interval
        struct (-values, -slopes, -0.5 * bend)

    /// Bounds of ln p on the interval: that of the largest component from below, K times the largest from above.
    let crude c h =
        let mutable low, high = Double.NegativeInfinity, Double.NegativeInfinity

        for k in 0 .. count - 1 do
            let struct (value, _, _) = exponent k c h
            low <- max low value.Low
            high <- max high value.High

        struct (low, high + log (float count) + 1e-15)

    /// p and ln p to order n over c + [−h, h]; for h = 0 at c.
    [<MethodImpl(MethodImplOptions.AggressiveOptimization)>]
    member _.At(n, c, h) : struct (Series * Series) =
        let r = largestAt c
        let struct (c0, c1, c2) = exponent r c h
        let sum = Array.create (n + 1) (Bracket.Exactly 0.0)
        sum[0] <- Bracket.Exactly 1.0

        for k in 0 .. count - 1 do
            if k <> r then
                let struct (d0, d1, d2) = relative r k c h

                // A share below e^(−800) has coefficients below 1e-100.
                let isLarge = d0.High > -800.0 || d1.Size > 1e18 || d2.Size > 1e18
                let part = if isLarge then LineSeries.expQuadratic n d0 d1 d2 else negligible

                for j in 0..n do
                    sum[j] <- sum[j] + part[j]

        sum[0] <- { sum[0] with Low = max 1.0 sum[0].Low }
        let logarithm = LineSeries.log sum
        logarithm[0] <- logarithm[0] + c0
        logarithm[1] <- logarithm[1] + c1
        logarithm[2] <- logarithm[2] + c2
        struct (LineSeries.multiply (LineSeries.expQuadratic n c0 c1 c2) sum, logarithm)

    /// −ln p over the interval without series.
    member _.Surprise(c, h) =
        let struct (low, high) = crude c h
        { Low = -high; High = -low }

    /// The least and the largest slope a_k = (x − m_k)/v_k over the interval.
    member _.Slopes(c, h) =
        let mutable low, high = Double.PositiveInfinity, Double.NegativeInfinity

        for k in 0 .. count - 1 do
            low <- min low ((c - h - law.Means[k]) / law.Variances[k])
            high <- max high ((c + h - law.Means[k]) / law.Variances[k])

        Bracket.Outward(low, high)

/// Expectations under a law on the line.
type internal LineFacts =
    {
        /// E (ln p)′²
        Fisher: Bracket
        /// E (ln p)″²
        Curvature: Bracket
        /// −E ln p
        Entropy: Bracket
        /// −E ln q under p; the entropy itself where no q was given.
        Cross: Bracket
    }

/// Integrals over the whole line, enclosed: Taylor's formula with its remainder on intervals that are halved where it is widest, at most mass·sup on an
/// interval where that is sharper, closed forms beyond the last intervals.
module internal LineInformation =
    [<Literal>]
    let private order = 10

    /// Standard deviations beyond the outermost means: a mass of 1e-30.
    let private reach = 11.5

    let private names = 4

    type private Cell = { C: float; H: float; Parts: Bracket[] }

    let private massOf law p q =
        let struct (mass, tails) = LineLaw.between law p q
        let rounding = 1e-12 * mass + 4e-15 * tails
        { Low = max 0.0 (mass - rounding); High = mass + rounding }

    let private measure (law: LineLaw) (own: LineTaylor) (other: LineTaylor option) smallest c h =
        // p, and what it is multiplied by.
        let series c h =
            let struct (density, logarithm) = own.At(order + 2, c, h)
            let slope = LineSeries.derivative logarithm
            let bend = LineSeries.derivative slope

            let factors =
                [|
                    yield LineSeries.square (Array.truncate (order + 1) slope)
                    yield LineSeries.square bend
                    yield logarithm

                    match other with
                    | None -> ()
                    | Some q ->
                        let struct (_, found) = q.At(order, c, h)
                        yield found
                |]

            struct (density, factors)

        let struct (p, at) = series c 0.0
        let struct (wide, over) = series c h
        let mass = massOf law (c - h) (c + h)
        let slopes = own.Slopes(c, h)
        let apart = 0.5 * slopes.Width
        let curved = max (1.0 / smallest) (apart * apart)
        let surprise = own.Surprise(c, h)

        let crossed =
            match other with
            | None -> surprise
            | Some q -> q.Surprise(c, h)

        let crude =
            [|
                { Low = 0.0; High = mass.High * slopes.Size * slopes.Size }
                { Low = 0.0; High = mass.High * curved * curved }
                mass * surprise
                mass * crossed
            |]

        Array.init at.Length (fun i ->
            let found = LineSeries.integral order h (p, at[i]) (wide, over[i])
            Bracket.Both((if i < 2 then found else -found), crude[i]))

    /// What lies beyond the ends, for component k at z ≥ reach of its own deviations: E[1; Z > z], E[Z²; Z > z], E[Z⁴; Z > z].
    let private tails z =
        let density, mass = exp (LineLaw.logPeak z), LineLaw.tail z
        struct (mass, z * density + mass, (z * z * z + 3.0 * z) * density + 3.0 * mass)

    /// Σ over both ends of bounds of |integrand|: p·(ln p)′² ≤ Σ share·a², |(ln p)″| ≤ max(1/v, E a²), |ln p| ≤ ½z² + heights.
    let private outside (law: LineLaw) (other: LineLaw option) left right smallest =
        let sums = Array.zeroCreate<float> names

        let heightOf (of': LineLaw) = (of'.Heights |> Array.map abs |> Array.max) + log (float of'.Means.Length) + 2.0

        let height = heightOf law

        for at in [ left; right ] do
            for k in 0 .. law.Means.Length - 1 do
                let w, v = exp law.LogWeights[k], law.Variances[k]
                let struct (mass, square, fourth) = tails (abs (at - law.Means[k]) / law.Deviations[k])
                sums[0] <- sums[0] + w * square / v
                sums[1] <- sums[1] + w * (mass / (smallest * smallest) + fourth / (v * v))
                sums[2] <- sums[2] + w * (0.5 * square + height * mass)

                match other with
                | None -> sums[3] <- sums[2]
                | Some q ->
                    // −ln q ≤ that of the component j, and (x − m_j)² ≤ 2·v·Z² + 2·(m_k − m_j)².
                    let j = q.Variances |> Array.indexed |> Array.maxBy snd |> fst
                    let apart = law.Means[k] - q.Means[j]
                    let quadratic = (v * square + apart * apart * mass) / q.Variances[j]
                    sums[3] <- sums[3] + w * (quadratic + (heightOf q + abs q.LogWeights[j]) * mass)

        sums |> Array.map (fun sum -> sum * 1.001 + 1e-300)

    let private partition (law: LineLaw) left right =
        let points =
            if law.Means.Length <= 32 then
                [|
                    for k in 0 .. law.Means.Length - 1 do
                        let m, s = law.Means[k], law.Deviations[k]

                        for i in -3.0 .. 3.0 do
                            m + s * i
                |]
            else
                Array.init 63 (fun i -> left + (right - left) * float (i + 1) / 64.0)

        [| yield left; yield right; yield! points |> Array.filter (fun x -> x > left && x < right) |]
        |> Array.distinct
        |> Array.sort
        |> Array.pairwise

    let private enclose (law: LineLaw) (other: LineLaw option) =
        let wide = reach * Array.max law.Deviations
        let left, right = Array.min law.Means - wide, Array.max law.Means + wide
        let smallest = Array.min law.Variances
        let own, second = LineTaylor law, Option.map LineTaylor other
        let fisher = Array.fold2 (fun sum w v -> sum + exp w / v) 0.0 law.LogWeights law.Variances
        let scales = [| fisher; fisher * fisher; 1.0; 1.0 |]
        let used = if other.IsSome then 4 else 3
        let wrong (parts: Bracket[]) = Seq.sum (Seq.init used (fun i -> parts[i].Width / scales[i]))
        let queue = PriorityQueue<Cell, float>()

        let add p q =
            let c = 0.5 * p + 0.5 * q
            // The cells [c − h, c + h] must cover [p, q].
            let h = Math.BitIncrement(max (q - c) (c - p))
            let cell = { C = c; H = h; Parts = measure law own second smallest c h }
            queue.Enqueue(cell, -(wrong cell.Parts))
            wrong cell.Parts

        let mutable total = 0.0

        for p, q in partition law left right do
            total <- total + add p q

        let most = max 200 (min 4000 (200_000 / law.Means.Length))
        let mutable splits = 0

        while total > 4e-12 && splits < most do
            let cell = queue.Dequeue()
            splits <- splits + 1
            total <- total - wrong cell.Parts
            total <- total + add (cell.C - cell.H) cell.C + add cell.C (cell.C + cell.H)

            if splits % 64 = 0 then
                total <- 0.0

                for struct (one, _) in queue.UnorderedItems do
                    total <- total + wrong one.Parts

        let beyond = outside law other left right smallest
        let sums = Array.init names (fun i -> Bracket.Outward(-beyond[i], beyond[i]))

        for struct (cell, _) in queue.UnorderedItems do
            for i in 0 .. used - 1 do
                sums[i] <- sums[i] + cell.Parts[i]

        // Neighbouring cells overlap by a rounding of their ends.
        let sums = sums |> Array.map (fun sum -> sum + Bracket.Outward(-1e-14 * sum.Size, 1e-14 * sum.Size))

        {
            Fisher = sums[0].NotNegative
            Curvature = sums[1].NotNegative
            Entropy = sums[2]
            Cross = if other.IsSome then sums[3] else sums[2]
        }

    /// E (ln p)′², E (ln p)″² and −E ln p.
    let facts law = enclose law None

    /// KL(p‖q).
    let relativeEntropy law other =
        let found = enclose law (Some other)
        (found.Cross - found.Entropy).NotNegative
