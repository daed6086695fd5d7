namespace Sgm.Engine;

/// <summary>
/// The law under q of ℓ = ln(q/p) for one factor, as small cells: each has a mass under q, a mass under p given by its mean
/// ratio e^(−Mean) = p(cell)/q(cell), and the range of ℓ inside it. Merging a cell into an atom at Mean is a loss of
/// information, splitting it onto Low and High a gain, so the two bracket every f-divergence of every product.
/// </summary>
internal sealed partial class LikelihoodCells
{
    private const int Points = 4;
    private const int DeepestCut = 48;

    /// <summary>After so many cells they are taken as they are.</summary>
    private const int LargestCount = 1 << 19;

    /// <summary>Cells with less mass than this, under p and under q, are taken as they are.</summary>
    private const double SmallestMass = 1e-18;

    private static readonly double[] PartNodes = [-0.86113631159405257522, -0.33998104358485626480, 0.33998104358485626480, 0.86113631159405257522];
    private static readonly double[] PartWeights = [0.34785484513745385737, 0.65214515486254614263, 0.65214515486254614263, 0.34785484513745385737];

    private readonly List<Cell> cells = [];

    /// <summary>One cell.</summary>
    internal readonly record struct Cell(double Mass, double Mean, double Low, double High);

    /// <summary>The cells.</summary>
    public List<Cell> Cells => cells;

    /// <summary>Mass under q where p has none to double precision, ℓ = +∞.</summary>
    public double Infinite { get; private set; }

    /// <summary>Mass under p by which cells differ from what they are known to have.</summary>
    public double Missed { get; private set; }

    /// <summary>ln E_q[e^(s·ℓ)] over the cells.</summary>
    public double LogMoment(double s)
    {
        double largest = double.NegativeInfinity;
        foreach (Cell cell in cells)
        {
            largest = Math.Max(largest, s * cell.Mean);
        }

        double sum = 0;
        foreach (Cell cell in cells)
        {
            sum += cell.Mass * Math.Exp((s * cell.Mean) - largest);
        }

        return largest + Math.Log(sum);
    }

    /// <summary>E ℓ and Var ℓ over the cells.</summary>
    public (double Mean, double Variance) Moments()
    {
        double mass = 0;
        double mean = 0;
        foreach (Cell cell in cells)
        {
            mass += cell.Mass;
            mean += cell.Mass * cell.Mean;
        }

        mean /= mass;
        double variance = 0;
        foreach (Cell cell in cells)
        {
            variance += cell.Mass * (cell.Mean - mean) * (cell.Mean - mean);
        }

        return (mean, variance / mass);
    }

    /// <summary>
    /// The cells of a coordinate, none of them wider in ℓ than <paramref name="extent"/> where that matters, without the far
    /// tails of ℓ, of mass at most <paramref name="trim"/>.
    /// </summary>
    public static LikelihoodCells Of(Law law, double extent, double trim)
    {
        LikelihoodCells result = law switch
        {
            NormalFactorLaw normal => OfNormal(normal.Pair, extent),
            FiniteLaw symbols => OfMasses(symbols),
            GridLaw grid => OfDensity((LineState.Density)grid.State, grid.Target, extent, grid.Work),
            PlaneLaw plane => OfPlane(plane, extent),
            _ => throw new InvalidOperationException("a factor without likelihood ratio"),
        };
        result.Trim(trim);
        return result;
    }

    /// <summary>A cell a state.</summary>
    private static LikelihoodCells OfMasses(FiniteLaw law)
    {
        var result = new LikelihoodCells();
        foreach ((double q, double p) in law.State.Masses.Zip(law.Target.Masses))
        {
            double ratio = Math.Log(q / p);
            if (p == 0) result.Infinite += q;
            else if (q > 0) result.cells.Add(new(q, ratio, ratio, ratio));
        }

        return result;
    }

    /// <summary>Removes the cells furthest from the mean.</summary>
    private void Trim(double mass)
    {
        (double centre, _) = Moments();
        cells.Sort((a, b) => Math.Abs(a.Mean - centre).CompareTo(Math.Abs(b.Mean - centre)));
        int kept = cells.Count;
        while (kept > 0 && cells[kept - 1].Mass <= mass)
        {
            mass -= cells[kept - 1].Mass;
            kept--;
        }

        cells.RemoveRange(kept, cells.Count - kept);
    }

    /// <summary>ℓ = ½·r·z² + (δ√Q/P)·z + δ²/2P − ½·ln(1 + r) with z standard normal under q.</summary>
    private static LikelihoodCells OfNormal(DirectionPair pair, double extent)
    {
        const int panels = 64;
        const double reach = 9.6;
        var result = new LikelihoodCells();
        double slope = pair.Offset * Math.Sqrt(pair.StateVariance) / pair.Variance;
        double constant = (pair.Offset * pair.Offset / (2 * pair.Variance)) - (0.5 * pair.LogQuotient);
        double Ratio(double z) => (((0.5 * pair.Ratio * z) + slope) * z) + constant;
        for (int p = 0; p < panels; p++)
        {
            double from = reach * ((2.0 * p / panels) - 1);
            double to = reach * ((2.0 * (p + 1) / panels) - 1);
            result.Divide(from, to, z => (Math.Exp((-0.5 * z * z) - NormalTail.LogRootTwoPi), Ratio(z)), null, extent);
        }

        return result;
    }

