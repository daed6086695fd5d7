/// What the statements of Pedrotti, Maas and Mondelli read from an experiment: the data as q∗N(0, τ²·I), the score's error, and
/// the sampler as a corrector at time T1 followed by a reverse of time.
module Sgm.Verification.Theorems.PedrottiData

open Sgm
open Sgm.Engine
open Sgm.Verification

/// `attempt { let! a = …; return … }` over Result.
type Attempt() =
    member _.Bind(found, next) = Result.bind next found
    member _.Return value = Ok value
    member _.ReturnFrom(found: Result<_, _>) = found

let attempt = Attempt()

let assume statement (evaluate: Subject -> Result<string, string>) =
    {
        Statement = statement
        Evaluate =
            fun subject ->
                match evaluate subject with
                | Ok detail -> Satisfied detail
                | Error reason -> Broken reason
    }

let require condition detail reason = if condition then Ok detail else Error reason

/// The metric at the end in the limit of small steps. Beyond normal laws a run costs more, and four halvings must do.
let limit metric runner (trial: Trial) =
    Measure.limitAfter (if trial.Subject.Plan.Target.IsGaussian then 7 else 4) metric runner trial.Refined

let value symbol (setting: Setting) = Map.find symbol setting
let setting values : Setting = Map.ofList values

let axis symbol meaning values = { Symbol = symbol; Meaning = meaning; Values = values }

let scenario name description experiment bases axes =
    {
        Name = name
        Description = description
        Bases = bases
        Axes = axes
        Experiment = experiment
    }

/// Every second value when there is little time.
let few (values: float list) effort =
    if effort = Quick then
        values |> List.indexed |> List.filter (fun (i, _) -> i % 2 = 0) |> List.map snd
    else
        values

let source statement =
    {
        Paper = "Pedrotti, Maas and Mondelli 2024"
        Reference = "arXiv 2305.14164"
        Statement = statement
        IsCompanion = true
    }

/// ½N(−R, τ²) + ½N(R, τ²), moved by `mean`.
let twoAtoms mean radius variance =
    mixture [ 0.5, normal [ mean - radius ] variance; 0.5, normal [ mean + radius ] variance ]

/// Five atoms of unequal weights between −R and R.
let fiveAtoms radius variance =
    mixture
        [
            for weight, place in [ 0.3, -1.0; 0.1, -0.6; 0.25, 0.1; 0.05, 0.3; 0.3, 1.0 ] ->
                weight, normal [ place * radius ] variance
        ]

/// Independent copies of q∗N(0, τ²·I) in the data, supp q inside a ball of radius R.
type Block =
    {
        Copies: float
        /// Of one copy.
        Dimension: float
        /// R.
        Radius: float
        /// τ².
        Variance: float
        /// M₂ = E‖Z₀‖² of one copy, Z₀ ~ q.
        SecondMoment: float
    }

let private meanAlong (law: Mixture) j =
    match law.Covariances[0].Eigenvectors with
    | null -> law.Means[j]
    | vectors -> Seq.sum (Seq.init law.Dimension (fun i -> vectors[i * law.Dimension + j] * law.Means[i]))

let private blocksOfFactor (factor: Factor) =
    let law = factor.Law
    let covariance = law.Covariances[0]
    let isotropic = covariance.Shape = CovarianceShape.Isotropic || law.Dimension = 1

    let block dimension radius variance moment =
        {
            Copies = float factor.Count
            Dimension = float dimension
            Radius = radius
            Variance = variance
            SecondMoment = moment
        }

    if law.Count = 1 && isotropic then
        Ok [ block law.Dimension 0.0 covariance.Smallest (Seq.sumBy (fun x -> x * x) law.Means) ]
    elif law.Count = 1 then
        Seq.init law.Dimension (fun j -> covariance.Eigenvalue j, meanAlong law j)
        |> Seq.groupBy fst
        |> Seq.map (fun (variance, means) ->
            block (Seq.length means) 0.0 variance (Seq.sumBy (fun (_, mean) -> mean * mean) means))
        |> List.ofSeq
        |> Ok
    else
        match Constants.kernelForm NoiseLevel.Data law with
        | Some form ->
            let moment =
                Seq.sum (
                    Seq.init law.Count (fun k -> law.Weights[k] * Array.sumBy (fun x -> x * x) (law.Mean(k).ToArray()))
                )

            Ok [ block law.Dimension form.Radius form.Variance moment ]
        | None ->
            Error
                "the data are not of the form q∗N(0, τ²·I) with q in a ball: a mixture's components have different covariances"

/// The data as independent blocks, or why they are not of that form.
let blocks (target: Engine.Target) =
    (Ok [], target.Factors)
    ||> Seq.fold (fun found factor ->
        found |> Result.bind (fun all -> blocksOfFactor factor |> Result.map (fun b -> all @ b)))

