using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sgm.Engine;

/// <summary>
/// The random numbers of one block of particles: a function of (seed, block) alone, whatever the machine, its vector
/// width and the number of threads.
/// </summary>
/// <remarks>
/// <b>Format</b> (a contract: a change of any of this changes every reproducible result).
/// Eight xoshiro256++ generators, called lanes 0 to 7 whatever the register width. Word k of lane l starts as word
/// <c>8k + l</c> of the 32 words that SplitMix64 mixes from (seed, block). One <em>step</em> advances all lanes and
/// gives eight words of 64 bits, lane 0 first.
/// <list type="bullet">
/// <item><see cref="FillBits"/>: the words of successive steps.</item>
/// <item><see cref="FillUniform"/>: <c>(k + ½)·2⁻⁵²</c>, k the upper 52 bits of a word: in (0, 1), neither end
/// included.</item>
/// <item><see cref="FillNormal"/>: sixteen numbers from two steps by Box–Muller, the first step giving the radius and
/// the second the angle of each lane; eight <c>ρ cos θ</c>, lane 0 first, then the eight <c>ρ sin θ</c>. |z| ≤ 8.57.
/// </item>
/// </list>
/// A call takes whole steps (pairs of steps for normals) and drops what does not fit into the span, so two calls for 10
/// numbers give other numbers than one call for 20, unless the lengths are multiples of 8 (16 for normals). The numbers
/// are bit-identical on every width, because each lane does the same sequence of IEEE operations.
/// <para>Nothing is allocated after construction. Not thread-safe: one stream belongs to one thread at a time.</para>
/// </remarks>
public sealed class RandomStream
{
    /// <summary>The lanes of the format; not the machine's.</summary>
    public const int Lanes = 8;

    /// <summary>The number of words in a saved state.</summary>
    public const int StateLength = 4 * Lanes;

    private readonly ulong[] state = new ulong[StateLength];

    public RandomStream(ulong seed, long block) => Reset(seed, block);

    /// <summary>A stream that continues from a state that <see cref="CopyState"/> saved.</summary>
    public RandomStream(ReadOnlySpan<ulong> savedState)
    {
        if (savedState.Length != StateLength)
        {
            throw new ArgumentException(
                $"A state has {StateLength} words, not {savedState.Length}.", nameof(savedState));
        }

        savedState.CopyTo(state);
    }

    /// <summary>Makes this the stream of (seed, block), from its start.</summary>
    public void Reset(ulong seed, long block) => Seeding.Fill(seed, block, state);

    /// <summary>An independent copy at the same place in the stream.</summary>
    public RandomStream Clone() => new(state);

    /// <summary>Saves the place in the stream: <see cref="StateLength"/> words.</summary>
    public void CopyState(Span<ulong> destination) => state.CopyTo(destination);

    /// <summary>Fills the span with standard normals.</summary>
    public void FillNormal(Span<double> destination) => Run<NormalSource, double>(destination);

    /// <summary>Fills the span with uniforms in (0, 1).</summary>
    public void FillUniform(Span<double> destination) => Run<UniformSource, double>(destination);

    /// <summary>Fills the span with uniform 64-bit words.</summary>
    public void FillBits(Span<ulong> destination) => Run<BitSource, ulong>(destination);

    /// <summary><see cref="FillNormal(Span{double})"/> from a kernel that is itself specialised to a width.</summary>
    public void FillNormal<TLanes>(Span<double> destination)
        where TLanes : struct, ILanes<TLanes> => Fill<NormalSource, TLanes, double>(destination);

    /// <summary><see cref="FillUniform(Span{double})"/> from a kernel that is itself specialised to a width.</summary>
    public void FillUniform<TLanes>(Span<double> destination)
        where TLanes : struct, ILanes<TLanes> => Fill<UniformSource, TLanes, double>(destination);

    /// <summary><see cref="FillBits(Span{ulong})"/> from a kernel that is itself specialised to a width.</summary>
    public void FillBits<TLanes>(Span<ulong> destination)
        where TLanes : struct, ILanes<TLanes> => Fill<BitSource, TLanes, ulong>(destination);

    private void Run<TSource, T>(Span<T> destination)
        where TSource : IRandomSource
        where T : unmanaged
    {
        FillAction<TSource, T> action = new(this, destination);
        LaneWidth.Run(ref action);
    }

    // T is double or ulong: 64 bits, which the kernel writes as lanes.
    private void Fill<TSource, TLanes, T>(Span<T> destination)
        where TSource : IRandomSource
        where TLanes : struct, ILanes<TLanes>
        where T : unmanaged
    {
        Span<ulong> words = MemoryMarshal.Cast<T, ulong>(destination);
        int groups = words.Length / TSource.Group;
        int rest = words.Length - groups * TSource.Group;
        ref ulong start = ref MemoryMarshal.GetArrayDataReference(state);
        if (groups > 0) Kernel<TSource, TLanes>(ref start, ref MemoryMarshal.GetReference(words), groups);
        if (rest == 0) return;
        Span<ulong> last = stackalloc ulong[TSource.Group];
        Kernel<TSource, TLanes>(ref start, ref MemoryMarshal.GetReference(last), 1);
        last[..rest].CopyTo(words[^rest..]);
    }

    // Lanes are independent: a narrow register takes a few of the eight through the whole span, then the next few, so
    // the state stays in registers. Optimised at its first call: its loops are too long for the slow tier.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Kernel<TSource, TLanes>(ref ulong state, ref ulong destination, int groups)
        where TSource : IRandomSource
        where TLanes : struct, ILanes<TLanes>
    {
        for (int lane = 0; lane < Lanes; lane += TLanes.Count)
        {
            Xoshiro<TLanes> generator = new(ref state, lane);
            ref ulong to = ref Unsafe.Add(ref destination, lane);
            for (int i = 0; i < groups; i++)
            {
                TSource.Next(ref generator, ref to);
                to = ref Unsafe.Add(ref to, TSource.Group);
            }
            generator.Store(ref state, lane);
        }
    }

    private readonly ref struct FillAction<TSource, T>(RandomStream stream, Span<T> destination) : ILanesAction
        where TSource : IRandomSource
        where T : unmanaged
    {
        private readonly Span<T> destination = destination;

        public void Invoke<TLanes>()
            where TLanes : struct, ILanes<TLanes> => stream.Fill<TSource, TLanes, T>(destination);
    }
}
