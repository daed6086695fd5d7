namespace Sgm.Verification

open System
open System.Collections.Generic
open Sgm.Verification.Certificates

/// Expectations under a law on the line.
type internal LineFacts =
    {
        /// E (ln p)′²
        Fisher: Bracket
        /// E (ln p)″²
        Curvature: Bracket
        /// −E ln p
        Entropy: Bracket
        /// −E ln q under p; 0 where no q was given.
        Cross: Bracket
    }

/// Integrals over the line, enclosed: Gauss–Legendre points on intervals that are halved until a bound on complex neighbourhoods of
/// them says that nothing is left of the error. The proof is in README.md of this folder.
module internal LineIntegrals =
    open Bernstein

    let private names = 4

    /// Standard deviations beyond the outermost means: a mass of 1e-30.
    let private reach = 11.5

    /// What an interval may leave, in units of what is known of the integral.
    let private allowed = 2e-15

    /// Components on intervals and at points that are looked at, some seconds.
    let private mostWork = 1e8

    /// What lies beyond the ends, for component k at z ≥ reach of its own deviations: E[1; Z > z], E[Z²; Z > z], E[Z⁴; Z > z].
    let private tails z =
        let density, mass = exp (LineLaw.logPeak z), LineLaw.tail z
        struct (mass, z * density + mass, (z * z * z + 3.0 * z) * density + 3.0 * mass)

    /// Σ over both ends of bounds of |integrand|: p·(ln p)′² ≤ Σ share·a², |(ln p)″| ≤ max(1/v, E a²), |ln p| ≤ ½z² + heights.
    let private outside (law: LineLaw) (other: LineLaw option) left right =
        let sums = Array.zeroCreate<float> names
        let smallest = Array.min law.Variances

        let heightOf (of': LineLaw) = (of'.Heights |> Array.map abs |> Array.max) + log (float of'.Means.Length) + 2.0

        let height = heightOf law

        for at in [ left; right ] do
            for k in 0 .. law.Means.Length - 1 do
                let w, v = law.Weights[k], law.Variances[k]
                let struct (mass, square, fourth) = tails (abs (at - law.Means[k]) / law.Deviations[k])
                sums[0] <- sums[0] + w * square / v
                sums[1] <- sums[1] + w * (mass / (smallest * smallest) + fourth / (v * v))
                sums[2] <- sums[2] + w * (0.5 * square + height * mass)

                match other with
                | None -> ()
                | Some q ->
                    // −ln q ≤ that of the component j, and (x − m_j)² ≤ 2·v·Z² + 2·(m_k − m_j)².
                    let j = q.Variances |> Array.indexed |> Array.maxBy snd |> fst
                    let apart = law.Means[k] - q.Means[j]
                    let quadratic = (v * square + apart * apart * mass) / q.Variances[j]
                    sums[3] <- sums[3] + w * (quadratic + (heightOf q + abs q.LogWeights[j]) * mass)

        sums |> Array.map (fun sum -> sum * 1.001 + 1e-300)

    let private enclose (law: LineLaw) (other: LineLaw option) =
        let wide = reach * Array.max law.Deviations
        let left, right = Array.min law.Means - wide, Array.max law.Means + wide
        let own, beside = LineInterval law, Option.map LineInterval other
        let fisher = Array.fold2 (fun sum w v -> sum + w / v) 0.0 law.Weights law.Variances
        let scales = [| fisher; fisher * fisher; 1.0; 1.0 |]
        let used = if other.IsSome then 4 else 3
        let zeros () = Array.zeroCreate<float> names

        let sums, sizes, errors, rough, found, crude, part, largest =
            zeros (), zeros (), zeros (), zeros (), zeros (), zeros (), zeros (), zeros ()

        let isBelow (values: float[]) share =
            let mutable below = true

            for i in 0 .. used - 1 do
                below <- below && values[i] <= share * allowed * scales[i]

            below

        let keep (values: float[]) =
            for i in 0 .. used - 1 do
                errors[i] <- errors[i] + values[i]

        let points (active: int[]) (activeBeside: int[]) c h =
            Array.Clear found
            Array.Clear part

            for i in 0 .. order - 1 do
                let x = c + h * nodes[i]
                let struct (at, wrong) = own.At(active, x, abs c + h)
                let p = h * weights[i] * exp at.Log
                let square, bend = at.First * at.First, at.Second * at.Second
                found[0] <- found[0] + p * square
                found[1] <- found[1] + p * bend
                found[2] <- found[2] - p * at.Log
                part[2] <- part[2] + p * abs at.Log
                rough[0] <- rough[0] + p * (wrong.Log * square + (2.0 * abs at.First + wrong.First) * wrong.First)
                rough[1] <- rough[1] + p * (wrong.Log * bend + (2.0 * abs at.Second + wrong.Second) * wrong.Second)
                rough[2] <- rough[2] + p * wrong.Log * (1.0 + abs at.Log)

                match beside with
                | Some q ->
                    let struct (over, off) = q.At(activeBeside, x, abs c + h)
                    found[3] <- found[3] - p * over.Log
                    part[3] <- part[3] + p * abs over.Log
                    rough[3] <- rough[3] + p * (wrong.Log * abs over.Log + off.Log)
                | None -> ()

            for i in 0 .. used - 1 do
                sums[i] <- sums[i] + found[i]
                sizes[i] <- sizes[i] + (if i < 2 then found[i] else part[i])

        let stack = Stack<struct (float * float * int[] * int[])>()
        let everything = beside |> Option.map _.All |> Option.defaultValue [||]
        // A power of two and a multiple of it: halves of halves are exact, and nothing is counted twice or not at all.
        let width = Math.ScaleB(1.0, 1 + Math.ILogB(right - left))
        stack.Push(struct (width * round ((0.5 * left + 0.5 * right) / width), width, own.All, everything))
        let mutable work, count = 0.0, 0

        while stack.Count > 0 do
            let struct (c, h, active, activeBeside) = stack.Pop()
            let here = float (active.Length + activeBeside.Length)
            work <- work + 4.0 * here
            count <- count + 1

            let most =
                match beside with
                | Some q -> q.Surprise(activeBeside, c, h) + q.Height
                | None -> 0.0

            own.Crude(active, c, h, most, crude)

            if isBelow crude 0.1 || work > mostWork || h <= 1e-15 * (abs c + h) then
                keep crude
            else
                let struct (near, kept) = own.Near(active, c, h)

                let struct (nearBeside, keptBeside) =
                    match beside with
                    | Some q -> q.Near(activeBeside, c, h)
                    | None -> struct (ValueSome AnalyticBounds.Zero, [||])

                match near, nearBeside with
                | ValueSome one, ValueSome other ->
                    let scale = h * remainder * one.P * (1.0 + 1e-9)
                    largest[0] <- scale * one.Slope * one.Slope
                    largest[1] <- scale * one.Bend * one.Bend
                    largest[2] <- scale * one.Log
                    largest[3] <- scale * other.Log
                | _ -> Array.Fill(largest, infinity)

                if isBelow largest 1.0 then
                    work <- work + float order * here
                    keep largest
                    points active activeBeside c h
                else
                    let half = 0.5 * h
                    stack.Push(struct (c - half, half, kept, keptBeside))
                    stack.Push(struct (c + half, half, kept, keptBeside))

        let beyond = outside law other left right

        let bracket i =
            // Sums of sixteen, and of those.
            let adding = 2.3e-16 * float (20 + count) * sizes[i]
            let spare = (errors[i] + beyond[i] + rough[i] + adding) * (1.0 + 1e-9)
            Bracket.Outward(sums[i] - spare, sums[i] + spare)

        {
            Fisher = (bracket 0).NotNegative
            Curvature = (bracket 1).NotNegative
            Entropy = bracket 2
            Cross = bracket 3
        }

    /// E (ln p)′², E (ln p)″² and −E ln p.
    let facts law = enclose law None

    /// KL(p‖q).
    let relativeEntropy law other =
        let found = enclose law (Some other)
        (found.Cross - found.Entropy).NotNegative
