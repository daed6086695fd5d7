namespace Sgm

open System

/// The memory that a run needs.
module Memory =
    /// Bytes, as the ensemble counts them before it allocates anything.
    let particles (plan: Engine.Plan) (particles: int64) : float =
        float (Engine.Ensemble.RequiredBytes(plan, Engine.RunOptions(Particles = particles)))

    /// Bytes that the laws of a run on the grid and at its probes may keep, whatever they are; 0 where no grid is used: the rest is refused.
    let grid (plan: Engine.Plan) : float =
        if
            isNull (Engine.GaussianInterpreter().WhyNot plan) || not (isNull (Engine.ProductInterpreter().WhyNot plan))
        then
            0.0
        else
            Engine.GridMemory.Most plan

    /// Bytes that this process may use.
    let available () : float = float (GC.GetGCMemoryInfo().TotalAvailableMemoryBytes)
