namespace Sgm.Interactive

open System
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Certificates
open Sgm.Verification.Report

/// Values of SgmDsl as tables; `Table.text` and `Table.html` write them.
module Show =
    /// Coordinates of a law that are shown.
    let private shown = 16

    /// Exactly the double, so that no end of an interval moves inwards.
    let private exactly (x: float) =
        if Double.IsPositiveInfinity x then "∞"
        elif Double.IsNaN x then "–"
        else string x

    let private cells (e: Estimate) =
        [
            if e.Value.HasValue then exactly e.Value.Value else "–"
            $"[{exactly e.Lower}, {exactly e.Upper}]"
            if e.Confidence = 1.0 then "" else $"{100.0 * e.Confidence:g9} %%"
            e.Method
            (match e.Reason with
             | null -> ""
             | reason -> reason)
        ]

    let private columns = [ "value"; "interval"; "confidence"; "how"; "remark" ]

    /// A measured number.
    let estimate (e: Estimate) = { Title = "Estimate"; Columns = columns; Rows = [ cells e ]; Pictures = [] }

    /// Every metric of a law, from the target at its level; then mean and variance of its first 16 coordinates.
    let law (law: Law) =
        let moments = law.Moments()
        let count = min shown law.Dimension
        let how = if moments.AreEstimates then "± standard error" else "± bracket"

        let moment name i (value: float) (error: float) =
            [ $"{name} of x{i + 1}"; exactly value; $"± {exactly error}"; ""; how; "" ]

        {
            Title =
                if count < law.Dimension then
                    $"Law in dimension {law.Dimension}, of which the first {count} coordinates are shown"
                else
                    $"Law in dimension {law.Dimension}"
            Columns = "quantity" :: columns
            Rows =
                [
                    for metric in Metric.All do
                        metric.Symbol :: cells (law.Measure metric)

                    for i in 0 .. count - 1 do
                        moment "mean" i moments.Mean[i] moments.MeanError[i]
                        moment "variance" i moments.Variance[i] moments.VarianceError[i]
                ]
            Pictures = []
        }

    /// The bounds of a certificate, rounded up.
    let certificate (c: Certificate) =
        let row name (bound: Bound) =
            [
                name
                (if bound.Reason.IsSome then
                     "–"
                 else
                     $"≤ {Numbers.significant 4 (Numbers.upward 4 bound.Value)}")
                (if bound.Confidence = 1.0 then "" else $"{100.0 * bound.Confidence:g9} %%")
                bound.Rule
                defaultArg bound.Reason ""
            ]

        {
            Title = $"Certificate at “{c.Name}”"
            Columns = [ "metric"; "certified"; "confidence"; "rule"; "remark" ]
            Rows = [ row "TV" c.Tv; row "KL(p‖q)" c.KlReverse; row "KL(q‖p)" c.Kl; row "W2" c.W2 ]
            Pictures = []
        }

    /// Verdicts with a row and a plot a check.
    let verification (result: VerificationResult) =
        let document = Document.create DateTimeOffset.UnixEpoch result

        {
            Title = $"{result.Checks.Length} checks, {result.Violated} violated"
            Columns = [ "theorem"; "check"; "verdict"; "remark" ]
            Rows =
                [
                    for check in result.Checks ->
                        [ check.Theorem.Id; check.Key; Verdict.name check.Verdict; defaultArg check.Reason "" ]
                ]
            Pictures = document.Checks |> List.choose Draw.alone
        }
