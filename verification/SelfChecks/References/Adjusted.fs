/// Steps that may be rejected, each as its paper writes it: by transition densities (MALA), by the work of the score (Sjöberg et al. 2023),
/// by the Hamiltonian (Neal 2011, algorithm 1).
module Sgm.Verification.References.Adjusted

open System
open MathNet.Numerics.Distributions
open Sgm.Verification.References.Course
open Sgm.Verification.References.Line

let private square (x: float[]) = Array.sumBy (fun v -> v * v) x
let private dot (a: float[]) (b: float[]) = Array.fold2 (fun sum x y -> sum + x * y) 0.0 a b

/// ln q(x, y) of y ~ N(x + h·s(x), 2h·I), up to a constant.
let private logTransition h (score: float[] -> float[]) x y =
    -(square (Array.map3 (fun y x s -> y - x - h * s) y x (score x))) / (4.0 * h)

/// ∫₀¹ s(x + t(y − x))·(y − x) dt at t = 0, 1/(k−1), …, 1, the ends by half.
let private work k (score: float[] -> float[]) x y =
    let way = Array.map2 (-) y x

    [
        for j in 0 .. k - 1 ->
            let t = float j / float (k - 1)
            let half = if j = 0 || j = k - 1 then 0.5 else 1.0
            half * dot (score (Array.map2 (fun x w -> x + t * w) x way)) way / float (k - 1)
    ]
    |> List.sum

/// ln of the ratio that decides on a proposal of Langevin's kernel.
let private logRatio (step: Adjustment) (density: float[] -> float) score x y =
    let h = step.Arguments.Head

    let energy =
        match step.Word, step.Arguments with
        | "mala", _ -> density y - density x
        | "mhScores", [ _; k ] -> work (int k) score x y
        | word, _ -> invalidOp $"'{word}' has no second reading"

    energy + logTransition h score y x - logTransition h score x y

/// The state after a step, given a normal vector and one whose first coordinate decides.
let move
    (step: Adjustment)
    (density: float[] -> float)
    (score: float[] -> float[])
    (x: float[])
    (draw: float[])
    (decides: float[])
    =
    let proposal, log' =
        match step.Word, step.Arguments with
        | "hmc", [ h; leaps ] ->
            let mutable y, v = x, draw

            for _ in 1 .. int leaps do
                let halfway = Array.map2 (fun v s -> v + h / 2.0 * s) v (score y)
                y <- Array.map2 (fun y v -> y + h * v) y halfway
                v <- Array.map2 (fun v s -> v + h / 2.0 * s) halfway (score y)

            y, density y - density x + (square draw - square v) / 2.0
        | _ ->
            let h = step.Arguments.Head
            let y = Array.map3 (fun x s z -> x + h * s + sqrt (2.0 * h) * z) x (score x) draw
            y, logRatio step density score x y

    if log (Normal.CDF(0.0, 1.0, decides[0])) < log' then proposal else x

/// How many deviations of the proposal count.
let private reach = 9.0

/// The density on even nodes of the line's spacing, wide enough for what is proposed. Straight lines between the old nodes.
let private evenly n margin (line: Line) =
    let density = line.Density.Value
    let seen = Array.zip line.X density |> Array.filter (fun (_, q) -> q > 1e-20 * Array.max density) |> Array.map fst
    let low, high = Array.min seen - margin, Array.max seen + margin
    let x = Array.init n (fun i -> low + (high - low) * float i / float (n - 1))

    let at y =
        let i = Array.BinarySearch(line.X, y)
        let i = if i >= 0 then i else ~~~i - 1

        if i < 0 || i >= line.X.Length - 1 then
            0.0
        else
            let t = (y - line.X[i]) / (line.X[i + 1] - line.X[i])
            (1.0 - t) * density[i] + t * density[i + 1]

    x, Array.map at x

/// The law on the line after a step, and the probability that it was accepted: f(y) = Σ f(x)·q(x, y)·a(x, y)·Δ + f(y)·(1 − Σ q(y, z)·a(y, z)·Δ).
let line n (step: Adjustment) (density: float -> float) (score: float -> float) (before: Line) =
    let h = step.Arguments.Head
    let margin = reach * sqrt (2.0 * h)
    let x, f = evenly n margin before
    let width = x[1] - x[0]
    let s, lnP = Array.map score x, Array.map density x
    let height = 1.0 / sqrt (4.0 * Math.PI * h)

    // q(x, y)·a(x, y) = min(q(x, y), e^E·q(y, x)).
    let flow i j =
        let there, back = x[j] - x[i] - h * s[i], x[i] - x[j] - h * s[j]

        let energy =
            match step.Word, step.Arguments with
            | "mala", _ -> lnP[j] - lnP[i]
            | _, [ _; k ] -> work (int k) (fun at -> [| score at[0] |]) [| x[i] |] [| x[j] |]
            | word, _ -> invalidOp $"'{word}' has no second reading"

        height * min (exp (-there * there / (4.0 * h))) (exp (energy - back * back / (4.0 * h)))

    let after = Array.zeroCreate n
    let mutable accepted = 0.0

    for i in 0 .. n - 1 do
        let mutable leaves = 0.0

        if f[i] > 0.0 then
            for j in 0 .. n - 1 do
                if abs (x[j] - x[i] - h * s[i]) < margin then
                    let share = width * flow i j
                    leaves <- leaves + share
                    after[j] <- after[j] + f[i] * share

            after[i] <- after[i] + f[i] * (1.0 - leaves)
            accepted <- accepted + width * f[i] * leaves

    { X = x; Weight = after |> Array.map ((*) width); Density = Some after }, accepted
