namespace Sgm.Verification.Certificates

open System
open System.Collections.Generic
open Sgm.Verification

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

    let private one: Series = Array.init (order + 3) (fun j -> Bracket.Exactly(if j = 0 then 1.0 else 0.0))

    /// An interval with the windows of the law and of the other one.
    type private Cell = { C: float; H: float; Parts: Bracket[]; Window: Window; Other: Window voption }

    let private measure (own: LineTaylor) window (other: struct (LineTaylor * Window) voption) smallest c h =
        // What p is multiplied by.
        let factors (logarithm: Series) (second: Series voption) =
            let slope = LineSeries.derivative logarithm
            let bend = LineSeries.derivative slope

            [|
                LineSeries.square (Array.truncate (order + 1) slope)
                LineSeries.square bend
                logarithm
                match second with
                | ValueNone -> ()
                | ValueSome found -> found
            |]

        let struct (p, logarithm, wide, wideLogarithm) = own.At(order + 2, window, c, h)

        let struct (second, wideSecond) =
            match other with
            | ValueNone -> struct (ValueNone, ValueNone)
            | ValueSome(struct (q, around)) ->
                let struct (_, found, _, over) = q.At(order, around, c, h)
                struct (ValueSome found, ValueSome over)

        let at, over = factors logarithm second, factors wideLogarithm wideSecond
        let slopes = own.Slopes(c, h)
        let apart = 0.5 * slopes.Width
        let curved = max (1.0 / smallest) (apart * apart)
        let surprise = own.Surprise(window, c, h)

        // P(c − h < X < c + h), at most the width times the largest p.
        let widest = Bracket.Exp(-surprise).High * 2.0 * h * (1.0 + 1e-15)
        let mass = Bracket.Both(LineSeries.integral (order + 2) h (p, one) (wide, one), { Low = 0.0; High = widest })

        let crossed =
            match other with
            | ValueNone -> surprise
            | ValueSome(struct (q, around)) -> q.Surprise(around, c, h)

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
                let w, v = law.Weights[k], law.Variances[k]
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
        let fisher = Array.fold2 (fun sum w v -> sum + w / v) 0.0 law.Weights law.Variances
        let scales = [| fisher; fisher * fisher; 1.0; 1.0 |]
        let used = if other.IsSome then 4 else 3

        let wrong (parts: Bracket[]) =
            let mutable sum = 0.0

            for i in 0 .. used - 1 do
                sum <- sum + parts[i].Width / scales[i]

            sum

        let queue = PriorityQueue<Cell, float>()

        let add (around: Window) (aroundOther: Window voption) p q =
            let c = 0.5 * p + 0.5 * q
            // The cells [c − h, c + h] must cover [p, q].
            let h = Math.BitIncrement(max (q - c) (c - p))
            let window = own.Narrow(around, c, h)

            let beside =
                match second, aroundOther with
                | Some other, ValueSome around -> ValueSome(struct (other, other.Narrow(around, c, h)))
                | _ -> ValueNone

            let parts = measure own window beside smallest c h
            let otherWindow = beside |> ValueOption.map (fun (struct (_, found)) -> found)
            queue.Enqueue({ C = c; H = h; Parts = parts; Window = window; Other = otherWindow }, -(wrong parts))
            wrong parts

        let mutable total = 0.0
        let all = second |> Option.map _.All |> ValueOption.ofOption

        for p, q in partition law left right do
            total <- total + add own.All all p q

        let most = max 200 (min 4000 (200_000 / law.Means.Length))
        let mutable splits = 0

        let recount () =
            total <- 0.0

            for struct (one, _) in queue.UnorderedItems do
                total <- total + wrong one.Parts

        // What came and went may have been so large that nothing is left of the digits.
        let isFine () =
            total <= 4e-12
            && (recount ()
                total <= 4e-12)

        while not (isFine ()) && splits < most do
            let cell = queue.Dequeue()
            splits <- splits + 1
            total <- total - wrong cell.Parts
            let add = add cell.Window cell.Other
            total <- total + add (cell.C - cell.H) cell.C + add cell.C (cell.C + cell.H)

            if splits % 64 = 0 then
                recount ()

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
