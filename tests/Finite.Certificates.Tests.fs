/// Certificates of discrete diffusion against the chain rule by dense matrices, and against exact laws.
module Sgm.Tests.FiniteCertificatesTests

open System
open System.Collections.Immutable
open System.Threading
open Expecto
open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Certificates
open Sgm.Verification.Theorems
open Sgm.Tests.FiniteTests

let private certified e =
    match Certificate.ofPlan CancellationToken.None (planOf e) with
    | Ok found -> List.exactlyOne found
    | Error reason -> failtest reason

/// Σ_k E KL(reverse step ‖ the sampler's) and KL(p_T‖q_T), by matrices.
let private chainRule (case: Case) =
    let space = case.Space
    let at t = noised space case.P t

    let step (t, next) =
        let before, after = at t, at next
        let forward = space.Generator(fun _ _ _ -> (t - next) / float space.S) |> exponential
        let own = stepMatrix space case.Jumps (noised space case.Pi t) case.Bias (t - next)

        Seq.sum (
            seq {
                for x in 0 .. space.Count - 1 do
                    for y in 0 .. space.Count - 1 do
                        let joint = after[y] * forward[y, x]
                        if joint > 0.0 then joint * log (joint / before[x] / own[x, y]) else 0.0
            }
        )

    divergence (at case.Times.Head) case.First + Seq.sumBy step (List.pairwise case.Times)

let private rules =
    testList
        "rules"
        [
            testCase "R is the chain rule by matrices, a little above it"
            <| fun () ->
                for case in cases 4 40 do
                    let r = (certified case.Experiment).KlReverse.Value
                    let expected = chainRule case
                    Expect.isGreaterThanOrEqual r (expected - 1e-13) $"{case}"
                    Expect.isLessThan r (expected + 1e-10) $"{case}"

            testCase "R is above KL(p‖q), below the bound by entropies, and that below the closed form"
            <| fun () ->
                for case in cases 5 120 do
                    let found = certified case.Experiment
                    let law = ran case.Experiment
                    let r = found.KlReverse.Value
                    Expect.isGreaterThanOrEqual r (FiniteLaw.Reverse law).Lower $"{case}"
                    Expect.isGreaterThanOrEqual found.Tv.Value (law.Measure tv).Lower $"{case}"
                    let whole = found.Start.Value + found.Steps + found.Score
                    Expect.floatClose Accuracy.medium whole r "shares"

                    if case.Jumps = Jumps.TauLeaping then
                        let own = (planOf case.Experiment).Finite
                        let entropies = ZhangBounds.entropies own
                        Expect.isLessThanOrEqual (r - 1e-12) entropies.High $"{case}"

                        if case.P = case.Pi then
                            Expect.isLessThanOrEqual entropies.Value (ZhangBounds.closedForm own + 1e-12) $"{case}"

            testCase "rates of another law along the reverse process: R is what the path says, and above the law's KL"
            <| fun () ->
                for case in cases 6 30 do
                    let case =
                        { case with
                            Jumps = Jumps.Uniformisation
                            Bias = 0.0
                            Pi = masses (Random case.Times.Length) case.Space
                        }

                    let r = (certified case.Experiment).KlReverse.Value
                    let last t = divergence (noised case.Space case.P t) (noised case.Space case.Pi t)
                    let first = case.Times.Head
                    let start = divergence (noised case.Space case.P first) case.First
                    Expect.floatClose Accuracy.high r (start + last (List.last case.Times) - last first) $"{case}"
                    Expect.isGreaterThanOrEqual r (FiniteLaw.Reverse(ran case.Experiment)).Lower $"{case}"

            testCase "skewed rates along the reverse process cost what skewed steps cost as they get small"
            <| fun () ->
                let own jumps n =
                    certified (
                        discrete {
                            target (isingChain 3 0.6 0.2)
                            times (uniform 1.5 0.1 n)
                            rates (exactRates |> skewed 0.3)
                            start warm
                            sampler jumps
                        }
                    )

                let limit = (own uniformisation 1).KlReverse.Value
                let at n = (own tauLeaping n).KlReverse.Value
                // By extrapolation of an error of first order.
                let found = 2.0 * at 800 - at 400
                Expect.isLessThan (abs (found / limit - 1.0)) 2e-3 $"{found}, {limit}"

            testCase "entropy relative to uniform symbols shrinks as e^(−t) at least, and its production does not grow"
            <| fun () ->
                let random = Random 7

                for _ in 1..100 do
                    let space = [| { S = 2; D = 4 }; { S = 3; D = 3 }; { S = 5; D = 1 } |][random.Next 3]
                    let table = FiniteTarget.Table(space.S, space.D, ReadOnlySpan(masses random space))
                    let t = 2.0 * random.NextDouble()
                    let from t = FinitePath.fromUniform (FinitePath.noised t table)
                    Expect.isLessThanOrEqual (from t).Value (exp -t * (from 0.0).Value + 1e-13) "entropy"
                    let ones = ImmutableArray.CreateRange(Seq.replicate space.D 1.0)

                    let production t =
                        let struct (found, _) = FinitePath.production (FinitePart(1L, table, table, ones)) t
                        found.Value

                    Expect.isLessThanOrEqual (production (t + 0.1)) (production t + 1e-12) "production"
                    let h = 1e-4
                    let slope = ((from (t + h)).Value - (from (t + 3.0 * h)).Value) / (2.0 * h)
                    Expect.floatClose Accuracy.medium (production (t + 2.0 * h)) slope "−d/dt KL"

            testCase "a certificate of a million symbols is a million times that of one; the closed form holds"
            <| fun () ->
                let own count =
                    discrete {
                        target (independent [ count, [ 0.3; 0.7 ] ])
                        times (geometric 4.0 0.05 16)
                        rates (exactRates |> skewed 0.1)
                        sampler tauLeaping
                    }

                let r count = (certified (own count)).KlReverse.Value
                Expect.floatClose Accuracy.high (r 1_000_000) (500_000.0 * r 2) "R"

                Expect.isGreaterThan
                    (ZhangBounds.closedForm (planOf (own 1_000_000)).Finite)
                    (r 1_000_000)
                    "closed form"

            testCase "no probability to stay is an R without bound, with its reason"
            <| fun () ->
                // λ = ½ of a uniform law, h = 2.
                let found =
                    certified (
                        discrete {
                            target (table 2 [ 0.5; 0.5 ])
                            times (levels [ 3.0; 1.0 ])
                            sampler eulerJumps
                        }
                    )

                Expect.equal found.KlReverse.Value infinity "R"
                Expect.isSome found.KlReverse.Reason "why"
                Expect.equal found.Tv.Value 1.0 "TV"
        ]

