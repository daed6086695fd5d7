/// Pedrotti, Maas and Mondelli 2024: the whole sampler with finite steps and a stochastic reverse, in total variation.
module Sgm.Verification.Theorems.PedrottiTotalVariation

open System.Collections.Immutable
open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Scenarios
open Sgm.Verification.Theorems.PedrottiData
open Sgm.Verification.Theorems.PedrottiRun
open Sgm.Verification.Theorems.PedrottiScore

let private ancestralRun (subject: Subject) =
    attempt {
        let! run = paperRun "ancestral" subject
        do! require (not run.Reverse.IsEmpty) () "the sampler has no predictor"
        do! require run.Corrector.IsSome () "the sampler has no corrector"
        return run
    }

/// λ = 1/ρ² = m²/σ².
let private precision (level: NoiseLevel) = level.Mean * level.Mean / level.NoiseVariance

/// Δλ of equal steps in λ.
let private stepsOf (subject: Subject) =
    attempt {
        let! run = ancestralRun subject
        let last = List.last run.Reverse
        do! require (last.To.Sigma > 0.0) () "the last level is 0: the posterior's last step has no noise"
        let width = (precision last.To - precision run.Level) / float run.Reverse.Length

        let regular (step: Tableau) = abs (precision step.To - precision step.From - width) <= 1e-6 * width

        do! require (List.forall regular run.Reverse) () "the steps are not equal in 1/ρ²"
        return run, width
    }

let private steps: Subject -> Result<PaperRun * float, string> = Once.per stepsOf

/// The corrector alone, as a subject of D5b.
let private correctorOf (subject: Subject) (run: LangevinRun) =
    let step = subject.Plan.Tableaus() |> Seq.head

    { subject with
        Plan =
            Plan(
                Target = subject.Plan.Target,
                Score = subject.Plan.Score,
                Start = subject.Plan.Start,
                InitialLevel = run.Level,
                Instructions =
                    ImmutableArray.Create<Instruction>(
                        Instruction.Repeat(run.N, ImmutableArray.Create<Instruction>(Instruction.Step step))
                    ),
                Metrics = subject.Plan.Metrics
            )
    }

/// The bound for the corrector: √(KL/2) with D5b from K₀ of D2.
let private startBound (subject: Subject) =
    attempt {
        let! run, _ = steps subject
        let corrector = correctorOf subject run.Corrector.Value
        let! data = blocks subject.Plan.Target
        let! alpha, plateau = PedrottiDiscrete.entropyPlateau corrector
        let divergence = exp (-0.5 * alpha * run.T2) * FromPrior.divergence run.Level data + plateau
        return sqrt (divergence / 2.0)
    }

/// ½·√(Δλ·Σδ_i² + Δλ·tr Cov(X₀)), δ_i = (σ²/m)·ε_i.
let private reverseBoundOf (subject: Subject) =
    attempt {
        let! run, width = steps subject

        let! errors =
            (Ok 0.0, run.Reverse)
            ||> List.fold (fun found step ->
                attempt {
                    let! total = found
                    let! score = scoreFacts subject.Plan step.From
                    return total + (step.From.NoiseVariance / step.From.Mean * score.Error) ** 2.0
                })

        return 0.5 * sqrt (width * (errors + Constants.covarianceTrace subject.Plan.Target NoiseLevel.Data))
    }

let private reverseBound: Subject -> Result<float, string> = Once.per reverseBoundOf

/// The whole bound for a plan.
let totalBound subject =
    attempt {
        let! first = startBound subject
        let! second = reverseBound subject
        return first + second
    }

let private assumptions =
    [
        assume "ancestral (DDPM) steps from T1 to a level above 0, equal in λ = 1/ρ², ρ = σ/m" (fun s ->
            steps s
            |> Result.map (fun (run, width) ->
                $"{run.Reverse.Length} steps of Δλ = {width:g6} from T1 = {run.T1:g6} to time {(List.last run.Reverse).To.Parameter:g6}"))
        assume "before them, N Langevin steps at T1 from N(0, I) under the assumptions of D5b" (fun s ->
            attempt {
                let! run, _ = steps s
                let! start = fromPrior s
                let corrector = correctorOf s run.Corrector.Value

                do!
                    PedrottiDiscrete.relativeEntropy.Assumptions
                    |> List.tryPick (fun a ->
                        match a.Evaluate corrector with
                        | Broken reason -> Some(Error $"{a.Statement}: {reason}")
                        | Satisfied _
                        | InTheLimit _ -> None)
                    |> Option.defaultValue (Ok())

                let! total = startBound s
                return $"N = {run.Corrector.Value.N}, h = {run.Corrector.Value.H:g6} from {start}: TV ≤ {total:g6}"
            })
        assume
            "‖s − ∇ln p‖ ≤ ε_i in L²(p) at every upper level"
            (reverseBound >> Result.map (fun bound -> $"the reverse adds at most {bound:g6}"))
    ]


let private evidence: Evidence =
    fun runner trial ->
        attempt {
            let! bound = totalBound trial.Subject
            let! measured = atEnd Metric.Tv runner trial
            return [ { What = "TV at the last level"; Measured = measured; Bound = bound } ]
        }

/// Corrector of T2 at T1 with step h, then K ancestral steps equal in λ to ρ = `end`.
/// Times of K steps from T1 to ρ = σ/m = `last`, equal in λ = 1/ρ².
let equalInPrecision t1 last count =
    let first = 1.0 / RealFunctions.ExpM1(2.0 * t1)
    let until = 1.0 / (last * last)
    let time i = 0.5 * RealFunctions.LogOnePlus(1.0 / (first + (until - first) * float i / float count))
    List.init (count + 1) (fun i -> if i = 0 then t1 else time i)

