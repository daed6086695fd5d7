namespace Sgm.Engine;

/// <summary>How a prediction reads a component: base + gain·(m·μ − x) in every direction.</summary>
internal static class Reading
{
    /// <summary>Gain and base in a direction with mean μ and data variance λ: (1/v, 0) for the score, (−m·λ/v, μ) for the denoiser.</summary>
    public static (double Gain, double Base) Of(Prediction prediction, NoiseLevel level, double mean, double variance) =>
        prediction == Prediction.Score
            ? (1 / level.VarianceOf(variance), 0)
            : (-level.Mean * variance / level.VarianceOf(variance), mean);
}
