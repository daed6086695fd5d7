namespace Sgm.Engine;

/// <summary>16 velocities u of an adjusted step's integral with where they lead, and the two ends.</summary>
internal sealed class AdjustedPiece(double from, double to)
{
    public double From { get; } = from;

    public double To { get; } = to;

    public LeapProposal First { get; set; }

    public LeapProposal Last { get; set; }

    public double[] Velocity { get; } = new double[Legendre.Order];

    public LeapProposal[] Proposals { get; } = new LeapProposal[Legendre.Order];

    /// <summary>f(x) at the points, then at both ends.</summary>
    public double[] Density { get; } = new double[Legendre.Order + 2];

    /// <summary>φ(u)·(1 − a) there.</summary>
    public double[] Rejected { get; } = new double[Legendre.Order + 2];

    /// <summary>min(φ(u)·e^(−E), φ(u′)) there.</summary>
    public double[] Accepted { get; } = new double[Legendre.Order + 2];

    /// <summary>Its share of f′(y), as its points see it.</summary>
    public double Rough(double own)
    {
        double sum = 0;
        for (int i = 0; i < Legendre.Order; i++)
        {
            sum += Legendre.Weights[i] * ((Rejected[i] * own) + (Accepted[i] * Density[i]));
        }

        return 0.5 * (To - From) * sum;
    }
}
