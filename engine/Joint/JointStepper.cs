namespace Sgm.Engine;

/// <summary>
/// The joint law at one resolution from draw to draw, on lattices whose spacing is measured: every sum's error is read
/// from its parts (<see cref="LineLattice.Error"/>), over the first coordinate when it is drawn from and over rows when
/// they are summed. What is too wide is made again: of rows, the draws since they were chosen.
/// </summary>
internal sealed class JointStepper(JointLine start, JointValues values, GridResolution resolution, WorkLimit work)
{
    private const int MostAttempts = 12;

    // No kernel is passed over, and no component.
    private const double WidestInNoise = 0.7;
    private const double WidestInScale = 0.5;

    // A wider spacing than one that was enough is tried at once: digits grow like 1/spacing² at most.
    private const double Spare = 1.02;

    // Where no error is seen, and after a spacing that was too wide for so many sums.
    private const double Boldest = 2.01;
    private const double Cautious = 1.2;
    private const int Patience = 16;

    // The draws since the rows were chosen, with the law before each; none where they were too many to keep.
    private readonly List<(JointLine Before, JointDraw Draw, double Along)> past = [];

    // Spacings in units of the noise, to be tried.
    private double along = 0.5;
    private double across = 1.5;
    private int patience;

    /// <summary>The law.</summary>
    public JointLine Law { get; private set; } = start;

    /// <summary>Nodes that it holds.</summary>
    public long Nodes => Law.Nodes + past.Sum(step => step.Before.Nodes);

    /// <summary>A new coordinate.</summary>
    public StepFailure Apply(JointDraw draw)
    {
        double finest = Math.Min(values.FinestScale(draw.Mean), values.FinestScale(draw.Label ?? JointForm.Zero));
        for (int attempt = 0; attempt < MostAttempts; attempt++)
        {
            double widest = Math.Min(WidestInNoise * Law.Scale, WidestInScale * finest);
            double one = resolution.Quantised(Math.Min(along * draw.Deviation, widest));
            double noise = Noise(draw);
            double rows = resolution.Quantised(across * noise);
            if (draw.IsExactLabel)
            {
                // Rows that are there are not refined unseen.
                if (draw.Label!.Reads(draw.Second)) rows = Math.Max(rows, Law.RowSpacing);
                rows = Math.Min(rows, resolution.Quantised(WidestInScale * finest * Math.Max(1, Math.Abs(draw.Label[draw.First!]))));
            }

            (JointLine? law, JointError error, StepFailure failure) = Law.After(draw, one, rows, values, resolution, work);
            if (law is null) return failure;
            if (error.Across?.Reached(resolution) is double second && second < 1)
            {
                failure = Finer(second);
                if (failure != StepFailure.None) return failure;
                continue;
            }

            if (error.Along?.Reached(resolution) is double first && first < 1)
            {
                along = Narrower(one / draw.Deviation, first);
                continue;
            }

            along = Wider(one / draw.Deviation, along, error.Along);
            Widen(error.Across);
            if (draw.Kept != JointKept.Second) past.Clear();
            if (draw.Kept != JointKept.Nothing) past.Add((Law, draw, one));
            if (past.Count > 1 && past.Sum(step => step.Before.Nodes) > GridMemory.Nodes) past.Clear();
            Law = law;
            return StepFailure.None;
        }

        return StepFailure.TooDense;
    }

    /// <summary>The law of the first coordinate alone.</summary>
    public (LineState.Density? Law, StepFailure Failure) Line()
    {
        for (int attempt = 0; attempt < MostAttempts; attempt++)
        {
            (LineState.Density? law, LatticeError? error) = Law.Line(resolution, work);
            if (law is null) return (null, StepFailure.TooLarge);
            double reached = error?.Reached(resolution) ?? 1;
            if (reached >= 1)
            {
                Widen(error);
                return (law, StepFailure.None);
            }

            StepFailure failure = Finer(reached);
            if (failure != StepFailure.None) return (null, failure);
        }

        return (null, StepFailure.TooDense);
    }

    private void Widen(LatticeError? error)
    {
        patience -= error is null ? 0 : 1;
        if (error is not null && past.Count > 0) across = Wider(Law.RowSpacing / Noise(past[0].Draw), across, error);
    }

    private double Wider(double used, double before, LatticeError? error) => error is { } known
        ? 1.0001 * used * Math.Clamp(Math.Sqrt(known.Reached(resolution) / Spare), 1, patience > 0 ? Cautious : Boldest)
        : before;

    // Between 1/spacing, of poles, and 1/spacing² of what has none.
    private static double Narrower(double used, double reached) => used * Math.Clamp(0.97 * Math.Pow(Math.Max(0, reached), 0.75), 0.35, 0.9);

    private static double Noise(JointDraw draw) => draw.LabelDeviation > 0 ? draw.LabelDeviation : draw.Deviation;

    // Rows nearer to each other, and the draws since.
    private StepFailure Finer(double reached)
    {
        if (past.Count == 0) return StepFailure.TooDense;
        JointDraw chosen = past[0].Draw;
        patience = Patience;
        across = Narrower(Law.RowSpacing / Noise(chosen), reached);
        double labels = resolution.Quantised(across * Noise(chosen));
        JointLine law = past[0].Before;
        for (int i = 0; i < past.Count; i++)
        {
            past[i] = past[i] with { Before = law };
            (JointLine? next, _, StepFailure failure) = law.After(past[i].Draw, past[i].Along, labels, values, resolution, work);
            if (next is null) return failure;
            law = next;
        }

        Law = law;
        return StepFailure.None;
    }
}
