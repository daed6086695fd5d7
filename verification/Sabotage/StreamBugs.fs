/// Bugs in what only particles do: streams, lanes, blocks, and steps as the ensemble runs them.
module Sgm.Verification.Sabotage.StreamBugs

open System
open System.Collections.Immutable
open Sgm.Engine
open Sgm.Verification.Sabotage.PlanEdit

let private bug id title breaks change =
    { Id = id; Title = title; Breaks = breaks; Part = Streams; Change = OfSample change }

/// The particles of every probe changed; `change` has the dimension and all blocks, each of shape [d, n], and gives new ones.
let private particles id title breaks (change: int -> double[][] -> double[][]) =
    bug id title breaks (fun sample plan options ->
        let outcome = sample plan options

        let probe (p: ProbeResult) =
            match p.Law with
            | :? ParticleLaw as law ->
                let store = law.Particles
                let blocks = Array.init store.BlockCount (fun b -> store.Block(b).ToArray())
                let changed = ParticleStore(store.Dimension, store.FirstBlock, change store.Dimension blocks)
                ProbeResult(p.Name, p.Level, ParticleLaw(changed, plan.Target, p.Level, options.Seed))
            | _ -> p

        Outcome(outcome.Status, ImmutableArray.CreateRange(outcome.Probes |> Seq.map probe)))

/// The ensemble runs another plan than the exact law does.
let private steps id title breaks (edit: Plan -> Plan option) =
    bug id title breaks (fun sample plan options -> sample (edit plan |> Option.defaultValue plan) options)

/// A function of every row (one coordinate of a block), row by row.
let private rows (f: double[] -> double[]) d (block: double[]) =
    block |> Array.chunkBySize (block.Length / d) |> Array.collect f

let private everyRow f d = Array.map (rows f d)
let private everyValue f (_: int) = Array.map (Array.map (f: double -> double))

let all =
    [
        particles
            "noise-reused-in-lanes"
            "two neighbouring lanes share their noise"
            "every second particle repeats the one before"
            (everyRow (fun row -> row |> Array.mapi (fun i _ -> row[i &&& ~~~1])))
        particles
            "opposite-lanes"
            "lanes 8 apart have opposite noise"
            "the sine of Box and Muller without its own angle"
            (everyRow (fun row -> row |> Array.mapi (fun i x -> if i &&& 8 = 0 then x else -row[i ^^^ 8])))
        particles
            "correlated-lanes"
            "lanes 4 apart are correlated by a tenth"
            "the state of a generator leaks into its neighbour"
            (everyRow (fun row -> row |> Array.mapi (fun i x -> sqrt 0.99 * x + 0.1 * row[i ^^^ 4])))
        particles
            "blocks-share-a-stream"
            "two blocks run on one random stream"
            "the block's index is halved before it seeds"
            (fun _ blocks -> Array.init blocks.Length (fun b -> blocks[b &&& ~~~1]))
        particles
            "overlapping-streams"
            "a block's stream is its neighbour's, one draw later"
            "streams that are seeded too close to each other"
            (fun d blocks ->
                let moved = rows (fun row -> Array.append row[1..] row[..0]) d
                Array.init blocks.Length (fun b -> if b % 2 = 1 then moved blocks[b - 1] else blocks[b]))
        particles
            "coordinates-share-noise"
            "all coordinates of a particle have the same noise"
            "the stream is read once a particle, not once a coordinate"
            (fun d -> Array.map (fun block -> Array.init block.Length (fun i -> block[i % (block.Length / d)])))
        particles
            "tails-cut"
            "values beyond two deviations are cut off"
            "a uniform number that is never near 0 in Box and Muller's radius"
            (everyValue (fun x -> Math.Clamp(x, -2.0, 2.0)))
        particles
            "ensemble-spread"
            "particles 4 % too wide"
            "a constant in the ensemble's noise"
            (everyValue ((*) 1.04))
        particles
            "ensemble-shift"
            "particles 0.03 too far right"
            "rounding that is not to the nearest"
            (everyValue ((+) 0.03))
        bug "seed-ignored" "the seed is not used" "every run has the same particles" (fun sample plan options ->
            sample
                plan
                (RunOptions(
                    Particles = options.Particles,
                    Seed = 5UL,
                    Threads = options.Threads,
                    Cancellation = options.Cancellation
                )))
        steps
            "ensemble-noise"
            "noise of half the variance in the ensemble alone"
            "√h for √(2h) in one of the interpreters"
            (PlanEdit.steps (scaled 1.0 1.0 (sqrt 0.5) >> Some))
        steps
            "ensemble-noise-ten-percent"
            "noise of a variance 10 % too large in the ensemble alone"
            "a table of constants in single precision"
            (PlanEdit.steps (scaled 1.0 1.0 (sqrt 1.1) >> Some))
        steps
            "ensemble-drift"
            "half the score in the ensemble alone"
            "one interpreter takes another convention"
            (PlanEdit.steps (scaled 1.0 0.5 1.0 >> Some))
        steps
            "ensemble-one-step-less"
            "the ensemble's loop ends one step too early"
            "n − 1 for n repetitions in one of the interpreters"
            (repeats (fun repeat -> [ Instruction.Repeat(repeat.Count - 1L, repeat.Body) ]))
    ]