/// v = m²τ² + σ², the variance of the Gaussian part of a block at a level; for vp v_t = 1 − a²(1 − τ²).
let varianceAt (level: NoiseLevel) block = level.VarianceOf block.Variance

/// A lower bound for −∇²ln p at a level: the smallest 1/v − m²R²/v² over the blocks. May be negative.
let curvature (level: NoiseLevel) blocks =
    blocks
    |> List.map (fun b ->
        let v = varianceAt level b
        1.0 / v - (level.Mean * b.Radius / v) ** 2.0)
    |> List.min

/// An upper bound for −∇²ln p at a level: 1/v.
let private steepest level blocks = blocks |> List.map (fun b -> 1.0 / varianceAt level b) |> List.max

/// L at a level: −∇²ln p lies between the two bounds.
let smoothness level blocks = max (steepest level blocks) -(curvature level blocks)

let describe (blocks: Block list) =
    let one (b: Block) =
        $"{b.Copies:g6} × dimension {b.Dimension:g6} with R = {b.Radius:g6}, τ² = {b.Variance:g6}, M₂ = {b.SecondMoment:g6}"

    blocks |> List.map one |> String.concat "; "

/// An upper bound for ∫‖∇ln p‖² p = E tr(−∇²ln p): Σ d/v.
let private fisher level blocks = blocks |> List.sumBy (fun b -> b.Copies * b.Dimension / varianceAt level b)

/// What is known of a score s and its error e = s − ∇ln p at a level.
type ScoreFacts =
    {
        /// ε: an upper bound for ‖e‖ in L²(p), attained where the error is one constant or one ripple.
        Error: float
        /// An upper bound for ‖e‖ everywhere; +∞ when there is none.
        Sup: float
        /// A Lipschitz constant of e.
        ErrorSlope: float
        /// ⟨s(x) − s(y), x − y⟩ ≤ OneSided·‖x − y‖².
        OneSided: float
        /// Λ: s is Λ-Lipschitz.
        Lipschitz: float
    }

/// Σ_i E sin²(w·x_i) under the target at a level: E cos of a normal variable is in closed form.
let private sineSquares (target: Engine.Target) (level: NoiseLevel) w =
    target.Factors
    |> Seq.sumBy (fun factor ->
        let law = factor.Law

        let term k i =
            let mean = level.Mean * law.Means[k * law.Dimension + i]
            let variance = level.VarianceOf(law.Covariance(k).Variance i)
            law.Weights[k] * 0.5 * (1.0 - cos (2.0 * w * mean) * exp (-2.0 * w * w * variance))

        float factor.Count
        * Seq.sum (
            seq {
                for k in 0 .. law.Count - 1 do
                    for i in 0 .. law.Dimension - 1 -> term k i
            }
        ))

/// One modifier's own error at a level: L² norm, sup norm and Lipschitz constant.
let private modifierError (plan: Plan) level blocks (modifier: Engine.ScoreModifier) =
    let d = float plan.Dimension

    match modifier with
    | :? Engine.ScoreModifier.Shifted as shift -> Ok(abs shift.Amount, abs shift.Amount, 0.0)
    | :? Engine.ScoreModifier.Rippled as ripple ->
        let a, w = abs ripple.Amplitude, ripple.Frequency

        Ok(a * sqrt (2.0 * sineSquares plan.Target level w / d), a * sqrt 2.0, a * sqrt (2.0 / d) * abs w)
    | :? Engine.ScoreModifier.Scaled as scale when plan.Score.Modifiers.Length = 1 ->
        let c = abs (scale.Factor - 1.0)
        Ok(c * sqrt (fisher level blocks), (if c = 0.0 then 0.0 else infinity), c * smoothness level blocks)
    | _ -> Error "the score error is not a sum of 'shifted' and 'rippled', nor a single 'scaled'"

/// The score of a plan with data of these blocks at a level, or why nothing is known of it.
let private scoreFactsOf data (plan: Plan) (level: NoiseLevel) =
    attempt {
        do! require (obj.ReferenceEquals(plan.Score.Of, plan.Target)) () "the score is that of another law"

        let! l2, sup, slope =
            (Ok(0.0, 0.0, 0.0), plan.Score.Modifiers)
            ||> Seq.fold (fun found modifier ->
                attempt {
                    let! l2, sup, slope = found
                    let! error, largest, steep = modifierError plan level data modifier
                    return l2 + error, sup + largest, slope + steep
                })

        return
            {
                Error = l2
                Sup = sup
                ErrorSlope = slope
                OneSided = slope - curvature level data
                Lipschitz = slope + smoothness level data
            }
    }

/// The score of a plan at a level, or why nothing is known of it.
let scoreFacts (plan: Plan) (level: NoiseLevel) =
    blocks plan.Target |> Result.bind (fun data -> scoreFactsOf data plan level)

