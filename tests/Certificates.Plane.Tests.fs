/// Integrals in the plane against closed forms, the line and plain sums, and the certificates that they give.
module Sgm.Tests.CertificatesPlaneTests

open System
open System.Threading
open Expecto
open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Certificates
open Sgm.Tests.ExactLaws

let private level = NoiseLevel.VarianceExploding 0.3

/// A planar mixture as the language lowers it.
let private lowered target' =
    let e =
        experiment {
            target target'
            forward ve
            sampler (corrector (langevin 0.1))
        }

    (planOf e).Target.Factors[0].Law

let private okay result =
    match result with
    | Ok found -> found
    | Error reason -> failtest reason

let private holds (bracket: Bracket) truth relative what =
    Expect.isTrue
        (bracket.Low <= truth && truth <= bracket.High)
        $"{what}: {truth:R} outside [{bracket.Low:R}, {bracket.High:R}]"

    Expect.isLessThan bracket.Width (relative * (1.0 + abs truth)) $"{what}: width"

let private halves mean rows = mixture [ 0.5, normalCov mean rows; 0.5, normalCov mean rows ]

let private normals =
    testCase "normal laws of condition 1 to 1000, written as mixtures, against closed forms"
    <| fun () ->
        for v, w in [ 1.0, 1.0; 2.0, 0.02; 1.0, 0.001 ] do
            let c, s = cos 0.7, sin 0.7
            let off = c * s * (v - w)
            let rows = [ [ c * c * v + s * s * w; off ]; [ off; s * s * v + c * c * w ] ]
            let at = NoiseLevel.VarianceExploding 0.0
            let found = PlaneIntegrals.facts (lowered (halves [ 1.0; -2.0 ] rows)) at |> okay
            holds found.Fisher (1.0 / v + 1.0 / w) 1e-5 "Fisher"
            holds found.Curvature (1.0 / (v * v) + 1.0 / (w * w)) 1e-5 "curvature"
            holds found.Entropy (1.0 + log (2.0 * Math.PI) + 0.5 * log (v * w)) 1e-5 "entropy"

let private first = mixture [ 0.4, normal [ -1.5 ] 0.3; 0.6, normal [ 1.0 ] 0.5 ]
let private second = mixture [ 0.5, normal [ -1.0 ] 0.4; 0.5, normal [ 3.2 ] 0.2 ]

/// The product of the two, turned.
let private turned angle =
    PlaneCases.turned
        { PlaneCases.two angle with
            Second = [ { Weight = 0.5; Mean = -1.0; Variance = 0.4 }; { Weight = 0.5; Mean = 3.2; Variance = 0.2 } ]
        }

let private ofLine target' = LineIntegrals.facts (LineLaw.at level (lowered target'))

let private products =
    testCase "a product of two lines, turned: all three add up"
    <| fun () ->
        let a, b = ofLine first, ofLine second
        let found = PlaneIntegrals.facts (lowered (turned 0.6)) level |> okay

        for what, own, sum in
            [
                "Fisher", found.Fisher, a.Fisher + b.Fisher
                "curvature", found.Curvature, a.Curvature + b.Curvature
                "entropy", found.Entropy, a.Entropy + b.Entropy
            ] do
            Expect.isTrue (own.Low <= sum.High && sum.Low <= own.High) $"{what}: {own} and {sum}"
            Expect.isLessThan own.Width (1e-7 * (1.0 + own.Size)) $"{what}: width"

/// p, ∇ln p and ∇²ln p of a mixture from the words.
module private Plain =
    let parts =
        [ 0.3, (-1.0, 0.5), (0.45, 0.2, 0.25); 0.5, (1.5, -0.5), (0.2, -0.1, 0.4); 0.2, (0.0, 2.0), (0.1, 0.0, 0.9) ]

    let other = [ 0.6, (-0.8, 0.4), (0.5, 0.1, 0.3); 0.4, (1.2, 0.0), (0.3, 0.0, 0.5) ]

    let target' parts = mixture [ for w, (m, n), (a, b, c) in parts -> w, normalCov [ m; n ] [ [ a; b ]; [ b; c ] ] ]

    let at parts x y =
        let v = level.Sigma * level.Sigma

        let all =
            [
                for w, (m, n), (a, b, c) in parts do
                    let a, c = a + v, c + v
                    let det = a * c - b * b
                    let g, h = -(c * (x - m) - b * (y - n)) / det, -(a * (y - n) - b * (x - m)) / det
                    let q = w * exp (0.5 * (g * (x - m) + h * (y - n))) / (2.0 * Math.PI * sqrt det)
                    q, g, h, (g * g - c / det, g * h + b / det, h * h - a / det)
            ]

        let p = all |> List.sumBy (fun (q, _, _, _) -> q)
        let mean f = (all |> List.sumBy (fun (q, g, h, s) -> q * f (g, h, s))) / p
        let g, h = mean (fun (g, _, _) -> g), mean (fun (_, h, _) -> h)
        let xx = mean (fun (_, _, (s, _, _)) -> s) - g * g
        let xy = mean (fun (_, _, (_, s, _)) -> s) - g * h
        let yy = mean (fun (_, _, (_, _, s)) -> s) - h * h
        p, g, h, xx * xx + 2.0 * xy * xy + yy * yy

    /// ∫ p·f by the trapezoid rule.
    let expectation f =
        let spacing = 0.06

        Seq.sum (
            seq {
                for i in -160 .. 160 do
                    for j in -160 .. 160 do
                        let x, y = spacing * float i, spacing * float j
                        let p, g, h, bend = at parts x y

                        if p > 1e-300 then
                            yield spacing * spacing * p * f x y p g h bend
            }
        )

