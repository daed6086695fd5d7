namespace Sgm

open System

/// The memory that a run needs.
module Memory =
    /// Bytes, as the ensemble counts them before it allocates anything; 0 for symbols, which particles do not run.
    let particles (plan: Engine.Plan) (particles: int64) : float =
        if not (isNull plan.Finite) then
            0.0
        else
            float (Engine.Ensemble.RequiredBytes(plan, Engine.RunOptions(Particles = particles)))

    /// Bytes that the laws of a run on the grid and at its probes may keep, whatever they are; 0 where no grid is used: the
    /// rest is refused.
    let grid (plan: Engine.Plan) : float =
        if
            isNull (Engine.GaussianInterpreter().WhyNot plan) || not (isNull (Engine.ProductInterpreter().WhyNot plan))
        then
            0.0
        else
            Engine.GridMemory.Most plan

    /// What exact laws in the plane take, of the state or of pairs of its coordinates, where they run the plan or would
    /// if they fitted.
    let plane (plan: Engine.Plan) : Engine.PlaneForecast option =
        let others: Engine.IInterpreter list =
            [ Engine.GaussianInterpreter(); Engine.GridInterpreter(); Engine.ProductInterpreter() ]

        match Engine.ProductInterpreter.Foretell plan with
        | null when others |> List.exists (fun law -> isNull (law.WhyNot plan)) -> None
        | null -> Option.ofObj (Engine.PlaneInterpreter.Foretell plan)
        | _ when isNull (Engine.GaussianInterpreter().WhyNot plan) -> None
        | forecast -> Some forecast

    /// Bytes that this process may use.
    let available () : float = float (GC.GetGCMemoryInfo().TotalAvailableMemoryBytes)
