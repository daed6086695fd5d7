module Sgm.Tests.ConstantsTests

open System
open Expecto
open Sgm
open Sgm.Engine
open Sgm.Verification

let private planOf e = Lower.plan (fun file -> failtest file) e
let private lowered law = Lower.target (fun _ -> [||]) law
let private law parts = mixture [ for w, m, v in parts -> w, normal [ m ] v ]
let private data = NoiseLevel.Data

/// A bound that is at least the right value and at most (1 + slack) times it.
let private bounds name (right: float) slack (found: float) =
    Expect.isGreaterThanOrEqual found (right * (1.0 - 1e-9)) $"{name}: {found:R} is no bound of {right:R}"
    Expect.isLessThanOrEqual found (right * (1.0 + slack)) $"{name}: {found:R} is far above {right:R}"

let private number name (result: Result<Constant, string>) =
    match result with
    | Ok constant -> constant.Value
    | Error reason -> failtest $"{name}: {reason}"

let private known name (result: Result<float, string>) =
    match result with
    | Ok value -> value
    | Error reason -> failtest $"{name}: {reason}"

/// −(ln p)″ at x of Σ w·N(m, v), from the definition: E[1/v] − Var((x − m)/v) under the posterior weights.
let private curvature parts (x: float) =
    let logs = parts |> List.map (fun (w, m, v) -> log w - 0.5 * log v - (x - m) * (x - m) / (2.0 * v))
    let largest = List.max logs
    let shares = logs |> List.map (fun l -> exp (l - largest))
    let total = List.sum shares
    let slopes = parts |> List.map (fun (_, m, v) -> (x - m) / v)
    let mean = List.sum (List.map2 (*) shares slopes) / total
    let spread = List.sum (List.map2 (fun r a -> r * (a - mean) * (a - mean)) shares slopes) / total
    List.sum (List.map2 (fun r (_, _, v) -> r / v) shares parts) / total - spread

/// From 10⁻⁵ to 10⁵ of every deviation around every mean, and evenly between the outermost.
let private places parts =
    let far = parts |> List.map (fun (_, m, v) -> abs m + 8.0 * sqrt v) |> List.max

    [
        for _, m, v in parts do
            for k in -150 .. 150 do
                for side in [ 1.0; -1.0 ] do
                    yield m + side * sqrt v * 10.0 ** (float k / 30.0)

        for i in -2000 .. 2000 do
            yield far * float i / 2000.0
    ]

