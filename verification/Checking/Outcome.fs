namespace Sgm.Verification

open System
open Sgm
open Sgm.Engine

/// One setting of a check, run and held against the bound.
type Cell =
    {
        Setting: Setting
        /// The experiment that ran; `sgm run` on it replays the measurement. None where the scenario failed to make one.
        Experiment: Experiment option
        /// Every assumption, evaluated on this experiment.
        Assumptions: (Assumption * AssumptionResult) list
        /// The comparison that decides: the conclusion when all hold, the worst otherwise. None when nothing was compared.
        Decisive: Comparison option
        /// How many inequalities were compared.
        Comparisons: int64
        Verdict: Verdict
        /// Why, when the verdict is not `Holds`.
        Reason: string option
        /// The bound says nothing that was not known before (total variation ≥ 1, …).
        IsVacuous: bool
    }

    /// measured/bound of the decisive comparison; 0/0 is equality, and what is not a number is absent.
    member this.Ratio =
        this.Decisive
        |> Option.bind (fun c ->
            Option.ofNullable c.Measured.Value
            |> Option.map (fun value -> if value = 0.0 && c.Bound = 0.0 then 1.0 else value / c.Bound)
            |> Option.filter (Double.IsNaN >> not))

/// One measured value on the way to an exponent.
type RatePoint =
    {
        X: float
        Value: Estimate
        /// Whether it was left out of the fit, and why.
        Excluded: string option
        Experiment: Experiment option
    }

/// A measured exponent with its interval.
type RateMeasurement =
    {
        Points: RatePoint list
        /// The exponent at the asymptotic end.
        Slope: float
        Lower: float
        Upper: float
    }

/// The kind of a check.
type CheckKind =
    | BoundCheck
    | RateCheck
    | NegativeCheck

/// The outcome of one check: a theorem on an axis.
type CheckResult =
    {
        Theorem: Theorem
        Kind: CheckKind
        Scenario: Scenario
        Axis: Axis
        Verdict: Verdict
        /// Why, when not `Holds`, with the setting; and which cells are not applicable, when others are.
        Reason: string option
        Cells: Cell list
        /// For rates.
        Claim: RateClaim option
        /// What a rate was to be read from, also where no exponent could be.
        Points: RatePoint list
        Rate: RateMeasurement option
        /// What its decisions from samples cost; empty for a check by exact laws.
        Sampled: Spending list
        /// Settings that a partial store has no cell of; what is missing leaves a check open.
        Missing: int
        /// What its cells took together, where they ran.
        Seconds: float
    }

    /// "bound", "rate" or "negative".
    member this.KindName =
        match this.Kind with
        | BoundCheck -> "bound"
        | RateCheck -> "rate"
        | NegativeCheck -> "negative"

    /// A name that is unique in a report: id/kind/axis.
    member this.Key = $"{this.Theorem.Id}/{this.KindName}/{this.Scenario.Name}/{this.Axis.Symbol}"

    /// The largest measured/bound of the cells that count.
    member this.Tightest =
        this.Cells
        |> List.filter (fun cell -> cell.Verdict <> NotApplicable)
        |> List.choose (fun cell -> cell.Ratio)
        |> function
            | [] -> None
            | ratios -> Some(List.max ratios)

    /// How many settings were measured.
    member this.CellCount = this.Cells.Length + this.Points.Length

    /// How many cells are outside the theorem's hypotheses.
    member this.NotApplicableCells = this.Cells |> List.filter (fun cell -> cell.Verdict = NotApplicable) |> List.length

    /// How many cells are vacuous.
    member this.Vacuous = this.Cells |> List.filter (fun cell -> cell.IsVacuous) |> List.length

    /// The claimed exponent.
    member this.Claimed =
        this.Claim
        |> Option.map (fun claim ->
            match claim.Exponent with
            | Exactly a
            | AtMost a -> a)

/// A whole verification run.
type VerificationResult =
    {
        Checks: CheckResult list
        Effort: Effort
        /// The probability that a healthy run reports a violation from samples: what all checks could spend together.
        FalseAlarm: float
        Seconds: float
    }

    /// Cells in which an inequality was held against a bound.
    member this.BoundCells =
        this.Checks
        |> List.sumBy (fun check -> check.Cells |> List.filter (fun cell -> cell.Decisive.IsSome) |> List.length)

    /// How many of them have a vacuous bound.
    member this.Vacuous = this.Checks |> List.sumBy (fun check -> check.Vacuous)

    /// How many checks came to a verdict.
    member this.Count verdict = this.Checks |> List.filter (fun check -> check.Verdict = verdict) |> List.length

    member this.Violated = this.Count Violated

    /// How many cells are missing.
    member this.Missing = this.Checks |> List.sumBy (fun check -> check.Missing)

    /// Why this is no success although nothing was violated: nothing was checked, nothing was covered, or something stayed open and
    /// that is not accepted.
    member this.Shortfall acceptsInconclusive =
        let checks = this.Checks.Length

        if checks = 0 then
            Some "nothing was checked"
        elif this.Count NotApplicable = checks then
            Some $"no theorem covers what was tried: all {checks} checks are notApplicable"
        elif this.Count Inconclusive > 0 && not acceptsInconclusive then
            Some
                $"{this.Count Inconclusive} of {checks} checks are inconclusive, and an open question is no support (--allow-inconclusive accepts them)"
        else
            None
