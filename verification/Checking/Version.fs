/// The version of this program.
module Sgm.Verification.Version

open System.Reflection

/// "0.1.0+890f7f8": with the commit if it is known.
let text =
    let stated = Assembly.GetExecutingAssembly().GetCustomAttribute<AssemblyInformationalVersionAttribute>()
    let whole = if isNull stated then "unknown" else stated.InformationalVersion

    match whole.IndexOf '+' with
    | -1 -> whole
    | plus -> whole.Substring(0, min whole.Length (plus + 8))

/// "0.1.0": without the commit.
let release = text.Split('+')[0]
