/// The parts of a decision from samples: what every statistic sees, and what every stage spends.
module Sgm.Tests.SamplingTests

open System
open Expecto
open MathNet.Numerics.Distributions
open Sgm.Engine
open Sgm.Verification

let private normals (random: Random) n = Array.init n (fun _ -> Normal.Sample(random, 0.0, 1.0))

/// 32768 independent normal pairs in 256 blocks, coordinate-major, and a change to all blocks of a coordinate.
let private pairs seed (change: (float[][] -> float[][]) list) =
    let random = Random seed
    let axes = List.init 2 (fun _ -> Array.init 256 (fun _ -> normals random 128))
    let changed = List.map2 id change axes
    ParticleStore(2, 0L, Array.init 256 (fun b -> changed |> List.map (fun axis -> axis[b]) |> Array.concat))

let private surprisesOf (store: ParticleStore) next =
    let moments = Moments([| 0.0; 0.0 |], [| 1.0; 1.0 |], [| 0.0; 0.0 |], [| 0.0; 0.0 |], 1.0)
    Conformance.statistics true true moments store next

let private each f = Array.map (Array.map f)

let private everySecond f (blocks: float[][]) =
    Array.mapi (fun b block -> if b % 2 = 1 then f blocks[b - 1] block else block) blocks

/// A change to the first coordinate, and the one statistic that is there to see it.
let private seen: (string * (float[][] -> float[][])) list =
    let random = Random 3

    [
        "the mean of", each (fun x -> x + 0.05)
        "the variance of", each (fun x -> 1.05 * x)
        "the correlation of lanes i and i xor 4",
        Array.map (fun row -> Array.mapi (fun i x -> 0.98 * x + 0.2 * row[i ^^^ 4]) row)
        "the sizes in lanes i and i xor 1",
        Array.map (fun row ->
            Array.mapi (fun i x -> if i % 2 = 1 then abs row[i - 1] * float (2 * random.Next 2 - 1) else x) row)
        "the spread of the blocks' sums",
        Array.map (fun row ->
            let shift = Normal.Sample(random, 0.0, 0.1)
            Array.map (fun x -> x + shift) row)
        "the correlation of blocks 0 + 2k and the next",
        everySecond (fun before own -> Array.map2 (fun x y -> 0.98 * x + 0.2 * y) own before)
        "the correlation of the sums of blocks 0 + 2k and the next",
        everySecond (fun before _ -> Array.rev before |> Array.map (fun x -> x + 1e-9))
        "values that occur twice",
        (fun blocks -> Array.mapi (fun b block -> if b = 40 then Array.rev blocks[7] else block) blocks)
    ]

