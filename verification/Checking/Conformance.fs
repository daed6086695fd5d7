namespace Sgm.Verification

open System
open MathNet.Numerics.Distributions
open Sgm.Engine

/// Particles held against the law that they should have: statistics of the particles, standardised by the exact means and
/// variances, each with an upper bound for the probability of what was seen if the particles are independent draws from that law.
///
/// Particle i of a run is lane i mod size of block i div size. u is a coordinate less its mean, over its deviation. Every probability is
/// exact or a bound: where the law is normal from that, otherwise for every law with these moments.
module Conformance =

    /// A statistic and how surprising it is, in decades.
    type Statistic = { Of: string; Surprise: float }

    /// The coordinates that are looked at, so that a run in many dimensions costs no more.
    let private mostCoordinates = 8

    /// |Z| is above this with probability ½.
    let private upperQuartile = Normal.InvCDF(0.0, 1.0, 0.75)

    /// One coordinate's u by block.
    let private standardised (store: ParticleStore) (moments: Moments) e =
        let mean, deviation = moments.Mean[e], sqrt moments.Variance[e]

        Array.init store.BlockCount (fun b ->
            let block = store.Block b
            let count = block.Length / store.Dimension
            let values = block.Slice(e * count, count).ToArray()

            for i in 0 .. count - 1 do
                values[i] <- (values[i] - mean) / deviation

            values)

    let private count (blocks: float[][]) = blocks |> Array.sumBy Array.length |> float

    /// So many groups of blocks have means of their own.
    let private groups = 16

    /// Of a law with this mean and variance, whatever else: more groups of blocks than there should be have a sum of u, over the root of
    /// its variance, beyond 2. That has a probability of at most 1/5 a group and side (Cantelli), and the groups are independent.
    let private meanOfAnyLaw (blocks: float[][]) =
        let sums =
            blocks
            |> Array.splitInto groups
            |> Array.map (fun group -> Array.sumBy Array.sum group / sqrt (count group))

        let beyond side = sums |> Array.filter (fun s -> side * s >= 2.0) |> Array.length |> float
        let worst = max (beyond 1.0) (beyond -1.0)
        max 0.0 (Surprise.ofEvents (float sums.Length) worst 0.2 - log10 2.0)

    /// Σ u, and its surprise: Σu/√n is standard normal for a normal law.
    let private mean isNormal blocks =
        if isNormal then
            Surprise.ofNormal (Array.sumBy Array.sum blocks / sqrt (count blocks))
        else
            meanOfAnyLaw blocks

    /// Σ u², of a normal law: χ² with n degrees of freedom.
    let private variance blocks =
        Surprise.ofChiSquare (count blocks) (blocks |> Array.sumBy (Array.sumBy (fun u -> u * u)))

    /// Pairs (u, v) of independent u and v. Of a normal law: Σ u·v. Of any other the signs of (u − u′)·(v − v′) for every second pair and
    /// the next, which are as often + as − whatever the laws (Kendall's concordance).
    let private independence isNormal (pairs: ResizeArray<struct (float * float)>) =
        if isNormal then
            let mutable sum = 0.0

            for struct (u, v) in pairs do
                sum <- sum + u * v

            Surprise.ofProducts (float pairs.Count) sum
        else
            let mutable sum = 0

            for i in 0..2 .. pairs.Count - 2 do
                let struct (u, v) = pairs[i]
                let struct (u', v') = pairs[i + 1]
                sum <- sum + sign ((u - u') * (v - v'))

            Surprise.ofSigns (float (pairs.Count / 2)) (float sum)

    /// The pairs of lanes i and i xor lag of every block, each lane in one pair.
    let private lanes isNormal lag (blocks: float[][]) =
        let pairs = ResizeArray()

        for block in blocks do
            for i in 0 .. block.Length - 1 do
                let j = i ^^^ lag

                if i < j && j < block.Length then
                    pairs.Add(struct (block[i], block[j]))

        independence isNormal pairs

    /// Σ ±1 over the same pairs: + when both or none of |u|, |v| are above the upper quartile of a normal law.
    let private laneSizes lag (blocks: float[][]) =
        let mutable sum, pairs = 0, 0

        for block in blocks do
            for i in 0 .. block.Length - 1 do
                let j = i ^^^ lag

                if i < j && j < block.Length then
                    let alike = (abs block[i] > upperQuartile) = (abs block[j] > upperQuartile)
                    sum <- sum + (if alike then 1 else -1)
                    pairs <- pairs + 1

        Surprise.ofSigns (float pairs) (float sum)

    /// The pairs of the same lane of blocks b and b + 1, b ≡ first (mod 2).
    let private neighbours isNormal first (blocks: float[][]) =
        let pairs = ResizeArray()

        for b in first..2 .. blocks.Length - 2 do
            for i in 0 .. min blocks[b].Length blocks[b + 1].Length - 1 do
                pairs.Add(struct (blocks[b][i], blocks[b + 1][i]))

        independence isNormal pairs

    /// S_b = Σu/√n of a block, standard normal.
    let private blockSums (blocks: float[][]) =
        blocks |> Array.map (fun block -> Array.sum block / sqrt (float block.Length))

    /// Σ S_b² is χ²: particles of one block that depend on each other spread the sums or narrow them.
    let private withinBlocks blocks =
        let sums = blockSums blocks
        Surprise.ofChiSquare (float sums.Length) (Array.sumBy (fun s -> s * s) sums)

    /// The pairs S_b, S_{b+1}, disjoint: particles that two neighbouring blocks share, in whatever lane.
    let private betweenBlocks isNormal first blocks =
        let sums = blockSums blocks

        independence
            isNormal
            (ResizeArray(seq { for b in first..2 .. sums.Length - 2 -> struct (sums[b], sums[b + 1]) }))

    /// The pairs of two independent coordinates of a particle.
    let private coordinates isNormal (a: float[][]) (b: float[][]) =
        independence isNormal (ResizeArray(Seq.map2 (fun u v -> struct (u, v)) (Array.concat a) (Array.concat b)))

    /// How many values occur again among all. A double of the law is a given one with a probability below 10⁻¹⁴ near 0, and of the
    /// spacing of doubles over the deviation far from it; k repetitions are a forest of k coincidences, and there are at most (n²/2)^k/k! of those.
    let private repeated (moments: Moments) (values: float[]) =
        let farthest = values |> Array.fold (fun most x -> max most (abs x)) 0.0
        let chance = max 1e-14 ((System.Math.BitIncrement farthest - farthest) / sqrt moments.Variance[0])
        let sorted = Array.sort values
        let again = sorted |> Array.pairwise |> Array.filter (fun (a, b) -> a = b) |> Array.length
        Surprise.ofRareEvents (chance * float values.Length * float values.Length) again

    let private values (store: ParticleStore) = store.Coordinate 0

    /// The statistics of a run against the exact moments of its law; `next` are particles of the run with the following seed.
    let statistics isNormal hasIndependentCoordinates (moments: Moments) (store: ParticleStore) (next: ParticleStore) =
        let axes = [ 0 .. min store.Dimension mostCoordinates - 1 ]
        let byAxis = axes |> List.map (standardised store moments)
        let statistic name surprise = { Of = name; Surprise = surprise }

        [
            for e, blocks in List.zip axes byAxis do
                let of' name surprise = statistic $"{name} of coordinate {e + 1}" surprise
                of' "the mean" (mean isNormal blocks)

                if isNormal then
                    of' "the variance" (variance blocks)
                    of' "the spread of the blocks' sums" (withinBlocks blocks)

                for lag in [ 1; 2; 4; 8 ] do
                    of' $"the correlation of lanes i and i xor {lag}" (lanes isNormal lag blocks)

                    if isNormal then
                        of' $"the sizes in lanes i and i xor {lag}" (laneSizes lag blocks)

                for first in [ 0; 1 ] do
                    of' $"the correlation of blocks {first} + 2k and the next" (neighbours isNormal first blocks)

                    of'
                        $"the correlation of the sums of blocks {first} + 2k and the next"
                        (betweenBlocks isNormal first blocks)

            if hasIndependentCoordinates then
                for e, (a, b) in List.indexed (List.pairwise byAxis) do
                    statistic $"the correlation of coordinates {e + 1} and {e + 2}" (coordinates isNormal a b)

            statistic "values that occur twice" (repeated moments (values store))

            statistic
                "values that the next seed gives too"
                (repeated moments (Array.append (Array.distinct (values store)) (Array.distinct (values next))))
        ]

    /// The smallest shift of a standard normal mean that n particles show with probability `Budget.power` when a statement's share
    /// of the budget is `falseAlarm`.
    let smallestShift (n: int64) falseAlarm =
        let reach = Normal.InvCDF(0.0, 1.0, Budget.power) - Normal.InvCDF(0.0, 1.0, falseAlarm / 2.0)
        reach / sqrt (float n)

    /// The same in words; the deviation of Σu² is √(2n).
    let power n falseAlarm =
        let error = smallestShift n falseAlarm
        $"a mean off by {error:g2} deviations, a variance off by {100.0 * sqrt 2.0 * error:g2} %%"
