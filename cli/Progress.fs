/// Progress on standard error: a bar after half a second when a person looks at it, otherwise a line now and then.
module Sgm.Cli.Progress

open System
open System.Diagnostics
open System.Runtime.CompilerServices
open System.Threading
open System.Threading.Tasks
open Spectre.Console

/// The finished fraction and what is being worked on, written by workers and read by the bar.
type private Meter(title: string) =
    let mutable fraction = 0.0
    let mutable title = title

    member _.Fraction
        with get () = Volatile.Read &fraction
        and set (value: float) = Volatile.Write(&fraction, value)

    member _.Title
        with get () = Volatile.Read &title
        and set (value: string) = Volatile.Write(&title, value)

[<MethodImpl(MethodImplOptions.NoInlining)>]
let private show (terminal: Terminal) (meter: Meter) (work: Task) =
    let console = AnsiConsole.Create(AnsiConsoleSettings(Out = AnsiConsoleOutput terminal.Error))

    console
        .Progress()
        .AutoClear(true)
        .Columns(TaskDescriptionColumn(), ProgressBarColumn(), PercentageColumn(), RemainingTimeColumn())
        .Start(fun context ->
            let bar = context.AddTask(Markup.Escape meter.Title, maxValue = 1.0)

            while not (work.Wait 100) do
                bar.Description <- Markup.Escape meter.Title
                bar.Value <- meter.Fraction)

/// Shows the cursor again, which a bar hides, when the process ends before its bar does.
let restore (terminal: Terminal) =
    if terminal.ErrorIsTerminal then
        terminal.Error.Write "\027[?25h"
        terminal.Error.Flush()

/// Seconds between the lines of `describe`.
let private pause = 20.0

/// "34 % after 20 s, about 39 s left (lee-2022-4.2)": what is left if the rest goes as fast as what is done; "20 s so
/// far (…)" while nothing is known of it.
let line (seconds: float) (title: string) fraction =
    if fraction > 0.0 then
        let left = Words.roughly (seconds * (1.0 - fraction) / fraction)
        $"{100.0 * fraction:F0} %% after {Words.roughly seconds}, about {left} left ({title})"
    else
        $"{Words.roughly seconds} so far ({title})"

/// Runs `work` and tells every twenty seconds how far it is, or at least that it goes on.
let private describe (terminal: Terminal) title (work: (string -> float -> unit) -> 'result) =
    let clock = Stopwatch.StartNew()
    let gate = obj ()
    // Nothing once it ended.
    let latest = ref (Some(title, 0.0))

    let tell _ =
        lock gate (fun () ->
            latest.Value
            |> Option.iter (fun (at, fraction) ->
                Terminal.tell terminal $"{title}: {line clock.Elapsed.TotalSeconds at fraction}"))

    let pause = TimeSpan.FromSeconds pause
    use _ = new Timer(tell, null, pause, pause)

    try
        work (fun at fraction -> lock gate (fun () -> latest.Value <- Some(at, fraction)))
    finally
        lock gate (fun () -> latest.Value <- None)

/// Runs `work`, which is given a function that takes a title and a finished fraction.
let during (terminal: Terminal) title (work: (string -> float -> unit) -> 'result) =
    if not terminal.ErrorIsTerminal then
        describe terminal title work
    else
        let meter = Meter title

        let told (title: string) fraction =
            meter.Title <- title
            meter.Fraction <- fraction

        let task = Task.Run<'result>(fun () -> work told)

        try
            if not (task.Wait 500) then
                show terminal meter task
        with :? AggregateException ->
            ()

        task.GetAwaiter().GetResult()
