namespace Sgm.Verification.Certificates

open System
open System.Numerics
open System.Threading.Tasks
open MathNet.Numerics.Distributions
open MathNet.Numerics.Random
open Sgm.Engine
open Sgm.Verification

/// A law q∗N(0, v·I) with many atoms, of which posterior moments are drawn: A ~ q, z = A + √g·ξ.
type internal Atoms(law: Mixture) =
    let d, count = law.Dimension, law.Count
    let width = Vector<float>.Count
    let padded = (d + width - 1) / width * width
    let logs = law.Weights |> Array.map log

    let centre =
        Array.init d (fun i ->
            let column = Array.init count (fun k -> law.Means[k * d + i])
            0.5 * Array.min column + 0.5 * Array.max column)

    /// About the centre, rows padded with zeros to whole vectors.
    let points =
        let all = Array.zeroCreate<float> (count * padded)

        for k in 0 .. count - 1 do
            for i in 0 .. d - 1 do
                all[k * padded + i] <- law.Means[k * d + i] - centre[i]

        all

    let dot (a: float[]) at (b: float[]) =
        let mutable sum = Vector<float>.Zero
        let mutable i = 0

        while i < padded do
            sum <- sum + Vector<float>(a, at + i) * Vector<float>(b, i)
            i <- i + width

        Vector.Sum sum

    let squares = Array.init count (fun k -> dot points (k * padded) (Array.sub points (k * padded) padded))
    let cumulative = law.Weights |> Array.scan (+) 0.0 |> Array.tail

    /// ‖A − centre‖² ≤ this.
    member _.RadiusSquare = Array.max squares * (1.0 + 1e-12)
    member _.Dimension = d
    member _.Count = count

    /// E‖A − a‖².
    member _.SquareAbout(a: float[]) =
        let mutable sum = 0.0

        for k in 0 .. count - 1 do
            for i in 0 .. d - 1 do
                sum <- sum + law.Weights[k] * (law.Means[k * d + i] - a[i]) ** 2.0

        sum * (1.0 + 1e-12)

    /// n draws of Y = c·t + e·f at noise variance g, t = tr Cov(A | z) ≤ R² and f = ‖Cov(A | z)‖_F² ≤ t² (t² itself above 16 dimensions):
    /// sums of Y, Y², t and f.
    member _.Draw(g: float, c: float, e: float, n: int, seed: int) : struct (float * float * float * float) =
        let generator = Xoshiro256StarStar(seed)
        let z = Array.zeroCreate<float> padded
        let mean = Array.zeroCreate<float> padded
        let logWeights = Array.zeroCreate<float> count
        let isFull = e <> 0.0 && d <= 16
        let covariance = Array.zeroCreate<float> (if isFull then d * d else 0)
        let mutable sum, square, traces, fourths = 0.0, 0.0, 0.0, 0.0
        let spread = sqrt g

        for _ in 1..n do
            let u = generator.NextDouble() * cumulative[count - 1]
            let found = Array.BinarySearch(cumulative, u)
            let k = min (count - 1) (if found >= 0 then found + 1 else ~~~found)

            for i in 0 .. d - 1 do
                z[i] <- points[k * padded + i] + spread * Normal.Sample(generator, 0.0, 1.0)

            let mutable largest = Double.NegativeInfinity

            for l in 0 .. count - 1 do
                let value = logs[l] + (dot points (l * padded) z - 0.5 * squares[l]) / g
                logWeights[l] <- value
                largest <- max largest value

            Array.Clear mean
            Array.Clear covariance
            let mutable total, second = 0.0, 0.0

            for l in 0 .. count - 1 do
                // Below e^(−45) it is not seen in a sum of up to 10⁵ of them.
                if logWeights[l] > largest - 45.0 then
                    let weight = exp (logWeights[l] - largest)
                    total <- total + weight
                    second <- second + weight * squares[l]
                    let factor = Vector<float> weight
                    let mutable i = 0

                    while i < padded do
                        (Vector<float>(mean, i) + factor * Vector<float>(points, l * padded + i)).CopyTo(mean, i)
                        i <- i + width

                    if isFull then
                        for i in 0 .. d - 1 do
                            let x = weight * points[l * padded + i]

                            for j in 0..i do
                                covariance[i * d + j] <- covariance[i * d + j] + x * points[l * padded + j]

            let trace = max 0.0 (second / total - dot mean 0 mean / (total * total))

            let fourth =
                if not isFull then
                    trace * trace
                else
                    let mutable f = 0.0

                    for i in 0 .. d - 1 do
                        for j in 0..i do
                            let entry = covariance[i * d + j] / total - mean[i] * mean[j] / (total * total)
                            f <- f + (if i = j then 1.0 else 2.0) * entry * entry

                    f

            let y = c * trace + e * fourth
            sum <- sum + y
            square <- square + y * y
            traces <- traces + trace
            fourths <- fourths + fourth

        struct (sum, square, traces, fourths)

