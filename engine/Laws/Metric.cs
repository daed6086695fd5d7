namespace Sgm.Engine;

/// <summary>
/// How a divergence D of product laws comes from those of the factors: Into(D(⊗q‖⊗p)) = Σ Into(D(q_i‖p_i)).
/// </summary>
/// <param name="Into">An increasing function with Into(0) = 0.</param>
/// <param name="OutOf">Its inverse.</param>
public sealed record TensorRule(Func<double, double> Into, Func<double, double> OutOf)
{
    /// <summary>D = Σ D_i.</summary>
    public static TensorRule Adds { get; } = new(static x => x, static x => x);

    /// <summary>D² = Σ D_i².</summary>
    public static TensorRule SquaresAdd { get; } = new(static x => x * x, Math.Sqrt);

    /// <summary>1 + D = Π (1 + D_i), in logarithms.</summary>
    public static TensorRule OnePlusMultiplies { get; } = new(RealFunctions.LogOnePlus, RealFunctions.ExpM1);
}

/// <summary>
/// A divergence of the law of the state q from the target p at the current level. A closed family: whoever asks which
/// one it is does so by <see cref="Match{T}"/>, which takes one answer for each, so that a further metric does not
/// compile until all have one.
/// </summary>
public sealed class Metric
{
    private readonly int index;

    private Metric(int index, string name, string symbol, string meaning, TensorRule? tensorRule)
    {
        this.index = index;
        Name = name;
        Symbol = symbol;
        Meaning = meaning;
        TensorRule = tensorRule;
    }

    /// <summary>Total variation ½∫|q − p|, in [0, 1].</summary>
    public static Metric Tv { get; } = new(0, "tv", "TV", "total variation ½∫|q − p|", null);

    /// <summary>KL(q‖p) = ∫ q ln(q/p).</summary>
    public static Metric Kl { get; } = new(1, "kl", "KL", "KL(q‖p)", TensorRule.Adds);

    /// <summary>χ²(q‖p) = ∫ q²/p − 1.</summary>
    public static Metric Chi2 { get; } = new(2, "chi2", "χ²", "χ²(q‖p)", TensorRule.OnePlusMultiplies);

    /// <summary>Wasserstein-2 distance, in the units of the state.</summary>
    public static Metric W2 { get; } = new(3, "w2", "W2", "the Wasserstein-2 distance", TensorRule.SquaresAdd);

    /// <summary>Every metric, in the order in which they are measured by default.</summary>
    public static IReadOnlyList<Metric> All { get; } = [Tv, Kl, Chi2, W2];

    /// <summary>The word of the language: "tv", "kl", "chi2", "w2".</summary>
    public string Name { get; }

    /// <summary>As it is written in text: "TV", "KL", "χ²", "W2".</summary>
    public string Symbol { get; }

    /// <summary>What it is, in a line of the language's reference.</summary>
    public string Meaning { get; }

    /// <summary>How it behaves on products; null where the factors' values do not determine it.</summary>
    public TensorRule? TensorRule { get; }

    /// <summary>The answer for this metric.</summary>
    public T Match<T>(Func<T> tv, Func<T> kl, Func<T> chi2, Func<T> w2) => index switch
    {
        0 => tv(),
        1 => kl(),
        2 => chi2(),
        _ => w2(),
    };

    /// <summary>The word of the language.</summary>
    public override string ToString() => Name;
}
