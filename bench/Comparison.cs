using System.Runtime.InteropServices;
using System.Text;
using Sgm.Engine;

namespace Sgm.Bench;

/// <summary>Runs everything in turn, several times, and writes tables of medians. It asserts nothing.</summary>
internal sealed class Comparison
{
    private const string None = "–";

    private readonly Peers peers;
    private readonly Dictionary<string, List<double>> samples = [];
    private readonly List<string> cases = [];

    private Comparison(Peers peers) => this.peers = peers;

    public static int Run(Peers peers)
    {
        Comparison comparison = new(peers);
        string before = Load();
        comparison.Measure();
        string text = comparison.Document(before, Load());
        File.WriteAllText(peers.Document, text);
        Console.WriteLine(text);
        return 0;
    }

    private void Measure()
    {
        // The first start fills the file cache.
        peers.RunCommand("--version");
        for (int round = 1; round <= peers.Repetitions; round++)
        {
            Console.Error.WriteLine($"round {round} of {peers.Repetitions}");
            Add(peers.RunLimit());
            Add(Peers.RunFigures("speed"));
            Add(peers.RunPython());
            Add(Peers.RunFigures("threads"));
            Add(peers.RunLimitTwice());
            for (int i = 0; i < 3; i++)
            {
                Add([("start", peers.RunCommand("run", "bench/trivial.sgm")), ("version", peers.RunCommand("--version"))]);
            }

            if (round > 3) continue;
            Add(Peers.RunFigures("laws"));
            Add(Peers.RunFigures("growth"));
            Add(Peers.RunFigures("prediction"));
            if (round > 1) continue;
            Add(Peers.RunFigures("memory"));
            Add(Peers.RunFigures("allocation"));
        }
    }

    private void Add(IEnumerable<(string Name, double Value)> figures)
    {
        foreach ((string name, double value) in figures)
        {
            if (!samples.TryGetValue(name, out List<double>? values))
            {
                samples[name] = values = [];
                if (name.StartsWith("measured:", StringComparison.Ordinal)) cases.Add(name["measured:".Length..]);
            }

            values.Add(value);
        }
    }

