namespace Sgm.Verification.Certificates

open System
open System.Collections.Concurrent
open System.Runtime.CompilerServices
open Sgm.Engine
open Sgm.Verification

/// What the rules ask of a target at a level: how much a score tells, enclosed. In closed form for normal laws, by `LineIntegrals` for mixtures on
/// the line and `PlaneIntegrals` for those in the plane, added up over the factors of products in any dimension. In z = x/m and g = σ²/m².
module Information =
    let private facts = ConditionalWeakTable<Mixture, ConcurrentDictionary<NoiseLevel, Result<PlaneFacts, string>>>()

    /// Of a mixture on the line or in the plane.
    let internal ofMixture (law: Mixture) level =
        let find level =
            if law.Dimension = 1 then
                let found = LineIntegrals.facts (LineLaw.at level law)

                Ok
                    {
                        Fisher = found.Fisher
                        Curvature = found.Curvature
                        Entropy = found.Entropy
                        Error = Bracket.Exactly 0.0
                    }
            elif law.Dimension = 2 then
                PlaneIntegrals.facts law level
            else
                Error
                    "the information of a mixture whose coordinates are not independent has neither a closed form nor a quadrature beyond two dimensions"

        facts.GetValue(law, (fun _ -> ConcurrentDictionary())).GetOrAdd(level, find)

    /// g = σ²/m².
    let noise (level: NoiseLevel) = (level.Sigma / level.Mean) ** 2.0

    /// Δ = g − g′ without cancellation of the squares.
    let step (upper: NoiseLevel) (lower: NoiseLevel) =
        let a, b = upper.Sigma / upper.Mean, lower.Sigma / lower.Mean
        (a - b) * (a + b)

    /// The relative error of `step` as it is computed: σ/m is right to 2 roundings, and their difference cancels.
    let stepError (upper: NoiseLevel) (lower: NoiseLevel) =
        let a, b = upper.Sigma / upper.Mean, lower.Sigma / lower.Mean
        4e-16 * (2.0 + (a + b) / (a - b))

    let private summed (target: Target) (normal: Mixture -> Bracket) (mixture: Mixture -> Result<Bracket, string>) =
        (Ok(Bracket.Exactly 0.0), target.Factors)
        ||> Seq.fold (fun found factor ->
            attempt {
                let! sum = found

                if factor.Law.Count = 1 then
                    return sum + float factor.Count * normal factor.Law
                else
                    let! own = mixture factor.Law
                    return sum + float factor.Count * own
            })

    /// Σ f(v) over the directions of a normal law, each f right to a relative error.
    let private directions relative (law: Mixture) f =
        let covariance = law.Covariances[0]

        if covariance.Shape = CovarianceShape.Isotropic then
            Bracket.Near(float law.Dimension * f covariance.Eigenvalues[0], relative)
        else
            let terms = covariance.Eigenvalues |> Array.map f
            let spare = (relative + 2e-16 * float law.Dimension) * Array.sumBy abs terms
            Bracket.Outward(Array.sum terms - spare, Array.sum terms + spare)

    /// J = E‖∇ln p‖² of z.
    let fisher (target: Target) (level: NoiseLevel) =
        let g, square = noise level, level.Mean * level.Mean

        summed target (fun law -> directions 2e-14 law (fun v -> 1.0 / (v + g))) (fun law ->
            ofMixture law level |> Result.map (fun found -> Bracket.Near(square, 4e-16) * found.Fisher))

    /// H = E‖∇²ln p‖² (Frobenius) of x.
    let curvature (target: Target) (level: NoiseLevel) =
        summed target (fun law -> directions 2e-14 law (fun v -> 1.0 / level.VarianceOf v ** 2.0)) (fun law ->
            ofMixture law level |> Result.map _.Curvature)

    /// The differential entropy of x.
    let entropy (target: Target) (level: NoiseLevel) =
        summed
            target
            (fun law -> directions 2e-14 law (fun v -> 0.5 * log (2.0 * Math.PI * Math.E * level.VarianceOf v)))
            (fun law -> ofMixture law level |> Result.map _.Entropy)

    /// ∫ (J(γ) − J(g)) dγ over γ in [g′, g], at least 0 as J falls: how much information a step with the score of its upper level misses. For a normal
    /// direction −u − ln(1 − u) with u = Δ/(v + g); of a mixture 2·(entropy(z) − entropy(z′)) − Δ·J(g) by de Bruijn's identity.
    let missed (target: Target) (upper: NoiseLevel) (lower: NoiseLevel) =
        let g, delta = noise upper, step upper lower

        let mixture (law: Mixture) =
            attempt {
                let! above = ofMixture law upper
                let! below = ofMixture law lower
                let scale = Bracket.Near(upper.Mean * upper.Mean * delta, 2e-15 + stepError upper lower)
                let shrunk = log (lower.Mean / upper.Mean)

                let ratio =
                    if shrunk = 0.0 then
                        Bracket.Exactly 0.0
                    else
                        Bracket.Outward(shrunk - 4e-16, shrunk + 4e-16)

                let fallen = above.Entropy - below.Entropy + float law.Dimension * ratio
                return (2.0 * fallen - scale * above.Fisher).NotNegative
            }

        summed
            target
            (fun law ->
                directions (2e-14 + 4.0 * stepError upper lower) law (fun v ->
                    RealFunctions.LogExcess(-delta / (v + g))))
            mixture
        |> Result.map (fun found -> found.NotNegative)
