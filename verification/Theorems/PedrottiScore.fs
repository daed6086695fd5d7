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
    /// E_{T1} = exp∫₀^{T1}(1 + L_s)dt and ∫₀^{T1} E_t·ε_t dt, by Simpson's rule in ln w, w = τ² + e^(2t) − 1: on
    /// that scale the time resolves the smallest τ.
    let growth (plan: Plan) (t1: float) =
        attempt {
            let! data = blocks plan.Target
            do! Limits.within Limits.mostComponents data.Length "blocks, each at 6000 times"
            do! Limits.components plan.Target
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