let private statistics =
    testList
        "every statistic sees what it is there for"
        [
            testCase "nothing in independent particles"
            <| fun () ->
                for statistic in surprisesOf (pairs 1 [ id; id ]) (pairs 2 [ id; id ]) do
                    Expect.isLessThan statistic.Surprise 4.0 statistic.Of

            for name, change in seen do
                testCase name
                <| fun () ->
                    let found =
                        surprisesOf (pairs 1 [ change; id ]) (pairs 2 [ id; id ])
                        |> List.filter (fun s -> s.Of.StartsWith(name, StringComparison.Ordinal))
                        |> List.map (fun s -> s.Surprise)

                    Expect.isGreaterThan (List.max found) 9.0 "decades"

            testCase "the correlation of coordinates 1 and 2"
            <| fun () ->
                let store = pairs 1 [ id; id ]

                let mixed =
                    Array.init store.BlockCount (fun b ->
                        let x, y = Array.splitAt 128 (store.Block(b).ToArray())
                        Array.append x (Array.map2 (fun x y -> 0.1 * x + 0.995 * y) x y))

                let found = surprisesOf (ParticleStore(2, 0L, mixed)) (pairs 2 [ id; id ])
                let own = found |> List.find (fun s -> s.Of = "the correlation of coordinates 1 and 2")
                Expect.isGreaterThan own.Surprise 9.0 "decades"

            testCase "five rare values surprise no more than Poisson's law allows"
            <| fun () ->
                // u = ±316 with probability 10⁻⁵ each, else 0: mean 0, variance 1 to 10⁻³. Five of one sign among 32768 have a probability of
                // 10⁻⁴·⁷; a normal limit would say 10⁻¹⁷.
                let blocks = Array.init 256 (fun _ -> Array.zeroCreate<float> 128)

                for k in 0..4 do
                    blocks[50 * k][k] <- 316.0

                let other = Array.init 256 (fun b -> Array.init 128 (fun i -> 0.001 * float (128 * b + i)))
                let store blocks = ParticleStore(1, 0L, blocks)
                let moments = Moments([| 0.0 |], [| 1.0 |], [| 0.0 |], [| 0.0 |], 1.0)
                let found = Conformance.statistics false false moments (store blocks) (store other)
                let honest = -log10(Poisson.PMF(0.32768, 5))

                for statistic in found |> List.filter (fun s -> not (s.Of.StartsWith "values")) do
                    Expect.isLessThanOrEqual statistic.Surprise honest statistic.Of

            testCase "what depends on its neighbour is seen without a normal law"
            <| fun () ->
                let random = Random 17
                let skew n = Array.init n (fun _ -> Exponential.Sample(random, 1.0) - 1.0)
                let blocks = Array.init 256 (fun _ -> skew 128)
                let next = ParticleStore(1, 0L, Array.init 256 (fun _ -> skew 128))
                let moments = Moments([| 0.0 |], [| 1.0 |], [| 0.0 |], [| 0.0 |], 1.0)
                let found blocks = Conformance.statistics false false moments (ParticleStore(1, 0L, blocks)) next
                let largest blocks = found blocks |> List.map (fun s -> s.Surprise) |> List.max
                Expect.isLessThan (largest blocks) 4.0 "independent"

                for name, change in
                    [
                        "lanes", Array.map (fun (row: float[]) -> Array.mapi (fun i x -> x + 0.4 * row[i ^^^ 2]) row)
                        "blocks", everySecond (fun before own -> Array.map2 (fun x y -> x + 0.4 * y) own before)
                        "the mean", each (fun x -> x + 0.3)
                    ] do
                    Expect.isGreaterThan (largest (change blocks)) 9.0 name

            testCase "values that the next seed gives too"
            <| fun () ->
                let found = surprisesOf (pairs 1 [ id; id ]) (pairs 1 [ id; id ])
                let own = found |> List.find (fun s -> s.Of = "values that the next seed gives too")
                Expect.isGreaterThan own.Surprise 9.0 "decades"
        ]

/// What is decided from samples, with what it is told.
let private decided falseAlarm offset open' =
    let stages, spent = ResizeArray<Stage>(), ResizeArray<Spending>()
    let budget = { Budget.create falseAlarm Quick with SeedOffset = offset; Record = spent.Add }

    let measure (stage: Stage) =
        stages.Add stage
        let upper = if open' then 2.0 else 0.5
        Ok [ { What = ""; Measured = Estimate.Sampled(0.4, 0.0, upper, 0.99, "test"); Bound = 1.0 } ]

    Sampling.decide budget "" None 7L 4096L None measure |> ignore
    List.ofSeq stages, Seq.exactlyOne spent

let private budgets =
    testList
        "budget"
        [
            testCase "the stages of a decision spend Σ 6/(π²k²) of its share, on twice as many fresh particles each"
            <| fun () ->
                let share = 1e-4
                let stages, spent = decided share 0UL true
                // 4096, 8192, … up to 2¹⁷.
                Expect.equal (stages |> List.map (fun s -> s.Particles)) [ for k in 12..17 -> 1L <<< k ] "particles"

                let parts = [ for k in 1..6 -> share * 6.0 / (Math.PI * float k) ** 2.0 ]

                for stage, part in List.zip stages parts do
                    Expect.floatClose Accuracy.veryHigh stage.FalseAlarm part $"stage {stage.Index}"
                    let each = 1.0 - stage.Confidence 40
                    Expect.floatClose { absolute = 1e-15; relative = 1e-6 } each (part / 40.0) "of 40 statements"

                Expect.floatClose Accuracy.veryHigh spent.FalseAlarm (List.sum parts) "all together"
                Expect.isLessThan spent.FalseAlarm share "within the share"
                Expect.equal (spent.Stages, spent.Particles, spent.Seed) (6, 1L <<< 17, stages[5].Seed) "the last"
                let again, _ = decided share 1UL true
                let seeds = (stages @ again) |> List.map (fun s -> s.Seed)
                Expect.equal (List.distinct seeds) seeds "no seed comes twice, whatever the stage and the offset"
            testCase "what is decided goes no further"
            <| fun () ->
                let stages, spent = decided 1e-4 0UL false
                Expect.equal (stages.Length, spent.Stages) (1, 1) "stages"
        ]

let tests = testList "Sampling" [ statistics; budgets ]
