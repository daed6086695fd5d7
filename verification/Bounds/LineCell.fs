namespace Sgm.Verification

open System

/// Two components' shares against each other.
module internal LinePair =
    /// φ = ln(share_R/share_k) at x with a bound of its rounding, and φ′ = a_k − a_R with one: from the two squares, or expanded about R's mean, whichever
    /// has the smaller terms (the first near k's mean, the second far out where the variances are nearly equal).
    let relative (law: LineLaw) r k x =
        let rounding = 4e-15
        let m, v, n, u = law.Means[r], law.Variances[r], law.Means[k], law.Variances[k]
        let y, z, apart = x - m, x - n, m - n
        let bend = (v - u) / (v * u)
        let offset = apart / u
        let logs = law.Heights[r] - law.Heights[k]
        let logSize = abs law.Heights[r] + abs law.Heights[k] + abs law.LogWeights[r] + abs law.LogWeights[k] + 1.0
        let direct, other = 0.5 * z * z / u, 0.5 * y * y / v
        let expanded = 0.5 * apart * offset + abs (y * offset) + 0.5 * y * y * abs bend

        if direct + other <= expanded then
            let slopes = abs (z / u) + abs (y / v)
            struct (logs + direct - other, rounding * (logSize + direct + other), z / u - y / v, rounding * slopes)
        else
            let slopes = abs offset + abs (y * bend)
            let value = logs + 0.5 * apart * offset + y * (offset + 0.5 * y * bend)
            struct (value, rounding * (logSize + expanded), offset + y * bend, rounding * slopes)

