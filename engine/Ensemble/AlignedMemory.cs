using System.Runtime.InteropServices;

namespace Sgm.Engine;

/// <summary>Working memory outside the collector's heap, aligned so that a register never straddles two cache lines.</summary>
internal sealed unsafe class AlignedMemory : IDisposable
{
    private const int Alignment = 64;

    private void* start;

    /// <summary>Zeroed doubles.</summary>
    public AlignedMemory(long length)
    {
        Length = length;
        nuint bytes = (nuint)Math.Max(length, 1) * sizeof(double);
        start = NativeMemory.AlignedAlloc(bytes, Alignment);
        NativeMemory.Clear(start, bytes);
    }

    /// <summary>Number of doubles.</summary>
    public long Length { get; }

    /// <summary>A part of it.</summary>
    public Span<double> Slice(long from, int length)
    {
        ObjectDisposedException.ThrowIf(start is null, this);
        return from >= 0 && length >= 0 && from + length <= Length
            ? new Span<double>((double*)start + from, length)
            : throw new ArgumentOutOfRangeException(nameof(length));
    }

    /// <summary>A length rounded up so that the next part is aligned too.</summary>
    public static long Round(long length) => (length + 7) / 8 * 8;

    public void Dispose()
    {
        NativeMemory.AlignedFree(start);
        start = null;
    }
}
