module Sgm.Tests.EngineAgreementTests

open System
open System.Collections.Concurrent
open System.Collections.Immutable
open System.Threading
open Expecto
open MathNet.Numerics.Distributions
open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Theorems

let private healthy = Runner.engine CancellationToken.None

/// An ensemble whose particles are changed behind the theorem's back; `change` has all blocks and gives the new ones.
let private broken (change: int -> double[][] -> double[][]) =
    let sample (plan: Plan) (options: RunOptions) =
        let outcome = healthy.Sample plan options

        let probe (p: ProbeResult) =
            let store = (p.Law :?> ParticleLaw).Particles
            let blocks = Array.init store.BlockCount (fun b -> store.Block(b).ToArray())
            let changed = ParticleStore(store.Dimension, 0L, change store.Dimension blocks)
            ProbeResult(p.Name, p.Level, ParticleLaw(changed, plan.Target, p.Level, options.Seed))

        Outcome(outcome.Status, ImmutableArray.CreateRange(outcome.Probes |> Seq.map probe))

    { healthy with Sample = sample }

/// The first two standing cases: one dimension and four.
let private few =
    let scenario = EngineAgreement.agreement.Scenarios.Head
    let axis = { scenario.Axes.Head with Values = fun _ -> [ 0.0; 1.0 ] }
    { EngineAgreement.agreement with Scenarios = [ { scenario with Axes = [ axis ] } ] }

let private verdictOf runner = (Study.run runner Quick [ few ]).Checks.Head

/// Every value of a block, from the values of a block.
let private rows d (f: double[] -> double[]) (block: double[]) =
    block |> Array.chunkBySize (block.Length / d) |> Array.collect f

let private bugs =
    [
        "every second lane repeats the one before",
        (fun d -> Array.map (rows d (fun row -> Array.mapi (fun i _ -> row[i &&& ~~~1]) row)))
        "lanes 8 apart are opposite",
        (fun d -> Array.map (rows d (fun row -> Array.mapi (fun i x -> if i &&& 8 = 0 then x else -row[i ^^^ 8]) row)))
        "a part of lane i is in lane i xor 4",
        (fun d -> Array.map (rows d (fun row -> Array.mapi (fun i x -> 0.995 * x + 0.1 * row[i ^^^ 4]) row)))
        "blocks come in pairs", (fun _ blocks -> Array.init blocks.Length (fun b -> blocks[b &&& ~~~1]))
        "block b + 1 is block b moved by one lane",
        (fun d blocks ->
            let moved = rows d (fun row -> Array.append row[1..] row[..0])
            Array.init blocks.Length (fun b -> if b % 2 = 1 then moved blocks[b - 1] else blocks[b]))
        "block b + 1 has a part of block b in it",
        (fun _ blocks ->
            Array.init blocks.Length (fun b ->
                if b % 2 = 1 then
                    Array.map2 (fun x y -> 0.995 * x + 0.1 * y) blocks[b] blocks[b - 1]
                else
                    blocks[b]))
        "block b + 1 is block b backwards, no value the same",
        (fun d blocks ->
            Array.init blocks.Length (fun b ->
                if b % 2 = 1 then
                    rows d (fun row -> Array.rev row |> Array.map (fun x -> x + 1e-9)) blocks[b - 1]
                else
                    blocks[b]))
        "one block twice in the whole run",
        (fun _ blocks -> Array.mapi (fun b block -> if b = 40 then blocks[7] else block) blocks)
        "all coordinates are shifted by 3 % of a deviation", (fun _ -> Array.map (Array.map (fun x -> x + 0.03)))
        "the spread is 4 % off", (fun _ -> Array.map (Array.map (fun x -> 1.04 * x)))
        "large values are cut", (fun _ -> Array.map (Array.map (fun x -> Math.Clamp(x, -2.0, 2.0))))
    ]

