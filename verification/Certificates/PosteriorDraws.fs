namespace Sgm.Verification.Certificates

open System
open System.Numerics
open System.Runtime.CompilerServices
open System.Runtime.InteropServices
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
        let all = Array.zeroCreate<float>(count * padded)

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

    /// A fresh atom about the centre, in `z`.
    member _.Atom(generator: Xoshiro256StarStar, z: float[]) =
        let u = generator.NextDouble() * cumulative[count - 1]
        let found = Array.BinarySearch(cumulative, u)
        let k = min (count - 1) (if found >= 0 then found + 1 else ~~~found)
        Array.blit points (k * padded) z 0 padded

    /// z ← z + √g·ξ.
    member _.Blur(generator: Xoshiro256StarStar, z: float[], g: float) =
        let spread = sqrt g

        for i in 0 .. d - 1 do
            z[i] <- z[i] + spread * Normal.Sample(generator, 0.0, 1.0)

    member _.Buffer() = Array.zeroCreate<float> padded

    /// tr Cov(A | z) at noise variance g and, where `square` is asked for, ‖Cov(A | z)‖_F² (above 16 dimensions the square of the trace, which is
    /// larger); E[A | z] in `mean`. `logs` has room for a number an atom.
    [<MethodImpl(MethodImplOptions.AggressiveOptimization)>]
    member _.Posterior
        (z: float[], g: float, square: bool, mean: float[], logWeights: float[])
        : struct (float * float) =
        let rows = MemoryMarshal.Cast<float, Vector<float>>(ReadOnlySpan<float> points)
        let x = MemoryMarshal.Cast<float, Vector<float>>(ReadOnlySpan<float> z)
        let lanes = x.Length
        let inverse = 1.0 / g
        let mutable largest = Double.NegativeInfinity
        let mutable l = 0

        while l < count do
            // Four atoms at a time: their sums do not wait for each other. Behind the last ones the last is read again.
            let last = count - 1
            let b, c, e = min (l + 1) last * lanes, min (l + 2) last * lanes, min (l + 3) last * lanes
            let a = l * lanes
            let mutable s0, s1, s2, s3 = Vector<float>.Zero, Vector<float>.Zero, Vector<float>.Zero, Vector<float>.Zero

            for i in 0 .. lanes - 1 do
                let v = x[i]
                s0 <- s0 + rows[a + i] * v
                s1 <- s1 + rows[b + i] * v
                s2 <- s2 + rows[c + i] * v
                s3 <- s3 + rows[e + i] * v

            let p = l
            logWeights[p] <- logs[p] + (Vector.Sum s0 - 0.5 * squares[p]) * inverse
            largest <- max largest logWeights[p]
            let q = min (p + 1) last
            logWeights[q] <- logs[q] + (Vector.Sum s1 - 0.5 * squares[q]) * inverse
            largest <- max largest logWeights[q]
            let q = min (p + 2) last
            logWeights[q] <- logs[q] + (Vector.Sum s2 - 0.5 * squares[q]) * inverse
            largest <- max largest logWeights[q]
            let q = min (p + 3) last
            logWeights[q] <- logs[q] + (Vector.Sum s3 - 0.5 * squares[q]) * inverse
            largest <- max largest logWeights[q]
            l <- l + 4

        Array.Clear mean
        let means = MemoryMarshal.Cast<float, Vector<float>>(Span<float> mean)
        let isFull = square && d <= 16
        let covariance = Array.zeroCreate<float>(if isFull then d * d else 0)
        let mutable total, second = 0.0, 0.0

        for l in 0 .. count - 1 do
            // Below e^(−45) it is not seen in a sum of up to 10⁵ of them.
            if logWeights[l] > largest - 45.0 then
                let weight = exp (logWeights[l] - largest)
                total <- total + weight
                second <- second + weight * squares[l]
                let factor = Vector<float> weight

                for i in 0 .. lanes - 1 do
                    means[i] <- means[i] + factor * rows[l * lanes + i]

                if isFull then
                    for i in 0 .. d - 1 do
                        let x = weight * points[l * padded + i]

                        for j in 0..i do
                            covariance[i * d + j] <- covariance[i * d + j] + x * points[l * padded + j]

        let mutable middle = 0.0

        for i in 0 .. d - 1 do
            mean[i] <- mean[i] / total
            middle <- middle + mean[i] * mean[i]

        let trace = max 0.0 (second / total - middle)
        let mutable fourth = 0.0

        if isFull then
            for i in 0 .. d - 1 do
                for j in 0..i do
                    let entry = covariance[i * d + j] / total - mean[i] * mean[j]
                    fourth <- fourth + (if i = j then 1.0 else 2.0) * entry * entry
        else
            fourth <- trace * trace

        struct (trace, fourth)

