/// Scores of which only values are known: functions of F# and C#, and what certificates say of them.
module Sgm.Tests.NetworksCertificatesTests

open System
open System.Collections.Immutable
open System.IO
open System.Threading
open Expecto
open Sgm
open Sgm.Verification.Certificates

let private along body law scoreOfIt =
    experiment {
        target law
        forward ve
        score scoreOfIt
        sampler (anneal (geometric 5.0 0.2 12) body)
        measure [ tv; w2 ]
        particles 200
    }

let private annealed law scoreOfIt = along (predictor ancestral >=> corrector (langevinScaled 0.05)) law scoreOfIt

let private valid folder e =
    match Check.experiment folder e with
    | Ok found -> found
    | Error problems -> failtest (Message.renderAll problems)

let private refused e =
    match Check.experiment "." e with
    | Ok _ -> failtest "valid"
    | Error problems -> Message.renderAll problems

/// The exact score of a law plus a constant vector, by rows.
let private byRows (target: Engine.Target) (shift: float) =
    let field = Engine.ScoreField(Engine.Score(target, ImmutableArray.Empty))
    let d = target.Dimension

    fun (level: Engine.NoiseLevel) (rows: float[][]) ->
        let n = rows.Length
        let points, scores = Array.init (d * n) (fun i -> rows[i % n][i / n]), Array.zeroCreate (d * n)
        field.Evaluate(level, ReadOnlySpan points, Span scores, n)
        Array.init n (fun i -> Array.init d (fun e -> scores[e * n + i] + shift / sqrt (float d)))

let private functions =
    testList
        "functions"
        [
            testCase "a function that is the score has the exact score's particles, and the line's brackets" (fun () ->
                let law = mixture [ 0.5, normal [ -1.0 ] 0.2; 0.5, normal [ 1.0 ] 0.2 ]
                let target = Lower.target (fun _ -> [||]) law
                let own = (valid "." (annealed law (ofFunction "mine" (byRows target 0.0)))).Plan
                let exact = (valid "." (annealed law exact)).Plan

                let last (law: Engine.IInterpreter) plan =
                    let outcome = law.Run(plan, Engine.RunOptions(Particles = 200L, Threads = 2))
                    Expect.isTrue outcome.IsCompleted $"{outcome.Status}"
                    (Seq.last outcome.Probes).Law

                let particles plan = (last (Engine.Ensemble()) plan :?> Engine.ParticleLaw).Particles.Coordinate 0

                for a, b in Array.zip (particles own) (particles exact) do
                    Expect.floatClose Accuracy.high a b "particle"

                for metric in [ tv; w2 ] do
                    let a = (last (Engine.GridInterpreter()) own).Measure metric
                    let b = (last (Engine.GridInterpreter()) exact).Measure metric
                    Expect.isTrue (a.Lower <= b.Upper && b.Lower <= a.Upper) $"{a} and {b}"
                    Expect.isLessThan (a.Upper - a.Lower) 1e-5 "known well")

            testCase "a function may be asked without noise" (fun () ->
                let at0 =
                    experiment {
                        target (standard 2)
                        forward vp
                        score (ofFunction "mine" (fun _ rows -> rows |> Array.map (Array.map (fun x -> -x))))
                        start (point [ 1.0; 1.0 ])
                        sampler (repeat 20 (corrector (langevin 0.1)))
                        particles 100
                    }

                let outcome = Engine.Ensemble().Run((valid "." at0).Plan, Engine.RunOptions(Particles = 100L))
                Expect.isTrue outcome.IsCompleted "ran")

            testCase "mistakes are sentences, before anything runs" (fun () ->
                let by f = annealed (standard 2) (ofFunction "mine" f)

                for wrong, words in
                    [
                        by (fun _ rows -> Array.tail rows), "gave back another shape"
                        by (fun _ rows -> rows |> Array.map (fun _ -> [| 0.0 |])), "gave back another shape"
                        by (fun _ _ -> null), "gave back another shape"
                        by (fun _ rows -> rows |> Array.map (Array.map (fun _ -> nan))), "its score is not finite"
                        by (fun _ _ -> failwith "no such weights"), "it fails: no such weights"
                    ] do
                    let message = refused wrong
                    Expect.stringContains message "cannot use the function 'mine': " "which"
                    Expect.stringContains message words "why")

            testCase "it has no text that is read back, and the word says so" (fun () ->
                let own =
                    valid "." (annealed (standard 2) (ofFunction "mine" (byRows (Engine.Target.Centred(2, 1.0)) 0.0)))

                Expect.stringContains own.Text "score     (ofFunction \"mine\")" "named"

                match Check.text "it.sgm" "." own.Text with
                | Ok _ -> failtest "read"
                | Error problems ->
                    Expect.stringContains (Message.renderAll problems) "a function has no text" "advice")
        ]

