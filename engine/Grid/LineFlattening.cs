namespace Sgm.Engine;

/// <summary>The law of S(U) by its own density q(x) = ρ(u)/|S′(u)| at x = S(u), for those who need to know q at places of their choice.</summary>
internal static class LineFlattening
{
    /// <summary>The same law without deterministic steps; null where S folds the line or is smooth in pieces only, or is flat.</summary>
    public static LineState.Density? Of(LineState.Density state, GridResolution resolution, WorkLimit work)
    {
        if (state.Chain.IsEmpty)
        {
            return state;
        }

        if (state.HasKinks || Array.Exists(state.Slope!, s => s == 0) || LineFolds.Of(state, new(state), work) is not null)
        {
            return null;
        }

        bool falls = state.Slope![0] < 0;
        PanelSet panels = state.Panels;
        double[] images = new double[2 * panels.Count];
        for (int p = 0; p < panels.Count; p++)
        {
            (images[2 * p], images[(2 * p) + 1]) = (state.Follow(panels.From[p]).Value, state.Follow(panels.To[p]).Value);
        }

        double Density(double x)
        {
            // The last end that is not beyond x, in the direction of u.
            int low = -1;
            int high = images.Length;
            while (high - low > 1)
            {
                int middle = (low + high) / 2;
                (low, high) = (images[middle] <= x) != falls ? (middle, high) : (low, middle);
            }

            if (low < 0 || low == images.Length - 1 || low % 2 == 1)
            {
                return 0;
            }

            double u = LineFolds.Preimage(state, panels.From[low / 2], panels.To[low / 2], x, rises: !falls, work);
            return state.DensityAt(u) / Math.Abs(state.Follow(u).Slope);
        }

        void Evaluate(ReadOnlySpan<double> points, Span<double> values)
        {
            for (int i = 0; i < points.Length; i++)
            {
                values[i] = Density(points[i]);
            }
        }

        List<Feature> features = [];
        double narrowest = double.PositiveInfinity;
        for (int p = 0; p < panels.Count; p++)
        {
            (double low, double high) = (Math.Min(images[2 * p], images[(2 * p) + 1]), Math.Max(images[2 * p], images[(2 * p) + 1]));
            features.Add(new(low, high, high - low));
            narrowest = Math.Min(narrowest, 0.05 * (high - low));
        }

        (double, double) hull = (Math.Min(images[0], images[^1]), Math.Max(images[0], images[^1]));
        if (PanelBuilder.Build(Evaluate, hull, state.Extent, features, narrowest, default, resolution) is not var (built, values, dropped))
        {
            return null;
        }

        double mass = built.Normalise(values);

        return new()
        {
            Panels = built,
            Values = values,
            Image = built.Nodes,
            Tails = state.Tails,
            Defect = state.Defect + Math.Abs(1 - mass),
            Rounding = state.Rounding + (state.RootMeanSquareShift / state.Extent.Spread),
            Lost = state.Lost + state.Extent.SecondMoment(dropped),
            Dropped = dropped,
            Steps = state.Steps,
        };
    }
}