let private caught =
    testList
        "a broken ensemble is violated"
        [
            for name, change in bugs do
                testCase name (fun () ->
                    let check = verdictOf (broken change)
                    Expect.equal check.Verdict Violated $"{check.Reason}")

            testCase "coordinates that share their noise"
            <| fun () ->
                let copy d =
                    Array.map (fun (block: double[]) ->
                        Array.init block.Length (fun i -> block[i % (block.Length / d)]))

                Expect.equal (verdictOf (broken copy)).Verdict Violated "copied"

            testCase "a seed that is not used"
            <| fun () ->
                let ignoring plan (options: RunOptions) =
                    healthy.Sample plan (RunOptions(Particles = options.Particles, Seed = 5UL))

                let check = verdictOf { healthy with Sample = ignoring }
                Expect.equal check.Verdict Violated "same particles"
                Expect.stringContains (defaultArg check.Reason "") "next seed" "reason"

            testCase "block b of a seed is block b + 1 of the one before"
            <| fun () ->
                let shifted (plan: Plan) (options: RunOptions) =
                    let blocks = BlockFormat.Count(plan.Dimension, options.Particles)
                    let more = BlockFormat.Size(plan.Dimension) |> int64 |> (*) (blocks + 8L)
                    let all = RunOptions(Particles = more, Seed = 5UL)
                    Ensemble().Run(plan, all, int64 (options.Seed % 8UL), blocks)

                Expect.equal (verdictOf { healthy with Sample = shifted }).Verdict Violated "overlapping streams"
        ]

let private healthyRuns =
    testList
        "a healthy ensemble"
        [
            testCase "agrees in every standing case, and the budget is accounted for"
            <| fun () ->
                let result = Study.run healthy Quick [ EngineAgreement.agreement ]

                for check in result.Checks do
                    Expect.equal check.Verdict Holds $"{check.Reason}"
                    Expect.equal check.Sampled.Length check.Cells.Length "one decision a cell"
                    Expect.isFalse (Budget.assumes check.Sampled) "independent draws are all that it assumes"

                let spent = result.Checks |> List.collect (fun c -> c.Sampled) |> List.sumBy (fun s -> s.FalseAlarm)
                Expect.isLessThanOrEqual spent result.FalseAlarm "spent"
                Expect.isGreaterThan spent 0.0 "something"
        ]

let private isSlow = Environment.GetEnvironmentVariable "SGM_SLOW" = "1"

/// Every theorem with checks of a quick run that are decided from samples, those checks alone.
let private sampled =
    let hasNoExactLaw (s: Scenario) = s.Name = "three coupled modes" || s.Name = "Old Faithful"
    let planar = PedrottiDiscrete.wasserstein

    [
        EngineAgreement.agreement
        { planar with Scenarios = planar.Scenarios |> List.filter hasNoExactLaw; Rates = [] }
        LeeLearned.learnedPredictor
        // Most of the time, and a full verification in the tests has it.
        if isSlow then
            BrunoSgld.trainedMean
    ]

/// Runs the sampled checks again and again under other seeds. What does not depend on a seed is done once: the plans are lowered, and
/// a law that was computed for one of them is kept.
type private Repetition() =
    let prepared = Study.prepare Quick sampled
    let outcomes = ConcurrentDictionary<Plan, Lazy<Outcome>>(HashIdentity.Reference)
    let run plan options = outcomes.GetOrAdd(plan, (fun _ -> lazy healthy.Run plan options)).Value

    /// How many checks are violated with at most so many particles, under a budget and an offset of all seeds.
    member _.Violated most falseAlarm offset =
        let sample plan (options: RunOptions) =
            Ensemble().Run(plan, RunOptions(Particles = min most options.Particles, Seed = options.Seed, Threads = 1))

        let found =
            prepared
                { healthy with
                    Run = run
                    Sample = sample
                    Budget = { healthy.Budget with FalseAlarm = falseAlarm; SeedOffset = offset }
                }

        found.Violated

let private falseAlarms =
    let number name otherwise =
        match Environment.GetEnvironmentVariable name with
        | null -> otherwise
        | given -> int given

    // Several processes share the work by ranges of seeds.
    let seeds = number "SGM_SEEDS" (if isSlow then 1000 else 2)
    let first = number "SGM_FIRST_SEED" 1

    /// How many of so many seeds, the first given, raise an alarm.
    let alarms (repetition: Repetition) count falseAlarm first =
        let mutable found = 0

        for k in 0 .. count - 1 do
            if repetition.Violated 4096L falseAlarm (uint64 (first + k)) > 0 then
                found <- found + 1

            if isSlow && (k + 1) % 20 = 0 then
                printfn $"false alarms at a budget of {falseAlarm}: {found} in {k + 1} of {count} seeds"

        found

    testList
        "false alarms of the sampled checks"
        [
            testCase $"none in {seeds} seeds from {first} on"
            <| fun () -> Expect.equal (alarms (Repetition()) seeds Budget.ofRun first) 0 "violated"
            testCase "at a budget of one in five, no more than that"
            <| fun () ->
                // Of a few seeds none would be too many.
                if not isSlow then
                    skiptest "set SGM_SLOW=1"

                let runs = min seeds 100
                let n = float runs

                Expect.isLessThanOrEqual
                    (float (alarms (Repetition()) runs 0.2 5000))
                    (0.2 * n + 3.0 * sqrt (0.16 * n))
                    "violated"
        ]

