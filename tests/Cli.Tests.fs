module Sgm.Tests.CliTests

open System
open System.Collections.Immutable
open System.Diagnostics
open System.IO
open System.Text.Json
open System.Threading
open Expecto
open Sgm
open Sgm.Engine
open Sgm.Cli
open Sgm.Verification

/// What a command wrote and how it ended.
type private Ran = { Code: int; Out: string; Error: string }

let private ranOn isTerminal work =
    let out, error = new StringWriter(), new StringWriter()

    let terminal =
        {
            Out = out
            Error = error
            OutIsTerminal = isTerminal
            ErrorIsTerminal = false
            Cancellation = CancellationToken.None
        }

    let code = work terminal
    { Code = code; Out = string out; Error = string error }

/// The command in this process.
let private sgm words = ranOn false (fun terminal -> Program.run terminal words)

let private withFolder work =
    let folder = Directory.CreateTempSubdirectory "sgm-cli-"

    try
        work folder.FullName
    finally
        folder.Delete true

let private withFile (text: string) work =
    withFolder (fun folder ->
        let file = Path.Combine(folder, "it.sgm")
        File.WriteAllText(file, text)
        work file)

let private json (ran: Ran) =
    use document = JsonDocument.Parse ran.Out
    document.RootElement.Clone()

let private names (element: JsonElement) = [ for property in element.EnumerateObject() -> property.Name ]

let private at (path: string list) (element: JsonElement) =
    (element, path) ||> List.fold (fun inner name -> inner.GetProperty name)

let private items (element: JsonElement) = List.ofSeq (element.EnumerateArray())
let private isNullValue (element: JsonElement) = element.ValueKind = JsonValueKind.Null

let private isPlain (ran: Ran) =
    for text in [ ran.Out; ran.Error ] do
        Expect.isFalse (text.Contains '\027') "no escape sequence"
        Expect.isFalse (text.Contains "   at Sgm") "no stack trace"

let private examples =
    let rec above (folder: DirectoryInfo) : string =
        if Directory.Exists(Path.Combine(folder.FullName, "examples")) then
            Path.Combine(folder.FullName, "examples")
        else
            above folder.Parent

    above (DirectoryInfo AppContext.BaseDirectory)

/// N steps of Langevin on N(0, 1), whose variance ends at 1/(1 − h/2).
let private langevinText (h: float) =
    $"experiment {{
    target    (normal [ 0.0 ] 1.0)
    forward   vp
    start     (from (normal [ 0.0 ] 1.0))
    sampler   (repeat 4000 (corrector (langevin {h})))
    measure   [ kl; chi2; w2 ]
    particles 1000
}}"

let private mixtureText steps particles =
    $"experiment {{
    target    (mixture [ 0.5, normal [ -2.0; 0.0 ] 0.25
                         0.5, normal [ 2.0; 1.0 ] 0.25 ])
    forward   vp
    start     (point [ 0.0; 0.0 ])
    sampler   (repeat {steps} (corrector (langevin 0.01)))
    measure   [ tv; kl ]
    particles {particles}
}}"

let private help =
    testList
        "help"
        [
            testCase "fits a screen and has an example a verb" (fun () ->
                let ran = sgm [ "--help" ]
                let lines = ran.Out.TrimEnd().Split '\n'
                Expect.equal ran.Code 0 "exit code"
                Expect.isLessThanOrEqual lines.Length 40 "lines"
                Expect.isLessThanOrEqual (lines |> Array.map String.length |> Array.max) 100 "columns"

                for verb in Help.verbs do
                    Expect.exists lines (fun line -> line.Trim().StartsWith $"sgm {verb.Name}") verb.Name)

            testCase "no words, help and -h are the same" (fun () ->
                for words in [ []; [ "help" ]; [ "-h" ] ] do
                    Expect.equal (sgm words) (sgm [ "--help" ]) (String.Join(" ", words)))

            testCase "every verb has its own, which fits a screen" (fun () ->
                for verb in Help.verbs do
                    let ran = sgm [ verb.Name; "--help" ]
                    Expect.equal ran.Code 0 verb.Name
                    Expect.stringContains ran.Out verb.Example "the example"
                    Expect.isLessThanOrEqual (ran.Out.Split('\n').Length) 40 "lines"
                    Expect.equal (sgm [ "help"; verb.Name ]) ran "help VERB")

            testCase "--version is a version" (fun () ->
                let ran = sgm [ "--version" ]
                Expect.equal ran.Code 0 "exit code"
                Expect.isMatch (ran.Out.TrimEnd()) @"^sgm \d+\.\d+\.\d+$" "the version")
        ]

