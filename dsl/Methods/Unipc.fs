namespace Sgm

open Sgm.Engine
open Sgm.Registers
open Sgm.Stepping

[<AutoOpen>]
module UnipcMethod =
    /// Weights w_j of the differences D_j − D at the places r_j, the distance in ln ρ over h (1 is the step's end): the solution of
    /// Σ_j w_j·r_j^i = b_i, b_i = i!·ψ_{i+1}/ψ₁ (B(h) = e^(−h) − 1), i = 1 … number of places. One place alone has w·r = ½.
    let private weights h (places: float list) =
        let b i = List.fold (fun product j -> product * float j) 1.0 [ 1..i ] * psi (i + 1) h / psi 1 h

        let weighted =
            match places with
            | [] -> []
            | [ _ ] -> [ 0.5 ]
            | [ r; s ] -> [ (b 2 - s * b 1) / (r - s); (b 2 - r * b 1) / (s - r) ]
            | _ ->
                [
                    for i, r in List.indexed places do
                        let others =
                            [
                                for j, s in List.indexed places do
                                    if j <> i then
                                        s
                            ]

                        let s, u = others[0], others[1]
                        // (b₃ − (s + u)b₂ + su·b₁)/((r − s)(r − u)), the differences taken first where one place is 1.
                        let above =
                            if u = 1.0 then
                                (b 3 - b 2) - s * (b 2 - b 1)
                            else
                                b 3 - (s + u) * b 2 + s * u * b 1

                        above / ((r - s) * (r - u))
                ]

        List.map2 (/) weighted places

    /// From a state y at the upper level of a transition to the lower one: e^(−h)·y + (1 − e^(−h))·(D + Σ_j w_j(D_j − D)), as terms of
    /// y, of D and of the others.
    let private combined
        (t: Transition)
        scale
        (y: float -> Term)
        (d: float -> Term)
        (others: ((float -> Term) * float) list)
        =
        let pull = t.Lower.Mean * (descent 0.0 t).Moved * scale

        [
            y (t.Lower.Sigma / t.Upper.Sigma * scale)
            d pull
            for other, w in others do
                other (pull * w)
                d (-pull * w)
        ]

    /// Registers: 1 the corrected state before this one, 2, 3, … the denoisers from there on back. First the state that was predicted is
    /// corrected with the denoiser at it, then the next one predicted.
    let private step name k (t: Transition) =
        let places count (at: Transition) =
            let h = logStep at
            h, logGaps count at |> List.scan (+) 0.0 |> List.tail |> List.map (fun far -> -far / h)

        // The corrected state here, times a factor.
        let corrected scale =
            if t.Index = 0 then
                [ x scale ]
            else
                let before = t.Before 1
                let count = min before.Index (k - 1)
                let h, earlier = places count before

                let others =
                    List.zip
                        ([ for j in 1..count -> register (j + 2) ] @ [ prediction 0 ])
                        (weights h (earlier @ [ 1.0 ]))

                combined before scale (register 1) (register 2) others

        let predicted =
            let ratio = t.Lower.Sigma / t.Upper.Sigma
            let pull = t.Lower.Mean * (descent 0.0 t).Moved
            let count = if t.Lower.Sigma = 0.0 then 0 else min t.Index (k - 1)

            let others =
                if count = 0 then
                    []
                else
                    let h, earlier = places count t
                    List.zip [ for j in 1..count -> register (j + 1) ] (weights h earlier)

            [
                if ratio > 0.0 then
                    yield! corrected ratio
                prediction 0 pull
                for other, w in others do
                    other (pull * w)
                    prediction 0 (-pull * w)
            ]

        let denoisers = [ prediction 0 1.0 ] :: [ for j in 1 .. min t.Index (k - 1) -> [ register (j + 1) 1.0 ] ]
        evaluating name t predicted (corrected 1.0 :: denoisers)

    /// UniPC of order k with B(h) = e^(−h) − 1: every state is corrected with the denoiser at it before the next one is predicted.
    let unipc k = ofOrder "unipc" 3 step k

    let internal unipcEntry =
        {
            Words =
                [
                    Word.word1
                        "unipc"
                        ("k", Kind.whole)
                        Kind.predictor
                        unipc
                        "unipc 2"
                        "the flow by a predictor of order k, 1 to 3, whose states are corrected with the denoiser at them (UniPC)"
                ]
            Method = unipc 2
            Formula =
                "z̃′ = e^(−h)z + (1 − e^(−h))(D + Σ_j w_j(D_j − D)) over the last k denoisers, then with D(z̃′, ρ′) among them for the state z′ that the next step starts from; Σ_j w_j r_j^i = i!ψ_{i+1}/ψ₁ (r_j the distance of D_j in ln ρ over h, ψ_k = Σ_n (−h)^n/(n + k)!), w r = ½ for one alone; Euler's step to ρ′ = 0"
            Source = "Zhao et al. 2023 (UniPC-k, data prediction, B₂)"
            UsualNames = [ "UniPC"; "diffusers UniPCMultistepScheduler" ]
            Order = 3
            Evaluations = 1
        }
