/// A bar on standard error for work that takes longer than half a second, when a person looks at it.
module Sgm.Cli.Progress

open System
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

/// Runs `work`, which is given a function that takes a title and a finished fraction.
let during (terminal: Terminal) title (work: (string -> float -> unit) -> 'result) =
    if not terminal.ErrorIsTerminal then
        work (fun _ _ -> ())
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
