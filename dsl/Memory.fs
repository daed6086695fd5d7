namespace Sgm

open System

/// The memory that a run by particles needs.
module Memory =
    let rec private probes (body: Engine.Instruction seq) =
        body
        |> Seq.sumBy (fun instruction ->
            match instruction with
            | :? Engine.Instruction.Probe -> 1.0
            | :? Engine.Instruction.Repeat as repeat -> float repeat.Count * probes repeat.Body
            | :? Engine.Instruction.Transitions as transitions when transitions.Count > 0 ->
                float transitions.Count * probes (transitions.Body.Invoke 0)
            | _ -> 0.0)

    /// Bytes: particles × dimension × 8 for the state, and as much again for every probe, whose particles are kept.
    let particles (plan: Engine.Plan) (particles: int64) : float =
        float particles * float plan.Dimension * 8.0 * (1.0 + probes plan.Instructions)

    /// Bytes that this process may use.
    let available () : float = float (GC.GetGCMemoryInfo().TotalAvailableMemoryBytes)
