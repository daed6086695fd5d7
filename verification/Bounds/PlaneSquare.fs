namespace Sgm.Verification

open System
open System.Collections.Generic
open Sgm.Engine

/// A mixture in the plane at a level: its components are e^(q_k), q_k(x) = Top − ½(x − μ)ᵀP(x − μ), P = (A, B; B, C).
type internal PlaneComponents(law: Mixture, level: NoiseLevel) =
    let numbers =
        [|
            for k in 0 .. law.Count - 1 do
                if law.Weights[k] > 0.0 then
                    k
        |]

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

    /// How far a q_k that counts may be from what it is computed as, and its gradient relative to its size: coordinates
    /// and P are rounded.
    member val Rounding =
        Array.init all.Length (fun i ->
            let struct (a, _, c), k = all[i], numbers[i]
            let condition, size = norms[i] * (a + c), abs law.Means[2 * k] + abs law.Means[2 * k + 1]
            1e-15 * (100.0 * condition + 10.0 * size * level.Mean * sqrt norms[i]))
        |> Array.max

    member this.Count = this.X.Length

/// A mixture in the plane on a square and near it: what bounds a quadrature there, and its values at points.
module internal PlaneSquare =
    /// Integrands.
    let names = 4

    /// |δx| ≤ r1 with |Im δx| ≤ i1 around (x, y), and the same for δy. Also those components that count in it and in all
    /// squares of the square.
    let region (law: PlaneComponents) (active: int[]) x y r1 i1 r2 i2 =
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
        let bounds = NearBounds()
        let kept = List<int>()

        for i in 0 .. active.Length - 1 do
            let k = active[i]
            let struct (gk, hk) = slopes k
            let a, b, c = abs (law.A[k] - law.A[r]), abs (law.B[k] - law.B[r]), abs (law.C[k] - law.C[r])
            let dg, dh = abs (gk - g), abs (hk - h)

            let up =
                heights[i] - heights[first] + dg * r1 + dh * r2 + 0.5 * (a * r1 * r1 + 2.0 * b * r1 * r2 + c * r2 * r2)

            let turn = dg * i1 + dh * i2 + a * r1 * i1 + b * (i1 * r2 + r1 * i2) + c * r2 * i2
            let across = abs gk + law.A[k] * r1 + abs law.B[k] * r2
            let along = abs hk + abs law.B[k] * r1 + law.C[k] * r2
            let size = sqrt (across * across + along * along)
            let largest = heights[i] + abs gk * r1 + abs hk * r2 + 0.5 * (law.A[k] * i1 * i1 + law.C[k] * i2 * i2)

            if bounds.Add((i = first), up, turn, size, law.Norms[k] + size * size, largest) then
                kept.Add k

        let quadratic = 0.5 * (law.A[r] * r1 * r1 + 2.0 * abs law.B[r] * r1 * r2 + law.C[r] * r2 * r2)
        let found = bounds.Found(abs heights[first] + abs g * r1 + abs h * r2 + quadratic)
        struct (found, kept.ToArray())

    /// On real squares p·f ≤ Σ e^(q_k)·f_k, whether p vanishes nearby or not.
    let crude (law: PlaneComponents) (active: int[]) x y h (second: float) =
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
    let slopeOf (other: PlaneComponents) (active: int[]) x y h =
        (0.0, active)
        ||> Array.fold (fun most k ->
            let u, v = x - other.X[k], y - other.Y[k]
            let across = abs (other.A[k] * u + other.B[k] * v) + (other.A[k] + abs other.B[k]) * h
            let along = abs (other.B[k] * u + other.C[k] * v) + (other.C[k] + abs other.B[k]) * h
            max most (sqrt (across * across + along * along)))

    /// p, ∇ln p, ‖∇²ln p‖² at a place, with Σ r‖∇q‖² and Σ r(‖P‖ + ‖∇q‖²)² for their rounding.
    let point (law: PlaneComponents) (active: int[]) (shares: float[]) x y =
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
