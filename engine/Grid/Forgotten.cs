namespace Sgm.Engine;

/// <summary>
/// χ² squares densities and divides by p: mass far below what the panels hold may be all of it where p is smaller still. What noisy
/// steps leave out is followed here as small normal laws, whose share of χ² says whether the panels' may be believed.
/// </summary>
internal sealed class Forgotten(Func<NoiseLevel, ScalarMixture> target)
{
    /// <summary>ln of a share of χ² below which nothing is followed.</summary>
    private const double Nothing = -100;

    /// <summary>ln of a share of χ² that no bracket sees.</summary>
    private const double Trifle = -40;

    /// <summary>So many are followed, those of the largest share.</summary>
    private const int Most = 64;

    /// <summary>Where in a component a map is looked at, in its deviations.</summary>
    private static readonly double[] Places = [-9, -6, -3, 0, 3, 6, 9];

    private readonly List<Parcel> parcels = [];
    private bool isLost;

    /// <summary>Mass e^LogMass, uniform over a small Width, plus N(Mean, Variance).</summary>
    private readonly record struct Parcel(double LogMass, double Mean, double Width, double Variance)
    {
        /// <summary>
        /// After T and noise: one where T is nearly linear within eight deviations, or pieces of two deviations each.
        /// </summary>
        public IEnumerable<Parcel> After(ScalarMap map)
        {
            double deviation = Math.Sqrt(Variance);
            double middle = map.At(Mean).Slope;
            double change = deviation == 0
                ? 0
                : Math.Max(Math.Abs(map.At(Mean - (4 * deviation)).Slope - middle), Math.Abs(map.At(Mean + (4 * deviation)).Slope - middle));
            if (change <= 0.1 * Math.Abs(middle))
            {
                yield return Moved(map);
                yield break;
            }

            for (int i = -8; i <= 8; i += 2)
            {
                yield return new Parcel(LogMass - (0.5 * i * i), Mean + (i * deviation), 2 * deviation, 0).Moved(map);
            }
        }

        private Parcel Moved(ScalarMap map)
        {
            MapValue value = map.At(Mean);
            double slope = Math.Abs(value.Slope);
            return new(LogMass, value.Value, slope * Width, (slope * slope * Variance) + (map.Noise * map.Noise));
        }

        /// <summary>Whether another has nearly the same place and width.</summary>
        public bool IsLike(Parcel other) =>
            Math.Abs(Mean - other.Mean) <= 0.25 * Math.Sqrt(Math.Min(Variance, other.Variance))
            && Variance <= 1.25 * other.Variance
            && other.Variance <= 1.25 * Variance
            && Width <= 2 * other.Width
            && other.Width <= 2 * Width;

        /// <summary>ln ∫q²/p of its density q, from the largest of the integrand within eight deviations.</summary>
        public double LogShare(ScalarMixture law)
        {
            double deviation = Math.Sqrt(Variance);
            double largest = -law.LogDensity(Mean);
            for (int i = -8; i <= 8 && deviation > 0; i++)
            {
                largest = Math.Max(largest, (-(double)i * i) - law.LogDensity(Mean + (i * deviation)));
            }

            return (2 * LogMass) - Math.Log(Width + (2 * Math.PI * deviation)) + largest;
        }
    }

    private static double Sum(double log, double other) =>
        Math.Max(log, other) + Math.Log(1 + Math.Exp(-Math.Abs(log - other)));

    /// <summary>The same, to be followed on its own.</summary>
    public Forgotten Copy()
    {
        Forgotten copy = new(target);
        copy.parcels.AddRange(parcels);
        copy.isLost = isLost;
        return copy;
    }

    /// <summary>Steps come that are not followed here: what adds nothing now is let go, and nothing is known any more where something adds.</summary>
    public void Lose(ScalarMixture law)
    {
        isLost |= LogShare(law) > Trifle;
        parcels.Clear();
    }

    /// <summary>ln of what is followed could add to χ² against a law.</summary>
    public double LogShare(ScalarMixture law)
    {
        double share = isLost ? double.PositiveInfinity : double.NegativeInfinity;
        foreach (Parcel parcel in parcels)
        {
            share = Math.Max(share, parcel.LogShare(law));
        }

        return share + Math.Log(Math.Max(1, parcels.Count));
    }

