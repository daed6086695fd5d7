namespace Sgm

open System

/// The memory that a run by particles needs.
module Memory =
    /// Bytes, as the ensemble counts them before it allocates anything.
    let particles (plan: Engine.Plan) (particles: int64) : float =
        float (Engine.Ensemble.RequiredBytes(plan, Engine.RunOptions(Particles = particles)))

    /// Bytes that this process may use.
    let available () : float = float (GC.GetGCMemoryInfo().TotalAvailableMemoryBytes)
