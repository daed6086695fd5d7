namespace Sgm.Verification.Report

open System
open Sgm.Engine
open Sgm.Verification

/// How a point counts.
type Mark =
    | Counted
    /// Drawn hollow: a vacuous bound, an inconclusive cell, a point left out of a fit.
    | Hollow
    | Breaks
    /// Outside the assumptions: nothing was compared.
    | Outside

/// A measured value on a plot.
type Dot =
    {
        X: float
        /// None when there is no number; then only the mark on the axis shows.
        Value: float option
        Lower: float
        Upper: float
        Bound: float option
        Mark: Mark
        /// The place of its row in the table of the check.
        Row: int
        Hint: string
    }

/// The values along the axis around one base.
type Curve = { Name: string; Dots: Dot list }

/// The claimed power law, through the asymptotic end of what was measured.
type ClaimedLine =
    {
        Claim: RateClaim
        Rate: RateMeasurement
        /// A point of the line.
        Through: float * float
    }

/// A check as a picture.
type Plot =
    {
        Id: string
        Theorem: string
        Subject: string
        /// Of a check.
        Verdict: Verdict option
        Quantity: string
        Axis: Axis
        /// What all curves have in common.
        Shared: string
        Curves: Curve list
        Claimed: ClaimedLine option
        /// The picture in words, for those who do not see it.
        Description: string
    }

