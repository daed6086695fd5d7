/// What `sgm check` says first: what covers an experiment, and the nearest that do not.
module Sgm.Tests.CheckSaysTests

open System
open Expecto
open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Tests.Command

let private tooLarge =
    "experiment {
    target    (normal [ 0.0; 0.0 ] 1.0)
    forward   ve
    start     (from (normal [ 1.0; 0.0 ] 1.5))
    sampler   (repeat 1000 (corrector (langevin 0.01)))
    measure   [ chi2; tv ]
}"

let private wordsOfMisses =
    "The nearest that do not
  no   lee-2022-4.2: Langevin Monte Carlo with a score accurate in the sup norm
         needs  h ≤ 1/(272·d·C·L²)
         here   h = 0.01 is above 1/(272·d·C·L²) = 0.00183824
         mend   this is all: with it the theorem covers the experiment
                or begin with what it prescribes: sgm plan lee-2022-4.2 --help
  no   lee-2022-2.1: Langevin Monte Carlo with a score accurate in L²
         needs  h ≤ min(1/272, ε_χ²/46)/(d·C·L²) for some ε_χ ≤ ½
         here   h = 0.01 is above 1/(272·d·C·L²) = 0.00183824
         mend   this is all: with it the theorem covers the experiment
"

let tests =
    testList
        "what check says first"
        [
            testCase "what covers, the nearest that do not, and how many others" (fun () ->
                withFile tooLarge (fun file ->
                    for verb in [ "check"; "explain" ] do
                        let out = (sgm [ verb; file ]).Out.Replace("\r\n", "\n")
                        Expect.stringContains out wordsOfMisses verb
                        let covering = out.Substring(0, out.IndexOf "The nearest")
                        Expect.stringContains covering "\n  yes  lee-2022-4.1: " "what covers comes before"
                        Expect.isFalse (covering.Contains "\n  no   lee") "and nothing else"

                        let shown =
                            out.Split('\n')
                            |> Array.filter (fun l ->
                                Text.RegularExpressions.Regex.IsMatch(l, "^  (yes|no|limit) +[a-z]+-"))

                        let others = Catalogue.theorems.Length - shown.Length
                        Expect.stringContains out $"\n{others} others do not cover it (--all)\n" "the rest is counted"))

            testCase "--all lists every theorem in the catalogue's order, and JSON always does" (fun () ->
                withFile tooLarge (fun file ->
                    let ids = Catalogue.theorems |> List.map (fun theorem -> theorem.Id)

                    for verb in [ "check"; "explain" ] do
                        let lines = (sgm [ verb; file; "--all" ]).Out.Split '\n'

                        let listed =
                            [
                                for line in lines do
                                    for id in ids do
                                        for mark in [ "yes  "; "no   "; "limit " ] do
                                            if line.StartsWith $"  {mark}{id}: " then
                                                id
                            ]

                        Expect.equal listed ids verb

                    let root = json (sgm [ "check"; file; "--json" ])

                    let fields =
                        "schema version experiment fingerprint dimension steps scoreEvaluations particles particleBytes gridBytes planeNodes planeBytes planeWork exactSeconds exactSecondsIsLowerBound particleSeconds particleSecondsIsLowerBound certified stepSizes data errors warnings laws theorems"

                    Expect.equal (names root) (List.ofArray (fields.Split ' ')) "fields"

                    let theorems = items (at [ "theorems" ] root)
                    Expect.equal [ for theorem in theorems -> (at [ "id" ] theorem).GetString() ] ids "theorems"))

            testCase "a billion repeats and a hundred thousand transitions are checked" (fun () ->
                let text sampler =
                    $"experiment {{\n    target (normal [ 0.0 ] 1.0)\n    forward ve\n    sampler ({sampler})\n}}"

                for sampler, steps in
                    [
                        "anneal (geometric 10.0 0.1 10) (predictor ancestral >=> repeat 1000000000 (corrector (langevin 0.001)))",
                        10_000_000_010L
                        "anneal (geometric 10.0 0.1 100000) (predictor ancestral)", 100_000L
                    ] do
                    withFile (text sampler) (fun file ->
                        let ran = sgm [ "check"; file; "--json" ]
                        Expect.equal ran.Code 0 ran.Error
                        Expect.equal ((at [ "steps" ] (json ran)).GetInt64()) steps "steps"))

            testCase "a claim from one side says from which" (fun () ->
                let claims =
                    [
                        for theorem in Catalogue.theorems do
                            for claim in theorem.Rates do
                                let axis = claim.Scenario.Axes |> List.find (fun axis -> axis.Symbol = claim.Axis)
                                claim.Exponent, axis.Values Quick, Report.Wording.claimedExponent axis claim
                    ]

                for exponent, values, words in claims do
                    match exponent with
                    | Exactly _ -> Expect.isFalse (words.StartsWith '≤' || words.StartsWith '≥') words
                    | AtMost _ when List.last values > List.head values -> Expect.isTrue (words.StartsWith "≤ ") words
                    | AtMost _ -> Expect.isTrue (words.StartsWith "≥ ") words

                Expect.exists claims (fun (_, _, words) -> words = "≤ 1") "at infinity"
                Expect.exists claims (fun (_, _, words) -> words = "≥ 1") "at zero")
        ]
