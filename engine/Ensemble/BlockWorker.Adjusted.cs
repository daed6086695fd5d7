namespace Sgm.Engine;

/// <summary>Steps that may be rejected, one decision a particle.</summary>
internal sealed partial class BlockWorker<TLanes>
{
    // Adjusted steps since the last probe.
    private long adjusted;

    /// <summary>Sums of acceptance probabilities since the last probe, one a particle.</summary>
    private Span<double> Rates => memory.Slice(memory.Length - AlignedMemory.Round(capacity), width);

    private bool Step(ParticleNode.Adjusted node)
    {
        if (run.ShouldStop(block)) return false;
        AdjustedStep one = node.One;
        ReadOnlySpan<double> constants = node.Constants;
        Span<double> x = State, y = StageInput, s = Score(0), v = Array(1 + shape.Registers + shape.Stages);
        Span<double> log = Noise[..width], other = Noise.Slice(NoiseChunk / 2, width);
        stream.FillNormal<TLanes>(v);
        log.Clear();
        AdjustedUpdate<TLanes>.AddSquare(v, 0.5, log);
        if (!Evaluate(constants, x, s)) return false;
        StepUpdate<TLanes>.Add(s, 0.5 * one.Leap, v);
        x.CopyTo(y);
        StepUpdate<TLanes>.Add(v, one.Leap, y);
        if (one.LinePoints is { } points) AdjustedUpdate<TLanes>.AddWork(s, x, y, 0.5 / (points - 1), log);
        for (int leap = 1; leap < one.Leaps; leap++)
        {
            if (!Evaluate(constants, y, s)) return false;
            StepUpdate<TLanes>.Add(s, one.Leap, v);
            StepUpdate<TLanes>.Add(v, one.Leap, y);
        }

        if (!Evaluate(constants, y, s)) return false;
        StepUpdate<TLanes>.Add(s, 0.5 * one.Leap, v);
        AdjustedUpdate<TLanes>.AddSquare(v, -0.5, log);
        if (!(one.LinePoints is null ? AddDensities(node.Density, x, y, log, other) : AddLine(node, x, y, s, v, log))) return false;
        stream.FillUniform<TLanes>(other);
        AdjustedUpdate<TLanes>.Accept(x, y, log, other, Rates);
        adjusted++;
        return Ended(one, true);
    }

    // log ← log + ln p(y) − ln p(x).
    private bool AddDensities(ReadOnlySpan<double> constants, Span<double> x, Span<double> y, Span<double> log, Span<double> own)
    {
        own.Clear();
        if (!AddDensity(constants, x, own)) return false;
        StepUpdate<TLanes>.Add(own, -1, log);
        own.Clear();
        if (!AddDensity(constants, y, own)) return false;
        StepUpdate<TLanes>.Add(own, 1, log);
        return true;
    }

    private bool AddDensity(ReadOnlySpan<double> constants, Span<double> x, Span<double> sum)
    {
        DensityKernel density = program.Density!;
        int slice = Slice(density.Cost);
        for (int from = 0; from < width; from += slice)
        {
            if (from > 0 && run.ShouldStop(block)) return false;
            density.Add(constants, ref x[from], ref sum[from], width, Math.Min(slice, width - from), Scratch);
        }

        return true;
    }

    // What is left of the trapezoid rule on the way from x to y: s is the score at y, and the velocity's array is free.
    private bool AddLine(ParticleNode.Adjusted node, Span<double> x, Span<double> y, Span<double> s, Span<double> point, Span<double> log)
    {
        int gaps = node.One.LinePoints!.Value - 1;
        AdjustedUpdate<TLanes>.AddWork(s, x, y, 0.5 / gaps, log);
        for (int j = 1; j < gaps; j++)
        {
            // The same point from either end, so that the way back has the same work.
            StepUpdate<TLanes>.Scale(x, (gaps - j) / (double)gaps, point);
            StepUpdate<TLanes>.Add(y, j / (double)gaps, point);
            if (!Evaluate(node.Constants, point, s)) return false;
            AdjustedUpdate<TLanes>.AddWork(s, x, y, 1.0 / gaps, log);
        }

        return true;
    }

    // Tells the run what was accepted on the way to a probe.
    private void TellRates(long occurrence)
    {
        if (adjusted == 0) return;
        double sum = 0;
        double squares = 0;
        foreach (double total in Rates[..particles])
        {
            double rate = total / adjusted;
            sum += rate;
            squares += rate * rate;
        }

        run.Accepted(occurrence, block, sum, squares);
        Forget();
    }

    private void Forget()
    {
        if (shape.MayReject) Rates.Clear();
        adjusted = 0;
    }
}
