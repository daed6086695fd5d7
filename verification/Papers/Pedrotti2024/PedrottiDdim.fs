/// Pedrotti, Maas and Mondelli 2024: the deterministic reverse with finite steps (DDIM).
module Sgm.Verification.Theorems.PedrottiDdim

open MathNet.Numerics.Integration
open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Scenarios
open Sgm.Verification.Theorems.PedrottiData
open Sgm.Verification.Theorems.PedrottiRun
open Sgm.Verification.Theorems.PedrottiScore

let private ddimRun (subject: Subject) =
    attempt {
        let! run = paperRun "flow" subject
        do! require (not run.Reverse.IsEmpty) () "the sampler has no predictor"
        do! require run.Corrector.IsNone () "the sampler has a corrector"
        return run
    }

let private rho (level: NoiseLevel) = level.Sigma / level.Mean

/// K = max τ²/u + ρ²R²/u², u = τ² + ρ²: a Lipschitz constant of the denoiser at ρ.
let private denoiserSlope data rho =
    data
    |> List.map (fun b ->
        let u = b.Variance + rho * rho
        b.Variance / u + (rho * b.Radius / u) ** 2.0)
    |> List.max

/// G(ρ): how fast the denoiser changes along the exact flow, in L².
let private denoiserDrift data rho =
    data
    |> List.sumBy (fun b ->
        let u = b.Variance + rho * rho
        let own = rho * b.Variance * sqrt b.Dimension / u ** 1.5
        let atoms = b.Radius ** 2.0 * sqrt b.Dimension / u + 2.0 * b.Radius ** 3.0 / u ** 1.5
        b.Copies * (own + rho ** 3.0 / u ** 1.5 * atoms) ** 2.0)
    |> sqrt

/// ∫ G(ρ)(1 − ρ′/ρ)dρ from ρ′ to ρ. G turns about the noise's own τ, which a wide step hides from any rule on the whole of it: panels
/// [a, 1.1·a] are each ten of their lengths from where G is singular, ρ = ±iτ, so that 16 nodes leave less than 1e-12 of them, which
/// is added. Below τ/10⁸ G grows, and the largest value stands for all.
let private localError data lower upper =
    let drift s = denoiserDrift data s * (1.0 - lower / s)
    let tau = data |> List.map (fun b -> sqrt b.Variance) |> List.min
    let first = if lower > 0.0 then lower else min upper (1e-8 * tau)

    let rec walk a sum =
        if a >= upper then
            sum
        else
            let b = min upper (1.1 * a)
            walk b (sum + GaussLegendreRule.Integrate(drift, a, b, 16))

    (1.0 + 1e-12) * walk first ((first - lower) * denoiserDrift data first)

/// W_{i+1} from W_i over one step, in the variable x/m.
let private oneStep data plan found (step: Tableau) =
    attempt {
        let! before = found
        let! score = scoreFacts plan step.From
        let upper, lower = rho step.From, rho step.To
        let kappa = lower / upper
        let noise = step.From.NoiseVariance
        let slope = denoiserSlope data upper + noise * score.ErrorSlope

        let local = localError data lower upper

        return (kappa + (1.0 - kappa) * slope) * before + (1.0 - kappa) * noise / step.From.Mean * score.Error + local
    }

let private assumptions =
    [
        assume "the data are a product of blocks q∗N(0, τ²·I), supp q inside a ball of radius R" (fun s ->
            blocks s.Plan.Target |> Result.map describe)
        assume "DDIM ('flow') steps from T1 along any grid" (fun s ->
            ddimRun s
            |> Result.map (fun run ->
                $"{run.Reverse.Length} steps from T1 = {run.T1:g6} to time {(List.last run.Reverse).To.Parameter:g6}"))
        assume "‖s − ∇ln p‖ ≤ ε_i in L²(p) at every upper level, s − ∇ln p Lipschitz" (fun s ->
            attempt {
                let! run = ddimRun s
                let! first = scoreFacts s.Plan run.Level
                return $"ε = {first.Error:g6} at T1, Lipschitz constant of the error {first.ErrorSlope:g6}"
            })
    ]


let private evidence: Evidence =
    fun runner trial ->
        attempt {
            let plan = trial.Subject.Plan
            let! run = ddimRun trial.Subject
            let! data = blocks plan.Target
            let! start = Measure.atStart Metric.W2 runner plan |> Result.bind Measure.atMost
            let! measured = atEnd Metric.W2 runner trial
            let! last = (Ok(start / run.Level.Mean), run.Reverse) ||> List.fold (oneStep data plan)
            let final = (List.last run.Reverse).To

            return
                [
                    {
                        What = $"W2 after K = {run.Reverse.Length} steps"
                        Measured = measured
                        Bound = final.Mean * last
                    }
                ]
        }