/// A sampler of the paper: Langevin at time T1 (perhaps none), then steps of one method from T1 to 0 (perhaps none).
type PaperRun =
    {
        /// The level of T1.
        Level: NoiseLevel
        /// The corrector, when there is one.
        Corrector: LangevinRun option
        /// The predictor's steps, in order; every one evaluates the score at its upper level.
        Reverse: Tableau list
    }

    /// T1.
    member this.T1 = this.Level.Parameter

    /// T2 = Nh, 0 without a corrector.
    member this.T2 = this.Corrector |> Option.map (fun run -> float run.N * run.H) |> Option.defaultValue 0.0

let private isLangevin (step: Tableau) =
    step.Stages.Length = 1
    && step.StaysAtLevel
    && step.A = 1.0
    && abs (step.C * step.C - 2.0 * step.B[0]) <= 1e-12 * step.B[0]

/// The sampler as the paper's, its predictor being `method`, or why it is not that.
let paperRun predictorMethod (subject: Subject) =
    let staying, moving = subject.Plan.Tableaus() |> List.ofSeq |> List.partition (fun step -> step.StaysAtLevel)

    let inOrder = Seq.toList (subject.Plan.Tableaus()) = staying @ moving
    let corrections = subject.Plan.StepCount - int64 moving.Length

    let corrector =
        match List.distinct staying with
        | [] -> Ok None
        | [ step ] when isLangevin step -> Ok(Some { Level = step.From; H = step.B[0]; N = corrections })
        | _ -> Error "the corrector is not a repetition of one Langevin step x + h·s + √(2h)·ξ at one level"

    attempt {
        do!
            require
                (subject.Experiment.Forward = Vp)
                ()
                "the statement is about the Ornstein–Uhlenbeck process; the forward process is ve"

        do! require inOrder () "corrector steps come after the predictor has begun; the statement has them before it"
        let! corrector = corrector

        do!
            require
                (moving |> List.pairwise |> List.forall (fun (step, next) -> step.To = next.From)
                 && (corrections = 0L) = List.isEmpty staying)
                ()
                "the predictor does not go once through its levels"

        do!
            match moving |> List.tryFind (fun step -> step.Method <> predictorMethod) with
            | Some other -> Error $"the predictor is '{other.Method}', not '{predictorMethod}'"
            | None -> Ok()

        let! level =
            match corrector, moving with
            | Some run, _ -> Ok run.Level
            | None, first :: _ -> Ok first.From
            | None, [] -> Error "the sampler takes no step"

        return { Level = level; Corrector = corrector; Reverse = moving }
    }

/// The run's corrector, when it has nothing else.
let correctorOnly (subject: Subject) =
    attempt {
        let! run = paperRun "flow" subject

        match run.Corrector, run.Reverse with
        | Some corrector, [] -> return corrector
        | _ -> return! Error "the sampler is not a corrector alone"
    }

/// Whether the start is N(0, I).
let fromPrior (subject: Subject) =
    match subject.Experiment.Start with
    | Prior -> Ok "N(0, I)"
    | _ -> Error "the start is not N(0, I)"

/// N(0, I), the prior, as the start; W2 and KL bounds of D2 by coupling and by convexity.
module FromPrior =
    /// W2(γ, p_{T1})² ≤ Σ a²M₂ + (1 − √v)²·d.
    let wasserstein (level: NoiseLevel) blocks =
        blocks
        |> List.sumBy (fun b ->
            let v = varianceAt level b
            // 1 − √v = (1 − v)/(1 + √v), and 1 − v = a²(1 − τ²).
            let spread = level.Mean * level.Mean * (1.0 - b.Variance) / (1.0 + sqrt v)
            b.Copies * (level.Mean * level.Mean * b.SecondMoment + spread * spread * b.Dimension))
        |> sqrt

    /// KL(γ‖p_{T1}) ≤ K₀ = ½·Σ [d·(1/v − 1 + ln v) + a²M₂/v].
    let divergence (level: NoiseLevel) blocks =
        blocks
        |> List.sumBy (fun b ->
            let v = varianceAt level b
            // 1/v − 1 + ln v = x − ln(1 + x) with 1 + x = 1/v.
            let excess = level.Mean * level.Mean * (1.0 - b.Variance) / v

            0.5
            * b.Copies
            * (b.Dimension * RealFunctions.LogExcess excess + level.Mean * level.Mean * b.SecondMoment / v))

