/// Lee, Lu and Tan 2022: experiments in which one term of a bound is all of it, for claims about its order in d, h, ε and the
/// target's constants. The bound is what counts; the run is one step, or few.
module Sgm.Verification.Theorems.LeeOrders

open Sgm
open Sgm.Verification
open Sgm.Verification.Scenarios

let private point = setting [ "d", 2.0; "v", 1.0; "κ", 1.0; "h", 1e-5; "ε", 0.0 ]

/// Half the variances v, half κ·v: L = 1/v, C = κ·v.
let private law (s: Setting) =
    let d, v, kappa = int (value "d" s), value "v" s, value "κ" s
    normalDiag (fill d 0.0) (List.init d (fun i -> if i % 2 = 0 then v else kappa * v))

let private shift s = if value "ε" s = 0.0 then exact else exact |> shifted (value "ε" s)

/// One Langevin step from the target itself: χ₀² = 0.
let private oneStep (s: Setting) (_refinement: int) =
    experiment {
        target (law s)
        forward ve
        score (shift s)
        start (from (law s))
        sampler (corrector (langevin (value "h" s)))
        measure [ chi2; tv ]
    }

/// One Langevin step at σ = 10⁻⁴ from the level a little above, η = 10⁻⁶; `before` it, a predictor or nothing.
let private oneLevel before (s: Setting) (_refinement: int) =
    let last = 1e-4

    experiment {
        target (law s)
        forward ve
        score (shift s)
        start warm
        sampler (anneal (Levels [ last * sqrt (1.0 + 1e-6); last ]) (before >=> corrector (langevin (value "h" s))))
        measure [ tv ]
    }

let private along name experiment changes symbol meaning values exponent =
    let scenario =
        scenario
            $"{name} in {symbol}"
            "A normal law, half its variances v and half κ·v; one term of the bound is all of it."
            experiment
            [ changed point changes ]
            [ axis symbol meaning (fun _ -> values) ]

    scenario, exponent

let private dimensions = [ for k in 1..5 -> 4.0 ** float k ]
let private conditions = [ for k in 1..5 -> 2.0 ** float k ]
let private variances = [ for k in 0..4 -> 2.0 ** float k ]
let private steps = [ for k in 0..4 -> 1e-5 / 2.0 ** float k ]

/// A bound ~ (C·L²·d·h)^a, or (C·ε²)^a where the step is small enough, as `errorStep` is. ε in powers of 1.5: Theorem 2.1's bound is
/// the smallest over ε_χ² on a grid of that ratio.
let private ofLangevin name experiment errorStep a =
    let errors = [ for k in 0..5 -> 0.1 / 1.5 ** float k ]

    [
        along name experiment [ "h", 1e-7 ] "d" "dimension" dimensions a
        along name experiment [] "h" "Langevin step" steps a
        along name experiment [] "κ" "condition number: C·L" conditions a
        along name experiment [] "v" "smallest variance: 1/L" variances -a
        along name experiment [ "h", errorStep ] "ε" "constant score error" errors (2.0 * a)
    ]

let langevinSupNorm = ofLangevin "one step" oneStep 1e-13 1.0
let langevinL2 = ofLangevin "one step" oneStep 1e-5 0.5
let annealed = ofLangevin "one level" (oneLevel identity) 1e-5 0.5

/// And what the predictor leaves, of order 1/K: a predictor that is wrong by a constant factor leaves as much at every level.
let predictorCorrector =
    ofLangevin "one level" (oneLevel (predictor ancestral)) 1e-5 0.5
    @ [ LeeDescents.predicted [ axis "K" "number of levels" (fun _ -> [ for k in 4..8 -> 2.0 ** float k ]) ], -1.0 ]

/// Ancestral steps from the first level's law: the steps' term with the exact score, the score's where the data are next to a point.
let stochasticPredictor =
    let run data (s: Setting) = LeePredictions.experimentOf (fun _ -> data s) warm shift s

    let base' = setting [ "d", 1.0; "K", 64.0; "ε", 0.0; "ρ_0", 10.0; "τ", 0.5 ]

    let along name data changes symbol values exponent =
        scenario
            $"{name} in {symbol}"
            "Ancestral steps from σ = 10 to σ = ½ on a normal law; one term of the bound is all of it."
            (run data)
            [ changed base' changes ]
            [ axis symbol symbol (fun _ -> values) ],
        exponent

    let isotropic variance s = normal (fill (int (value "d" s)) 0.0) variance

    [
        along "steps" (isotropic 1.0) [] "d" dimensions 0.5
        along "steps" (isotropic 1.0) [] "K" [ for k in 2..6 -> 2.0 ** float k ] -0.5
        along "score" (isotropic 1e-12) [] "ε" [ 0.1; 0.03; 0.01; 0.003 ] 1.0
    ]

/// Neighbouring levels at a fixed η, where the bound is d·η²/2.
let neighbouringLevels =
    let experiment (s: Setting) (_refinement: int) =
        LeeWarmStart.levels (normal (fill (int (value "d" s)) 0.0) 0.25) (sqrt (1.0 + value "η" s)) 1.0

    let along symbol meaning values exponent =
        scenario
            $"fixed levels in {symbol}"
            "N(0, I/4) at σ = 1."
            experiment
            [ setting [ "d", 1.0; "η", 1e-4 ] ]
            [ axis symbol meaning (fun _ -> values) ],
        exponent

    [
        along "d" "dimension" dimensions 1.0
        along "η" "relative growth of the noise's variance" [ for k in 0..4 -> 1e-3 / 2.0 ** float k ] 2.0
    ]

/// The prior at a fixed σ, where the bound is E‖x‖²/σ².
let firstLevel =
    let experiment (s: Setting) (_refinement: int) =
        LeeWarmStart.fromPrior (normal (fill (int (value "d" s)) 1.0) 0.25) (value "σ" s)

    let along symbol meaning values exponent =
        scenario
            $"fixed noise in {symbol}"
            "N((1, …, 1), I/4) at σ = 10⁴."
            experiment
            [ setting [ "d", 1.0; "σ", 1e4 ] ]
            [ axis symbol meaning (fun _ -> values) ],
        exponent

    [
        along "d" "dimension" dimensions 1.0
        along "σ" "noise of the first level" [ for k in 0..4 -> 1e4 * 2.0 ** float k ] -2.0
    ]
