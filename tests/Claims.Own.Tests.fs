/// One's own theorems: claims of texts and of F#, held against closed forms written here.
module Sgm.Tests.ClaimsOwnTests

open System
open System.IO
open System.Threading
open Expecto
open FsCheck
open FsCheck.FSharp
open Sgm
open Sgm.Verification
open Sgm.Verification.Certificates
open Sgm.Tests.Command
open Sgm.Tests.LangevinBias

let private theoremsOf text =
    match TextClaims.theorems "it.sgm" "." false Map.empty (Check.family "it.sgm" "." text) with
    | Ok theorems -> theorems
    | Error problems -> failtest (Message.renderAll problems)

let private study theorems = Study.run (Runner.engine CancellationToken.None) Quick theorems
let private checks claims = (study (theoremsOf (langevinText claims))).Checks

let private only claims =
    match checks claims with
    | [ one ] -> one
    | several -> failtest $"{several.Length} checks"

/// The closed form as the language writes it, times a factor.
let private closed factor =
    let r = "(1.0 - h)"
    let v = $"(2.0 * h * (1.0 - {r} ** (2.0 * float n)) / (1.0 - {r} ** 2.0))"
    $"    claim kl ({factor} * 0.5 * float d * ({v} - 1.0 - log {v} + {r} ** (2.0 * float n)))"

