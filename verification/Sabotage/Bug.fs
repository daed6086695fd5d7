namespace Sgm.Verification.Sabotage

open System
open System.Collections.Immutable
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Theorems

/// What a bug sits in.
type Part =
    | Kernels
    | Schedules
    | Scores
    | Divergences
    | Statements
    | CertificateRules
    | Streams

/// A divergence as a broken implementation would report it, from the law and what a healthy one says; None leaves it alone.
type Misreport = Law -> Metric -> Estimate -> Estimate option

/// What a bug changes. Theorems never see it: bounds are evaluated from the healthy plan.
type Change =
    /// Another plan runs by exact laws than the one that the theorem reads; None where it would be the same.
    | OfPlan of (Plan -> Plan option)
    /// Another number is reported for these metrics.
    | OfMeasure of Metric list * Misreport
    /// Another theorem is stated; None where it would be the same.
    | OfStatement of (Theorem -> Theorem option)
    /// The particles run otherwise.
    | OfSample of ((Plan -> RunOptions -> Outcome) -> Plan -> RunOptions -> Outcome)

/// A seeded bug: a small change, as a person makes it.
type Bug =
    {
        /// Short, for links and tables.
        Id: string
        /// What was done wrong: "√h for √(2h) in the noise".
        Title: string
        /// What it breaks, in half a sentence.
        Breaks: string
        Part: Part
        Change: Change
    }

/// What a part is called.
module Part =
    let all = [ Kernels; Schedules; Scores; Divergences; Statements; CertificateRules; Streams ]

    let name part =
        match part with
        | Kernels -> "kernels"
        | Schedules -> "schedules"
        | Scores -> "scores and starts"
        | Divergences -> "divergences"
        | Statements -> "bounds and claims"
        | CertificateRules -> "rules of certificates"
        | Streams -> "random streams"

/// A law whose divergences are misreported. What else it says is that of the law inside.
type private MisreportedLaw(inner: Law, misreport: Misreport) =
    inherit Law()
    member _.Inner = inner
    override _.Dimension = inner.Dimension
    override _.Moments() = inner.Moments()
    override _.Coordinate i = inner.Marginal i
    override _.Density x = inner.LogDensity x
    override _.Fill(stream, x, count) = inner.Draw(stream, x, count)

    member private _.Report metric =
        let healthy = inner.Measure metric
        misreport inner metric healthy |> Option.defaultValue healthy

    override this.Tv() = this.Report Metric.Tv
    override this.Kl() = this.Report Metric.Kl
    override this.Chi2() = this.Report Metric.Chi2
    override this.W2() = this.Report Metric.W2

    override _.TotalVariationFrom other =
        match other with
        | :? MisreportedLaw as wrapped -> inner.TotalVariationFrom wrapped.Inner
        | plain -> inner.TotalVariationFrom plain

/// Bugs planted in a runner.
module Bug =
    let private misreporting misreport (run: Plan -> RunOptions -> Outcome) plan (options: RunOptions) =
        let wrap law = MisreportedLaw(law, misreport) :> Law
        let own = options.AfterStep

        let watched =
            if isNull own then
                null
            else
                Action<StepResult>(fun step -> own.Invoke(StepResult(step.Index, step.Step, step.Level, wrap step.Law)))

        let outcome =
            run
                plan
                (RunOptions(
                    Particles = options.Particles,
                    Seed = options.Seed,
                    Threads = options.Threads,
                    Cancellation = options.Cancellation,
                    Progress = options.Progress,
                    AfterStep = watched
                ))

        Outcome(
            outcome.Status,
            ImmutableArray.CreateRange(
                outcome.Probes |> Seq.map (fun probe -> ProbeResult(probe.Name, probe.Level, wrap probe.Law))
            )
        )

    /// The runner with the bug in it.
    let plant (runner: Runner) bug =
        match bug.Change with
        | OfPlan edit ->
            let edited run plan options = run (edit plan |> Option.defaultValue plan) options
            { runner with Run = edited runner.Run }
        | OfMeasure(_, misreport) -> { runner with Run = misreporting misreport runner.Run }
        | OfStatement _ -> runner
        | OfSample change -> { runner with Sample = change runner.Sample }

    /// The catalogue's statements with the bug in them, and those that it leaves alone.
    let restate (statements: Theorem list) bug =
        match bug.Change with
        | OfStatement restated ->
            statements |> List.map (fun theorem -> restated theorem |> Option.defaultValue theorem)
        | _ -> statements

    /// Whether a theorem is about particles. It holds particles against exact laws, and what is wrong in both it cannot see.
    let private samples (theorem: Theorem) = theorem.Id = EngineAgreement.agreement.Id

    /// Whether the bug changes anything in an experiment of a theorem: what it leaves alone need not run to be known to hold.
    let touches bug (theorem: Theorem) (subject: Subject) =
        match bug.Change with
        | OfSample _ -> samples theorem
        | OfPlan edit -> not (samples theorem) && (edit subject.Plan).IsSome
        | OfMeasure(metrics, _) ->
            not (samples theorem)
            && metrics
               |> List.exists (fun metric -> metric = theorem.Metric || Seq.contains metric subject.Plan.Metrics)
        | OfStatement _ -> true
