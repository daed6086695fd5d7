/// Runs in the plane against the same runs turned back, coordinate by coordinate or in closed form.
module Sgm.Verification.Theorems.ExactPlane

open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Scenarios

/// A mixture of the line: weight, mean and variance of every component.
type private Line = (float * float * float) list

let private first: Line = [ 0.4, -1.5, 0.3; 0.6, 1.0, 0.5 ]

/// The second coordinate, narrower by the square root of the condition number; a normal law where there is one mode.
let private second s : Line =
    let scale = 1.0 / sqrt (value "κ" s)

    match value "modes" s with
    | 1.0 -> [ 0.5, 0.5 * scale, 0.4 * scale * scale; 0.5, 0.5 * scale, 0.4 * scale * scale ]
    | _ -> [ 0.5, -1.0 * scale, 0.4 * scale * scale; 0.5, value "apart" s * scale, 0.2 * scale * scale ]

let private line (parts: Line) = mixture [ for weight, mean, variance in parts -> weight, normal [ mean ] variance ]

/// The product of two lines, turned by an angle.
let private turned angle (a: Line) (b: Line) =
    let c, s = cos angle, sin angle

    mixture
        [
            for u, m, v in a do
                for w, n, z in b do
                    let off = c * s * (v - z)

                    u * w,
                    normalCov
                        [ c * m - s * n; s * m + c * n ]
                        [ [ c * c * v + s * s * z; off ]; [ off; s * s * v + c * c * z ] ]
        ]

let private methods = [| ancestral; exponential; eulerMaruyama; reverseDiffusion |]

let private run (s: Setting) law =
    let last = 0.5 / sqrt (value "κ" s)

    experiment {
        target law
        forward ve
        score (exact |> scaled (value "score" s))

        sampler (
            anneal
                (geometric 6.0 last (int (value "n" s)))
                (predictor methods[int (value "method" s) - 1]
                 >=> repeat (int (value "repeats" s)) (corrector (langevinScaled 0.2)))
        )

        measure [ kl; chi2; tv; w2 ]
    }

let private inThePlane s _ = run s (turned (value "angle" s) first (second s))

/// The same run turned back: by another exact law.
let private turnedBack s = run s (product [ 1, line first; 1, line (second s) ])

/// Two brackets of one number meet, and the plane's is narrow; W2 has ends there that only normal laws bring together.
let private meet (metric: Metric) (own: Estimate) (other: Estimate) =
    [
        {
            What = $"{metric} of the other exact law, lower end, against the plane's upper end"
            Measured = Estimate.Exact(other.Lower, other.Lower, other.Lower, other.Method)
            Bound = own.Upper
        }
        {
            What = $"{metric} in the plane, lower end, against the other exact law's upper end"
            Measured = Estimate.Exact(own.Lower, own.Lower, own.Lower, own.Method)
            Bound = other.Upper
        }
        if metric <> Metric.W2 && own.Value.HasValue then
            ExactRuns.narrow $"{metric}" own
    ]

let private evidence: Evidence =
    fun runner trial ->
        let s = trial.Subject.Setting
        let truth = Laws.run (planOf (turnedBack s)) (RunOptions(Cancellation = runner.Cancellation))

        match Measure.law runner trial.Subject.Plan with
        | Error reason -> Error reason
        | Ok _ when not truth.IsCompleted -> Error $"the run turned back did not complete: {truth.Status}"
        | Ok law ->
            let other = (Seq.last truth.Probes).Law

            Ok
                [
                    for metric in [ Metric.Kl; Metric.Chi2; Metric.Tv; Metric.W2 ] do
                        yield! meet metric (law.Measure metric) (other.Measure metric)
                ]

let private isInThePlane =
    {
        Statement = "the law in the plane runs it"
        Evaluate =
            fun subject ->
                match Laws.applicable subject.Plan with
                | (:? PlaneInterpreter as law, _) :: _ -> Satisfied law.Backend
                | (law, _) :: _ -> Broken $"'{law.Backend}' runs it"
                | [] -> Broken(Laws.reasons (Laws.refusals subject.Plan))
    }

/// Exact laws in the plane are those of the line, turned.
let turnedRuns =
    {
        Id = "exact-plane"
        Title = "The plane against the line, turned"
        Statement =
            "A target that is a product of two laws of the line, turned, with the score of the same: isotropic noise and the score turn with it, so that the law of the state is that of the "
            + "run turned back. The plane's divergences are those that the product of two laws on the line has."
        Source = Papers.closedForms "runs in the plane"
        Stance = SelfCheck
        Assumptions = [ isInThePlane ]
        Metric = Metric.Kl
        Evidence = evidence
        Scenarios =
            [
                scenario
                    "a product of two mixtures, turned"
                    "Condition numbers, modes apart, methods, scores and angles; ve from σ = 6."
                    inThePlane
                    [
                        setting
                            [
                                "angle", 0.6
                                "κ", 1.0
                                "modes", 2.0
                                "apart", 1.2
                                "method", 1.0
                                "repeats", 1.0
                                "n", 6.0
                                "score", 0.9
                            ]
                    ]
                    [
                        axis "angle" "of the turn" (fun _ -> [ 0.1; 0.785; 1.3 ]) |> later
                        axis "κ" "condition number" (fun _ -> [ 1.0; 30.0; 1000.0 ]) |> quickly [ 30.0 ]
                        axis "apart" "a mode's distance in deviations" (fun _ -> [ 2.0; 10.0; 20.0 ]) |> later
                        axis "modes" "of the second coordinate; 1 is a normal law" (fun _ -> [ 1.0; 2.0 ])
                        |> quickly [ 1.0 ]
                        axis "method" "ancestral, exponential, Euler–Maruyama, reverse diffusion" (fun _ ->
                            [ 1.0 .. 4.0 ])
                        |> later
                        axis "score" "factor of the exact score" (fun _ -> [ 1.0; 1.1 ]) |> later
                    ]
            ]
        Rates = []
        Reading =
            "A check of this program: two interpreters that share no quadrature give the same numbers, to the width of their brackets."
    }