    /// <summary>One step, from a density to a density.</summary>
    public void Follow(LineState.Continuous before, LineState.Continuous after, ScalarMap map, double logRange)
    {
        if (parcels.Count == 0 && map.Noise == 0)
        {
            return;
        }

        Parcel[] now = [.. parcels.SelectMany(parcel => parcel.After(map))];
        parcels.Clear();
        parcels.AddRange(now);

        ScalarMixture law = target(map.To);
        if (map.Noise > 0)
        {
            AddDropped(after, law);
            AddBeyond(before, map, logRange, law);
        }

        Prune(law);
    }

    /// <summary>
    /// One step that may be rejected: it brings no law farther from the target in χ², so that what is followed stays; its panels drop more.
    /// </summary>
    public void Follow(LineState.Continuous after, NoiseLevel level)
    {
        ScalarMixture law = target(level);
        AddDropped(after, law);
        Prune(law);
    }

    /// <summary>Every panel that was dropped, point by point.</summary>
    private void AddDropped(LineState.Continuous after, ScalarMixture law)
    {
        Span<double> points = stackalloc double[Legendre.Order];
        foreach ((double from, double to, double[] values) in after.Dropped)
        {
            if (values.Length == 1)
            {
                Add(new(Math.Log(values[0] * (to - from)), 0.5 * (from + to), to - from, 0), law);
                continue;
            }

            PanelSet.Place(from, to, points);
            for (int i = 0; i < points.Length; i++)
            {
                double width = 0.5 * Legendre.Weights[i] * (to - from);
                Add(new(Math.Log(values[i] * width), points[i], width, 0), law);
            }
        }
    }

    /// <summary>
    /// Beyond the panels there is less than e^(−range) of mass, and it falls at the rate of the tails; a component of
    /// the score there may throw it anywhere.
    /// </summary>
    private void AddBeyond(LineState.Continuous before, ScalarMap map, double logRange, ScalarMixture law)
    {
        (double low, double high) = before.Range;
        foreach (ScalarMixture score in map.ScoreLaws)
        {
            ReadOnlySpan<double> means = score.Means;
            if (means[0] >= low && means[^1] <= high)
            {
                continue;
            }

            double centre = before.Extent.Centre;
            for (int k = 0; k < means.Length; k++)
            {
                if (means[k] >= low && means[k] <= high)
                {
                    continue;
                }

                double rate = means[k] < low ? before.Tails.Left : before.Tails.Right;
                double edge = (means[k] < low ? low : high) - centre;
                foreach (double place in Places)
                {
                    double deviation = score.Deviations[k];
                    double x = means[k] + (place * deviation);
                    double beyond = Math.Max(0, ((x - centre) * (x - centre)) - (edge * edge)) / (2 * rate * rate);
                    foreach (Parcel parcel in new Parcel(-logRange - beyond, x, 3 * deviation, 0).After(map))
                    {
                        Add(parcel, law);
                    }
                }
            }
        }
    }

    private void Add(Parcel parcel, ScalarMixture law)
    {
        if (parcel.LogShare(law) > Nothing)
        {
            parcels.Add(parcel);
        }
    }

    private void Prune(ScalarMixture law)
    {
        if (parcels.Count == 0)
        {
            return;
        }

        // Steps that repeat leave out the same, again and again: those of nearly the same law are one.
        List<Parcel> kept = [];
        var byShare = parcels.Select(parcel => (Parcel: parcel, Share: parcel.LogShare(law))).OrderByDescending(p => p.Share);
        foreach ((Parcel parcel, double share) in byShare)
        {
            if (share <= Nothing || kept.Count == Most)
            {
                break;
            }

            int alike = kept.FindIndex(parcel.IsLike);
            if (alike >= 0)
            {
                kept[alike] = kept[alike] with { LogMass = Sum(kept[alike].LogMass, parcel.LogMass) };
            }
            else
            {
                kept.Add(parcel);
            }
        }

        parcels.Clear();
        parcels.AddRange(kept);
    }
}