/// One statistic's surprise over many draws exceeds 2 decades with probability at most 1 %, and is not much rarer.
let private calibrated name least (surprise: Random -> float) =
    testCase name (fun () ->
        let random = Random 7
        let trials = 20000
        let over = Seq.init trials (fun _ -> surprise random) |> Seq.filter (fun s -> s > 2.0) |> Seq.length
        // Four deviations of a binomial number of mean 200.
        Expect.isLessThan over 257 "not more often than 1 %"
        Expect.isGreaterThan over least "and not never")

let private normals (random: Random) n = Array.init n (fun _ -> Normal.Sample(random, 0.0, 1.0))

let private powers =
    testList
        "the power that the report states"
        [
            testCase "a mean off by as much is found with probability 0.9"
            <| fun () ->
                let n, share = 4096L, 1e-9
                let shift = Conformance.smallestShift n share
                let random = Random 5
                let trials = 2000

                let found =
                    Seq.init trials (fun _ -> Normal.Sample(random, sqrt (float n) * shift, 1.0))
                    |> Seq.filter (fun z -> Surprise.ofNormal z > -log10 share)
                    |> Seq.length

                // Three deviations of a binomial number of 2000 and 0.9.
                Expect.isLessThan (abs (found - 1800)) 41 "found"
            testCase "a normal measurement at the stated factor is above its bound with probability 0.9"
            <| fun () ->
                let share, error = 1e-6, 0.02
                let reach = -error * Normal.InvCDF(0.0, 1.0, share / 2.0)

                let measured value = Estimate.Sampled(value, value - reach, value + reach, 1.0 - share, "test")

                let factor = (Sampling.smallestFactor share { What = ""; Measured = measured 0.7; Bound = 0.5 }).Value

                let random = Random 6

                let found =
                    Seq.init 2000 (fun _ -> (measured (Normal.Sample(random, 0.5 * factor, error))).Lower > 0.5)
                    |> Seq.filter id
                    |> Seq.length

                // Three deviations of a binomial number of 2000 and 0.9.
                Expect.isLessThan (abs (found - 1800)) 41 "found"
            testCase "a W2 that exceeds its bound by the stated factor is found in about nine of ten runs"
            <| fun () ->
                let share = 1e-6
                let truth = 0.5
                let q = Engine.Target(Mixture.Normal([| truth |], Covariance.Isotropic(1, 1.0)))
                let p = Engine.Target.Centred(1, 1.0)

                let plan = EnsemblePlans.drawn q p

                let measured seed =
                    let run = healthy.Sample plan (RunOptions(Particles = 8192L, Seed = seed, Threads = 1))
                    (run.Probes[0].Law :?> ParticleLaw).At(1.0 - share).Measure Metric.W2

                // A run's own factor is random as its distance is: the mean of some is what the power is about.
                let excess seed =
                    (Sampling.smallestFactor share { What = ""; Measured = measured seed; Bound = 1.0 }).Value - 1.0

                let bound = truth - (List.init 30 (fun i -> excess (uint64 i + 100UL)) |> List.average)
                let trials = 60

                let found =
                    Seq.init trials (fun i -> (measured (uint64 i + 2UL)).Lower > bound) |> Seq.filter id |> Seq.length

                Expect.isGreaterThanOrEqual found 46 $"{found} of {trials}"
        ]

