/// Pedrotti, Maas and Mondelli 2024: after a time T1 that is logarithmic in R the noised data are strongly log-concave.
module Sgm.Verification.Theorems.PedrottiCurvature

open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Scenarios
open Sgm.Verification.Theorems.PedrottiData
open Sgm.Verification.Theorems.PedrottiRun

/// T1 = max(0, ½·ln(1 − τ² + kR²)), 0 where τ² ≥ 1 + kR² leaves the logarithm without a meaning.
let forwardTime k radius variance =
    let growth = 1.0 - variance + k * radius * radius
    // Smooth data of variance τ² ≥ kR² is strongly log-concave from the beginning; ln has nothing to say for τ² ≥ 1 + kR².
    if growth > 1.0 then 0.5 * log growth else 0.0

/// sup_x Var(mZ₀ | x) for a law on the line with one variance, by its densities: −(ln p)″ = 1/v − Var(mZ₀ | x)/v².
let largestPosteriorVariance (law: Mixture) (level: NoiseLevel) =
    let v = level.VarianceOf law.Covariances[0].Smallest
    let means = law.Means |> Array.map (fun mean -> level.Mean * mean)
    let low, high = Array.min means, Array.max means

    let variance x =
        let exponents = means |> Array.mapi (fun k mean -> log law.Weights[k] - (x - mean) ** 2.0 / (2.0 * v))
        let largest = Array.max exponents
        let shares = exponents |> Array.map (fun e -> exp (e - largest))
        let total = Array.sum shares
        let moment f = Array.sum (Array.map2 (fun share mean -> share * f mean) shares means) / total
        let centre = moment id
        moment (fun mean -> (mean - centre) ** 2.0)

    // The shares change over a length v/(high − low); a maximum lies where two neighbours balance, v·ln(w/w')/(distance) from
    // their middle, so within the means widened by that.
    let reach = 40.0 * v / (high - low)
    let count = min 200_000 (max 400 (int (20.0 * (high - low + 2.0 * reach) * (high - low) / v)))
    let at i = low - reach + (high - low + 2.0 * reach) * float i / float count
    let best = Seq.init (count + 1) id |> Seq.maxBy (at >> variance)

    // Golden section between the neighbours of the best point.
    let rec refine a b rounds =
        if rounds = 0 then
            variance ((a + b) / 2.0)
        else
            let c, d = b - 0.6180339887498949 * (b - a), a + 0.6180339887498949 * (b - a)

            if variance c > variance d then
                refine a d (rounds - 1)
            else
                refine c b (rounds - 1)

    refine (at (best - 1)) (at (best + 1)) 60

/// The factors on the line that are mixtures.
let private lines (plan: Plan) =
    plan.Target.Factors
    |> Seq.map (fun factor -> factor.Law)
    |> Seq.filter (fun law -> law.Dimension = 1 && law.Count > 1)
    |> List.ofSeq

type private Facts = { Run: LangevinRun; Data: Block list; Alpha: float }

let private facts: Subject -> Result<Facts, string> =
    Once.per (fun subject ->
        attempt {
            let! data = blocks subject.Plan.Target
            let! run = correctorOnly subject
            let alpha = curvature run.Level data

            do!
                require
                    (subject.Plan.Score.Modifiers.IsEmpty
                     && obj.ReferenceEquals(subject.Plan.Score.Of, subject.Plan.Target))
                    ()
                    "the score is not exact"

            do!
                require
                    (alpha > 0.0)
                    ()
                    $"α = {alpha:g6}: at T1 = {run.Level.Parameter:g6} the bound does not show log-concavity; T1 > ½·ln(1 − τ² + R²) is needed"

            return { Run = run; Data = data; Alpha = alpha }
        })

let private assumptions =
    [
        assume "the data are a product of blocks q∗N(0, τ²·I), supp q inside a ball of radius R" (fun s ->
            blocks s.Plan.Target |> Result.map describe)
        assume "Ornstein–Uhlenbeck for T1 > ½·ln(1 − τ² + R²), so that α > 0" (fun s ->
            facts s |> Result.map (fun k -> $"T1 = {k.Run.Level.Parameter:g6}, α = {k.Alpha:g6}"))
        Assumption.inTheLimit
            "Langevin dynamics with the exact score for a time T2 from N(0, I) (the limit h → 0 of Nh = T2)"
            (fun s ->
                attempt {
                    let! k = facts s
                    let! start = fromPrior s
                    return $"T2 = {float k.Run.N * k.Run.H:g6} from {start}"
                })
    ]