    private static LikelihoodCells OfDensity(LineState.Density state, ScalarMixture target, double extent, WorkLimit work)
    {
        const int order = Legendre.Order;
        var result = new LikelihoodCells();
        work.Renew();
        var integral = new LinePieces(state, Counterpart.None, work);
        double[] cardinals = new double[order];
        for (int p = 0; p < state.Panels.Count; p++)
        {
            (double from, double to) = (state.Panels.From[p], state.Panels.To[p]);
            int panel = p;
            (double, double) At(double u)
            {
                Legendre.Cardinals(((2 * (u - from)) / (to - from)) - 1, cardinals);
                double density = 0;
                for (int i = 0; i < order; i++)
                {
                    density += cardinals[i] * state.Values[(panel * order) + i];
                }

                work.Spend(target.Cost);
                (double logState, double image) = integral.LogStateAt(u, density);
                return (Math.Max(0, density), logState - target.LogDensity(image));
            }

            double TargetMass(double a, double b)
            {
                (double left, double right) = (integral.LogStateAt(a, 0).Image, integral.LogStateAt(b, 0).Image);
                return left < right ? target.Between(left, right) : target.Between(right, left);
            }

            result.Divide(from, to, At, integral.Folds is not null ? null : TargetMass, extent);
        }

        return result;
    }

    /// <summary>
    /// Cuts [from, to] into cells by bisection until ℓ varies little in each, and until the quadrature gives the mass of p that the
    /// cell is known to have: a deterministic step may squeeze all of ℓ's variation into a stretch that no point falls on.
    /// </summary>
    /// <param name="from">Left end.</param>
    /// <param name="to">Right end.</param>
    /// <param name="at">Density under q and ℓ at a point.</param>
    /// <param name="targetMass">Mass under p of the image of an interval, where that is known exactly.</param>
    /// <param name="extent">Wanted extent of a cell in ℓ.</param>
    private void Divide(
        double from,
        double to,
        Func<double, (double Density, double LogRatio)> at,
        Func<double, double, double>? targetMass,
        double extent)
    {
        const int parts = 4;
        double left = at(from).LogRatio;
        for (int part = 0; part < parts; part++)
        {
            double a = from + ((to - from) * part / parts);
            double b = part + 1 == parts ? to : from + ((to - from) * (part + 1) / parts);
            double right = at(b).LogRatio;
            Divide((a, left), (b, right), at, targetMass, extent, 0);
            left = right;
        }
    }

    private void Divide(
        (double U, double LogRatio) from,
        (double U, double LogRatio) to,
        Func<double, (double Density, double LogRatio)> at,
        Func<double, double, double>? targetMass,
        double extent,
        int depth)
    {
        Span<double> mass = stackalloc double[Points];
        Span<double> ratio = [0, 0, 0, 0, from.LogRatio, to.LogRatio];
        double width = to.U - from.U;
        double middle = 0.5 * (from.U + to.U);
        double total = 0;
        for (int i = 0; i < Points; i++)
        {
            (double density, ratio[i]) = at(middle + (0.5 * width * PartNodes[i]));
            mass[i] = 0.5 * width * PartWeights[i] * density;
            total += mass[i];
        }

        (double low, double high) = (double.PositiveInfinity, double.NegativeInfinity);
        bool finite = true;
        foreach (double value in ratio)
        {
            low = double.IsFinite(value) ? Math.Min(low, value) : low;
            high = double.IsFinite(value) ? Math.Max(high, value) : high;
            finite &= double.IsFinite(value);
        }

        double relative = 0;
        for (int i = 0; i < Points; i++)
        {
            relative += mass[i] > 0 ? mass[i] * RealFunctions.ExpM1(low - ratio[i]) : 0;
        }

        double known = targetMass?.Invoke(from.U, to.U) ?? 0;
        double missed = targetMass is null ? 0 : Math.Abs(known - ((relative + total) * Math.Exp(-low)));

        // What a cell adds to the bracket is its mass times the square of its extent, so the tails get fewer.
        double own = extent * Math.Max(1, 0.2 / Math.Sqrt(Math.Max(total, 1e-40)));
        bool fine = finite && high - low <= own && missed <= 1e-7 * Math.Max(known, total);
        bool worthwhile = total > SmallestMass || known > SmallestMass;
        if (!fine && worthwhile && depth < DeepestCut && cells.Count < LargestCount && middle > from.U && middle < to.U)
        {
            (double U, double LogRatio) half = (middle, at(middle).LogRatio);
            Divide(from, half, at, targetMass, extent, depth + 1);
            Divide(half, to, at, targetMass, extent, depth + 1);
            return;
        }

        Missed += worthwhile && !fine ? missed : 0;
        if (!(total > 0))
        {
            return;
        }

        // A turning point of ℓ between the points reaches a little further than they show.
        double margin = 0.1 * (high - low);
        double common = low - RealFunctions.LogOnePlus(relative / total);
        if (double.IsFinite(common))
        {
            cells.Add(new(total, common, Math.Min(common, low - margin), Math.Max(common, high + margin)));
        }
        else
        {
            Infinite += total;
        }
    }
}
