/// Parts of a run, what joins them, and the jobs that run them.
module Sgm.Tests.ShardsTests

open System
open System.Collections.Concurrent
open System.Diagnostics
open System.IO
open System.Text
open System.Security.Cryptography
open System.Threading
open Expecto
open Sgm.Verification
open Sgm.Tests.Command
open Sgm.Tests.Folders
open Sgm.Tests.StoreTests

/// The ids of all cells of a verification; nothing runs.
let private ids theorems =
    let seen = ConcurrentQueue<string>()

    let shelf =
        { Shelf.none with
            Runs = false
            Find =
                fun name ->
                    seen.Enqueue name.Id
                    None
        }

    Study.prepareKept Quick theorems shelf (Runner.engine CancellationToken.None) |> ignore
    List.ofSeq seen

let private part =
    testList
        "a shard"
        [
            testCase "is what the hash of an id says, whatever else there is" (fun () ->
                // SHA-256 of "abc" begins with ba7816bf8f01cfea, of the empty text with e3b0c44298fc1c14.
                Expect.equal (Shard.ofId 1000 "abc") (int (0xba7816bf8f01cfeaUL % 1000UL)) "abc"
                Expect.equal (Shard.ofId 7 "") (int (0xe3b0c44298fc1c14UL % 7UL)) "nothing"
                let id = "bruno-2023-gaussian/bound/T = 5"
                let digits = Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes id)).Substring(0, 16)
                Expect.equal (Shard.ofId 8 id) (int (Convert.ToUInt64(digits, 16) % 8UL)) "one's own hash")

            testCase "has cells that no other has, and all of them together have all" (fun () ->
                let all = ids Catalogue.theorems
                Expect.equal (List.distinct all).Length all.Length "an id is one cell's"
                let sizes = [ for i in 0..7 -> all |> List.filter (Shard.has { Index = i; Of = 8 }) |> List.length ]
                Expect.equal (List.sum sizes) all.Length "each in one"
                // Of a binomial law with all.Length/8 on average: six standard deviations.
                let mean = float all.Length / 8.0

                for size in sizes do
                    Expect.isLessThan (abs (float size - mean)) (6.0 * sqrt mean) "even")

            testCase "keeps its cells when a theorem comes or goes" (fun () ->
                let before = ids (List.tail Catalogue.theorems) |> Set.ofList
                let after = ids (List.rev Catalogue.theorems) |> Set.ofList
                Expect.isTrue (Set.isSubset before after) "the others keep their ids, and so their shards")

            testCase "is read from a word or from the scheduler" (fun () ->
                let slurm id first count step =
                    [ "ID", id; "MIN", first; "COUNT", count; "STEP", step ]
                    |> List.map (fun (name, value) -> "SLURM_ARRAY_TASK_" + name, string value)

                let kubernetes i = [ "JOB_COMPLETION_INDEX", string i ]

                for word, variables, wanted in
                    [
                        "0/8", [], Some(0, 8)
                        "7/8", slurm 1 0 4 1, Some(7, 8)
                        "auto", slurm 3 0 4 1, Some(3, 4)
                        "auto", slurm 7 1 4 2, Some(3, 4)
                        "4", slurm 12 10 4 1, Some(2, 4)
                        "5", kubernetes 4, Some(4, 5)
                        "8/8", [], None
                        "-1/8", [], None
                        "0/0", [], None
                        "x", [], None
                        "auto", [], None
                        "auto", kubernetes 1, None
                        "8", [], None
                        "8", slurm 0 0 4 1, None
                        "auto", slurm 8 1 3 1, None
                        "3", kubernetes 3, None
                    ] do
                    let variable name = variables |> List.tryFind (fun (other, _) -> other = name) |> Option.map snd

                    match Shard.parse variable word, wanted with
                    | Ok found, Some(i, n) -> Expect.equal found { Index = i; Of = n } word
                    | Error message, None -> Expect.stringContains message $"--shard {word}" "the sentence"
                    | found, _ -> failtest $"{word}: {found}")
        ]

let private family =
    "let h = oneOf [ 0.2; 0.1; 0.05; 0.025 ]
let d = oneOf [ 1; 2; 3 ]

experiment {
    target    (standard d)
    forward   vp
    start     (from (normal (fill d 0.0) 2.5))
    sampler   (repeat (int (0.2 / h)) (corrector (langevin h)))
    measure   [ kl; w2 ]
}"

/// The same run in shards, each in a folder of its own.
let private shards count words root =
    [
        for i in 0 .. count - 1 do
            let place = Path.Combine(root, $"part {i}")
            let ran = sgm (words @ [ "--shard"; $"{i}/{count}"; "--report"; place ])
            Expect.equal ran.Code 0 ran.Error
            place
    ]