let private sums =
    testCase "mixtures that are no products, and the score of another one, against plain sums"
    <| fun () ->
        let law = lowered (Plain.target' Plain.parts)
        let found = PlaneIntegrals.facts law level |> okay
        holds found.Fisher (Plain.expectation (fun _ _ _ g h _ -> g * g + h * h)) 1e-6 "Fisher"
        holds found.Curvature (Plain.expectation (fun _ _ _ _ _ bend -> bend)) 1e-6 "curvature"
        holds found.Entropy (Plain.expectation (fun _ _ p _ _ _ -> -(log p))) 1e-6 "entropy"
        let gain, shift = 0.9, 0.2
        let each = shift / sqrt 2.0

        let truth =
            Plain.expectation (fun x y _ g h _ ->
                let _, og, oh, _ = Plain.at Plain.other x y
                (gain * og + each - g) ** 2.0 + (gain * oh + each - h) ** 2.0)

        let square = PlaneIntegrals.scoreError law (lowered (Plain.target' Plain.other)) gain shift level |> okay
        holds square truth 1e-6 "error"

let private certificateOf e = Certificate.ofPlan CancellationToken.None (planOf e) |> okay |> List.last

let private pipeline scored law =
    experiment {
        target law
        forward ve
        score scored
        start (from (normal [ 0.0; 0.0 ] 36.0))
        sampler (anneal (geometric 6.0 0.3 8) (predictor ancestral >=> corrector (langevinScaled 0.1)))
        measure [ tv; w2 ]
    }

let private certificates =
    testList
        "certificates"
        [
            testCase "the path rule is that of the lines, turned"
            <| fun () ->
                let own = certificateOf (pipeline (exact |> scaled 0.95) (turned 0.6))
                let truth = certificateOf (pipeline (exact |> scaled 0.95) (product [ 1, first; 1, second ]))
                Expect.isLessThan (abs (own.KlReverse.Value / truth.KlReverse.Value - 1.0)) 1e-6 "KL(p‖q)"
                Expect.equal own.KlReverse.Confidence 1.0 "certain"

            testCase "the score of another law in the plane is certified, and never below the exact law"
            <| fun () ->
                for scored in [ exact; scoreOf (Plain.target' Plain.other) ] do
                    let e = pipeline scored (Plain.target' Plain.parts)
                    let found = certificateOf e
                    let law = finalOf (PlaneInterpreter().Run(planOf e, RunOptions()))
                    Expect.isLessThan found.Tv.Value 1.0 "says something"
                    Expect.isGreaterThanOrEqual found.Tv.Value (law.Measure tv).Lower "TV"
                    Expect.equal found.Tv.Confidence 1.0 "certain"

            testCase "data sets in the plane by quadrature are below what draws say, without a risk"
            <| fun () ->
                let atoms = mixture [ for m, n in [ 0.0, 0.0; 1.0, 0.5; -0.5, 1.0 ] -> 1.0 / 3.0, normal [ m; n ] 0.04 ]
                let plan = planOf (pipeline exact atoms)
                let found = Certificate.ofPlan CancellationToken.None plan |> okay |> List.last
                let course = Course.ofPlan plan |> okay

                let drawn =
                    DrawnCertificate.ofCourse CancellationToken.None plan (DrawnPath.atomsOf plan).Value course
                    |> List.last

                Expect.equal found.KlReverse.Confidence 1.0 "certain"
                Expect.isLessThanOrEqual found.KlReverse.Value drawn.KlReverse.Value "no wider"

                // Draws estimate the same sum, correctors apart, whose bias they bound more roughly.
                Expect.isGreaterThan found.KlReverse.Value (0.8 * drawn.KlReverse.Value) "and not below what is drawn"
        ]

let tests = testList "certificates in the plane" [ normals; products; sums; certificates ]