/// Command lines and what the message must say.
let private refusals =
    let binary = typeof<Experiment>.Assembly.Location

    [
        [ "rnu" ], "did you mean 'run'?"
        [ "frobnicate" ], "known are run, check, explain, verify, plan, theorems"
        [ "run" ], "missing parameter '<FILE>'"
        [ "explain" ], "missing parameter '<FILE>'"
        [ "run"; "a.sgm"; "b.sgm" ], "unexpected argument 'b.sgm'"
        [ "run"; "a.sgm"; "--partikles"; "4" ], "did you mean '--particles'?"
        [ "run"; "--bogus" ], "unknown flag '--bogus'"
        [ "run"; "a.sgm"; "--by"; "exat" ], "did you mean 'exact'?"
        [ "run"; "a.sgm"; "--seed"; "many" ], "found 'many', expected a whole number"
        [ "run"; "a.sgm"; "--seed" ], "'--seed'"
        [ "run"; "a.sgm"; "--seed"; "1"; "--seed"; "2" ], "more than once"
        [ "run"; "a.sgm"; "--threads=0" ], "expected a whole number from 1 to 4096"
        [ "run"; "no-such-file.sgm" ], "there is no such file"
        [ "run"; "" ], "cannot read"
        [ "check"; Path.GetTempPath() ], "directory"
        [ "check"; binary ], "expected 'experiment"
        [ "explain"; Path.Combine(binary, "below") ], "cannot read"
        [ "run"; Path.Combine(examples, "ddpm-gaussian.sgm"); "--particles"; "0" ], "found 0"
        [ "run"; Path.Combine(examples, "ddpm-gaussian.sgm"); "--seed=-1" ], "found -1"
        [ "run"; Path.Combine(examples, "old-faithful.sgm"); "--by"; "exact" ], "gaussian: the target is not"
        [ "verify"; "bruno-2023-sgdl" ], "did you mean 'bruno-2023-sgld'?"
        [ "verify"; "nothing-like-it" ], "known are"
        [ "verify"; "--report"; examples ], "something other than a report"
        [ "verify"; "--report"; binary ], "is a file"
        [ "verify"; "--effort"; "ful" ], "did you mean 'full'?"
        [ "theorems"; "bruno-2032" ], "bruno-2023-gaussian"
    ]

let private badInput =
    testList
        "bad input"
        [
            for words, says in refusals do
                testCase $"sgm {String.Join(' ', words).Replace(AppContext.BaseDirectory, String.Empty)}" (fun () ->
                    let ran = sgm words
                    isPlain ran
                    Expect.equal ran.Code 2 ran.Error
                    Expect.equal ran.Out "" "standard output"
                    Expect.stringContains ran.Error says "the message"

                    if List.head words <> "explain" then
                        let asJson = sgm (words @ [ "--json" ])
                        Expect.equal asJson.Code 2 "exit code with --json"
                        Expect.isNonEmpty (items (at [ "errors" ] (json asJson))) "errors")

            testCase "all errors of a file, with line and column" (fun () ->
                withFile
                    "experiment {\n    target (normal [ 0.0 ] -1.0)\n    forward vq\n    sampler identity\n}"
                    (fun file ->
                        let ran = sgm [ "check"; file; "--json" ]
                        Expect.equal ran.Code 2 ran.Error
                        Expect.stringContains ran.Error "3:13" "line and column of vq"
                        let errors = items (at [ "errors" ] (json ran))
                        Expect.isGreaterThan errors.Length 1 "all errors"

                        for error in errors do
                            Expect.equal (names error) [ "file"; "line"; "column"; "message" ] "fields"))
        ]

