namespace Sgm.Engine;

/// <summary>General steps: registers, and any number of draws.</summary>
internal sealed partial class BlockWorker<TLanes>
{
    // Registers that hold something; the others hold 0.
    private int kept;

    private bool Step(ParticleNode.General node)
    {
        if (run.ShouldStop(block)) return false;
        for (int n = 0; n < node.Noises; n++)
        {
            stream.FillNormal<TLanes>(Array(1 + shape.Registers + shape.Stages + n));
        }

        for (int i = 0; i < node.Stages.Length; i++)
        {
            (int constants, (int Array, double Coefficient)[] terms) = node.Stages[i];
            bool isAtState = terms is [(0, 1.0)];
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

    private void Sum((int Array, double Coefficient)[] terms, int from, int count, Span<double> to)
    {
        if (terms.Length == 0) to.Clear();
        for (int i = 0; i < terms.Length; i++)
        {
            (int array, double coefficient) = terms[i];
            ReadOnlySpan<double> input = Array(array).Slice(from, count);
            if (i == 0)
            {
                StepUpdate<TLanes>.Scale(input, coefficient, to);
            }
            else
            {
                StepUpdate<TLanes>.Add(input, coefficient, to);
            }
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
