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

/// A mixture in the plane at a level: its components are e^(q_k), q_k(x) = Top − ½(x − μ)ᵀP(x − μ), P = (A, B; B, C).
type internal PlaneComponents(law: Mixture, level: NoiseLevel) =
    let numbers = [| for k in 0 .. law.Count - 1 do if law.Weights[k] > 0.0 then k |]
    let variance k i j = law.Covariance(k).Entry(i, j, (fun v -> level.VarianceOf v))
    let all = numbers |> Array.map (fun k -> struct (variance k 0 0, variance k 0 1, variance k 1 1))
    let determinants = all |> Array.map (fun (struct (a, b, c)) -> a * c - b * b)
    let each f = Array.map2 (fun (struct (a, b, c)) det -> f a b c det) all determinants
    let norms = each (fun a b c det -> sqrt (a * a + 2.0 * b * b + c * c) / det)

    let logWeight i = log law.Weights[numbers[i]]
    let tops = determinants |> Array.mapi (fun i det -> logWeight i - log (2.0 * Math.PI) - 0.5 * log det)
    member val X = numbers |> Array.map (fun k -> level.Mean * law.Means[2 * k])
    member val Y = numbers |> Array.map (fun k -> level.Mean * law.Means[2 * k + 1])
    member val A = each (fun _ _ c det -> c / det)
    member val B = each (fun _ b _ det -> -b / det)
    member val C = each (fun a _ _ det -> a / det)
    member val Weights = numbers |> Array.map (fun k -> law.Weights[k])
    member val Top = tops
    /// At least ln p anywhere, and |Top_k|.
    member val Height = (tops |> Array.map abs |> Array.max) + log (float tops.Length)
    /// ‖P‖ in Frobenius' norm, at least its largest eigenvalue.
    member val Norms = norms
    member val Deviations = each (fun a _ c _ -> struct (sqrt a, sqrt c))
    /// How far a q_k that counts may be from what it is computed as, and its gradient relative to its size: coordinates and P are rounded.
    member val Rounding =
        Array.init all.Length (fun i ->
            let struct (a, _, c), k = all[i], numbers[i]
            let condition, size = norms[i] * (a + c), abs law.Means[2 * k] + abs law.Means[2 * k + 1]
            1e-15 * (100.0 * condition + 10.0 * size * level.Mean * sqrt norms[i]))
        |> Array.max

    member this.Count = this.X.Length

