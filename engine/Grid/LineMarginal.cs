namespace Sgm.Engine;

/// <summary>
/// The law of S(U) on the line as density, distribution function and quantiles: by the inverse of S where S is monotone, and by
/// its branches where it folds.
/// </summary>
internal sealed class LineMarginal : Marginal
{
    private readonly LineState.Density state;
    private readonly PanelMasses masses;
    private readonly LineFolds? folds;
    private readonly bool falls;
    private readonly double first;
    private readonly double last;

    /// <exception cref="WorkExceededException">S folds too often.</exception>
    public LineMarginal(LineState.Density state, WorkLimit work)
    {
        this.state = state;
        masses = new(state);
        folds = LineFolds.Of(state, masses, work);
        first = state.Panels.From[0];
        last = state.Panels.To[^1];
        falls = folds is null && ImageOf(last) < ImageOf(first);
        (double low, double high) = (double.PositiveInfinity, double.NegativeInfinity);
        foreach ((double from, double to) in folds?.Images ?? [(Math.Min(ImageOf(first), ImageOf(last)), Math.Max(ImageOf(first), ImageOf(last)))])
        {
            (low, high) = (Math.Min(low, from), Math.Max(high, to));
        }

        (Low, High) = (low, high);
    }

    // Beyond these there is no mass that the panels hold.
    private double Low { get; }

    private double High { get; }

    /// <inheritdoc/>
    public override double Density(double x)
    {
        if (!(x >= Low && x <= High)) return state is { Chain.IsEmpty: true, Exact: not null } ? state.DensityAt(x) : 0;
        if (folds is not null) return Math.Exp(folds.At(x).LogDensity);
        double u = Origin(x);
        double slope = state.Chain.IsEmpty ? 1 : Math.Abs(state.Follow(u).Slope);
        return state.DensityAt(u) / slope;
    }

    /// <inheritdoc/>
    public override double Distribution(double x)
    {
        if (!(x > Low)) return 0;
        if (x >= High) return 1;
        if (folds is not null) return Share(folds.At(x).Below);
        double below = Share(masses.Below(Origin(x)));
        return falls ? 1 - below : below;
    }

    private protected override double Inverse(double u)
    {
        if (folds is null) return ImageOf(masses.Quantile(falls ? 1 - u : u));
        (double low, double high) = (Low, High);
        while (Middle(low, high) is var middle && middle > low && middle < high)
        {
            if (Distribution(middle) >= u) high = middle;
            else low = middle;
        }

        return high;
    }

    private double Share(double mass) => Math.Clamp(mass / masses.Before[^1], 0, 1);

    private double ImageOf(double u) => state.Chain.IsEmpty ? u : state.Follow(u).Value;

    // The u with S(u) = x, for a monotone S.
    private double Origin(double x)
    {
        if (state.Chain.IsEmpty) return x;
        (double low, double high) = (first, last);
        while (Middle(low, high) is var middle && middle > low && middle < high)
        {
            if (ImageOf(middle) < x == falls) high = middle;
            else low = middle;
        }

        return low;
    }

    private static double Middle(double low, double high) => low + (0.5 * (high - low));
}
