namespace Sgm.Verification

open Sgm.Engine

/// A modified score as gain·base + (shift/√d)·(1, …, 1) + Σ_j (a_j/√d)·√2·sin(w_j·x_i) in every coordinate i.
type ScoreForm =
    {
        Gain: float
        Shift: float
        /// Amplitude a and frequency w.
        Ripples: (float * float) list
    }

module ScoreForm =
    let private change (form: ScoreForm) (modifier: ScoreModifier) =
        match modifier with
        | :? ScoreModifier.Shifted as shifted -> Some { form with Shift = form.Shift + shifted.Amount }
        | :? ScoreModifier.Scaled as scaled ->
            Some
                {
                    Gain = scaled.Factor * form.Gain
                    Shift = scaled.Factor * form.Shift
                    Ripples = form.Ripples |> List.map (fun (a, w) -> scaled.Factor * a, w)
                }
        | :? ScoreModifier.Rippled as rippled ->
            Some { form with Ripples = (rippled.Amplitude, rippled.Frequency) :: form.Ripples }
        | _ -> None

    /// The form of a score's modifiers; None where it is clipped, blended or learned.
    let ofScore (score: Score) =
        (Some { Gain = 1.0; Shift = 0.0; Ripples = [] }, score.Modifiers)
        ||> Seq.fold (fun form modifier -> form |> Option.bind (fun f -> change f modifier))
        |> Option.map (fun form ->
            { form with
                Ripples =
                    form.Ripples
                    |> List.groupBy snd
                    |> List.map (fun (w, several) -> List.sumBy fst several, w)
                    |> List.filter (fun (a, w) -> a <> 0.0 && w <> 0.0)
            })

    /// Expectations under one coordinate's law, and the sizes of what was summed: each is right to 1e-14 of its size.
    type RippleMoments =
        {
            /// E r
            First: float
            FirstSize: float
            /// E r²
            Second: float
            SecondSize: float
            /// E r′
            Slope: float
            SlopeSize: float
        }

    /// Under one coordinate's law, with r = √2·Σ a_j·sin(w_j·x), from E e^(iwx) = e^(iwm − w²v/2) of a component N(m, v). With
    /// E₋ = e^(−(w − u)²v/2), 2·E sin(wx)·sin(ux) = 2·sin(wm)·sin(um)·E₋ + cos((w + u)m)·(1 − e^(−2wuv))·E₋ for wu > 0, which cancels
    /// nowhere where r is small. An angle wm is known to some rounding of itself, which counts as a part of the sizes.
    let rippleMoments (form: ScoreForm) (level: NoiseLevel) (law: Mixture) i =
        let mutable first, firstSize = 0.0, 0.0
        let mutable second, secondSize = 0.0, 0.0
        let mutable slope, slopeSize = 0.0, 0.0

        for k in 0 .. law.Count - 1 do
            let p = law.Weights[k]
            let v = level.Mean * level.Mean * law.Covariance(k).Variance i + level.NoiseVariance
            let m = level.Mean * law.Means[k * law.Dimension + i]

            for a, w in form.Ripples do
                let damped = sqrt 2.0 * p * a * exp (-0.5 * w * w * v)
                let blur = 0.1 * abs (w * m)
                first <- first + damped * sin (w * m)
                firstSize <- firstSize + abs damped * (abs (sin (w * m)) + blur)
                slope <- slope + damped * w * cos (w * m)
                slopeSize <- slopeSize + abs (damped * w) * (1.0 + blur)

                for b, u in form.Ripples do
                    // sin(−ux) = −sin(ux).
                    let b, u = if w * u < 0.0 then -b, -u else b, u
                    let damped = p * a * b * exp (-0.5 * (w - u) * (w - u) * v)
                    let fixed' = 2.0 * sin (w * m) * sin (u * m)
                    let spread = -(RealFunctions.ExpM1(-2.0 * w * u * v))
                    let blur = 0.2 * (abs (w * m) + abs (u * m))
                    second <- second + damped * (fixed' + cos ((w + u) * m) * spread)
                    secondSize <- secondSize + abs damped * (abs fixed' + spread + blur)

        {
            First = first
            FirstSize = firstSize
            Second = second
            SecondSize = secondSize
            Slope = slope
            SlopeSize = slopeSize
        }

    /// For e = (gain − 1)·∇ln p + g, E‖e‖² from above: (gain − 1)²·J + 2(gain − 1)·E⟨∇ln p, g⟩ + E‖g‖², where E⟨∇ln p, g⟩ = −Σ_i E g_i′ by parts and J ≥ E‖∇ln p‖².
    let errorSquare (form: ScoreForm) (target: Target) level fisher =
        let d, excess = float target.Dimension, form.Gain - 1.0
        let mutable sum, sizes = form.Shift * form.Shift, form.Shift * form.Shift

        if not form.Ripples.IsEmpty then
            for factor in target.Factors do
                for i in 0 .. factor.Law.Dimension - 1 do
                    let r = rippleMoments form level factor.Law i
                    let copies = float factor.Count
                    let crossing, parts = 2.0 * form.Shift / d, 2.0 * excess / sqrt d
                    sum <- sum + copies * (crossing * r.First + r.Second / d - parts * r.Slope)

                    sizes <- sizes + copies * (abs crossing * r.FirstSize + r.SecondSize / d + abs parts * r.SlopeSize)

        let curved = if excess = 0.0 then 0.0 else excess * excess * fisher ()
        curved + max 0.0 (sum + 1e-14 * sizes)
