/// Coefficients of the methods with a memory, and what their rounding leaves of brackets.
module Sgm.Tests.MemoryCoefficientsTests

open System
open Expecto
open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Tests.Precise
open Sgm.Tests.MemoryTests

let private sumOf (of': Input) number (terms: Term seq) =
    terms |> Seq.filter (fun t -> t.Of = of' && t.Number = number) |> List.ofSeq

let private product (a: Real list) (b: Real list) =
    let at i (poly: Real list) = if i >= 0 && i < poly.Length then poly[i] else zero

    [
        for n in 0 .. a.Length + b.Length - 2 ->
            [ 0..n ] |> List.map (fun i -> at i a * at (n - i) b) |> List.reduce (+)
    ]

/// The coefficients of L_j for these nodes.
let private lagrange (nodes: Real list) j =
    ([ one ], List.indexed nodes)
    ||> List.fold (fun poly (l, n) ->
        if l = j then
            poly
        else
            let width = nodes[j] - n
            product poly [ -n / width; one / width ])

let private power (x: Real) n = List.fold (fun p _ -> p * x) one [ 1..n ]
let private factorial n = List.fold (fun p i -> p * number i) one [ 1..n ]

/// ∫ from a to b of a polynomial.
let private integral (poly: Real list) a b =
    poly |> List.mapi (fun p c -> c * (power b (p + 1) - power a (p + 1)) / number (p + 1)) |> List.reduce (+)

/// ∫₀^h s^p e^(−s) ds, e^(−h) given.
let rec private moment p h decay =
    if p = 0 then
        one - decay
    else
        number p * moment (p - 1) h decay - power h p * decay

let private psi k a decay =
    (((one - decay) / a), [ 1 .. k - 1 ]) ||> List.fold (fun value j -> (one / factorial j - value) / a)

/// What the paper's formula multiplies x, D and the registers with, from the levels σ_i and before and to σ′, under ve.
let private exactly word (sigmas: Real list) lower =
    let upper = sigmas.Head
    let kappa = lower / upper
    let h = ln (upper / lower)
    let logs = sigmas |> List.map (fun s -> ln (s / upper))
    let euler = [ kappa; one - kappa ]

    let slopes weights =
        let weights: Real list = weights
        [ one + weights.Head / upper; -weights.Head / upper ] @ weights.Tail

    match word with
    | "lms" -> slopes [ for j in 0 .. sigmas.Length - 1 -> integral (lagrange sigmas j) upper lower ]
    | "deis" ->
        // ln τ = ln σ − s.
        let nodes = logs |> List.map (~-)

        slopes
            [
                for j in 0 .. sigmas.Length - 1 ->
                    lagrange nodes j |> List.mapi (fun p c -> -upper * c * moment p h kappa) |> List.reduce (+)
            ]
    | "dpmpp2m" ->
        let half = (one - kappa) * h / logs[1] / number 2
        [ kappa; one - kappa + half; -half ]
    | "dpmpp3mSde" ->
        let a = h + h
        let decay = kappa * kappa
        let phi2 = one - psi 1 a decay
        let phi3 = phi2 / a - one / number 2
        let r0, r1 = logs[1] / h, (logs[2] - logs[1]) / h
        // d₁ and d₂ in D, D₁, D₂.
        let d10, d11 = [ one / r0; -one / r0; zero ], [ zero; one / r1; -one / r1 ]
        let combined f = List.map2 f d10 d11
        let d1 = combined (fun a b -> a + (a - b) * r0 / (r0 + r1))
        let d2 = combined (fun a b -> (a - b) / (r0 + r1))
        let moved = List.map2 (fun a b -> phi2 * a - phi3 * b) d1 d2
        [ decay; one - decay + moved[0]; moved[1]; moved[2] ]
    | other -> invalidArg "word" other
    |> fun found ->
        if List.length sigmas = 1 && word <> "lms" && word <> "deis" then
            euler
        else
            found

let tests =
    testList
        "Memory coefficients"
        [
            testCase
                "coefficients against the papers' formulas to 512 bits, within the rounding that brackets contain"
                (fun () ->
                    let random = Random 11
                    let mutable worst = 0.0

                    for _ in 1..60 do
                        let widest = Math.Pow(10.0, -3.0 + 3.0 * random.NextDouble())
                        let gaps = [ for _ in 1..4 -> exp (widest * (0.2 + random.NextDouble())) ]
                        // From the last level up.
                        let sigmas = gaps |> List.scan (*) 0.3 |> List.rev
                        let t = Transition.Of(ve, (fun i -> NoiseLevel.VarianceExploding sigmas[i]), 3, 4)
                        let earlier count = [ for back in 0 .. count - 1 -> real sigmas[3 - back] ]

                        for method, count in
                            [ lms 4, 4; lms 2, 2; deis 4, 4; deis 3, 3; dpmpp2m, 2; dpmpp3mSde 1.0, 3 ] do
                            let expected = exactly method.Word (earlier count) (real sigmas[4])

                            match Kernel.predictor method t with
                            | [ GeneralStep step ] ->
                                let state = step.Updates[0]

                                let inputs =
                                    (Input.Register, 0)
                                    :: (Input.Prediction, 0)
                                    :: [ for k in 1 .. count - 1 -> Input.Register, k ]

                                for (of', number), value in List.zip inputs expected do
                                    let own = sumOf of' number state
                                    let actual = own |> List.map (fun term -> real term.Coefficient) |> List.reduce (+)
                                    let size = own |> List.sumBy (fun term -> abs term.Coefficient)
                                    let error = abs (toFloat (actual - value)) / size
                                    worst <- max worst error

                                    Expect.isLessThanOrEqual
                                        error
                                        step.Rounding
                                        $"{method}: {of'} {number} with steps of {widest:g3}"
                            | other -> failtestf "%A" other

                    // The allowance is not far from what happens.
                    Expect.isGreaterThan worst 2e-16 "a rounding")

            testCase "brackets contain the law and are narrow, many steps or few" (fun () ->
                for method in [ lms 4; ipndm 4; deis 3; dpmpp2m; unipc 3; dpmpp3mSde 1.0; dpmppSde 1.0 ] do
                    for n in [ 10; 1000 ] do
                        let own =
                            { annealing vp [ 3.0; 0.1 ] method with
                                Sampler = anneal (uniform 3.0 0.1 n) (predictor method)
                            }

                        let found = (ExactLaws.gaussianLaw own).Measure Metric.W2
                        Expect.isLessThan (found.Upper - found.Lower) 1e-8 $"{method}, {n} steps")
        ]