/// A theorem's checks at quick effort, with bugs in the rates behind its back.
let private theorems =
    let runner = Runner.engine CancellationToken.None
    let verdicts theorem runner = (Study.run runner Quick [ theorem ]).Checks |> List.map (fun check -> check.Verdict)

    testList
        "theorems"
        [
            for theorem in [ ZhangDiscrete.path; ZhangDiscrete.linear ] do
                testCase $"{theorem.Id} holds"
                <| fun () ->
                    for check in (Study.run runner Quick [ theorem ]).Checks do
                        Expect.equal check.Verdict Holds $"{check.Key}: {check.Reason}"

                testCase $"{theorem.Id} has cells that say something"
                <| fun () ->
                    let checks = (Study.run runner Quick [ theorem ]).Checks

                    for check in checks |> List.filter (fun check -> check.Kind = BoundCheck) do
                        Expect.isLessThan check.Vacuous check.Cells.Length $"{check.Key}"

                for bug in Sabotage.FiniteBugs.all do
                    if theorem.Id = ZhangDiscrete.path.Id || bug.Id = "finite-ratio" then
                        testCase $"{theorem.Id} is violated by {bug.Id}"
                        <| fun () ->
                            let found = verdicts theorem (Sabotage.Bug.plant runner bug)
                            Expect.contains found Violated $"%A{found}"

            testCase "no statement on R^d speaks of symbols, and none on symbols of R^d"
            <| fun () ->
                let subject e = { Experiment = e; Plan = planOf e; Setting = Map.empty }

                let symbols =
                    subject (
                        discrete {
                            target (isingChain 3 0.5 0.0)
                            times (uniform 1.0 0.1 4)
                            sampler tauLeaping
                        }
                    )

                let normal =
                    subject (
                        experiment {
                            target (standard 2)
                            forward vp
                            start warm
                            sampler (repeat 3 (corrector (langevin 0.1)))
                        }
                    )

                for theorem in Catalogue.theorems do
                    let covers subject = (Assumption.evaluateAll subject theorem.Assumptions |> snd).IsNone
                    let isOurs = theorem.Id.StartsWith("zhang-2024", StringComparison.Ordinal)
                    Expect.equal (covers symbols) isOurs theorem.Id
                    Expect.isFalse (isOurs && covers normal) theorem.Id
        ]

let tests = testList "Finite.Certificates" [ rules; theorems ]
