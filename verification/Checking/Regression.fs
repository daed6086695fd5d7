namespace Sgm.Verification

open System
open MathNet.Numerics.Distributions
open Sgm.Engine

/// Exponents from sampled values: a straight line by weighted least squares.
///
/// y_i = log value_i with the standard error e_i of its interval, weights 1/e_i². The slope's error is 1/√Σw(x − x̄)², times √(χ²/(n − 2))
/// where the residuals are larger than the points' own errors say. The interval is the wider of Student's t with n − 2 degrees of
/// freedom at 0.99 (the scatter is estimated) and the normal one at the probability that may be spent (the errors are known). Both are
/// normal limits, which `assumes` says wherever an exponent is reported.
module Regression =

    /// What the interval of an exponent rests on.
    let assumes = "the normal limit of the means that the exponent is fitted to"

    /// The confidence of Student's interval for the exponent.
    let confidence = 0.99

    /// A fit that is worse than the points' own errors allow with this probability is no straight line.
    let private lackOfFit = 0.001

    /// A value below so many of its standard errors says nothing about a logarithm: the noise floor.
    let floor = 6.0

    /// A point as abscissa, log value and standard error of the log.
    type private Located = { Point: RatePoint; X: float; Y: float; Error: float }

    /// The standard error of an estimate from its interval, as of a normal law.
    let private standardError (estimate: Estimate) =
        if estimate.Confidence = 1.0 then
            (estimate.Upper - estimate.Lower) / 2.0
        else
            let quantile = -Normal.InvCDF(0.0, 1.0, (1.0 - estimate.Confidence) / 2.0)
            let value = estimate.Value.Value

            // The upper half alone: the lower end may be a bound for every law, or cut at zero.
            (estimate.Upper - value) / quantile

    let private locate abscissa (point: RatePoint) =
        let estimate = point.Value

        if not estimate.Value.HasValue then
            Error(
                { point with
                    Excluded = Some(if isNull estimate.Reason then "no value" else estimate.Reason)
                },
                infinity
            )
        elif Double.IsInfinity estimate.Upper || not (estimate.Value.Value > 0.0) then
            Error({ point with Excluded = Some "not a positive finite number" }, infinity)
        else
            let value, error = estimate.Value.Value, standardError estimate

            if value < floor * error then
                let reason = $"at the noise floor: the value is below {floor:g1} of its standard errors"
                Error({ point with Excluded = Some reason }, (floor * error / value) ** 2.0)
            else
                Ok { Point = point; X = abscissa point.X; Y = log value; Error = max (error / value) 1e-12 }

    let private pointOf located =
        match located with
        | Ok found -> found.Point
        | Error(excluded, _) -> excluded

    /// The points, those that no logarithm can be read from with the reason.
    let screened (points: RatePoint list) = points |> List.map (locate id >> pointOf)

    /// How many times as many particles bring four points above the floor.
    let private neededForFour located =
        let missing =
            located
            |> List.choose (function
                | Ok _ -> None
                | Error(_, factor) -> Some factor)
            |> List.sort

        let usable = List.length located - List.length missing
        missing |> List.tryItem (3 - usable) |> Option.filter Double.IsFinite

    /// The exponent, or why there is none. `falseAlarm` may be spent on its interval.
    let measure falseAlarm abscissa (points: RatePoint list) =
        let located = points |> List.map (locate abscissa)

        let used =
            located
            |> List.choose (function
                | Ok found -> Some(found.X, found.Y, 1.0 / (found.Error * found.Error))
                | Error _ -> None)

        if List.length used < 4 then
            match neededForFour located with
            | Some factor ->
                Error
                    $"fewer than four points are above the noise floor; about {ceil factor:g3} times as many particles would decide"
            | None -> Error "fewer than four points are above the noise floor"
        else
            let total = used |> List.sumBy (fun (_, _, w) -> w)
            let centre f = (used |> List.sumBy (fun (x, y, w) -> w * f x y)) / total
            let meanX, meanY = centre (fun x _ -> x), centre (fun _ y -> y)
            let spread = used |> List.sumBy (fun (x, _, w) -> w * (x - meanX) * (x - meanX))
            let slope = (used |> List.sumBy (fun (x, y, w) -> w * (x - meanX) * (y - meanY))) / spread
            let residual (x, y, w) = w * (y - meanY - slope * (x - meanX)) ** 2.0
            let misfit = List.sumBy residual used
            let freedom = float (used.Length - 2)

            if ChiSquared.CDF(freedom, misfit) > 1.0 - lackOfFit then
                Error $"a straight line does not fit: χ² = {misfit:g4} with {freedom} degrees of freedom"
            else
                let scatter = sqrt (misfit / freedom / spread)
                let student = StudentTail.Quantile(freedom, (1.0 - confidence) / 2.0) * scatter
                let normal = -Normal.InvCDF(0.0, 1.0, falseAlarm / 2.0) / sqrt spread
                let half = max student normal

                Ok { Points = screened points; Slope = slope; Lower = slope - half; Upper = slope + half }
