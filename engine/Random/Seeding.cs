namespace Sgm.Engine;

/// <summary>
/// The 32 state words of a <see cref="RandomStream"/> from (seed, block): part of the stream's format.
/// </summary>
internal static class Seeding
{
    // 2⁶⁴ divided by the golden ratio, made odd.
    private const ulong Golden = 0x9E3779B97F4A7C15;

    /// <summary>
    /// <c>word j = mix( mix(a + (j + 1)·γ) xor b )</c> with <c>a = mix(seed + γ)</c>, <c>b = mix′(block xor δ)</c>, γ
    /// <c>Golden</c> and δ the constant below.
    /// </summary>
    /// <remarks>
    /// The inner <c>mix</c> is the SplitMix64 stream started at a; <c>mix</c> and <c>mix′</c> are bijections of 64 bits
    /// with different constants, so seeds and blocks are not interchangeable. For a fixed seed each word is a bijection
    /// of the block: two blocks never share it. The words of one state are distinct, so no lane is all zero.
    /// </remarks>
    public static void Fill(ulong seed, long block, Span<ulong> words)
    {
        unchecked
        {
            ulong a = Mix(seed + Golden);
            ulong b = MixBlock((ulong)block ^ 0xD1B54A32D192ED03);
            for (int j = 0; j < words.Length; j++) words[j] = Mix(Mix(a + (ulong)(j + 1) * Golden) ^ b);
        }
    }

    // The finaliser of SplitMix64 (G. Steele, D. Lea, C. Flood, OOPSLA 2014): D. Stafford's variant 13.
    private static ulong Mix(ulong z)
    {
        unchecked
        {
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
            return z ^ (z >> 31);
        }
    }

    // The finaliser of MurmurHash3 (A. Appleby).
    private static ulong MixBlock(ulong z)
    {
        unchecked
        {
            z = (z ^ (z >> 33)) * 0xFF51AFD7ED558CCD;
            z = (z ^ (z >> 33)) * 0xC4CEB9FE1A85EC53;
            return z ^ (z >> 33);
        }
    }
}
