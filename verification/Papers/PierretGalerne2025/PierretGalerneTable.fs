/// Pierret and Galerne 2025: the published table of W2 of samplers on a normal law, entry by entry.
module Sgm.Verification.Theorems.PierretGalerneTable

open System
open System.Globalization
open System.IO
open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Scenarios

/// A file of this folder, which is part of this assembly, line by line.
let private lines name =
    use stream = typeof<Constant>.Assembly.GetManifestResourceStream $"PierretGalerne2025.{name}"
    use reader = new StreamReader(stream)
    reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries)

let private number (text: string) = Double.Parse(text, CultureInfo.InvariantCulture)

/// A variance of 0 is no normal law here; this one moves W2 by less than 1e-14.
let private zero = 1e-30

let private variances =
    lazy
        [
            for line in lines "eigenvalues.csv" do
                max zero (number line)
        ]

/// An entry: the scheme, the time at the end, whether it starts at the noised data, the evaluations as stated, and W2 as printed.
type Entry = { Scheme: string; End: float; IsWarm: bool; Stated: int; Printed: float }

/// All of the table, row by row.
let entries =
    lazy
        [|
            let table = lines "table.csv"
            let header = table[0].Split ','
            let stated = header[3..] |> Array.map (fun cell -> int (cell.Replace("nfe", "")))

            for line in table[1..] do
                let cells = line.Split ','

                for stated, printed in Array.zip stated cells[3..] do
                    {
                        Scheme = cells[0]
                        End = number cells[1]
                        IsWarm = (cells[2] = "pT")
                        Stated = stated
                        Printed = number printed
                    }
        |]

/// What a step of the VP SDE knows in time u, β(u) = b₀ + b₁·u with b₀ = 0.05, b₁ = 9.95: B = ∫β = ½·ln(1 + ρ²), so that β² = b₀² + 2·b₁·B.
/// `c` and `c'` are 1/m, `h` the step in u, and `s` the score over m.
let private known =
    [
        "c = sqrt (1 + rho ** 2)"
        "c' = sqrt (1 + rho' ** 2)"
        "b = sqrt (0.0025 + 19.9 * log c)"
        "b' = sqrt (0.0025 + 19.9 * log c')"
        "h = (b - b') / 9.95"
        "s = (denoise rho z - z) * c ** 2 / rho ** 2"
    ]

/// A step of the flow's equation dx/du = −β(x + s): the slope there as a line.
let private slope name beta scale level state =
    $"{name} = {beta} / {scale} * ({state} + (denoise {level} {state} - {state}) * {scale} ** 2 / {level} ** 2)"

let private scheme name =
    match name with
    | "EI" -> exponential
    | "EM" -> custom name [] (known @ [ "c' / c * (z + b * h * (z + 2 * s)) + sqrt (2 * b * h) * c' * noise" ])
    | "DDPM" ->
        custom name [] (known @ [ "a = 2 * b * h"; "c' / c * (z + a * s) / sqrt (1 - a) + sqrt a * c' * noise" ])
    | "Euler" -> custom name [] (known @ [ "c' / c * (z + b * h * (z + s))" ])
    | "Heun" ->
        custom
            name
            []
            (known
             @ [
                 "k = b / c * (z + s)"
                 "y = c' * (z / c + h * k)"
                 slope "k'" "b'" "c'" "rho'" "y"
                 "c' * (z / c + h / 2 * (k + k'))"
             ])
    | _ ->
        custom
            name
            []
            (known
             @ [
                 "bm = (b + b') / 2"
                 "cm = exp ((bm ** 2 - 0.0025) / 19.9)"
                 "rm = sqrt (cm ** 2 - 1)"
                 "k1 = b / c * (z + s)"
                 "y2 = cm * (z / c + h / 2 * k1)"
                 slope "k2" "bm" "cm" "rm" "y2"
                 "y3 = cm * (z / c + h / 2 * k2)"
                 slope "k3" "bm" "cm" "rm" "y3"
                 "y4 = c' * (z / c + h * k3)"
                 slope "k4" "b'" "c'" "rho'" "y4"
                 "c' * (z / c + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4))"
             ])

/// Points of time: as many as stated for the methods of one evaluation and for Heun's, a quarter for the one of four.
let private pointsOf entry = if entry.Scheme = "RK4" then entry.Stated / 4 else entry.Stated

let private experimentOf points entry =
    let clock = inBetaTime 0.1 20.0
    let sampled = anneal (uniform 1.0 entry.End (points - 1) |> clock) (predictor (scheme entry.Scheme))

    experiment {
        target (normalDiag (fill 3072 0.0) variances.Value)
        forward vp
        start (if entry.IsWarm then warm else prior)
        // W2 is to the data: the level goes there without the state.
        sampler (
            if entry.End > 0.0 then
                sampled >=> anneal (levels [ entry.End; 0.0 ] |> clock) identity
            else
                sampled
        )

        measure [ w2 ]
    }

