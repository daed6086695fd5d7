namespace Sgm.Engine;

/// <summary>
/// What a map does to distances, from the images of neighbouring nodes, and so how well a lattice sums its kernels: node n adds an error of
/// mass·2e^(−κ_n/spacing²) with κ_n = 2π²w_n², 1/w_n² = 1/a² + (s_n/C)² and s_n the stretch there. Where the map tears modes apart s is
/// large and the mass is small, and only their product counts.
/// </summary>
internal sealed class PlaneStretch
{
    // Nodes with less than this share of the largest mass say nothing of how smooth the law becomes.
    private const double Most = 1e-4;

    // κ in bins of 2 %, from the smallest scale that a double squares.
    private const double BinsPerUnit = 50;
    private const int Bins = 1 << 16;
    private readonly double[] masses = new double[Bins];
    private int first = Bins;

    /// <summary>The least stretch where most of the mass is.</summary>
    public double Least { get; private set; } = double.PositiveInfinity;

    /// <summary>Of the images of these nodes, before noise of this standard deviation.</summary>
    public static PlaneStretch Of(PlaneNodes nodes, PlaneImages images, double smoothness, double noise)
    {
        PlaneStretch found = new();
        double least = Most * nodes.Mass.Max();
        double area = nodes.Spacing * nodes.Spacing;
        for (int n = 0; n < nodes.Count; n++)
        {
            (int right, int up) = (nodes.Right[n], nodes.Up[n]);
            if (right < 0 || up < 0) continue;
            double xx = images.X[right] - images.X[n], yx = images.Y[right] - images.Y[n];
            double xy = images.X[up] - images.X[n], yy = images.Y[up] - images.Y[n];

            // Squared singular values of the difference quotients.
            double trace = ((xx * xx) + (yx * yx) + (xy * xy) + (yy * yy)) / area;
            double determinant = ((xx * yy) - (xy * yx)) / area;
            double square = (0.5 * trace) + Math.Sqrt(Math.Max(0, (0.25 * trace * trace) - (determinant * determinant)));
            if (nodes.Mass[n] > least) found.Least = Math.Min(found.Least, Math.Abs(determinant) / Math.Sqrt(square));
            found.Add(2 * Math.PI * Math.PI / ((1 / (smoothness * smoothness)) + (square / (noise * noise))), nodes.Mass[n]);
        }

        if (!double.IsFinite(found.Least)) found.Least = 0;
        return found;
    }

    private void Add(double kappa, double mass)
    {
        int bin = Math.Clamp((Bins / 2) + (int)Math.Floor(BinsPerUnit * Math.Log(kappa)), 0, Bins - 1);
        masses[bin] += mass;
        first = Math.Min(first, bin);
    }

    /// <summary>Mass that the sums over a lattice of this spacing get wrong.</summary>
    public double Unresolved(double spacing)
    {
        double sum = 0;
        for (int bin = first; bin < Bins; bin++)
        {
            if (masses[bin] == 0) continue;
            double kappa = Math.Exp((bin - (Bins / 2)) / BinsPerUnit);
            double error = 2 * Math.Exp(-kappa / (spacing * spacing));
            if (error < 1e-30) break;
            sum += masses[bin] * Math.Min(1, error);
        }

        return sum;
    }

    /// <summary>The widest spacing, at most this one, that gets no more than this wrong.</summary>
    public double Spacing(double widest, double tolerance)
    {
        (double low, double high) = (0, widest);
        if (Unresolved(widest) <= tolerance) return widest;
        for (int step = 0; step < 40; step++)
        {
            double middle = 0.5 * (low + high);
            if (Unresolved(middle) <= tolerance) low = middle;
            else high = middle;
        }

        return low;
    }
}
