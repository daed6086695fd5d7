/// Particles, one after the other: a run of an experiment's words with random numbers of its own.
module Sgm.Verification.References.Twin

open System
open Sgm
open Sgm.Verification.References.Course
open Sgm.Verification.References.Density

/// A standard normal number (Box and Muller 1958).
let private normal (random: Random) =
    sqrt (-2.0 * log (1.0 - random.NextDouble())) * cos (2.0 * Math.PI * random.NextDouble())

/// A draw of a mixture: a component by its weight, its mean and its covariance's root times standard normal numbers.
let private draw (random: Random) (block: Component list) =
    let roots = block |> List.map (fun c -> c.Weight, c.Mean, c.Covariance.Cholesky().Factor)

    fun () ->
        let rec choose u parts =
            match parts with
            | [ last ] -> last
            | (weight, _, _) as part :: _ when u < weight -> part
            | (weight, _, _) :: rest -> choose (u - weight) rest
            | [] -> invalidOp "a mixture without components"

        let _, mean, root = choose (random.NextDouble()) roots
        let z = Array.init mean.Count (fun _ -> normal random)
        (mean + root * MathNet.Numerics.LinearAlgebra.Vector<float>.Build.Dense z).ToArray()

/// What a run of the twin may cost, in products of numbers a particle.
let private mostProducts = 1e5

/// Whether `run` has an answer within reason, or why not. Reads no files.
let covers (experiment: Experiment) =
    match Reference.readable experiment with
    | Error reason -> Error reason
    | Ok() ->
        let d = Density.coordinates (fun _ -> [||]) experiment.Target
        let steps = Course.steps experiment.Sampler

        let parts = Density.parts experiment

        if (unread experiment).IsSome then
            Error (unread experiment).Value
        elif parts * (1.0 + steps) > mostProducts then
            Error $"{parts:g6} components in {steps:g6} steps are too many for the twin"
        elif (1.0 + steps) * d * d > mostProducts then
            Error $"{steps:g6} steps in {d:g6} dimensions are too many for the twin"
        elif Reference.isFitted experiment then
            Error "the score is not that of one law"
        else
            Ok()

/// The particles at every probe, shape [d][n], with the probe's name; an error where the score is not that of one law.
let run data (experiment: Experiment) count (seed: int) =
    match Reference.scored data experiment with
    | None -> Error "the score is not that of one law"
    | Some scored ->
        let random = Random seed
        let course = ofExperiment experiment
        let estimate = Steps.estimate (dimension scored) scored experiment.Score.Modifiers
        let target = law data experiment.Target

        let first =
            match Reference.started data experiment course.First with
            | Error at -> fun () -> Array.ofList at
            | Ok law ->
                let parts = law |> List.map (draw random)
                fun () -> parts |> List.map (fun part -> part ()) |> Array.concat

        // Each particle with what is kept of it.
        let mutable particles = Array.init count (fun _ -> [ first () ])

        [
            for event in course.Events do
                match event with
                | Look(name, _) -> name, particles |> Array.map List.head |> Array.transpose
                | _ ->
                    let move, draws =
                        match event with
                        | Adjusted step ->
                            let ln, s = logDensityOf (noised step.At target), estimate step.At

                            (fun state (draws: float[] list) ->
                                Adjusted.move step ln s (List.head state) draws[0] draws[1] :: List.tail state),
                            2
                        | _ -> Memory.move experiment.Forward estimate event

                    particles <-
                        particles
                        |> Array.map (fun state ->
                            move state [ for _ in 1..draws -> Array.init state.Head.Length (fun _ -> normal random) ])
        ]
        |> Ok

/// The projections that are compared: every coordinate, and sum and difference of every two neighbours. Shape [d][n] each.
let projections (particles: float[][]) =
    [
        for i, x in Array.indexed particles do
            $"coordinate {i + 1}", x

        for i, (x, y) in Array.indexed (Array.pairwise particles) do
            $"coordinates {i + 1} + {i + 2}", Array.map2 (+) x y
            $"coordinates {i + 1} − {i + 2}", Array.map2 (-) x y
    ]

/// The largest distance of two empirical distribution functions (Smirnov).
let distance (a: float[]) (b: float[]) =
    let a, b = Array.sort a, Array.sort b
    let mutable i, j, largest = 0, 0, 0.0

    while i < a.Length && j < b.Length do
        let x = min a[i] b[j]

        while i < a.Length && a[i] <= x do
            i <- i + 1

        while j < b.Length && b[j] <= x do
            j <- j + 1

        largest <- max largest (abs (float i / float a.Length - float j / float b.Length))

    largest

/// What the distance exceeds with probability at most `falseAlarm` when both are independent draws of one law, whatever the
/// law: both are within √(ln(2/β)/2n) of it with probability 1 − β, half of falseAlarm each (Massart 1990).
let allowed falseAlarm (n: int64) (m: int64) =
    let within size = sqrt (log (4.0 / falseAlarm) / (2.0 * float size))
    within n + within m
