/// Lee, Lu and Tan 2022: their Θ-statements. A statement "with h = c·F the conclusion holds" is supported when the largest such c,
/// found by bisection on an exact law, has no downward trend; what is claimed of 1/c is therefore an exponent of at most 0.
module Sgm.Verification.Theorems.LeeScaling

open Sgm
open Sgm.Engine
open Sgm.Verification

/// 1/c for the largest c in [e^(−12), e^30] for which `holds` does, by bisection in ln c.
let reciprocalOfLargest holds =
    let rec halve (low: float) (high: float) k =
        if k = 0 then
            Ok low
        else
            let middle = (low + high) / 2.0

            holds (exp middle)
            |> Result.bind (fun held -> if held then halve middle high (k - 1) else halve low middle (k - 1))

    halve -12.0 30.0 48
    |> Result.map (fun logarithm ->
        let value = exp -logarithm
        Estimate.Exact(value, value * (1.0 - 1e-9), value * (1.0 + 1e-9), "bisection on the exact law"))

/// Half the variances v, half κ·v: L = 1/v, C = κ·v.
type private Prescription =
    {
        D: float
        V: float
        Kappa: float
        Accuracy: float
    }

    member this.L = 1.0 / this.V
    member this.C = this.Kappa * this.V

    /// ε_χ²/(d·L²·C), the scale of the step.
    member this.StepScale = this.Accuracy ** 2.0 / (this.D * this.L * this.L * this.C)

    /// ε_TV·ε_χ³/(d·L²·C^(5/2)) with ε_TV = ε_χ, the scale of the score error.
    member this.ErrorScale = this.Accuracy ** 4.0 / (this.D * this.L * this.L * this.C ** 2.5)

let private prescription (setting: Setting) =
    {
        D = Map.find "d" setting
        V = Map.find "v" setting
        Kappa = Map.find "κ" setting
        Accuracy = Map.find "ε" setting
    }

/// Langevin with h = stepFactor·ε²/(dL²C) for T = C·ln(2χ₀²/ε²), from variances wider by 0.8/√d (χ₀² < 1), the score shifted.
let private langevinWith p stepFactor scoreError =
    let d = int p.D
    let variances = List.init d (fun i -> if i % 2 = 0 then p.V else p.Kappa * p.V)
    let h = stepFactor * p.StepScale
    let time = p.C * log (2.0 / p.Accuracy ** 2.0)

    experiment {
        target (normalDiag (fill d 0.0) variances)
        forward ve
        score (if scoreError = 0.0 then exact else exact |> shifted scoreError)
        start (from (normalDiag (fill d 0.0) (variances |> List.map (fun v -> v * (1.0 + 0.8 / sqrt p.D)))))
        sampler (repeat (int (min 1e9 (ceil (time / h)))) (corrector (langevin h)))
        measure [ chi2 ]
    }

let private chi2AtMost limit runner e =
    Lower.plan (fun file -> invalidOp file) e
    |> Measure.atEnd Metric.Chi2 runner
    |> Result.map (fun chi2 -> chi2.Value.HasValue && chi2.Value.Value <= limit)

/// 1/c for h = c·ε²/(dL²C): the conclusion is χ² ≤ ε² with the exact score.
let private stepConstant runner (trial: Trial) =
    let p = prescription trial.Setting
    reciprocalOfLargest (fun c -> langevinWith p c 0.0 |> chi2AtMost (p.Accuracy ** 2.0) runner)

/// 1/c for ‖s − ∇ln p‖ = c·ε⁴/(dL²C^(5/2)) at h = ε²/(46·dL²C): the conclusion is ½·√χ² ≤ ε_TV + ½·ε_χ = (3/2)·ε.
let private errorConstant runner (trial: Trial) =
    let p = prescription trial.Setting

    reciprocalOfLargest (fun c ->
        langevinWith p (1.0 / 46.0) (c * p.ErrorScale) |> chi2AtMost ((3.0 * p.Accuracy) ** 2.0) runner)

let private axis symbol meaning values = { Symbol = symbol; Meaning = meaning; Values = fun _ -> values }

let private axes =
    [
        axis "d" "dimension" [ for k in 1..8 -> 2.0 ** float k ]
        axis "κ" "condition number: C·L" [ for k in 0..7 -> 2.0 ** float k ]
        axis "v" "smallest variance: 1/L" [ for k in -4 .. 4 -> 4.0 ** float k ]
        axis "ε" "accuracy: χ² ≤ ε²" [ for k in 1..8 -> 0.5 ** float k ]
    ]

let private claim name words quantity (axis: Axis) =
    {
        Axis = axis.Symbol
        Exponent = AtMost 0.0
        IsExponential = false
        Of = words
        Quantity = quantity
        Scenario =
            {
                Name = name
                Description = "A normal law with half the variances v and half κ·v: L = 1/v, C = κ·v."
                Bases = [ Map.ofList [ "d", 4.0; "κ", 2.0; "v", 1.0; "ε", 0.1 ] ]
                Axes = [ axis ]
                Experiment = fun setting _ -> langevinWith (prescription setting) (1.0 / 46.0) 0.0
            }
    }

/// The Θ-statements of Theorem 2.1: no trend of 1/c upwards in d, κ, v or 1/ε.
let rates =
    [
        for axis in axes do
            claim "largest step" "1/c, c the largest with h = c·ε²/(d·L²·C) ⇒ χ² ≤ ε²" stepConstant axis

            claim
                "largest score error"
                "1/c, c the largest with ‖s − ∇ln p‖ = c·ε⁴/(d·L²·C^(5/2)) ⇒ ½·√χ² ≤ (3/2)·ε"
                errorConstant
                axis
    ]
