namespace Sgm.Verification

open System
open System.Collections.Generic
open Sgm.Engine
open Sgm.Verification.Certificates

/// Expectations under a law in the plane.
type internal PlaneFacts =
    {
        /// E ‖∇ln p‖²
        Fisher: Bracket
        /// E ‖∇²ln p‖² (Frobenius)
        Curvature: Bracket
        /// −E ln p
        Entropy: Bracket
        /// E ‖G·∇ln q + b − ∇ln p‖² for another law q; 0 where none was given.
        Error: Bracket
    }

/// Integrals over the plane, enclosed: 16 × 16 Gauss–Legendre points on squares, whose error is bounded by the largest
/// value of the integrand on complex neighbourhoods (Bernstein's ellipses) of a square. The proof is in README.md of
/// this folder.
module internal PlaneIntegrals =
    open Bernstein

    /// Deviations beyond the means: a mass of e^(−48).
    let private reach = 9.8

    let private tolerance = 1e-12

    /// Of points times components, some two seconds, and components of a law.
    let private mostWork = 1e8
    let private mostComponents = 64

    /// Beyond the box, where component k has ρ² ≥ r²: E[1], E[ρ²] and E[ρ⁴] there are these times e^(−r²/2).
    let private beyond (law: PlaneComponents) second =
        let square = reach * reach
        let left, two, four = 1.0, square + 2.0, square * square + 4.0 * square + 8.0
        let sums = Array.zeroCreate<float> PlaneSquare.names

        for k in 0 .. law.Count - 1 do
            let w, n = law.Weights[k] * exp (-0.5 * square), law.Norms[k]
            sums[0] <- sums[0] + w * n * two
            sums[1] <- sums[1] + w * n * n * (left + 4.0 * two + 4.0 * four)
            sums[2] <- sums[2] + w * (2.0 * law.Height * left + 0.5 * two)
            sums[3] <- sums[3] + w * second k

        sums

    let private enclose (law: PlaneComponents) (other: struct (PlaneComponents * float * float) voption) =
        let side =
            let half (m: float) s = m - reach * s, m + reach * s

            let ends =
                Array.map2 (fun m (struct (s, _)) -> half m s) law.X law.Deviations,
                Array.map2 (fun m (struct (_, s)) -> half m s) law.Y law.Deviations

            let box (pairs: (float * float)[]) =
                pairs |> Array.map fst |> Array.min, pairs |> Array.map snd |> Array.max

            let (left, right), (bottom, top) = box (fst ends), box (snd ends)
            struct (0.5 * (left + right), 0.5 * (bottom + top), 0.5 * (max (right - left) (top - bottom)))

        let struct (atX, atY, half) = side

        let gain, shift =
            match other with
            | ValueSome(struct (_, g, b)) -> abs g, b
            | ValueNone -> 0.0, 0.0

        let second =
            match other with
            | ValueSome(struct (q, _, _)) -> Some q
            | ValueNone -> None

        let fisher = Array.fold2 (fun sum w n -> sum + 2.0 * w * n) 0.0 law.Weights law.Norms
        let bent = Array.fold2 (fun sum w n -> sum + 40.0 * w * n * n) 0.0 law.Weights law.Norms
        let scales = [| fisher; bent; 1.0; fisher |]
        let used = if second.IsSome then 4 else 3

        let sums, errors, rough =
            Array.zeroCreate<float> PlaneSquare.names,
            Array.zeroCreate<float> PlaneSquare.names,
            Array.zeroCreate<float> PlaneSquare.names

        let shares, otherShares =
            Array.zeroCreate<float> law.Count,
            Array.zeroCreate<float>(
                match second with
                | Some q -> q.Count
                | None -> 0
            )

        let stack = Stack<struct (float * float * float * int[] * int[])>()
        let everything n = Array.init n id
        stack.Push(struct (atX, atY, half, everything law.Count, everything otherShares.Length))
        let mutable work = 0.0

        while stack.Count > 0 && work <= mostWork do
            let struct (x, y, h, own, beside) = stack.Pop()
            work <- work + 4.0 * float (own.Length + beside.Length)
            let allowed = tolerance * (h / half) * (h / half)

            let steep =
                match second with
                | Some q -> gain * PlaneSquare.slopeOf q beside x y h + shift
                | None -> 0.0

            let least = PlaneSquare.crude law own x y h steep
            let isSmall = Seq.forall (fun i -> least[i] <= 0.1 * allowed * scales[i]) (seq { 0 .. used - 1 })

            if isSmall then
                for i in 0 .. used - 1 do
                    errors[i] <- errors[i] + least[i]
            else
                // One coordinate complex, then the other.
                let look (law: PlaneComponents) active =
                    let struct (first, kept) = PlaneSquare.region law active x y (major * h) (minor * h) h 0.0
                    let struct (next, also) = PlaneSquare.region law active x y h 0.0 (major * h) (minor * h)

                    struct (first, next, Array.append kept also |> Array.distinct)

                let struct (across, along, kept) = look law own

                let struct (otherAcross, otherAlong, keptBeside) =
                    match second with
                    | Some q -> look q beside
                    | None -> struct (ValueSome AnalyticBounds.Zero, ValueSome AnalyticBounds.Zero, beside)

                let largest (one: AnalyticBounds) (next: AnalyticBounds) =
                    [|
                        one.P * one.Slope * one.Slope
                        one.P * one.Bend * one.Bend
                        one.P * one.Log
                        one.P * (gain * next.Slope + shift + one.Slope) ** 2.0
                    |]

                let left =
                    match across, along, otherAcross, otherAlong with
                    | ValueSome a, ValueSome b, ValueSome c, ValueSome d ->
                        Array.map2 (fun m n -> 2.0 * h * h * remainder * (m + n)) (largest a c) (largest b d)
                    | _ -> Array.create PlaneSquare.names infinity

                if Seq.forall (fun i -> left[i] <= allowed * scales[i]) (seq { 0 .. used - 1 }) then
                    work <- work + float (order * order) * float (own.Length + beside.Length)

                    for i in 0 .. used - 1 do
                        errors[i] <- errors[i] + left[i]

                    for i in 0 .. order - 1 do
                        for j in 0 .. order - 1 do
                            let px, py = x + h * nodes[i], y + h * nodes[j]
                            let w = h * h * weights[i] * weights[j]
                            let struct (log, g, k, bend, size, second') = PlaneSquare.point law own shares px py
                            let p = w * exp log
                            sums[0] <- sums[0] + p * (g * g + k * k)
                            sums[1] <- sums[1] + p * bend
                            sums[2] <- sums[2] - p * log
                            rough[0] <- rough[0] + p * size
                            rough[1] <- rough[1] + p * second'
                            rough[2] <- rough[2] + p * (1.0 + abs log)

                            match other with
                            | ValueSome(struct (q, gain, shift)) ->
                                let struct (_, og, ok, _, otherSize, _) = PlaneSquare.point q beside otherShares px py
                                let each = shift / sqrt 2.0
                                let e, f = gain * og + each - g, gain * ok + each - k
                                sums[3] <- sums[3] + p * (e * e + f * f)
                                rough[3] <- rough[3] + p * (size + gain * gain * otherSize + shift * shift)
                            | ValueNone -> ()
                else
                    let h = 0.5 * h

                    for dx in [ -h; h ] do
                        for dy in [ -h; h ] do
                            stack.Push(struct (x + dx, y + dy, h, kept, keptBeside))

        if stack.Count > 0 then
            Error $"the law in the plane has more structure than {mostWork:g2} evaluations of a component resolve"
        else
            // ‖∇ln q‖ ≤ max ‖P_j‖(‖x − μ_k‖ + ‖μ_k − ν_j‖) and ‖x − μ_k‖² ≤ ρ²/λ of P.
            let apart k =
                match second with
                | None -> 0.0
                | Some q ->
                    let square = reach * reach
                    let struct (s, t) = law.Deviations[k]
                    let n = Array.max q.Norms
                    let far = Array.map2 (fun x y -> abs (x - law.X[k]) + abs (y - law.Y[k])) q.X q.Y |> Array.max
                    let moved = gain * n * far + shift

                    2.0 * law.Norms[k] * (square + 2.0)
                    + 4.0 * gain * gain * n * n * (s * s + t * t) * (square + 2.0)
                    + 4.0 * moved * moved

            let outside = beyond law apart

            let rounding =
                law.Rounding
                + (match second with
                   | Some q -> q.Rounding
                   | None -> 0.0)
                + 1e-13

            let bracket i =
                let spare = (errors[i] + outside[i] + 8.0 * rounding * rough[i]) * 1.01 + 1e-300
                Bracket.Outward(sums[i] - spare, sums[i] + spare)

            Ok
                {
                    Fisher = (bracket 0).NotNegative
                    Curvature = (bracket 1).NotNegative
                    Entropy = bracket 2
                    Error = (bracket 3).NotNegative
                }

    /// E‖∇ln p‖², E‖∇²ln p‖² and −E ln p of a mixture in the plane at a level, enclosed; an Error where that takes too long.
    let facts (law: Mixture) level =
        Limits.within mostComponents law.Count "components in the plane"
        |> Result.bind (fun () -> enclose (PlaneComponents(law, level)) ValueNone)

    /// E_p‖G·∇ln q + (b/√2)·(1, 1) − ∇ln p‖², enclosed.
    let scoreError (law: Mixture) (other: Mixture) gain shift level =
        Limits.within mostComponents (max law.Count other.Count) "components in the plane"
        |> Result.bind (fun () ->
            enclose (PlaneComponents(law, level)) (ValueSome(struct (PlaneComponents(other, level), gain, shift))))
        |> Result.map _.Error
