using System.Collections.Immutable;

namespace Sgm.Engine;

/// <summary>How many steps of every kind a plan has; steps of one kind do the same work.</summary>
public sealed class StepCensus(Plan plan)
{
    /// <summary>One step of every kind and how many of its kind a particle makes, repeats counted.</summary>
    public ImmutableArray<(Instruction Example, long Count)> Kinds { get; } = [.. PlanTotals.Of(plan.Instructions).Kinds];
}