let private joined =
    testList
        "merge"
        [
            testCase "of shards is the whole: report, tables and verdict" (fun () ->
                inFolder (fun root ->
                    let whole, out = Path.Combine(root, "whole"), Path.Combine(root, "out")
                    let first = sgm ("verify" :: sampled @ [ "--report"; whole ])
                    let parts = shards 3 ("verify" :: sampled) root
                    let ran = sgm ("merge" :: parts @ [ "--report"; out; "--junit"; Path.Combine(root, "j.xml") ])
                    Expect.equal ran.Code first.Code ran.Error
                    Expect.equal (timeless out) (timeless whole) "the report"
                    Expect.equal (cellsOf out).Length (cellsOf whole).Length "the store"
                    Expect.isTrue (File.Exists(Path.Combine(root, "j.xml"))) "JUnit"
                    // A shard that runs again, in one folder with another, changes nothing.
                    let again = sgm ("verify" :: sampled @ [ "--shard"; "1/3"; "--report"; parts[0] ])
                    Expect.equal again.Code 0 again.Error
                    let ran = sgm ("merge" :: parts @ [ "--report"; out ])
                    Expect.equal (timeless out) (timeless whole) "again"
                    Expect.equal ran.Code first.Code ran.Error))

            testCase "names what is missing with what runs it, which completes it" (fun () ->
                inFolder (fun root ->
                    let whole, out = Path.Combine(root, "whole"), Path.Combine(root, "out")
                    verify [] whole |> ignore
                    let parts = shards 3 ("verify" :: theorems) root
                    let ran = sgm [ "merge"; parts[0]; parts[2]; "--report"; out ]
                    Expect.equal ran.Code 75 ran.Error
                    let command = $"--shard 1/3 --report "
                    Expect.stringContains ran.Error command "the command"
                    Expect.isFalse (ran.Error.Contains "--shard 0/3") "no other"
                    let line = ran.Error.Split '\n' |> Array.find (fun line -> line.Contains command)
                    let words = ((line.Split '#')[0]).Trim().Split ' ' |> List.ofArray
                    Expect.equal (sgm words.Tail).Code 0 line
                    sgm [ "report"; out ] |> ignore
                    Expect.equal (timeless out) (timeless whole) "complete"))

            testCase "refuses stores that do not agree, or are of another command" (fun () ->
                inFolder (fun root ->
                    let out = Path.Combine(root, "out")
                    let words = [ "verify"; "bruno-2023-gaussian" ]
                    let parts = shards 2 words root
                    let other = Path.Combine(root, "other")
                    sgm (words @ [ "--shard"; "0/2"; "--report"; other ]) |> ignore
                    let merge folders = sgm ("merge" :: folders @ [ "--report"; out ])
                    Expect.equal (merge (parts @ [ other ])).Code 0 "they agree"

                    /// The same files with other numbers, or on another machine, and hashes that are right.
                    let changed (from: string) (to': string) =
                        for file in cellsOf other do
                            let text = File.ReadAllText(file).Replace(from, to')
                            let at = text.IndexOf "\"cell\":" + 7

                            let hash =
                                SHA256.HashData(Encoding.UTF8.GetBytes(text.Substring(at, text.Length - at - 2)))

                            let head = "{\"schema\":\"sgm.cell/1\",\"sha256\":\""

                            File.WriteAllText(
                                file,
                                head + Convert.ToHexStringLower hash + "\"," + text.Substring(at - 7)
                            )

                    Directory.Delete(out, true)
                    changed "\"comparisons\":1," "\"comparisons\":2,"
                    let refused = merge (parts @ [ other ])
                    Expect.equal refused.Code 2 refused.Error
                    Expect.stringContains refused.Error "differ in a cell that both ran on" "the sentence"
                    changed $"\"machine\":\"{Version.machine}\"" "\"machine\":\"z80\""
                    let ran = merge (parts @ [ other ])
                    Expect.equal ran.Code 0 ran.Error
                    Expect.stringContains ran.Error "differ between machines" "said"
                    let strange = Path.Combine(root, "strange")
                    sgm [ "verify"; "bruno-2023-sgld"; "--shard"; "0/2"; "--report"; strange ] |> ignore
                    let refused = merge (parts @ [ strange ])
                    Expect.equal refused.Code 2 refused.Error
                    Expect.stringContains refused.Error "is of another command" "the sentence"
                    let none = merge [ Path.Combine(root, "none") ]
                    Expect.equal none.Code 2 none.Error))

            testCase "of a sweep and of a comparison has every number of the whole" (fun () ->
                withFile family (fun file ->
                    let root = Path.GetDirectoryName file
                    let out = Path.Combine(root, "out")
                    let whole = sgm [ "sweep"; file; "--json" ]
                    let parts = shards 4 [ "sweep"; file ] root
                    let ran = sgm ("merge" :: parts @ [ "--report"; out; "--json" ])
                    Expect.equal (ran.Code, ran.Out) (whole.Code, whole.Out) ran.Error
                    let partial = sgm [ "merge"; parts[0]; "--report"; Path.Combine(root, "one"); "--json" ]
                    Expect.equal partial.Code 75 partial.Error
                    let missing = (at [ "missing" ] (json partial)).GetInt32()
                    Expect.equal (missing + (items (at [ "rows" ] (json partial))).Length) 12 "all"

                    // The text has changed.
                    File.AppendAllText(file, "// more\n")
                    let refused = sgm ("merge" :: parts @ [ "--report"; out ])
                    Expect.equal refused.Code 2 refused.Error
                    Expect.stringContains refused.Error "is not as it was" "the sentence")

                inFolder (fun root ->
                    let file = Path.Combine(examples.Value, "ddpm-gaussian.sgm")
                    let words = [ "compare"; file; "--catalogue"; "--evaluations"; "4,8" ]
                    let whole = sgm (words @ [ "--json" ])
                    let parts = shards 3 words root
                    let ran = sgm ("merge" :: parts @ [ "--report"; Path.Combine(root, "out"); "--json" ])
                    Expect.equal (ran.Code, ran.Out) (whole.Code, whole.Out) ran.Error))

            testCase "claims of one's own file, with another number set, run again" (fun () ->
                withFile
                    "let c = 10.0\nlet h = oneOf [ 0.1; 0.2 ]\n\nexperiment {\n    target (normal [ 0.0 ] 1.0)\n    forward vp\n    start warm\n    sampler (repeat 4 (corrector (langevin h)))\n    claim kl (c * h)\n}\n"
                    (fun file ->
                        let place = Path.Combine(Path.GetDirectoryName file, "report")
                        let run words = sgm ([ "verify"; file; "--report"; place ] @ words)
                        Expect.equal (run []).Code 0 "holds"
                        Expect.stringContains (run []).Error "2 of 2 cells" "kept"
                        let ran = run [ "--set"; "c=1e-9" ]
                        Expect.equal ran.Code 1 ran.Out
                        Expect.isFalse (ran.Error.Contains "did not run again") "nothing of the other claim"))
        ]

/// Whether a shell reads a script.
let private reads (script: string) =
    inFolder (fun folder ->
        let file = Path.Combine(folder, "job")
        File.WriteAllText(file, script)
        use shell = Process.Start(ProcessStartInfo("bash", [ "-n"; file ], RedirectStandardError = true))
        let error = shell.StandardError.ReadToEnd()
        shell.WaitForExit()
        Expect.equal (shell.ExitCode, error) (0, "") script)

let private jobs =
    testList
        "cluster"
        [
            testCase "prints the command in shards, and the merge behind them" (fun () ->
                let words =
                    [
                        "verify"
                        "lee 2022"
                        "--effort"
                        "standard"
                        "--report=my report"
                        "--junit"
                        "j.xml"
                        "--json"
                    ]

                for scheduler, shard in
                    [
                        "slurm", "sgm verify 'lee 2022' --effort standard --shard auto --report 'my report'"
                        "parallel", "sgm verify 'lee 2022' --effort standard --shard '{}/5' --report 'my report'"
                        "kubernetes", "exec sgm verify \\u0027lee 2022\\u0027 --effort standard --shard 5 --report"
                    ] do
                    let ran = sgm ([ "cluster"; scheduler; "--shards"; "5" ] @ words)
                    Expect.equal ran.Code 0 ran.Error
                    Expect.stringContains ran.Out shard scheduler
                    Expect.stringContains ran.Out "--junit j.xml --json" "the merge"

                    if scheduler <> "kubernetes" then
                        reads ran.Out)

            testCase "refuses what is no command in shards" (fun () ->
                for words, said in
                    [
                        [ "slurm" ], "which command?"
                        [ "slurm"; "run"; "a.sgm" ], "'run'"
                        [ "slurm"; "verify"; "--shard"; "1/2" ], "--shard is not of a job"
                        [ "slurm"; "--shards"; "0"; "verify" ], "expected 1 to"
                        [ "slurm"; "verify"; "--efort"; "full" ], "did you mean '--effort'"
                        [ "slrm"; "verify" ], "slurm"
                    ] do
                    let ran = sgm ("cluster" :: words)
                    Expect.equal ran.Code 2 ran.Out
                    Expect.stringContains ran.Error said "the sentence")
        ]

let tests = testList "shards" [ part; joined; jobs ]
