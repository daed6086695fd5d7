namespace Sgm.Engine;

/// <content>A law as a sum of kernels.</content>
internal abstract partial record LineState
{
    /// <summary>
    /// A law after a noisy step as a sum of kernels over the images of an even lattice: no value of it is known before the next step, or somebody
    /// who measures it, says where one is needed.
    /// </summary>
    public sealed record Even : Continuous
    {
        private Density? settled;

        /// <summary>The sum.</summary>
        public required LineSum Sum { get; init; }

        /// <summary>Where its kernels end.</summary>
        public required double Reach { get; init; }

        /// <summary>Where it may change over which distances.</summary>
        public required Func<List<Feature>> Features { get; init; }

        /// <inheritdoc/>
        public override int Nodes => Sum.Count;

        /// <inheritdoc/>
        public override Extent Extent => Sum.Extent;

        /// <inheritdoc/>
        public override (double Low, double High) Range => (Sum.Centres.Low - Reach, Sum.Centres.High + Reach);

        /// <summary>The same law on panels; made once.</summary>
        /// <exception cref="WorkExceededException">It needs too many.</exception>
        public Density Settled(GridResolution resolution, WorkLimit work)
        {
            if (settled is not null)
            {
                return settled;
            }

            void Evaluate(ReadOnlySpan<double> points, Span<double> values) => Sum.Evaluate(points, values, Reach, work);
            var grain = new Grain(Steps, Sum.Deviation);

            // From where it counts outwards: a panel over all of a tail is as exact as its largest value asks for, and χ² asks for more.
            List<Feature> features = Features();
            (double, double) hull = (features.Min(f => f.From), features.Max(f => f.To));
            if (PanelBuilder.Build(Evaluate, hull, Extent, features, 0.75 * Sum.Deviation, grain, resolution) is not var (panels, values, dropped))
            {
                throw new WorkExceededException();
            }

            double mass = panels.Normalise(values);
            return settled = new()
            {
                Panels = panels,
                Values = values,
                Image = panels.Nodes,
                Tails = Tails,
                Defect = Defect + Math.Abs(1 - mass),
                Rounding = Rounding,
                Lost = Lost + Extent.SecondMoment(dropped),
                Dropped = dropped,
                Steps = Steps,
                Smoothness = Smoothness,
                Origin = this,
            };
        }
    }
}
