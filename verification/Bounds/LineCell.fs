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
/// a tangent where it is bent the other way; rounding is added outwards. Buffers are reused: one cell at a time.
type internal LineCell(law: LineLaw) =
    let count = law.Means.Length
    let array () = Array.zeroCreate<float> count
    let low, high, logHigh = array (), array (), array ()
    let slopeAtLow, slopeAtHigh, slope, slopeError, weight = array (), array (), array (), array (), array ()
    let precision = law.Variances |> Array.map (fun v -> 1.0 / v)
    let mutable reference = 0
    let mutable sumLow = 1.0
    let mutable meanLow, meanHigh, mean, meanError = 0.0, 0.0, 0.0, 0.0

    let largestAt x =
        let mutable best = 0
        let mutable value = Double.NegativeInfinity

        for k in 0 .. count - 1 do
            let y = x - law.Means[k]
            let share = law.Heights[k] - 0.5 * y * y * precision[k]

            if share > value then
                best <- k
                value <- share

        best

    /// The largest of a linear function's distances from the mean's line at both ends.
    let distance k = max (abs (slopeAtLow[k] - meanLow)) (abs (slopeAtHigh[k] - meanHigh)) + slopeError[k] + meanError

    /// The weight of k is at most this on the interval.
    let share k = min 1.0 (high[k] / sumLow)

    member _.Count = count

    /// Moves to [p, q]. The values at the middle are those of the middle itself.
    member _.Move(p: float, q: float) =
        let c = 0.5 * (p + q)
        let h = Math.BitIncrement(0.5 * (q - p))
        reference <- largestAt c
        let v = law.Variances[reference]
        let mutable total = 0.0

        for k in 0 .. count - 1 do
            let struct (atLow, errorLow, firstSlope, slopeErrorLow) = LinePair.relative law reference k p
            let struct (atHigh, errorHigh, lastSlope, slopeErrorHigh) = LinePair.relative law reference k q
            let struct (middle, errorMiddle, _, _) as at = LinePair.relative law reference k c
            let struct (_, _, middleSlope, slopeErrorMiddle) = at
            let error = max errorMiddle (max errorLow errorHigh)
            slopeAtLow[k] <- firstSlope
            slopeAtHigh[k] <- lastSlope
            slope[k] <- middleSlope
            slopeError[k] <- max slopeErrorMiddle (max slopeErrorLow slopeErrorHigh)
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

            logHigh[k] <- if k = reference then 0.0 else error - least
            high[k] <- exp logHigh[k]
            low[k] <- if k = reference then 1.0 else exp (-error - most)
            weight[k] <- exp -(max middle -600.0)
            total <- total + weight[k]

        meanLow <- 0.0
        meanHigh <- 0.0
        mean <- 0.0
        sumLow <- 0.0
        meanError <- 0.0

        for k in 0 .. count - 1 do
            weight[k] <- weight[k] / total
            meanLow <- meanLow + weight[k] * slopeAtLow[k]
            meanHigh <- meanHigh + weight[k] * slopeAtHigh[k]
            mean <- mean + weight[k] * slope[k]
            meanError <- meanError + weight[k] * (slopeError[k] + 1e-15 * abs slope[k])
            sumLow <- sumLow + low[k]

    /// (ln p)′ in the middle; the sum of the sizes of its terms, for its rounding.
    member _.Score(c: float) =
        let a = (c - law.Means[reference]) * precision[reference]
        let mutable sizes = abs a

        for k in 0 .. count - 1 do
            sizes <- sizes + weight[k] * abs slope[k]

        struct (-(a + mean), sizes)

    /// Σ r/v and Var(a) in the middle, whose difference is −(ln p)″.
    member _.Parts() =
        let mutable precise = 0.0
        let mutable spread = 0.0

        for k in 0 .. count - 1 do
            precise <- precise + weight[k] * precision[k]
            spread <- spread + weight[k] * (slope[k] - mean) * (slope[k] - mean)

        struct (precise, spread)

    /// An upper bound on the interval for ln Σ r_k·f_k from ln f_k: a small weight and a large value may both be beyond a double.
    member _.LogAverage(logValue: int -> float) =
        let values = Array.init count logValue
        let terms = values |> Array.mapi (fun k value -> min 0.0 (logHigh[k] - log sumLow) + value)
        min (Array.max values) (LineLaw.logSum terms)

    /// An upper bound on the interval for |(ln p)″|, and one for |(ln p)‴|: |Cov(1/v, a)| ≤ √(Var(1/v)·Var(a)) and
    /// |κ₃(a)| ≤ E|a − Ea|³ ≤ 8·E|a − b|³ for every b; a variance is at most the second moment about any point.
    member _.Derivatives() =
        let mutable centre = 0.0

        for k in 0 .. count - 1 do
            centre <- centre + weight[k] * precision[k]

        let mutable precise, spread, bend, cube = 0.0, 0.0, 0.0, 0.0

        for k in 0 .. count - 1 do
            let r, d, b = share k, distance k, precision[k] - centre
            precise <- precise + r * precision[k]
            spread <- spread + r * d * d
            bend <- bend + r * b * b
            cube <- cube + r * d * d * d

        struct (max precise spread, 3.0 * sqrt (bend * spread) + 8.0 * cube)

    /// Whether Var(a) − Σ r/v ≤ λ on the whole interval (`curved`), or Σ r/v ≤ λ (otherwise). With g_k the largest (a_k − b)² − 1/v_k
    /// on the interval, b the line through the weights' means, the claim is Σ share_k·(g_k − λ) ≤ 0, and every share is known between bounds.
    member this.Holds(curved, level) =
        let mutable sum = 0.0
        let mutable sizes = 0.0

        for k in 0 .. count - 1 do
            let above = this.Largest(curved, k) - level
            let part = if above > 0.0 then high[k] * above else low[k] * above
            sum <- sum + part
            sizes <- sizes + abs part

        sum <= -1e-14 * sizes

    /// g_k of `Holds`, with the rounding of its terms.
    member _.Largest(curved, k) =
        if curved then
            let d = distance k
            d * d * (1.0 + 4e-16) - precision[k] * (1.0 - 4e-16)
        else
            precision[k] * (1.0 + 4e-16)
