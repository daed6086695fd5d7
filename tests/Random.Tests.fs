module Sgm.Tests.RandomTests

open System
open System.Numerics
open Expecto
open MathNet.Numerics
open Sgm.Engine
open Sgm.Tests.RandomFormatTests

/// Largest |z| that passes: with the few thousand comparisons below, all of them pass with probability 0.99 and more
/// whatever the seeds (and the seeds are fixed).
let private limit = 5.0

let private slow = Environment.GetEnvironmentVariable "SGM_SLOW" = "1"

/// Statistics of standard normals, each a z-value: near N(0, 1) when the numbers are right.
module private Statistics =
    /// E Zᵏ = (k − 1)!! for even k.
    let private moment k =
        if k % 2 = 1 then
            0.0
        else
            Seq.fold (fun product j -> product * float j) 1.0 (seq { 1..2 .. k - 1 })

    let private power (z: float) k =
        let mutable p = z

        for _ in 2..k do
            p <- p * z

        p

    let moments order (z: float[]) =
        let sums = Array.zeroCreate<float>(order + 1)

        for value in z do
            for k in 1..order do
                sums[k] <- sums[k] + power value k

        [
            for k in 1..order do
                let variance = moment (2 * k) - moment k ** 2.0
                k, (sums[k] / float z.Length - moment k) / sqrt (variance / float z.Length)
        ]

    /// √n·sup |F_n − Φ|, below 2.5 with probability 1 − 7·10⁻⁶.
    let kolmogorov (z: float[]) =
        let sorted = Array.copy z
        Array.Sort sorted
        let n = float sorted.Length
        let mutable distance = 0.0

        for i in 0 .. sorted.Length - 1 do
            let f = 0.5 * SpecialFunctions.Erfc(-sorted[i] / sqrt 2.0)
            distance <- max distance (max (f - float i / n) (float (i + 1) / n - f))

        sqrt n * distance

    /// P(Z > t)
    let tail t = 0.5 * SpecialFunctions.Erfc(t / sqrt 2.0)

    let above t (z: float[]) =
        let mutable count = 0L

        for value in z do
            if value > t then
                count <- count + 1L

        count

    /// The count against its binomial law, in standard deviations; a count of few is allowed one more on either side.
    let countError n (count: int64) p =
        let expected = float n * p
        max 0.0 (abs (float count - expected) - 1.0) / sqrt (max 1.0 (expected * (1.0 - p)))

    let tails (z: float[]) =
        [
            for t in 0.0..0.5..6.0 do
                t, countError z.Length (above t z) (tail t)
                -t, countError z.Length (above t (Array.map (~-) z)) (tail t)
        ]

    /// √n·correlation of f(x) and f(y), f centred.
    let correlation f (x: float[]) (y: float[]) =
        let mutable xy = 0.0
        let mutable xx = 0.0
        let mutable yy = 0.0

        for i in 0 .. x.Length - 1 do
            let a: float = f x[i]
            let b: float = f y[i]
            xy <- xy + a * b
            xx <- xx + a * a
            yy <- yy + b * b

        sqrt (float x.Length) * xy / sqrt (xx * yy)

    let square z = z * z - 1.0
    let size z = abs z - sqrt (2.0 / Math.PI)

open Statistics

let private within name values =
    for at, z in values do
        Expect.isLessThan (abs z) limit $"{name} at {at}"

/// 10⁷ normals, from 100 blocks of one seed.
let private sample =
    lazy
        let values = Array.zeroCreate<float> 10_000_000

        for block in 0..99 do
            RandomStream(2026UL, int64 block).FillNormal(Span(values, 100_000 * block, 100_000))

        values