/// c·E t + e·E f at a noise variance, part of what is to be bounded.
type internal Node = { Noise: float; Trace: float; Fourth: float }

/// What draws say: the mean, an upper end that fails with a probability of at most the risk, and E t and E f of every node.
type internal Drawn = { Mean: float; Upper: float; Moments: struct (float * float)[] }

/// Σ (c_j·E t + e_j·E f) over nodes from above, by independent draws.
module internal PosteriorDraws =
    /// 1 − the probability that a bound from draws is wrong.
    [<Literal>]
    let risk = 1e-6

    let private inParallel (atoms: Atoms) (nodes: Node[]) (counts: int[]) (seed: int) =
        let found = Array.zeroCreate<struct (float * float * float * float)> nodes.Length

        let draw j =
            let node = nodes[j]
            found[j] <- atoms.Draw(node.Noise, node.Trace, node.Fourth, counts[j], seed + 7919 * j)

        Parallel.For(0, nodes.Length, draw) |> ignore
        found

    /// What all draws may cost in multiplications, some seconds.
    let private work = 3e10

    /// By Maurer and Pontil (2009, Theorem 11): for N independent X in [0, 1], not of one law, ΣE X ≤ ΣX + √(2·N·V·ln(2/δ)) + (7/3)·N/(N − 1)·ln(2/δ),
    /// V their sample variance. A pilot decides how many draws a node has.
    let above (atoms: Atoms) (risk: float) (nodes: Node[]) =
        let range = atoms.RadiusSquare
        let size (node: Node) = max (abs node.Trace) (abs node.Fourth * range) * range * 2.0
        let total = min 1e6 (max 1e4 (work / (float atoms.Dimension * float atoms.Count)))
        let pilot = 12
        let first = inParallel atoms nodes (Array.create nodes.Length pilot) 1

        let shares =
            Array.map2
                (fun node (struct (sum, square, _, _)) ->
                    let mean = sum / float pilot
                    sqrt (max 0.0 (square / float pilot - mean * mean)) + 0.02 * size node)
                nodes
                first

        let all = Array.sum shares
        let counts = shares |> Array.map (fun s -> if all > 0.0 then max 4 (int (total * s / all)) else 4)
        let found = inParallel atoms nodes counts 1_000_003
        let n = float (Array.sum counts)

        // Y lies in [low, low + width]; every draw counts 1/(its number) of it.
        let low (node: Node) = min 0.0 node.Trace * range + min 0.0 node.Fourth * range * range
        let width (node: Node) = (abs node.Trace + abs node.Fourth * range) * range
        let scale = Seq.max (Seq.init nodes.Length (fun j -> width nodes[j] / float counts[j]))

        if scale = 0.0 then
            { Mean = 0.0; Upper = 0.0; Moments = Array.create nodes.Length (struct (0.0, 0.0)) }
        else
            let mutable value, sum, square = 0.0, 0.0, 0.0

            for j in 0 .. nodes.Length - 1 do
                let struct (s, q, _, _) = found[j]
                let count = float counts[j]
                let c, lift = 1.0 / (count * scale), -(low nodes[j]) / (count * scale)
                value <- value + s / count
                sum <- sum + c * s + lift * count
                square <- square + c * c * q + 2.0 * c * lift * s + lift * lift * count

            let variance = max 0.0 ((square - sum * sum / n) / (n - 1.0))
            let logs = log (2.0 / risk)
            let spare = sqrt (2.0 * n * variance * logs) + 7.0 / 3.0 * n / (n - 1.0) * logs

            {
                Mean = value
                Upper = value + scale * spare * (1.0 + 1e-9) + 1e-9 * abs value
                Moments = Array.map2 (fun (struct (_, _, t, f)) count -> struct (t / float count, f / float count)) found counts
            }
