namespace Sgm.Engine;

/// <summary>A divergence of the law of the state q from the target p at the current level.</summary>
public enum Metric
{
    /// <summary>Total variation ½∫|q − p|, in [0, 1].</summary>
    Tv,

    /// <summary>KL(q‖p) = ∫ q ln(q/p).</summary>
    Kl,

    /// <summary>χ²(q‖p) = ∫ q²/p − 1.</summary>
    Chi2,

    /// <summary>Wasserstein-2 distance, in the units of the state.</summary>
    W2,
}