let private distribution =
    testList
        "distribution of 10^7 normals"
        [
            testCase "moments to order 8" (fun () -> within "moment" (moments 8 sample.Value))
            testCase "Kolmogorov and Smirnov" (fun () -> Expect.isLessThan (kolmogorov sample.Value) 2.5 "√n D")
            testCase "tails to 6" (fun () -> within "tail" (tails sample.Value))

            testCase "uniforms: inside (0, 1), moments, every bit" (fun () ->
                let u = uniforms 2027UL 0L 1_000_000
                Expect.isGreaterThan (Array.min u) 0.0 "smallest"
                Expect.isLessThan (Array.max u) 1.0 "largest"
                let root = sqrt (float u.Length)
                let mean = Array.average u
                let variance = u |> Array.averageBy (fun u -> (u - 0.5) ** 2.0)
                Expect.isLessThan (abs (mean - 0.5) * root * sqrt 12.0) limit "mean"
                Expect.isLessThan (abs (variance - 1.0 / 12.0) * root * sqrt 180.0) limit "variance"
                let words = words 2027UL 1L 1_000_000

                for bit in 0..63 do
                    let ones = words |> Array.sumBy (fun word -> int64 ((word >>> bit) &&& 1UL))
                    Expect.isLessThan (countError words.Length ones 0.5) limit $"bit {bit}")

            testCase "the largest normal is beyond 8.5" (fun () ->
                // The least radius word gives u = 2⁻⁵³; the twin has the same formula as the kernels.
                let largest = Twin.normals (Array.append (Array.zeroCreate 8) (Array.create 8 (1UL <<< 63)))
                Expect.isGreaterThan (Array.max largest) 8.5 "√(106 ln 2) = 8.57")

            testCase "wrong numbers are found out" (fun () ->
                let z = sample.Value[..999_999]
                let worst values = values |> List.map (snd >> abs) |> List.max
                Expect.isGreaterThan (worst (moments 8 (Array.map ((*) 1.01) z))) limit "scale 1.01"
                Expect.isGreaterThan (worst (moments 8 (Array.map ((+) 0.01) z))) limit "mean 0.01"
                Expect.isGreaterThan (worst (tails (Array.map (max -3.5 >> min 3.5) z))) limit "cut at 3.5"
                Expect.isGreaterThan (kolmogorov (Array.map ((+) 0.01) z)) 2.5 "mean 0.01, Kolmogorov"

                let twelve =
                    uniforms 1UL 1L 12_000_000 |> Array.chunkBySize 12 |> Array.map (fun u -> Array.sum u - 6.0)

                Expect.isGreaterThan (worst (moments 8 twelve)) limit "sum of twelve uniforms")
        ]

let private shapes = [ "z", id; "|z|", size; "z^2", square ]

