using System.Collections.Immutable;
using System.Runtime.CompilerServices;

namespace Sgm.Engine;

/// <summary>
/// What a plan takes in the plane, foretold from its levels: the area where the state has mass at a step, over the square of the spacing
/// that the step's noise and its stretching ask for. The state is as wide as the score's law, and wider by what unstable steps did to it.
/// </summary>
/// <param name="Nodes">Of the largest lattice.</param>
/// <param name="Work">Of all steps and measurements at both resolutions, as <see cref="PlaneWork"/> counts.</param>
/// <param name="IsTorn">Whether a step stretches more than the lattices it may have resolve: then brackets are wide.</param>
public sealed record PlaneForecast(double Nodes, double Work, bool IsTorn)
{
    // Transitions of a schedule that are looked at.
    private const int MostLooks = 200;

    // Rounds of a repeat that are.
    private const int MostRounds = 32;

    private static readonly ConditionalWeakTable<Plan, PlaneForecast> Known = [];

    /// <summary>Bytes of its lattices.</summary>
    public double Bytes => Nodes * PlaneWork.NodeBytes * 2;

    /// <summary>Of a plan of dimension 2; foretold once.</summary>
    public static PlaneForecast Of(Plan plan) => Known.GetValue(plan, static plan =>
    {
        Sum sum = new(plan.Score);
        sum.Metrics = plan.Metrics;
        sum.Add(plan.Instructions, 1);
        return new(sum.Nodes, sum.Work, sum.IsTorn);
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
        // Of the width of a law when a run has left it for good: more would be beyond every lattice.
        private const double Widest = 1e12;

        // A lattice of half the nodes has half the digits, which are still some.
        private const double Torn = 2;

        // Squares of a measurement are halved where the laws ask for it.
        private const double Halved = 3;
        private readonly double cost = PlaneMap.Cost(score);

        // Of two points of sum with kernel, at both resolutions.
        private readonly double terms = 300;
        private readonly PlaneResolution fine = PlaneResolution.Fine(PlaneResolution.StandardLogRange);
        private readonly PlaneResolution coarse = PlaneResolution.Coarse(PlaneResolution.StandardLogRange);
        private NoiseLevel level;
        private PlaneReach reach = null!;

        // How much wider than the score's law the state is, and what maps since the last noise do to distances.
        private double wider = 1;
        private (double Out, double Between) slope = (1, 1);
        private (double Squares, double Terms) measured;

        public ImmutableArray<Metric> Metrics { get; set; } = [];

        public double Nodes { get; private set; }

        public double Work { get; private set; }

        public bool IsTorn { get; private set; }

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
                    case Instruction.Probe:
                        Work += times * measured.Squares * (measured.Terms + 20_000 + (500.0 * reach?.Components ?? 0)) * Metrics.Length;
                        break;
                    case Instruction.Repeat { Count: > 0 } repeat:
                        // As many rounds as the state may need to grow; the rest are like the last of them.
                        long rounds = Math.Min(repeat.Count, MostRounds);
                        for (long i = 0; i < rounds; i++)
                        {
                            Add(repeat.Body, i < rounds - 1 ? times : times * (repeat.Count - rounds + 1));
                        }

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
            if (reach is null || step.From != level) (level, reach) = (step.From, new(score.Of, step.From, fine.LogRange));
            (double across, double between) = reach.Slopes(step);
            slope = (slope.Out * across, slope.Between * between);
            double noise = PlaneMap.Deviation(step);
            if (noise == 0) return;
            double even = fine.Spacing(2 * noise, noise);
            double area = Math.Max(reach.Area * wider * wider, even * even);
            double spacing = Math.Min(even, reach.Spacing(2 * noise, noise, slope.Between));
            double most = Math.Max(fine.Nodes, 2 * area / (even * even));
            double nodes = Math.Min(area / (spacing * spacing), most);
            IsTorn |= area / (spacing * spacing) > Torn * most;
            bool isDense = nodes > 2.5 * area / (even * even);
            Nodes = Math.Max(Nodes, nodes);

            // A lattice that turns out too wide is made anew, three times or so, and thinned.
            Work += (isDense ? 6 : 1) * (1 + (coarse.Nodes / fine.Nodes)) * times * nodes * (terms + (stages * cost));
            wider = Math.Clamp(wider * slope.Out, 1, Widest);
            slope = (1, 1);

            // Squares of six deviations, and the terms that reach one.
            area = reach.Area * wider * wider;
            double side = (isDense ? 3 : 6) * noise, around = side + (2 * Math.Sqrt(2 * fine.LogRange) * (isDense ? 0.7 : 1) * noise);
            double density = isDense ? 1 / (fine.Spacing(noise, noise) * fine.Spacing(noise, noise) / 2) : 1 / (even * even);
            measured = (Halved * Math.Max(1, area / (side * side)), 100 * density * Math.Min(area, around * around));
        }
    }
}