let private surprises =
    testList
        "surprise"
        [
            calibrated "a normal number" 143 (fun r -> Surprise.ofNormal (Normal.Sample(r, 0.0, 1.0)))
            calibrated "χ²" 5 (fun r -> Surprise.ofChiSquare 100.0 (ChiSquared.Sample(r, 100.0)))
            calibrated "products of normals" 5 (fun r ->
                Surprise.ofProducts 40.0 (Array.sum (Array.map2 (*) (normals r 40) (normals r 40))))
            calibrated "signs" 5 (fun r ->
                Surprise.ofSigns 40.0 (Seq.init 40 (fun _ -> float (2 * r.Next 2 - 1)) |> Seq.sum))
            calibrated "rare events" 0 (fun r -> Surprise.ofRareEvents 0.1 (Poisson.Sample(r, 0.1)))
            testCase "the tail of a normal number at 10⁻¹²"
            <| fun () ->
                // 2·P(Z > 7.1305…) = 10⁻¹².
                Expect.floatClose Accuracy.medium (Surprise.ofNormal 7.130506) 12.0 "decades"
            testCase "no number of signs surprises more than it should, by the binomial law"
            <| fun () ->
                for n in 1..40 do
                    for heads in 0..n do
                        let sum = abs (2 * heads - n)

                        let tail =
                            Seq.sum (
                                seq {
                                    for k in 0..n do
                                        if abs (2 * k - n) >= sum then
                                            Binomial.PMF(0.5, n, k)
                                }
                            )

                        let claimed = 10.0 ** -(Surprise.ofSigns (float n) (float sum))
                        Expect.isGreaterThanOrEqual (claimed * (1.0 + 1e-12)) tail $"{heads} of {n}"
            testCase "no number of events surprises more than it should, by the binomial law"
            <| fun () ->
                for n in [ 1; 5; 16; 40 ] do
                    for p in [ 0.01; 0.2; 0.5; 0.9 ] do
                        for k in 0..n do
                            let tail = List.sum [ for j in n .. -1 .. k -> Binomial.PMF(p, n, j) ]
                            let claimed = 10.0 ** -(Surprise.ofEvents (float n) (float k) p)
                            Expect.isGreaterThanOrEqual (claimed * (1.0 + 1e-12)) tail $"{k} of {n} at {p}"
            testCase "no χ² surprises more than it should"
            <| fun () ->
                for n in [ 1.0; 7.0; 100.0; 5000.0 ] do
                    for r in [ 0.2; 0.7; 0.95; 1.05; 1.4; 4.0 ] do
                        let below = MathNet.Numerics.SpecialFunctions.GammaLowerRegularized(n / 2.0, n * r / 2.0)
                        let tail = if r > 1.0 then 1.0 - below else below
                        let claimed = 10.0 ** -(Surprise.ofChiSquare n (n * r))
                        Expect.isGreaterThanOrEqual (claimed * (1.0 + 1e-9)) tail $"{r} of {n}"
            testCase "rare events surprise as Poisson's law says, within e^λ"
            <| fun () ->
                for lambda in [ 1e-6; 0.01; 0.3; 0.9 ] do
                    for k in 1..6 do
                        // P(N ≥ k), summed from the small end.
                        let tail = List.sum [ for j in k + 30 .. -1 .. k -> Poisson.PMF(lambda, j) ]
                        let claimed = 10.0 ** -(Surprise.ofRareEvents lambda k)
                        Expect.isGreaterThanOrEqual (claimed * (1.0 + 1e-9)) tail $"{k} at {lambda}"
                        Expect.isLessThanOrEqual claimed (tail * exp lambda * (1.0 + 1e-9)) $"{k} at {lambda}, no less"
            testCase "Chernoff's exponent is the maximum over t of t·r + ½·ln(1 − t²)"
            <| fun () ->
                for r in [ 0.01; 0.1; 0.5; 2.0; 10.0 ] do
                    let best =
                        Seq.init 99999 (fun i -> float (i + 1) / 1e5)
                        |> Seq.map (fun t -> t * r + 0.5 * log (1.0 - t * t))
                        |> Seq.max

                    let expected = max 0.0 ((1000.0 * best - log 2.0) / log 10.0)

                    Expect.isLessThan
                        (abs (Surprise.ofProducts 1000.0 (1000.0 * r) - expected))
                        (1e-3 + 1e-4 * expected)
                        $"r = {r}"
        ]

let tests = testList "EngineAgreement" [ caught; healthyRuns; falseAlarms; powers; surprises ]