let private independence =
    testList
        "independence"
        [
            testCase "of the sixteen numbers of a group, and of the next group" (fun () ->
                let groups = normals 31UL 0L 4_800_000 |> Array.chunkBySize 16
                let column j = groups[.. groups.Length - 2] |> Array.map (fun group -> group[j])
                let next j = groups[1..] |> Array.map (fun group -> group[j])
                let columns = Array.init 16 column
                let nexts = Array.init 16 next

                for shape, f in shapes do
                    for i in 0..15 do
                        for j in 0..15 do
                            if i < j then
                                Expect.isLessThan
                                    (abs (correlation f columns[i] columns[j]))
                                    limit
                                    $"{shape}: {i}, {j}"

                            Expect.isLessThan (abs (correlation f columns[i] nexts[j])) limit $"{shape}: {i}, next {j}")

            testCase "of neighbouring seeds and blocks, and of their exchange" (fun () ->
                let count = 50_000

                for seed in [ 0UL; 1UL; 2UL; 1UL <<< 32; UInt64.MaxValue ] do
                    for block in [ 0L; 1L; 2L; 1000L; 1L <<< 32; -1L ] do
                        let here = normals seed block count
                        let hereWords = words seed block count

                        let others =
                            [
                                seed + 1UL, block
                                seed, block + 1L
                                seed + 1UL, block - 1L
                                seed ^^^ (1UL <<< 63), block
                                seed, block ^^^ (1L <<< 62)
                                uint64 block, int64 seed
                            ]
                            |> List.filter ((<>) (seed, block))

                        for otherSeed, otherBlock in others do
                            let there = normals otherSeed otherBlock count
                            let name = $"({seed}, {block}) and ({otherSeed}, {otherBlock})"

                            for shape, f in shapes do
                                Expect.isLessThan (abs (correlation f here there)) limit $"{shape}: {name}"

                            let equalBits =
                                Array.fold2
                                    (fun sum a (b: uint64) -> sum + int64 (BitOperations.PopCount(~~~(a ^^^ b))))
                                    0L
                                    hereWords
                                    (words otherSeed otherBlock count)

                            Expect.isLessThan (countError (64 * count) equalBits 0.5) limit $"bits: {name}")

            testCase "of the first numbers of successive blocks and seeds" (fun () ->
                let firsts streamOf =
                    let value = Array.zeroCreate<float> 16
                    let stream = RandomStream(0UL, 0L)

                    Array.init 200_000 (fun i ->
                        let seed, block = streamOf i
                        stream.Reset(seed, block)
                        stream.FillNormal(Span value)
                        value[i % 16])

                for name, z in
                    [
                        "blocks", firsts (fun i -> 77UL, int64 i)
                        "seeds", firsts (fun i -> uint64 i, 77L)
                        "both", firsts (fun i -> uint64 i, int64 i)
                    ] do
                    within $"{name}: moment" (moments 8 z)
                    Expect.isLessThan (kolmogorov z) 2.5 $"{name}: √n D"

                    for lag in [ 1; 2; 16; 32 ] do
                        for shape, f in shapes do
                            let r = correlation f z[.. z.Length - 1 - lag] z[lag..]
                            Expect.isLessThan (abs r) limit $"{name}: {shape}, lag {lag}")

            testCase "no two of 10^5 blocks begin alike" (fun () ->
                let stream = RandomStream(0UL, 0L)
                let word = Array.zeroCreate<uint64> 8

                let firsts =
                    Array.init 100_000 (fun i ->
                        stream.Reset(5UL, int64 i)
                        stream.FillBits(Span word)
                        word[0])

                Expect.equal (Array.distinct firsts).Length firsts.Length "first words")
        ]

/// 10⁹ normals; only with SGM_SLOW=1.
let private billion =
    testCase "10^9 normals: moments, tails and extremes" (fun () ->
        if not slow then
            skiptest "set SGM_SLOW=1"

        let chunk = Array.zeroCreate<float> 1_000_000
        let thresholds = [| 1.0..0.5..6.5 |]
        let counts = Array.zeroCreate<int64> thresholds.Length
        let sums = Array.zeroCreate<float> 9
        let mutable largest = 0.0

        for block in 0..999 do
            RandomStream(424242UL, int64 block).FillNormal(Span chunk)

            for _, z in
                moments 8 chunk
                |> List.map (fun (k, z) ->
                    sums[k] <- sums[k] + z
                    k, z) do
                Expect.isLessThan (abs z) 12.0 "a moment of one block (order 8 has a heavy upper tail)"

            for value in chunk do
                let size = abs value

                if size > 1.0 then
                    largest <- max largest size
                    let mutable j = 0

                    while j < thresholds.Length && size > thresholds[j] do
                        counts[j] <- counts[j] + 1L
                        j <- j + 1

        within "moment" [ for k in 1..8 -> k, sums[k] / sqrt 1000.0 ]

        within
            "two-sided tail"
            [
                for j in 0 .. counts.Length - 1 ->
                    thresholds[j], countError 1_000_000_000 counts[j] (2.0 * tail thresholds[j])
            ]

        // The largest of 10⁹ is below 5.2 or above 7.6 with probability 10⁻⁴ each, and less.
        Expect.isGreaterThan largest 5.2 "largest"
        Expect.isLessThan largest 7.6 "largest")

let tests = testList "random" [ distribution; independence; billion ]
