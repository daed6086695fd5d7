namespace Sgm.Verification.Certificates

open System.Collections.Concurrent
open System.Runtime.CompilerServices
open Sgm.Engine
open Sgm.Verification

/// The error of a network in a sum of draws: E‖e‖² of a level as a node.
module internal DrawnErrors =
    /// One at a time, computed so many together.
    let private batch = 64

    /// Y = c·‖e‖²·1{‖ξ‖ ≤ r}; beside it the square itself.
    let node (atoms: Atoms) (draws: ClippedError.Draws) c =
        let sampler () =
            let sample = draws.Sampler batch
            let buffer = Array.zeroCreate batch
            let mutable at = batch

            fun generator ->
                if at = batch then
                    sample generator buffer
                    at <- 0

                let square = buffer[at]
                at <- at + 1
                struct (c * square, square, 0.0)

        {
            Sampler = sampler
            Low = 0.0
            High = c * draws.Most
            Cost = draws.Cost / float (atoms.Dimension * atoms.Count)
        }

    /// (7/3)·ln(2/δ)/n of Bernstein's inequality for about a million draws.
    let private unseen = 3e-5

    let private pilots = ConditionalWeakTable<Plan, ConcurrentDictionary<NoiseLevel, Result<float, string>>>()

    /// About √E‖e‖² as a bound will have it, with what no draw will have seen, by which constants are chosen: from draws that are in no bound.
    /// An Error where nothing bounds the error.
    let pilot (plan: Plan) (level: NoiseLevel) =
        let known = pilots.GetValue(plan, (fun _ -> ConcurrentDictionary()))

        known.GetOrAdd(
            level,
            fun level ->
                ClippedError.ofLevel plan level
                |> Result.map (fun draws -> sqrt (Array.average (ClippedError.draw draws 128 77) + unseen * draws.Most))
        )
