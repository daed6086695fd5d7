/// Normal laws with full covariances at conditions up to 10¹², against their textbook formulas to 512 binary places.
module Sgm.Tests.DenseNormalsTests

open System
open Expecto
open Sgm
open Sgm.Tests.ExactLaws
open Sgm.Tests.NormalDivergencesTests
open Sgm.Tests.Precise

/// A random symmetric matrix of unit size and a given condition, by rotations of a diagonal one; sometimes scaled by coordinates.
let private covariance (random: Random) n condition =
    let spread = log condition

    let a =
        Array.init n (fun i ->
            let share =
                if i = 0 then 0.0
                elif i = n - 1 then 1.0
                else random.NextDouble()

            Array.init n (fun j -> if i = j then exp (-spread * share) else 0.0))

    for p in 0 .. n - 2 do
        for q in p + 1 .. n - 1 do
            let angle = 2.0 * Math.PI * random.NextDouble()
            let c, s = cos angle, sin angle

            for k in 0 .. n - 1 do
                let x, y = a[k][p], a[k][q]
                a[k][p] <- c * x - s * y
                a[k][q] <- s * x + c * y

            for k in 0 .. n - 1 do
                let x, y = a[p][k], a[q][k]
                a[p][k] <- c * x - s * y
                a[q][k] <- s * x + c * y

    let scales =
        if random.Next 4 = 0 then
            Array.init n (fun _ -> 10.0 ** (4.0 * random.NextDouble() - 2.0))
        else
            Array.create n 1.0

    Array.init n (fun i -> Array.init n (fun j -> 0.5 * (a[i][j] + a[j][i]) * (scales[i] * scales[j])))

/// A covariance that is positive definite in exact arithmetic too, which the rounding of its entries decides.
let rec private definite random n condition =
    let a = covariance random n condition
    if (cholesky (matrix a)).IsSome then a else definite random n condition

let private magnitude (random: Random) low high = 10.0 ** (low + (high - low) * random.NextDouble())

let private means (random: Random) n =
    if random.Next 3 = 0 then
        Array.zeroCreate n
    else
        let size = magnitude random -3.0 2.0
        Array.init n (fun _ -> size * (2.0 * random.NextDouble() - 1.0))

let private listed (rows: float[][]) = rows |> Array.map List.ofArray |> List.ofArray

let private law mean rows = { Mean = vector mean; Covariance = matrix rows }

/// Holds every bracket of a law against the truth, and returns how wide those of KL and W2 are, relative to it.
let private hold (measured: Engine.Law) q p what =
    let log = logChi2 q p
    let squared = measured.Measure chi2

    if Double.IsInfinity log then
        Expect.equal squared.Upper infinity $"{what}: χ²"
    elif log < 600.0 then
        // e^x − 1, near 0 by its series.
        let series = Seq.unfold (fun (term, k) -> Some(term, (term * log / float k, k + 1))) (log, 2)
        contains squared (if log < 0.5 then Seq.sum (Seq.take 20 series) else exp log - 1.0) $"{what}: χ²"

    [
        for name, metric, truth in [ "KL", kl, klOf q p; "W2", w2, w2Of q p ] do
            let estimate = measured.Measure metric
            contains estimate truth $"{what}: {name}"

            if truth > 1e-9 then
                (estimate.Upper - estimate.Lower) / truth
    ]

/// √(2h) is a double without rounding.
let private step (random: Random) smallest =
    let deviation = Math.ScaleB(float (random.Next(32, 64)), int (floor (Math.Log2(smallest) / 2.0)) - 6)
    deviation * deviation / 2.0

