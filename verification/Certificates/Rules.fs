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
            "κ ≤ ¼(τ√H + √τ·ε)², H = E‖∇²ln p‖², ε = ‖(μ(x) − x)/τ − ∇ln p‖ in L²(p)"
            "Girsanov's theorem against the stationary Langevin diffusion"

    let path = rule "path" "KL(p‖q) ≤ R = start + Σκ" "chain rule and data processing of KL"

    let pinsker = rule "pinsker" "TV ≤ min(√(R/2), √(1 − e^(−R)))" "Pinsker 1964; Bretagnolle and Huber 1979"

    let cut = rule "cut" "TV(end) ≤ TV at the cut + TV of the rest run from the exact law there" "triangle inequality"

    let jump =
        rule
            "level-change"
            "a level that changes without the state: TV(p_ℓ, p_ℓ′) by KL(p_ℓ′‖p_ℓ), W2 ≤ √((m − m′)²E‖X‖² + (σ − σ′)²d)"
            "triangle inequality; the coupling with one noise"

    let wasserstein =
        rule
            "w2-step"
            "W2 ≤ Lip·W2 + C·√(2κ) for a step with noise C: Lip of the step's mean map, Talagrand's inequality for N(μ(x), C²·I)"
            "Talagrand 1996; coupling"

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

    let normalStep =
        rule
            "normal-step"
            "TV ≤ TV before + TV(pK, p′) for affine steps of normal laws, the last from KL(p′‖pK) in closed form"
            "triangle inequality and data processing"

    let all =
        [
            draws
            normalStep
            start
            predictor
            corrector
            path
            pinsker
            cut
            jump
            wasserstein
            wassersteinExact
            smoothing
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
