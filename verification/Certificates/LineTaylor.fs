namespace Sgm.Verification.Certificates

open System
open System.Runtime.CompilerServices
open Sgm.Verification

/// The components that are summed on an interval and near it, and ln of what all others are at most together there.
type internal Window = { Kept: int[]; Left: float }

/// A mixture on the line at a point and over an interval: p and ln p as Taylor series. Everything is relative to the
/// component R that is largest in the middle, p = e^(q_R)·S with S = Σ e^(q_k − q_R) ≥ 1, so that nothing leaves the
/// range of a double. The coefficients of S are sums of doubles with a bound of what they may be wrong; over an
/// interval they follow from those in its middle. Proofs: README.md, *windows*.
type internal LineTaylor(law: LineLaw) =
    let count = law.Means.Length
    let halfLogTwoPi = 0.5 * log (2.0 * Math.PI)

    /// ln of how much smaller than the largest component a component is that is left out: K·e^(−50) is nothing.
    let beneath = 50.0

    /// Coefficients beyond the order asked for, by which those over an interval follow from those in the middle.
    let further = 8

    /// What doubles are taken to be right to, so that the bound of their error is a multiple of a sum of sizes.
    let accuracy = 2e-14

    /// Of the window under way: one cell at a time.
    let buffer = Array.zeroCreate<int> count

    let inverses = Array.init 32 (fun j -> 1.0 / float (max 1 j))

    let binomials =
        Array2D.init 32 32 (fun n j ->
            if j > n then
                0.0
            else
                (1.0, seq { 1..j }) ||> Seq.fold (fun c i -> c * float (n - j + i) / float i))

    /// What the rounding of a share may be.
    let rounded q = q + 1e-14 * (1.0 + abs q)

    let largestAt (kept: int[]) x =
        let mutable best = kept[0]
        let mutable value = Double.NegativeInfinity

        for k in kept do
            let found = LineLaw.logShare law k x

            if found > value then
                best <- k
                value <- found

        best

    /// The largest of Re q_k over x + iy, x in [p, q] and |y| ≤ r.
    let largestNear k p q r = rounded (LineLaw.most law k p q + 0.5 * r * r / law.Variances[k])

    /// q_k = ln of component k's share over c + [−h, h]: its Taylor coefficients.
    let exponent k c h =
        let v = Bracket.Exactly law.Variances[k]
        let y = Bracket.Outward(c - h, c + h) - Bracket.Exactly law.Means[k]
        let height = law.Heights[k] - halfLogTwoPi
        let size = 1e-15 * (2.0 + abs law.Heights[k] + abs law.LogWeights[k])
        let square = Bracket.Square y / v
        struct (Bracket.Outward(height - size, height + size) - 0.5 * square, -(y / v), Bracket.Exactly -0.5 / v)

    /// S in the middle and over c + [−h, h], to order n. Coefficient j of e^(d₀ + d₁t + d₂t²) is E_j = (d₁E_(j−1) +
    /// 2d₂E_(j−2))/j, and with sizes for the d's it bounds its own rounding.
    [<MethodImpl(MethodImplOptions.AggressiveOptimization)>]
    let sums n r (window: Window) c h : struct (Series * Series) =
        let last = n + further
        let zeros () = Array.zeroCreate<float>(last + 1)
        let values, sizes, errors, one, size = zeros (), zeros (), zeros (), zeros (), zeros ()
        let mutable rest, ratio = 0.0, 0.0
        let order = float (last + 1)

        for k in window.Kept do
            if k <> r then
                let struct (phi, error, slope, slopeError) = LinePair.relative law r k c
                let v, u = law.Variances[r], law.Variances[k]
                let d1, d2 = -slope, -0.5 * (v - u) / (v * u)
                let a1, a2 = abs d1 + slopeError / accuracy, abs d2 * (1.0 + 1e-14)
                let wrong = (error + 1e-15) * (1.0 + 1e-9)
                one[0] <- exp -phi
                size[0] <- one[0]

                one[1] <- d1 * one[0]
                size[1] <- a1 * size[0]

                for j in 2..last do
                    one[j] <- (d1 * one[j - 1] + 2.0 * d2 * one[j - 2]) * inverses[j]
                    size[j] <- (a1 * size[j - 1] + 2.0 * a2 * size[j - 2]) * inverses[j]

                for j in 0..last do
                    values[j] <- values[j] + one[j]
                    sizes[j] <- sizes[j] + size[j]
                    errors[j] <- errors[j] + size[j] * (wrong + float j * accuracy)

                // Cauchy's bound beyond the last coefficient, at the radius where it is least.
                if h > 0.0 && a1 + a2 > 0.0 then
                    let radius = 2.0 * order / (a1 + sqrt (a1 * a1 + 8.0 * a2 * order))
                    let part = h / radius
                    ratio <- max ratio part

                    rest <-
                        rest + exp (error - phi + a1 * radius + a2 * radius * radius + order * log part) * (1.0 + 1e-11)

        // The others are at most this times the reference on a disc of radius h about every point of the interval.
        let left =
            if Double.IsNegativeInfinity window.Left then
                0.0
            else
                let low = LineLaw.least law r (c - 2.0 * h) (c + 2.0 * h)
                exp (window.Left - low + 1e-13 * (1.0 + abs low))

        let adding = 2e-16 * float window.Kept.Length

        let near j =
            let wrong = errors[j] * 1.001 + adding * sizes[j] + left / h ** float j
            Bracket.Outward(values[j] - wrong, values[j] + wrong)

        let middle = Array.init (last + 1) near
        middle[0] <- middle[0] + Bracket.Exactly 1.0

        let over j =
            let growing = order / (order - float j) * (1.0 + 1e-12)

            if ratio * growing >= 1.0 then
                Bracket.Whole
            else
                let mutable spread, power = 0.0, 1.0

                for i in j + 1 .. last do
                    power <- power * h
                    spread <- spread + binomials[i, j] * middle[i].Size * power

                let beyond = rest * binomials[last + 1, j] / ((1.0 - ratio * growing) * h ** float j)
                let wide = (spread + beyond) * (1.0 + 1e-13)
                middle[j] + Bracket.Outward(-wide, wide)

        let over = Array.init (n + 1) over
        let middle = Array.truncate (n + 1) middle
        // The reference itself is 1, and no share is negative.
        middle[0] <- { middle[0] with Low = max 1.0 middle[0].Low }
        over[0] <- { over[0] with Low = max 1.0 over[0].Low }
        struct (middle, over)

    /// All components.
    member _.All = { Kept = Array.init count id; Left = Double.NegativeInfinity }

    /// The window of c + [−h, h], a part of the one that this window was found for.
    member _.Narrow(window: Window, c, h) =
        let p, q = c - 2.0 * h, c + 2.0 * h
        let mutable largest = Double.NegativeInfinity

        for k in window.Kept do
            largest <- max largest (LineLaw.least law k p q)

        let mutable left, kept = exp (window.Left - largest), 0

        for k in window.Kept do
            let found = largestNear k p q h - largest

            // Not below the range of a double: something is left.
            if found > -beneath then
                buffer[kept] <- k
                kept <- kept + 1
            else
                left <- left + exp (max -700.0 found)

        if kept = window.Kept.Length then
            window
        else
            {
                Kept = Array.sub buffer 0 kept
                Left = largest + log left + 1e-12 * (1.0 + abs largest)
            }

    /// p and ln p to order n at c, and over c + [−h, h].
    member _.At(n, window: Window, c, h) : struct (Series * Series * Series * Series) =
        let r = largestAt window.Kept c
        let struct (middle, over) = sums n r window c h

        let whole h (sum: Series) =
            let struct (c0, c1, c2) = exponent r c h
            let logarithm = LineSeries.log sum
            logarithm[0] <- logarithm[0] + c0
            logarithm[1] <- logarithm[1] + c1
            logarithm[2] <- logarithm[2] + c2
            struct (LineSeries.multiply (LineSeries.expQuadratic n c0 c1 c2) sum, logarithm)

        let struct (p, logarithm) = whole 0.0 middle
        let struct (wideP, wide) = whole h over
        struct (p, logarithm, wideP, wide)

    /// −ln p over the interval without series: p is between its largest component and K times that.
    member _.Surprise(window: Window, c, h) =
        let mutable low, high = Double.NegativeInfinity, window.Left

        for k in window.Kept do
            low <- max low (LineLaw.least law k (c - h) (c + h))
            high <- max high (largestNear k (c - h) (c + h) 0.0)

        Bracket.Outward(-(high + log (float count) + 1e-12), -(low - 1e-14 * (1.0 + abs low)))

    /// The least and the largest slope a_k = (x − m_k)/v_k over the interval.
    member _.Slopes(c, h) =
        let mutable low, high = Double.PositiveInfinity, Double.NegativeInfinity

        for k in 0 .. count - 1 do
            low <- min low ((c - h - law.Means[k]) / law.Variances[k])
            high <- max high ((c + h - law.Means[k]) / law.Variances[k])

        Bracket.Outward(low, high)
