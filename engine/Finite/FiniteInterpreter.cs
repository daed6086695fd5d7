namespace Sgm.Engine;

/// <summary>
/// Exact laws of discrete diffusion: all S^d masses, or one coordinate of each kind where the coordinates are independent.
/// </summary>
public sealed class FiniteInterpreter : IInterpreter
{
    /// <summary>Products of masses and probabilities that a run may take: some ten seconds of a core.</summary>
    public const double MostWork = 1L << 33;

    /// <inheritdoc/>
    public string Backend => "finite";

    /// <summary>Steps times pairs of states, which a sampler that moves all coordinates at once has to visit.</summary>
    public static double Work(FiniteProcess process)
    {
        bool isProduct = process is { Target: FiniteProduct, RatesOf: FiniteProduct };
        double states = isProduct ? process.Target.Symbols : process.Target.States;
        double rows = process.Target.Symbols > 2 ? 20.0 * process.Target.Symbols * process.Target.Symbols : 20;
        double each = states * (states + (isProduct ? rows : process.Dimension * rows));
        return process.Sampler == FiniteSampler.Uniformisation ? states : process.Steps * each;
    }

    /// <summary>Why nothing that runs states of R^d may run the plan, whose other parts are placeholders; null where it is on R^d.</summary>
    internal static string? SymbolProblem(Plan plan) =>
        plan.Finite is null ? null : "the state is one of symbols; their law is exact ('finite'), or has a certificate (sgm certify)";

    /// <inheritdoc/>
    public string? WhyNot(Plan plan) => plan.Finite switch
    {
        null => "the state is not one of symbols",
        { Sampler: FiniteSampler.Uniformisation, Bias: not 0 } =>
            "the reverse process has a law in closed form only where its rates are those of a law; leave 'skewed' out, or take tauLeaping",
        var process when Work(process) > MostWork => FormattableString.Invariant(
            $"{process.Steps} steps over all pairs of {process.Target.States:g6} states are {Work(process):g3} products, and {MostWork:g2} may be taken; ")
            + "take fewer coordinates or steps, or uniformisation (a certificate needs no pairs: sgm certify)",
        _ => null,
    };

    /// <inheritdoc/>
    public Outcome Run(Plan plan, RunOptions options)
    {
        if (WhyNot(plan) is { } reason) return new(new RunStatus.Unsupported(reason), []);
        FiniteProcess process = plan.Finite!;
        double last = process.Times[^1];
        (var parts, int[] partOf) = process.Independent();
        var laws = new Law[parts.Length];
        try
        {
            for (int k = 0; k < laws.Length; k++)
            {
                int before = k;
                void Told(double share) => options.Progress?.Report((before + share) / laws.Length);
                laws[k] = new FiniteLaw(FiniteRun.End(process, parts[k], options.Cancellation, Told), parts[k].TargetAt(last));
            }
        }
        catch (OperationCanceledException) when (options.Cancellation.IsCancellationRequested)
        {
            return new(new RunStatus.Cancelled(), []);
        }

        Law law = parts.Length == 1 && parts[0].Target.Dimension == partOf.Length
            ? laws[0]
            : new ProductLaw(laws, [.. parts.Select(static part => part.Count)], partOf);
        return new(new RunStatus.Completed(), [new("end", FiniteProcess.Level(last), law)]);
    }
}