/// One of the independent sums that a bound is made of: draws of Y and of two numbers beside it.
type internal Node =
    {
        /// A sampler with buffers of its own.
        Sampler: unit -> Xoshiro256StarStar -> struct (float * float * float)
        /// Y is between these; an infinite lower end says that Y may be replaced by max(Y, −b) for any b, as an upper bound of its mean is wanted.
        Low: float
        High: float
        /// Posteriors that a draw evaluates.
        Cost: float
    }

module internal Node =
    /// Y = c·t + e·f, t = tr Cov(A | z) ≤ R², f = ‖Cov(A | z)‖_F² ≤ t²; beside it t and f.
    let level (atoms: Atoms) g c e =
        let range = atoms.RadiusSquare

        let sampler () =
            let z, mean, logs = atoms.Buffer(), atoms.Buffer(), Array.zeroCreate<float> atoms.Count

            fun generator ->
                atoms.Atom(generator, z)
                atoms.Blur(generator, z, g)
                let struct (t, f) = atoms.Posterior(z, g, (e <> 0.0), mean, logs)
                struct (c * t + e * f, t, f)

        {
            Sampler = sampler
            Low = min 0.0 c * range + min 0.0 e * range * range
            High = max 0.0 c * range + max 0.0 e * range * range
            Cost = 1.0
        }

    /// Y = −c·Σ_j ‖E[A | z_j] − E[A | z]‖², z at noise variance g and z_j noisier, of which the mean is −c·Σ_j (T(g_j) − T(g)) (total variance).
    let gain (atoms: Atoms) g (noisier: float list) c =
        let sampler () =
            let z, mean, other = atoms.Buffer(), atoms.Buffer(), atoms.Buffer()
            let logs = Array.zeroCreate<float> atoms.Count

            fun generator ->
                atoms.Atom(generator, z)
                atoms.Blur(generator, z, g)
                atoms.Posterior(z, g, false, mean, logs) |> ignore
                let mutable at, sum = g, 0.0

                for next in noisier do
                    atoms.Blur(generator, z, next - at)
                    at <- next
                    atoms.Posterior(z, next, false, other, logs) |> ignore

                    for i in 0 .. atoms.Dimension - 1 do
                        sum <- sum + (mean[i] - other[i]) * (mean[i] - other[i])

                struct (-c * sum, sum, 0.0)

        {
            Sampler = sampler
            Low = Double.NegativeInfinity
            High = 0.0
            Cost = float (noisier.Length + 1)
        }

/// What draws say: the mean, an upper end that fails with a probability of at most the risk, and the means of every node's two numbers.
type internal Drawn = { Mean: float; Upper: float; Beside: struct (float * float)[] }