let private afterCorrector = limit Metric.W2

let private evidence: Evidence =
    fun runner trial ->
        attempt {
            let! k = facts trial.Subject
            let! measured = afterCorrector runner trial
            let level = k.Run.Level

            let posterior law =
                let measured = largestPosteriorVariance law level

                {
                    What = "the largest posterior variance of a·Z₀ at T1"
                    Measured = Estimate.ClosedForm(measured, 1e-12)
                    Bound = k.Data |> List.map (fun b -> (level.Mean * b.Radius) ** 2.0) |> List.max
                }

            return
                (lines trial.Subject.Plan |> List.map posterior)
                @ [
                    {
                        What = $"W2 after T2 = {float k.Run.N * k.Run.H:g6}"
                        Measured = measured
                        Bound = exp (-k.Alpha * float k.Run.N * k.Run.H) * FromPrior.wasserstein level k.Data
                    }
                ]
        }

/// Langevin with the exact score for T2 from N(0, I), at T1 = ½·ln(1 − τ² + kR²) for the data `law`.
let private experimentOf law (s: Setting) refinement =
    let t1 = forwardTime (value "k" s) (value "R" s) (value "τ" s ** 2.0)
    let steps = int (ceil (4.0 * value "T2" s)) <<< refinement

    experiment {
        target (law s)
        forward vp
        sampler (anneal (levels [ t1 + 1.0; t1 ]) (repeat steps (corrector (langevin (value "T2" s / float steps)))))
        measure [ w2 ]
    }

let private radiusAxis =
    axis "R" "radius of the data's atoms" (function
        | Quick -> [ 8.0 ]
        | Standard -> [ 0.25; 0.5; 1.0; 2.0; 4.0; 8.0; 16.0 ]
        | Full -> [ 0.25; 0.5; 1.0; 2.0; 4.0; 8.0; 16.0; 32.0; 64.0 ])

let private timeAxis =
    axis "T2" "time of the corrector" (function
        | Quick -> []
        | Standard -> [ 0.25; 0.5; 1.0; 2.0; 4.0 ]
        | Full -> [ 0.25; 0.5; 1.0; 2.0; 4.0; 8.0 ])

let private spreadAxis =
    axis "τ" "standard deviation of the data's smooth part" (function
        | Quick -> []
        | Standard
        | Full -> [ 1.0; 0.5; 0.2; 0.1; 0.05; 0.01; 0.001 ])

let private marginAxis =
    axis "k" "kR² in T1 = ½·ln(1 − τ² + kR²)" (function
        | Quick -> []
        | Standard
        | Full -> [ 1.1; 1.25; 1.5; 2.0; 3.0; 5.0; 10.0 ])

let private base' = setting [ "R", 1.0; "τ", 0.5; "k", 2.0; "T2", 1.0 ]

let private bimodal s = twoAtoms 0.0 (value "R" s) (value "τ" s ** 2.0)