let private runs =
    testList
        "run"
        [
            testCase "an exact run has the fields of the contract and no others" (fun () ->
                withFile (langevinText 0.5) (fun file ->
                    let ran = sgm [ "run"; file; "--json" ]
                    Expect.equal ran.Code 0 ran.Error
                    Expect.equal ran.Error "" "standard error"
                    let root = json ran

                    Expect.equal
                        (names root)
                        [
                            "fingerprint"
                            "backend"
                            "dimension"
                            "particles"
                            "seed"
                            "scoreEvaluations"
                            "samplingSeconds"
                            "probes"
                        ]
                        "fields"

                    Expect.equal ((at [ "backend" ] root).GetString()) "gaussian" "backend"
                    Expect.isTrue (isNullValue (at [ "particles" ] root)) "particles of an exact law"
                    Expect.equal ((at [ "scoreEvaluations" ] root).GetInt64()) 4000L "cost"
                    let probe = List.exactlyOne (items (at [ "probes" ] root))
                    Expect.equal (names probe) [ "name"; "level"; "mean"; "variance"; "metrics" ] "fields of a probe"
                    Expect.equal (names (at [ "level" ] probe)) [ "parameter"; "mean"; "sigma" ] "fields of a level"
                    Expect.equal (names (at [ "metrics" ] probe)) [ "kl"; "chi2"; "w2" ] "the metrics asked for"

                    Expect.equal
                        (names (at [ "metrics"; "kl" ] probe))
                        [ "value"; "lower"; "upper"; "confidence"; "method" ]
                        "fields of a metric"

                    let variance = (List.head (items (at [ "variance" ] probe))).GetDouble()
                    Expect.floatClose Accuracy.high variance (1.0 / (1.0 - 0.5 / 2.0)) "1/(1 − h/2)"))

            testCase "particles come with intervals, and a reason for what they cannot give" (fun () ->
                withFile (mixtureText 10 500) (fun file ->
                    let ran = sgm [ "run"; file; "--json"; "--particles"; "700"; "--seed"; "9"; "--threads"; "2" ]
                    Expect.equal ran.Code 0 ran.Error
                    let root = json ran
                    Expect.equal ((at [ "backend" ] root).GetString()) "particles" "backend"
                    Expect.equal ((at [ "particles" ] root).GetInt64()) 700L "particles"
                    Expect.equal ((at [ "seed" ] root).GetInt64()) 9L "seed"
                    let probe = List.exactlyOne (items (at [ "probes" ] root))

                    Expect.containsAll
                        (names probe)
                        [ "meanLower"; "meanUpper"; "varianceLower"; "varianceUpper"; "confidence" ]
                        "intervals of the moments"

                    let kl = at [ "metrics"; "kl" ] probe
                    Expect.isTrue (isNullValue (at [ "value" ] kl)) "no value of kl from samples"
                    Expect.isNotNull ((at [ "reason" ] kl).GetString()) "the reason"
                    Expect.equal ((at [ "upper" ] kl).GetString()) "Infinity" "the upper end"))

            testCase "the same seed gives the same numbers on 1 and 3 threads" (fun () ->
                withFile (mixtureText 10 5000) (fun file ->
                    let probes threads =
                        (at [ "probes" ] (json (sgm [ "run"; file; "--json"; "--threads"; threads ]))).GetRawText()

                    Expect.equal (probes "3") (probes "1") "probes"))

            testCase "moments of more than 16 coordinates on request" (fun () ->
                let text =
                    "experiment {
  target (standard 17)
  forward vp
  start (point (fill 17 1.0))
  sampler (corrector (langevin 0.1))
}"

                withFile text (fun file ->
                    let probe words =
                        List.exactlyOne (items (at [ "probes" ] (json (sgm ([ "run"; file; "--json" ] @ words)))))

                    Expect.equal (names (probe [])) [ "name"; "level"; "metrics" ] "without --full"
                    Expect.hasLength (items (at [ "mean" ] (probe [ "--full" ]))) 17 "with --full"))

            testCase "an infinite divergence is the string Infinity with a reason" (fun () ->
                let text =
                    "experiment {
  target (normal [ 0.0 ] 1.0)
  forward vp
  start (from (normal [ 0.0 ] 4.0))
  sampler identity
  measure [ chi2 ]
}"

                withFile text (fun file ->
                    let ran = sgm [ "run"; file; "--json" ]
                    Expect.equal ran.Code 0 ran.Error
                    let probe = List.exactlyOne (items (at [ "probes" ] (json ran)))
                    let chi2 = at [ "metrics"; "chi2" ] probe
                    Expect.equal ((at [ "value" ] chi2).GetString()) "Infinity" "value"
                    Expect.isNotNull ((at [ "reason" ] chi2).GetString()) "reason"))

            testCase "auto turns to particles when the exact law gives up on the way" (fun () ->
                // Noise of 1e-10 on a state of 1e10: positions in doubles are coarser than the noise.
                let text =
                    "experiment {\n  target (mixture [ 0.5, normal [ -2.0 ] 0.25; 0.5, normal [ 2.0 ] 0.25 ])\n  forward ve\n  start (from (mixture [ 0.5, normal [ 0.0 ] 1e-18; 0.5, normal [ 10.0 ] 1e20 ]))\n  sampler (repeat 3 (corrector (langevin 1e-20)))\n  particles 1000\n}"

                withFile text (fun file ->
                    let ran = sgm [ "run"; file; "--json" ]
                    Expect.equal ran.Code 0 ran.Error
                    Expect.equal ((at [ "backend" ] (json ran)).GetString()) "particles" "backend"
                    let exact = sgm [ "run"; file; "--by"; "exact" ]
                    Expect.equal exact.Code 2 "exact has nothing to turn to"
                    Expect.stringContains exact.Error "grid" "and says which law gave up"))

            testCase "divergence is exit code 3 with step and level, and a status" (fun () ->
                withFile (langevinText 3.0) (fun file ->
                    for by in [ "exact"; "particles" ] do
                        let ran = sgm [ "run"; file; "--json"; "--by"; by ]
                        isPlain ran
                        Expect.equal ran.Code 3 by
                        Expect.isMatch ran.Error @"diverged at step \d+ \(langevin\), level t = 0" "the message"
                        let status = at [ "status" ] (json ran)
                        Expect.equal ((at [ "kind" ] status).GetString()) "diverged" "kind"
                        Expect.equal (isNullValue (at [ "block" ] status)) (by = "exact") "block"))

            testCase "a terminal gets boxes and the same numbers" (fun () ->
                withFile (langevinText 0.5) (fun file ->
                    let words = [ "run"; file ]
                    let inTerminal = ranOn true (fun terminal -> Program.run terminal words)
                    Expect.stringContains inTerminal.Out "╭" "a box"
                    Expect.stringContains inTerminal.Out "1.33333" "the variance"
                    Expect.stringContains (sgm words).Out "1.33333" "the variance without a terminal"))
        ]