/// Data `law`, K steps from T1 to 0 from `begun`.
let private experimentOf begun law (s: Setting) _refinement =
    experiment {
        target (law s)
        forward vp
        score (if value "ε" s = 0.0 then exact else exact |> shifted (value "ε" s))
        start begun
        sampler (anneal (levels (Reverse.grid (value "τ" s) (value "T1" s) (int (value "K" s)))) (predictor flow))
        measure [ w2 ]
    }

let private base' = setting [ "d", 4.0; "T1", 2.0; "ε", 0.01; "τ", 0.5; "R/τ", 1.0; "K", 64.0 ]
let private with' = changed base'

let private countAxis =
    axis "K" "number of steps" (function
        | Quick -> [ 16.0; 32.0; 64.0; 128.0 ]
        | Standard
        | Full -> List.init 7 (fun i -> 8.0 * 2.0 ** float i))

let private errorAxis = axis "ε" "size of the constant score error" (few [ 0.1; 0.03; 0.01; 0.003; 0.001 ])
let private dimensionAxis = axis "d" "dimension or copies" (few [ 1.0; 4.0; 16.0; 64.0; 256.0; 1024.0; 4096.0 ])
let private ratioAxis = axis "R/τ" "radius of the atoms in units of τ" (few [ 0.25; 0.5; 1.0; 1.5; 2.0 ])

let private centred s = normal (fill (int (value "d" s)) 0.0) (value "τ" s ** 2.0)

let private conditioned s =
    normalDiag (fill (int (value "d" s)) 0.3) (List.init (int (value "d" s)) (fun i -> if i % 2 = 0 then 0.1 else 1.0))

let private scenarios =
    [
        scenario
            "centred normal, from p_{T1}, exact score"
            "The steps' errors add up without loss: the bound is an equality."
            (experimentOf warm centred)
            [ with' [ "ε", 0.0 ] ]
            [ countAxis ]
        scenario
            "normal, variances 0.1 and 1, from N(0, I)"
            "A constant score error."
            (experimentOf prior conditioned)
            [ with' [ "d", 4.0 ] ]
            [ countAxis; errorAxis; axis "d" "dimension" (few [ 2.0; 4.0; 16.0; 64.0; 256.0; 1024.0; 4096.0 ]) ]
        scenario
            "two atoms, from N(0, I)"
            "½N(−R, τ²) + ½N(R, τ²), bimodal for R > τ."
            (experimentOf prior bimodal)
            [ with' [ "T1", 3.0 ] ]
            [ quickly [ 1.5 ] ratioAxis; later countAxis; later errorAxis ]
        scenario
            "product of mixtures, from p_{T1}"
            "Five unequal atoms and two, R = τ."
            (experimentOf warm mixtures)
            [ base' ]
            [ quickly [ 16.0 ] dimensionAxis ]
    ]

let private countRate what law =
    {
        Axis = "K"
        Exponent = AtMost -1.0
        IsExponential = false
        Of = what
        Quantity = atEnd Metric.W2
        Scenario =
            scenario
                what
                "From p_{T1}, exact score."
                (experimentOf warm law)
                [ with' [ "ε", 0.0 ] ]
                [
                    axis "K" "number of steps" (fun effort ->
                        List.init (if effort = Quick then 4 else 7) (fun i -> 16.0 * 2.0 ** float i))
                ]
    }

/// PMM-D6.
let ddim =
    {
        Id = "pedrotti-2024-d6"
        Title = "The deterministic reverse with finite steps"
        Statement =
            "y = x/m, ρ = σ/m, u = τ² + ρ², κ = ρ_{i+1}/ρ_i. DDIM steps y ← κ·y + (1 − κ)·D̂(y) give W_{i+1} ≤ (κ + (1 − κ)·K_i)·W_i + (1 − κ)·(σ_i²/m_i)·ε_i "
            + "+ ∫_{ρ_{i+1}}^{ρ_i} G(ρ)·(1 − ρ_{i+1}/ρ)dρ for W_i = W2 in y, with K = τ²/u + ρ²R²/u² (plus σ²·Lip(s − ∇ln p)) and "
            + "G = ρτ²√d/u^{3/2} + (ρ³/u^{3/2})·(R²√d/u + 2R³/u^{3/2}); G is taken blockwise and squares add."
        Source = Papers.pedrotti "the discretised reverse"
        Stance = Guarantee
        Assumptions = assumptions
        Metric = Metric.W2
        Evidence = evidence
        Scenarios = scenarios
        Rates =
            [
                countRate "W2 at time 0 in K, normal data" centred
                countRate "W2 at time 0 in K, two atoms with R = τ" bimodal
            ]
        Reading =
            "Sharp for centred normal data; of the right order 1/K for mixtures, with the factor e^(R²/(2τ²)) of Lipschitz bounds and the third moments' 2R³ as slack. Theory for τ = 0 alone would end at ρ > 0; with τ > 0 the last step to 0 is covered."
    }