let private experimentOf law (s: Setting) _refinement =
    let t1, h = value "T1" s, value "h" s
    let count = int (value "K" s)
    let grid = equalInPrecision t1 (value "ρ" s) count

    experiment {
        target (law s)
        forward vp
        score (if value "ε" s = 0.0 then exact else exact |> shifted (value "ε" s))

        sampler (
            repeat (int (round (value "T2" s / h))) (corrector (langevin h))
            >=> anneal (levels grid) (predictor ancestral)
        )

        measure [ tv ]
    }

let private base' =
    setting [ "d", 1.0; "T1", 1.0; "T2", 8.0; "h", 1.0 / 256.0; "ε", 0.01; "ρ", 0.3; "K", 128.0; "τ", 0.2 ]

let private with' = changed base'

let private countAxis =
    axis "K" "number of ancestral steps" (function
        | Quick -> [ 16.0; 64.0; 256.0 ]
        | Standard
        | Full -> [ 16.0; 32.0; 64.0; 128.0; 256.0; 512.0; 1024.0 ])

let private stepAxis =
    axis "h" "Langevin step" (few [ 1.0 / 32.0; 1.0 / 64.0; 1.0 / 128.0; 1.0 / 256.0; 1.0 / 512.0 ])

let private errorAxis = axis "ε" "size of the constant score error" (few [ 0.3; 0.1; 0.03; 0.01; 0.003 ])
let private dimensionAxis = axis "d" "copies" (few [ 1.0; 2.0; 4.0; 8.0; 16.0 ])

let private normalData s = normal (fill (int (value "d" s)) 0.3) 0.5
let private bimodal s = twoAtoms 0.0 1.0 (value "τ" s ** 2.0)

let private mixtures s = product [ int (value "d" s), twoAtoms 0.0 0.8 0.04 ]

let private scenarios =
    [
        scenario
            "normal data"
            "N(0.3, ½) in one dimension."
            (experimentOf normalData)
            [ base' ]
            [ countAxis; stepAxis; errorAxis ]
        scenario
            "two atoms"
            "½N(−1, τ²) + ½N(1, τ²), to ρ = 0.3: nothing depends on τ."
            (experimentOf bimodal)
            [ with' [ "h", 1.0 / 128.0 ] ]
            [
                quickly [ 64.0 ] countAxis
                later errorAxis
                axis "τ" "standard deviation of the data's smooth part" (few [ 0.5; 0.2; 0.05; 0.02; 0.01 ]) |> later
            ]
        scenario
            "product of mixtures"
            "Copies of ½N(−0.8, 0.04) + ½N(0.8, 0.04)."
            (experimentOf mixtures)
            [ with' [ "h", 1.0 / 128.0; "T2", 6.0; "ε", 0.003 ] ]
            [ quickly [ 4.0 ] dimensionAxis ]
        scenario
            "Old Faithful"
            "272 durations of eruptions, standardized, each with a deviation of 0.3: a data set, of which only the radius 1.6 and tr Cov enter."
            (experimentOf (fun _ -> OldFaithful.durations 0.3))
            [ with' [ "h", 1.0 / 128.0; "T2", 6.0; "ρ", 0.5; "ε", 0.003; "T1", 1.2 ] ]
            [
                axis "K" "number of ancestral steps" (function
                    | Quick -> [ 64.0 ]
                    | Standard
                    | Full -> [ 16.0; 64.0; 256.0 ])
            ]
    ]

let private rates =
    [
        {
            Axis = "K"
            Exponent = AtMost -0.5
            IsExponential = false
            Of = "TV at the last level in K, exact score, corrector run to its end"
            Quantity = atEnd Metric.Tv
            Scenario =
                scenario
                    "steps of the reverse"
                    "Exact score; the corrector's own bias is kept below by a small h."
                    (experimentOf normalData)
                    [ with' [ "ε", 0.0; "h", 1.0 / 4096.0; "T2", 20.0 ] ]
                    [
                        axis "K" "number of ancestral steps" (fun effort ->
                            List.init (if effort = Quick then 4 else 6) (fun i -> 16.0 * 2.0 ** float i))
                    ]
        }
    ]

/// PMM-TV.
let prediction =
    {
        Id = "pedrotti-2024-tv"
        Title = "Prediction–correction with finite steps, total variation"
        Statement =
            "N Langevin steps of h at T1 from N(0, I) under D5b, then K ancestral steps equal in λ = 1/ρ² to a level ρ_K > 0, denoiser errors δ_i = (σ_i²/m_i)·ε_i. Then "
            + "TV(q_K, p_{ρ_K}) ≤ √(KL_N/2) + ½·√(Δλ·Σδ_i² + (λ_K − λ_0)·tr Cov(X₀)/K), KL_N by D5b from K₀ of D2. T1 is fixed."
        Source = Papers.pedrotti "the discretised bound in total variation"
        Stance = Guarantee
        Assumptions = assumptions
        Metric = Metric.Tv
        Evidence = evidence
        Scenarios = scenarios
        Rates = rates
        Reading =
            "The bound is K^(−½) by Girsanov's theorem, which compares paths; the law at the end converges faster on smooth data. No Lipschitz constant and no e^(R²/(2τ²)) appears: noise in the reverse forgets what the deterministic one amplifies."
    }
