namespace Sgm.Verification.Sabotage

open System
open System.Collections.Concurrent
open System.Diagnostics
open System.Threading
open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Theorems

/// What a check said with a bug in it.
type Reaction =
    /// A violation: the bug is caught.
    | Caught
    /// No decision where a healthy run decides. Not counted as caught: nothing fails.
    | Doubted
    /// As in a healthy run, though the bug was there.
    | Missed
    /// The bug changes nothing in this check's experiments.
    | Untouched
    /// The check was not run with this bug: it is a costly one.
    | Untried

/// A check by name: a theorem, the kind of claim, scenario and axis.
type CheckName =
    {
        Theorem: string
        Kind: CheckKind
        Scenario: string
        Axis: string
    }

    /// "lee-2022-4.2/rate/bias in h/h".
    member this.Text =
        let kind =
            match this.Kind with
            | BoundCheck -> "bound"
            | RateCheck -> "rate"
            | NegativeCheck -> "negative"

        $"{this.Theorem}/{kind}/{this.Scenario}/{this.Axis}"

/// A bug and how every check reacted.
type Row =
    {
        Bug: Bug
        Reactions: (CheckName * Reaction) list
        Seconds: float
    }

    member this.CaughtBy = this.Reactions |> List.choose (fun (name, r) -> if r = Caught then Some name else None)

/// Which check catches which bug.
type KillMatrix =
    {
        /// The checks that hold without a bug, in the order of the catalogue.
        Checks: CheckName list
        /// Checks that do not hold without a bug: they cannot tell, and are left out.
        Unsound: CheckName list
        Rows: Row list
        /// How many cells a check of a bound tried at most, along its axis.
        Cells: int
        Seconds: float
    }

    /// Bugs that no check caught.
    member this.Survivors = this.Rows |> List.filter (fun row -> row.CaughtBy.IsEmpty)

    /// The bugs that a check caught, by check.
    member this.Catches =
        let caught = this.Rows |> List.collect (fun row -> row.CaughtBy |> List.map (fun name -> name, row.Bug))
        let byCheck = caught |> List.groupBy fst |> Map.ofList
        this.Checks |> List.map (fun name -> name, Map.tryFind name byCheck |> Option.defaultValue [] |> List.map snd)

    /// Checks that caught nothing.
    member this.Silent = this.Catches |> List.choose (fun (name, bugs) -> if bugs.IsEmpty then Some name else None)

