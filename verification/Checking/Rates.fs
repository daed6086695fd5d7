namespace Sgm.Verification

open System

/// Exponents from exact values on a geometric (or, for exponential rates, arithmetic) grid.
module Rates =

    /// The coordinate in which the claim is a straight line.
    let private abscissa (claim: RateClaim) (x: float) = if claim.IsExponential then x else log x

    let private valueOf (point: RatePoint) = point.Value.Value.Value

    /// Points whose bracket is wider than a thousandth of the value say nothing about a slope.
    let private screen (point: RatePoint) =
        if not point.Value.Value.HasValue then
            { point with
                Excluded = Some(if isNull point.Value.Reason then "no value" else point.Value.Reason)
            }
        elif Double.IsInfinity(valueOf point) || valueOf point <= 0.0 then
            { point with Excluded = Some "not a positive finite number" }
        elif valueOf point < 1e3 * (point.Value.Upper - point.Value.Lower) then
            { point with
                Excluded = Some "at the rounding floor: the value is below 1000 times its bracket"
            }
        else
            point

    /// Slopes whose differences fall more slowly than this are not at the asymptotic end yet.
    let private slowest = 0.9

    /// The exponent at the asymptotic end (the last points): local slopes between neighbours, Richardson-extrapolated. On a
    /// geometric grid a correction of relative size c·x^k makes the local slopes converge geometrically, so Aitken's Δ²
    /// needs no knowledge of k. The interval covers the last two local slopes, the extrapolation, and what the brackets allow.
    let private fromExact (claim: RateClaim) (points: RatePoint list) =
        let screened = List.map screen points
        let used = screened |> List.filter (fun point -> point.Excluded.IsNone)

        if List.length used < 4 then
            Error "fewer than four points are above the rounding floor"
        else
            let slopes =
                used
                |> List.pairwise
                |> List.map (fun (a, b) ->
                    let width = abscissa claim b.X - abscissa claim a.X
                    let relative (p: RatePoint) = (p.Value.Upper - p.Value.Lower) / valueOf p
                    (log (valueOf b) - log (valueOf a)) / width, (relative a + relative b) / abs width)
                |> Array.ofList

            let last = fst slopes[slopes.Length - 1]
            let previous = fst slopes[slopes.Length - 2]
            let beforePrevious = fst slopes[slopes.Length - 3]
            let noise = 1e-12 + (slopes |> Array.skip (slopes.Length - 3) |> Array.map snd |> Array.max)
            let step, priorStep = last - previous, previous - beforePrevious
            let ratio = if priorStep = 0.0 then 0.0 else step / priorStep

            // Aitken: last + step·ratio/(1 − ratio), while the slopes contract; otherwise the last slope stands.
            let contracts = abs ratio < slowest
            let isStill = abs step <= noise

            let extrapolated = if contracts && not isStill then last + step * ratio / (1.0 - ratio) else last

            // The extrapolation is trusted no further than its own distance from the last slope. Slopes that go on the same
            // way and do not contract may go as far as the slowest contraction would; those that swing stay in the swing.
            let candidates =
                if contracts || isStill then
                    let reach = abs (extrapolated - last)
                    [ last; previous; extrapolated - reach; extrapolated + reach ]
                elif ratio > 0.0 then
                    [ last; previous; last + step * slowest / (1.0 - slowest) ]
                else
                    [ last; previous; last - step; last + step ]

            Ok
                {
                    Points = screened
                    Slope = extrapolated
                    Lower = List.min candidates - noise
                    Upper = List.max candidates + noise
                }

    /// Whether values are sampled, so that a line is fitted instead of local slopes.
    let private isSampled (points: RatePoint list) = points |> List.exists (fun point -> point.Value.Confidence < 1.0)

    /// The points, those that no exponent can be read from with the reason.
    let screened points = if isSampled points then Regression.screened points else List.map screen points

    /// The exponent: from local slopes of exact values, by weighted least squares where a value is sampled; then `falseAlarm` is
    /// the probability that its interval is wrong.
    let measure falseAlarm (claim: RateClaim) (points: RatePoint list) =
        if not claim.IsExponential && points |> List.exists (fun point -> not (point.X > 0.0)) then
            Error $"an order is along positive values, and '{claim.Axis}' has others"
        elif isSampled points then
            Regression.measure falseAlarm (abscissa claim) points
        else
            fromExact claim points

    /// The width below which an interval for an exact exponent is narrow enough to decide.
    let exactHalfWidth = 0.05

    /// The verdict on a claimed exponent. `ascending` says whether the asymptotic end is at infinity or at zero.
    let verdict (claim: RateClaim) ascending (measured: RateMeasurement) =
        let halfWidth = (measured.Upper - measured.Lower) / 2.0

        match claim.Exponent with
        | Exactly a ->
            if halfWidth > exactHalfWidth then Inconclusive
            elif measured.Lower <= a && a <= measured.Upper then Holds
            else Violated
        | AtMost a ->
            // O(x^a): at infinity the exponent may not exceed a; at zero the value must vanish at least as fast.
            let exceeds (x: float) = if ascending then x > a + exactHalfWidth else x < a - exactHalfWidth

            let worst, best =
                if ascending then
                    measured.Upper, measured.Lower
                else
                    measured.Lower, measured.Upper

            if not (exceeds worst) then Holds
            elif exceeds best then Violated
            else Inconclusive

    /// Why a sampled exponent stayed open, in words: how many times as many particles would decide, as an interval narrows with
    /// the square root of their number. None for exact values, and where the claim is on the edge of the interval.
    let needed (claim: RateClaim) ascending (measured: RateMeasurement) =
        let half = (measured.Upper - measured.Lower) / 2.0

        let wanted =
            match claim.Exponent with
            | Exactly _ -> exactHalfWidth
            | AtMost a ->
                let edge = if ascending then a + exactHalfWidth else a - exactHalfWidth
                abs (measured.Slope - edge)

        if isSampled measured.Points && half > wanted && wanted > 0.0 then
            Some $"about {ceil ((half / wanted) ** 2.0):g3} times as many particles would decide"
        else
            None