/// Integrals over the plane, enclosed: 16 × 16 Gauss–Legendre points on squares, whose error is bounded by the largest value of the integrand on
/// complex neighbourhoods (Bernstein's ellipses) of a square. The proof is in README.md of this folder.
module internal PlaneIntegrals =
    let private order = 16
    let private nodes, private weights =
        let rule = MathNet.Numerics.Integration.GaussLegendreRule(-1.0, 1.0, order)
        rule.Abscissas, rule.Weights

    /// ρ of the ellipse, its half-axes, and what a largest value counts: 4.1·ρ^(−32)/(1 − ρ^(−2)).
    let private rho = 4.0
    let private major, private minor = 0.5 * (rho + 1.0 / rho), 0.5 * (rho - 1.0 / rho)
    let private remainder = 4.1 * rho ** -32.0 / (1.0 - rho ** -2.0)

    /// Deviations beyond the means: a mass of e^(−48).
    let private reach = 9.8

    /// ln of what is left out of a square and of those in it, beside what is kept.
    let private negligible = -80.0

    let private tolerance = 1e-12

    /// Of points times components, some two seconds, and components of a law.
    let private mostWork = 1e8
    let private mostComponents = 64

    let private names = 4

    /// Bounds on a neighbourhood of a square: |p|, ‖∇ln p‖, ‖∇²ln p‖, |ln p|; none where p might vanish there.
    [<Struct>]
    type private Region = { P: float; Slope: float; Bend: float; Log: float }

    /// |δx| ≤ r1 with |Im δx| ≤ i1 around (x, y), and the same for δy. Also those components that count in it and in all squares of the square.
    let private region (law: PlaneComponents) (active: int[]) x y r1 i1 r2 i2 =
        let at k = struct (x - law.X[k], y - law.Y[k])

        let slopes k =
            let struct (u, v) = at k
            struct (law.A[k] * u + law.B[k] * v, law.B[k] * u + law.C[k] * v)

        let height k =
            let struct (u, v) = at k
            let struct (g, h) = slopes k
            law.Top[k] - 0.5 * (g * u + h * v)

        let heights = active |> Array.map height
        let first = Array.IndexOf(heights, Array.max heights)
        let r = active[first]
        let struct (g, h) = slopes r
        let mutable bad, others, p, slope, bend, rest, restBend = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        let kept = List<int>()

        for i in 0 .. active.Length - 1 do
            let k = active[i]
            let struct (gk, hk) = slopes k
            let a, b, c = abs (law.A[k] - law.A[r]), abs (law.B[k] - law.B[r]), abs (law.C[k] - law.C[r])
            let dg, dh = abs (gk - g), abs (hk - h)

            let up =
                heights[i] - heights[first]
                + dg * r1
                + dh * r2
                + 0.5 * (a * r1 * r1 + 2.0 * b * r1 * r2 + c * r2 * r2)

            let turn = dg * i1 + dh * i2 + a * r1 * i1 + b * (i1 * r2 + r1 * i2) + c * r2 * i2
            let across = abs gk + law.A[k] * r1 + abs law.B[k] * r2
            let along = abs hk + abs law.B[k] * r1 + law.C[k] * r2
            let size = sqrt (across * across + along * along)
            let second = law.Norms[k] + size * size
            if turn > Math.PI / 3.0 then bad <- bad + exp up
            if i <> first then others <- others + exp up

            p <-
                p
                + exp (
                    heights[i]
                    + abs gk * r1
                    + abs hk * r2
                    + 0.5 * (law.A[k] * i1 * i1 + law.C[k] * i2 * i2)
                )

            if up > -60.0 then
                slope <- max slope size
                bend <- max bend second
            else
                rest <- rest + 2.0 * exp up * size
                restBend <- restBend + 2.0 * exp up * second

            if up > negligible || second * second > 1e12 * (1.0 + bend * bend) then kept.Add k

        let quadratic = 0.5 * (law.A[r] * r1 * r1 + 2.0 * abs law.B[r] * r1 * r2 + law.C[r] * r2 * r2)
        let slope = 3.0 * slope + rest

        let found =
            if bad <= 0.5 then
                ValueSome
                    {
                        P = p
                        Slope = slope
                        Bend = 3.0 * bend + restBend + slope * slope
                        Log = abs heights[first] + abs g * r1 + abs h * r2 + quadratic + log (1.0 + others) + 2.3
                    }
            else
                ValueNone

        struct (found, kept.ToArray())

    /// On real squares p·f ≤ Σ e^(q_k)·f_k, whether p vanishes nearby or not.
    let private crude (law: PlaneComponents) (active: int[]) x y h (second: float) =
        let sums = Array.zeroCreate<float> names

        for k in active do
            let u, v = x - law.X[k], y - law.Y[k]
            let g, i = law.A[k] * u + law.B[k] * v, law.B[k] * u + law.C[k] * v
            let height = law.Top[k] - 0.5 * (g * u + i * v)
            let mass = 4.0 * h * h * exp (height + (abs g + abs i) * h)
            let across = abs g + (law.A[k] + abs law.B[k]) * h
            let along = abs i + (law.C[k] + abs law.B[k]) * h
            let square = across * across + along * along
            let fall = 0.5 * (law.A[k] + 2.0 * abs law.B[k] + law.C[k]) * h * h
            sums[0] <- sums[0] + mass * square
            sums[1] <- sums[1] + mass * (law.Norms[k] + 2.0 * square) ** 2.0
            sums[2] <- sums[2] + mass * (abs height + (abs g + abs i) * h + fall + law.Height)
            sums[3] <- sums[3] + 2.0 * mass * (square + second * second)

        sums

    /// ‖G·∇ln q + b‖ on a real square, from above.
    let private slopeOf (other: PlaneComponents) (active: int[]) x y h =
        (0.0, active)
        ||> Array.fold (fun most k ->
            let u, v = x - other.X[k], y - other.Y[k]
            let across = abs (other.A[k] * u + other.B[k] * v) + (other.A[k] + abs other.B[k]) * h
            let along = abs (other.B[k] * u + other.C[k] * v) + (other.C[k] + abs other.B[k]) * h
            max most (sqrt (across * across + along * along)))

    /// p, ∇ln p, ‖∇²ln p‖² at a place, with Σ r‖∇q‖² and Σ r(‖P‖ + ‖∇q‖²)² for their rounding.
    let private point (law: PlaneComponents) (active: int[]) (shares: float[]) x y =
        let mutable top = Double.NegativeInfinity

        for i in 0 .. active.Length - 1 do
            let k = active[i]
            let u, v = x - law.X[k], y - law.Y[k]
            let height = law.Top[k] - 0.5 * (u * (law.A[k] * u + 2.0 * law.B[k] * v) + law.C[k] * v * v)
            shares[i] <- height
            top <- max top height

        let mutable sum, g, h, size, second = 0.0, 0.0, 0.0, 0.0, 0.0

        for i in 0 .. active.Length - 1 do
            let k = active[i]
            let u, v = x - law.X[k], y - law.Y[k]
            let r = exp (shares[i] - top)
            let gk, hk = -(law.A[k] * u + law.B[k] * v), -(law.B[k] * u + law.C[k] * v)
            let square = gk * gk + hk * hk
            shares[i] <- r
            sum <- sum + r
            g <- g + r * gk
            h <- h + r * hk
            size <- size + r * square
            second <- second + r * (law.Norms[k] + square) * (law.Norms[k] + square)

        g <- g / sum
        h <- h / sum
        let mutable a, b, c = 0.0, 0.0, 0.0

        for i in 0 .. active.Length - 1 do
            let k = active[i]
            let u, v = x - law.X[k], y - law.Y[k]
            let r = shares[i] / sum
            let dg, dh = -(law.A[k] * u + law.B[k] * v) - g, -(law.B[k] * u + law.C[k] * v) - h
            a <- a + r * (dg * dg - law.A[k])
            b <- b + r * (dg * dh - law.B[k])
            c <- c + r * (dh * dh - law.C[k])

        struct (top + log sum, g, h, a * a + 2.0 * b * b + c * c, size / sum, second / sum)

    /// Beyond the box, where component k has ρ² ≥ r²: E[1], E[ρ²] and E[ρ⁴] there are these times e^(−r²/2).
    let private beyond (law: PlaneComponents) second =
        let square = reach * reach
        let left, two, four = 1.0, square + 2.0, square * square + 4.0 * square + 8.0
        let sums = Array.zeroCreate<float> names

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

            let box (pairs: (float * float)[]) = pairs |> Array.map fst |> Array.min, pairs |> Array.map snd |> Array.max
            let (left, right), (bottom, top) = box (fst ends), box (snd ends)
            struct (0.5 * (left + right), 0.5 * (bottom + top), 0.5 * (max (right - left) (top - bottom)))

        let struct (atX, atY, half) = side
        let gain, shift = match other with ValueSome(struct (_, g, b)) -> abs g, b | ValueNone -> 0.0, 0.0
        let second = match other with ValueSome(struct (q, _, _)) -> Some q | ValueNone -> None
        let fisher = Array.fold2 (fun sum w n -> sum + 2.0 * w * n) 0.0 law.Weights law.Norms
        let bent = Array.fold2 (fun sum w n -> sum + 40.0 * w * n * n) 0.0 law.Weights law.Norms
        let scales = [| fisher; bent; 1.0; fisher |]
        let used = if second.IsSome then 4 else 3
        let sums, errors, rough = Array.zeroCreate<float> names, Array.zeroCreate<float> names, Array.zeroCreate<float> names
        let shares, otherShares = Array.zeroCreate<float> law.Count, Array.zeroCreate<float> (match second with Some q -> q.Count | None -> 0)
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
                | Some q -> gain * slopeOf q beside x y h + shift
                | None -> 0.0

            let least = crude law own x y h steep
            let isSmall = Seq.forall (fun i -> least[i] <= 0.1 * allowed * scales[i]) (seq { 0 .. used - 1 })

            if isSmall then
                for i in 0 .. used - 1 do
                    errors[i] <- errors[i] + least[i]
            else
                // One coordinate complex, then the other.
                let look (law: PlaneComponents) active =
                    let struct (first, kept) = region law active x y (major * h) (minor * h) h 0.0
                    let struct (next, also) = region law active x y h 0.0 (major * h) (minor * h)
                    struct (first, next, (if kept.Length >= also.Length then Array.append kept also |> Array.distinct else Array.append also kept |> Array.distinct))

                let struct (across, along, kept) = look law own

                let struct (otherAcross, otherAlong, keptBeside) =
                    match second with
                    | Some q -> look q beside
                    | None -> struct (ValueSome { P = 0.0; Slope = 0.0; Bend = 0.0; Log = 0.0 }, ValueSome { P = 0.0; Slope = 0.0; Bend = 0.0; Log = 0.0 }, beside)

                let largest (one: Region) (next: Region) =
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
                    | _ -> Array.create names infinity

                if Seq.forall (fun i -> left[i] <= allowed * scales[i]) (seq { 0 .. used - 1 }) then
                    work <- work + float (order * order) * float (own.Length + beside.Length)

                    for i in 0 .. used - 1 do
                        errors[i] <- errors[i] + left[i]

                    for i in 0 .. order - 1 do
                        for j in 0 .. order - 1 do
                            let px, py = x + h * nodes[i], y + h * nodes[j]
                            let w = h * h * weights[i] * weights[j]
                            let struct (log, g, k, bend, size, second') = point law own shares px py
                            let p = w * exp log
                            sums[0] <- sums[0] + p * (g * g + k * k)
                            sums[1] <- sums[1] + p * bend
                            sums[2] <- sums[2] - p * log
                            rough[0] <- rough[0] + p * size
                            rough[1] <- rough[1] + p * second'
                            rough[2] <- rough[2] + p * (1.0 + abs log)

                            match other with
                            | ValueSome(struct (q, gain, shift)) ->
                                let struct (_, og, ok, _, otherSize, _) = point q beside otherShares px py
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
            let rounding = law.Rounding + (match second with Some q -> q.Rounding | None -> 0.0) + 1e-13

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