/// Σ E Y over nodes from above, by independent draws.
module internal PosteriorDraws =
    /// 1 − the probability that a bound from draws is wrong.
    [<Literal>]
    let risk = 1e-6

    /// n draws of a node, below its low end replaced by that: sums of Y, Y², and of the two beside it.
    let private draw (node: Node) low n (seed: int) =
        let generator = Xoshiro256StarStar(seed)
        let sample = node.Sampler()
        let mutable sum, square, first, second = 0.0, 0.0, 0.0, 0.0

        for _ in 1..n do
            let struct (y, a, b) = sample generator
            let y = max low y
            sum <- sum + y
            square <- square + y * y
            first <- first + a
            second <- second + b

        struct (sum, square, first, second)

    let private inParallel (nodes: Node[]) (lows: float[]) (counts: int[]) seed =
        let found = Array.zeroCreate<struct (float * float * float * float)> nodes.Length

        Parallel.For(0, nodes.Length, (fun j -> found[j] <- draw nodes[j] lows[j] counts[j] (seed + 7919 * j)))
        |> ignore

        found

    /// What all draws may cost in multiplications: some seconds.
    let private work = 3e10

    let private pilot = 6

    /// By Maurer and Pontil (2009, Theorem 11): for N independent X in [0, 1], not of one law, ΣE X ≤ ΣX + √(2·N·V·ln(2/δ)) + (7/3)·N/(N − 1)·ln(2/δ),
    /// V their sample variance. A pilot, which is thrown away, decides how many draws a node has and where Y is cut off.
    /// `most` is the most that is spent, in posteriors.
    let above (most: float) (cost: float) (risk: float) (nodes: Node[]) =
        let total = min most (max 2e4 (work / cost))
        let before = inParallel nodes (nodes |> Array.map (fun n -> n.Low)) (Array.create nodes.Length pilot) 1

        let spread =
            before
            |> Array.map (fun (struct (sum, square, _, _)) ->
                let mean = sum / float pilot
                sqrt (max 0.0 (square / float pilot - mean * mean)))

        let lows =
            Array.map3
                (fun (node: Node) (struct (sum, _, _, _)) deviation ->
                    if Double.IsInfinity node.Low then
                        -6.0 * (abs sum / float pilot + deviation)
                    else
                        node.Low)
                nodes
                before
                spread

        let width j = nodes[j].High - lows[j]
        // The variance of the whole is least for numbers of draws in proportion to deviation/√cost.
        let shares = Array.init nodes.Length (fun j -> (spread[j] + 0.04 * width j) / sqrt nodes[j].Cost)
        let all = Seq.sum (Seq.init nodes.Length (fun j -> shares[j] * nodes[j].Cost))
        let counts = shares |> Array.map (fun s -> if all > 0.0 then max 4 (int (total * s / all)) else 4)
        let found = inParallel nodes lows counts 1_000_003
        let n = float (Array.sum counts)
        let scale = Seq.max (Seq.init nodes.Length (fun j -> width j / float counts[j]))

        // X = c·Y + lift in [0, 1], by the pilot near one mean where it can be: then V has little of what only tells nodes apart.
        let lift wanted j c =
            let struct (sum, _, _, _) = before[j]
            let mean = c * max lows[j] (sum / float pilot)
            max (-c * lows[j]) (min (1.0 - c * nodes[j].High) (wanted - mean))

        let apart wanted =
            Seq.sum (
                Seq.init nodes.Length (fun j ->
                    let c = 1.0 / (float counts[j] * scale)
                    let struct (sum, _, _, _) = before[j]
                    let mean = c * max lows[j] (sum / float pilot) + lift wanted j c
                    float counts[j] * (mean - wanted) ** 2.0)
            )

        let wanted = [ 0.01; 0.02; 0.05; 0.1; 0.2; 0.35; 0.5 ] |> List.minBy apart

        let beside =
            Array.map2 (fun (struct (_, _, a, b)) count -> struct (a / float count, b / float count)) found counts

        if scale <= 0.0 then
            { Mean = 0.0; Upper = 0.0; Beside = beside }
        else
            let mutable value, sum, square = 0.0, 0.0, 0.0

            for j in 0 .. nodes.Length - 1 do
                let struct (s, q, _, _) = found[j]
                let count = float counts[j]
                let c, lift = 1.0 / (count * scale), lift wanted j (1.0 / (count * scale))
                value <- value + s / count
                sum <- sum + c * s + lift * count
                square <- square + c * c * q + 2.0 * c * lift * s + lift * lift * count

            // A draw's Y is a difference of posterior moments: it is rounded at the size of its largest value.
            let rounding = 1e-12 * Seq.sum (Seq.init nodes.Length (fun j -> max (abs nodes[j].High) (abs lows[j])))

            let variance = max 0.0 ((square - sum * sum / n) / (n - 1.0))
            let logs = log (2.0 / risk)
            let spare = sqrt (2.0 * n * variance * logs) + 7.0 / 3.0 * n / (n - 1.0) * logs

            {
                Mean = value
                Upper = value + scale * spare * (1.0 + 1e-9) + 1e-9 * abs value + rounding
                Beside = beside
            }
