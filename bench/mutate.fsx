// Mutation testing of the engine: changes one operator of a C# file at a time, builds the engine, runs the tests that are there for
// that file, and writes what survived to docs/mutation.md.
//
//     dotnet build tests -c Release && dotnet fsi bench/mutate.fsx [seconds]
//
// The sources of the working tree are not touched: a copy of engine/ is built into a copy of the tests' binaries.

open System
open System.Diagnostics
open System.IO
open System.Text.RegularExpressions

let root = Path.GetFullPath(Path.Combine(__SOURCE_DIRECTORY__, ".."))

let budget =
    match fsi.CommandLineArgs with
    | [| _; seconds |] -> TimeSpan.FromSeconds(float seconds)
    | _ -> TimeSpan.FromMinutes 15.0

/// Files that hold formulas, each with the tests that are there for it.
let subjects =
    [
        "Gaussian/AffineChannel.cs", "gaussian"
        "Gaussian/NormalDivergences.cs", "gaussian"
        "Plans/RealFunctions.cs", "gaussian"
        "Random/BoxMuller.cs", "SgmDsl.random."
        "Products/TotalVariation.cs", "variation"
    ]

/// What is exchanged for what: arithmetic, comparison, logic, constants.
let operators =
    [
        @" \+ ", " - "
        @" - ", " + "
        @" \* ", " / "
        @" / ", " * "
        @" < ", " <= "
        @" <= ", " < "
        @" > ", " >= "
        @" >= ", " > "
        @" == ", " != "
        @" && ", " || "
        @"\+\+", "--"
        @"\+= ", "-= "
        @"Math\.Sqrt\(", "("
        @"Math\.Max\(", "Math.Min("
        @"\b2 \* ", "3 * "
        @" 1 - ", " 2 - "
    ]

type Mutant = { File: string; Tests: string; Line: int; Before: string; After: string }

let mutants =
    [
        for file, tests in subjects do
            let lines = File.ReadAllLines(Path.Combine(root, "engine", file))

            for i in 0 .. lines.Length - 1 do
                let line = lines[i]
                let code = line.TrimStart()

                if
                    not (
                        code.StartsWith "//"
                        || code.StartsWith "["
                        || code.Contains "const string"
                        || code.Contains "=>" && code.Contains "operator"
                    )
                then
                    for pattern, replacement in operators do
                        for found in Regex.Matches(line, pattern) do
                            let after =
                                line.Substring(0, found.Index)
                                + replacement
                                + line.Substring(found.Index + found.Length)

                            // Not inside a string.
                            if (line.Substring(0, found.Index).Split('"').Length % 2) = 1 then
                                { File = file; Tests = tests; Line = i + 1; Before = line.Trim(); After = after.Trim() }
    ]

/// In an order that a fixed seed decides, so that a shorter run is a sample of a longer one; the files in turn.
let ordered =
    let random = Random 20261122
    let shuffled = mutants |> List.map (fun m -> random.Next(), m) |> List.sortBy fst |> List.map snd

    shuffled
    |> List.groupBy (fun m -> m.File)
    |> List.collect (snd >> List.indexed)
    |> List.sortBy fst
    |> List.map snd

let work = Directory.CreateTempSubdirectory("sgm-mutation").FullName

let rec copy (source: string) (target: string) =
    Directory.CreateDirectory target |> ignore

    for file in Directory.GetFiles source do
        File.Copy(file, Path.Combine(target, Path.GetFileName file), true)

    for folder in Directory.GetDirectories source do
        if not (List.contains (Path.GetFileName folder) [ "bin"; "obj" ]) then
            copy folder (Path.Combine(target, Path.GetFileName folder))

// Inside the repository, where the tests look for its examples.
let binaries = Path.Combine(root, "tests", "bin", "Mutation")
copy (Path.Combine(root, "tests", "bin", "Release", "net10.0")) binaries
copy (Path.Combine(root, "engine")) (Path.Combine(work, "engine"))

for file in [ "Directory.Build.props"; "Directory.Packages.props"; "paket.lock"; ".editorconfig"; "global.json" ] do
    File.Copy(Path.Combine(root, file), Path.Combine(work, file))

