namespace Sgm.Verification.Certificates

open System
open System.Runtime.CompilerServices
open Sgm.Engine
open Sgm.Verification

/// A mean map A·x + B·s against the one it should be, at a level under p: the difference is α·x + β·∇ln p + γ·e, e = s − ∇ln p.
[<Struct>]
type internal Difference =
    {
        Alpha: float
        Beta: float
        Gamma: float
        /// How much α and β may be off by rounding.
        AlphaError: float
        BetaError: float
    }

/// E_p‖α·x + β·∇ln p + γ·e‖², the only place where a score's error enters a step. For e = (G − 1)·∇ln p + w, w a constant plus ripples, it is a quadratic
/// form with E⟨x, ∇ln p⟩ = −d and E⟨∇ln p, w⟩ = −E div w (by parts); otherwise Minkowski's inequality with ε ≥ ‖e‖.
module internal ScoreTerms =
    /// Of a coordinate of a mixture at a level, under p: sums over the modifiers' ripples r(x) = √2·Σ a·sin(wx), with the sizes of what was summed.
    type private Ripples =
        {
            /// E‖w‖²
            Square: float
            /// E⟨x, w⟩
            Along: float
            /// E div w
            Divergence: float
            SquareSize: float
            AlongSize: float
            DivergenceSize: float
        }

    let private none =
        {
            Square = 0.0
            Along = 0.0
            Divergence = 0.0
            SquareSize = 0.0
            AlongSize = 0.0
            DivergenceSize = 0.0
        }

    /// E x·r(x) of one coordinate: a component N(m, v) has E x·sin(wx) = (m·sin(wm) + wv·cos(wm))·e^(−w²v/2).
    let private alongRipples (form: ScoreForm) (level: NoiseLevel) (law: Mixture) i =
        let mutable sum, size = 0.0, 0.0

        for k in 0 .. law.Count - 1 do
            let v = level.VarianceOf(law.Covariance(k).Variance i)
            let m = level.Mean * law.Means[k * law.Dimension + i]

            for a, w in form.Ripples do
                let damped = sqrt 2.0 * law.Weights[k] * a * exp (-0.5 * w * w * v)
                let value = m * sin (w * m) + w * v * cos (w * m)
                sum <- sum + damped * value
                size <- size + abs damped * (abs m + abs (w * v)) * (1.0 + abs (w * m))

        struct (sum, size)

    let private sums = ConditionalWeakTable<Target, float[]>()

    /// Σ_i E X_i of the data, and the sum of the sizes.
    let private meanSum (target: Target) =
        let find (target: Target) =
            let mutable sum, size = 0.0, 0.0

            for factor in target.Factors do
                let law = factor.Law

                for k in 0 .. law.Count - 1 do
                    for i in 0 .. law.Dimension - 1 do
                        let term = float factor.Count * law.Weights[k] * law.Means[k * law.Dimension + i]
                        sum <- sum + term
                        size <- size + abs term

            [| sum; size |]

        let found = sums.GetValue(target, find)
        struct (found[0], found[1])

    /// w = (shift/√d)·(1, …, 1) + ripples/√d.
    let private ofForm (form: ScoreForm) (target: Target) (level: NoiseLevel) =
        if form.Shift = 0.0 && form.Ripples.IsEmpty then
            none
        else
            let d = float target.Dimension
            let struct (means, sizes) = meanSum target
            let mutable square, squareSize = form.Shift ** 2.0, form.Shift ** 2.0
            let mutable along = form.Shift / sqrt d * level.Mean * means
            let mutable alongSize = abs (form.Shift / sqrt d) * level.Mean * sizes
            let mutable divergence, divergenceSize = 0.0, 0.0

            if not form.Ripples.IsEmpty then
                for factor in target.Factors do
                    let n = float factor.Count

                    for i in 0 .. factor.Law.Dimension - 1 do
                        let r = ScoreForm.rippleMoments form level factor.Law i
                        let struct (x, size) = alongRipples form level factor.Law i
                        square <- square + n * (2.0 * form.Shift * r.First + r.Second) / d

                        squareSize <- squareSize + n * (2.0 * abs form.Shift * r.FirstSize + r.SecondSize) / d

                        along <- along + n * x / sqrt d
                        alongSize <- alongSize + n * size / sqrt d
                        divergence <- divergence + n * r.Slope / sqrt d
                        divergenceSize <- divergenceSize + n * r.SlopeSize / sqrt d

            {
                Square = square
                Along = along
                Divergence = divergence
                SquareSize = squareSize
                AlongSize = alongSize
                DivergenceSize = divergenceSize
            }

    let private isExactBase (plan: Plan) = obj.ReferenceEquals(plan.Score.Of, plan.Target)

    /// c + β²·J ≥ E‖α·x + β·∇ln p + γ·w‖², J = E‖∇ln p‖² of x.
    [<Struct>]
    type Quadratic = { Constant: float; Beta: float }

    let private quadratic (target: Target) (level: NoiseLevel) w alpha beta gamma =
        let d, moment = float target.Dimension, Constants.secondMoment target level

        let terms =
            [|
                alpha * alpha * moment
                -2.0 * alpha * beta * d
                gamma * gamma * w.Square
                2.0 * alpha * gamma * w.Along
                -2.0 * beta * gamma * w.Divergence
            |]

        let sizes =
            alpha * alpha * moment
            + 2.0 * abs (alpha * beta) * d
            + gamma * gamma * w.SquareSize
            + 2.0 * abs (alpha * gamma) * w.AlongSize
            + 2.0 * abs (beta * gamma) * w.DivergenceSize

        { Constant = Array.sum terms + 1e-14 * sizes; Beta = abs beta * (1.0 + 1e-15) }

    /// What of the difference a rounding of its coefficients may be, J being at most `fisher`.
    let rounding (plan: Plan) level fisher (difference: Difference) =
        difference.AlphaError * sqrt (Constants.secondMoment plan.Target level) + difference.BetaError * sqrt fisher

    /// The quadratic forms with the exact score and with the score as it is; the second None where the error is known by its norm only.
    let forms (plan: Plan) (level: NoiseLevel) (difference: Difference) =
        let { Alpha = alpha; Beta = beta; Gamma = gamma } = difference

        let own =
            match ScoreForm.ofScore plan.Score with
            | Some form when isExactBase plan ->
                let w = ofForm form plan.Target level
                Some(quadratic plan.Target level w alpha (beta + gamma * (form.Gain - 1.0)) gamma)
            | _ -> None

        struct (quadratic plan.Target level none alpha beta 0.0, own)

    let private normOf (plan: Plan) level (fisher: Bracket) difference form =
        let informed = form.Beta * form.Beta * fisher.High
        // The sum may cancel: it is right to the rounding of its terms.
        (sqrt (max 0.0 (form.Constant + informed) + 1e-14 * informed) + rounding plan level fisher.High difference)
        * (1.0 + 1e-13)

    /// √E‖…‖² from above with the exact score.
    let exactNorm (plan: Plan) level fisher difference =
        let struct (exact, _) = forms plan level difference
        normOf plan level fisher difference exact

    /// (exact score, this score): upper bounds of √E‖…‖² with e = 0 and with e as it is; the second an Error where no ε is known. `fisher` is J of x.
    let norms
        (plan: Plan)
        (level: NoiseLevel)
        (fisher: Bracket)
        (difference: Difference)
        : Result<float * float, string> =
        let struct (exact, own) = forms plan level difference
        let norm = normOf plan level fisher difference

        match own with
        | Some form -> Ok(norm exact, norm form)
        | None ->
            ScoreError.l2 plan level
            |> Result.map (fun error -> norm exact, (norm exact + abs difference.Gamma * error) * (1.0 + 1e-15))
