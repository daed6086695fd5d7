/// Pedrotti, Maas and Mondelli 2024: how far N(0, I) is from the data noised for a time T1.
module Sgm.Verification.Theorems.PedrottiStart

open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Scenarios
open Sgm.Verification.Theorems.PedrottiData
open Sgm.Verification.Theorems.PedrottiRun

let private assumptions =
    [
        assume "the data are a product of blocks q∗N(0, τ²·I) with E‖Z₀‖² = M₂" (fun s ->
            blocks s.Plan.Target |> Result.map describe)
        assume "Ornstein–Uhlenbeck for a time T1, and the sampler starts there from N(0, I)" (fun s ->
            attempt {
                let! run = paperRun "flow" s
                let! start = fromPrior s
                return $"{start} at T1 = {run.T1:g6}"
            })
    ]

let private evidence metric name bound : Evidence =
    fun runner trial ->
        attempt {
            let! data = blocks trial.Subject.Plan.Target
            let! run = paperRun "flow" trial.Subject
            let! measured = Measure.atStart metric runner trial.Subject.Plan

            return
                [
                    {
                        What = $"{name} of N(0, I) at T1 = {run.T1:g6}"
                        Measured = measured
                        Bound = bound run.Level data
                    }
                ]
        }

/// A single corrector step at T1: what is measured is its start.
let private experimentOf law (s: Setting) _refinement =
    experiment {
        target (law s)
        forward vp
        sampler (anneal (levels [ value "T1" s + 1.0; value "T1" s ]) (corrector (langevin 0.01)))
        measure [ w2; kl ]
    }

let private timeAxis =
    axis "T1" "time of the forward process" (function
        | Quick -> [ 0.5; 1.0; 2.0; 3.0; 4.0; 5.0; 6.0 ]
        | Standard
        | Full -> [ 0.25; 0.5; 1.0; 1.5; 2.0; 2.5; 3.0; 4.0; 5.0; 6.0; 7.0 ])

let private dimensionAxis =
    axis "d" "dimension" (function
        | Quick -> [ 1.0; 16.0; 256.0; 4096.0 ]
        | Standard
        | Full -> List.init 9 (fun i -> 4.0 ** float i))

let private radiusAxis =
    axis "R" "radius of the data's atoms" (function
        | Quick -> [ 0.25; 1.0; 4.0 ]
        | Standard
        | Full -> List.init 7 (fun i -> 0.125 * 2.0 ** float i))

let private base' = setting [ "T1", 2.0; "d", 4.0; "R", 1.0; "τ", 0.25 ]
let private variance s = value "τ" s ** 2.0

/// N(μ, τ²·I) with every coordinate of μ equal to R/√d or, in `spread`, to R.
let private shiftedNormal s =
    let d = value "d" s
    normal (fill (int d) (value "R" s / sqrt d)) (variance s)

let private wideNormal s = normal (fill (int (value "d" s)) (value "R" s)) (variance s)

let private atoms s = product [ int (value "d" s), twoAtoms 0.5 (value "R" s) (variance s) ]

let private realTimes =
    axis "T1" "time of the forward process" (function
        | Quick -> [ 1.0 ]
        | Standard
        | Full -> [ 0.5; 1.0; 2.0; 4.0 ])

let private scenarios =
    [
        scenario
            "one atom"
            "N(μ, τ²·I): both bounds are equalities."
            (experimentOf shiftedNormal)
            [ base' ]
            [ timeAxis; dimensionAxis; radiusAxis ]
        scenario
            "two atoms in every coordinate"
            "A product of bimodal laws, not centred."
            (experimentOf atoms)
            [ base' ]
            [ timeAxis; dimensionAxis; radiusAxis ]
        scenario
            "Old Faithful"
            "272 durations of eruptions, standardized, each with a deviation of τ."
            (experimentOf (fun s -> OldFaithful.durations (value "τ" s)))
            [ base' ]
            [ realTimes ]
        scenario
            "data near a circle"
            "Twelve points on the circle of radius R, each with a deviation of τ."
            (experimentOf (fun s -> Circle.points 12 (value "R" s) (value "τ" s)))
            [ base' |> Map.add "d" 2.0 ]
            [ realTimes ]
    ]

/// The geyser's two columns together. W2 in the plane takes a second.
let private inThePlane metric =
    scenario
        "Old Faithful in the plane"
        "Durations and waiting times of the 272 eruptions, standardized, each row with a deviation of τ: exactly."
        (experimentOf (fun s -> OldFaithful.durationsAndWaits (value "τ" s)))
        [ base' |> Map.add "d" 2.0 ]
        [ (if metric = Metric.W2 then later realTimes else realTimes) ]

let private rate metric axisOf exponent exponential what law =
    {
        Axis = axisOf.Symbol
        Exponent = exponent
        IsExponential = exponential
        Of = what
        Quantity = fun runner trial -> Measure.atStart metric runner trial.Subject.Plan
        Scenario = scenario $"start, {what}" "N(0, I) against p_{T1}." (experimentOf law) [ base' ] [ axisOf ]
    }

let private theorem id title statement metric name bound reading rates =
    {
        Id = id
        Title = title
        Statement =
            "Data q∗N(0, τ²·I), Z₀ ~ q, M₂ = E‖Z₀‖², γ = N(0, I), a = e^(−T1), v = 1 − a²(1 − τ²). Then " + statement
        Source = Papers.pedrotti "the start of the corrector"
        Stance = Guarantee
        Assumptions = assumptions
        Metric = metric
        Evidence = evidence metric name bound
        Scenarios = scenarios @ [ inThePlane metric ]
        Rates = rates
        Reading = reading
    }

/// PMM-D2, W2.
let wasserstein =
    theorem
        "pedrotti-2024-d2-w2"
        "N(0, I) against the noised data, Wasserstein distance"
        "W2(γ, p_{T1})² ≤ a²M₂ + (1 − √v)²·d."
        Metric.W2
        "W2"
        FromPrior.wasserstein
        "Sharp for one atom; for several it is loose by what the optimal coupling gains over the independent one. Without a corrector this is the error that only T1 → ∞ removes: e^(−T1) for data that are not centred, e^(−2T1) for those that are."
        [
            rate Metric.W2 timeAxis (Exactly -1.0) true "W2 in T1, data not centred" shiftedNormal
            rate Metric.W2 timeAxis (Exactly -2.0) true "W2 in T1, centred data" (fun s ->
                normal (fill (int (value "d" s)) 0.0) (variance s))
            rate Metric.W2 dimensionAxis (Exactly 0.5) false "W2 in d" wideNormal
        ]

/// PMM-D2, KL.
let divergence =
    theorem
        "pedrotti-2024-d2-kl"
        "N(0, I) against the noised data, relative entropy"
        "KL(γ‖p_{T1}) ≤ K₀ = ½·[d·(1/v − 1 + ln v) + a²M₂/v]."
        Metric.Kl
        "KL"
        FromPrior.divergence
        "Sharp for one atom; for several, the convexity of KL gives away the overlap of the atoms."
        [
            rate Metric.Kl timeAxis (Exactly -2.0) true "KL in T1, data not centred" shiftedNormal
            rate Metric.Kl dimensionAxis (Exactly 1.0) false "KL in d" wideNormal
        ]
