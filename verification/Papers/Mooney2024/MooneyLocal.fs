/// Mooney, Wang, Xin and Yu 2024: the exponential integrator with Lipschitz constants of the score along time.
module Sgm.Verification.Theorems.MooneyLocal

open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Certificates
open Sgm.Verification.Scenarios

/// a ≤ −∇²ln p ≤ b of a law at a level.
let private curvature target (law: Mixture) (level: NoiseLevel) =
    if law.Count = 1 then
        let smallest, largest = Constants.extremesOf law.Covariances[0]
        Ok(1.0 / level.VarianceOf largest, 1.0 / level.VarianceOf smallest)
    elif law.Dimension > 1 then
        Constants.smoothness target level |> Result.map (fun found -> -found.Value, found.Value)
    else
        Limits.within Limits.mostComponents law.Count "components"
        |> Result.bind (fun () ->
            match Curvature.bounds (LineLaw.at level law) with
            | Some found -> Ok found
            | None -> Error "its numbers leave the range of a double")

/// Λ ≥ sup‖∇²ln p_t‖ over a step of vp that ends after γ, from a ≤ −∇²ln p ≤ b at its end; ∞ where nothing follows.
let overStep gamma (a: float, b: float) =
    let grown = exp (2.0 * gamma)
    let spread = grown - 1.0
    let convex = if -a * spread < 1.0 then -a * grown / (1.0 + a * spread) else infinity
    List.max [ convex; b; 1.0 ] * (1.0 + 1e-12)

type private Step = { Gamma: float; Local: float }

let private factors (plan: Plan) = plan.Target.Factors |> Seq.map (fun factor -> factor.Law) |> Seq.distinct

/// The steps of the exponential integrator with their local constants, in the order of the run.
let private steps: Subject -> Result<Step list, string> =
    Once.per (fun subject ->
        let plan = subject.Plan

        let local (step: Tableau) =
            let gamma = step.From.Parameter - step.To.Parameter

            factors plan
            |> Seq.map (fun law -> curvature plan.Target law step.To)
            |> every
            |> Result.map (fun found ->
                {
                    Gamma = gamma
                    Local = overStep gamma (List.min (List.map fst found), List.max (List.map snd found))
                })

        attempt {
            do! require (subject.Experiment.Forward = Vp) () "the statement is for vp"
            let own (t: Tableau) = t.Method = "exponential" && not t.StaysAtLevel
            let! all = Subject.stepsOf "'exponential'" own plan
            do! Limits.within 10_000 all.Length "steps"
            return! every (Seq.map local all)
        })

/// KL(p_T‖q_T) + Σ (√γ·ε + √(dΛγ³/3 + dΛ²γ²))².
let private bound (subject: Subject) =
    attempt {
        let! found = steps subject
        let plan = subject.Plan
        let levels = plan.Tableaus() |> Seq.map (fun t -> t.From) |> List.ofSeq
        let! errors = ScoreError.atLevels plan levels
        let d = float plan.Dimension

        let! start = PathRule.start plan levels.Head

        let added =
            (found, errors)
            ||> List.map2 (fun step (_, error) ->
                let g, local = step.Gamma, step.Local
                (sqrt g * error + sqrt (d * local * g * g * (g / 3.0 + local))) ** 2.0)

        return (start + List.sum added) * (1.0 + 1e-12)
    }

/// KL along the path of a normal law with the exact score, where the path rule is an equality.
let private alongPath (subject: Subject) =
    if subject.Plan.Target.IsGaussian && subject.Experiment.Score = exact then
        PathRule.ofSteps subject.Plan (List.ofSeq (subject.Plan.Tableaus())) |> Result.map Some
    else
        Ok None

let private evidence: Evidence =
    fun runner trial ->
        attempt {
            let! r = bound trial.Subject
            let! law = Measure.law runner trial.Subject.Plan
            let! along = alongPath trial.Subject

            return
                [
                    match along with
                    | Some value ->
                        {
                            What = "KL along the path, exactly, against the bound with local constants"
                            Measured = Estimate.Exact(value, value * (1.0 - 1e-9), value, "path rule")
                            Bound = r
                        }
                    | None -> ()
                    yield! PathRule.against law r
                ]
        }

let private assumptions =
    [
        Assumption.ofResult "steps of the exponential integrator on vp, each with a bound of ∇²ln p over it" (fun s ->
            steps s
            |> Result.map (fun found ->
                let local = found |> List.map (fun step -> step.Local)
                $"{found.Length} steps, Λ from {List.min local:g4} to {List.max local:g4}"))
        Assumption.ofResult "‖s − ∇ln p‖_{L²(p)} and KL(p_T‖q_T) are known" (fun s ->
            bound s |> Result.map (fun r -> $"KL(p‖q) ≤ {r:g4}"))
    ]

let private whole symbol s = int (value symbol s)

let private experimentOf law (s: Setting) (_refinement: int) =
    experiment {
        target (law s)
        forward vp
        score (if value "ε" s = 0.0 then exact else exact |> shifted (value "ε" s))
        sampler (anneal (geometric (value "T" s) (value "δ" s) (whole "K" s)) (predictor exponential))
        measure [ tv; kl ]
    }

let private normals s =
    normalDiag (fill (whole "d" s) 0.5) (List.init (whole "d" s) (fun i -> if i % 2 = 0 then 0.25 else 2.0))

/// Atoms, each with a narrow normal law.
let private atoms deviation (places: float list) =
    mixture [ for x in places -> 1.0 / float places.Length, normal [ x ] (deviation * deviation) ]

let private segment n = atoms (1.0 / float n) [ for i in -n .. n -> float i / float n ]
let private pair = atoms 0.03125 [ -1.0; 1.0 ]

