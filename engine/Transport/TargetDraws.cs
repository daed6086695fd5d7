namespace Sgm.Engine;

/// <summary>Exact draws of a target at a level, row-major [n, d]; the draws of one index are the same on every machine.</summary>
internal sealed class TargetDraws(Target target, NoiseLevel level, ulong seed)
{
    private const int Chunk = 512;

    private readonly StartSampler sampler = new(new Start.Law(target, level));

    /// <summary>Draws of the stream (seed, −1 − index), which no block of a run has.</summary>
    public double[] Rows(int count, int index)
    {
        int d = target.Dimension;
        RandomStream stream = new(seed, -1 - index);
        double[] rows = new double[count * d];
        double[] block = new double[Chunk * d];
        for (int from = 0; from < count; from += Chunk)
        {
            sampler.Fill(stream, block, Chunk);
            for (int i = 0; i < Math.Min(Chunk, count - from); i++)
            {
                for (int e = 0; e < d; e++)
                {
                    rows[((from + i) * d) + e] = block[(e * Chunk) + i];
                }
            }
        }

        return rows;
    }
}