let private constants =
    testList
        "constants"
        [
            testCase "L of mixtures on the line is the largest |(ln p)″|, wherever it is (mpmath, 50 digits)"
            <| fun () ->
                let l parts = Constants.smoothness (lowered (law parts)) data |> number "L"

                bounds
                    "at x = 28, from a weight of 10⁻³⁰"
                    5.09220210093564
                    1e-3
                    (l [ 1.0 - 1e-10, 0.0, 1.0; 1e-30, 0.0, 1.21 ])

                bounds "variances 10⁻¹² and 1" 7576084627615.26 1e-3 (l [ 0.9, 0.0, 1e-12; 0.1, 0.0, 1.0 ])
                bounds "variances 1 and 16" 1.40745846751865 1e-3 (l [ 0.9, 0.0, 1.0; 0.1, 0.0, 16.0 ])

            testCase "m of three near components is the smallest −(ln p)″; a law with a negative one far out is refused"
            <| fun () ->
                let m = Constants.strongConcavity (lowered (law [ 0.5, -0.4, 1.0; 0.3, 0.2, 1.1; 0.2, 0.1, 0.9 ])) data
                let value = number "m" m
                Expect.isLessThanOrEqual value 0.813455209139 "no lower bound"
                Expect.isGreaterThan value (0.999 * 0.813455209139) "far below"
                let tail = lowered (law [ 1.0 - 1e-10, 0.0, 1.0; 1e-30, 0.0, 1.21 ])
                Expect.isError (Constants.strongConcavity tail data) "−5.09 at x = 28"

            testCase "no curvature of 100 random mixtures is beyond the bounds, which are near where the scan is dense"
            <| fun () ->
                let random = Random 17
                let between a b = a + (b - a) * random.NextDouble()

                for i in 1..100 do
                    let mild = i % 2 = 0

                    let parts =
                        [
                            for _ in 1 .. 2 + random.Next 5 ->
                                if mild then
                                    between 0.1 1.0, between -3.0 3.0, 10.0 ** between -1.0 1.0
                                else
                                    10.0 ** between -300.0 0.0, 0.0, 10.0 ** between -12.0 12.0
                        ]

                    let total = parts |> List.sumBy (fun (w, _, _) -> w)

                    let parts =
                        parts |> List.map (fun (w, m, v) -> w / total, m, v) |> List.filter (fun (w, _, _) -> w > 0.0)

                    let target = lowered (law parts)
                    let seen = places parts |> List.map (curvature parts)
                    let least, most = List.min seen, List.max seen
                    let l = Constants.smoothness target data |> number "L"
                    Expect.isGreaterThanOrEqual (l * (1.0 + 1e-9)) (max most (-least)) $"L of {parts}"

                    match Constants.strongConcavity target data with
                    | Ok m -> Expect.isLessThanOrEqual m.Value (least + 1e-9 * abs least) $"m of {parts}"
                    | Error _ -> ()

                    // Σ r/v, the bound from above, leaves out a variance that is 0 for two components only.
                    if mild then
                        Expect.isLessThanOrEqual l (2.0 * max most (-least)) $"L of {parts} is far above"

            testCase "C is an upper bound: against test functions, and near what it is for normal laws"
            <| fun () ->
                let c parts = Constants.logSobolev (lowered (law parts)) data |> number "C"
                bounds "N(0, 1) in two halves of other variance" 1.0 0.02 (c [ 0.5, 0.0, 1.0; 0.5, 0.0, 1.0 + 1e-9 ])
                // N(0, 16) is the limit of the tails.
                bounds "0.9·N(0, 1) + 0.1·N(0, 16)" 16.0 3.0 (c [ 0.9, 0.0, 1.0; 0.1, 0.0, 16.0 ])
                // f′ = 1/p between the modes and 0 elsewhere: C ≥ Var f/E f′².
                let density x = (exp (-2.0 * (x - 2.0) ** 2.0) + exp (-2.0 * (x + 2.0) ** 2.0)) / sqrt (2.0 * Math.PI)
                let n = 20000
                let step = 12.0 / float n
                let xs = Array.init n (fun i -> -6.0 + step * (float i + 0.5))
                let slope x = if abs x < 1.5 then 1.0 / density x else 0.0
                let f = xs |> Array.scan (fun sum x -> sum + step * slope x) 0.0 |> Array.tail
                let mean g = Array.sum (Array.map2 (fun x value -> step * density x * value) xs g)
                let average = mean f

                let quotient =
                    mean (f |> Array.map (fun y -> (y - average) ** 2.0))
                    / mean (xs |> Array.map (fun x -> slope x ** 2.0))

                let found = Constants.logSobolev (lowered (law [ 0.5, -2.0, 0.25; 0.5, 2.0, 0.25 ])) data |> number "C"
                bounds "two modes" quotient 8.0 found

            testCase "what is not known is refused, never 0 or ∞: modes at ±50, and in the plane"
            <| fun () ->
                Expect.isError
                    (Constants.logSobolev (lowered (law [ 0.5, -50.0, 1.0; 0.5, 50.0, 1.0 ])) data)
                    "C ≈ e^1250"

                Expect.isError
                    (Constants.logSobolev (lowered (law [ 0.5, -50.0, 1.0; 0.5, 50.0, 2.0 ])) data)
                    "other variances"

                let plane = mixture [ 0.5, normal [ -50.0; 0.0 ] 1.0; 0.5, normal [ 50.0; 0.0 ] 1.0 ]
                Expect.isError (Constants.logSobolev (lowered plane) data) "in the plane"

            testCase
                "components of one full covariance: L = 1/λ_min, m = (1 − R²)/λ_max in the coordinates of the covariance"
            <| fun () ->
                // Σ = diag(4, 1), means ±(1, 0): R² = ¼ in the coordinates Σ^(−½)x.
                let at x = normalDiag [ x; 0.0 ] [ 4.0; 1.0 ]
                let one = Engine.Covariance.Diagonal [| 4.0; 1.0 |]
                let target = Engine.Target(Mixture([| 0.5; 0.5 |], [| -1.0; 0.0; 1.0; 0.0 |], [| one |]))
                bounds "L" 1.0 1e-9 (Constants.smoothness target data |> number "L")
                Expect.isLessThan (abs (number "m" (Constants.strongConcavity target data) - 0.1875)) 1e-9 "m"
                bounds "C" (1.0 / 0.1875) 1e-9 (Constants.logSobolev target data |> number "C")
                Expect.equal (lowered (at 0.0)).Dimension 2 "the plane"

            testCase "a product has the constants of its worst factor, moved copies count once, moments do not cancel"
            <| fun () ->
                let pair m = mixture [ 0.5, normal [ m - 1.0 ] 0.5; 0.5, normal [ m + 1.0 ] 0.7 ]
                let alone = Constants.smoothness (lowered (pair 0.0)) data |> number "L"
                let many = lowered (product [ for i in 0..2000 -> 1, pair (float i) ])
                Expect.isLessThan (abs (number "L" (Constants.smoothness many data) - alone)) (1e-12 * alone) "L"
                let far = lowered (law [ 0.5, 1e9 - 1.0, 1.0; 0.5, 1e9 + 1.0, 1.0 ])
                Expect.isLessThan (abs (Constants.covarianceTrace far data - 2.0)) 1e-9 "tr Cov = 1 + 1"
        ]

