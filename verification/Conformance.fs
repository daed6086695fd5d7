namespace Sgm.Verification

open System
open MathNet.Numerics.Distributions
open Sgm.Engine

/// Particles held against the law that they should have: statistics of the particles, standardised by the exact means and
/// variances, each with an upper bound for the probability of what was seen if the particles are independent draws from that law.
///
/// Particle i of a run is lane i mod size of block i div size. u is a coordinate less its mean, over its deviation; where the
/// law is normal every probability is exact or a bound, otherwise that of the normal limit with the exact variance.
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

    /// Σ u, and its surprise: Σu/√n is standard normal.
    let private mean blocks =
        let n = count blocks
        Surprise.ofNormal (Array.sumBy Array.sum blocks / sqrt n)

    /// Σ u² is χ² with n degrees of freedom for a normal law; otherwise (Σu² − n)/√(n·Var u²) is standard normal in the limit.
    let private variance isNormal (blocks: float[][]) =
        let n = count blocks
        let power p = blocks |> Array.sumBy (Array.sumBy (fun u -> pown u p))
        let squares = power 2

        if isNormal then
            Surprise.ofChiSquare n squares
        else
            Surprise.ofNormal ((squares - n) / sqrt (power 4 - squares * squares / n))

    /// Σ u·v over the pairs of lanes i and i xor lag of every block, each lane in one pair.
    let private lanes lag (blocks: float[][]) =
        let mutable sum, pairs = 0.0, 0

        for block in blocks do
            for i in 0 .. block.Length - 1 do
                let j = i ^^^ lag

                if i < j && j < block.Length then
                    sum <- sum + block[i] * block[j]
                    pairs <- pairs + 1

        Surprise.ofProducts (float pairs) sum

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

    /// Σ u·v over the same lane of blocks b and b + 1, b ≡ first (mod 2).
    let private neighbours first (blocks: float[][]) =
        let mutable sum, pairs = 0.0, 0

        for b in first..2 .. blocks.Length - 2 do
            for i in 0 .. min blocks[b].Length blocks[b + 1].Length - 1 do
                sum <- sum + blocks[b][i] * blocks[b + 1][i]
                pairs <- pairs + 1

        Surprise.ofProducts (float pairs) sum

    /// S_b = Σu/√n of a block, standard normal.
    let private blockSums (blocks: float[][]) =
        blocks |> Array.map (fun block -> Array.sum block / sqrt (float block.Length))

    /// Σ S_b² is χ²: particles of one block that depend on each other spread the sums or narrow them.
    let private withinBlocks blocks =
        let sums = blockSums blocks
        Surprise.ofChiSquare (float sums.Length) (Array.sumBy (fun s -> s * s) sums)

    /// Σ S_b·S_{b+1} over disjoint pairs: particles that two neighbouring blocks share, in whatever lane.
    let private betweenBlocks first blocks =
        let sums = blockSums blocks
        let pairs = [| for b in first..2 .. sums.Length - 2 -> sums[b] * sums[b + 1] |]
        Surprise.ofProducts (float pairs.Length) (Array.sum pairs)

    /// Σ u·v over two independent coordinates of a particle.
    let private coordinates (a: float[][]) (b: float[][]) =
        Surprise.ofProducts (count a) (Array.sum (Array.map2 (fun x y -> Array.sum (Array.map2 (*) x y)) a b))

    /// How many values occur again among all. Doubles of one law coincide by chance with a probability below 10⁻¹⁴ a pair.
    let private repeated (values: float[]) =
        let sorted = Array.sort values
        let again = sorted |> Array.pairwise |> Array.filter (fun (a, b) -> a = b) |> Array.length
        Surprise.ofRareEvents (1e-14 * float values.Length * float values.Length) again

    let private values (store: ParticleStore) = store.Coordinate 0

    /// The statistics of a run against the exact moments of its law; `next` are particles of the run with the following seed.
    let statistics isNormal hasIndependentCoordinates (moments: Moments) (store: ParticleStore) (next: ParticleStore) =
        let axes = [ 0 .. min store.Dimension mostCoordinates - 1 ]
        let byAxis = axes |> List.map (standardised store moments)
        let statistic name surprise = { Of = name; Surprise = surprise }

        [
            for e, blocks in List.zip axes byAxis do
                let of' name surprise = statistic $"{name} of coordinate {e + 1}" surprise
                of' "the mean" (mean blocks)
                of' "the variance" (variance isNormal blocks)

                for lag in [ 1; 2; 4; 8 ] do
                    of' $"the correlation of lanes i and i xor {lag}" (lanes lag blocks)

                    if isNormal then
                        of' $"the sizes in lanes i and i xor {lag}" (laneSizes lag blocks)

                of' "the spread of the blocks' sums" (withinBlocks blocks)

                for first in [ 0; 1 ] do
                    of' $"the correlation of blocks {first} + 2k and the next" (neighbours first blocks)
                    of' $"the correlation of the sums of blocks {first} + 2k and the next" (betweenBlocks first blocks)

            if hasIndependentCoordinates then
                for e, (a, b) in List.indexed (List.pairwise byAxis) do
                    statistic $"the correlation of coordinates {e + 1} and {e + 2}" (coordinates a b)

            statistic "values that occur twice" (repeated (values store))

            statistic
                "values that the next seed gives too"
                (repeated (Array.append (Array.distinct (values store)) (Array.distinct (values next))))
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
