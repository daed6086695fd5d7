/// Discrete diffusion as text, and what the command says of it.
module Sgm.Tests.FiniteTextTests

open System
open Expecto
open Sgm
open Sgm.Tests.Command

let private chain =
    "discrete {
    target    (isingChain 4 0.5 0.2)
    times     (uniform 2.0 0.1 16)
    rates     exactRates
    start     prior
    sampler   tauLeaping
    measure   [ tv; kl; chi2 ]
}
"

let private parsed text =
    match Parse.experiment "it.sgm" text with
    | Ok found -> found
    | Error problems -> failtestf "%s" (Message.renderAll problems)

let private experiments =
    [
        discrete {
            target (table 3 [ 0.5; 0.25; 0.25 ])
            times (levels [ 1.0; 0.5; 0.0 ])
            sampler uniformisation
        }
        discrete {
            target (independent [ 3, [ 0.9; 0.1 ]; 4, [ 0.5; 0.5 ] ])
            times (geometric 3.0 0.01 40)
            rates (ratesOf (independent [ 7, [ 0.8; 0.2 ] ]) |> skewed -0.25)
            start warm
            sampler eulerJumps
            measure [ tv ]
        }
        discrete {
            target (latentClasses [ 0.25, independent [ 2, [ 0.9; 0.1 ] ]; 0.75, table 2 [ 0.1; 0.2; 0.3; 0.4 ] ])
            times (karras 7.0 3.0 0.01 10)
            rates (ratesOf (isingChain 2 -0.5 0.1))
            sampler tauLeaping
        }
    ]

let private texts =
    testList
        "text"
        [
            testCase "what is printed reads back as the same"
            <| fun () ->
                for own in experiments do
                    let text = Print.experiment own
                    Expect.equal (parsed text) own text
                    Expect.equal (Print.experiment (parsed text)) text "canonical"

                Expect.equal (Print.experiment (parsed chain)) chain "canonical"

            testCase "defaults need not be written, names may stand for numbers"
            <| fun () ->
                let short =
                    "let d = 4\ndiscrete { target (isingChain d 0.5 0.2); times (uniform 2.0 0.1 (4 * d)); sampler tauLeaping }"

                Expect.equal (parsed short) (parsed chain) "the same"

            testCase "every mistake is said where it is, with what is allowed"
            <| fun () ->
                let with' (field: string) value =
                    let lines =
                        chain.Split '\n'
                        |> Array.map (fun line ->
                            if line.TrimStart().StartsWith(field + " ") then
                                $"    {field} {value}"
                            else
                                line)

                    String.Join("\n", lines)

                for text, says in
                    [
                        with' "target" "(isingChain 30 0.5 0.2)", "2^30 = 1.074e9 states"
                        with' "target" "(isingChain 30 0.5 0.2)", "at most 1048576"
                        with' "target" "(isingChain 0 0.5 0.2)", "a number of spins ≥ 1"
                        with' "target" "(isingChain 20 50.0 0.2)", "at most 300"
                        with' "target" "(table 2 [ 0.5; 0.25; 0.25 ])", "3 masses of 2 symbols"
                        with' "target" "(table 1 [ 1.0 ])", "2 to 256"
                        with' "target" "(table 2 [ 0.5; 0.25 ])", "sum to 0.75"
                        with' "target" "(table 2 [ 1.5; -0.5 ])", "a share between 0 and 1"
                        with' "target" "(table 2 [])", "0 masses"
                        with' "target" "(independent [])", "at least one block"
                        with' "target" "(independent [ 0, [ 0.5; 0.5 ] ])", "copies"
                        with' "target" "(independent [ 2, [ 0.5; 0.5 ]; 1, [ 0.2; 0.3; 0.5 ] ])", "2, as in the first"
                        with' "target" "(independent [ 20000000, [ 0.5; 0.5 ] ])", "coordinates"
                        with' "target" "(latentClasses [ 1.0, latentClasses [ 1.0, isingChain 2 0.1 0.1 ] ])", "mixture"
                        with' "target" "(latentClasses [ 0.5, isingChain 2 0.1 0.1; 0.5, isingChain 3 0.1 0.1 ])",
                        "as in the first class"
                        with' "target" "(latentClasses [ 1.0, independent [ 40, [ 0.5; 0.5 ] ] ])", "2^40"
                        with' "target" "(standard 2)", "expected a law of symbols"
                        with' "rates" "(ratesOf (isingChain 3 0.5 0.2))", "4 of 2, as those of the target"
                        with' "rates" "(exactRates |> skewed 1e9)", "one between"
                        with' "rates" "(exact |> scaled 0.5)", "expected rates"
                        with' "times" "(uniform 0.1 2.0 4)", "decreasing"
                        with' "times" "(levels [ 1.0 ])", "two levels"
                        with' "times" "(uniform 2.0 0.0 0)", "n"
                        with' "start" "(point [ 0.0 ])", "prior (uniform symbols) or warm"
                        with' "measure" "[ w2 ]", "symbols have no distance"
                        with' "sampler" "(predictor ancestral)", "a sampler of symbols"
                        "discrete { target (table 4 [ 0.97; 0.01; 0.01; 0.01 ]); times (levels [ 1.0; 0.1 ]); sampler eulerJumps }",
                        "take tauLeaping"
                        chain.Replace("    sampler   tauLeaping\n", ""), "'sampler' is missing"
                        chain.Replace("times  ", "tmes   "), "did you mean 'times'"
                        chain.Replace("rates     exactRates", "forward vp"), "expected a field"
                        chain.Replace("}", "    claim tv secondMoment\n}"), "secondMoment"
                        "discrete {", "never closed"
                    ] do
                    match Check.text "it.sgm" "." text with
                    | Ok _ -> failtestf "no problem: %s" text
                    | Error problems ->
                        let said = Message.renderAll problems
                        Expect.stringContains said says text
                        Expect.stringContains said "it.sgm:" "a place"
        ]

