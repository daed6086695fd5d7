namespace Sgm.Verification.Certificates

open System

/// An inequality that certificates are composed of; its proof is in README.md of this folder under its name.
type Rule = { Id: string; Statement: string; Source: string }

/// A rule applied: to what, with which numbers, to which value. The parts are what it was applied to.
type Derivation =
    {
        Rule: Rule
        Of: string
        Inputs: (string * float) list
        Value: float
        Parts: Derivation list
    }

/// An upper bound with the probability that it holds and the rule that gave it; +∞ with its reason.
type Bound = { Value: float; Confidence: float; Rule: string; Reason: string option }

/// The rules.
module Rules =
    let private rule id statement source = { Id = id; Statement = statement; Source = source }

    let start =
        rule
            "start"
            "R = KL(p_ℓ‖q₀), in closed form, by quadrature on the line, or by convexity of KL"
            "Cover and Thomas 2006, Theorem 2.7.2"

    let predictor =
        rule
            "path-predictor"
            "κ = ½∫(J(γ) − J(g))dγ + (d/2)(Δ/c² − 1 − ln(Δ/c²)) + ½ΔJ(1 − Δ/c²) + E‖z + ΔU − M‖²/(2c²) = KL(p⊗P‖p⊗K)"
            "chain rule of KL; Tweedie's formula and de Bruijn's identity (Stam 1959)"

    let corrector =
        rule
            "path-corrector"
            "κ ≤ ¼τ²H + ¼τε² + ½εβ, H = E‖∇²ln p‖², ε = ‖(μ(x) − x)/τ − ∇ln p‖ in L²(p), β ≤ 0.4255·τ√(τH) and ½τ²√(d²M² + LH) what the frozen score moves the mean"
            "Girsanov's theorem against the stationary Langevin diffusion"

    let pathDistance =
        rule
            "path-w2"
            "R ≤ (r²·n + (b·√n + √(c²ⁿ/(1 + c² + … + c²⁽ⁿ⁻¹⁾))·W2)²)/(2C²) after n equal noisy steps from W2, r and b as in w2-step"
            "shifted composition (Altschuler and Chewi 2024) along the ideal path"

    let path = rule "path" "KL(p‖q) ≤ R = start + Σκ" "chain rule and data processing of KL"

    let pinsker =
        rule
            "pinsker"
            "TV ≤ min(√(R/2), √(1 − e^(−R))), R ≥ KL in either direction"
            "Pinsker 1964; Bretagnolle and Huber 1979"

    let cut = rule "cut" "TV(end) ≤ TV at the cut + TV of the rest run from the exact law there" "triangle inequality"

    let jump =
        rule
            "level-change"
            "a level that changes without the state: TV(p_ℓ, p_ℓ′) by KL(p_ℓ′‖p_ℓ), W2 ≤ √((m − m′)²E‖X‖² + (σ − σ′)²d)"
            "triangle inequality; the coupling with one noise"

    let wasserstein =
        rule
            "w2-step"
            "W2 ≤ √((Lip·W2 + b)² + r²) for a step with noise C: Lip of its mean map, b what the mean is off in L²(p), r² = 2C²κ less the mean's part (Talagrand's inequality for N(μ(x), C²·I)); for correctors r² = τ³H less the mean's part"
            "Talagrand 1996; coupling"

    let moments =
        rule
            "w2-moments"
            "W2² ≤ E‖x − c‖² + tr Cov(p), c the target's mean: the state's spread grows by |A − B·S|, S between the inverse eigenvalues of the components"
            "independent coupling"

    let forwardPredictor =
        rule
            "forward-predictor"
            "KL(qK‖p′) ≤ KL(q‖p) + X²/(2α), α = 1/Δ + inf(−∇²ln p′) > L̂, X from what the mean is off in L²(q)"
            "chain rule of KL; Bakry and Émery 1985 and Otto and Villani 2000 for the ideal kernel"

    let forwardDistance =
        rule
            "forward-w2"
            "KL(qK‖p′) ≤ X²/(2α) with Lip·W2(q, p)/Δ added to what the mean is off; for n correctors of length T in all KL ≤ ¼(√T·E + L̂√(n(τ²d + τ³B²/3)) + W2·√(1/T + L̂ + L̂²T/3))²: noise turns W2 into KL"
            "joint convexity of KL; Girsanov's theorem along a path that is moved to one with the law p"

    let forwardCorrector =
        rule
            "forward-corrector"
            "KL ← e^(−2(1 − a)τ/C)·KL + ∫D²dt/(4a): the log-Sobolev constant C of the level makes correctors forget, D what freezing the drift for τ costs"
            "Gross 1975; Vempala and Wibisono 2019; Mou, Flammarion, Wainwright and Bartlett 2022"

    let chiCorrector =
        rule
            "chi-corrector"
            "χ² ← e^(S − Λ)·χ² + e^S − 1, Λ = 2((1 − a)τ − ∫B)/C_P: the Poincaré constant C_P of the level makes correctors forget, S = ∫A²dt/(2a) what freezing the drift for τ and an error of at most ε + δ‖∇ln p‖ cost"
            "Poincaré inequality; Tweedie's formula to second order; Vempala and Wibisono 2019"

    let badSets =
        rule
            "bad-sets"
            "TV ≤ Σ (δ + √(χ²δ)) where the error has no bound: δ = p(‖e‖ > t), and outside of it ε = t"
            "Cauchy and Schwarz; Lee, Lu and Tan 2022"

    let chiSquare = rule "chi-square" "TV ≤ ½√χ², KL(q‖p) ≤ ln(1 + χ²)" "Cauchy and Schwarz; Jensen"

    let talagrand = rule "talagrand" "W2² ≤ 2C·KL(q‖p), C the log-Sobolev constant" "Otto and Villani 2000"

    let wassersteinExact =
        rule
            "w2-normal"
            "W2 ≤ Lip·W2 + W2(pK, p′) for affine steps of normal laws, in closed form"
            "coupling; Gelbrich 1990"

    let smoothing =
        rule
            "w2-to-tv"
            "TV ≤ Lip·W2/(C√(2π)) for one noisy step; over n equal ones √(c²ⁿ/(1 + c² + … + c²⁽ⁿ⁻¹⁾))·W2/(2C)"
            "normal laws shifted; shifted composition (Altschuler and Chewi 2024)"

    let draws =
        rule
            "draws"
            "R = a number + Σ c·E tr Cov(A | z) over noise variances, its upper end by the empirical Bernstein inequality; tr Cov ≤ R² of the atoms"
            "Guo, Shamai and Verdú 2005 (I–MMSE); Maurer and Pontil 2009, Theorem 11"

    let finitePath =
        rule
            "finite-path"
            "R ← R + κ, κ = H(p_t) − H(p_t′) − d·h − Σ E ln K̂_i: entropies of the laws and of the forward channel, K̂_i the sampler's law of a coordinate"
            "chain rule and data processing; Papers/Zhang2024"

    let normalStep =
        rule
            "normal-step"
            "TV ≤ TV before + TV(pK, p′) for affine steps of normal laws, the last from KL(p′‖pK) in closed form"
            "triangle inequality and data processing"

    let all =
        [
            draws
            finitePath
            normalStep
            start
            predictor
            corrector
            path
            pathDistance
            pinsker
            cut
            jump
            wasserstein
            wassersteinExact
            moments
            smoothing
            forwardPredictor
            forwardDistance
            forwardCorrector
            chiCorrector
            badSets
            chiSquare
            talagrand
        ]

/// Bounds as they are printed.
module Bound =
    let certain rule value = { Value = value; Confidence = 1.0; Rule = rule.Id; Reason = None }

    let unknown reason = { Value = Double.PositiveInfinity; Confidence = 1.0; Rule = "none"; Reason = Some reason }

    let ofResult rule found =
        match found with
        | Ok value when Double.IsFinite value -> certain rule value
        | Ok _ -> unknown "its numbers leave the range of a double"
        | Error reason -> unknown reason
