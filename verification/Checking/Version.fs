/// The version of this program.
module Sgm.Verification.Version

open System
open System.Reflection
open System.Runtime.InteropServices
open System.Runtime.Intrinsics
open System.Security.Cryptography
open System.Text

/// "0.1.0+890f7f8": with the commit if it is known.
let text =
    let stated = Assembly.GetExecutingAssembly().GetCustomAttribute<AssemblyInformationalVersionAttribute>()
    let whole = if isNull stated then "unknown" else stated.InformationalVersion

    match whole.IndexOf '+' with
    | -1 -> whole
    | plus -> whole.Substring(0, min whole.Length (plus + 8))

/// "0.1.0": without the commit.
let release = text.Split('+')[0]

/// What the numbers of this program depend on: SHA-256 of its version and of what was compiled of it, in hexadecimal.
/// A build of edited source has another, whatever its version says.
let program =
    lazy
        (let modules =
            [ typeof<Sgm.Engine.Estimate>; typeof<Sgm.Experiment> ]
            |> List.map (fun known -> known.Module.ModuleVersionId)
            |> List.append [ Assembly.GetExecutingAssembly().ManifestModule.ModuleVersionId ]

         String.Join("\n", text :: List.map string modules)
         |> Encoding.UTF8.GetBytes
         |> SHA256.HashData
         |> Convert.ToHexStringLower)

/// The instructions that a machine computes with, on which the last bits of its numbers depend: "x64 avx512".
let machine =
    let vectors =
        if Vector512.IsHardwareAccelerated then "avx512"
        elif Vector256.IsHardwareAccelerated then "avx2"
        elif Vector128.IsHardwareAccelerated then "128 bits"
        else "scalar"

    $"{RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant()} {vectors}"
