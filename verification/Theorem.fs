namespace Sgm.Verification

open Sgm
open Sgm.Engine

/// Where a statement comes from.
type Source =
    {
        /// For instance "Lee, Lu and Tan 2022".
        Paper: string
        /// For instance "arXiv 2206.06227".
        Reference: string
        /// For instance "Theorem 4.2".
        Statement: string
        /// Whether this is the paper's own statement with its own constants, or a companion of the same shape, proved in docs/theory.md.
        IsCompanion: bool
    }

    /// "companion of Lee, Lu and Tan 2022, Theorem 4.2 (arXiv 2206.06227)".
    member this.Citation =
        let companion = if this.IsCompanion then "companion of " else ""
        $"{companion}{this.Paper}, {this.Statement} ({this.Reference})"

/// What came of evaluating an assumption on an actual experiment.
type AssumptionResult =
    /// It holds; with the numbers.
    | Satisfied of detail: string
    /// It does not hold, or nothing is known; with the reason.
    | Broken of reason: string

/// A hypothesis of a theorem.
type Assumption =
    {
        /// The hypothesis as in the statement.
        Statement: string
        /// Evaluated on the experiment and plan at hand.
        Evaluate: Subject -> AssumptionResult
    }

/// The metric along a run of an exact law.
type Trajectory =
    {
        /// Of the start, against the target at the level of the first step.
        Start: Estimate
        /// After step 1, 2, …, N; empty unless the theorem watches every step.
        Steps: Estimate list
        /// At the end of the run.
        End: Estimate
    }

/// One inequality measured ≤ bound.
type Comparison = { What: string; Measured: Estimate; Bound: float }

/// How much a verifier may spend.
type Effort =
    | Quick
    | Standard
    | Full

/// A point of a study's grid: the value of every axis, by its symbol.
type Setting = Map<string, float>

/// What is varied, and from which values.
type Axis =
    {
        /// "d", "h", "ε", "T", …: the key in settings, plots and reports.
        Symbol: string
        /// In words, with the unit if there is one.
        Meaning: string
        /// The values, towards the asymptotic end last.
        Values: Effort -> float list
    }

/// How a cell's number is measured.
type Measurement =
    /// The metric at the end of the run of the experiment.
    | Direct
    /// The limit of refining the steps: the experiment is a function of the refinement k = 0, 1, …, step h/2^k, and the
    /// bracket comes from Richardson's extrapolation. For statements about continuous time.
    | StepLimit

/// Experiments on which a theorem is tried, one a setting.
type Scenario =
    {
        Name: string
        Description: string
        /// The values of the axes that are not varied; every axis is varied around each base.
        Bases: Setting list
        Axes: Axis list
        Measurement: Measurement
        /// The experiment at a setting, refined k times (k = 0 unless the measurement is a limit).
        Experiment: Setting -> int -> Experiment
    }

/// An exponent that is claimed of a measured quantity, value ~ axis^exponent (or e^(exponent·axis) when exponential).
type RateClaim =
    {
        /// The axis symbol.
        Axis: string
        Exponent: Exponent
        /// value ~ e^(exponent·axis) rather than axis^exponent.
        IsExponential: bool
        /// What is measured, in words.
        Of: string
        Scenario: Scenario
    }

/// The exponent of a claim.
and Exponent =
    /// The exponent is this.
    | Exactly of float
    /// value = O(axis^a) towards the asymptotic end of the axis.
    | AtMost of float

/// A theorem as a value: everything that a check, a plot and a report say about it.
type Theorem =
    {
        Id: string
        Title: string
        /// The statement, in words and formulas.
        Statement: string
        Source: Source
        Assumptions: Assumption list
        /// The metric that the bound is about.
        Metric: Metric
        /// Whether the bound needs the metric after every step.
        WatchesEveryStep: bool
        /// The inequalities that the theorem claims of a run, evaluated from the plan that ran.
        Bound: Subject -> Trajectory -> Comparison list
        Scenarios: Scenario list
        Rates: RateClaim list
        /// One sentence for the report on how to read the outcome.
        Reading: string
    }