/// The exit code, or None when it took too long, and what it said.
let run (seconds: int) (folder: string) (words: string list) =
    let info = ProcessStartInfo("dotnet", words)
    info.WorkingDirectory <- folder
    info.RedirectStandardOutput <- true
    info.RedirectStandardError <- true
    use started = Process.Start info
    let out = started.StandardOutput.ReadToEndAsync()
    let error = started.StandardError.ReadToEndAsync()

    if started.WaitForExit(seconds * 1000) then
        Some started.ExitCode, out.Result + error.Result
    else
        started.Kill true
        None, ""

let build () =
    run
        240
        work
        [
            "build"
            "engine"
            "-c"
            "Release"
            "--nologo"
            "-v"
            "quiet"
            "-p:TreatWarningsAsErrors=false"
            "-p:RunAnalyzers=false"
            "-p:GenerateDocumentationFile=false"
        ]

let install () =
    File.Copy(
        Path.Combine(work, "engine", "bin", "Release", "net10.0", "SgmDsl.Engine.dll"),
        Path.Combine(binaries, "SgmDsl.Engine.dll"),
        true
    )

let test seconds filter = run seconds binaries [ "SgmDsl.Tests.dll"; "--filter"; filter ]

type Fate =
    | Killed
    | TimedOut
    | Survived
    | DoesNotCompile

printfn "%d mutants; building and testing the engine as it is" mutants.Length

match build () with
| Some 0, _ -> install ()
| _, said -> failwith said

let patience =
    subjects
    |> List.map snd
    |> List.distinct
    |> List.map (fun filter ->
        let clock = Stopwatch.StartNew()

        match test 600 filter with
        | Some 0, _ -> filter, 60 + int (3.0 * clock.Elapsed.TotalSeconds)
        | _, said -> failwith $"the tests '{filter}' fail without a mutation: {said}")
    |> Map.ofList

let clock = Stopwatch.StartNew()

let fates =
    [
        for m in ordered do
            if clock.Elapsed < budget then
                let place = Path.Combine(work, "engine", m.File)
                let original = File.ReadAllLines place
                let changed = Array.copy original

                let indent =
                    original[m.Line - 1]
                        .Substring(0, original[m.Line - 1].Length - original[m.Line - 1].TrimStart().Length)

                changed[m.Line - 1] <- indent + m.After
                File.WriteAllLines(place, changed)

                let fate =
                    match build () with
                    | Some 0, _ ->
                        install ()

                        match test patience[m.Tests] m.Tests with
                        | Some 0, _ -> Survived
                        | Some _, _ -> Killed
                        | None, _ -> TimedOut
                    | _ -> DoesNotCompile

                File.WriteAllLines(place, original)
                printfn "%A %s:%d  %s" fate m.File m.Line m.After
                m, fate
    ]

let counted = fates |> List.filter (fun (_, fate) -> fate <> DoesNotCompile)
let dead = counted |> List.filter (fun (_, fate) -> fate <> Survived)
let share (some: _ list) (all: _ list) = if all.IsEmpty then 0.0 else 100.0 * float some.Length / float all.Length

let document =
    [
        "# Mutation of the engine"
        ""
        "<!-- Written by `dotnet fsi bench/mutate.fsx`. -->"
        ""
        "One operator or constant of the C# is changed at a time (`+` for `-`, `<` for `<=`, no square root, …), the engine is built and the tests that are there for that file run. A mutant that"
        + " no test notices survives."
        ""
        $"**{dead.Length} of {counted.Length} mutants are killed: {share dead counted:F0} %%**, from a random sample (fixed seed) of {counted.Length} of the {mutants.Length} mutants of these files. A mutant that"
        + " does not compile is not counted; one that never ends counts as killed."
        ""
        "| file | tests | mutants tried | killed | survived |"
        "| --- | --- | --: | --: | --: |"
        for file, tests in subjects do
            let own = counted |> List.filter (fun (m, _) -> m.File = file)
            let survived = own |> List.filter (fun (_, fate) -> fate = Survived)
            $"| engine/{file} | `{tests}` | {own.Length} | {own.Length - survived.Length} | {survived.Length} |"
        ""
        "## Survivors"
        ""
        for m, fate in counted do
            if fate = Survived then
                $"- `engine/{m.File}` line {m.Line}: `{m.Before}` → `{m.After}`"
    ]

File.WriteAllText(Path.Combine(root, "docs", "mutation.md"), String.Join("\n", document) + "\n")
Directory.Delete(work, true)
Directory.Delete(binaries, true)
printfn "%d of %d killed, in %.0f s" dead.Length counted.Length clock.Elapsed.TotalSeconds
