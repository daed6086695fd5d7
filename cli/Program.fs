module Sgm.Cli.Program

open System
open System.IO
open System.Runtime.CompilerServices
open System.Runtime.InteropServices
open System.Threading
open System.Threading.Tasks
open Sgm
open Sgm.Verification

/// Most of a start goes into compiling the parser of experiments; another core does that while Argu reads the command line.
let private warmUp () = Task.Run(fun () -> Check.text "" "." Help.smallest |> ignore) |> ignore

let private dispatch terminal words =
    let obey rest command parsed =
        match parsed with
        | Ok arguments -> command arguments
        | Error(HelpAsked text) ->
            terminal.Out.WriteLine text
            Exit.Fine
        | Error(Refused message) -> Refusal.sentence terminal (List.contains "--json" rest) message

    let run verb rest command = Arguments.parse verb rest |> obey rest command
    let runFile verb file rest command = Arguments.parseFile verb file rest |> obey rest command

    match words with
    | []
    | [ "help" ]
    | ("--help" | "-h") :: _ ->
        terminal.Out.WriteLine(Help.text ())
        Exit.Fine
    | ("--version" | "version") :: _ ->
        terminal.Out.WriteLine $"sgm {Version.release}"
        Exit.Fine
    | verb :: rest ->
        let verb, rest = if verb = "help" then List.head rest, [ "--help" ] else verb, rest

        let warmed = [ "run"; "check"; "certify"; "score"; "tune"; "explain"; "plan"; "sweep"; "compare"; "measure" ]

        if List.contains verb warmed then
            warmUp ()

        match verb with
        | "run" -> runFile verb RunArguments.File rest (RunRequest.Of >> Run.command terminal)
        | "check" -> runFile verb CheckArguments.File rest (CheckRequest.Of >> Check.command terminal)
        | "explain" -> runFile verb ExplainArguments.File rest (ExplainRequest.Of >> Explain.command terminal)
        | "certify" -> runFile verb CertifyArguments.File rest (CertifyRequest.Of >> Certify.command terminal)
        | "score" -> run verb rest (ScoreRequest.Of >> Score.command terminal)
        | "tune" -> run verb rest (TuneRequest.Of >> Tune.command terminal)
        | "sweep" -> runFile verb SweepArguments.File rest (SweepRequest.Of >> Sweep.command terminal)
        | "compare" -> run verb rest (CompareRequest.Of >> Compare.command terminal)
        | "measure" -> run verb rest (MeasureRequest.Of >> Measure.command terminal)
        | "verify" -> run verb rest (VerifyRequest.Of >> Verify.command terminal)
        | "merge" -> run verb rest (MergeRequest.Of >> Merge.command terminal)
        | "report" ->
            run verb rest (fun (arguments: ReportArguments list) ->
                arguments |> List.collect _.AsMerge |> MergeRequest.Of |> Merge.report terminal)
        | "cluster" -> Cluster.command terminal rest
        | "plan" -> run verb rest (PlanRequest.Of >> Plan.command terminal)
        | "theorems" -> run verb rest (TheoremsRequest.Of >> Theorems.command terminal)
        | "completion" -> run verb rest (CompletionRequest.Of >> Completion.command terminal)
        | file when Loading.isFile file ->
            warmUp ()
            runFile "run" RunArguments.File words (RunRequest.Of >> Run.command terminal)
        | unknown ->
            let known = "--help" :: "--version" :: [ for verb in Help.verbs -> verb.Name ]

            let advice =
                match Nearest.word known unknown with
                | Some nearest -> $"did you mean '{nearest}'?"
                | None -> "known are " + String.Join(", ", [ for verb in Help.verbs -> verb.Name ]) + "."

            Refusal.sentence
                terminal
                (List.contains "--json" rest)
                $"sgm: unknown verb '{unknown}'; {advice}\nSee: sgm --help"

/// Why an exception that nobody expected ended the command, in a sentence.
let private sentence (error: exn) =
    match error with
    | :? OutOfMemoryException -> "sgm: this machine has not enough memory for it"
    | :? IOException
    | :? UnauthorizedAccessException -> $"sgm: {error.Message}"
    | _ -> $"sgm: {error.Message} (this is a defect; SGM_DEBUG=1 shows where)"

let private isCancellation (terminal: Terminal) (error: exn) =
    terminal.Cancellation.IsCancellationRequested
    && (error :? OperationCanceledException || error :? AggregateException)

/// A file that is always there.
let private openHandle () = File.OpenHandle Environment.ProcessPath

/// Whether the limit on open files is reached: what fails then is the loading of whatever is needed next, which takes several.
let private isOutOfFiles () =
    try
        use _ = openHandle ()
        use _ = openHandle ()
        use _ = openHandle ()
        use _ = openHandle ()
        false
    with _ ->
        true

let private guarded (terminal: Terminal) work =
    try
        work ()
    with
    | error when isCancellation terminal error -> Exit.Cancelled
    | _ when isOutOfFiles () -> reraise ()
    | error ->
        try
            if Environment.GetEnvironmentVariable "SGM_DEBUG" = "1" then
                terminal.Error.WriteLine(string error)

            terminal.Error.WriteLine(Visible.text (sentence error))
            terminal.Error.Flush()
        with _ ->
            // Standard error cannot be written either: the exit code is all there is left to say.
            ()

        Exit.BadInput

/// The whole command on a terminal: the exit code. Never throws.
let run (terminal: Terminal) (words: string list) =
    guarded terminal (fun () ->
        let code = dispatch terminal words
        terminal.Out.Flush()
        terminal.Error.Flush()
        code)

/// Cancels on Ctrl-C and SIGTERM; work that does not listen is ended after 900 ms, or at the second signal.
let private onSignal (terminal: Terminal) (source: CancellationTokenSource) =
    let handle (context: PosixSignalContext) =
        context.Cancel <- true

        if source.IsCancellationRequested then
            exit Exit.Cancelled

        let hardEnd () =
            Thread.Sleep 900

            try
                Progress.restore terminal
            finally
                exit Exit.Cancelled

        Thread(hardEnd, IsBackground = true).Start()
        source.Cancel()

    [ PosixSignal.SIGINT; PosixSignal.SIGTERM ]
    |> List.map (fun signal -> PosixSignalRegistration.Create(signal, handle))

[<MethodImpl(MethodImplOptions.NoInlining)>]
let private start words =
    use source = new CancellationTokenSource()
    let terminal = Terminal.ofProcess source.Token
    let registrations = onSignal terminal source
    let code = run terminal (List.ofArray words)
    GC.KeepAlive registrations
    code

/// Standard error without the console, which may not be loaded.
[<MethodImpl(MethodImplOptions.NoInlining)>]
let private sayOutOfFiles () =
    use error =
        new FileStream(new Microsoft.Win32.SafeHandles.SafeFileHandle(nativeint 2, false), FileAccess.Write, 0)

    error.Write("sgm: the limit on open files is too low to load the program; raise it: ulimit -n 256\n"B)
    Exit.BadInput

[<EntryPoint>]
let main words =
    // Given back when the limit on open files is reached, so that this can be said; nothing else is loaded here.
    let mutable first = null
    let mutable second = null

    try
        first <- openHandle ()
        second <- openHandle ()
        start words
    with _ when isOutOfFiles () ->
        if not (isNull first) then
            first.Dispose()

        if not (isNull second) then
            second.Dispose()

        sayOutOfFiles ()