let private others =
    testList
        "check, explain, theorems"
        [
            testCase "check answers for every law and theorem" (fun () ->
                let ran = sgm [ "check"; Path.Combine(examples, "old-faithful.sgm"); "--json" ]
                Expect.equal ran.Code 0 ran.Error
                let root = json ran
                Expect.equal (items (at [ "laws" ] root)).Length (List.length Laws.exact) "laws"
                Expect.equal (items (at [ "theorems" ] root)).Length (List.length Catalogue.theorems) "theorems"

                for theorem in items (at [ "theorems" ] root) do
                    Expect.isNonEmpty (items (at [ "assumptions" ] theorem)) "assumptions")

            testCase "check says how long particles take on this machine" (fun () ->
                withFile (mixtureText 10 500) (fun file ->
                    Expect.stringContains (sgm [ "check"; file ]).Out "on this machine" "in words"
                    let root = json (sgm [ "check"; file; "--json" ])
                    Expect.isGreaterThan ((at [ "particleSeconds" ] root).GetDouble()) 0.0 "seconds"))

            testCase "check warns of an unstable step" (fun () ->
                withFile (langevinText 3.0) (fun file ->
                    let ran = sgm [ "check"; file ]
                    Expect.equal ran.Code 0 ran.Error
                    Expect.stringContains ran.Out "beyond stability" "the warning"))

            testCase "explain shows the first and the last transition" (fun () ->
                let ran = sgm [ "explain"; Path.Combine(examples, "ddpm-gaussian.sgm") ]
                Expect.equal ran.Code 0 ran.Error

                for text in [ "transition 1 of 100"; "transition 100 of 100"; "ancestral"; "x ←"; "ξ"; "t = 0" ] do
                    Expect.stringContains ran.Out text text)

            testCase "theorems by the beginning of a name" (fun () ->
                let all = items (at [ "theorems" ] (json (sgm [ "theorems"; "--json" ])))
                Expect.equal all.Length (List.length Catalogue.theorems) "all of them"

                let one =
                    List.exactlyOne (items (at [ "theorems" ] (json (sgm [ "theorems"; "BRUNO-2023-SG"; "--json" ]))))

                Expect.equal ((at [ "id" ] one).GetString()) "bruno-2023-sgld" "one")
        ]

/// The engine with √h for √(2h).
let private sabotaged (plan: Plan) options =
    let weaker (t: Tableau) =
        Tableau(Method = t.Method, From = t.From, To = t.To, Stages = t.Stages, A = t.A, B = t.B, C = t.C / sqrt 2.0)

    let rec change (instruction: Instruction) : Instruction =
        match instruction with
        | :? Instruction.Step as step -> Instruction.Step(weaker step.Tableau)
        | :? Instruction.Repeat as repeat -> Instruction.Repeat(repeat.Count, changeAll repeat.Body)
        | :? Instruction.Transitions as all ->
            Instruction.Transitions(all.Count, fun i -> changeAll (all.Body.Invoke i))
        | other -> other

    and changeAll body = ImmutableArray.CreateRange(body |> Seq.map change)

    let changed =
        Plan(
            Target = plan.Target,
            Score = plan.Score,
            Start = plan.Start,
            InitialLevel = plan.InitialLevel,
            Instructions = changeAll plan.Instructions,
            Metrics = plan.Metrics
        )

    Laws.run changed options

