using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Sgm.Bench;

/// <summary>The other programs of a comparison; what is missing is left out of the table.</summary>
/// <param name="Sgm">The command's assembly.</param>
/// <param name="Limit">limit.cpp, compiled; null where there is no compiler.</param>
/// <param name="Compiler">The compiler, in words.</param>
/// <param name="Python">A Python that has NumPy; null where there is none.</param>
/// <param name="Repetitions">Rounds of the comparison.</param>
/// <param name="Document">Where the tables are written.</param>
internal sealed partial record Peers(string Sgm, string? Limit, string? Compiler, string? Python, int Repetitions, string Document)
{
    /// <summary>From pairs of a flag and its value; an empty value is none.</summary>
    public static Peers Parse(string[] arguments)
    {
        Dictionary<string, string> values = arguments.Chunk(2).ToDictionary(pair => pair[0], pair => pair[1]);
        string? Value(string flag) => values.TryGetValue(flag, out string? value) && value.Length > 0 ? value : null;
        return new Peers(
            Value("--sgm") ?? throw new ArgumentException("--sgm says where the command is", nameof(arguments)),
            Value("--limit"),
            Value("--compiler"),
            Value("--python"),
            int.Parse(Value("--repetitions") ?? "5", CultureInfo.InvariantCulture),
            Value("--document") ?? "performance.md");
    }

    /// <summary>"c++ normals", "c++ langevin" and "c++ mixture", in millions per second.</summary>
    public IEnumerable<(string Name, double Value)> RunLimit() =>
        Limit is null ? [] : Matches(Output(Limit), LimitLine(), "c++");

    /// <summary>
    /// "c++ two mixture": what two copies of the yardstick do at once, together. They share nothing, so this over "c++ mixture" is how well
    /// the machine itself runs two threads.
    /// </summary>
    public IEnumerable<(string Name, double Value)> RunLimitTwice()
    {
        if (Limit is null) return [];
        Task<string>[] copies = [.. Enumerable.Range(0, 2).Select(_ => Task.Run(() => Output(Limit)))];
        return copies
            .SelectMany(copy => Matches(copy.Result, LimitLine(), "c++ two"))
            .GroupBy(figure => figure.Name, (name, figures) => (name, figures.Sum(figure => figure.Value)));
    }

    /// <summary>"numpy mixture f64", "torch normals f32", …, in millions per second.</summary>
    public IEnumerable<(string Name, double Value)> RunPython() =>
        Python is null ? [] : Matches(Output(Python, "bench/peers.py"), PythonLine(), "");

    /// <summary>The figures of a group, in a process of their own.</summary>
    public static IEnumerable<(string Name, double Value)> RunFigures(string group)
    {
        foreach (string line in Output("dotnet", typeof(Peers).Assembly.Location, "figures", group).Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            int at = line.LastIndexOf(' ');
            yield return (line[..at], double.Parse(line.AsSpan(at + 1), CultureInfo.InvariantCulture));
        }
    }

    /// <summary>Seconds of a whole process of the command.</summary>
    public double RunCommand(params string[] words)
    {
        long from = Stopwatch.GetTimestamp();
        Output("dotnet", [Sgm, .. words]);
        return Stopwatch.GetElapsedTime(from).TotalSeconds;
    }

    /// <summary>Versions of Python, NumPy and PyTorch, in words; null where there is none.</summary>
    public string? PythonVersions()
    {
        const string script =
            """
            import sys, numpy
            words = f"Python {sys.version.split()[0]}, NumPy {numpy.__version__}"
            try:
                import torch
                words += f", PyTorch {torch.__version__}"
            except ImportError:
                pass
            print(words)
            """;
        return Python is null ? null : Output(Python, "-c", script).Trim();
    }

    private static IEnumerable<(string Name, double Value)> Matches(string output, Regex line, string prefix)
    {
        foreach (Match match in line.Matches(output))
        {
            string work = match.Groups["work"].Value switch
            {
                "langevin N(0,I)" => "langevin",
                "langevin mixture" => "mixture",
                string other => other,
            };
            string name = $"{prefix}{match.Groups["who"].Value} {work} {match.Groups["kind"].Value}".Trim();
            yield return (name, double.Parse(match.Groups["value"].ValueSpan, CultureInfo.InvariantCulture));
        }
    }

    // One thread for everybody; what fails says so and ends the comparison.
    private static string Output(string program, params string[] arguments)
    {
        ProcessStartInfo start = new(program, arguments) { RedirectStandardOutput = true };
        foreach (string variable in (string[])["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"])
        {
            start.Environment[variable] = "1";
        }

        using Process process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0
            ? output
            : throw new InvalidOperationException($"{Path.GetFileName(program)} {string.Join(' ', arguments)} ended with code {process.ExitCode}");
    }

    [GeneratedRegex(@"^(?<work>normals|langevin N\(0,I\)|langevin mixture)(?<who>)(?<kind>)\s+(?<value>[\d.]+) M", RegexOptions.Multiline)]
    private static partial Regex LimitLine();

    [GeneratedRegex(@"^(?<who>numpy|torch) (?<work>normals|langevin N\(0,I\)|langevin mixture) (?<kind>f64|f32)\s+(?<value>[\d.]+) M", RegexOptions.Multiline)]
    private static partial Regex PythonLine();
}