    private double? Median(string name)
    {
        if (!samples.TryGetValue(name, out List<double>? values)) return null;
        double[] sorted = [.. values.Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    private static string Load() =>
        File.Exists("/proc/loadavg") ? File.ReadAllText("/proc/loadavg").Split(' ')[0] : "unknown";

    private string Document(string loadBefore, string loadAfter)
    {
        StringBuilder text = new();
        text.Append(
            $"""
            # Performance

            Written by `bench/compare` on {DateTime.UtcNow:yyyy-MM-dd}. Everything ran in turn on one machine, {peers.Repetitions} rounds; a figure is the
            median over the rounds of the best repetition inside a process, in brackets the smallest and the largest. Nothing here is
            asserted by a test: the figures say what one machine did.

            | | |
            |---|---|
            | processor | {Processor()}, {Environment.ProcessorCount} cores |
            | kernels | {LaneWidth.Bits} bits wide |
            | runtime | {RuntimeInformation.FrameworkDescription}, {RuntimeInformation.OSArchitecture} |
            | yardstick | {(peers.Limit is null ? "left out: no C++ compiler" : $"`bench/limit.cpp`, {peers.Compiler}, -O3 -march=native -ffast-math")} |
            | peers | {(peers.PythonVersions() is { } versions ? $"`bench/peers.py`, {versions}" : "left out: no Python with NumPy")} |
            | load of the machine before and after (1 minute) | {loadBefore}, {loadAfter} |

            ## Speed

            Double precision, one thread, millions a second: normals, or coordinates of particles by steps. Langevin with h = 0.01; the mixture has
            8 components in d = 16.


            """);
        Table(
            text,
            ["work", "sgm", "C++", "NumPy", "PyTorch", "sgm/C++", "sgm/NumPy", "sgm/PyTorch", "goal"],
            [
                SpeedRow("standard normals", "normals", "≥ 1.0 C++"),
                SpeedRow("Langevin on N(0, I)", "langevin", ""),
                SpeedRow("Langevin on the mixture", "mixture", "≥ 0.9 C++, ≥ 5 NumPy, ≥ 8 PyTorch"),
            ]);
        text.Append("\nPyTorch in single precision on the mixture: ").Append(Rate("torch mixture f32")).Append(".\n\n");
        Table(
            text,
            ["what", "measured", "goal"],
            [
                ["two threads over one, Langevin on the mixture, 0.15 s of work", $"{Ratio("two", "one")} ({Rate("two")} over {Rate("one")})", "≥ 1.8×"],
                ["the same, 0.02 s of work", $"{Ratio("twoShort", "oneShort")} ({Rate("twoShort")} over {Rate("oneShort")})", ""],
                ["two copies of the C++ at once over one: the machine's own", $"{Ratio("c++ two mixture", "c++ mixture")} ({Rate("c++ two mixture")} over {Rate("c++ mixture")})", ""],
                ["bytes allocated a step", Median("bytesPerStep")?.ToString("0.###") ?? None, "0"],
                ["Gaussian law, 10⁵ steps, d = 10⁶, first run of a process", Seconds("gaussian"), "≤ 0.1 s"],
                ["the same again", Seconds("gaussianWarm"), ""],
                ["grid law, 10⁴ steps of h = 10⁻³, two modes", Seconds("grid"), "≤ 5 s"],
                ["`sgm run bench/trivial.sgm`, the whole process", Seconds("start"), "≤ 0.35 s"],
                ["`sgm --version`, the whole process", Seconds("version"), ""],
                ["peak memory of 10⁷ particles in d = 2", Median("peak") is { } peak ? $"{peak / 1e9:0.00} GB" : None, "< 1 GB"],
            ]);
        text.Append(
            """

            ## What grows on the grid

            Runs on the line with every metric, the best of three in a warm process. The exponent is ln(ratio)/ln(ratio of the sizes).


            """);
        Table(
            text,
            ["what", .. Work.Sizes.Select(size => $"{size}"), "ratio", "exponent", "goal"],
            [
                GrowthRow("components, deviations 0.05 to 2, 20 steps", "components", "≤ 2×"),
                GrowthRow("rows of data, bandwidth ~ n^(−1/5), 20 steps", "rows", "≤ 2×"),
                GrowthRow("steps, two modes", "steps", "exponent ≤ 1"),
            ]);
        text.Append(
            """

            ## Predicted run times

            `sgm check` predicts the time of a run by particles from a quarter of a second of its own kernels. The goal is a factor of two. Costs
            are linear in particles, steps, dimension and components: the last column is the measured time over that of the first row.


            """);
        double? unit = cases.Count > 0 ? Median($"measured:{cases[0]}") : null;
        Table(text, ["run", "predicted", "measured", "measured/predicted", "over the first"], [.. cases.Select((name, i) => PredictionRow(name, i is > 0 and < 5 ? unit : null))]);
        double calibration = cases.Count > 0 ? cases.Max(name => samples[$"calibration:{name}"].Max()) : 0;
        text.Append($"\nThe longest calibration took {calibration:0.00} s.\n");
        return text.ToString();
    }

    private string[] SpeedRow(string title, string work, string goal) =>
    [
        title,
        Rate(work),
        Rate($"c++ {work}"),
        Rate($"numpy {work} f64"),
        Rate($"torch {work} f64"),
        Ratio(work, $"c++ {work}"),
        Ratio(work, $"numpy {work} f64"),
        Ratio(work, $"torch {work} f64"),
        goal,
    ];

    private string[] GrowthRow(string title, string name, string goal)
    {
        (string from, string to) = ($"{name}{Work.Sizes[0]}", $"{name}{Work.Sizes[^1]}");
        string exponent = Median(from) is { } small && Median(to) is { } large
            ? $"{Math.Log(large / small) / Math.Log((double)Work.Sizes[^1] / Work.Sizes[0]):0.00}"
            : None;
        return [title, Seconds(from), Seconds(to), Ratio(to, from), exponent, goal];
    }

    private string[] PredictionRow(string name, double? unit)
    {
        double predicted = Median($"predicted:{name}")!.Value;
        double measured = Median($"measured:{name}")!.Value;
        return [name, $"{predicted:0.000} s", $"{measured:0.000} s", $"{measured / predicted:0.00}", unit is { } u ? $"{measured / u:0.0}×" : ""];
    }

    private string Spread(string name, string format, string unit) => Median(name) is { } median
        ? $"{median.ToString(format)}{unit} [{samples[name].Min().ToString(format)}–{samples[name].Max().ToString(format)}]"
        : None;

    private string Rate(string name) => Spread(name, "0", "");

    private string Seconds(string name) => Spread(name, "0.000", " s");

    private string Ratio(string name, string other) =>
        Median(name) is { } mine && Median(other) is { } theirs ? $"{mine / theirs:0.00}×" : None;

    private static void Table(StringBuilder text, string[] head, string[][] rows)
    {
        text.Append("| ").AppendJoin(" | ", head).Append(" |\n|").AppendJoin("", head.Select(_ => "---|")).Append('\n');
        foreach (string[] row in rows)
        {
            text.Append("| ").AppendJoin(" | ", row).Append(" |\n");
        }
    }

    private static string Processor()
    {
        const string file = "/proc/cpuinfo";
        string? line = File.Exists(file) ? File.ReadLines(file).FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal)) : null;
        return line?[(line.IndexOf(':') + 1)..].Trim() ?? RuntimeInformation.ProcessArchitecture.ToString();
    }
}