/// Langevin with score c·(∇ln p + (a/√d)·(1, …, 1)): x ← (I − c·h·P⁻¹)x + c·h·(P⁻¹μ + a·u) + √(2h)·ξ.
let private langevinSteps times' (h: float) (c: float) (a: float) p q =
    let n = p.Mean.Length
    let precision = inverse p.Covariance
    let factor = real c * real h
    let gain = combine (-) (unitMatrix n) (scale factor precision)
    let unit = real a / root (number n)
    let shift = apply precision p.Mean |> Array.map (fun x -> factor * (x + unit))

    let once state =
        {
            Mean = Array.map2 (+) (apply gain state.Mean) shift
            Covariance =
                combine
                    (+)
                    (times (times gain state.Covariance) (transposed gain))
                    (scale (real (2.0 * h)) (unitMatrix n))
        }

    (q, [ 1..times' ]) ||> List.fold (fun state _ -> once state)

let private pairs =
    [
        testCase "random pairs in 2 to 8 dimensions, either way round: every bracket has the truth in it, and is narrow"
        <| fun () ->
            let random = Random 17
            let widths = ResizeArray<float>()

            for trial in 1..40 do
                let n = 2 + random.Next 7
                let p, q = definite random n (magnitude random 0.0 12.0), definite random n (magnitude random 0.0 12.0)
                let size = magnitude random -2.0 2.0
                let q = q |> Array.map (Array.map (fun x -> size * x))
                let mp, mq = means random n, means random n

                for (mq, q), (mp, p) in [ (mq, q), (mp, p); (mp, p), (mq, q) ] do
                    let measured =
                        gaussianLaw (
                            experiment {
                                target (normalCov (List.ofArray mp) (listed p))
                                forward ve
                                start (from (normalCov (List.ofArray mq) (listed q)))
                                sampler identity
                            }
                        )

                    widths.AddRange(hold measured (law mq q) (law mp p) $"pair {trial}, d = {n}")

            Expect.isLessThan (Seq.max widths) 1e-10 "the widest bracket"

        testCase "after steps of Langevin, with biased and scaled scores"
        <| fun () ->
            let random = Random 23
            let widths = ResizeArray<float>()

            for trial in 1..30 do
                let n = 2 + random.Next 5
                let p, q = definite random n (magnitude random 0.0 11.0), definite random n (magnitude random 0.0 11.0)
                let mp, mq = means random n, means random n
                let target' = law mp p
                let smallest = eigenvalues target'.Covariance |> Array.map toFloat |> Array.min
                let h = step random smallest
                let steps = random.Next 50
                let c, a = [ 1.0, 0.0; 1.125, 0.0; 0.875, 0.25; 1.0, 2.0 ][random.Next 4]
                let score' = exact |> shifted a |> scaled c

                let run start' =
                    gaussianLaw (
                        experiment {
                            target (normalCov (List.ofArray mp) (listed p))
                            forward ve
                            score score'
                            start start'
                            sampler (repeat steps (corrector (langevin h)))
                        }
                    )

                let deviations = Array.init n (fun _ -> magnitude random -12.0 4.0)
                let diagonal = Array.init n (fun i -> Array.init n (fun j -> if i = j then deviations[i] else 0.0))

                for start', state in
                    [
                        from (normalCov (List.ofArray mq) (listed q)), law mq q
                        from (normalDiag (List.ofArray mq) (List.ofArray deviations)), law mq diagonal
                        if steps > 0 then
                            point (List.ofArray mq), law mq (Array.init n (fun _ -> Array.zeroCreate n))
                    ] do
                    let measured = run start'
                    let truth = langevinSteps steps h c a target' state
                    let what = $"chain {trial}, d = {n}, {steps} steps"
                    widths.AddRange(hold measured truth target' what)
                    let moments = measured.Moments()

                    for i in 0 .. n - 1 do
                        let near (expected: Real) found error name =
                            let expected = toFloat expected

                            Expect.isLessThanOrEqual
                                (abs (found - expected))
                                (error + 1e-15 * abs expected)
                                $"{what}: {name} {i}"

                        near (truth.Mean[i]) (moments.Mean[i]) (moments.MeanError[i]) "mean"
                        near (truth.Covariance[i][i]) (moments.Variance[i]) (moments.VarianceError[i]) "variance"
                        Expect.isGreaterThan (moments.Variance[i]) 0.0 what

            Expect.isLessThan (Seq.max widths) 1e-8 "the widest bracket"

        testCase "laws that are close keep their digits"
        <| fun () ->
            let random = Random 29

            for trial in 1..20 do
                let n = 2 + random.Next 4
                let p = definite random n (magnitude random 0.0 8.0)
                let step = magnitude random -9.0 -3.0

                let q =
                    p |> Array.mapi (fun i row -> row |> Array.mapi (fun j x -> if i = j then x * (1.0 + step) else x))

                let m = Array.zeroCreate n

                if (cholesky (matrix q)).IsSome then
                    let measured =
                        gaussianLaw (
                            experiment {
                                target (normalCov (List.ofArray m) (listed p))
                                forward ve
                                start (from (normalCov (List.ofArray m) (listed q)))
                                sampler identity
                            }
                        )

                    let widths = hold measured (law m q) (law m p) $"close {trial}, {step}"
                    Expect.isLessThan (Seq.max (Seq.append [ 0.0 ] widths)) 1e-7 $"close {trial}"

        testCase "thirty dimensions"
        <| fun () ->
            let random = Random 31
            let p, q = definite random 30 1e9, definite random 30 1e6
            let m = means random 30

            let measured =
                gaussianLaw (
                    experiment {
                        target (normalCov (List.ofArray m) (listed p))
                        forward ve
                        start (from (normalCov (List.replicate 30 0.0) (listed q)))
                        sampler identity
                    }
                )

            let truth = { Mean = Array.create 30 zero; Covariance = matrix q }
            contains (measured.Measure kl) (klOf truth (law m p)) "KL"

            contains
                (measured.Measure chi2)
                (logChi2 truth (law m p) |> fun log -> if log < 700.0 then exp log - 1.0 else infinity)
                "χ²"
    ]

let private run target' start' pipeline =
    gaussianLaw (
        experiment {
            target target'
            forward ve
            start start'
            sampler pipeline
        }
    )

let private singular =
    let correlated = normalCov [ 0.0; 0.0 ] [ [ 1.0; 0.5 ]; [ 0.5; 1.0 ] ]

    [
        testCase "a state is singular by construction only"
        <| fun () ->
            let still = run correlated (point [ 1.0; 2.0 ]) identity
            Expect.equal (value kl still) infinity "KL of a point"
            Expect.equal (value chi2 still) infinity "χ² of a point"
            Expect.equal (value tv still) 1.0 "TV of a point"
            close 1e-15 (sqrt (1.0 + 4.0 + 2.0)) (value w2 still) "W2 of a point"
            Expect.equal (still.Moments().Variance) [| 0.0; 0.0 |] "variance"
            let moved = run correlated (point [ 1.0; 2.0 ]) (corrector (langevin 1e-9))
            Expect.isTrue (Double.IsFinite(value kl moved)) "KL after a noisy step"
            let narrow = run correlated (from (normalDiag [ 0.0; 0.0 ] [ 1e-30; 1e30 ])) identity
            Expect.isTrue (Double.IsFinite(value kl narrow)) "KL of a very narrow state"
            Expect.isGreaterThan (narrow.Moments().Variance[0]) 0.0 "variance of a very narrow state"

        testCase "χ² on the border of being finite is not decided"
        <| fun () ->
            // 2P − Q = ((10⁶, 1000), (1000, 1)) is singular.
            let p = normalCov [ 0.0; 0.0 ] [ [ 1e6; 999.0 ]; [ 999.0; 1.0 ] ]
            let measure b = (run p (from (normalCov [ 0.0; 0.0 ] [ [ 1e6; b ]; [ b; 1.0 ] ])) identity).Measure chi2
            Expect.isFalse (measure 998.0).Value.HasValue "no value"
            Expect.equal (measure 998.0).Upper infinity "perhaps infinite"
            Expect.isGreaterThan (measure 998.0).Lower 1e6 "large in any case"
            Expect.isTrue (Double.IsFinite (measure 998.001).Value.Value) "just inside"
            Expect.equal (measure 997.999).Value (Nullable infinity) "just outside"

        // mpmath, 25 digits: the masses of the ellipse or hyperbola where q > p by quadrature over one direction; the last by Mellin
        // inversion along a straight line.
        testCase "total variation of ill-conditioned pairs"
        <| fun () ->
            let plane a b c = normalCov [ 0.0; 0.0 ] [ [ a; b ]; [ b; c ] ]

            for target', start', expected in
                [
                    plane 1e6 999.0 1.0, from (plane 1e6 998.0 1.0), 0.16606411735935957497
                    correlated, from (normalDiag [ 0.0; 0.0 ] [ 1e-8; 1.0 ]), 0.99964018817113301154
                    plane 1.0 0.999999 1.0,
                    from (normalCov [ 1e-6; 0.0 ] [ [ 1.0; 0.9999990001 ]; [ 0.9999990001; 1.0 ] ]),
                    0.00028280457433542873
                ] do
                let estimate = (run target' start' identity).Measure tv
                contains estimate expected "TV"
                Expect.isLessThan (estimate.Upper - estimate.Lower) 1e-12 "width"

        testCase "blocks are independent: n copies have n times the KL and √n times the W2"
        <| fun () ->
            let p, q = correlated, normalCov [ 0.5; 0.0 ] [ [ 1.5; -0.3 ]; [ -0.3; 0.8 ] ]
            let one = run p (from q) (repeat 3 (corrector (langevin 0.1)))
            let rest = 2, normal [ 0.0 ] 2.0
            let copies n law = product [ n, law; rest ]
            let many = run (copies 500 p) (from (copies 500 q)) (repeat 3 (corrector (langevin 0.1)))
            let alone = run (product [ rest ]) (from (product [ rest ])) (repeat 3 (corrector (langevin 0.1)))
            close 1e-12 (500.0 * value kl one + value kl alone) (value kl many) "KL"
            close 1e-12 (sqrt (500.0 * value w2 one ** 2.0 + value w2 alone ** 2.0)) (value w2 many) "W2"

            close
                1e-12
                (500.0 * log (1.0 + value chi2 one) + log (1.0 + value chi2 alone))
                (log (1.0 + value chi2 many))
                "χ²"

            Expect.equal (many.Moments().Variance[998..999]) (one.Moments().Variance) "variances"
    ]

let private balls =
    testCase "a ball has the exact result in it, whatever is done"
    <| fun () ->
        let random = Random 37

        let holds (ball: Engine.Ball) (truth: Real) what =
            let distance = truth - (real ball.Mid.High + real ball.Mid.Low)
            Expect.isLessThanOrEqual (abs (toFloat distance)) ball.Radius what

        for trial in 1..300 do
            let draw () = (random.NextDouble() - 0.5) * magnitude random -8.0 8.0
            let first = draw ()
            let mutable ball, truth = Engine.Ball.op_Implicit first, real first

            for _ in 1..40 do
                let x = draw ()
                let other = Engine.Ball.op_Implicit x

                match random.Next 5 with
                | 0 ->
                    ball <- ball + other
                    truth <- truth + real x
                | 1 ->
                    ball <- ball - other
                    truth <- truth - real x
                | 2 when abs (toFloat truth) < 1e30 && abs (toFloat truth) > 1e-30 ->
                    ball <- ball * other
                    truth <- truth * real x
                | 3 when abs (toFloat truth) < 1e30 && abs (toFloat truth) > 1e-30 ->
                    ball <- ball / other
                    truth <- truth / real x
                | 4 when isPositive truth && ball.Lower > 0.0 ->
                    ball <- Engine.Ball.Sqrt ball
                    truth <- root truth
                | _ -> ()

                holds ball truth $"trial {trial}"

let private metrics =
    testCase "every metric answers as itself, and is a word of the language"
    <| fun () ->
        let all = List.ofSeq Engine.Metric.All
        Expect.equal (all |> List.map (fun metric -> metric.Name)) [ "tv"; "kl"; "chi2"; "w2" ] "names"
        let ask (metric: Engine.Metric) = metric.Match((fun () -> tv), (fun () -> kl), (fun () -> chi2), (fun () -> w2))
        Expect.equal (all |> List.map ask) all "answers"

let tests = testList "dense normals" (pairs @ singular @ [ balls; metrics ])
