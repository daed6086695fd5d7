using System.Globalization;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Sgm.Networks;

/// <summary>What a level is to a network.</summary>
internal enum LevelInput
{
    /// <summary>ρ = σ/m.</summary>
    Sigma,

    /// <summary>The level's own parameter: t under vp.</summary>
    T,

    /// <summary>ln(m²/σ²).</summary>
    LogSnr,

    /// <summary>¼·ln ρ.</summary>
    CNoise,

    /// <summary>The place of ρ among the network's own levels, by ln ρ between two of them.</summary>
    Index,
}

/// <summary>The inputs and the output of a network, found by name.</summary>
/// <param name="Element">Single or double precision, of all of them; an index may be a whole number.</param>
/// <param name="Rows">The batch size that the network asks for, null where it is free.</param>
/// <param name="Shape">What follows the batch in x.</param>
/// <param name="Output">The output's name.</param>
/// <param name="OutputShape">What follows the batch in the output.</param>
/// <param name="Level">The level's input, null where it has none.</param>
/// <param name="Sigmas">For an index, ln ρ of every index.</param>
internal sealed record OnnxSignature(
    TensorElementType Element, int? Rows, long[] Shape, string Output, long[] OutputShape, OnnxLevel? Level, double[]? Sigmas)
{
    private const string Known = "x of shape [n, d], and sigma (ρ = σ/m), t, logSnr, cNoise (¼·ln ρ) or index of shape [n, 1]";

    public static OnnxSignature? Of(InferenceSession session, int dimension, out string? problem)
    {
        problem = null;
        IReadOnlyDictionary<string, NodeMetadata> inputs = session.InputMetadata;
        if (!inputs.TryGetValue("x", out NodeMetadata? x))
            return Refuse($"it has no input x; found {Listed(inputs)}; allowed are {Known}", out problem);
        string[] unknown = [.. inputs.Keys.Where(name => name != "x" && LevelOf(name) is null)];
        if (unknown.Length > 0)
            return Refuse($"the input {unknown[0]} is not known; allowed are {Known}", out problem);
        if (inputs.Count > 2)
            return Refuse($"it has {inputs.Count} inputs, {Listed(inputs)}; allowed are {Known}", out problem);
        if (!x.IsTensor || x.ElementDataType is not (TensorElementType.Float or TensorElementType.Double))
            return Refuse($"x is {Spelled(x)}; allowed are numbers of single or double precision", out problem);
        if (Trailing(x, dimension) is not { } shape)
        {
            string allowed = $"and the target has dimension {dimension}; allowed is [n, {dimension}]";
            return Refuse($"x has the shape {Spelled(x)}, {allowed}", out problem);
        }

        OnnxLevel? level = null;
        double[]? sigmas = null;
        foreach ((string name, NodeMetadata given) in inputs.Where(input => input.Key != "x"))
        {
            LevelInput kind = LevelOf(name)!.Value;
            bool whole = kind == LevelInput.Index && given.ElementDataType == TensorElementType.Int64;
            if (!given.IsTensor || (given.ElementDataType != x.ElementDataType && !whole))
                return Refuse($"{name} is {Spelled(given)} and x is {Spelled(x)}; allowed is one precision for both", out problem);
            if (given.Dimensions.Length > 2 || given.Dimensions.Skip(1).Any(n => n > 1))
                return Refuse($"{name} has the shape {Spelled(given)}; allowed is [n, 1]", out problem);
            level = new(name, kind, given.Dimensions.Length, whole);
            if (kind == LevelInput.Index && (sigmas = SigmasOf(session, out problem)) is null) return null;
        }

        int? rows = x.Dimensions[0] > 0 ? x.Dimensions[0] : null;
        return OutputOf(session, x, dimension, shape, out problem) is { } output
            ? new(x.ElementDataType, rows, shape, output.Name, output.Shape, level, sigmas)
            : null;
    }

    private static (string Name, long[] Shape)? OutputOf(InferenceSession session, NodeMetadata x, int dimension, long[] shape, out string? problem)
    {
        problem = null;
        IReadOnlyDictionary<string, NodeMetadata> outputs = session.OutputMetadata;
        if (outputs.Count != 1)
        {
            problem = $"it has {outputs.Count} outputs, {Listed(outputs)}; allowed is one of the shape of x";
            return null;
        }

        (string name, NodeMetadata output) = outputs.First();
        if (!output.IsTensor || output.ElementDataType != x.ElementDataType)
        {
            problem = $"the output {name} is {Spelled(output)} and x is {Spelled(x)}; allowed is one precision for both";
            return null;
        }

        // A shape that the file does not say is tried.
        long[]? own = output.Dimensions.Length == 0 || output.Dimensions.Skip(1).Any(n => n <= 0) ? shape : Trailing(output, dimension);
        if (own is not null) return (name, own);
        problem = $"the output {name} has the shape {Spelled(output)}; allowed is that of x, [n, {dimension}]";
        return null;
    }

    /// <summary>The shape behind the batch where it holds d numbers.</summary>
    private static long[]? Trailing(NodeMetadata tensor, int dimension)
    {
        int[] all = tensor.Dimensions;
        if (all.Length < 2) return null;
        if (all.Length == 2 && all[1] <= 0) return [dimension];
        long[] rest = [.. all.Skip(1).Select(n => (long)n)];
        bool fits = rest.All(n => n > 0 && n <= dimension)
            && rest.Aggregate(1L, (a, b) => Math.Min(a * b, int.MaxValue)) == dimension;
        return fits ? rest : null;
    }

    private static LevelInput? LevelOf(string name) => name switch
    {
        "sigma" => LevelInput.Sigma,
        "t" => LevelInput.T,
        "logSnr" => LevelInput.LogSnr,
        "cNoise" => LevelInput.CNoise,
        "index" => LevelInput.Index,
        _ => null,
    };

    private static double[]? SigmasOf(InferenceSession session, out string? problem)
    {
        problem = null;
        const string what = "an index needs the levels that it counts: the file's metadata has them as sigmas, "
            + "ρ of the indices 0, 1, … with commas";
        if (!session.ModelMetadata.CustomMetadataMap.TryGetValue("sigmas", out string? text))
        {
            problem = what + "; this one has none";
            return null;
        }

        List<double> logs = [];
        foreach (string part in text.Split(','))
        {
            bool isNumber = double.TryParse(part, NumberStyles.Float, CultureInfo.InvariantCulture, out double sigma);
            if (!isNumber || !(sigma > 0) || !double.IsFinite(sigma))
            {
                problem = $"{what}; found '{part.Trim()}', where a number > 0 is allowed";
                return null;
            }

            logs.Add(Math.Log(sigma));
        }

        bool rises = logs.Count > 1 && logs[1] > logs[0];
        bool isOrdered = logs.Zip(logs.Skip(1)).All(pair => rises ? pair.Second > pair.First : pair.Second < pair.First);
        if (logs.Count >= 2 && isOrdered) return [.. logs];
        problem = $"{what}; they must rise or fall, and be two at least";
        return null;
    }

    private static OnnxSignature? Refuse(string why, out string? problem)
    {
        problem = why;
        return null;
    }

    private static string Listed(IReadOnlyDictionary<string, NodeMetadata> all) =>
        all.Count == 0 ? "none" : string.Join(", ", all.Take(6).Select(one => $"{one.Key} {Spelled(one.Value)}"));

    private static string Spelled(NodeMetadata one) => one.IsTensor
        ? $"[{string.Join(", ", one.Dimensions.Select(n => n > 0 ? n.ToString(CultureInfo.InvariantCulture) : "n"))}] of {one.ElementDataType}"
        : $"no tensor but {one.OnnxValueType}";
}

/// <summary>The level's input: its name, what it is, how many axes it has, and whether it takes whole numbers.</summary>
internal sealed record OnnxLevel(string Name, LevelInput Kind, int Axes, bool Whole)
{
    /// <summary>What it is given at a level.</summary>
    public double At(Engine.NoiseLevel level, double[]? sigmas)
    {
        double rho = level.Sigma / level.Mean;
        return Kind switch
        {
            LevelInput.Sigma => rho,
            LevelInput.T => level.Parameter,
            LevelInput.LogSnr => -2 * Math.Log(rho),
            LevelInput.CNoise => Math.Log(rho) / 4,
            _ => Place(Math.Log(rho), sigmas!),
        };
    }

    /// <summary>Where a number stands among ordered ones, straight between two of them; the first or the last beyond them.</summary>
    private static double Place(double log, double[] logs)
    {
        double sign = logs[1] > logs[0] ? 1 : -1;
        if (sign * log <= sign * logs[0]) return 0;
        for (int i = 1; i < logs.Length; i++)
        {
            if (sign * log <= sign * logs[i]) return i - 1 + ((log - logs[i - 1]) / (logs[i] - logs[i - 1]));
        }

        return logs.Length - 1;
    }
}