let private entryOf s = entries.Value[int (value "entry" s)]

let private scenarioOf name description choose pointsOf =
    scenario
        name
        description
        (fun s _ -> experimentOf (pointsOf (entryOf s)) (entryOf s))
        [ Map.empty ]
        [
            axis "entry" "entry of the table, row by row" (fun effort ->
                [
                    for i in 0 .. entries.Value.Length - 1 do
                        if choose effort entries.Value[i] then
                            float i
                ])
        ]

let private table =
    scenarioOf
        "the table"
        "N(0, Λ) with the 3072 eigenvalues of the covariance of CIFAR-10's images, vp in a clock with β(u) = 0.05 + 9.95·u, u from 1 to ε."
        (fun effort entry ->
            match effort with
            | Quick -> entry.Stated = 50 && entry.End = 1e-3
            | Standard -> entry.Stated <= 250
            | Full -> true)
        pointsOf

/// Half of the points: what costs the stated number of evaluations.
let private budget =
    scenarioOf
        "the stated evaluations"
        "Heun's rows of the table with half of the points."
        (fun effort entry ->
            entry.Scheme = "Heun" && entry.End < 1e-3 && (effort = Full || entry.Stated = 50 && entry.End = 1e-4))
        (fun entry -> entry.Stated / 2)

let private ofEntry (scenario: Scenario) =
    Assumption.ofResult "the experiment is an entry of the table" (fun subject ->
        match subject.Setting.TryFind "entry" with
        | Some _ when scenario.Experiment subject.Setting 0 = subject.Experiment ->
            let entry = entryOf subject.Setting
            Ok $"{entry.Scheme}, ε = {entry.End:g6}, {entry.Stated} evaluations"
        | _ -> Error "it speaks of the experiments that are named here, and says nothing of another sampler")

/// Half a unit of the last digit that is printed.
let private rounding = 0.005

let private evidence: Evidence =
    fun runner trial ->
        let printed = (entryOf trial.Setting).Printed

        atEnd Metric.W2 runner trial
        |> Result.map (fun measured ->
            [
                {
                    What = "the printed W2 less half a unit of its last digit"
                    Measured = Estimate.ClosedForm(printed - rounding)
                    Bound = measured.Upper
                }
                {
                    What = "W2, against the printed one and half a unit of its last digit"
                    Measured = measured
                    Bound = printed + rounding
                }
            ])

let private source statement : Source =
    {
        Paper = "Pierret and Galerne 2025"
        Reference = "Diffusion models for Gaussian distributions, ICML 2025"
        Statement = statement
        IsCompanion = false
    }

/// Every entry.
let published =
    {
        Id = "pierret-galerne-2025-table"
        Title = "A published table of W2, entry by entry"
        Statement =
            "Data N(0, Λ) with the eigenvalues of the covariance of CIFAR-10's images; W2 at the end of Euler–Maruyama, the exponential integrator, DDPM, Euler, Heun and RK4, "
            + "from the noised data and from N(0, I), stopped at ε = 0 to 10⁻³: as printed, to half a unit of the last digit."
        Source = source "the table of Wasserstein errors"
        Stance = Guarantee
        Assumptions = [ ofEntry table ]
        Metric = Metric.W2
        Evidence = evidence
        Scenarios = [ table ]
        Rates = []
        Reading =
            "Published without sampling noise and reproduced without it. The rows of Heun and RK4 take as many and a quarter as many points as evaluations are stated."
    }

/// The negative control.
let statedBudget =
    { published with
        Id = "pierret-galerne-2025-budget"
        Title = "At the stated evaluations Heun's row is another"
        Statement =
            "The rows of Heun's method in the table hold for as many points as evaluations are stated, so for twice the evaluations; with half of the points W2 is more than 1.5 times the printed value."
        Source = source "Heun's row of the table of Wasserstein errors"
        Stance = Necessity
        Assumptions = [ ofEntry budget ]
        Evidence =
            fun runner trial ->
                let printed = (entryOf trial.Setting).Printed

                atEnd Metric.W2 runner trial
                |> Result.map (fun measured ->
                    [
                        {
                            What = "1.5 times the printed W2, which the stated evaluations do not reach"
                            Measured = Estimate.ClosedForm(1.5 * (printed + rounding))
                            Bound = measured.Lower
                        }
                    ])
        Scenarios = [ budget ]
        Reading = "The check of the table can fail: with the number of points read otherwise it does."
    }
