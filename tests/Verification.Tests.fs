module Sgm.Tests.VerificationTests

open Expecto
open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Theorems

let private check id results = results.Checks |> List.filter (fun c -> c.Theorem.Id = id)

let private langevinExperiment h scoreModifier t =
    experiment {
        target t
        forward ve
        score scoreModifier
        start (from (normal [ 0.0 ] 1.2))
        sampler (repeat 100 (corrector (langevin h)))
    }

let private catalogue =
    testList
        "catalogue"
        [
            testCase "with a healthy engine every check holds, on every axis, with cells that are not vacuous"
            <| fun () ->
                let results = Study.run Planted.healthy Quick Catalogue.theorems

                for c in results.Checks do
                    Expect.equal c.Verdict Holds $"{c.Key}: {c.Reason}"

                    if c.Kind <> RateCheck then
                        Expect.isTrue (c.Cells |> List.exists (fun cell -> not cell.IsVacuous)) $"{c.Key}: all vacuous"

                        Expect.isTrue
                            (c.Tightest.Value > 0.0 && c.Tightest.Value <= 1.0 + 1e-9)
                            $"{c.Key}: {c.Tightest}"
                    else
                        Expect.isSome c.Rate $"{c.Key} has no interval"

            testCase "D3a is sharp: measured/bound reaches 0.99"
            <| fun () ->
                let results = Study.run Planted.healthy Quick [ Pedrotti.inexactLangevin ]
                let tightest = results.Checks |> List.choose (fun c -> c.Tightest) |> List.max
                Expect.isGreaterThanOrEqual tightest 0.99 "tightest ratio"

            testCase "the bias of Langevin on a normal law is of second order in h, first in d, second in ε"
            <| fun () ->
                let results = Study.run Planted.healthy Quick [ LeeLuTan.langevinSupNorm ]

                for axis, exponent in [ "h", 2.0; "d", 1.0; "ε", 2.0 ] do
                    let rate =
                        results.Checks
                        |> List.pick (fun c -> if c.Kind = RateCheck && c.Axis.Symbol = axis then c.Rate else None)

                    // χ² = (1 + χ₁²)^d − 1 is linear in d only up to d·χ₁².
                    Expect.isLessThan (abs (rate.Slope - exponent)) 1e-5 $"{axis}: {rate.Slope}"
                    Expect.isLessThan (rate.Upper - rate.Lower) 0.01 $"{axis}: narrow"

            testCase "theorem identifiers are unique and every source names a paper and a statement"
            <| fun () ->
                let ids = Catalogue.theorems |> List.map (fun t -> t.Id)
                Expect.equal (List.distinct ids) ids "unique"

                for t in Catalogue.theorems do
                    Expect.isNonEmpty t.Source.Paper t.Id
                    Expect.isNonEmpty t.Source.Statement t.Id
                    Expect.isNonEmpty t.Assumptions t.Id
        ]

/// A bug in the engine's step and the theorems that must catch it.
let private bugs =
    [
        "√h instead of √(2h)",
        Planted.scaled 1.0 1.0 (sqrt 0.5),
        [ "lee-2022-4.2"; "pedrotti-2024-d3a"; "bruno-2023-gaussian" ]
        "h instead of 2h in the noise's deviation",
        Planted.scaled 1.0 1.0 (sqrt 2.0),
        [ "lee-2022-4.2"; "pedrotti-2024-d3a"; "bruno-2023-gaussian" ]
        "half the drift", Planted.scaled 1.0 0.5 1.0, [ "lee-2022-4.2"; "pedrotti-2024-d3a"; "bruno-2023-gaussian" ]
        "no noise", Planted.scaled 1.0 1.0 0.0, [ "lee-2022-4.2"; "pedrotti-2024-d3a"; "bruno-2023-gaussian" ]
        "the drift's sign", Planted.scaled 1.0 -1.0 1.0, [ "lee-2022-4.2"; "pedrotti-2024-d3a"; "bruno-2023-gaussian" ]
        "a state that shrinks by a thousandth a step",
        Planted.scaled 0.999 1.0 1.0,
        [ "lee-2022-4.2"; "bruno-2023-gaussian" ]
    ]

