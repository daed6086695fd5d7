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

    /// The form of a score's modifiers; None where it is clipped or learned.
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

    /// Σ_k w_k·cos(w·m_k)·e^(−w²v_k/2) = E cos(w·x_i), and E sin(w·x_i), of coordinate i of a mixture at a level.
    let private waves (level: NoiseLevel) (law: Mixture) i w =
        let mutable cosine, sine = 0.0, 0.0

        for k in 0 .. law.Count - 1 do
            let variance = level.Mean * level.Mean * law.Covariance(k).Variance i + level.NoiseVariance
            let angle = w * level.Mean * law.Means[k * law.Dimension + i]
            let size = law.Weights[k] * exp (-0.5 * w * w * variance)
            cosine <- cosine + size * cos angle
            sine <- sine + size * sin angle

        struct (cosine, sine)

    /// Under one coordinate's law, with r = √2·Σ a_j·sin(w_j·x): E r, E r² and E r′.
    let rippleMoments (form: ScoreForm) (level: NoiseLevel) (law: Mixture) i =
        let mutable first, second, slope = 0.0, 0.0, 0.0

        for a, w in form.Ripples do
            let struct (cosine, sine) = waves level law i w
            first <- first + sqrt 2.0 * a * sine
            slope <- slope + sqrt 2.0 * a * w * cosine

            for b, u in form.Ripples do
                let struct (difference, _) = waves level law i (w - u)
                let struct (sum, _) = waves level law i (w + u)
                second <- second + a * b * (difference - sum)

        struct (first, second, slope)

    /// For e = (gain − 1)·∇ln p + g, E‖e‖² from above: (gain − 1)²·J + 2(gain − 1)·E⟨∇ln p, g⟩ + E‖g‖², where E⟨∇ln p, g⟩ = −Σ_i E g_i′ by parts and J ≥ E‖∇ln p‖².
    let errorSquare (form: ScoreForm) (target: Target) level fisher =
        let d, excess = float target.Dimension, form.Gain - 1.0
        let mutable sum, sizes = form.Shift * form.Shift, form.Shift * form.Shift

        if not form.Ripples.IsEmpty then
            for factor in target.Factors do
                for i in 0 .. factor.Law.Dimension - 1 do
                    let struct (first, second, slope) = rippleMoments form level factor.Law i
                    let copies = float factor.Count
                    let crossing = 2.0 * form.Shift * first / d
                    let parts = 2.0 * excess * slope / sqrt d
                    sum <- sum + copies * (crossing + second / d - parts)
                    sizes <- sizes + copies * (abs crossing + abs second / d + abs parts)

        let curved = if excess = 0.0 then 0.0 else excess * excess * fisher ()
        curved + max 0.0 (sum + 1e-14 * sizes)