let private scored target' scoreOfIt =
    planOf (
        experiment {
            target target'
            forward ve
            score scoreOfIt
            start warm
            sampler (repeat 10 (corrector (langevin 0.01)))
        }
    )

/// ∇ln p and p at x.
let private scoreAndDensity parts (x: float) =
    let logs =
        parts |> List.map (fun (w, m, v) -> log w - 0.5 * log (2.0 * Math.PI * v) - (x - m) * (x - m) / (2.0 * v))

    let largest = List.max logs
    let shares = logs |> List.map (fun l -> exp (l - largest))
    let total = List.sum shares
    List.sum (List.map2 (fun r (_, m, v) -> r * (m - x) / v) shares parts) / total, exp largest * total

let private errors =
    testList
        "score errors"
        [
            testCase "every scale of both laws counts (mpmath, 50 digits)"
            <| fun () ->
                let spike = scoreOf (law [ 0.5, 0.0, 1.0; 0.5, 0.0125, 1e-6 ])

                bounds
                    "a spike of the score"
                    105.266900777386
                    3e-3
                    (ScoreError.l2 (scored (normal [ 0.0 ] 1.0) spike) data |> known "ε")

                let two = law [ 0.5, 0.0, 1e-8; 0.5, 0.0, 100.0 ]
                let plan = scored two (exact |> scaled 1.1)
                let level = NoiseLevel.VarianceExploding 2e-4
                bounds "two scales" (0.1 * 3161.33545717043) 3e-3 (ScoreError.l2 plan level |> known "ε")
                bounds "p(‖e‖ > 0.1)" 0.499968577507467 1e-6 (ScoreError.badSet plan level 0.1 |> known "bad set")

            testCase "scaled by 2 and by ½ is exact, in every bound"
            <| fun () ->
                let plan = scored (normal [ 0.3 ] 1.2) (exact |> scaled 2.0 |> scaled 0.5)
                Expect.equal (ScoreError.l2 plan data) (Ok 0.0) "L²"
                Expect.equal (ScoreError.badSet plan data 0.0) (Ok 0.0) "bad set"
                Expect.equal (ScoreError.sup plan) (Ok 0.0) "sup"
                let moved = scored (normal [ 0.3 ] 1.2) (exact |> shifted 0.2 |> scaled 2.0 |> scaled 0.5)
                Expect.equal (ScoreError.sup moved) (Ok 0.2) "a shift scaled"

            testCase "a scaled score's sup norm is said to be infinite"
            <| fun () ->
                match ScoreError.sup (scored (normal [ 0.0 ] 1.0) (exact |> scaled 1.1)) with
                | Error reason -> Expect.stringContains reason "∞" "unbounded"
                | Ok value -> failtest $"{value}"

            testCase "30 random pairs of laws: L² and bad set bound the quadrature, closely"
            <| fun () ->
                let random = Random 23
                let between a b = a + (b - a) * random.NextDouble()

                for i in 1..30 do
                    let any () =
                        let parts =
                            [
                                for _ in 1 .. 1 + random.Next 4 ->
                                    between 0.1 1.0, between -3.0 3.0, 10.0 ** between -1.0 1.0
                            ]

                        let total = parts |> List.sumBy (fun (w, _, _) -> w)
                        parts |> List.map (fun (w, m, v) -> w / total, m, v)

                    let p, q = any (), any ()
                    let c = between 0.5 1.5
                    let plan = scored (law p) (scoreOf (law q) |> scaled c |> rippled 0.1 2.0)
                    let n, reach = 16000, 40.0
                    let step = 2.0 * reach / float n

                    let points =
                        [|
                            for k in 0 .. n - 1 ->
                                let x = -reach + step * (float k + 0.5)
                                let truth, density = scoreAndDensity p x
                                let estimate = c * fst (scoreAndDensity q x) + 0.1 * sqrt 2.0 * sin (2.0 * x)
                                step * density, abs (estimate - truth)
                        |]

                    let right = points |> Array.sumBy (fun (mass, e) -> mass * e * e) |> sqrt
                    bounds $"{i}: L²" right 5e-3 (ScoreError.l2 plan data |> known "L²")
                    let threshold = right * between 0.2 2.0
                    let mass = points |> Array.sumBy (fun (mass, e) -> if e > threshold then mass else 0.0)
                    let bad = ScoreError.badSet plan data threshold |> known "bad set"
                    // A point of the quadrature carries 0.005·p(x), p ≤ 1.3, at every one of a few crossings.
                    Expect.isLessThan (abs (bad - mass)) 0.02 $"{i}: bad set {bad} against {mass}"

            testCase "a million different coordinates of normal laws in closed form"
            <| fun () ->
                let d, b = 1_000_000, 0.5
                let plan = scored (standard d) (kernelDensity 1 b 1)
                let draw = TrainingSample.Draw(plan.Target, 1, 1L)
                let at = NoiseLevel.VarianceExploding 1.0
                // e_i = −(x − X_i)/(b² + 1) + x/2 with x ~ N(0, 2).
                let slope = 0.5 - 1.0 / 1.25
                let right = sqrt (float d * slope * slope * 2.0 + Array.sumBy (fun x -> (x / 1.25) ** 2.0) draw)
                let found = ScoreError.l2 plan at |> known "L²"
                Expect.isLessThan (abs (found - right)) (1e-9 * right) $"{found} against {right}"
        ]

let private limits =
    let refusal e =
        match Check.experiment "." e with
        | Ok _ -> ""
        | Error problems -> Message.renderAll problems

    let with' target' scoreOfIt =
        experiment {
            target target'
            forward ve
            score scoreOfIt
            start warm
            sampler (anneal (Levels [ 1.0; 0.5 ]) (predictor ancestral))
            measure [ tv ]
        }

    testList
        "fitted scores that do not fit"
        [
            testCase "the k × k matrix, and n·d draws, are named where they are too large"
            <| fun () ->
                Expect.stringContains
                    (refusal (with' (standard 1) (scoreMatching 2 50000 1)))
                    "50000 × 50000 matrix"
                    "k"

                Expect.stringContains
                    (refusal (with' (standard 65536) (kernelDensity 65536 0.1 1)))
                    "draws × dimension"
                    "n·d"

                Expect.stringContains
                    (refusal (with' (standard 65536) (scoreMatching 2 8 1)))
                    "65536 × 65536 matrix"
                    "d"

                Expect.equal
                    (refusal (with' (standard 1000000) (kernelDensity 1 0.5 1)))
                    ""
                    "one draw of a million coordinates"
        ]

let tests = testList "constants and score errors" [ constants; errors; limits ]
