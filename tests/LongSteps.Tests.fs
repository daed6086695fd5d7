/// One step over a transition of any length, from a point, against its textbook formula in the score at 700 digits.
module Sgm.Tests.LongStepsTests

open System
open System.IO
open Expecto
open Sgm
open Sgm.Engine

/// A row of LongSteps.tsv: forward, method, levels, components (w, μ, v), modifier, x, then T(x), C and Σ|terms| of a method whose
/// terms really cancel (|T| of the others).
type private Row =
    {
        Text: string
        Plan: Plan
        IsNormal: bool
        /// The state after the step, without its noise.
        Drift: float
        Noise: float
        /// What rounding is relative to: the terms of the step that are there in exact arithmetic, too.
        Size: float
    }

let private methods =
    Map
        [
            "eulerMaruyama", eulerMaruyama
            "exponential", exponential
            "ancestral", ancestral
            "flow", flow
            "flowHeun", flowHeun
        ]

let private row (text: string) =
    let field = text.Split '\t'
    let components = [ for part in field[4].Split ';' -> part.Split ',' |> Array.map float ]

    let law =
        match components with
        | [ [| _; mean; variance |] ] -> normal [ mean ] variance
        | several -> mixture [ for c in several -> c[0], normal [ c[1] ] c[2] ]

    let modified =
        match field[5], float field[6] with
        | "shifted", a -> exact |> shifted a
        | "scaled", c -> exact |> scaled c
        | "rippled", a -> exact |> rippled a 2.0
        | "clipped", r -> exact |> clipped r
        | _ -> exact

    {
        Text = text
        Plan =
            Lower.plan
                (fun file -> invalidOp file)
                {
                    Target = law
                    Forward = (if field[0] = "vp" then vp else ve)
                    Score = modified
                    Start = point [ float field[7] ]
                    Sampler = anneal (levels [ float field[2]; float field[3] ]) (predictor methods[field[1]])
                    Measure = []
                    Particles = 16
                    Seed = 1L
                }
        IsNormal = components.Length = 1
        Drift = float field[8]
        Noise = float field[9]
        Size = float field[10]
    }

let private rows =
    lazy
        (use file = typeof<Row>.Assembly.GetManifestResourceStream "LongSteps.tsv"
         use reader = new StreamReader(file)
         [ while not reader.EndOfStream -> row (reader.ReadLine()) ])

/// Rounding of a few operations, relative to the state after the step.
let private precision = 2e-13

/// The mean of a law is that of the step, and its bracket says how well.
let private mean name (interpreter: IInterpreter) row =
    match interpreter.Run(row.Plan, RunOptions()) with
    | outcome when outcome.IsCompleted ->
        let moments = outcome.Probes[0].Law.Moments()
        let near = precision * (row.Size + row.Noise)
        let error = abs (moments.Mean[0] - row.Drift)
        Expect.isLessThanOrEqual error near $"{name}, {row.Text}: the mean is {moments.Mean[0]:r}"
        let noise = row.Noise * row.Noise
        let wrong = abs (moments.Variance[0] - noise)
        Expect.isLessThanOrEqual wrong (precision * (noise + row.Size * row.Size * precision)) $"{name}, {row.Text}: the variance"
        Expect.isLessThanOrEqual error (moments.MeanError[0] + 4e-16 * abs row.Drift) $"{name}, {row.Text}: the bracket of the mean"
    | outcome -> failtestf "%s, %s: %A" name row.Text outcome.Status

let private particles row =
    let noise: float[] = Array.zeroCreate 16

    if row.Noise > 0.0 then
        RandomStream(1UL, 0L).FillNormal(noise.AsSpan())

    match Ensemble().Run(row.Plan, RunOptions(Particles = 16L, Seed = 1UL, Threads = 1)) with
    | outcome when outcome.IsCompleted ->
        let states = (outcome.Probes[0].Law :?> ParticleLaw).Particles.Coordinate 0

        for state, xi in Array.zip states noise do
            let near = precision * (row.Size + abs (row.Noise * xi))
            Expect.isLessThanOrEqual (abs (state - (row.Drift + row.Noise * xi))) near $"particles, {row.Text}"
    | outcome -> failtestf "particles, %s: %A" row.Text outcome.Status

let tests =
    testList
        "LongSteps"
        [
            testCase "every method has rows" (fun () ->
                for KeyValue(name, _) in methods do
                    let own = rows.Value |> List.filter (fun row -> row.Text.Contains name)
                    Expect.isGreaterThan own.Length 15 name)
            testCase "on the grid" (fun () -> List.iter (mean "grid" (GridInterpreter())) rows.Value)
            testCase "on normal laws" (fun () ->
                rows.Value
                |> List.filter (fun row -> row.IsNormal && isNull (GaussianInterpreter().WhyNot row.Plan))
                |> List.iter (mean "gaussian" (GaussianInterpreter())))
            testCase "by particles" (fun () -> List.iter particles rows.Value)
        ]
