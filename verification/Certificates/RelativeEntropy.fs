namespace Sgm.Verification.Certificates

open System
open System.Collections.Concurrent
open System.Runtime.CompilerServices
open Sgm.Engine
open Sgm.Verification

/// KL(p‖q) from above, for laws of factors at levels: in closed form for normal laws, by quadrature on the line, by
/// convexity otherwise.
module RelativeEntropy =
    /// Most dimensions in which two full covariances are held against each other.
    let private mostDense = 512

    let private variances (law: Mixture) k (level: NoiseLevel) =
        let covariance = law.Covariance k
        Array.init law.Dimension (fun j -> level.VarianceOf(covariance.Eigenvalue j))

    let private axis (covariance: Covariance) d j i =
        match covariance.Eigenvectors with
        | null -> if i = j then 1.0 else 0.0
        | vectors -> vectors[i * d + j]

    /// The square of the cosine between the eigenvectors.
    let private cosines (a: Covariance) (b: Covariance) d =
        // From above: the vectors are rounded.
        let spare = 1e-15 * float d

        Array2D.init d d (fun j k ->
            (abs (Seq.init d (fun i -> axis a d j i * axis b d k i) |> Seq.sum) + spare) ** 2.0)

    /// KL of normal laws: ½·Σ (r − 1 − ln r) with r = λ/λ′ in common directions, and ½·δᵀΣ′^(−1)δ.
    let private normals (p: Mixture) i (level: NoiseLevel) (q: Mixture) j (level': NoiseLevel) =
        let d = p.Dimension
        let mine, other = p.Covariance i, q.Covariance j
        let a, b = variances p i level, variances q j level'
        let apart = Array.init d (fun e -> level.Mean * p.Means[i * d + e] - level'.Mean * q.Means[j * d + e])
        let isFull (c: Covariance) = c.Shape = CovarianceShape.Full

        // Means, vectors and their product are rounded; a difference of means cancels.
        let apartErrors =
            Array.init d (fun e ->
                4e-16 * (abs (level.Mean * p.Means[i * d + e]) + abs (level'.Mean * q.Means[j * d + e])))

        let spare = 1e-15 * float d * Array.sumBy abs apart + Array.sum apartErrors

        let weighted =
            if isFull other then
                Seq.init d (fun f ->
                    let along = abs (Seq.init d (fun e -> axis other d f e * apart[e]) |> Seq.sum) + spare
                    along * along / b[f])
                |> Seq.sum
            else
                Array.map3 (fun x error v -> (abs x + error) ** 2.0 / v) apart apartErrors b |> Array.sum

        let aligned =
            obj.ReferenceEquals(mine.Eigenvectors, other.Eigenvectors)
            || other.Shape = CovarianceShape.Isotropic
            || mine.Shape = CovarianceShape.Isotropic

        if aligned then
            // A relative excess is right where the difference of the variances is.
            let shape = Array.map2 (fun x y -> RealFunctions.LogExcess((x - y) / y)) a b |> Array.sum
            let sizes = Array.map2 (fun x y -> abs ((x - y) / y)) a b |> Array.sum
            Ok(0.5 * (shape + weighted) * (1.0 + 1e-13) + 1e-15 * sizes)
        elif d <= mostDense then
            let turned = cosines other mine d

            let trace =
                Seq.sum (
                    seq {
                        for f in 0 .. d - 1 do
                            for e in 0 .. d - 1 -> a[e] / b[f] * turned[f, e]
                    }
                )

            let logs = Array.map2 (fun x y -> log (x / y)) a b
            let sizes = trace + float d + Array.sumBy abs logs
            Ok(0.5 * (max 0.0 (trace - float d - Array.sum logs) + weighted) + 1e-13 * float d * sizes)
        else
            Error $"two full covariances are compared up to d = {mostDense} only"

    let private lines =
        ConditionalWeakTable<Mixture, ConcurrentDictionary<struct (NoiseLevel * Mixture * NoiseLevel), float>>()

    /// Found once: a plan may change its level the same way many times.
    let private onLine (p: Mixture) level (q: Mixture) level' =
        lines
            .GetValue(p, (fun _ -> ConcurrentDictionary()))
            .GetOrAdd(
                struct (level, q, level'),
                fun _ -> (LineIntegrals.relativeEntropy (LineLaw.at level p) (LineLaw.at level' q)).High
            )

    let private least (found: Result<float, string> list) =
        match found |> List.choose Result.toOption, found with
        | [], first :: _ -> first
        | [], [] -> Error "nothing is known of it"
        | values, _ -> Ok(List.min values)

    let private weightedSum (terms: (float * Result<float, string>) seq) =
        (Ok 0.0, terms)
        ||> Seq.fold (fun found (w, term) ->
            found |> Result.bind (fun sum -> term |> Result.map (fun x -> sum + w * x)))

    /// −E_p ln q less the entropy of p, for a normal law q in the plane.
    let private toNormal (p: Mixture) (level: NoiseLevel) (q: Mixture) (level': NoiseLevel) =
        let entry (law: Mixture) k (at: NoiseLevel) i j = law.Covariance(k).Entry(i, j, (fun v -> at.VarianceOf v))
        let a, b, c = entry q 0 level' 0 0, entry q 0 level' 0 1, entry q 0 level' 1 1
        let determinant = a * c - b * b

        let quadratic =
            Seq.init p.Count (fun k ->
                let u, v =
                    level.Mean * p.Means[2 * k] - level'.Mean * q.Means[0],
                    level.Mean * p.Means[2 * k + 1] - level'.Mean * q.Means[1]

                let xx, xy, yy = entry p k level 0 0 + u * u, entry p k level 0 1 + u * v, entry p k level 1 1 + v * v

                p.Weights[k] * (c * xx - 2.0 * b * xy + a * yy) / determinant)
            |> Seq.sum

        let means = Seq.append p.Means q.Means |> Seq.map abs |> Seq.max
        let condition = (a + c) * (a + c) / determinant
        let spare = 1e-14 * condition * (1.0 + quadratic + means * sqrt (quadratic * (a + c) / determinant))
        let cross = log (2.0 * Math.PI) + 0.5 * log determinant + 0.5 * quadratic + spare

        Information.ofMixture p level |> Result.map (fun found -> max 0.0 (cross - found.Entropy.Low))

    /// Of one factor: a quadrature on the line, and in the plane against a normal law; Σ w_k·KL(p_k‖q_k) for components
    /// of equal weights (joint convexity); otherwise Σ w_k·min_j (KL(p_k‖q_j) − ln w_j) (convexity, and q ≥ w_j·q_j).
    let private ofLaws (p: Mixture) (level: NoiseLevel) (q: Mixture) (level': NoiseLevel) =
        if p.Count = 1 && q.Count = 1 then
            normals p 0 level q 0 level'
        elif p.Dimension = 1 then
            Ok(onLine p level q level')
        elif p.Dimension = 2 && q.Count = 1 && (toNormal p level q level').IsOk then
            toNormal p level q level'
        elif p.Weights = q.Weights then
            weightedSum (Seq.init p.Count (fun k -> p.Weights[k], normals p k level q k level'))
        elif p.Count * q.Count > 100_000 then
            Error "mixtures of this many components are not compared"
        else
            weightedSum (
                Seq.init p.Count (fun k ->
                    p.Weights[k],
                    least
                        [
                            for j in 0 .. q.Count - 1 ->
                                normals p k level q j level' |> Result.map (fun x -> x - log q.Weights[j])
                        ])
            )

    /// Coordinates at .. at + d of a law that is one normal law with independent coordinates.
    let restricted (law: Mixture) at d =
        let covariance = law.Covariances[0]

        let part =
            match covariance.Shape with
            | CovarianceShape.Isotropic -> Covariance.Isotropic(d, covariance.Eigenvalues[0])
            | _ -> Covariance.Diagonal(Array.sub covariance.Eigenvalues at d)

        Mixture.Normal(Array.sub law.Means at d, part)

    let canSplit (law: Mixture) = law.Count = 1 && law.Covariances[0].Shape <> CovarianceShape.Full

    let sameShape (p: Target) (q: Target) =
        p.Factors.Length = q.Factors.Length
        && Seq.forall2
            (fun (a: Factor) (b: Factor) -> a.Count = b.Count && a.Law.Dimension = b.Law.Dimension)
            p.Factors
            q.Factors

    /// Whether every coordinate of a normal law is like every other.
    let isUniform (law: Mixture) =
        law.Covariances[0].Shape = CovarianceShape.Isotropic && law.Means |> Array.forall (fun m -> m = law.Means[0])

    /// KL(p at a level ‖ q at a level) from above, or why nothing is known.
    let bound (p: Target) (level: NoiseLevel) (q: Target) (level': NoiseLevel) =
        let factors = Seq.zip p.Factors q.Factors

        if obj.ReferenceEquals(p, q) && level = level' then
            Ok 0.0
        elif sameShape p q then
            weightedSum (factors |> Seq.map (fun (a, b) -> float a.Count, ofLaws a.Law level b.Law level'))
        elif q.Factors.Length = 1 && q.Factors[0].Count = 1 && canSplit q.Factors[0].Law then
            let whole = q.Factors[0].Law
            let starts = p.Factors |> Seq.scan (fun at f -> at + f.Dimension) 0

            weightedSum (
                Seq.zip starts p.Factors
                |> Seq.collect (fun (at, factor) ->
                    let d = factor.Law.Dimension

                    if isUniform whole then
                        Seq.singleton (float factor.Count, ofLaws factor.Law level (restricted whole at d) level')
                    else
                        Seq.init factor.Count (fun copy ->
                            1.0, ofLaws factor.Law level (restricted whole (at + copy * d) d) level'))
            )
        else
            Error "the factors of the two laws are not on the same coordinates"