/// Twenty points on a bent line, as a file.
let private withData work =
    Folders.inFolder (fun folder ->
        let rows = [ for i in 0..19 -> $"{cos (0.3 * float i):R},{sin (0.5 * float i):R}" ]
        File.WriteAllLines(Path.Combine(folder, "data.csv"), rows)
        work folder (samples "data.csv" 0.2))

let private bound folder e =
    match Certificate.ofPlan CancellationToken.None (valid folder e).Plan with
    | Ok found -> List.last found
    | Error reason -> failtest reason

let private certificates =
    testList
        "certificates"
        [
            testCase
                "of a data set: a function that is shifted has the bound of the shifted score, and its share"
                (fun () ->
                    withData (fun folder law ->
                        let target = (valid folder (annealed law exact)).Plan.Target

                        for body in [ predictor ancestral; predictor ancestral >=> corrector (langevinScaled 0.05) ] do
                            for shift in [ 0.0; 0.5 ] do
                                // A shift of 0.5 moves the denoiser at σ = 5 by 12.5: the ball has room for it.
                                let own =
                                    bound
                                        folder
                                        (along body law (ofFunction "mine" (byRows target shift) |> clipped 15.0))

                                let known = bound folder (along body law (exact |> shifted shift))
                                Expect.equal own.KlReverse.Confidence (1.0 - 1e-6) "confidence"
                                Expect.isTrue own.KlReverse.Reason.IsNone $"{own.KlReverse.Reason}"
                                let truth = own.Start.Value + known.Steps + known.Score
                                Expect.isGreaterThan own.KlReverse.Value (0.98 * truth) "above what is known"

                                if body = predictor ancestral then
                                    // Nothing but the error is unknown: γ²ε²/(2c²) of every step, as draws estimate it.
                                    let apart = abs (own.Score - known.Score)
                                    Expect.isLessThan apart (0.01 + 0.05 * known.Score) "the share of the shift"))

            testCase "of a normal law: the same from draws of every level, at a confidence" (fun () ->
                let law = normal [ 1.0; -0.5 ] 0.25
                let target = Lower.target (fun _ -> [||]) law
                let own = bound "." (annealed law (ofFunction "mine" (byRows target 0.1) |> clipped 8.0))
                let known = bound "." (annealed law (exact |> shifted 0.1))
                Expect.isLessThan own.KlReverse.Confidence 1.0 "drawn"
                Expect.isGreaterThan own.KlReverse.Confidence (1.0 - 1e-9) "sure"
                Expect.isTrue own.KlReverse.Reason.IsNone "a bound"

                Expect.isGreaterThanOrEqual
                    own.KlReverse.Value
                    (0.99 * known.KlReverse.Value)
                    "not below what is known")

            testCase "without a clip there is none, and a sentence says what to write" (fun () ->
                withData (fun folder law ->
                    let own =
                        bound
                            folder
                            (annealed
                                law
                                (ofFunction "mine" (byRows (valid folder (annealed law exact)).Plan.Target 0.0)))

                    Expect.stringContains (Option.get own.KlReverse.Reason) "|> clipped R" "advice"))
        ]

let tests = testList "Networks.Certificates" [ functions; certificates ]
