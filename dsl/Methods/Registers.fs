namespace Sgm

open System.Collections.Immutable
open Sgm.Engine
open Sgm.Stepping

/// What the methods with a memory share. A register keeps an earlier denoiser D or slope δ = (z − D)/ρ of the anneal; its first
/// step has none, and its last one keeps nothing.
module internal Registers =
    /// A bound on the rounding of every coefficient here: sums of terms of one sign from the gaps between levels, some tens of
    /// operations. Measured in the tests against 512 bits.
    let private rounding = 4e-15

    let x c = Term(Input.Register, 0, c)
    let register k c = Term(Input.Register, k, c)
    let prediction i c = Term(Input.Prediction, i, c)
    let noise i c = Term(Input.Noise, i, c)

    let terms (list: Term list) = ImmutableArray.CreateRange(list |> List.filter (fun term -> term.Coefficient <> 0.0))

    /// The denoiser at a level, at a point of the step.
    let denoiser level at = GeneralStage(level, terms at, Prediction.Denoiser)

    /// A step of these stages to the state and what is kept.
    let general name from to' rounding stages (updates: Term list list) =
        Instruction.General(
            GeneralTableau(
                Method = name,
                From = from,
                To = to',
                Stages = ImmutableArray.CreateRange<GeneralStage> stages,
                Updates = ImmutableArray.CreateRange(List.map terms updates),
                Rounding = rounding
            )
        )
        :> Instruction

    /// A step over a transition, which keeps nothing at the end of its anneal.
    let step name (t: Transition) stages (state: Term list) (registers: Term list list) =
        general name t.Upper t.Lower rounding stages (state :: (if t.IsLast then [] else registers))

    /// A step of one evaluation, at the state.
    let evaluating name (t: Transition) state registers = step name t [ denoiser t.Upper [ x 1.0 ] ] state registers

    /// ln(ρ/ρ′) of a transition that does not end at ρ′ = 0.
    let logStep t =
        let d = descent 0.0 t
        RealFunctions.LogOnePlus(d.Moved / d.Kept)

    /// The gaps between so many earlier levels in ln ρ, the nearest first.
    let logGaps count (t: Transition) = [ for back in 1..count -> logStep (t.Before back) ]

    /// The same in ρ, over the ρ of this transition.
    let gaps count (t: Transition) =
        let scale = Array.create (count + 1) 1.0

        [
            for back in 1..count do
                let d = descent 0.0 (t.Before back)
                scale[back] <- scale[back - 1] / d.Kept
                scale[back - 1] * (d.Moved / d.Kept)
        ]

    /// μ_p = ∫₀^h s^p e^(−s) ds = p!·e^(−h) Σ_n h^(p+1+n)/(p+1+n)!, terms of one sign.
    let private moment h p =
        let factorial = List.fold (fun product i -> product * float i) 1.0 [ 1..p ]

        if h > 100.0 then
            factorial
        else
            let mutable term = exp -h

            for i in 1 .. p + 1 do
                term <- term * h / float i

            let mutable sum = term
            let mutable n = p + 1

            while term > 1e-17 * sum do
                n <- n + 1
                term <- term * h / float n
                sum <- sum + term

            factorial * sum

    /// ∫ s^p ds from 0 to h.
    let private power h p = h ** float (p + 1) / float (p + 1)

    /// Coefficients of a product of (s + a), the constant first.
    let private expanded (roots: float list) =
        ([ 1.0 ], roots) ||> List.fold (fun poly a -> List.map2 (+) (List.map ((*) a) poly @ [ 0.0 ]) (0.0 :: poly))

    /// ∫ L_j(s)·w(s) ds from 0 to h, j = 1, 2, …, for the Lagrange polynomials of the nodes 0, −H₁, −H₂, … with these gaps, given the
    /// moments of w. Numerators have one sign on the way, denominators are products of gaps: nothing cancels.
    let private integrals (moment: int -> float) (gaps: float list) =
        let places = gaps |> List.scan (+) 0.0 |> List.tail

        let distance i j =
            let low, high = min i j, max i j
            gaps |> List.skip (low + 1) |> List.take (high - low) |> List.sum

        [
            for j in 0 .. gaps.Length - 1 do
                let others =
                    [
                        for l in 0 .. gaps.Length - 1 do
                            if l <> j then
                                l
                    ]

                let numerator = expanded (others |> List.map (fun l -> places[l]))
                // s·Π(s + H_l) over −H_j·Π(H_l − H_j).
                let below =
                    (-places[j], others) ||> List.fold (fun product l -> product * float (sign (l - j)) * distance l j)

                (numerator |> List.mapi (fun p c -> c * moment (p + 1)) |> List.sum) / below
        ]

    /// The weights of earlier slopes for the flow with δ interpolated in ρ (Adams–Bashforth on the grid): ∫ L_j dρ over the step, by ρ.
    let adams count (t: Transition) = integrals (power (descent 0.0 t).Moved) (gaps count t) |> List.map (~-)

    /// The same with δ interpolated in ln ρ, dρ = −ρ·e^(−s) ds.
    let exponentialAdams count (t: Transition) = integrals (moment (logStep t)) (logGaps count t) |> List.map (~-)

    /// Euler's step of the flow, and with weights c_j the differences of earlier slopes δ_j from the one now,
    /// z + (ρ′ − ρ)δ + ρ·Σ_j c_j(δ_j − δ); keeps so many slopes.
    let multistep name (t: Transition) keep (weights: float list) =
        let d = descent 0.0 t
        let shrunk = t.Lower.Mean / t.Upper.Mean

        let state =
            [
                x (t.Lower.Sigma / t.Upper.Sigma)
                prediction 0 (t.Lower.Mean * d.Moved)
                for j, c in List.indexed weights do
                    register (j + 1) (shrunk * t.Upper.Sigma * c)
                    x (-shrunk * c)
                    prediction 0 (t.Lower.Mean * c)
            ]

        let slope = [ x (1.0 / t.Upper.Sigma); prediction 0 (-t.Upper.Mean / t.Upper.Sigma) ]
        evaluating name t state (List.truncate keep (slope :: [ for k in 1 .. weights.Length -> [ register k 1.0 ] ]))

    /// ψ_k = Σ_n (−a)^n/(n + k)! = ∫₀¹ e^(−a(1 − θ)) θ^(k−1)/(k − 1)! dθ for a > 0: ψ₁ = (1 − e^(−a))/a.
    let psi k a =
        let factorial n = List.fold (fun product i -> product * float i) 1.0 [ 1..n ]

        if a > 3.0 then
            (-(RealFunctions.ExpM1 -a) / a, [ 1 .. k - 1 ])
            ||> List.fold (fun value j -> (1.0 / factorial j - value) / a)
        else
            // e^(−a) Σ_n a^n/(n!(n + k)), terms of one sign.
            let mutable term, sum, n = 1.0, 1.0 / float k, 0

            while term > 1e-18 do
                n <- n + 1
                term <- term * a / float n
                sum <- sum + term / float (n + k)

            exp -a * sum / factorial (k - 1)

    /// A method of an order from 1 to the most, as its argument.
    let ofOrder word most (step: string -> int -> Transition -> Instruction) order =
        let faults =
            if order >= 1 && order <= most then
                []
            else
                [
                    [ Segment.Part "k" ],
                    Fault.OutOfRange(string order, $"a number of evaluations that are used, from 1 to {most}")
                ]

        withSteps word [ string order ] faults (step word order)

    /// A method with memory and no arguments.
    let withoutNoise word step = withSteps word [] [] (step word)

    /// A method with memory and a share η ≥ 0 of noise, as its argument.
    let noisy word step (eta: float) =
        let faults = within "eta" 0.0 10.0 "a share of noise η from 0 (none) to 10" eta
        withSteps word [ Numeral.ofFloat eta ] faults (step word eta)