let private claims =
    testList
        "claims of a text"
        [
            testCase "the closed form of a bias is attained in every cell" (fun () ->
                let check = only (closed "1.0")
                Expect.equal check.Verdict Holds (defaultArg check.Reason "")
                Expect.equal check.Cells.Length 16 "cells"

                for cell in check.Cells do
                    let d, h = cell.Setting["d"], cell.Setting["h"]
                    let comparison = cell.Decisive.Value
                    let truth = langevinKl d h (ceil (10.0 / h))

                    Expect.isTrue
                        (abs (comparison.Bound - truth) <= 1e-9 * truth)
                        $"{cell.Setting}: {comparison.Bound} for {truth}")

            testCase "a bound one millionth below it is violated" (fun () ->
                Expect.equal (only (closed "0.999999")).Verdict Violated "verdict")

            testCase "halved it is violated" (fun () -> Expect.equal (only (closed "0.5")).Verdict Violated "verdict")

            testCase "exponents" (fun () ->
                let verdicts text = checks text |> List.map (fun check -> check.Verdict) |> List.distinct
                Expect.equal (verdicts "    rate w2 h 1.0") [ Holds ] "order of W2"
                Expect.equal (verdicts "    rate kl h 2.0") [ Holds ] "order of KL"
                Expect.equal (verdicts "    rate kl d 1.0") [ Holds ] "dimension"
                Expect.equal (verdicts "    rate kl h 1.5") [ Violated ] "a wrong order"
                Expect.equal (verdicts "    rateAtMost kl d 0.5") [ Violated ] "too slow a growth"
                Expect.equal (verdicts "    rateAtMost kl d 1.5") [ Holds ] "a larger one"
                Expect.equal (checks "    rate w2 h 1.0" |> List.length) 4 "one for every d")

            testCase "where a condition fails the cell is not applicable" (fun () ->
                let check = only "    claimWhen (h < 0.06 && d > 1) kl (0.075 * float d * h * h)"
                Expect.equal check.Verdict Holds (defaultArg check.Reason "")
                let applicable = check.Cells |> List.filter (fun cell -> cell.Verdict = Holds)
                Expect.equal applicable.Length 6 "two steps, three dimensions"

                for cell in applicable do
                    Expect.isTrue (cell.Setting["h"] < 0.06 && cell.Setting["d"] > 1.0) $"{cell.Setting}")

            testCase "a condition that never holds is no support" (fun () ->
                let result = study (theoremsOf (langevinText "    claimWhen (h > 1.0) kl 10.0"))
                Expect.equal (result.Checks |> List.map (fun check -> check.Verdict)) [ NotApplicable ] "verdict"
                Expect.isSome (result.Shortfall false) "a sentence")

            testCase "what a plan knows" (fun () ->
                // KL of the start, a point, is infinite; its W2 from N(0, I) is √(2d): E(x − 1)² = 2.
                let check = only "    claim w2 (startW2 * (1.0 - h) ** steps + 0.3 * h * sqrt dimension)"
                Expect.equal check.Verdict Holds (defaultArg check.Reason "")
                let unknown = only "    claim kl (startKl + 1.0)"
                Expect.equal unknown.Verdict NotApplicable "infinite"
                Expect.stringContains (defaultArg unknown.Cells.Head.Reason "") "startKl" "which")

            testCase "a bound without a value leaves its cells open, and says which" (fun () ->
                let check = only "    claim kl (1.0 / (h - 0.1))"
                Expect.equal check.Verdict Violated "negative below"
                let open' = check.Cells |> List.filter (fun cell -> cell.Verdict = Inconclusive)
                Expect.equal (open' |> List.map (fun cell -> cell.Setting["h"]) |> List.distinct) [ 0.1 ] "where"
                Expect.stringContains (defaultArg open'.Head.Reason "") "divides by zero" "why"
                let far = only "    claim kl (exp (1000.0 / h))"
                Expect.equal far.Verdict Inconclusive "beyond the range")

            testCase "a family of a billion experiments is refused and none is run" (fun () ->
                let values = String.Join("; ", [ for i in 1..1000 -> $"{i}.0" ])

                let text =
                    String.Join("\n", [ for name in [ "a"; "b"; "c" ] -> $"let {name} = oneOf [ {values} ]" ])
                    + "\n\nexperiment {\n    target (normal [ a; b ] c)\n    forward ve\n    start warm\n    sampler identity\n    claim kl 1.0\n}\n"

                match TextClaims.theorems "it.sgm" "." false Map.empty (Check.family "it.sgm" "." text) with
                | Ok _ -> failtest "it was accepted"
                | Error problems ->
                    Expect.stringContains
                        (Message.renderAll problems)
                        "1e9 experiments, expected at most 10000"
                        "problem")

            testCase "the command: verdicts, exit codes, one axis at a time" (fun () ->
                Folders.inFolder (fun folder ->
                    let ran claims words =
                        withFile (langevinText claims) (fun file ->
                            sgm (
                                [ "verify"; file; "--report"; Path.Combine(folder, Guid.NewGuid().ToString("N")) ]
                                @ words
                            ))

                    Expect.equal (ran (closed "1.0") []).Code 0 "holds"
                    Expect.equal (ran (closed "0.5") []).Code 1 "violated"
                    Expect.equal (ran "    claimWhen (h > 1.0) kl 10.0" []).Code 1 "nothing applies"
                    Expect.equal (ran "    claim kl" []).Code 2 "a claim that is none"
                    let wide = ran (closed "1.0") [ "--axis-by-axis"; "--wide" ]
                    Expect.equal wide.Code 0 wide.Error
                    Expect.stringContains wide.Out "2 checks on 7 independent experiments" "d and h around the first"
                    Expect.equal (ran (closed "1.0") [ "--set"; "h=0.05"; "--set"; "d=2" ]).Code 0 "one experiment"
                    Expect.equal (sgm [ "verify"; "--set"; "h=0.1" ]).Code 2 "--set is of files"))
        ]

/// Nothing runs: W2 of the end is m, KL is m²/2.
let private standing m lets claims =
    $"{lets}\n\nexperiment {{\n    target (standard 1)\n    forward vp\n    start (from (normal [ {m} ] 1.0))\n    sampler identity\n    {claims}\n}}\n"

let private verdictOf m lets claims =
    match (study (theoremsOf (standing m lets claims))).Checks with
    | [ one ] -> one.Verdict, defaultArg one.Reason ""
    | several -> failtest $"{several.Length} checks"

/// Claims that an adversary found decided wrongly, and others of their kinds: the mean, names, claim, verdict.
let private attacked =
    let n = "let n = oneOf [ 7 ]"

    [
        // Whole numbers truncate, and do not wrap around: 3, 3, 3, −3.
        "3.25", n, "claim w2 (float (n / 2))", Violated
        "2.75", n, "claim w2 (float (n / 2))", Holds
        "3.25", n, "claim w2 (float (100 / 10 / 3))", Violated
        "2.75", n, "claim w2 (float (abs (-n / 2)))", Holds
        "3.25", n, "claim w2 (float (abs (-n / 2)))", Violated
        "3.25", n, "claim w2 (float (int64 3.9))", Violated
        "3.25", n, "claim w2 (float (1000000 * 1000000))", Inconclusive
        "3.25", n, "claim w2 (float (n * 1000000000))", Inconclusive
        "3.25", n, "claim w2 (float (int 1e10))", Inconclusive
        "3.25", n, "claim w2 (float (n / (n - 7)))", Inconclusive
        // What rounding leaves open is open, and what it does not is not.
        "2.5", n, "claim w2 (floor (0.1 * 30.0))", Inconclusive
        "1.5", n, "claim w2 (floor (0.1 * 30.0))", Holds
        "3.5", n, "claim w2 (floor (0.1 * 30.0))", Violated
        "2.5", n, "claim w2 (1e17 + 20.0 - 1e17)", Inconclusive
        "1.5", n, "claim w2 (floor (startW2 * 2.0 / startW2) * 1.1)", Inconclusive
        // The start's distance is a bracket: KL = 1/2 and W2 = 1 at m = 1.
        "1.0", n, "claimWhen (startKl > 0.5) kl 0.1", Inconclusive
        "1.0", n, "claimWhen (startKl <= 0.5) kl 0.1", Inconclusive
        "1.0", n, "claimWhen (startKl > 0.4) kl 0.1", Violated
        "1.0", n, "claimWhen (startKl > 0.6) kl 0.1", NotApplicable
        // Conditions in the text's own numbers are F#'s.
        "1.0", n, "claimWhen (n + 1 = 8) w2 0.5", Violated
        "1.0", n, "claimWhen (2 * n >= 15) w2 0.5", NotApplicable
        "1.0", n, "claimWhen (2 * n >= 14) w2 0.5", Violated
        "1.0", n, "claimWhen (1.0 + 2.0 = 3.0) w2 0.5", Violated
        "1.0", n, "claimWhen (steps = 0.0 && dimension = 1.0) w2 0.5", Violated
        "1.0", n, "claimWhen (1 = 1 || startKl > 0.5) w2 0.5", Violated
        "1.0", "let h = oneOf [ 0.4 ]", "claimWhen (h * 2.0 <= 0.8) w2 0.5", Violated
        "1.0", n, "claim w2 (if 1 + 1 = 2 then 1.5 else 0.0)", Holds
        "1.0", n, "claim w2 (float (3 * 4 % 5))", Holds
    ]

let private adversary =
    testList
        "claims that were decided wrongly"
        [
            for i, (m, lets, claims, verdict) in List.indexed attacked do
                testCase $"{i}: {claims} at {m}" (fun () ->
                    let found, reason = verdictOf m lets claims
                    Expect.equal found verdict reason)

            testCase "a rate along values that are not positive is refused" (fun () ->
                let text = standing "x" "let x = oneOf [ -1.0; 1.0; 2.0; 4.0 ]" "rate w2 x 1.0"

                match (Check.family "it.sgm" "." text).At Map.empty with
                | Ok _ -> failtest "it was taken"
                | Error problems -> Expect.stringContains (Message.renderAll problems) "not positive" "problem"

                let normals =
                    Claim.over [ "x", [ -1.0; 1.0; 2.0; 4.0 ] ] (fun _ ->
                        experiment {
                            target (standard 1)
                            forward vp
                            start warm
                            sampler identity
                        })

                match Claim.objection Quick [ Claim.rate "order" w2 "x" 1.0 normals ] with
                | Some objection -> Expect.stringContains objection "positive" objection
                | None -> failtest "no objection")

            testCase "names within names are bounded" (fun () ->
                let doubling =
                    "let a0 = normal [ 0.0 ] 1.0\n"
                    + String.Join("\n", [ for i in 1..40 -> $"let a{i} = product [ 1, a{i - 1}; 1, a{i - 1} ]" ])

                let text =
                    doubling
                    + "\n\nexperiment {\n    target a40\n    forward vp\n    start warm\n    sampler identity\n}\n"

                match (Check.family "it.sgm" "." text).At Map.empty with
                | Ok _ -> failtest "it was taken"
                | Error problems -> Expect.stringContains (Message.renderAll problems) "20000 uses of names" "problem")

            testCase "a rate along what is set is said not to be checked" (fun () ->
                withFile (langevinText (closed "1.0" + "\n    rate w2 h 1.0")) (fun file ->
                    Folders.inFolder (fun folder ->
                        let report = Path.Combine(folder, "report")
                        let ran = sgm [ "verify"; file; "--set"; "h=0.05"; "--report"; report ]
                        Expect.equal ran.Code 0 ran.Error
                        Expect.stringContains ran.Error "the rate of w2 along 'h' is not checked" "said")))
        ]

let private family =
    Claim.over [ "d", [ 1.0; 3.0; 9.0; 27.0 ]; "h", [ 0.2; 0.1; 0.05; 0.025 ] ] (fun at ->
        experiment {
            target (standard (int at["d"]))
            forward vp
            start (point (fill (int at["d"]) 1.0))
            sampler (repeat (int (ceil (10.0 / at["h"]))) (corrector (langevin at["h"])))
        })

let private exact (at: Setting) = langevinKl at["d"] at["h"] (ceil (10.0 / at["h"]))

let private objection theorem = Claim.objection Quick [ theorem ]

let private says (words: string) theorem =
    match objection theorem with
    | None -> failtest "no objection"
    | Some objection -> Expect.stringContains objection words objection

let private inCode =
    testList
        "claims in F#"
        [
            testCase "hold, or say what does not" (fun () ->
                Expect.isNone (objection (Claim.check "bias" kl exact family)) "attained"
                Expect.isNone (objection (Claim.rate "order" w2 "h" 1.0 family)) "order"
                says "violated" (Claim.check "bias" kl (fun at -> 0.5 * exact at) family)
                says "violated" (Claim.rate "order" w2 "h" 2.0 family)
                Sgm.Verification.Expect.holds (Claim.check "bias" kl exact family)

                Expect.throws
                    (fun () -> Sgm.Verification.Expect.holds (Claim.check "bias" kl (fun at -> 0.5 * exact at) family))
                    "a test framework sees it")

            testCase "mistakes of a first day are sentences" (fun () ->
                says "it has d, h" (Claim.check "bias" kl (fun at -> at["H"]) family)
                says "the bound is not a number" (Claim.check "bias" kl (fun _ -> nan) family)
                says "my own mistake" (Claim.check "bias" kl (fun _ -> failwith "my own mistake") family)
                says "no values" (Claim.rate "order" kl "H" 1.0 family)
                says "no values" (Claim.check "bias" kl exact (Claim.over [ "h", [] ] family.Experiment))

                let broken =
                    Claim.over [ "h", [ 0.1 ] ] (fun _ ->
                        { family.Experiment(Map [ "d", 1.0; "h", 0.1 ]) with Particles = 0 })

                says "no valid experiment" (Claim.check "bias" kl (fun _ -> 1.0) broken))
        ]

let private triples =
    gen {
        let! a = Gen.choose (-1000, 1000)
        let! b = Gen.choose (1, 1000)
        let! c = Gen.choose (-1000, 1000)
        return a, b, c
    }

/// (a/b + c)·a − c/b.
let private rational =
    Binary(
        Operator.Minus,
        Binary(Operator.Times, Binary(Operator.Plus, Binary(Operator.Over, Name "a", Name "b"), Name "c"), Name "a"),
        Binary(Operator.Over, Name "c", Name "b")
    )

/// Whether a bracket of it holds b times the rational number, which is whole, and is no wider than roundings make it.
let private holdsRational (a: int, b: int, c: int) =
    let known = Map [ "a", float a; "b", float b; "c", float c ]

    match Enclosure.finite (fun name -> Ok(Within(Bracket.Exactly known[name]))) rational with
    | Error reason -> failtest reason
    | Ok found ->
        let truth = float ((a + c * b) * a - c)
        let size = abs (float a) * (abs (float a / float b) + abs (float c)) + abs (float c / float b)
        let isInside = found.Low * float b <= truth + 1e-9 && found.High * float b >= truth - 1e-9
        isInside && found.Width <= 1e-14 * (1.0 + size)

/// The bracket of a claim's formula where x is a number.
let private enclosed formula x =
    let text =
        $"let x = {x}\n\nexperiment {{\n    target (standard 1)\n    forward ve\n    start warm\n    sampler identity\n    claim kl ({formula})\n}}"

    match (Check.family "it.sgm" "." text).At Map.empty with
    | Error problems -> failtest (Message.renderAll problems)
    | Ok found ->
        let lookup _ = Ok(Enclosure.ofQuantity found.Names["x"])

        match Enclosure.finite lookup found.Claims.Head.Bound with
        | Ok bracket -> bracket
        | Error reason -> failtest reason

let private known =
    [
        "x ** 3.0", "-2.0", -8.0
        "x ** 2.0", "-3.0", 9.0
        "x ** 0.5", "9.0", 3.0
        "x ** -1.0", "4.0", 0.25
        "sqrt x", "2.25", 1.5
        "ceil x", "2.1", 3.0
        "floor x", "-2.1", -3.0
        "abs x", "-2.5", 2.5
        "exp (log x)", "3.0", 3.0
        "min x 1.0 + max x 1.0", "5.0", 6.0
        "if x > 2.0 then x else 0.0", "3.0", 3.0
    ]

let private enclosures =
    testList
        "enclosures"
        [
            testCase "hold the rational value of sums, products and quotients" (fun () ->
                let property = Prop.forAll (Arb.fromGen triples) holdsRational
                Check.One(Config.QuickThrowOnFailure.WithMaxTest 500, property))

            testCase "sine between neighbouring numbers holds both of theirs" (fun () ->
                for x in [ 1e6; 1e9; 12345.678 ] do
                    let next = Math.BitIncrement x

                    let found =
                        Enclosure.finite (fun _ -> Ok(Within { Low = x; High = next })) (Call("sin", [ Name "x" ]))

                    match found with
                    | Error reason -> failtest reason
                    | Ok bracket ->
                        for truth in [ sin x; sin next ] do
                            Expect.isTrue
                                (bracket.Low <= truth && truth <= bracket.High)
                                $"{truth} in [{bracket.Low}, {bracket.High}]")

            for formula, x, truth in known do
                testCase $"{formula} at {x}" (fun () ->
                    let found = enclosed formula x
                    Expect.isTrue (found.Low <= truth && truth <= found.High) $"[{found.Low}, {found.High}]"
                    Expect.isLessThan found.Width 1e-13 "width")
        ]

/// A theorem's bound is one formula: printed, evaluated and solved.
let private formulas =
    let numbers = [ "C", 2.0; "d", 3.0; "ε₁", 0.05; "h", 1e-3; "L", 1.5; "N", 700.0; "χ²₀", 4.0 ]

    testList
        "bounds as formulas"
        [
            testCase "4.2's is what its statement says" (fun () ->
                let words = "e^(−N·h/C)·χ²₀ + 4.03·ε₁²·C + 11.4·d·L²·h·C"
                Expect.equal (Expression.text Theorems.LeeLuTan.manySteps) words "printed"
                let truth = exp (-0.35) * 4.0 + 4.03 * 0.0025 * 2.0 + 11.4 * 3.0 * 2.25 * 1e-3 * 2.0
                let found = Formula.value numbers Theorems.LeeLuTan.manySteps
                Expect.isTrue (found >= truth && found <= truth * (1.0 + 1e-14)) $"{found} for {truth}"
                let infinite = numbers |> List.map (fun (name, x) -> name, (if name = "χ²₀" then infinity else x))
                Expect.equal (Formula.value infinite Theorems.LeeLuTan.manySteps) infinity "an infinite start")

            testCase "solved for the step, the error and the number of steps" (fun () ->
                match Expression.terms Theorems.LeeLuTan.manySteps with
                | [ start; score; step ] ->
                    let without name = numbers |> List.filter (fun (other, _) -> other <> name)
                    let h = Formula.largest "h" (without "h") step 0.1
                    let truth = 0.1 / (11.4 * 3.0 * 2.25 * 2.0)
                    Expect.isTrue (h <= truth && h >= truth * (1.0 - 1e-13)) $"{h} for {truth}"
                    let error = Formula.largest "ε₁" (without "ε₁") score 0.1
                    let truth = sqrt (0.1 / (4.03 * 2.0))
                    Expect.isTrue (error <= truth && error >= truth * (1.0 - 1e-13)) $"{error} for {truth}"
                    let n = Formula.smallestWhole "N" (without "N") start 0.1
                    Expect.equal n (ceil (2.0 / 1e-3 * log (4.0 / 0.1))) "steps"
                | other -> failtest $"{other.Length} terms")
        ]

let tests = testList "own theorems" [ claims; adversary; inCode; enclosures; formulas ]
