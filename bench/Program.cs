using Sgm.Bench;

switch (args)
{
    case ["micro", .. string[] rest]:
        Micro.Run(rest);
        return 0;
    case ["figures", string group] when Figures.Groups.TryGetValue(group, out Action? figures):
        figures();
        return 0;
    case ["compare", .. string[] rest]:
        return Comparison.Run(Peers.Parse(rest));
    default:
        Console.Error.WriteLine(
            $"""
            bench/compare                                             compare with the yardsticks and write docs/performance.md
            dotnet run -c Release --project bench -- micro --list flat     the micro-benchmarks; --filter '*Normals*' runs some
            dotnet run -c Release --project bench -- figures GROUP         figures of one process: {string.Join(", ", Figures.Groups.Keys)}
            """);
        return 2;
}