let private uneven _ = mixture [ 0.5, normal [ 0.0 ] 1.0; 0.3, normal [ 1.5 ] 0.3; 0.2, normal [ -2.0 ] 0.5 ]

let private base' = setting [ "T", 4.0; "δ", 0.02; "K", 512.0; "d", 4.0; "ε", 0.0 ]
let private stepsAxis counts = axis "K" "number of steps" (fun _ -> counts)

let private scenarios =
    [
        scenario
            "normal laws"
            "Variances ¼ and 2 in turn, means ½, geometric times from N(0, I)."
            (experimentOf normals)
            [ base' ]
            [
                stepsAxis [ 128.0; 1024.0; 4096.0 ] |> quickly [ 512.0; 64.0 ]
                axis "d" "dimension" (fun _ -> [ 1.0; 4.0; 16.0 ]) |> later
                axis "ε" "error of the score" (fun _ -> [ 0.3; 0.1 ]) |> later
            ]
        scenario
            "a segment"
            "17 atoms of [−1, 1], each with N(0, 1/64)."
            (experimentOf (fun _ -> segment 8))
            [ changed base' [ "K", 128.0; "d", 1.0 ] ]
            [ axis "δ" "where the time stops" (fun _ -> [ 0.3; 0.1 ]) |> later ]
        scenario
            "three modes"
            "0.5·N(0, 1) + 0.3·N(1.5, 0.3) + 0.2·N(−2, ½)."
            (experimentOf uneven)
            [ changed base' [ "K", 128.0; "d", 1.0; "δ", 0.1 ] ]
            [ axis "ε" "error of the score" (fun _ -> [ 0.1; 0.0 ]) |> later ]
    ]

/// A run that begins at the level at which a law with N(0, own²) in it has the variance v there.
let private atVariance own law (s: Setting) (_refinement: int) =
    let time = -0.5 * log ((1.0 - value "v" s) / (1.0 - own * own))

    experiment {
        target law
        forward vp
        start warm
        sampler (anneal (levels [ time; 0.99 * time ]) (predictor exponential))
        measure [ tv ]
    }

/// sup|(ln p)″| of atoms on the line that share a variance: max(1/v, sup Var/v² − 1/v), Var that of the atom given x.
let private largest (_: Runner) (trial: Trial) =
    let plan = trial.Subject.Plan
    let law = plan.Target.Factors[0].Law
    let v = plan.InitialLevel.VarianceOf law.Covariances[0].Smallest
    let spread = PedrottiCurvature.largestPosteriorVariance law plan.InitialLevel
    Ok(Estimate.ClosedForm(max (1.0 / v) (spread / (v * v) - 1.0 / v), 1e-12))

/// √E‖∇²ln p‖².
let private typical (_: Runner) (trial: Trial) =
    Information.curvature trial.Subject.Plan.Target trial.Subject.Plan.InitialLevel
    |> Result.map (fun h -> Estimate.Exact(sqrt (0.5 * (h.Low + h.High)), sqrt h.Low, sqrt h.High, "quadrature"))

let private along words own law exponent first last quantity =
    {
        Axis = "v"
        Exponent = Exactly exponent
        IsExponential = false
        Of = words
        Quantity = quantity
        Scenario =
            scenario
                words
                "The law at variance v."
                (atVariance own law)
                [ Map.empty ]
                [ axis "v" "variance" (fun _ -> [ for k in first..last -> 2.0 ** -float k ]) ]
    }

let private rates =
    [
        along "sup|(ln p)″|, a segment" 0.125 (segment 8) -1.0 1 4 largest
        along "sup|(ln p)″|, two points" 0.03125 pair -2.0 3 8 largest
        along "√E|(ln p)″|², two points" 0.03125 pair -1.0 4 7 typical
        {
            Axis = "K"
            Exponent = Exactly -2.0
            IsExponential = false
            Of = "KL of the exponential integrator"
            Quantity = atEnd Metric.Kl
            Scenario =
                scenario
                    "normal laws, KL in K"
                    "From the exact law at T."
                    (fun s k -> { experimentOf normals s k with Start = warm })
                    [ base' ]
                    [ stepsAxis [ 256.0; 512.0; 1024.0; 2048.0 ] ]
        }
    ]

/// The companion.
let local =
    {
        Id = "mooney-2024-local"
        Title = "The exponential integrator with Lipschitz constants along time"
        Statement =
            "vp, steps γ_k of the exponential integrator from q_T, Λ_k ≥ sup‖∇²ln p_t‖ over step k, ε_k = ‖s − "
            + "∇ln p‖_{L²(p)} where it begins. Then KL(p_δ‖q) ≤ KL(p_T‖q_T) + Σ_k (√γ_k·ε_k + √(dΛ_k·γ_k³/3 + "
            + "dΛ_k²·γ_k²))². "
            + "With a ≤ −∇²ln p ≤ b at its end and −a(e^(2γ) − 1) < 1, Λ_k = max(1, b, −a·e^(2γ)/(1 + a(e^(2γ) − 1))). "
            + "sup‖∇²ln p‖ at variance v is of order 1/v for data uniform on convex sets, of order 1/v² for two points."
        Source =
            Papers.companion
                "Mooney, Wang, Xin and Yu 2024"
                "arXiv 2405.16104"
                "convergence by local Lipschitz constants"
        Stance = Guarantee
        Assumptions = assumptions
        Metric = Metric.Tv
        Evidence = evidence
        Scenarios = scenarios
        Rates = rates
        Reading =
            "O(1/t) is a statement in the mean, or at points: uniformly it holds for convex supports and fails between "
            + "two points, or at the centre of a circle, where the order is 1/t²."
    }