let private commands =
    testList
        "command"
        [
            testCase "run, check, explain and certify know it"
            <| fun () ->
                withFile chain (fun file ->
                    for verb, says in
                        [
                            "run", "finite"
                            "check", "all pairs of 2^4 = 16 states"
                            "explain", "Poisson of mean h·λ"
                            "certify", "shares of kl(p‖q)"
                        ] do
                        let ran = sgm [ verb; file ]
                        Expect.equal ran.Code 0 ran.Error
                        Expect.stringContains ran.Out says verb
                        isPlain ran

                    let bound = json (sgm [ "certify"; file; "--json" ]) |> at [ "probes" ] |> items |> List.head
                    let tv = (at [ "bounds"; "tv"; "bound" ] bound).GetDouble()
                    let measured = (at [ "measured"; "tv"; "value" ] bound).GetDouble()
                    Expect.isLessThan measured tv "certified")

            testCase "draws of it are symbols"
            <| fun () ->
                Folders.inFolder (fun folder ->
                    let out = IO.Path.Combine(folder, "out.csv")

                    withFile chain (fun file ->
                        let ran = sgm [ "run"; file; "--samples"; out; "--particles"; "50" ]
                        Expect.equal ran.Code 0 ran.Error
                        let rows = IO.File.ReadAllLines out |> Array.filter (fun line -> Char.IsDigit line[0])
                        Expect.equal rows.Length 50 "rows"

                        for row in rows do
                            Expect.all (row.Split ',') (fun cell -> float cell = 0.0 || float cell = 1.0) row))

            testCase "what speaks of R^d refuses it, and says who does not"
            <| fun () ->
                withFile chain (fun file ->
                    for words in
                        [
                            [ "score"; file ]
                            [ "tune"; file; "--evaluations"; "8" ]
                            [ "compare"; file; file ]
                            [ "run"; file; "--by"; "particles" ]
                        ] do
                        let ran = sgm words
                        Expect.equal ran.Code 2 $"{words}: {ran.Out}"
                        isPlain ran)

            testCase "claims and orders of a family are held against its laws"
            <| fun () ->
                let family claim =
                    $"let k = oneOf [ 16; 32; 64; 128 ]\n\ndiscrete {{\n    target (isingChain 4 0.5 0.2)\n    times (uniform 2.0 0.1 k)\n    start warm\n    sampler tauLeaping\n    measure [ tv ]\n    {claim}\n}}"

                for claim, code in
                    [
                        "claim tv (2.0 / float k)", 0
                        "claim tv (0.01 / float k)", 1
                        "rate tv k -1.0", 0
                        "rate tv k -2.0", 1
                    ] do
                    withFile (family claim) (fun file ->
                        Folders.inFolder (fun folder ->
                            let ran = sgm [ "verify"; file; "--report"; folder ]
                            Expect.equal ran.Code code $"{claim}: {ran.Out}{ran.Error}"))

            testCase "what is too much is refused with the figure, and certified all the same"
            <| fun () ->
                withFile (chain.Replace("isingChain 4", "isingChain 15")) (fun file ->
                    let ran = sgm [ "run"; file ]
                    Expect.equal ran.Code 2 "too many pairs"
                    Expect.stringContains ran.Error "a certificate needs no pairs" "what to do"
                    Expect.equal (sgm [ "certify"; file ]).Code 0 "certified")
        ]

let tests = testList "Finite.Text" [ texts; commands ]
