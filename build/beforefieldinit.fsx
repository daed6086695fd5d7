// dotnet fsi build/beforefieldinit.fsx FOLDER ASSEMBLY…: copies of the assemblies in which every class without a static
// constructor is marked `beforefieldinit`.
//
// The mark says when a static constructor may run; where there is none it says nothing, and C# always sets it. F# never does,
// and the compiler of ReadyToRun images takes no generic method of a class without it (1681 of FSharp.Core's, List.map among
// them), because it looks for the mark and not for the constructor. docs/decisions/0031 has the figures.

open System
open System.IO
open System.Reflection
open System.Reflection.Metadata
open System.Reflection.Metadata.Ecma335
open System.Reflection.PortableExecutable

let marked (bytes: byte[]) =
    use image = new PEReader(new MemoryStream(bytes))
    let metadata = image.GetMetadataReader()
    let table = image.PEHeaders.MetadataStartOffset + metadata.GetTableMetadataOffset TableIndex.TypeDef
    let row = metadata.GetTableRowSize TableIndex.TypeDef
    let result = Array.copy bytes

    for handle in metadata.TypeDefinitions do
        let definition = metadata.GetTypeDefinition handle
        let isStaticConstructor name = metadata.GetString(metadata.GetMethodDefinition(name).Name) = ".cctor"
        let isClass = not (definition.Attributes.HasFlag TypeAttributes.Interface)

        if isClass && not (Seq.exists isStaticConstructor (definition.GetMethods())) then
            // The flags are the first column of the row (ECMA-335, II.22.37).
            let flags = table + row * (MetadataTokens.GetRowNumber handle - 1)
            let value = BitConverter.ToInt32(bytes, flags) ||| int TypeAttributes.BeforeFieldInit
            BitConverter.TryWriteBytes(Span(result, flags, 4), value) |> ignore

    result

match List.ofArray (Array.tail fsi.CommandLineArgs) with
| folder :: assemblies ->
    Directory.CreateDirectory folder |> ignore

    for assembly in assemblies do
        File.WriteAllBytes(Path.Combine(folder, Path.GetFileName assembly), marked (File.ReadAllBytes assembly))
| [] -> failwith "usage: dotnet fsi build/beforefieldinit.fsx FOLDER ASSEMBLY…"