let private verify =
    testList
        "verify"
        [
            testCase "the last line is the path of the report" (fun () ->
                withFolder (fun folder ->
                    let directory = Path.Combine(folder, "report")
                    let junit = Path.Combine(folder, "junit.xml")
                    let ran = sgm [ "verify"; "bruno"; "--report"; directory; "--junit"; junit ]
                    isPlain ran
                    Expect.equal ran.Code 0 ran.Error
                    let last = Array.last (ran.Out.TrimEnd().Split '\n')
                    Expect.isTrue (File.Exists(last.Replace("report: ", ""))) last
                    Expect.isTrue (File.Exists junit) "the JUnit file"))

            testCase "with --json standard output is the contract's document" (fun () ->
                withFolder (fun folder ->
                    let ran = sgm [ "verify"; "bruno"; "--json"; "--report"; Path.Combine(folder, "report") ]
                    Expect.equal ran.Code 0 ran.Error
                    let root = json ran
                    Expect.containsAll (names root) [ "checks"; "violated"; "elapsedSeconds" ] "fields"

                    for check in items (at [ "checks" ] root) do
                        Expect.containsAll
                            (names check)
                            [
                                "id"
                                "claim"
                                "axis"
                                "verdict"
                                "cells"
                                "tightest"
                                "claimed"
                                "measured"
                                "lower"
                                "upper"
                                "vacuous"
                            ]
                            "fields of a check"))

            testCase "a violated check is exit code 1" (fun () ->
                withFolder (fun folder ->
                    let request =
                        { VerifyRequest.Of [ VerifyArguments.Ids [ "bruno-2023-gaussian" ] ] with
                            Report = Path.Combine(folder, "report")
                        }

                    let ran = ranOn false (fun terminal -> Verify.commandBy sabotaged terminal request)
                    Expect.equal ran.Code 1 ran.Out
                    Expect.stringContains ran.Out "violated" "the verdict"))
        ]

/// The command as a process of its own.
let private start (words: string list) =
    let info = ProcessStartInfo("dotnet", Path.Combine(AppContext.BaseDirectory, "sgm.dll") :: words)
    info.RedirectStandardOutput <- true
    info.RedirectStandardError <- true
    Process.Start info

let private signalled (signal: string) =
    testCase $"SIG{signal} ends a long run with 130 within a second" (fun () ->
        if OperatingSystem.IsWindows() then
            skiptest "no POSIX signals"

        withFile (mixtureText 100000000 100000) (fun file ->
            use running = start [ "run"; file; "--by"; "particles" ]
            // Long enough for the run to be under way.
            Thread.Sleep 2500
            Expect.isFalse running.HasExited "it runs"
            let clock = Stopwatch.StartNew()
            use kill = Process.Start("kill", [ $"-{signal}"; string running.Id ])
            kill.WaitForExit()
            Expect.isTrue (running.WaitForExit 10000) "it ends"
            // 900 ms is the hard end; the rest is the machine's, which runs other tests at the same time.
            Expect.isLessThan clock.Elapsed.TotalSeconds 2.0 "seconds"
            Expect.equal running.ExitCode 130 "exit code"
            Expect.stringContains (running.StandardError.ReadToEnd()) "cancelled" "the message"))

let private processes =
    testSequenced (
        testList
            "process"
            [
                signalled "INT"
                signalled "TERM"

                testCase "a reader that closes early sees no trace" (fun () ->
                    use running = start [ "theorems"; "--json" ]
                    running.StandardOutput.Close()
                    let error = running.StandardError.ReadToEnd()
                    running.WaitForExit()
                    Expect.equal error "" "standard error")

                testCase "help goes to standard output, messages to standard error, without colour" (fun () ->
                    use running = start [ "verify"; "nothing-like-it" ]
                    let out, error = running.StandardOutput.ReadToEnd(), running.StandardError.ReadToEnd()
                    running.WaitForExit()
                    let ran = { Code = running.ExitCode; Out = out; Error = error }
                    isPlain ran
                    Expect.equal ran.Code 2 "exit code"
                    Expect.equal out "" "standard output")
            ]
    )

let private every =
    testList
        "examples"
        [
            for file in Directory.GetFiles(examples, "*.sgm") do
                testCase (Path.GetFileName file) (fun () ->
                    for verb in [ "check"; "run" ] do
                        let ran = sgm [ verb; file; "--json" ]
                        Expect.equal ran.Code 0 ran.Error
                        Expect.equal ran.Error "" "warnings"
                        json ran |> ignore)
        ]

let tests = testList "command" [ help; badInput; runs; others; verify; processes; every ]
