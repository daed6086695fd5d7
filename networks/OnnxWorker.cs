using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Sgm.Networks;

/// <summary>Buffers of one caller at a time, bound to a session's inputs and output once; a run allocates nothing here.</summary>
internal sealed class OnnxWorker : IDisposable
{
    private readonly InferenceSession session;
    private readonly OrtIoBinding binding;
    private readonly RunOptions options = new();
    private readonly int dimension;
    private readonly int rows;
    private readonly bool isSingle;
    private readonly bool isWhole;

    // Shapes [rows, d], [rows], [rows, d]; those of the network's precision are in use.
    private readonly float[] singleIn = [];
    private readonly float[] singleLevel = [];
    private readonly float[] singleOut = [];
    private readonly double[] doubleIn = [];
    private readonly double[] doubleLevel = [];
    private readonly double[] doubleOut = [];
    private readonly long[] wholeLevel = [];
    private readonly List<OrtValue> bound = [];

    public OnnxWorker(InferenceSession session, OnnxSignature signature, int dimension, int rows)
    {
        this.session = session;
        this.dimension = dimension;
        this.rows = rows;
        isSingle = signature.Element == TensorElementType.Float;
        isWhole = signature.Level?.Whole ?? false;
        binding = session.CreateIoBinding();
        long[] shape = [rows, .. signature.Shape];
        long[] outputShape = [rows, .. signature.OutputShape];
        if (isSingle)
        {
            singleIn = Bound<float>("x", rows * dimension, shape);
            singleOut = Bound<float>(signature.Output, rows * dimension, outputShape, isOutput: true);
        }
        else
        {
            doubleIn = Bound<double>("x", rows * dimension, shape);
            doubleOut = Bound<double>(signature.Output, rows * dimension, outputShape, isOutput: true);
        }

        if (signature.Level is not { } level) return;
        long[] levelShape = level.Axes switch { 0 => [], 1 => [rows], _ => [rows, 1] };
        int count = level.Axes == 0 ? 1 : rows;
        if (isWhole) wholeLevel = Bound<long>(level.Name, count, levelShape);
        else if (isSingle) singleLevel = Bound<float>(level.Name, count, levelShape);
        else doubleLevel = Bound<double>(level.Name, count, levelShape);
    }

    /// <summary>The network at scale·x for so many points, rows of x stride apart, and the level's number.</summary>
    public void Run(ReadOnlySpan<double> points, int stride, int count, double scale, double level)
    {
        for (int e = 0; e < dimension; e++)
        {
            for (int i = 0; i < rows; i++)
            {
                double x = i < count ? scale * points[(e * stride) + i] : 0;
                if (isSingle) singleIn[(i * dimension) + e] = (float)x;
                else doubleIn[(i * dimension) + e] = x;
            }
        }

        Array.Fill(singleLevel, (float)level);
        Array.Fill(doubleLevel, level);
        Array.Fill(wholeLevel, (long)Math.Round(level));
        session.RunWithBinding(options, binding);
    }

    /// <summary>A coordinate of a row's output.</summary>
    public double Output(int row, int coordinate) =>
        isSingle ? singleOut[(row * dimension) + coordinate] : doubleOut[(row * dimension) + coordinate];

    public void Dispose()
    {
        binding.Dispose();
        options.Dispose();
        bound.ForEach(value => value.Dispose());
    }

    private T[] Bound<T>(string name, int length, long[] shape, bool isOutput = false)
        where T : unmanaged
    {
        // Pinned by the value for as long as it lives.
        T[] buffer = GC.AllocateArray<T>(length, pinned: true);
        OrtValue value = OrtValue.CreateTensorValueFromMemory(buffer, shape);
        bound.Add(value);
        if (isOutput) binding.BindOutput(name, value);
        else binding.BindInput(name, value);
        return buffer;
    }
}
