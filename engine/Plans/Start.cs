namespace Sgm.Engine;

/// <summary>The law of the first state.</summary>
public abstract record Start
{
    private Start()
    {
    }

    /// <summary>The state is drawn from <paramref name="Of"/> noised to <paramref name="Level"/>: m·X + σ·Z.</summary>
    public sealed record Law(Target Of, NoiseLevel Level) : Start;

    /// <summary>The state is the point <paramref name="At"/> (shape [d]).</summary>
    public sealed record Point(double[] At) : Start;
}
