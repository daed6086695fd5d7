/// The command, in this process or in one of its own, and what came of it.
module Sgm.Tests.Command

open System
open System.Diagnostics
open System.IO
open System.Text.Json
open System.Text.RegularExpressions
open System.Threading
open Expecto
open Sgm.Cli
open Sgm.Tests.Folders

/// What a command wrote and how it ended.
type Ran = { Code: int; Out: string; Error: string }

/// Without the lines that say how far a run is, which a busy machine has and a quiet one has not.
let private withoutProgress (text: string) =
    Regex.Replace(text, @"^[a-z ]+: ([0-9]+ % after|[0-9.]+ [a-z]+ so far) .*\n", "", RegexOptions.Multiline)

let private ranReading (input: string) isTerminal work =
    let out, error = new StringWriter(), new StringWriter()

    let terminal =
        {
            Out = out
            Error = error
            In = fun () -> new StringReader(input)
            OutIsTerminal = isTerminal
            ErrorIsTerminal = false
            Cancellation = CancellationToken.None
        }

    let code = work terminal
    { Code = code; Out = string out; Error = withoutProgress (string error) }

let ranOn isTerminal work = ranReading "" isTerminal work

/// The command in this process, with this text as standard input.
let sgmReading input words = ranReading input false (fun terminal -> Program.run terminal words)

/// The command in this process.
let sgm words = ranOn false (fun terminal -> Program.run terminal words)

let withFile (text: string) work =
    inFolder (fun folder ->
        let file = Path.Combine(folder, "it.sgm")
        File.WriteAllText(file, text)
        work file)

let json (ran: Ran) =
    use document = JsonDocument.Parse ran.Out
    document.RootElement.Clone()

let names (element: JsonElement) = [ for property in element.EnumerateObject() -> property.Name ]

let at (path: string list) (element: JsonElement) =
    (element, path) ||> List.fold (fun inner name -> inner.GetProperty name)

let items (element: JsonElement) = List.ofSeq (element.EnumerateArray())
let isNullValue (element: JsonElement) = element.ValueKind = JsonValueKind.Null

let isPlain (ran: Ran) =
    for text in [ ran.Out; ran.Error ] do
        Expect.isFalse (text.Contains '\027') "no escape sequence"
        Expect.isFalse (text.Contains "   at Sgm") "no stack trace"

let examples = lazy Path.Combine(root.Value, "examples")

/// N steps of Langevin on N(0, 1), whose variance ends at 1/(1 − h/2).
let langevinText (h: float) =
    $"experiment {{
    target    (normal [ 0.0 ] 1.0)
    forward   vp
    start     (from (normal [ 0.0 ] 1.0))
    sampler   (repeat 4000 (corrector (langevin {h})))
    measure   [ kl; chi2; w2 ]
    particles 1000
}}"

let mixtureText steps particles =
    $"experiment {{
    target    (mixture [ 0.5, normal [ -2.0; 0.0 ] 0.25
                         0.5, normal [ 2.0; 1.0 ] 0.25 ])
    forward   vp
    start     (point [ 0.0; 0.0 ])
    sampler   (repeat {steps} (corrector (langevin 0.01)))
    measure   [ tv; kl; w2 ]
    particles {particles}
}}"

let private started program (words: string list) =
    let info = ProcessStartInfo(program, words)
    info.RedirectStandardOutput <- true
    info.RedirectStandardError <- true
    Process.Start info

let private command words = Path.Combine(AppContext.BaseDirectory, "sgm.dll") :: words

/// The command as a process of its own.
let start words = started "dotnet" (command words)

/// The same with so many files that may be open.
let startWithin (files: int) words =
    started "sh" ([ "-c"; $"ulimit -n {files}; exec dotnet \"$@\""; "sh" ] @ command words)

/// What it wrote, when it has ended.
let finish (running: Process) =
    let out, error = running.StandardOutput.ReadToEndAsync(), running.StandardError.ReadToEndAsync()
    running.WaitForExit()
    { Code = running.ExitCode; Out = out.Result; Error = error.Result }