/// What is certain of a mixture Σ w_k·N(m_k, v_k) on an interval [p, q]. With the slopes a_k(x) = (x − m_k)/v_k and the posterior
/// weights r_k(x) of the components,
///
/// > (ln p)′ = −Σ r_k·a_k, −(ln p)″ = Σ r_k/v_k − Var_r(a), (ln p)‴ = 3·Cov_r(1/v, a) − κ₃,r(a),
///
/// up to the sign of the last. Everything is relative to a component R that is large in the middle: ln(share_R/share_k) = φ_k
/// is a quadratic function of y = x − m_R with φ_k″ = 1/v_k − 1/v_R and φ_k′ = a_k − a_R, so that it is bounded on the interval by its ends, and by
/// a tangent where it is bent the other way; rounding is added outwards. Components whose largest share on the interval is
/// e^(−beneath) of what another one has everywhere on it are left out: their weights sum to at most `lost`, their slopes are
/// within `far` of R's, and what they could change is added. Buffers are reused: one cell at a time.
type internal LineCell(law: LineLaw, beneath: float) =
    let count = law.Means.Length
    let array () = Array.zeroCreate<float> count
    let low, high, logHigh = array (), array (), array ()
    let slopeAtLow, slopeAtHigh, slope, slopeError, weight = array (), array (), array (), array (), array ()
    let precision = law.Variances |> Array.map (fun v -> 1.0 / v)
    let steepest = Array.max precision * (1.0 + 4e-16)
    let farthest = law.Means |> Array.map abs |> Array.max

    /// Those that are summed, then those that are left out; the buffers of the sums are in this order.
    let order = Array.init count id
    let mutable kept = count
    let mutable lost, far = 0.0, 0.0
    let mutable reference = 0
    let mutable sumLow = 1.0
    let mutable meanLow, meanHigh, mean, meanError = 0.0, 0.0, 0.0, 0.0

    /// Chooses the reference and what is summed on [p, q], c being the middle.
    let choose p q c =
        let mutable least, value = Double.NegativeInfinity, Double.NegativeInfinity

        for k in 0 .. count - 1 do
            let middle = LineLaw.logShare law k c
            least <- max least (LineLaw.least law k p q)

            if middle > value then
                reference <- k
                value <- middle

        kept <- 0
        let mutable last = count

        for k in 0 .. count - 1 do
            if k = reference || LineLaw.most law k p q > least - beneath then
                order[kept] <- k
                kept <- kept + 1
            else
                last <- last - 1
                order[last] <- k

        far <- 2.0 * (max (abs p) (abs q) + farthest) * steepest * (1.0 + 1e-15)

        lost <-
            if kept = count then
                0.0
            else
                let own = LineLaw.least law reference p q
                float (count - kept) * exp (least - own - beneath + 1e-13 * (1.0 + abs least + abs own))

    /// The largest of a linear function's distances from the mean's line at both ends.
    let distance i = max (abs (slopeAtLow[i] - meanLow)) (abs (slopeAtHigh[i] - meanHigh)) + slopeError[i] + meanError

    /// The weight is at most this on the interval.
    let share i = min 1.0 (high[i] / sumLow)

    /// g of `Holds` for those that are left out.
    let largestLost curved = if curved then 4.0 * far * far else steepest

    /// g_k of `Holds`, with the rounding of its terms.
    let largest curved i =
        if curved then
            let d = distance i
            d * d * (1.0 + 4e-16) - precision[order[i]] * (1.0 - 4e-16)
        else
            precision[order[i]] * (1.0 + 4e-16)

    /// Moves to [p, q]. The values at the middle are those of the middle itself.
    member _.Move(p: float, q: float) =
        let c = 0.5 * (p + q)
        let h = Math.BitIncrement(0.5 * (q - p))
        choose p q c
        let v = law.Variances[reference]
        let mutable total = 0.0

        for i in 0 .. kept - 1 do
            let k = order[i]
            let struct (atLow, errorLow, firstSlope, slopeErrorLow) = LinePair.relative law reference k p
            let struct (atHigh, errorHigh, lastSlope, slopeErrorHigh) = LinePair.relative law reference k q
            let struct (middle, errorMiddle, _, _) as at = LinePair.relative law reference k c
            let struct (_, _, middleSlope, slopeErrorMiddle) = at
            let error = max errorMiddle (max errorLow errorHigh)
            slopeAtLow[i] <- firstSlope
            slopeAtHigh[i] <- lastSlope
            slope[i] <- middleSlope
            slopeError[i] <- max slopeErrorMiddle (max slopeErrorLow slopeErrorHigh)
            let steepest = abs middleSlope + slopeErrorMiddle

            let least, most =
                if law.Variances[k] <= v then
                    (if firstSlope >= slopeErrorLow then atLow
                     elif lastSlope <= -slopeErrorHigh then atHigh
                     else middle - steepest * h),
                    max atLow atHigh
                else
                    min atLow atHigh,
                    (if firstSlope <= -slopeErrorLow then atLow
                     elif lastSlope >= slopeErrorHigh then atHigh
                     else middle + steepest * h)

            logHigh[i] <- if k = reference then 0.0 else error - least
            high[i] <- exp logHigh[i]
            low[i] <- if k = reference then 1.0 else exp (-error - most)
            weight[i] <- exp -(max middle -600.0)
            total <- total + weight[i]

        meanLow <- 0.0
        meanHigh <- 0.0
        mean <- 0.0
        sumLow <- 0.0
        meanError <- 0.0

        for i in 0 .. kept - 1 do
            weight[i] <- weight[i] / total
            meanLow <- meanLow + weight[i] * slopeAtLow[i]
            meanHigh <- meanHigh + weight[i] * slopeAtHigh[i]
            mean <- mean + weight[i] * slope[i]
            meanError <- meanError + weight[i] * (slopeError[i] + 1e-15 * abs slope[i])
            sumLow <- sumLow + low[i]

    new(law) = LineCell(law, 60.0)

    /// How many components are left out.
    member _.Dropped = count - kept

    /// ln P(X ≥ x, X from a component that is left out).
    member _.LogDroppedAbove x = LineLaw.logAboveOf law (count - kept) (fun i -> order[kept + i]) x

    /// (ln p)′ in the middle, and what it may be wrong.
    member _.Score(c: float) =
        let a = (c - law.Means[reference]) * precision[reference]
        let mutable sizes = abs a

        for i in 0 .. kept - 1 do
            sizes <- sizes + weight[i] * abs slope[i]

        struct (-(a + mean), 1e-14 * sizes + 2.0 * lost * far)

    /// Σ r/v and Var(a) in the middle, whose difference is −(ln p)″, but for what was left out.
    member _.Parts() =
        let mutable precise = 0.0
        let mutable spread = 0.0

        for i in 0 .. kept - 1 do
            precise <- precise + weight[i] * precision[order[i]]
            spread <- spread + weight[i] * (slope[i] - mean) * (slope[i] - mean)

        struct (precise, spread)

    /// What those that are left out change of (ln p)″: with weights ρ in all, at most ρ/v of Σ r/v, and as all slopes are in
    /// an interval of 2·far, at most ρ·far² + ρ·(far² + 4·far²) of their variance.
    member _.LostCurvature = lost * (steepest + 8.0 * far * far)

    /// An upper bound on the interval for ln Σ r_k·f_k from ln f_k, and from ln Σ r_k·f_k of those that are left out: a small
    /// weight and a large value may both be beyond a double.
    member _.LogAverage(logValue: int -> float, logDropped: float) =
        let values = Array.init kept (fun i -> logValue order[i])
        let terms = values |> Array.mapi (fun i value -> min 0.0 (logHigh[i] - log sumLow) + value)
        LineLaw.logSum [| min (Array.max values) (LineLaw.logSum terms); logDropped |]

    /// An upper bound on the interval for |(ln p)″|, and one for |(ln p)‴|: |Cov(1/v, a)| ≤ √(Var(1/v)·Var(a)) and
    /// |κ₃(a)| ≤ E|a − Ea|³ ≤ 8·E|a − b|³ for every b; a variance is at most the second moment about any point.
    member _.Derivatives() =
        let mutable centre = 0.0

        for i in 0 .. kept - 1 do
            centre <- centre + weight[i] * precision[order[i]]

        let away = 2.0 * far
        let mutable precise, spread = lost * steepest, lost * away * away
        let mutable bend, cube = lost * steepest * steepest, lost * away * away * away

        for i in 0 .. kept - 1 do
            let own = precision[order[i]]
            let r, d, b = share i, distance i, own - centre
            precise <- precise + r * own
            spread <- spread + r * d * d
            bend <- bend + r * b * b
            cube <- cube + r * d * d * d

        struct (max precise spread, 3.0 * sqrt (bend * spread) + 8.0 * cube)

    /// Whether Var(a) − Σ r/v ≤ λ on the whole interval (`curved`), or Σ r/v ≤ λ (otherwise). With g_k the largest (a_k − b)² − 1/v_k
    /// on the interval, b the line through the weights' means, the claim is Σ share_k·(g_k − λ) ≤ 0, and every share is known between bounds.
    member _.Holds(curved, level) =
        let mutable sum = if lost > 0.0 then lost * max 0.0 (largestLost curved - level) else 0.0
        let mutable sizes = sum

        for i in 0 .. kept - 1 do
            let above = largest curved i - level
            let part = if above > 0.0 then high[i] * above else low[i] * above
            sum <- sum + part
            sizes <- sizes + abs part

        sum <= -1e-14 * sizes

    /// The largest g_k of `Holds`, a level that holds.
    member _.Largest(curved) =
        let mutable found = if kept < count then largestLost curved else Double.NegativeInfinity

        for i in 0 .. kept - 1 do
            found <- max found (largest curved i)

        found
