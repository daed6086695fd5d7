/// `sgm completion` by the shells themselves.
module Sgm.Tests.CompletionTests

open System
open System.Diagnostics
open System.IO
open System.Text.RegularExpressions
open Expecto
open Sgm.Cli
open Sgm.Tests.Command
open Sgm.Tests.Folders

let private script shell =
    let ran = sgm [ "completion"; shell ]
    Expect.equal ran.Code 0 shell
    Expect.equal ran.Error "" "nothing else to say"
    ran.Out

/// What a shell wrote when it was given a text; skips where the shell is not installed.
let private inShell (shell: string) folder (text: string) =
    let info = ProcessStartInfo(shell, (if shell = "fish" then [ "--no-config" ] else [ "-f" ]))
    info.WorkingDirectory <- folder
    info.RedirectStandardInput <- true
    info.RedirectStandardOutput <- true
    info.RedirectStandardError <- true

    let running =
        try
            Process.Start info
        with :? ComponentModel.Win32Exception ->
            skiptest $"{shell} is not installed"

    let out, error = running.StandardOutput.ReadToEndAsync(), running.StandardError.ReadToEndAsync()
    running.StandardInput.Write text
    running.StandardInput.Close()
    running.WaitForExit()
    Expect.equal error.Result "" $"what {shell} says of it"
    Expect.equal running.ExitCode 0 shell
    out.Result.Split('\n', StringSplitOptions.RemoveEmptyEntries) |> Array.toList

/// What bash would offer for the last of some words.
let private offered folder (words: string list) =
    let list = words |> List.map (fun word -> $"'{word}'") |> String.concat " "

    inShell
        "bash"
        folder
        $"""{script "bash"}
COMP_WORDS=(sgm {list})
COMP_CWORD={words.Length}
_sgm
printf '%%s\n' "${{COMPREPLY[@]}}"
"""
    |> List.distinct
    |> List.sort

/// The flags that the help of a verb lists.
let private documented verb =
    [
        for line in (sgm [ verb; "--help" ]).Out.Split '\n' do
            let flag = Regex.Match(line, @"^    (--[a-z-]+)")

            if flag.Success then
                flag.Groups[1].Value
    ]

let tests =
    testList
        "Completion"
        [
            testCase "bash offers verbs, flags, values, theorems and experiments" (fun () ->
                inFolder (fun folder ->
                    for file in [ "a.sgm"; "b.sgm"; "c.txt" ] do
                        File.WriteAllText(Path.Combine(folder, file), "")

                    let offered = offered folder
                    Expect.equal (offered [ "ex" ]) [ "explain" ] "a verb"
                    Expect.equal (offered [ "a" ]) [ "a.sgm" ] "a file runs"

                    Expect.equal
                        (offered [ "run"; "" ] |> List.filter (fun word -> word[0] <> '-'))
                        [ "a.sgm"; "b.sgm" ]
                        "files"

                    Expect.equal (offered [ "run"; "a.sgm"; "--par" ]) [ "--particles" ] "a flag"
                    Expect.equal (offered [ "run"; "--by"; "" ]) [ "auto"; "exact"; "particles" ] "values"
                    Expect.equal (offered [ "run"; "--by"; "="; "ex" ]) [ "exact" ] "a value after ="
                    Expect.equal (offered [ "run"; "--by"; "=" ]) [ "auto"; "exact"; "particles" ] "values after ="
                    Expect.equal (offered [ "run"; "--seed"; "" ]) [] "a number is one's own"
                    Expect.equal (offered [ "verify"; "--junit"; "c" ]) [ "c.txt" ] "a path"
                    Expect.equal (offered [ "verify"; "--effort"; "s" ]) [ "standard" ] "an effort"
                    let theorem = (List.last Sgm.Verification.Catalogue.theorems).Id
                    Expect.contains (offered [ "theorems"; theorem[.. theorem.Length - 3] ]) theorem "a theorem"

                    Expect.equal
                        (offered [ "completion"; "" ] |> List.except [ "--help" ])
                        [ "bash"; "fish"; "zsh" ]
                        "shells"

                    Expect.equal (offered [ "theorems"; "a" ]) [] "no files where none are taken"))

            testCase "bash offers every flag of every verb" (fun () ->
                inFolder (fun folder ->
                    for verb in Help.verbs do
                        let flags = documented verb.Name
                        Expect.contains flags "--help" $"the help of {verb.Name} was read"
                        Expect.equal (offered folder [ verb.Name; "--" ]) (List.sort flags) verb.Name))

            testCase "zsh takes its script" (fun () ->
                inFolder (fun folder ->
                    let text =
                        "autoload -Uz compinit && compinit -u -D\n" + script "zsh" + "\nprint -r -- $_comps[sgm]\n"

                    Expect.equal (inShell "zsh" folder text) [ "_sgm" ] "registered"))

            testCase "fish offers values and flags" (fun () ->
                inFolder (fun folder ->
                    let complete words =
                        inShell "fish" folder (script "fish" + $"\ncomplete -C '{words}'\n")
                        |> List.map (fun line -> line.Split('\t')[0])

                    Expect.equal (complete "sgm run --by ex") [ "exact" ] "a value"
                    Expect.contains (complete "sgm run --par") "--particles" "a flag"
                    Expect.contains (complete "sgm expl") "explain" "a verb"))
        ]
