namespace Sgm.Verification

open System
open MathNet.Numerics.Distributions

/// Exponents from sampled values: a straight line by weighted least squares.
module Regression =

    /// The confidence of the interval for the exponent.
    let confidence = 0.99

    /// A fit that is worse than the points' own errors allow with this probability is no straight line.
    let private lackOfFit = 0.001

    /// Abscissa, log value and its standard error from the interval of the estimate.
    let private logarithm abscissa (point: RatePoint) =
        let estimate = point.Value

        if not estimate.Value.HasValue || not (estimate.Lower > 0.0) || Double.IsInfinity estimate.Upper then
            Error { point with Excluded = Some "the interval does not stay above zero" }
        else
            let quantile = Normal.InvCDF(0.0, 1.0, (1.0 + min estimate.Confidence 0.999999) / 2.0)
            let error = (log estimate.Upper - log estimate.Lower) / (2.0 * quantile)
            Ok(point, abscissa point.X, log estimate.Value.Value, max error 1e-12)

    /// The points, those whose interval does not stay above zero with the reason.
    let screened (points: RatePoint list) =
        points
        |> List.map (fun point ->
            match logarithm id point with
            | Ok(usable, _, _, _) -> usable
            | Error excluded -> excluded)

    /// The exponent with a Student interval; an error when a line does not fit (χ² test on the residuals).
    let measure abscissa (points: RatePoint list) =
        let used =
            points
            |> List.map (logarithm abscissa)
            |> List.choose (function
                | Ok(_, x, y, error) -> Some(x, y, 1.0 / (error * error))
                | Error _ -> None)

        if List.length used < 4 then
            Error "fewer than four points have an interval above zero"
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
                let half =
                    StudentT.InvCDF(0.0, 1.0, freedom, (1.0 + confidence) / 2.0)
                    * sqrt (max 1.0 (misfit / freedom) / spread)

                Ok { Points = screened points; Slope = slope; Lower = slope - half; Upper = slope + half }
