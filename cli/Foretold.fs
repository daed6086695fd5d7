/// How long an exact law takes on this machine, from the beginning of its run.
module Sgm.Cli.Foretold

open System
open System.Diagnostics
open System.Threading
open Sgm
open Sgm.Engine

/// Wall time of the steps of a run, in seconds.
type Duration =
    /// It ran to its end.
    | Measured of seconds: float
    /// If the rest of it goes as fast as what was seen.
    | About of seconds: float
    /// What was seen was no whole step.
    | MoreThan of seconds: float
    /// It gives up, or diverges, before that time.
    | Not of reason: string

/// Seconds that are spent on a forecast, and what is spent at most until the run has said twice how far it is.
let private usual, patience = 0.1, 0.3

/// The moments at which a run said how far it is.
type private Marks() =
    let gate = obj ()
    let mutable seen: struct (float * float) list = []

    /// Adds one, and says how many there are.
    member _.Add seconds fraction =
        lock gate (fun () ->
            seen <- struct (seconds, fraction) :: seen
            seen.Length)

    /// The time of the whole. What came before the first mark, compilation above all, is not repeated.
    member _.Whole now =
        match seen with
        | [] -> MoreThan now
        | struct (last, fraction) :: earlier ->
            let struct (first, before) = earlier |> List.tryLast |> Option.defaultValue (struct (0.0, 0.0))

            if fraction > before && last > first then
                About(last + (1.0 - fraction) * (last - first) / (fraction - before))
            else
                MoreThan now

/// The exact law that would run a plan, and how long; None where none can.
let exactly (cancellation: CancellationToken) (plan: Plan) : (IInterpreter * Duration) option =
    match Laws.choose By.Exact plan with
    | Error _ -> None
    | Ok choice ->
        use within = CancellationTokenSource.CreateLinkedTokenSource cancellation
        within.CancelAfter(TimeSpan.FromSeconds patience)
        let clock = Stopwatch.StartNew()
        let marks = Marks()

        let options =
            RunOptions(
                Cancellation = within.Token,
                Progress =
                    { new IProgress<float> with
                        member _.Report fraction =
                            let now = clock.Elapsed.TotalSeconds

                            if marks.Add now fraction > 1 && now > usual then
                                within.Cancel()
                    }
            )

        let outcome = choice.Interpreter.Run(plan, options)
        let now = clock.Elapsed.TotalSeconds
        cancellation.ThrowIfCancellationRequested()

        let duration =
            match outcome.Status with
            | :? RunStatus.Completed -> Measured now
            | :? RunStatus.Cancelled -> marks.Whole now
            | :? RunStatus.Unsupported as refused -> Not refused.Reason
            | :? RunStatus.Diverged as diverged -> Not $"it diverges at step {diverged.Step} ({diverged.Method})"
            | other -> invalidOp $"no such end of a run: {other}"

        Some(choice.Interpreter, duration)

/// Seconds, and whether it is longer than that; ∞ where it does not run.
let seconds duration =
    match duration with
    | Measured seconds
    | About seconds -> seconds, false
    | MoreThan seconds -> seconds, true
    | Not _ -> infinity, true

/// The forecast as a sentence.
let words (law: IInterpreter) duration =
    let steps what = $"by {law.Backend} its steps take {what} on this machine, without the measurements"

    match duration with
    | Measured seconds -> steps (Words.roughly seconds)
    | About seconds -> steps $"about {Words.roughly seconds}"
    | MoreThan seconds -> $"by {law.Backend} its first steps take more than {Words.roughly seconds} on this machine"
    | Not reason -> $"not by {law.Backend}: {reason}"
