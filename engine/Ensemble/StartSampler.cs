namespace Sgm.Engine;

/// <summary>Draws the first state of a block.</summary>
/// <remarks>
/// Order of the draws (part of the format): factor by factor, copy by copy; for a law of more than one component first a row of
/// uniforms that choose the components, then the normals of its coordinates, row by row.
/// </remarks>
internal sealed class StartSampler
{
    private readonly double[]? point;
    private readonly Part[] parts = [];

    public StartSampler(Start start)
    {
        switch (start)
        {
            case Start.Point at:
                point = at.At;
                break;
            case Start.Law law:
                parts = [.. law.Of.Factors.Select(f => new Part(f, law.Level))];
                break;
            default:
                throw new NotSupportedException($"the ensemble does not know the start {start}");
        }
    }

    /// <summary>Fills x, of shape [d, width].</summary>
    public void Fill(RandomStream stream, Span<double> x, int width)
    {
        if (point is not null)
        {
            for (int e = 0; e < point.Length; e++)
            {
                x.Slice(e * width, width).Fill(point[e]);
            }

            return;
        }

        Span<double> uniforms = stackalloc double[width];
        foreach (Part part in parts)
        {
            for (int copy = 0; copy < part.Copies; copy++)
            {
                int length = part.Dimension * width;
                part.Fill(stream, x[..length], width, uniforms);
                x = x[length..];
            }
        }
    }

    /// <summary>One mixture at the level, as means and deviations.</summary>
    private sealed class Part
    {
        private readonly double[] cumulative;
        private readonly double[] means;
        private readonly double[][] deviations;
        private readonly double[]?[] rotations;

        public Part(Factor factor, NoiseLevel level)
        {
            Mixture law = factor.Law;
            Copies = factor.Count;
            Dimension = law.Dimension;
            double total = law.Weights.Sum();
            double sum = 0;
            cumulative = [.. law.Weights.Select(w => sum += w / total)];
            means = [.. law.Means.Select(mean => level.Mean * mean)];
            deviations = [.. law.Covariances.Select(c =>
                Enumerable.Range(0, Dimension).Select(e => Math.Sqrt(level.VarianceOf(c.Eigenvalue(e)))).ToArray())];
            rotations = [.. law.Covariances.Select(c => c.Eigenvectors)];
        }

        public int Copies { get; }

        public int Dimension { get; }

        public void Fill(RandomStream stream, Span<double> x, int width, Span<double> uniforms)
        {
            bool chooses = cumulative.Length > 1;
            if (chooses) stream.FillUniform(uniforms);
            stream.FillNormal(x);
            if (!chooses && rotations[0] is null)
            {
                FillNormal(x, width);
                return;
            }

            Span<double> z = stackalloc double[Math.Min(Dimension, 64)];
            if (Dimension > 64) z = new double[Dimension];
            for (int i = 0; i < width; i++)
            {
                int k = chooses ? Component(uniforms[i]) : 0;
                int shape = deviations.Length == 1 ? 0 : k;
                double[] deviation = deviations[shape];
                for (int e = 0; e < Dimension; e++)
                {
                    z[e] = deviation[e] * x[(e * width) + i];
                }

                for (int e = 0; e < Dimension; e++)
                {
                    x[(e * width) + i] = means[(k * Dimension) + e] + Rotated(rotations[shape], e, z);
                }
            }
        }

        private void FillNormal(Span<double> x, int width)
        {
            for (int e = 0; e < Dimension; e++)
            {
                double mean = means[e];
                double deviation = deviations[0][e];
                foreach (ref double value in x.Slice(e * width, width))
                {
                    value = mean + (deviation * value);
                }
            }
        }

        private static double Rotated(double[]? q, int e, ReadOnlySpan<double> z)
        {
            if (q is null) return z[e];
            ReadOnlySpan<double> row = q.AsSpan(e * z.Length, z.Length);
            double sum = 0;
            for (int j = 0; j < z.Length; j++)
            {
                sum += row[j] * z[j];
            }

            return sum;
        }

        private int Component(double u)
        {
            int at = cumulative.AsSpan().BinarySearch(u);
            // A hit is the end of a component's interval, which belongs to it; past the last end is rounding.
            return Math.Min(at < 0 ? ~at : at, cumulative.Length - 1);
        }
    }
}
