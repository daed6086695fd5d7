namespace Sgm.Engine;

/// <summary>
/// How particles are cut into blocks: part of the format of a result, so it depends on the dimension and on the number of
/// particles alone, never on the machine or on the number of threads.
/// </summary>
/// <remarks>
/// A block holds <see cref="Size"/>(d) = 2048/d particles, rounded down to a power of two and kept in [32, 512]: its state, score and
/// noise stay in the first-level cache up to d = 64 and in the second-level cache up to d ≈ 1000. The last block holds what is
/// left; it computes a <see cref="Width"/> that is a multiple of 16, and the lanes past its count are not part of any result.
/// Particle i of a run is lane i mod size of block i div size. Inside a block the state has shape [d, width], the particle
/// running fastest.
/// </remarks>
public static class BlockFormat
{
    /// <summary>Widths are multiples of this: two of the widest registers.</summary>
    public const int Grain = 16;

    /// <summary>Particles in a full block in dimension d.</summary>
    public static int Size(int dimension)
    {
        int size = 512;
        while (size > 32 && (long)size * dimension > 2048)
        {
            size /= 2;
        }

        return size;
    }

    /// <summary>Number of blocks that hold the particles.</summary>
    public static long Count(int dimension, long particles) => (particles + Size(dimension) - 1) / Size(dimension);

    /// <summary>Particles in one block.</summary>
    public static int ParticlesIn(int dimension, long particles, long block) =>
        (int)Math.Min(Size(dimension), particles - (block * Size(dimension)));

    /// <summary>Lanes that a block of so many particles computes.</summary>
    public static int Width(int particles) => (particles + Grain - 1) / Grain * Grain;
}
