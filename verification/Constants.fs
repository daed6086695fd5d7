namespace Sgm.Verification

open Sgm.Engine

/// A constant of a target at a noise level, with where it comes from. No constant without a source.
type Constant =
    {
        Symbol: string
        Value: float
        /// Whether the value is the constant itself, or an upper (for concavity: lower) bound for it.
        IsExact: bool
        Provenance: string
    }

/// A law as q∗N(0, v·I): q has its atoms in a ball of radius R around a centre.
type KernelForm = { Radius: float; Variance: float }

/// Constants of noised targets, the laws of m·X + σ·Z; for products the worst factor decides.
module Constants =
    let private constant symbol value isExact provenance =
        Ok { Symbol = symbol; Value = value; IsExact = isExact; Provenance = provenance }

    /// The constant of a product from those of its factors: the largest (or smallest) one.
    let private ofFactors choose (target: Target) (ofFactor: Mixture -> Result<Constant, string>) =
        let folder found (factor: Factor) =
            match found, ofFactor factor.Law with
            | Ok constants, Ok one -> Ok(one :: constants)
            | Error reason, _
            | _, Error reason -> Error reason

        (Ok [], target.Factors) ||> Seq.fold folder |> Result.map (choose (fun (c: Constant) -> c.Value))

    /// The largest distance of a component's mean from the middle of their bounding box.
    let private radius (law: Mixture) =
        let coordinate i k = law.Means[k * law.Dimension + i]

        let centre =
            Array.init law.Dimension (fun i ->
                let values = Seq.init law.Count (coordinate i)
                (Seq.min values + Seq.max values) / 2.0)

        let distance k = Array.sum (Array.init law.Dimension (fun i -> (coordinate i k - centre[i]) ** 2.0)) |> sqrt

        Seq.init law.Count distance |> Seq.max

    /// The law at a level as q∗N(0, v·I), when all components have one covariance v·I.
    let kernelForm (level: NoiseLevel) (law: Mixture) =
        if law.SharesCovariance && law.Covariances[0].Shape = CovarianceShape.Isotropic then
            Some
                {
                    Radius = level.Mean * radius law
                    Variance = level.VarianceOf law.Covariances[0].Smallest
                }
        else
            None

    let private isNormal (law: Mixture) = law.Count = 1

    /// V″ = −(ln p)″ of a one-dimensional law on a fine grid over all components' ±12 standard deviations, where it is not
    /// yet its own Gaussian tail.
    let private curvatures (level: NoiseLevel) (law: Mixture) =
        let line = ScalarMixture.At(law, level)
        let reach = 12.0 * line.LargestDeviation
        let low = Seq.min (line.Means.ToArray()) - reach
        let high = Seq.max (line.Means.ToArray()) + reach
        let count = min 400_000 (max 4001 (int (20.0 * (high - low) / line.SmallestDeviation)))

        Array.init count (fun i ->
            let struct (_, slope) = line.Score(low + (high - low) * float i / float (count - 1))
            -slope)

    let private onGrid = "largest |(ln p)″| on a grid of a twentieth of the smallest standard deviation"

    /// L: ∇ln p is L-Lipschitz. Exact for normal targets; for q∗N(0, v·I) the Hessian of −ln p lies between 1/v − R²/v² and
    /// 1/v; other one-dimensional laws by their second derivative.
    let smoothness (target: Target) level =
        ofFactors List.maxBy target (fun law ->
            match kernelForm level law with
            | _ when isNormal law ->
                constant
                    "L"
                    (1.0 / level.VarianceOf law.Covariances[0].Smallest)
                    true
                    "normal law: 1/(smallest eigenvalue of the covariance)"
            | Some form ->
                let v, r = form.Variance, form.Radius

                constant
                    "L"
                    (max (1.0 / v) (r * r / (v * v) - 1.0 / v))
                    false
                    $"q∗N(0, v·I), v = {v:g4}, R = {r:g4}: −∇²ln p = I/v − Cov/v² with 0 ⪯ Cov ⪯ R²·I"
            | _ when law.Dimension = 1 -> constant "L" (curvatures level law |> Seq.map abs |> Seq.max) false onGrid
            | None ->
                Error
                    "no bound is known here for the Lipschitz constant of mixtures with different covariances beyond one dimension")

    /// m > 0 with −∇²ln p ⪰ m·I, so that ⟨∇ln p(x) − ∇ln p(y), x − y⟩ ≤ −m·‖x − y‖².
    let strongConcavity (target: Target) level =
        ofFactors List.minBy target (fun law ->
            match kernelForm level law with
            | _ when isNormal law ->
                constant
                    "m"
                    (1.0 / level.VarianceOf law.Covariances[0].Largest)
                    true
                    "normal law: 1/(largest eigenvalue of the covariance)"
            | Some form when form.Radius * form.Radius < form.Variance ->
                let v, r = form.Variance, form.Radius

                constant
                    "m"
                    (1.0 / v - r * r / (v * v))
                    false
                    $"q∗N(0, v·I) with R = {r:g4} < √v = {sqrt v:g4}: 1/v − R²/v²"
            | _ when law.Dimension = 1 ->
                match Array.min (curvatures level law) with
                | smallest when smallest > 0.0 -> constant "m" smallest false "smallest −(ln p)″ on a grid"
                | smallest -> Error $"the target is not log-concave at this level: −(ln p)″ falls to {smallest:g4}"
            | _ -> Error "the target is not known to be strongly log-concave at this level")

    /// The criterion of Barthe and Roberto (2003) for one-dimensional laws, in the convention KL ≤ (C/2)·I:
    /// C ≤ 2·max(B₋, B₊), B₊ = sup_{x > median} P(X ≥ x)·ln(1 + e²/P(X ≥ x))·∫_median^x 1/p.
    let private bartheRoberto (level: NoiseLevel) (law: Mixture) =
        let line = ScalarMixture.At(law, level)
        let median = line.Quantile(0.5, 0.5, line.Mean)

        let side direction =
            // The integrand 1/p and the tail are followed outwards until the tail is 1e-290; beyond, the Gaussian tail of the
            // widest component has the limit B → its variance, below what the body gives.
            let step = line.SmallestDeviation / 200.0
            let inverse x = exp -(line.LogDensity x)
            let tail x = if direction > 0.0 then line.Above x else line.Below x

            let rec walk x integral before best =
                let next = x + direction * step
                let current = inverse next
                let area = integral + step * (before + current) / 2.0
                let mass = tail next

                if mass < 1e-290 || System.Double.IsInfinity area then
                    best
                else
                    walk next area current (max best (mass * log (1.0 + exp 2.0 / mass) * area))

            walk median 0.0 (inverse median) 0.0

        2.0 * max (side 1.0) (side -1.0)

    /// C: the log-Sobolev constant, KL(q‖p) ≤ (C/2)·E_q‖∇ln(q/p)‖².
    let logSobolev (target: Target) level =
        ofFactors List.maxBy target (fun law ->
            match kernelForm level law with
            | _ when isNormal law ->
                constant
                    "C"
                    (level.VarianceOf law.Covariances[0].Largest)
                    true
                    "normal law: largest eigenvalue of the covariance (Gross 1975)"
            | Some form when form.Radius * form.Radius < form.Variance ->
                let v, r = form.Variance, form.Radius

                constant
                    "C"
                    (1.0 / (1.0 / v - r * r / (v * v)))
                    false
                    $"strongly log-concave, q∗N(0, v·I) with R = {r:g4} < √v = {sqrt v:g4} (Bakry and Émery 1985)"
            | _ when law.Dimension = 1 ->
                constant
                    "C"
                    (bartheRoberto level law)
                    false
                    "upper bound by the criterion on the line (Barthe and Roberto 2003), by quadrature"
            | Some form ->
                let v, r = form.Variance, form.Radius

                constant
                    "C"
                    (6.0 * (4.0 * r * r + v) * exp (4.0 * r * r / v))
                    false
                    $"q∗N(0, v·I), R = {r:g4}: 6(4R² + v)·e^(4R²/v) (Chen, Chewi and Niles-Weed 2021)"
            | None ->
                Error
                    "no log-Sobolev constant is known here for mixtures with different covariances beyond one dimension")

    /// One moment of a mixture's component means, by coordinate.
    let private meanMoment (law: Mixture) i power =
        Seq.sum (Seq.init law.Count (fun k -> law.Weights[k] * law.Means[k * law.Dimension + i] ** power))

    let private overCoordinates (target: Target) (f: Mixture -> int -> float) =
        target.Factors
        |> Seq.sumBy (fun factor -> float factor.Count * Seq.sum (Seq.init factor.Law.Dimension (f factor.Law)))

    /// ‖E X‖² at level (m, σ).
    let meanSquared (target: Target) (level: NoiseLevel) =
        level.Mean ** 2.0 * overCoordinates target (fun law i -> meanMoment law i 1.0 ** 2.0)

    /// tr Cov at level (m, σ).
    let covarianceTrace (target: Target) (level: NoiseLevel) =
        let dataTrace =
            overCoordinates target (fun law i ->
                let within = Seq.sum (Seq.init law.Count (fun k -> law.Weights[k] * law.Covariance(k).Variance i))
                within + meanMoment law i 2.0 - meanMoment law i 1.0 ** 2.0)

        level.Mean ** 2.0 * dataTrace + float target.Dimension * level.NoiseVariance

    /// E‖X‖² at level (m, σ).
    let secondMoment target level = meanSquared target level + covarianceTrace target level

    /// ς: ln E e^⟨u, X − E X⟩ ≤ ς²·‖u‖²/2 for every u. Exact for normal laws; for a mixture Σ w_k·N(μ_k, Σ_k) the largest eigenvalue of
    /// the Σ_k plus R², the means lying in a ball of radius R (Hoeffding's lemma: ⟨e, μ_k⟩ lies in an interval of length 2R).
    let subgaussian (target: Target) (level: NoiseLevel) =
        ofFactors List.maxBy target (fun law ->
            let widest = law.Covariances |> Seq.map (fun c -> level.VarianceOf c.Largest) |> Seq.max
            let r = level.Mean * radius law

            if isNormal law then
                constant
                    "ς"
                    (sqrt widest)
                    true
                    "normal law: the square root of the largest eigenvalue of the covariance"
            else
                constant
                    "ς"
                    (sqrt (widest + r * r))
                    false
                    $"√(λ + R²), λ = {widest:g4} the largest eigenvalue of a component's covariance, R = {r:g4} (Hoeffding's lemma)")
