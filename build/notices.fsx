// dotnet fsi build/notices.fsx [--check]: writes THIRD-PARTY-NOTICES.md, or says whether it is what would be written.
//
// What `sgm` and the packages bring of others: the packages of cli/obj/project.assets.json that end up beside the program, with
// the licence that each declares. Needs a restore.

open System
open System.IO
open System.Text.Json
open System.Xml.Linq

let root = Path.GetFullPath(Path.Combine(__SOURCE_DIRECTORY__, ".."))
let assets = JsonDocument.Parse(File.ReadAllText(Path.Combine(root, "cli/obj/project.assets.json"))).RootElement
let folders = [ for folder in assets.GetProperty("packageFolders").EnumerateObject() -> folder.Name ]

/// Packages with something to run, of the target without a runtime.
let bundled =
    [
        for library in assets.GetProperty("targets").GetProperty("net10.0").EnumerateObject() do
            let isPackage = library.Value.GetProperty("type").GetString() = "package"

            /// Assemblies, or native libraries of some system.
            let brings (kind: string) =
                match library.Value.TryGetProperty kind with
                | true, files -> files.EnumerateObject() |> Seq.exists (fun file -> not (file.Name.EndsWith "_._"))
                | false, _ -> false

            let runs = brings "runtime" || brings "runtimeTargets" || brings "native"

            if isPackage && runs then
                library.Name.Split('/')[0], library.Name.Split('/')[1]
    ]

/// The MIT licence without a holder: our own file after its third line.
let permission = String.Join("\n", File.ReadAllLines(Path.Combine(root, "LICENSE"))[4..])

let notice (id: string, version: string) =
    let folder =
        folders
        |> List.map (fun folder -> Path.Combine(folder, id.ToLowerInvariant(), version))
        |> List.find Directory.Exists

    let nuspec = XDocument.Load(Directory.GetFiles(folder, "*.nuspec")[0]).Root

    let field (name: string) =
        nuspec.Descendants()
        |> Seq.tryFind (fun element -> element.Name.LocalName = name)
        |> Option.map (fun element ->
            element.Value.Trim(),
            string (element.Attribute "type" |> Option.ofObj |> Option.map _.Value |> Option.defaultValue ""))

    let licence =
        match field "license", field "licenseUrl" with
        | Some(expression, "expression"), _ -> expression
        | Some(file, _), _ -> $"its file {file}"
        | None, Some(url, _) -> url
        | None, None -> failwith $"{id} {version} states no licence; it cannot be bundled"

    // The package's own text where it brings one, else that of the licence that it names.
    let text =
        match Directory.GetFiles(folder, "LICENSE*"), licence with
        | [| file |], _ -> File.ReadAllText file
        | _, "MIT" -> permission
        | _ -> failwith $"{id} {version} brings no licence text, and {licence} is not MIT"

    let value name = field name |> Option.map fst |> Option.filter (fun value -> value <> "")

    [
        $"## {id} {version}"
        ""
        $"""By {value "authors" |> Option.defaultValue "its authors"}. Licence: {licence}."""
        ""
        "```"
        match value "copyright" with
        | Some copyright ->
            copyright
            ""
        | None -> ()
        text.Replace("\r", "").Trim()
        "```"
        ""
        if id = "Microsoft.ML.OnnxRuntime" && File.Exists(Path.Combine(folder, "ThirdPartyNotices.txt")) then
            "What its libraries contain of others is named in `onnxruntime-notices.txt`, beside them."
            ""
    ]

let document =
    [
        "# Third-party notices"
        ""
        "What the tool `sgm` contains of others, and the libraries depend on. Written by `dotnet fsi build/notices.fsx`; CI holds it"
        "against the restored packages."
        ""
        yield! List.collect notice bundled
    ]
    |> fun lines -> String.Join("\n", lines)

let path = Path.Combine(root, "THIRD-PARTY-NOTICES.md")

match Array.tail fsi.CommandLineArgs with
| [| "--check" |] when not (File.Exists path) || File.ReadAllText path <> document ->
    eprintfn "THIRD-PARTY-NOTICES.md is not about the restored packages; write it by: dotnet fsi build/notices.fsx"
    exit 1
| [| "--check" |] -> ()
| [||] -> File.WriteAllText(path, document)
| _ -> failwith "usage: dotnet fsi build/notices.fsx [--check]"