/// The reverse ODE of statement D4.
module Reverse =
    /// E_{T1} = exp∫₀^{T1}(1 + L_s)dt and ∫₀^{T1} E_t·ε_t dt, by Simpson's rule in ln w, w = τ² + e^(2t) − 1: on
    /// that scale the time resolves the smallest τ.
    let growth (plan: Plan) (t1: float) =
        attempt {
            let! data = blocks plan.Target
            let smallest = data |> List.map (fun b -> b.Variance) |> List.min
            let steps = 2000
            let length = log ((smallest + RealFunctions.ExpM1(2.0 * t1)) / smallest)
            let width = length / float steps

            // At position s: (dt/ds)·(1 + L_s) and (dt/ds)·ε.
            let slopes s =
                attempt {
                    let w = smallest * exp s
                    let t = 0.5 * RealFunctions.LogOnePlus(smallest * RealFunctions.ExpM1 s)
                    let! facts = scoreFactsOf data plan (NoiseLevel.VariancePreserving t)
                    let clock = 0.5 * w / (1.0 + w - smallest)
                    return clock * (1.0 + facts.OneSided), clock * facts.Error
                }

            let folder found i =
                attempt {
                    let! logGrowth, total, (rate, error) = found
                    let! rateMid, errorMid = slopes (width * (float i + 0.5))
                    let! rateEnd, errorEnd = slopes (width * float (i + 1))
                    // ln E at the middle by the cubic through both slopes and the mean slope; E itself by Simpson's rule.
                    let half = logGrowth + width * (5.0 * rate + 8.0 * rateMid - rateEnd) / 24.0
                    let last = logGrowth + width * (rate + 4.0 * rateMid + rateEnd) / 6.0

                    let added = width * (exp logGrowth * error + 4.0 * exp half * errorMid + exp last * errorEnd) / 6.0

                    return last, total + added, (rateEnd, errorEnd)
                }

            let! first = slopes 0.0
            let! logGrowth, total, _ = (Ok(0.0, 0.0, first), [ 0 .. steps - 1 ]) ||> List.fold folder
            return exp logGrowth, total
        }

    /// The levels of K steps from T1 to 0, ρ = σ/m = τ·sinh(c·(1 − i/K)): steps in proportion to the larger of ρ and τ.
    let grid tau (t1: float) count =
        let first = System.Math.Asinh(sqrt (RealFunctions.ExpM1(2.0 * t1)) / tau)

        List.init (count + 1) (fun i ->
            let rho = tau * sinh (first * (1.0 - float i / float count))
            if i = 0 then t1 else 0.5 * RealFunctions.LogOnePlus(rho * rho))

/// Relative entropy of the corrector: the log-Sobolev constant and the exponential moment of the score's error.
module Entropy =
    /// α = 1/C_LS at a level: the curvature where it is positive (Bakry and Émery 1985), otherwise what is known of the target.
    let alpha (target: Engine.Target) level =
        attempt {
            let curved = blocks target |> Result.map (curvature level)

            match curved with
            | Ok alpha when alpha > 0.0 -> return alpha, "−∇²ln p ⪰ α·I (Bakry and Émery 1985)"
            | _ ->
                let! constant = Constants.logSobolev target level
                return 1.0 / constant.Value, constant.Provenance
        }

    /// ln(1 + (e^y − 1)·share) without overflow.
    let private mixed y share =
        if share >= 1.0 then y
        elif y > 30.0 then y + log share
        else RealFunctions.LogOnePlus(RealFunctions.ExpM1 y * share)

    /// An upper bound for ln E_p e^(x‖e‖²) from ‖e‖ ≤ B and E‖e‖² ≤ ε²: as e^(xy) − 1 ≤ (e^(xB²) − 1)·y/B² on [0, B²], at most
    /// ln(1 + (e^(xB²) − 1)·ε²/B²).
    let bounded x sup error = if error = 0.0 then 0.0 else mixed (x * sup * sup) ((error / sup) ** 2.0)

    /// M = an upper bound for ln E_p e^(x‖s − ∇ln p‖²) at a level; exact for constant errors and for scaled scores of normal laws.
    let moment (plan: Plan) level x =
        attempt {
            let! facts = scoreFacts plan level
            let! data = blocks plan.Target

            match List.ofSeq plan.Score.Modifiers with
            | _ when not (System.Double.IsInfinity facts.Sup) -> return bounded x facts.Sup facts.Error
            | [ :? Engine.ScoreModifier.Scaled as scale ] when data |> List.forall (fun b -> b.Radius = 0.0) ->
                // e = (c − 1)·∇ln p, coordinates normal of variance (c − 1)²/v.
                let shrunk b = 1.0 - 2.0 * x * (scale.Factor - 1.0) ** 2.0 / varianceAt level b

                do!
                    require
                        (data |> List.forall (fun b -> shrunk b > 0.0))
                        ()
                        "the exponential moment of the score's error is infinite"

                return data |> List.sumBy (fun b -> -0.5 * b.Copies * b.Dimension * log (shrunk b))
            | _ -> return! Error "no exponential moment of the score's error is known: it is unbounded"
        }
