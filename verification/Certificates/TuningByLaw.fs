namespace Sgm.Verification.Certificates

open System
open MathNet.Numerics.LinearAlgebra
open MathNet.Numerics.Optimization
open Sgm
open Sgm.Engine
open Sgm.Verification

/// Levels with a small measured metric: the gaps of a schedule, in (σ/m)^(1/7), times the exponential of a broken line over
/// the steps, whose few values a simplex search moves. A local minimum of what an exact law measures, and no claim that
/// there is no smaller one.
module TuningByLaw =
    /// Values of the broken line.
    let private mostKnots = 6

    /// Runs of the law that a search makes.
    let mostRuns = 240

    /// The levels whose i-th gap is multiplied by the exponential of the broken line through `values`.
    let private deformed (positions: float[]) (values: float[]) =
        let n = positions.Length - 1

        let line i =
            let at = if n = 1 then 0.0 else float i / float (n - 1) * float (values.Length - 1)
            let left = min (int at) (values.Length - 2)
            values[left] + (at - float left) * (values[left + 1] - values[left])

        let gaps = Array.init n (fun i -> (positions[i] - positions[i + 1]) * exp (line i))
        let scale = (positions[0] - positions[n]) / Array.sum gaps
        let inner = gaps |> Array.scan (fun at gap -> at - scale * gap) positions[0]
        inner[n] <- positions[n]
        inner

    /// The parameters of the least found of the metric that `measured` gives of a schedule's parameters (none where they are
    /// no schedule), from the best of some; and that value. At most `mostRuns` calls after those of the first ones.
    let least
        (cancellation: Threading.CancellationToken)
        forward
        (measured: float[] -> float option)
        (first: float[] list)
        =
        let value levels =
            cancellation.ThrowIfCancellationRequested()
            measured levels |> Option.filter Double.IsFinite |> Option.defaultValue infinity

        let start, known = first |> List.map (fun levels -> levels, value levels) |> List.minBy snd
        let ends = start[0], start[start.Length - 1]
        let mutable best, least, runs = start, known, 0
        let positions = start |> Array.map (Tuning.position forward)

        let levelsOf values =
            let found = deformed positions values |> Array.map (Tuning.parameter forward)
            found[0] <- fst ends
            found[found.Length - 1] <- snd ends
            found

        let tried (values: Vector<float>) =
            if runs = mostRuns then
                raise (OperationCanceledException "enough")

            runs <- runs + 1
            let levels = levelsOf (values.ToArray())
            let isSchedule = levels |> Array.pairwise |> Array.forall (fun (a, b) -> a > b)
            let found = if isSchedule then value levels else infinity

            if found < least then
                best <- levels
                least <- found

            // The simplex compares; what has no value is worse than all that has.
            if Double.IsFinite found then log (max found 1e-300) else 700.0

        let knots = min mostKnots (start.Length - 1)

        if knots >= 2 && Double.IsFinite known then
            try
                NelderMeadSimplex.Minimum(
                    ObjectiveFunction.Value tried,
                    Vector<float>.Build.Dense knots,
                    Vector<float>.Build.Dense(knots, 0.4),
                    1e-6,
                    mostRuns
                )
                |> ignore
            with
            | :? MaximumIterationsException -> ()
            | :? OperationCanceledException when not cancellation.IsCancellationRequested -> ()

        best, least
