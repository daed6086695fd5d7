using System.Collections.Immutable;
using System.Runtime.CompilerServices;

namespace Sgm.Engine;

/// <summary>
/// What a plan takes in the plane, foretold from its levels: the area where the score's law has mass at a step, over the square of the
/// spacing that the step's noise asks for.
/// </summary>
/// <param name="Nodes">Of the largest lattice.</param>
/// <param name="Work">Of all steps at both resolutions, as <see cref="PlaneWork"/> counts.</param>
public sealed record PlaneForecast(double Nodes, double Work)
{
    // Transitions of a schedule that are looked at.
    private const int MostLooks = 200;

    // Components whose areas are added up.
    private const int MostComponents = 500;

    private static readonly ConditionalWeakTable<Plan, PlaneForecast> Known = [];

    /// <summary>Bytes of its lattices.</summary>
    public double Bytes => Nodes * PlaneWork.NodeBytes * 2;

    /// <summary>Of a plan of dimension 2; foretold once.</summary>
    public static PlaneForecast Of(Plan plan) => Known.GetValue(plan, static plan =>
    {
        Sum sum = new(plan.Score);
        sum.Add(plan.Instructions, 1);
        return new(sum.Nodes, sum.Work);
    });

    /// <summary>Why it does not fit, with the figures; null where it does.</summary>
    public string? WhyNot() => Nodes > PlaneWork.Nodes
        ? FormattableString.Invariant(
            $"a lattice of about {Nodes:g3} nodes is needed, {Gibibytes(Bytes)} where {Gibibytes(PlaneWork.Nodes * PlaneWork.NodeBytes * 2)} may be used; use larger steps or particles")
        : Work > PlaneWork.Limit
            ? FormattableString.Invariant(
                $"its lattices take about {Work:g3} units of work (a nanosecond each, roughly) where {PlaneWork.Limit:g3} may be used; use fewer or larger steps, fewer components, or particles")
            : null;

    private static string Gibibytes(double bytes) => FormattableString.Invariant($"{bytes / (1 << 30):0.##} GiB");

    private sealed class Sum(Score score)
    {
        private readonly double cost = PlaneMap.Cost(score);

        // Of two points of sum with kernel, at both resolutions.
        private readonly double terms = 300;
        private readonly PlaneResolution fine = PlaneResolution.Fine(PlaneResolution.StandardLogRange);
        private NoiseLevel level;
        private double area;

        public double Nodes { get; private set; }

        public double Work { get; private set; }

        public void Add(ImmutableArray<Instruction> body, double times)
        {
            foreach (Instruction instruction in body)
            {
                switch (instruction)
                {
                    case Instruction.Step { Tableau: var step }:
                        Add(step, step.Stages.Length, times);
                        break;
                    case Instruction.General { Tableau: var step }:
                        Add(step, step.Stages.Length, times);
                        break;
                    case Instruction.Repeat { Count: > 0 } repeat:
                        Add(repeat.Body, times * repeat.Count);
                        break;
                    case Instruction.Transitions all:
                        int looks = Math.Min(all.Count, MostLooks);
                        for (int i = 0; i < looks; i++)
                        {
                            // The last one, whose noise is often the smallest, among them.
                            Add(all.Body((int)((long)(i + 1) * all.Count / looks) - 1), times * all.Count / looks);
                        }

                        break;
                }
            }
        }

        private void Add(IStep step, int stages, double times)
        {
            double noise = PlaneMap.Deviation(step);
            if (noise == 0) return;
            double spacing = fine.Spacing(2 * noise, noise);
            double nodes = Math.Max(1, Area(step.From) / (spacing * spacing));
            Nodes = Math.Max(Nodes, nodes);
            Work += 1.8 * times * nodes * (terms + (stages * cost));
        }

        // Ellipses of the components, or the box around them where that is less.
        private double Area(NoiseLevel at)
        {
            if (at == level && area > 0) return area;
            PlaneMixture law = PlaneMixture.Of(score.Of, at)!;
            double range = fine.LogRange;
            PlaneBox box = law.Extent(range);
            double sum = 0;
            int stride = Math.Max(1, law.Components.Length / MostComponents);
            for (int k = 0; k < law.Components.Length; k += stride)
            {
                sum += stride * 2 * Math.PI * range * Math.Sqrt(law.Components[k].Determinant);
            }

            (level, area) = (at, Math.Min(box.Width * box.Height, sum));
            return area;
        }
    }
}
