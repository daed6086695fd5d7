using System.Globalization;
using System.Runtime.Intrinsics;

namespace Sgm.Engine;

/// <summary>
/// Work that is generic over the register width; see <see cref="LaneWidth.Run{TAction}(ref TAction)"/>.
/// </summary>
public interface ILanesAction
{
    void Invoke<TLanes>()
        where TLanes : struct, ILanes<TLanes>;
}

/// <summary>
/// The register width that the kernels of this process run at: the widest that the machine has, or what the environment
/// variable <c>SGM_VECTOR_BITS</c> (512, 256, 128 or 64) asks for. It changes the speed only, never a result.
/// </summary>
public static class LaneWidth
{
    public const string Variable = "SGM_VECTOR_BITS";

    /// <summary>512, 256, 128 or 64.</summary>
    public static int Bits { get; } = Choose(Environment.GetEnvironmentVariable(Variable));

    /// <summary>The width for a setting of <c>SGM_VECTOR_BITS</c>; null or empty means the machine's widest.</summary>
    /// <exception cref="ArgumentException">The setting is not one of 512, 256, 128 and 64.</exception>
    public static int Choose(string? setting)
    {
        if (string.IsNullOrEmpty(setting)) return Widest;
        return int.TryParse(setting, NumberStyles.None, CultureInfo.InvariantCulture, out int bits)
            && bits is 512 or 256 or 128 or 64
                ? bits
                : throw new ArgumentException(
                    $"{Variable} is '{setting}'; set it to 512, 256, 128 or 64, or unset it.", nameof(setting));
    }

    private static int Widest =>
        Vector512.IsHardwareAccelerated ? 512
        : Vector256.IsHardwareAccelerated ? 256
        : Vector128.IsHardwareAccelerated ? 128
        : 64;

    /// <summary>Runs the action at this process's width.</summary>
    public static void Run<TAction>(ref TAction action)
        where TAction : struct, ILanesAction, allows ref struct => Run(Bits, ref action);

    /// <summary>
    /// Runs the action at the given width (for tests and benchmarks; wider than the machine is emulated).
    /// </summary>
    public static void Run<TAction>(int bits, ref TAction action)
        where TAction : struct, ILanesAction, allows ref struct
    {
        switch (bits)
        {
            case 512:
                action.Invoke<Lanes512>();
                break;
            case 256:
                action.Invoke<Lanes256>();
                break;
            case 128:
                action.Invoke<Lanes128>();
                break;
            case 64:
                action.Invoke<Lanes64>();
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(bits), bits, "512, 256, 128 or 64");
        }
    }
}
