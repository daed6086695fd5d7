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

    /// What the exact law in the plane takes, where it is the one that runs the plan or would be if it fitted.
    let plane (plan: Engine.Plan) : Engine.PlaneForecast option =
        let others: Engine.IInterpreter list =
            [ Engine.GaussianInterpreter(); Engine.GridInterpreter(); Engine.ProductInterpreter() ]

        if others |> List.exists (fun law -> isNull (law.WhyNot plan)) then
            None
        else
            Option.ofObj (Engine.PlaneInterpreter.Foretell plan)

    /// Bytes that this process may use.
    let available () : float = float (GC.GetGCMemoryInfo().TotalAvailableMemoryBytes)