let private sabotaged =
    testList
        "sabotage"
        [
            for name, change, catchers in bugs do
                testCase name
                <| fun () ->
                    let caught = Catalogue.theorems |> List.filter (fun t -> List.contains t.Id catchers)
                    let results = Study.run (Planted.engineWith change) Quick caught

                    for id in catchers do
                        let verdicts = check id results |> List.map (fun c -> c.Verdict)
                        let caught = verdicts |> List.exists (fun v -> v = Violated || v = Inconclusive)
                        Expect.isTrue caught $"{id} does not notice: {verdicts}"

                    if name <> "the drift's sign" then
                        Expect.isGreaterThan results.Violated 0 "violated"

            // Where nothing but an order is claimed there is no bound.
            for theorem in Catalogue.theorems |> List.filter (fun theorem -> not theorem.Scenarios.IsEmpty) do
                testCase $"{theorem.Id} with its bound at 0.99 times the measurement is violated"
                <| fun () ->
                    // What is sampled can only be seen above a bound that its interval is above.
                    let seen (measured: Estimate) =
                        if measured.Confidence < 1.0 then measured.Lower else measured.Value.Value

                    let below value = if value = 0.0 then -0.01 else 0.99 * value

                    let weakened =
                        { theorem with
                            Evidence =
                                fun runner trial ->
                                    theorem.Evidence runner trial
                                    |> Result.map (List.map (fun c -> { c with Bound = below (seen c.Measured) }))
                        }

                    for c in (Study.run Planted.healthy Quick [ { weakened with Rates = [] } ]).Checks do
                        Expect.equal c.Verdict Violated c.Key
        ]

let private assumptions =
    let verdictOf theorem e = Study.onExperiment Planted.healthy theorem e

    let notApplicable theorem e (reason: string) =
        let cell = verdictOf theorem e
        Expect.equal cell.Verdict NotApplicable $"{cell.Reason}"
        Expect.stringContains (defaultArg cell.Reason "") reason "reason"

    let lee = LeeLuTan.langevinSupNorm
    let standardNormal = normal [ 0.0 ] 1.0

    /// Two dimensions and two covariances: no constant is known.
    let planar = mixture [ 0.5, normal [ -2.0; 0.0 ] 0.25; 0.5, normal [ 2.0; 0.0 ] 0.5 ]

    let reverse steps predictorMethod =
        experiment {
            target (normal [ 1.0 ] 1.0)
            forward vp
            sampler (anneal (uniform 4.0 0.0 steps) (predictor predictorMethod))
        }

    testList
        "assumptions"
        [
            testCase "within the hypotheses the verdict is holds"
            <| fun () ->
                Expect.equal (verdictOf lee (langevinExperiment (1.0 / 300.0) exact standardNormal)).Verdict Holds "lee"
                Expect.equal (verdictOf Bruno.gaussianMean (reverse 100 eulerMaruyama)).Verdict Holds "bruno"
            testCase "a step that is too large"
            <| fun () -> notApplicable lee (langevinExperiment 0.1 exact standardNormal) "is above 1/(272"
            testCase "a score error that is too large"
            <| fun () -> notApplicable lee (langevinExperiment 1e-3 (exact |> shifted 0.2) standardNormal) "1/(49"
            testCase "a score error that is not bounded"
            <| fun () -> notApplicable lee (langevinExperiment 1e-3 (exact |> scaled 1.1) standardNormal) "bounded"
            testCase "a target without a known log-Sobolev constant"
            <| fun () ->
                let e = { langevinExperiment 1e-3 exact planar with Start = from (normal [ 0.0; 0.0 ] 1.2) }
                notApplicable lee e "no bound is known"
            testCase "another sampler" <| fun () -> notApplicable lee (reverse 100 eulerMaruyama) "Langevin"
            testCase "another predictor"
            <| fun () -> notApplicable Bruno.gaussianMean (reverse 100 ancestral) "ancestral"
            testCase "steps of time above 1"
            <| fun () -> notApplicable Bruno.gaussianMean (reverse 3 eulerMaruyama) "γ = 1.33"
            testCase "data with another covariance"
            <| fun () ->
                notApplicable
                    Bruno.gaussianMean
                    { reverse 100 eulerMaruyama with Target = normal [ 1.0 ] 2.0 }
                    "covariance I"
        ]

