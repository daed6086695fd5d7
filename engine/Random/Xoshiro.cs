using System.Runtime.CompilerServices;

namespace Sgm.Engine;

/// <summary>
/// As many xoshiro256++ generators as there are lanes, in registers (D. Blackman, S. Vigna, <em>Scrambled linear
/// pseudorandom number generators</em>, ACM TOMS 47, 2021).
/// </summary>
internal struct Xoshiro<TLanes>
    where TLanes : struct, ILanes<TLanes>
{
    private TLanes s0, s1, s2, s3;

    /// <summary>The state of the lanes from <paramref name="lane"/> on; word k of lane l is at <c>8k + l</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Xoshiro(ref ulong state, int lane)
    {
        s0 = TLanes.LoadBits(in Unsafe.Add(ref state, lane));
        s1 = TLanes.LoadBits(in Unsafe.Add(ref state, lane + 8));
        s2 = TLanes.LoadBits(in Unsafe.Add(ref state, lane + 16));
        s3 = TLanes.LoadBits(in Unsafe.Add(ref state, lane + 24));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Store(ref ulong state, int lane)
    {
        s0.StoreBits(ref Unsafe.Add(ref state, lane));
        s1.StoreBits(ref Unsafe.Add(ref state, lane + 8));
        s2.StoreBits(ref Unsafe.Add(ref state, lane + 16));
        s3.StoreBits(ref Unsafe.Add(ref state, lane + 24));
    }

    /// <summary>64 random bits in every lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TLanes Next()
    {
        TLanes result = TLanes.AddBits(TLanes.RotateLeftBits(TLanes.AddBits(s0, s3), 23), s0);
        TLanes t = TLanes.ShiftLeftBits(s1, 17);
        s2 ^= s0;
        s3 ^= s1;
        s1 ^= s2;
        s0 ^= s3;
        s2 ^= t;
        s3 = TLanes.RotateLeftBits(s3, 45);
        return result;
    }
}
