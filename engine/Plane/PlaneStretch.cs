namespace Sgm.Engine;

/// <summary>What a map does to distances, from the images of neighbouring nodes.</summary>
/// <param name="Spacing">The spacing that it needs.</param>
/// <param name="Largest">The stretch s that this spacing is right for, were it the same everywhere.</param>
/// <param name="Least">The least stretch where most of the mass is.</param>
internal readonly record struct PlaneStretch(double Spacing, double Largest, double Least)
{
    // Nodes with less than this share of the largest mass say nothing of how smooth the law becomes.
    private const double Most = 1e-4;

    /// <summary>Of the images of these nodes, before noise of this standard deviation.</summary>
    public static PlaneStretch Of(PlaneNodes nodes, PlaneImages images, double smoothness, double noise, PlaneResolution resolution)
    {
        double heaviest = nodes.Mass.Max();
        double spacing = resolution.Spacing(smoothness, noise, 0);
        double largest = 0, least = double.PositiveInfinity;
        for (int n = 0; n < nodes.Count; n++)
        {
            (int right, int up) = (nodes.Right[n], nodes.Up[n]);
            if (right < 0 || up < 0) continue;
            double xx = images.X[right] - images.X[n], yx = images.Y[right] - images.Y[n];
            double xy = images.X[up] - images.X[n], yy = images.Y[up] - images.Y[n];

            // Squared singular values of the difference quotients.
            double trace = ((xx * xx) + (yx * yx) + (xy * xy) + (yy * yy)) / (nodes.Spacing * nodes.Spacing);
            double determinant = ((xx * yy) - (xy * yx)) / (nodes.Spacing * nodes.Spacing);
            double root = Math.Sqrt(Math.Max(0, (0.25 * trace * trace) - (determinant * determinant)));
            double most = Math.Sqrt((0.5 * trace) + root);
            double spared = -Math.Log(nodes.Mass[n] / heaviest);
            if (nodes.Mass[n] > Most * heaviest) least = Math.Min(least, Math.Abs(determinant) / most);
            double needed = resolution.Spacing(smoothness, noise, most, spared);
            if (needed >= spacing) continue;
            spacing = needed;
        }

        double widest = resolution.Spacing(smoothness, noise, 1);
        double inverse = 2 * Math.PI * Math.PI / (resolution.Digits * spacing * spacing);
        largest = noise * Math.Sqrt(Math.Max(0, inverse - (1 / (smoothness * smoothness))));
        return new(Math.Min(spacing, 1.5 * widest), largest, double.IsFinite(least) ? least : 0);
    }
}
