using System.Diagnostics;

namespace Sgm.Engine;

/// <summary>A run of blocks that counts steps and probes against the clock and keeps next to nothing.</summary>
internal sealed class CalibrationRun : BlockRun
{
    private const int KeptArrays = 1024;
    private const int LargestKept = 1 << 14;

    private readonly double[][] kept = new double[KeptArrays][];
    private readonly int dimension;
    private readonly int particles;
    private readonly CancellationToken cancellation;
    private readonly Stopwatch clock = Stopwatch.StartNew();
    private TimeSpan end;

    public CalibrationRun(int dimension, int particles, CancellationToken cancellation)
    {
        this.dimension = dimension;
        this.particles = particles;
        this.cancellation = cancellation;
    }

    /// <summary>Steps that were made.</summary>
    public long Steps { get; private set; }

    /// <summary>Probes that were reached.</summary>
    public long Probes { get; private set; }

    /// <summary>Seconds since it was made.</summary>
    public double Seconds => clock.Elapsed.TotalSeconds;

    /// <summary>Blocks stop after so much more time.</summary>
    public void Allow(double seconds) => end = clock.Elapsed + TimeSpan.FromSeconds(seconds);

    public override bool IsCancelled => clock.Elapsed >= end || cancellation.IsCancellationRequested;

    public override void Advance(long steps) => Steps += steps;

    // The work of a real run: a fresh array that outlives the block.
    public override void Probe(long occurrence, ParticleNode.Probe probe, long block, ReadOnlySpan<double> x, int width)
    {
        double[] copy = GC.AllocateUninitializedArray<double>(dimension * particles);
        for (int e = 0; e < dimension; e++)
        {
            x.Slice(e * width, particles).CopyTo(copy.AsSpan(e * particles));
        }

        if (copy.Length <= LargestKept) kept[Probes % KeptArrays] = copy;
        Probes++;
    }
}
