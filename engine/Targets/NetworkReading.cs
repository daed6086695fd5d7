namespace Sgm.Engine;

/// <summary>How a network F is read as a score at a level: s(x) = Skip·x + Output·F(Input·x).</summary>
public readonly record struct NetworkScaling(double Input, double Skip, double Output);

/// <summary>A file that holds a network.</summary>
/// <param name="Name">As the experiment names it.</param>
/// <param name="Contents">Its bytes.</param>
public sealed record NetworkFile(string Name, ReadOnlyMemory<byte> Contents);

/// <summary>What a network is wanted for.</summary>
/// <param name="Dimension">d.</param>
/// <param name="NeedsNoise">Whether its output says nothing where σ = 0.</param>
/// <param name="Scaling">How it is read at a level.</param>
/// <param name="Trials">Levels that it is tried at before anything runs.</param>
public sealed record NetworkUse(int Dimension, bool NeedsNoise, Func<NoiseLevel, NetworkScaling> Scaling, IReadOnlyList<NoiseLevel> Trials);

/// <summary>A score that was read and tried, or why there is none, in words.</summary>
public readonly record struct NetworkReading(ScoreFunction? Function, string? Problem);

/// <summary>Reads networks. The engine and the language know no more of them, so that no file without one pays for them.</summary>
public interface INetworkReader
{
    /// <summary>The network as a score; what is wrong with a file is an answer, never an exception.</summary>
    NetworkReading Read(NetworkFile file, NetworkUse use);
}
