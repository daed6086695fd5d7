/// Bugs in the divergences that are reported.
module Sgm.Verification.Sabotage.MeasureBugs

open System
open Sgm.Engine
open Sgm.Verification

let private bug id title breaks metrics misreport =
    {
        Id = id
        Title = title
        Breaks = breaks
        Part = Divergences
        Change = OfMeasure(metrics, misreport)
    }

let private every = List.ofSeq Metric.All

/// The estimate with a function applied to its value and both ends.
let private through f (estimate: Estimate) =
    if not estimate.Value.HasValue then
        None
    else
        let ends = [ f estimate.Lower; f estimate.Upper ]
        let value = f estimate.Value.Value

        if estimate.Confidence = 1.0 then
            Some(Estimate.Exact(value, List.min ends, List.max ends, estimate.Method))
        else
            Some(Estimate.Sampled(value, List.min ends, List.max ends, estimate.Confidence, estimate.Method))

/// f applied to what some metrics report.
let private numbers id title breaks metrics f =
    bug id title breaks metrics (fun _ metric estimate ->
        if List.contains metric metrics then through f estimate else None)

/// The divergence of normal laws whose directions were changed; other laws are left alone.
let private directions id title breaks metrics (change: DirectionPair -> DirectionPair) =
    bug id title breaks metrics (fun law metric _ ->
        match law with
        | :? GaussianLaw as normal when normal.IsDiagonal && List.contains metric metrics ->
            let pairs = normal.Pairs.ToArray() |> Array.map change

            Some(
                metric.Match(
                    tv = (fun () -> NormalDivergences.Tv pairs),
                    kl = (fun () -> NormalDivergences.Kl pairs),
                    chi2 = (fun () -> NormalDivergences.Chi2 pairs),
                    w2 = (fun () -> NormalDivergences.W2 pairs)
                )
            )
        | _ -> None)

let all =
    [
        directions
            "kl-reversed"
            "KL(p‖q) for KL(q‖p)"
            "target and state the other way round"
            [ Metric.Kl ]
            Measure.turned
        directions
            "chi2-reversed"
            "χ²(p‖q) for χ²(q‖p)"
            "target and state the other way round"
            [ Metric.Chi2 ]
            Measure.turned
        directions "mean-forgotten" "the difference of the means is left out" "only the spread counts" every (fun p ->
            DirectionPair(p.Count, 0.0, p.Variance, p.Excess))
        directions
            "spread-forgotten"
            "the difference of the variances is left out"
            "only the mean counts"
            every
            (fun p -> DirectionPair(p.Count, p.Offset, p.Variance, 0.0))
        directions "one-coordinate" "the divergence of one coordinate of each kind" "d is dropped" every (fun p ->
            DirectionPair(1L, p.Offset, p.Variance, p.Excess))
        directions
            "w2-variances"
            "W2 with variances for standard deviations"
            "(Q − P)² for (√Q − √P)²"
            [ Metric.W2 ]
            (fun p ->
                // A deviation that differs from √P by Q − P.
                let deviation = max 0.0 (sqrt p.Variance + p.Excess)
                DirectionPair(p.Count, p.Offset, p.Variance, deviation * deviation - p.Variance))
        numbers "tv-no-half" "∫|q − p| for ½∫|q − p|" "total variation up to 2" [ Metric.Tv ] ((*) 2.0)
        numbers "tv-half-again" "the ½ of total variation twice" "half of the truth" [ Metric.Tv ] ((*) 0.5)
        numbers "kl-no-half" "KL of normal laws without its ½" "twice the truth" [ Metric.Kl ] ((*) 2.0)
        numbers "chi2-plus-one" "χ² without its −1" "∫q²/p" [ Metric.Chi2 ] ((+) 1.0)
        numbers "chi2-root" "√χ² for χ²" "a distance for a divergence" [ Metric.Chi2 ] sqrt
        numbers "w2-squared" "W2² for W2" "a cost for a distance" [ Metric.W2 ] (fun x -> x * x)
        numbers "kl-root" "√KL for KL" "a distance for a divergence" [ Metric.Kl ] sqrt
        numbers "tv-squared" "TV² for TV" "far too small where the laws are close" [ Metric.Tv ] (fun x -> x * x)
        numbers "tv-root" "√TV for TV" "far too large where the laws are close" [ Metric.Tv ] sqrt
        numbers "w2-root" "√W2 for W2" "the root taken once too often" [ Metric.W2 ] sqrt
        numbers "chi2-squared" "(χ²)² for χ²" "the square taken once too often" [ Metric.Chi2 ] (fun x -> x * x)
        numbers "always-zero" "every divergence is 0" "the target compared with itself" every (fun _ -> 0.0)
        bug "tv-for-kl" "TV where KL was asked for" "two metrics swapped in a table" [ Metric.Kl ] (fun law metric _ ->
            if metric = Metric.Kl then Some(law.Measure Metric.Tv) else None)
        bug "kl-for-tv" "KL where TV was asked for" "two metrics swapped in a table" [ Metric.Tv ] (fun law metric _ ->
            if metric = Metric.Tv then Some(law.Measure Metric.Kl) else None)
        bug
            "w2-from-prior"
            "W2 from N(0, I) where the target belongs"
            "the data forgotten, and the law taken for a normal one"
            [ Metric.W2 ]
            (fun law metric estimate ->
                match law with
                | :? GaussianLaw -> None
                | _ when metric = Metric.W2 && estimate.Value.HasValue ->
                    let m = law.Moments()

                    let square =
                        Array.map2 (fun mean variance -> mean * mean + (sqrt variance - 1.0) ** 2.0) m.Mean m.Variance

                    Some(Estimate.ClosedForm(Math.Sqrt(Array.sum square)))
                | _ -> None)
    ]
