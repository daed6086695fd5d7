namespace Sgm.Verification

open System.Threading
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
    /// It holds of the limit of small steps, not of the run itself; with the numbers.
    | InTheLimit of detail: string
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

/// Assumptions from what is known or not known of an experiment.
module Assumption =
    /// What `sgm check` and a verdict say of a statement in continuous time.
    let limitOnly = "covers the limit h → 0 of this run, not this run"

    /// Satisfied with the detail of an Ok, broken for the reason of an Error.
    let ofResult statement (evaluate: Subject -> Result<string, string>) =
        {
            Statement = statement
            Evaluate =
                fun subject ->
                    match evaluate subject with
                    | Ok detail -> Satisfied detail
                    | Error reason -> Broken reason
        }

    /// The same for a hypothesis that only the limit of small steps of the experiment can meet.
    let inTheLimit statement (evaluate: Subject -> Result<string, string>) =
        {
            Statement = statement
            Evaluate =
                fun subject ->
                    match evaluate subject with
                    | Ok detail -> InTheLimit detail
                    | Error reason -> Broken reason
        }

    /// Evaluated, an exception being a reason to refuse: what cannot be evaluated is not known to hold.
    let evaluate subject (assumption: Assumption) =
        try
            assumption.Evaluate subject
        with
        | :? NoTableauException as error -> Broken error.Message
        | error when not (error :? System.OperationCanceledException) ->
            Broken $"it could not be evaluated: {error.Message}"

    /// The first hypothesis of what is said of symbols; what has another says nothing of them.
    let onSymbols =
        ofResult "the state is one of symbols" (fun subject ->
            match subject.Plan.Finite with
            | null -> Error "it is in R^d"
            | own -> Ok $"{own.Dimension} of {own.Target.Symbols} kinds")

    /// Why a statement on R^d is refused where the state is one of symbols.
    let ofSymbols = "the state is one of symbols, of which this statement does not speak"

    let private evaluateOn (subject: Subject) isOnSymbols assumption =
        if isNull subject.Plan.Finite || isOnSymbols then
            evaluate subject assumption
        else
            Broken ofSymbols

    /// All of a theorem's hypotheses on an experiment, and the first reason why it says nothing about it.
    let evaluateAll subject assumptions =
        let isOnSymbols = assumptions |> List.exists (fun one -> one.Statement = onSymbols.Statement)

        let results = assumptions |> List.map (fun assumption -> assumption, evaluateOn subject isOnSymbols assumption)

        let broken =
            results
            |> List.tryPick (fun (assumption, result) ->
                match result with
                | Broken reason -> Some $"assumption “{assumption.Statement}”: {reason}"
                | Satisfied _
                | InTheLimit _ -> None)

        results, broken

    /// Whether results speak of the limit of small steps.
    let areInTheLimit results =
        results
        |> List.exists (fun (_, result) ->
            match result with
            | InTheLimit _ -> true
            | Satisfied _
            | Broken _ -> false)

/// How experiments are executed while verifying. The default is the engine; the sabotage tests put a broken one here.
type Runner =
    {
        /// Runs a plan by an exact law.
        Run: Plan -> RunOptions -> Outcome
        /// Runs a plan by particles; seed and number are those of the options.
        Sample: Plan -> RunOptions -> Outcome
        /// What a decision from samples may spend; a study hands out shares of it.
        Budget: Budget
        Cancellation: CancellationToken
        /// Told the check that is being worked on and the finished fraction of all.
        Progress: string -> float -> unit
    }

/// The ways to execute.
module Runner =
    /// By the engine: the first exact law that applies, and the ensemble.
    let engine cancellation =
        {
            Run = Laws.run
            Sample = fun plan options -> Ensemble().Run(plan, options)
            Budget = Budget.create Budget.ofRun Quick
            Cancellation = cancellation
            Progress = fun _ _ -> ()
        }

/// One inequality measured ≤ bound.
type Comparison = { What: string; Measured: Estimate; Bound: float }

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

    /// Whether it is varied at an effort. One that has no values is left to those at which it has some.
    member this.IsFor effort = effort = Full || not (this.Values effort).IsEmpty || (this.Values Full).IsEmpty

/// Experiments on which a theorem is tried, one a setting.
type Scenario =
    {
        Name: string
        Description: string
        /// The values of the axes that are not varied; every axis is varied around each base.
        Bases: Setting list
        Axes: Axis list
        /// The experiment at a setting, its steps refined k times (h/2^k); k = 0 is the cell's own experiment, larger k are
        /// for statements about continuous time.
        Experiment: Setting -> int -> Experiment
    }

/// One setting of a scenario on trial: the experiment, its plan, and its refinements.
type Trial =
    {
        Subject: Subject
        Setting: Setting
        /// The plan with steps refined k times; an experiment of one's own has itself only.
        Refined: int -> Plan
    }

/// What a theorem claims of a trial: inequalities measured ≤ bound, the conclusion last; or why nothing could be measured.
type Evidence = Runner -> Trial -> Result<Comparison list, string>

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
        Quantity: Runner -> Trial -> Result<Estimate, string>
        Scenario: Scenario
    }

/// The exponent of a claim.
and Exponent =
    /// The exponent is this.
    | Exactly of float
    /// value = O(axis^a) towards the asymptotic end of the axis.
    | AtMost of float

/// What a statement is to its reader.
type Stance =
    /// It promises something.
    | Guarantee
    /// It shows that a hypothesis is needed: that without it the sampler fails.
    | Necessity
    /// It holds the bound of the statement with this identifier from the other side: how tight it is.
    | TightnessOf of statement: string
    /// It is about this program: its interpreters and laws against references. No theorem of a paper.
    | SelfCheck

/// A theorem as a value: everything that a check, a plot and a report say about it.
type Theorem =
    {
        Id: string
        Title: string
        /// The statement, in words and formulas.
        Statement: string
        Source: Source
        /// Checks of a necessity are negative checks.
        Stance: Stance
        Assumptions: Assumption list
        /// What the conclusion bounds; for axes of plots and for what counts as vacuous.
        Metric: Metric
        /// Runs the plan and holds what it measured against the bound, which is evaluated from the plan that ran.
        Evidence: Evidence
        Scenarios: Scenario list
        Rates: RateClaim list
        /// One sentence for the report on how to read the outcome.
        Reading: string
    }
