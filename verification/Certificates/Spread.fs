namespace Sgm.Verification.Certificates

open System
open Sgm.Engine
open Sgm.Verification

/// How far a state may be from the target's mean, √E‖x − c‖² with c = m·E X: W2(q, p)² ≤ E‖x − c‖² + tr Cov(p), by
/// independent draws. A mixture's score is −S(x)·(x − c) + a bounded rest, S(x) between the inverses of its largest and
/// smallest eigenvalue, so that spreads cannot run away where Lipschitz constants do.
module internal Spread =
    let private up x = x * (1.0 + 1e-13)

    /// ‖E X‖ of the data.
    let private centre (target: Target) = sqrt (Constants.meanSquared target NoiseLevel.Data)

    /// W2(q, p)² ≤ spread² + tr Cov(p).
    let distance (target: Target) level spread = up (sqrt (spread * spread + Constants.covarianceTrace target level))

    let between (target: Target) (a: NoiseLevel) (b: NoiseLevel) = up (abs (a.Mean - b.Mean) * centre target)

    let private means (target: Target) =
        [|
            for factor in target.Factors do
                let law = factor.Law
                let d = law.Dimension

                let one =
                    Array.init d (fun i ->
                        Seq.sum (Seq.init law.Count (fun k -> law.Weights[k] * law.Means[k * d + i])))

                for _ in 1 .. factor.Count do
                    yield! one
        |]

    /// √E‖x − c‖² of the first state.
    let start (plan: Plan) (level: NoiseLevel) =
        let offset at (own: float[]) =
            Array.map2 (fun mean x -> (level.Mean * mean - at * x) ** 2.0) (means plan.Target) own |> Array.sum

        match plan.Start with
        | :? Start.Point as point -> up (sqrt (offset 1.0 (Array.ofSeq point.At)))
        | :? Start.Law as law ->
            let far = offset law.Level.Mean (means law.Of)
            up (sqrt (far + Constants.covarianceTrace law.Of law.Level))
        | _ -> infinity

    /// The smallest and largest eigenvalue of a component at a level.
    let private eigenvalues (law: Target) (level: NoiseLevel) =
        let all = law.Factors |> Seq.collect (fun f -> f.Law.Covariances) |> Array.ofSeq
        let least = all |> Seq.map (fun c -> level.VarianceOf c.Smallest) |> Seq.min
        let most = all |> Seq.map (fun c -> level.VarianceOf c.Largest) |> Seq.max
        struct (least, most)

    /// ‖Σ r_k·Σ_k⁻¹(m·μ_k − c)‖ of the score's law for all weights r, c = m·E X of the target.
    let private pull (plan: Plan) (level: NoiseLevel) =
        Seq.zip plan.Target.Factors plan.Score.Of.Factors
        |> Seq.sumBy (fun (own, scored) ->
            let law, d = scored.Law, scored.Law.Dimension

            let middle i = Seq.sum (Seq.init own.Law.Count (fun k -> own.Law.Weights[k] * own.Law.Means[k * d + i]))

            let centre = Array.init d middle

            let component' k =
                let covariance = law.Covariance k

                let along i =
                    let apart = level.Mean * (law.Means[k * d + i] - centre[i])

                    let v =
                        if covariance.Shape = CovarianceShape.Full then
                            covariance.Smallest
                        else
                            covariance.Eigenvalue i

                    (apart / level.VarianceOf v) ** 2.0

                Seq.sum (Seq.init d along)

            float own.Count * (Seq.init law.Count component' |> Seq.max))
        |> sqrt
        |> up

    /// What a step does to the spread: √((Lip·spread + Mean)² + Centred²).
    let step (plan: Plan) (step: Tableau) =
        attempt {
            let! form = Wasserstein.scoreForm plan
            let scored = step.InScores()
            let law = plan.Score.Of

            do!
                require
                    (RelativeEntropy.sameShape plan.Target law)
                    ()
                    "the score's law has its factors on other coordinates than the target"

            let isScalar =
                law.Factors
                |> Seq.forall (fun f -> f.Law.Covariances |> Seq.forall (fun c -> c.Shape = CovarianceShape.Isotropic))

            do!
                require
                    (isScalar || step.Stages.Length = 1)
                    ()
                    $"the growth of '{step.Method}' is known here for components that are isotropic"

            let centre = centre plan.Target
            let near (x: float) = Bracket.Near(x, 1e-15)
            let ripples = sqrt 2.0 * (form.Ripples |> List.sumBy (fun (a, _) -> abs a))
            // x and the mean μ/m of the data go to a·x + …, so that c goes to a·c, which may not be the next level's.
            let moved (a: float) (level: NoiseLevel) =
                let off = abs (a * step.From.Mean - level.Mean)
                (off + 4e-16 * (abs a * step.From.Mean + level.Mean)) * centre

            let combined a level (b: float seq) (earlier: (Bracket * float) list) =
                ((near a, moved a level), Seq.zip b (List.rev earlier))
                ||> Seq.fold (fun (k, rest) (b, (k', rest')) -> k + near b * k', rest + abs b * rest')

            let score earlier (stage: Sgm.Engine.Stage) =
                let k, rest = combined stage.A stage.Level stage.B earlier
                let struct (least, most) = eigenvalues law stage.Level
                let inverse = Bracket.Outward((1.0 - 1e-15) / most, (1.0 + 1e-15) / least)
                let gain = abs form.Gain
                let bounded = gain * (pull plan stage.Level + rest / least) + abs form.Shift + ripples
                (-(near form.Gain) * inverse * k, up bounded) :: earlier

            let k, rest = combined scored.A step.To scored.B (([], scored.Stages) ||> Seq.fold score)
            let noise = step.C * sqrt (float plan.Dimension)

            return
                {
                    Lip = k.Size
                    Add = up (sqrt (rest * rest + noise * noise))
                    Mean = up rest
                    Centred = up noise
                    Noise = step.C
                }
        }
