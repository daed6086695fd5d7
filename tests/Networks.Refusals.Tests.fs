/// Networks that are refused, and what is said of them.
module Sgm.Tests.NetworksRefusalsTests

open System
open System.IO
open System.Text.Json
open Expecto
open Sgm
open Sgm.Tests.Command
open Sgm.Tests.OnnxFile
open Sgm.Tests.NetworksTests

let private hostile =
    let good = normalScore Element.Single 0.0
    let x shape = { Name = "x"; Element = Element.Single; Shape = shape }
    let level name = { Name = name; Element = Element.Single; Shape = [ -1; 1 ] }
    let good' = bytes good

    [
        "truncated", Array.take (good'.Length / 2) good', ""
        "empty", [||], ""
        "no ONNX file", Array.init 4000 (fun i -> byte (i * 37)), ""
        "another dimension",
        bytes
            { good with
                Inputs = [ x [ -1; 3 ]; level "sigma" ]
                Nodes = nodes [ "s = Mul x sigma" ]
                Outputs = [ { Name = "s"; Element = Element.Single; Shape = [ -1; 3 ] } ]
                Constants = []
            },
        "x has the shape [n, 3] of Float, and the target has dimension 2"
        "an unknown input",
        bytes
            { good with
                Inputs = [ x [ -1; 2 ]; level "time" ]
                Nodes = nodes [ "s = Mul x time" ]
                Constants = []
            },
        "the input time is not known"
        "no x",
        bytes
            { good with
                Inputs = [ { x [ -1; 2 ] with Name = "y" }; level "sigma" ]
                Nodes = nodes [ "s = Mul y sigma" ]
                Constants = []
            },
        "it has no input x"
        "three inputs", bytes { good with Inputs = good.Inputs @ [ level "t" ] }, "it has 3 inputs"
        "whole numbers", bytes { good with Inputs = [ { x [ -1; 2 ] with Element = Element.Long }; level "sigma" ] }, ""
        "two outputs",
        bytes
            { good with
                Outputs = good.Outputs @ [ { Name = "g"; Element = Element.Single; Shape = [ -1; 2 ] } ]
            },
        "it has 2 outputs"
        "an operator of its own", bytes { good with Nodes = nodes [ "s = mine.Magic x sigma" ] }, "Magic"
        "not a number", bytes (normalScore Element.Single nan), "its output is not finite"
        "a batch whose points depend on each other",
        bytes
            { good with
                Nodes = nodes [ "a = ReduceMean x"; "b = Mul a sigma"; "s = Add b x" ]
                Constants = []
            },
        "depends on the other points"
        "an index without levels",
        bytes
            { good with
                Inputs = [ x [ -1; 2 ]; level "index" ]
                Nodes = nodes [ "s = Mul x index" ]
                Constants = []
            },
        "as sigmas"
        "an output of another shape",
        bytes
            { good with
                Nodes = nodes [ "s = Concat x x" ]
                Outputs = [ { Name = "s"; Element = Element.Single; Shape = [ -1; -1 ] } ]
                Constants = []
            },
        ""
    ]

let private refusals =
    testList
        "files that are wrong are a sentence, and nothing runs"
        [
            for name, contents, words in hostile do
                testCase name (fun () ->
                    Folders.inFolder (fun folder ->
                        let file = Path.Combine(folder, "it.sgm")
                        File.WriteAllBytes(Path.Combine(folder, "net.onnx"), contents)
                        File.WriteAllText(file, text law ve "onnx \"net.onnx\" gradient")
                        let ran = sgm [ "run"; file ]
                        Expect.equal ran.Code 2 ran.Error
                        Expect.equal ran.Out "" "nothing ran"
                        isPlain ran
                        Expect.stringContains ran.Error "cannot use the network 'net.onnx': " "what and which"
                        Expect.stringContains ran.Error words "why"
                        Expect.isFalse (ran.Error.Contains "defect") "known"
                        Expect.isLessThan (ran.Error.Split '\n').Length 6 "a sentence and its place"))

            testCase "a file beyond 512 MiB is not read" (fun () ->
                Folders.inFolder (fun folder ->
                    use file = File.Create(Path.Combine(folder, "net.onnx"))
                    file.SetLength(600L <<< 20)
                    file.Close()

                    match Check.text "it.sgm" folder (text law ve "onnx \"net.onnx\" gradient") with
                    | Ok _ -> failtest "read"
                    | Error problems ->
                        Expect.stringContains (Message.renderAll problems) "600 MiB, expected at most 512 MiB" "size"))

            testCase "without its assembly everything else runs, and a network is refused" (fun () ->
                Folders.inFolder (fun folder ->
                    let bare = Directory.CreateDirectory(Path.Combine(folder, "bare")).FullName

                    for path in Directory.GetFiles(AppContext.BaseDirectory, "*.dll") do
                        let name = Path.GetFileName path

                        if name <> "SgmDsl.Networks.dll" && not (name.Contains "OnnxRuntime") then
                            File.Copy(path, Path.Combine(bare, name))

                    let settings = Path.Combine(AppContext.BaseDirectory, "sgm.runtimeconfig.json")
                    File.Copy(settings, Path.Combine(bare, "sgm.runtimeconfig.json"))
                    File.WriteAllBytes(Path.Combine(folder, "net.onnx"), bytes (normalScore Element.Single 0.0))

                    let ran score =
                        let file = Path.Combine(folder, "it.sgm")
                        File.WriteAllText(file, text law ve score)

                        let start =
                            Diagnostics.ProcessStartInfo("dotnet", [ Path.Combine(bare, "sgm.dll"); "run"; file ])

                        start.RedirectStandardOutput <- true
                        start.RedirectStandardError <- true
                        finish (Diagnostics.Process.Start start)

                    let plain = ran "exact"
                    Expect.equal plain.Code 0 plain.Error
                    let own = ran "onnx \"net.onnx\" gradient"
                    Expect.equal own.Code 2 "refused"
                    Expect.stringContains own.Error "SgmDsl.Networks, which is not beside this program" "why"))
        ]

let tests = testList "Networks.refusals" [ refusals ]