let private scenarios =
    [
        scenario
            "two atoms"
            "½N(−R, τ²) + ½N(R, τ²): the posterior variance reaches a²R² between the atoms."
            (experimentOf bimodal)
            [ base' ]
            [ radiusAxis; timeAxis; spreadAxis; marginAxis ]
        scenario
            "product of mixtures"
            "64 copies of five unequal atoms and 64 copies of two, all of radius R: T1 does not see the dimension."
            (experimentOf (fun s -> product [ 64, fiveAtoms (value "R" s) (value "τ" s ** 2.0); 64, bimodal s ]))
            [ base' ]
            [ quickly [ 2.0 ] radiusAxis ]
    ]

/// The smallest time at which a law on the line is log-concave, as e^(T1).
let private concaveFrom (plan: Plan) =
    let law = (List.exactlyOne (lines plan))

    let isConcave t =
        let level = NoiseLevel.VariancePreserving t
        largestPosteriorVariance law level <= level.VarianceOf law.Covariances[0].Smallest

    let rec search low high rounds =
        let middle = (low + high) / 2.0

        if rounds = 0 then Estimate.Exact(exp middle, exp low, exp high, "bisection")
        elif isConcave middle then search low middle (rounds - 1)
        else search middle high (rounds - 1)

    // From T1 = ½·ln(1 − τ² + R²) on the law is log-concave; a start 1.5 earlier is tried against it.
    let latest =
        match Constants.kernelForm NoiseLevel.Data law with
        | Some form -> forwardTime 1.0 form.Radius form.Variance
        | None -> infinity

    let earliest = max 0.0 (latest - 1.5)

    if isConcave (latest * (1.0 + 1e-12)) && not (isConcave earliest) then
        Ok(search earliest (latest * (1.0 + 1e-12)) 32)
    else
        Error $"log-concavity does not begin between T1 = {earliest:g4} and {latest:g4}"

let private rates =
    let alpha = 0.5 / (1.0 - 1.0 / (1.0 + 2.0 / 0.75)) // (1 − 1/k)/v at τ = ½, R = 1, k = 2

    [
        {
            Axis = "R"
            Exponent = Exactly 1.0
            IsExponential = false
            Of = "e^(T1) for the smallest T1 at which p_{T1} is log-concave: T1 is logarithmic in R"
            Quantity = fun _ trial -> concaveFrom trial.Subject.Plan
            Scenario =
                scenario
                    "two atoms, smallest T1"
                    "The first time at which −(ln p)″ ≥ 0, by bisection."
                    (experimentOf bimodal)
                    [ base' ]
                    [
                        axis "R" "radius of the data's atoms" (fun effort ->
                            List.init (if effort = Quick then 5 else 8) (fun i -> 2.0 ** float i))
                    ]
        }
        {
            Axis = "R"
            Exponent = Exactly 1.0
            IsExponential = false
            Of = "e^(T1) for the smallest T1 at which p_{T1} is log-concave, five unequal atoms"
            Quantity = fun _ trial -> concaveFrom trial.Subject.Plan
            Scenario =
                scenario
                    "five atoms, smallest T1"
                    "The first time at which −(ln p)″ ≥ 0, by bisection."
                    (experimentOf (fun s -> fiveAtoms (value "R" s) (value "τ" s ** 2.0)))
                    [ base' ]
                    [
                        axis "R" "radius of the data's atoms" (fun effort ->
                            List.init (if effort = Quick then 5 else 8) (fun i -> 2.0 ** float i))
                    ]
        }
        {
            Axis = "T2"
            Exponent = AtMost -alpha
            IsExponential = true
            Of = "W2 after the corrector, exact score, T1 fixed"
            Quantity = fun runner trial -> Measure.limitAfter 5 Metric.W2 runner trial.Refined
            Scenario =
                scenario
                    "two atoms, decay"
                    "R = 1, τ = ½, k = 2."
                    (experimentOf bimodal)
                    [ base' ]
                    [
                        axis "T2" "time of the corrector" (function
                            | Quick -> [ 0.25; 0.5; 0.75; 1.0 ]
                            | Standard
                            | Full -> [ 0.5; 1.0; 1.5; 2.0; 2.5; 3.0 ])
                    ]
        }
    ]

/// PMM-D1.
let curvature =
    {
        Id = "pedrotti-2024-d1"
        Title = "A forward time that is logarithmic in the radius makes the data log-concave"
        Statement =
            "Data q∗N(0, τ²·I) with supp q in a ball of radius R; a = e^(−T1), v = 1 − a²(1 − τ²). Then Cov(aZ₀ | x) ⪯ a²R²·I, so that "
            + "(1/v)·I ⪰ −∇²ln p_{T1} ⪰ α·I with α = 1/v − a²R²/v², and α = (1 − 1/k)/v at T1 = max(0, ½·ln(1 − τ² + kR²)). With the exact "
            + "score W2(q_{T2}, p_{T1}) ≤ e^(−α·T2)·(a²M₂ + (1 − √v)²·d)^½. For a product of such laws R is the largest of the factors'."
        Source = Papers.pedrotti "strong log-concavity after a fixed time"
        Stance = Guarantee
        Assumptions = assumptions
        Metric = Metric.W2
        Evidence = evidence
        Scenarios = scenarios
        Rates = rates
        Reading =
            "Sharp as a statement about curvature: two atoms of weight ½ have posterior variance a²R² between them, and are log-concave exactly from T1 = ½·ln(1 − τ² + R²) on; the decay of W2 is faster than α, which is the smallest curvature and not the spectral gap."
    }