/// From checks to plots.
module Plot =
    let private finite (x: float) = not (Double.IsNaN x || Double.IsInfinity x)

    let private lines parts = parts |> List.filter (fun part -> part <> "") |> String.concat "\n"

    let private estimate (value: Estimate) =
        if not value.Value.HasValue then
            $"no value: {value.Reason}"
        else
            let shown = Numbers.short value.Value.Value
            let width = value.Upper - value.Lower

            if width > 1e-4 * abs value.Value.Value then
                $"{shown} in [{Numbers.short value.Lower}, {Numbers.short value.Upper}]"
            else
                shown

    let private cellDot (symbol: string) (row, cell: Cell) =
        let measured = cell.Decisive |> Option.map (fun c -> c.Measured)
        let bound = cell.Decisive |> Option.map (fun c -> c.Bound)

        let counts =
            match cell.Verdict with
            | Violated -> Breaks
            | NotApplicable -> Outside
            | Holds when not cell.IsVacuous -> Counted
            | _ -> Hollow

        {
            X = Map.find symbol cell.Setting
            Value = measured |> Option.bind (fun m -> Option.ofNullable m.Value)
            Lower = measured |> Option.map (fun m -> m.Lower) |> Option.defaultValue 0.0
            Upper = measured |> Option.map (fun m -> m.Upper) |> Option.defaultValue infinity
            Bound = bound
            Mark = counts
            Row = row
            Hint =
                lines
                    [
                        Wording.setting (Map.toList cell.Setting)
                        (cell.Decisive |> Option.map (fun c -> c.What) |> Option.defaultValue "")
                        (measured |> Option.map (fun m -> "measured " + estimate m) |> Option.defaultValue "")
                        (bound |> Option.map (fun b -> "bound " + Numbers.short b) |> Option.defaultValue "")
                        (match cell.Ratio with
                         | Some ratio when finite ratio -> "measured/bound " + Numbers.ratio ratio
                         | _ -> "")
                        Wording.verdict cell.Verdict + (if cell.IsVacuous then ", vacuous bound" else "")
                        (match cell.Verdict with
                         | Holds -> ""
                         | _ -> Option.defaultValue "" cell.Reason)
                    ]
        }

    let private rateDot (axis: Axis) row (point: RatePoint) =
        {
            X = point.X
            Value = Option.ofNullable point.Value.Value
            Lower = point.Value.Lower
            Upper = point.Value.Upper
            Bound = None
            Mark = if point.Excluded.IsSome then Hollow else Counted
            Row = row
            Hint =
                lines
                    [
                        Wording.setting [ axis.Symbol, point.X ]
                        "measured " + estimate point.Value
                        (point.Excluded |> Option.map (fun why -> "left out: " + why) |> Option.defaultValue "")
                    ]
        }

    /// Cells by base, the setting without the axis. Curves are named by what differs between the bases.
    let private curves symbol (cells: Cell list) =
        let groups = List.indexed cells |> List.groupBy (fun (_, cell) -> Map.remove symbol cell.Setting)
        let bases = groups |> List.map fst

        let isShared name value = bases |> List.forall (fun point -> Map.tryFind name point = Some value)

        let shared = bases.Head |> Map.filter isShared

        let curve (point: Setting, group) =
            {
                Name =
                    point |> Map.filter (fun name value -> not (isShared name value)) |> Map.toList |> Wording.setting
                Dots = group |> List.map (cellDot symbol)
            }

        Wording.setting (Map.toList shared), List.map curve groups

    /// The exponent between the last two values that have one, on the axis as it is drawn.
    let endSlope isLog (points: (float * float) list) =
        let usable = points |> List.filter (fun (x, y) -> finite y && y > 0.0 && (x > 0.0 || not isLog))

        match List.rev usable with
        | (x1, y1) :: (x0, y0) :: _ when x1 <> x0 ->
            let width = if isLog then log (x1 / x0) else x1 - x0
            Some(log (y1 / y0) / width)
        | _ -> None

    /// What the ordinate shows: of a rate what was measured, otherwise the deciding inequality's left side where that is not
    /// simply the theorem's metric. What follows a colon or a comma changes from cell to cell.
    let private quantity (check: CheckResult) =
        let metric = Wording.metric check.Theorem.Metric

        let isMetric (what: string) =
            [ metric; check.Theorem.Metric.Name; "W2" ]
            |> List.exists (fun name -> what.StartsWith(name, StringComparison.OrdinalIgnoreCase))

        match check.Claim, check.Cells |> List.tryPick (fun cell -> cell.Decisive) with
        | Some claim, _ -> claim.Of
        | None, Some comparison when not (isMetric comparison.What) ->
            (comparison.What.Split [| ':'; ','; '“'; '(' |] |> Array.head).Trim()
        | _ -> metric

    /// The picture of a check, if there is a positive number to draw.
    let ofCheck (reported: ReportedCheck) =
        let check = reported.Check

        let shared, curves =
            match check.Points, check.Cells with
            | [], [] -> "", []
            | [], cells -> curves check.Axis.Symbol cells
            | points, _ -> "", [ { Name = ""; Dots = List.mapi (rateDot check.Axis) points } ]

        let values =
            curves
            |> List.collect (fun curve -> curve.Dots)
            |> List.choose (fun dot -> dot.Value)
            |> List.filter (fun value -> finite value && value > 0.0)

        let claimed =
            match check.Claim, check.Rate with
            | Some claim, Some rate ->
                rate.Points
                |> List.filter (fun point -> point.Excluded.IsNone && point.Value.Value.HasValue)
                |> List.tryLast
                |> Option.map (fun last -> { Claim = claim; Rate = rate; Through = last.X, last.Value.Value.Value })
            | _ -> None

        if List.isEmpty values then
            None
        else
            Some
                {
                    Id = reported.Anchor
                    Theorem = check.Theorem.Id
                    Subject = $"{check.KindName} along {check.Axis.Symbol}"
                    Verdict = Some check.Verdict
                    Quantity = quantity check
                    Axis = check.Axis
                    Shared = shared
                    Curves = curves
                    Claimed = claimed
                    Description =
                        $"{check.Theorem.Id}, {check.KindName} along {check.Axis.Symbol}: {Wording.verdict check.Verdict}. {Document.sentence reported} Values from {Numbers.short (List.min values)} to {Numbers.short (List.max values)}."
                }
