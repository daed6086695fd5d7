namespace Sgm.Engine;

/// <summary>One-sided confidence bounds for a mean from independent values, by Student's t: asymptotic in their number.</summary>
internal readonly struct MeanBounds
{
    private readonly double error;
    private readonly int count;

    public MeanBounds(ReadOnlySpan<double> values)
    {
        count = values.Length;
        double sum = 0;
        foreach (double value in values)
        {
            sum += value;
        }

        Mean = sum / count;
        double squares = 0;
        foreach (double value in values)
        {
            squares += (value - Mean) * (value - Mean);
        }

        error = Math.Sqrt(squares / (count - 1.0) / count);
    }

    public double Mean { get; }

    /// <summary>The mean is below this but for this probability.</summary>
    public double Upper(double failure) => Mean + (StudentTail.Quantile(count - 1, failure) * error);

    /// <summary>The mean is above this but for this probability.</summary>
    public double Lower(double failure) => Mean - (StudentTail.Quantile(count - 1, failure) * error);
}