let private verdicts =
    let exactly value width = Estimate.Exact(value, value - width, value + width, "test")

    testList
        "verdicts"
        [
            testCase "the interval decides, not the value"
            <| fun () ->
                let sampled = Estimate.Sampled(0.9, 0.8, 1.1, 0.99, "test")
                Expect.equal (Verdict.ofBound sampled 1.0) Inconclusive "bound inside the interval"
                Expect.equal (Verdict.ofBound sampled 1.2) Holds "interval below"
                Expect.equal (Verdict.ofBound sampled 0.7) Violated "interval above"
            testCase "an exact measurement resolves equality, but no more than its resolution"
            <| fun () ->
                Expect.equal (Verdict.ofBound (exactly 1.0 1e-12) 1.0) Holds "equality"
                Expect.equal (Verdict.ofBound (exactly 1.0 1e-12) (1.0 - 1e-7)) Violated "above by 1e-7"
                Expect.equal (Verdict.ofBound (exactly 1.0 1e-3) 1.0) Inconclusive "a wide bracket does not"
            testCase "a bound that is not a number decides nothing"
            <| fun () -> Expect.equal (Verdict.ofBound (exactly 1.0 0.0) nan) Inconclusive "nan"
            testCase "one violation is a violation; not applicable never hides"
            <| fun () ->
                Expect.equal (Verdict.all [ Holds; NotApplicable; Violated ]) Violated "violated"
                Expect.equal (Verdict.all [ Holds; NotApplicable ]) Holds "holds"
                Expect.equal (Verdict.all [ NotApplicable ]) NotApplicable "nothing applied"
                Expect.equal (Verdict.all [ Holds; Inconclusive ]) Inconclusive "inconclusive"
            testCase "the limit of small steps: value and bracket"
            <| fun () ->
                let values f = List.init 8 (fun k -> exactly (f (0.5 ** float k)) 1e-16)
                let limit = Measure.stepLimit Metric.Kl (values (fun h -> exp h + sin h))
                Expect.isLessThan (abs (limit.Value.Value - 1.0)) 1e-12 "value"
                Expect.isTrue (limit.Lower <= 1.0 && 1.0 <= limit.Upper) "bracket"
                // √h has no expansion in whole powers: the bracket must say that nothing is known well.
                let rough = Measure.stepLimit Metric.Kl (values (fun h -> 1.0 + sqrt h))
                Expect.isTrue (rough.Lower <= 1.0 && 1.0 <= rough.Upper) $"[{rough.Lower}, {rough.Upper}]"
        ]

