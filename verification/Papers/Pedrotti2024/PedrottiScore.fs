/// What the statements of Pedrotti, Maas and Mondelli read from the score: its error and its Lipschitz constants, and what they
/// do to the reverse of time and to the corrector's relative entropy.
module Sgm.Verification.Theorems.PedrottiScore

open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Theorems.PedrottiData

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

/// Σ_i E sin²(w·x_i) under the target at a level, from above: sin²(wm) + ½·cos(2wm)·(1 − e^(−2w²v)) for a component N(m, v), which
/// cancels nowhere where the sine is small; the angle wm is known to some rounding of itself.
let private sineSquares (target: Engine.Target) (level: NoiseLevel) w =
    target.Factors
    |> Seq.sumBy (fun factor ->
        let law = factor.Law

        let term k i =
            let mean = level.Mean * law.Means[k * law.Dimension + i]
            let variance = level.VarianceOf(law.Covariance(k).Variance i)
            let fixed', spread = sin (w * mean) ** 2.0, -0.5 * RealFunctions.ExpM1(-2.0 * w * w * variance)

            law.Weights[k]
            * (fixed' + cos (2.0 * w * mean) * spread + 1e-14 * (fixed' + spread + 0.2 * abs (w * mean)))

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

/// The reverse ODE of statement D4.
module Reverse =
    /// A function of t on a cell: its integral and its hull.
    type private Piece = { Integral: float; Low: float; High: float }

    /// An upper bound for the integral of the largest of some functions over a cell: exact where one is the largest on all of it.
    let private largest width pieces =
        let first = pieces |> List.maxBy _.Low
        let high = pieces |> List.map _.High |> List.max
        let rules = pieces |> List.forall (fun p -> obj.ReferenceEquals(p, first) || p.High <= first.Low)

        {
            Integral = if rules then first.Integral else high * width
            Low = first.Low
            High = high
        }

    /// On the times [s, t], with W = e^(2t)·v_t = τ² + e^(2t) − 1 and y = e^(2t): the steepness 1/v = y/W, whose integral is
    /// ½·ln W, and the expansion a²R²/v² − 1/v = R²y/W² − y/W, whose integral is −R²/(2W) − ½·ln W. y/W is monotone in y, and
    /// y/W² has one maximum, 1/(4(τ² − 1)) at y = τ² − 1.
    let private onCell (s, t) (variance, radius) =
        let first, last = variance + RealFunctions.ExpM1(2.0 * s), variance + RealFunctions.ExpM1(2.0 * t)
        let shift = variance - 1.0
        let before, after = (first - shift) / first, (last - shift) / last
        let low, high = min before after, max before after
        let logs = 0.5 * log (last / first)
        let ends = (first - shift) / (first * first), (last - shift) / (last * last)

        let peak =
            if first < 2.0 * shift && 2.0 * shift < last then
                0.25 / shift
            else
                max (fst ends) (snd ends)

        let square = radius * radius

        { Integral = logs; Low = low; High = high },
        {
            Integral = 0.5 * square * (last - first) / (first * last) - logs
            Low = square * min (fst ends) (snd ends) - high
            High = square * peak - low
        }

    /// On a cell: what the slope of the error adds to L_s, and an upper bound for ε.
    let private modifierOn (plan: Plan) data (s, t) (curves: (Piece * Piece) list) (modifier: Engine.ScoreModifier) =
        attempt {
            let level = NoiseLevel.VariancePreserving
            let! first, _, slope = modifierError plan (level s) data modifier
            let! last, _, _ = modifierError plan (level t) data modifier

            let constant = { Integral = slope * (t - s); Low = slope; High = slope }

            match modifier with
            | :? Engine.ScoreModifier.Rippled as ripple ->
                // E sin²(w·x_i) = ½(1 − cos(2wm)·e^(−2w²v)) changes at most at the rate |w·m| + 2w²|1 − v|, of which both fall in t.
                let w = abs ripple.Frequency

                let rate =
                    plan.Target.Factors
                    |> Seq.sumBy (fun factor ->
                        let law = factor.Law

                        float factor.Count
                        * Seq.sum (
                            seq {
                                for k in 0 .. law.Count - 1 do
                                    for i in 0 .. law.Dimension - 1 do
                                        let mean = abs law.Means[k * law.Dimension + i]
                                        let spread = abs (1.0 - law.Covariance(k).Variance i)
                                        law.Weights[k] * (w * mean * exp -s + 2.0 * w * w * spread * exp (-2.0 * s))
                            }
                        ))

                let change = 2.0 * ripple.Amplitude ** 2.0 / float plan.Dimension * rate * (t - s)
                return constant, sqrt (0.5 * (first * first + last * last + change))
            | :? Engine.ScoreModifier.Scaled as scale ->
                let c = abs (scale.Factor - 1.0)
                let all = curves |> List.collect (fun (steep, expansion) -> [ steep; expansion ]) |> largest (t - s)

                let fisher =
                    List.zip data (data |> List.map (fun b -> fst (onCell (s, t) (b.Variance, b.Radius))))
                    |> List.sumBy (fun (b, steep) -> b.Copies * b.Dimension * steep.High)

                return { Integral = c * all.Integral; Low = c * all.Low; High = c * all.High }, c * sqrt fisher
            | _ -> return constant, max first last
        }

    let private cells = 60_000

    /// Upper bounds for E_{T1} = exp∫₀^{T1}(1 + L_s)dt and ∫₀^{T1} E_t·ε_t dt. On each of many cells, uniform in ln(e^(2t)·v) of
    /// the smallest τ, ln E grows by integrals in closed form; between the ends it is at most Δ·(largest − smallest slope)/4 above
    /// its chord, and ε at most its largest value.
    let growth (plan: Plan) (t1: float) =
        attempt {
            let! data = blocks plan.Target
            do! Limits.within Limits.mostComponents data.Length $"blocks, each at {cells} times"
            do! Limits.components plan.Target
            let! _ = scoreFacts plan (NoiseLevel.VariancePreserving t1)
            let kinds = data |> List.map (fun b -> b.Variance, b.Radius) |> List.distinct
            let smallest = data |> List.map _.Variance |> List.min
            let length = log ((smallest + RealFunctions.ExpM1(2.0 * t1)) / smallest)

            let time i =
                if i = cells then
                    t1
                else
                    0.5 * RealFunctions.LogOnePlus(smallest * RealFunctions.ExpM1(length * float i / float cells))

            let folder found i =
                attempt {
                    let! logGrowth, total = found
                    let s, t = time i, time (i + 1)
                    let width = t - s
                    let curves = kinds |> List.map (onCell (s, t))
                    let expansion = curves |> List.map snd |> largest width

                    let! slopes, error =
                        (Ok([ expansion ], 0.0), plan.Score.Modifiers)
                        ||> Seq.fold (fun found modifier ->
                            attempt {
                                let! slopes, error = found
                                let! slope, more = modifierOn plan data (s, t) curves modifier
                                return slope :: slopes, error + more
                            })

                    let gained = width + List.sumBy _.Integral slopes
                    let bend = 0.25 * width * List.sumBy (fun p -> p.High - p.Low) slopes

                    let mean =
                        if abs gained < 1e-12 then
                            1.0 + abs gained
                        else
                            RealFunctions.ExpM1 gained / gained

                    let rounding = 1e-14 * (width + List.sumBy (fun p -> abs p.Integral) slopes)
                    // e^(c + d) ≤ e^c + e^(largest c)·e^bend·d, and above its chord c lies a triangle of height ≤ bend.
                    let chord = mean * exp logGrowth
                    let above = 0.5 * bend * exp (logGrowth + max 0.0 gained + bend)
                    return logGrowth + gained + rounding, total + width * error * (chord + above)
                }

            let! logGrowth, total = (Ok(0.0, 0.0), [ 0 .. cells - 1 ]) ||> List.fold folder
            return exp logGrowth * (1.0 + 1e-12), total * (1.0 + 1e-12)
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
