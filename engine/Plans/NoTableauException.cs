namespace Sgm.Engine;

/// <summary>Somebody reads a step as one tableau that is none: it keeps earlier evaluations, draws inside or may be rejected.</summary>
public sealed class NoTableauException(IStep step) : InvalidOperationException(Reason(step.Method))
{
    /// <summary>The reason, as a sentence for those who read tableaux alone.</summary>
    public static string Reason(string method) =>
        $"'{method}' keeps earlier evaluations, draws noise inside a step, or accepts and rejects; what is said here is about steps of one state and one draw at their end";
}