let private rates =
    let claim exponent : RateClaim =
        {
            Axis = "h"
            Exponent = exponent
            IsExponential = false
            Of = "test"
            Quantity = fun _ _ -> Error "not measured"
            Scenario = Bruno.gaussianMean.Scenarios.Head
        }

    let own = langevinExperiment 0.1 exact (normal [ 0.0 ] 1.0)

    let points width f =
        [
            for k in 0..9 do
                let x = 0.5 ** float k
                let y = f x

                {
                    X = x
                    Value = Estimate.Exact(y, max 0.0 (y - width), y + width, "test")
                    Excluded = None
                    Experiment = Some own
                }
        ]

    let measured exponent width f =
        match Rates.measure 1e-6 (claim exponent) (points width f) with
        | Ok rate -> rate
        | Error reason -> failtest reason

    testList
        "rates"
        [
            testCase "the exponent at the asymptotic end, through a correction term"
            <| fun () ->
                let rate = measured (Exactly 1.0) 1e-15 (fun h -> 3.0 * h * (1.0 + 2.0 * h))
                Expect.isTrue (rate.Lower <= 1.0 && 1.0 <= rate.Upper) $"[{rate.Lower}, {rate.Upper}]"
                Expect.isLessThan (abs (rate.Slope - 1.0)) 1e-3 "slope"
                Expect.equal (Rates.verdict (claim (Exactly 1.0)) false rate) Holds "holds"
                Expect.equal (Rates.verdict (claim (Exactly 1.1)) false rate) Violated "not 1.1"
            testCase "slopes that do not contract yet are no evidence against the exponent that they tend to"
            <| fun () ->
                // W2 of dpm2Ancestral 1.0 on N(0.8, 0.5), vp, 2⁸ to 2¹¹ steps: slopes −2.00195, −2.00140, −2.00081, which
                // go on to −2.00043, −2.00022, −2.00011.
                let values = [ 1.8535514e-4; 4.6276212e-5; 1.1557826e-5; 2.8878329e-6 ]

                let points =
                    values
                    |> List.mapi (fun k y ->
                        {
                            X = 256.0 * 2.0 ** float k
                            Value = Estimate.Exact(y, y, y, "test")
                            Excluded = None
                            Experiment = None
                        })

                match Rates.measure 1e-6 (claim (Exactly -2.0)) points with
                | Ok rate ->
                    Expect.equal (Rates.verdict (claim (Exactly -2.0)) true rate) Holds $"[{rate.Lower}, {rate.Upper}]"
                    Expect.equal (Rates.verdict (claim (Exactly -1.9)) true rate) Violated "not 1.9"
                | Error reason -> failtest reason
            testCase "at most: towards zero a faster decay is within the claim, a slower one is not"
            <| fun () ->
                let rate = measured (AtMost 1.0) 1e-15 (fun h -> h * h)
                Expect.equal (Rates.verdict (claim (AtMost 1.0)) false rate) Holds "h² = O(h)"
                Expect.equal (Rates.verdict (claim (AtMost 3.0)) false rate) Violated "h² is not O(h³)"
                Expect.equal (Rates.verdict (claim (AtMost 1.0)) true rate) Violated "x² is not O(x) at infinity"
            testCase "the rounding floor is left out, and said so"
            <| fun () ->
                match Rates.measure 1e-6 (claim (Exactly 2.0)) (points 1e-6 (fun h -> h * h)) with
                | Ok rate ->
                    Expect.isTrue (rate.Points |> List.exists (fun p -> p.Excluded.IsSome)) "excluded"
                    Expect.isTrue (rate.Lower <= 2.0 && 2.0 <= rate.Upper) "slope"
                | Error reason -> failtest reason
            testCase "a check without an exponent keeps its points, with the reason of each"
            <| fun () ->
                let theorem = Bruno.gaussianMean
                let claim = theorem.Rates.Head

                let unmeasured =
                    { theorem with
                        Scenarios = []
                        Rates =
                            [
                                { claim with Quantity = fun _ _ -> Error "nothing there" }
                                { claim with Quantity = fun _ _ -> Ok(Estimate.Sampled(1.0, -1.0, 2.0, 0.99, "test")) }
                            ]
                    }

                for c in (Study.run Planted.healthy Quick [ unmeasured ]).Checks do
                    Expect.equal c.Verdict Inconclusive c.Key
                    Expect.isNone c.Rate "no exponent"
                    Expect.isGreaterThan c.Points.Length 3 "points"
                    Expect.equal c.CellCount c.Points.Length "counted"
                    Expect.isTrue (c.Points |> List.forall (fun p -> p.Excluded.IsSome)) "reasons"
            testCase "measured/bound: 0/0 is equality, ∞/∞ is nothing"
            <| fun () ->
                let sample = (Study.run Planted.healthy Quick [ Bruno.gaussianMean ]).Checks.Head.Cells.Head

                let ratio value bound =
                    { sample with
                        Decisive = Some { What = "test"; Measured = Estimate.ClosedForm value; Bound = bound }
                    }
                        .Ratio

                Expect.equal (ratio 0.0 0.0) (Some 1.0) "0/0"
                Expect.equal (ratio infinity infinity) None "∞/∞"
                Expect.equal (ratio 1.0 0.0) (Some infinity) "1/0"
                Expect.equal (ratio 1.0 4.0) (Some 0.25) "1/4"
            testCase "progress comes cell by cell and ends at 1"
            <| fun () ->
                let seen = System.Collections.Concurrent.ConcurrentQueue<float>()
                let runner = { Planted.healthy with Progress = fun _ fraction -> seen.Enqueue fraction }
                let results = Study.run runner Quick [ Bruno.gaussianMean ]
                let cells = results.Checks |> List.sumBy (fun c -> c.CellCount)
                Expect.equal (Seq.length seen) cells "one a cell"
                Expect.equal (Seq.max seen) 1.0 "all"
            testCase "too few usable points give no exponent"
            <| fun () ->
                Expect.isError
                    (Rates.measure 1e-6 (claim (Exactly 2.0)) (points 1.0 (fun h -> h * h)))
                    "all at the floor"
        ]

let tests = testList "verification" [ catalogue; sabotaged; assumptions; verdicts; rates ]
