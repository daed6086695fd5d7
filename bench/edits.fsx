// Plants the edits of bench/edits.tsv in a copy of the source, every one behind a switch, so that a single build has them all:
// `text` becomes `(switch k ? edited : text)`. Usage: dotnet fsi bench/edits.fsx COPY
open System
open System.IO

let folder = fsi.CommandLineArgs[1]

let edits =
    File.ReadAllLines(Path.Combine(__SOURCE_DIRECTORY__, "edits.tsv"))
    |> Array.filter (fun line -> line <> "" && line[0] <> '#')
    |> Array.map (fun line -> line.Split '\t')

let once what (text: string) (piece: string) =
    let first = text.IndexOf(piece, StringComparison.Ordinal)

    if first < 0 || text.IndexOf(piece, first + 1, StringComparison.Ordinal) >= 0 then
        failwith $"{what}: expected exactly once, in bench/edits.tsv: {piece}"

    first

// Later places first, so that an edit does not move the others of its file.
for file, several in edits |> Array.indexed |> Array.groupBy (fun (_, edit) -> edit[1]) do
    let path = Path.Combine(folder, file)
    let original = File.ReadAllText path

    let places =
        several
        |> Array.map (fun (k, edit) ->
            let context = edit[2].Replace("\\n", "\n")
            let start = once edit[0] original context

            let inside =
                if context.EndsWith(edit[3]) then
                    context.LastIndexOf(edit[3])
                else
                    context.IndexOf(edit[3])

            if inside < 0 then
                failwith $"{edit[0]}: '{edit[3]}' is not in its context"

            start + inside, k + 1, edit)

    // Edits of one expression are nested: the switch of each around what is there already.
    let text =
        (original, places |> Array.groupBy (fun (at, _, _) -> at) |> Array.sortByDescending fst)
        ||> Array.fold (fun text (at, here) ->
            let before = let _, _, edit = here[0] in edit[3]

            let changed =
                (before, here)
                ||> Array.fold (fun inner (_, k, edit) ->
                    if file.EndsWith ".fs" then
                        $"(if Sgm.Engine.PlantedEdit.Is {k} then {edit[4]} else {inner})"
                    else
                        $"(PlantedEdit.Is({k}) ? {edit[4]} : {inner})")

            text.Remove(at, before.Length).Insert(at, changed))

    File.WriteAllText(path, text)

File.WriteAllText(
    Path.Combine(folder, "engine", "PlantedEdit.cs"),
    "namespace Sgm.Engine;\n\n/// <summary>Which edit of bench/edits.tsv is on.</summary>\npublic static class PlantedEdit\n{\n"
    + "    private static readonly int On = int.Parse(Environment.GetEnvironmentVariable(\"SGM_EDIT\") ?? \"0\");\n\n"
    + "    /// <summary>Whether it is this one.</summary>\n    public static bool Is(int k) => On == k;\n}\n"
)
