namespace Sgm.Engine;

/// <summary>General steps: registers, and any number of draws.</summary>
internal sealed partial class BlockWorker<TLanes>
{
    // Registers that hold something; the others hold 0.
    private int kept;

    // u, √u and √(1 − u) of every particle, for steps that take a random fraction of themselves.
    private double[] shares = [];

    private bool Step(ParticleNode.General node)
    {
        if (run.ShouldStop(block)) return false;
        if (node.IsRandomized) DrawFractions();
        for (int n = 0; n < node.Noises; n++)
        {
            stream.FillNormal<TLanes>(Array(1 + shape.Registers + shape.Stages + n));
        }

        for (int i = 0; i < node.Stages.Length; i++)
        {
            (int constants, (int Array, double Coefficient, Share Share)[] terms) = node.Stages[i];
            bool isAtState = terms is [(0, 1.0, Share.Whole)];
            if (!isAtState) Sum(terms, 0, Length, StageInput);
            if (!Evaluate(node.Constants.AsSpan(constants, kernel.ConstantsLength), isAtState ? State : StageInput, Score(i))) return false;
        }

        bool fine = Update(node.Updates);
        Drop(node.Tableau.Kept);
        return Ended(node.Tableau, fine);
    }

    // All registers at once, a part of the particles at a time.
    private bool Update(CompiledSum[] updates)
    {
        bool fine = true;
        for (int from = 0; from < Length; from += NoiseChunk)
        {
            int count = Math.Min(NoiseChunk, Length - from);
            for (int k = 0; k < updates.Length; k++)
            {
                Sum(updates[k].Terms, from, count, Part(k, count));
            }

            for (int k = 1; k < updates.Length; k++)
            {
                Part(k, count).CopyTo(Array(k).Slice(from, count));
            }

            fine &= StepUpdate<TLanes>.Quiet(State.Slice(from, count), Part(0, count), 0, 1);
        }

        return fine;
    }

    private void Sum((int Array, double Coefficient, Share Share)[] terms, int from, int count, Span<double> to)
    {
        if (terms.Length == 0 || terms[0].Share != Share.Whole) to.Clear();
        for (int i = 0; i < terms.Length; i++)
        {
            (int array, double coefficient, Share share) = terms[i];
            ReadOnlySpan<double> input = Array(array).Slice(from, count);
            if (share != Share.Whole)
            {
                AddShare(input, coefficient, share, from, to);
            }
            else if (i == 0)
            {
                StepUpdate<TLanes>.Scale(input, coefficient, to);
            }
            else
            {
                StepUpdate<TLanes>.Add(input, coefficient, to);
            }
        }
    }

    // Coordinate by coordinate: every particle has its own share.
    private void AddShare(ReadOnlySpan<double> input, double coefficient, Share share, int from, Span<double> to)
    {
        ReadOnlySpan<double> row = shares.AsSpan(((int)share - 1) * capacity, width);
        for (int at = 0; at < input.Length;)
        {
            int lane = (from + at) % width;
            int count = Math.Min(width - lane, input.Length - at);
            StepUpdate<TLanes>.AddProduct(input.Slice(at, count), row.Slice(lane, count), coefficient, to.Slice(at, count));
            at += count;
        }
    }

    private void DrawFractions()
    {
        if (shares.Length == 0) shares = new double[3 * capacity];
        Span<double> fractions = shares.AsSpan(0, width);
        stream.FillUniform<TLanes>(fractions);
        for (int i = 0; i < width; i++)
        {
            shares[capacity + i] = Math.Sqrt(fractions[i]);
            shares[(2 * capacity) + i] = Math.Sqrt(1 - fractions[i]);
        }
    }

    // What a step does not write holds 0.
    private void Drop(int left)
    {
        for (int k = left + 1; k <= kept; k++)
        {
            Array(k).Clear();
        }

        kept = left;
    }

    // The state, registers, predictions, noises.
    private Span<double> Array(int index) => index == 0 ? State
        : index <= shape.Registers ? Score(shape.Stages + index)
        : index <= shape.Registers + shape.Stages ? Score(index - shape.Registers - 1)
        : Score(index);

    private Span<double> Part(int register, int count) =>
        register == 0 ? Noise[..count] : memory.Slice(Others + Offset(shape.Arrays - 1) + ((register - 1) * NoiseChunk), count);
}
