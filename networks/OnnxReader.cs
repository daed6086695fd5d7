using Microsoft.ML.OnnxRuntime;
using Sgm.Engine;

namespace Sgm.Networks;

/// <summary>Reads ONNX files by ONNX Runtime, on the processor.</summary>
public sealed class OnnxReader : INetworkReader
{
    /// <summary>Rows that a network with a free batch size is given at a time: the fewest particles of a full block.</summary>
    private const int Rows = 32;

    /// <inheritdoc/>
    public NetworkReading Read(NetworkFile file, NetworkUse use)
    {
        ArgumentNullException.ThrowIfNull(file);
        ArgumentNullException.ThrowIfNull(use);
        try
        {
            InferenceSession session = Open(file.Contents);
            if (OnnxSignature.Of(session, use.Dimension, out string? problem) is not { } signature) return new(null, problem);
            if (signature.Rows is { } rows) return new(Tried(new(file, session, signature, use, rows), out problem), problem);
            // Where the bits of a row depend on where it stands, rows are given one by one.
            OnnxScore many = new(file, session, signature, use, Rows);
            if (Tried(many, out problem) is null) return new(null, problem);
            return new(many.Trial.RowsAgree ? many : Tried(new(file, session, signature, use, 1), out problem), problem);
        }
        catch (Exception e) when (e is OnnxRuntimeException
            or DllNotFoundException or EntryPointNotFoundException or BadImageFormatException or TypeInitializationException)
        {
            return new(null, Words(e));
        }
    }

    private static InferenceSession Open(ReadOnlyMemory<byte> contents)
    {
        using SessionOptions options = new()
        {
            // Workers are threads already; what a network computes must not depend on how many there are.
            IntraOpNumThreads = 1,
            InterOpNumThreads = 1,
            ExecutionMode = ExecutionMode.ORT_SEQUENTIAL,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL,
        };
        options.AddSessionConfigEntry("session.use_deterministic_compute", "1");
        return new(contents.ToArray(), options);
    }

    private static OnnxScore? Tried(OnnxScore score, out string? problem)
    {
        problem = score.Trial.Problem;
        return problem is null ? score : null;
    }

    /// <summary>The first line of what ONNX Runtime says, without its codes; or that it is not there.</summary>
    internal static string Words(Exception error)
    {
        if (error is not OnnxRuntimeException)
            return "ONNX Runtime is not there for this machine: " + error.GetBaseException().Message;
        string line = error.Message.Split('\n')[0].Trim();
        if (line.StartsWith("[ErrorCode:", StringComparison.Ordinal))
            line = line[(line.IndexOf(']', StringComparison.Ordinal) + 1)..].Trim();
        return line.Length <= 300 ? line : line[..300] + "…";
    }
}