/// Running the verifier against bugs.
module Sabotage =

    /// A check cut into cells, each a theorem with one experiment, so that it can stop at the first violation.
    type private Target =
        {
            Name: CheckName
            /// The experiment of the first cell; where the axis numbers unrelated cases, of all.
            Subjects: Subject list
            Theorem: Theorem
            /// Whether its experiments run in closed form, in milliseconds.
            IsLight: bool
            Cells: Theorem list
        }


    let private subject (scenario: Scenario) setting =
        let experiment = scenario.Experiment setting 0
        { Experiment = experiment; Plan = Scenarios.planOf experiment; Setting = setting }

    let private closedForm = GaussianInterpreter()

    /// In closed form, and without a training, which runs thousands of times whatever the sampler costs.
    let private isLight (theorem: Theorem) (first: Subject) =
        (isNull (closedForm.WhyNot first.Plan) || not (isNull first.Plan.Finite))
        && not (theorem.Id.StartsWith("bruno-2023-sgld", StringComparison.Ordinal))

    /// The checks of a theorem; of a bound's settings the first of every base along the axis, `cells` in all;
    /// where the axis numbers unrelated cases, all.
    let private targets cells (theorem: Theorem) =
        [
            for scenario in theorem.Scenarios do
                for axis in scenario.Axes |> List.filter (fun axis -> axis.IsFor Quick) do
                    let settings =
                        [
                            for point in scenario.Bases do
                                for value in axis.Values Quick -> point, value
                        ]
                        // The first cell of every base comes before the second of any.
                        |> List.groupBy fst
                        |> List.map (snd >> List.indexed)
                        |> List.concat
                        |> List.sortBy fst
                        |> List.map snd
                        |> List.truncate (if axis.Symbol = "case" then Int32.MaxValue else cells)

                    let kind = if theorem.Stance = Necessity then NegativeCheck else BoundCheck
                    let point, value = List.head settings
                    let start = subject scenario (Map.add axis.Symbol value point)

                    {
                        Name = { Theorem = theorem.Id; Kind = kind; Scenario = scenario.Name; Axis = axis.Symbol }
                        Subjects =
                            if axis.Symbol = "case" then
                                [ for point, value in settings -> subject scenario (Map.add axis.Symbol value point) ]
                            else
                                [ start ]
                        Theorem = theorem
                        IsLight = isLight theorem start
                        Cells =
                            [
                                for point, value in settings ->
                                    let one = { axis with Values = fun _ -> [ value ] }

                                    { theorem with
                                        Scenarios = [ { scenario with Bases = [ point ]; Axes = [ one ] } ]
                                        Rates = []
                                    }
                            ]
                    }
            let along (claim: RateClaim) = claim.Scenario.Axes |> List.find (fun axis -> axis.Symbol = claim.Axis)

            // Some are measured with more effort only.
            for claim in theorem.Rates |> List.filter (fun claim -> not (List.isEmpty ((along claim).Values Quick))) do
                let axis = along claim
                let setting = claim.Scenario.Bases.Head |> Map.add axis.Symbol (List.head (axis.Values Quick))
                let start = subject claim.Scenario setting

                {
                    Name =
                        {
                            Theorem = theorem.Id
                            Kind = RateCheck
                            Scenario = claim.Scenario.Name
                            Axis = claim.Axis
                        }
                    Subjects = [ start ]
                    Theorem = theorem
                    IsLight = isLight theorem start
                    Cells = [ { theorem with Scenarios = []; Rates = [ claim ] } ]
                }
        ]

    /// How long one cell may take with a bug in it before it counts as undecided; nothing is cut short without a bug.
    let private patience = TimeSpan.FromSeconds 10.0

    let private verdictOf (runner: Runner) cell =
        try
            let quiet = { runner with Progress = fun _ _ -> () }
            (Study.run quiet Quick [ cell ]).Checks |> List.map (fun check -> check.Verdict) |> Verdict.all
        with error when not runner.Cancellation.IsCancellationRequested ->
            // A bug may drive the program where no experiment goes; an exception says nothing about a theorem.
            ignore error
            Inconclusive

    /// The verdict within the patience. A search may run short plans for ever when a bug leaves it nothing to find, and a single
    /// step may take for ever; the first ends at its next run, the second is left behind on a thread of its own.
    let private hastyVerdictOf (runner: Runner) cell =
        let limit = CancellationTokenSource.CreateLinkedTokenSource runner.Cancellation
        limit.CancelAfter patience

        let whileThereIsTime run plan options =
            limit.Token.ThrowIfCancellationRequested()
            run plan options

        let hasty = { runner with Run = whileThereIsTime runner.Run; Cancellation = limit.Token }
        let found = ref Inconclusive

        let attempt () =
            try
                found.Value <- verdictOf hasty cell
            with _ ->
                // Out of time: whatever ended it then, nothing was found.
                ()

        let thread = Thread(attempt, 16 * 1024 * 1024, IsBackground = true)
        thread.Start()

        if thread.Join(patience + patience) then
            runner.Cancellation.ThrowIfCancellationRequested()
            found.Value
        else
            Inconclusive

    /// Holds only when all cells do; the first violation ends it.
    let private verdict verdictOf target =
        let rec next worst cells =
            match cells with
            | [] -> worst
            | cell :: rest ->
                match verdictOf cell with
                | Violated -> Violated
                | Holds -> next worst rest
                | _ -> next Inconclusive rest

        next Holds target.Cells

    let private reaction (runner: Runner) bug target =
        if target.Subjects |> List.exists (Bug.touches bug target.Theorem) then
            match verdict (hastyVerdictOf (Bug.plant runner bug)) target with
            | Violated -> Caught
            | Holds -> Missed
            | _ -> Doubted
        else
            Untouched

    /// What healthy runs gave, by statement, what was asked of it, setting, experiment and its refinement: bugs in statements run
    /// no sampler anew. Only for a runner without a bug.
    let private remembering (statements: Theorem list) =
        let remembered ask =
            let known = ConcurrentDictionary<_, Lazy<_>>()

            fun (name: string) (compute: Runner -> Trial -> _) (runner: Runner) (trial: Trial) ->
                let key = name, trial.Setting, trial.Subject.Experiment, (trial.Refined 1).StepCount

                let answer =
                    known.GetOrAdd(
                        key,
                        fun _ -> Lazy<_>((fun () -> compute runner trial), LazyThreadSafetyMode.PublicationOnly)
                    )

                ask answer.Value

        let evidence = remembered (id: Result<Comparison list, string> -> _)
        let quantity = remembered (id: Result<Estimate, string> -> _)

        statements
        |> List.map (fun theorem ->
            { theorem with
                Evidence = evidence theorem.Id theorem.Evidence
                Rates =
                    theorem.Rates
                    |> List.map (fun claim ->
                        { claim with Quantity = quantity $"{theorem.Id}: {claim.Of}" claim.Quantity })
            })

    /// Runs jobs on as many threads as there are cores, telling the finished fraction. Threads of their own: a job waits for
    /// parallel work inside it, and a pool would answer that with ever more threads.
    let private inParallel (runner: Runner) (jobs: (string * (unit -> 'result)) list) =
        let jobs = Array.ofList jobs
        let results = Array.zeroCreate<Result<'result * float, exn>> jobs.Length
        let mutable next = -1
        let mutable finished = 0

        let rec work () =
            let i = Interlocked.Increment &next

            if i < jobs.Length && not runner.Cancellation.IsCancellationRequested then
                let name, job = jobs[i]
                let clock = Stopwatch.StartNew()

                results[i] <-
                    try
                        Ok(job (), clock.Elapsed.TotalSeconds)
                    with error ->
                        Error error

                runner.Progress name (float (Interlocked.Increment &finished) / float jobs.Length)
                work ()

        let threads = List.init Environment.ProcessorCount (fun _ -> Thread(work, 16 * 1024 * 1024))
        threads |> List.iter (fun thread -> thread.Start())
        threads |> List.iter (fun thread -> thread.Join())
        runner.Cancellation.ThrowIfCancellationRequested()

        [
            for result in results do
                match result with
                | Ok found -> found
                | Error error -> raise (InvalidOperationException(error.Message, error))
        ]

    /// Whether a bug in samplers or divergences is tried on a check: on those that run in closed form, on the checks of this program
    /// against closed forms, and on one check of every theorem that has none of these. All on all would take hours.
    let private isTried (all: Target list) =
        let lightened =
            all
            |> List.filter (fun target -> target.IsLight)
            |> List.map (fun target -> target.Name.Theorem)
            |> Set.ofList

        let firsts = all |> List.distinctBy (fun target -> target.Name.Theorem) |> List.map (fun target -> target.Name)

        fun (target: Target) ->
            target.IsLight
            || target.Theorem.Source.Paper = "Closed forms"
            || not (lightened.Contains target.Name.Theorem) && List.contains target.Name firsts

    /// Every bug against every check of some statements; a check of a bound tries at most so many cells.
    let against (runner: Runner) (cells: int) (statements: Theorem list) (bugs: Bug list) =
        let clock = Stopwatch.StartNew()
        let remembered = remembering statements
        let checksOf statements = statements |> Catalogue.withTightness |> List.collect (targets cells)
        let healthyTargets = checksOf remembered

        let healthy =
            healthyTargets
            |> List.map (fun target ->
                $"without a bug: {target.Name.Theorem}", fun () -> verdict (verdictOf runner) target)
            |> inParallel { runner with Progress = fun name share -> runner.Progress name (0.2 * share) }
            |> List.map2 (fun target (found, _) -> target.Name, found) healthyTargets

        let sound, unsound = healthy |> List.partition (fun (_, found) -> found = Holds)
        let tellers = sound |> List.map fst |> Set.ofList
        let plain = checksOf statements
        let isTried = isTried plain

        let jobsOf bug =
            match bug.Change with
            | OfStatement restated ->
                // A statement and what it claims of its own bound change together.
                let changed =
                    remembered
                    |> List.choose (fun theorem -> restated theorem |> Option.map (fun _ -> theorem.Id))
                    |> Set.ofList

                Bug.restate remembered bug
                |> checksOf
                |> List.map (fun target ->
                    let isChanged = changed |> Set.exists (fun id -> Tightness.isOf id target.Name.Theorem)
                    target, (fun () -> if isChanged then reaction runner bug target else Untouched))
            | _ ->
                plain
                |> List.map (fun target ->
                    target, (fun () -> if isTried target then reaction runner bug target else Untried))

        let jobs =
            [
                for bug in bugs do
                    for target, job in jobsOf bug do
                        if tellers.Contains target.Name then
                            bug, (fun () -> target.Name, job ())
            ]

        let reactions =
            jobs
            |> List.map (fun (bug: Bug, job) -> bug.Id, job)
            |> inParallel { runner with Progress = fun name share -> runner.Progress name (0.2 + 0.8 * share) }
            |> List.map2 (fun (bug: Bug, _) result -> bug.Id, result) jobs
            |> List.groupBy fst
            |> Map.ofList

        {
            Checks = List.map fst sound
            Unsound = List.map fst unsound
            Rows =
                [
                    for bug in bugs do
                        let own = Map.tryFind bug.Id reactions |> Option.defaultValue [] |> List.map snd

                        { Bug = bug; Reactions = List.map fst own; Seconds = List.sumBy snd own }
                ]
            Cells = cells
            Seconds = clock.Elapsed.TotalSeconds
        }
