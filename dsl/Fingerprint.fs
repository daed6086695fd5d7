namespace Sgm

open System
open System.Security.Cryptography
open System.Text

module Language =
    /// The version of the language; it is part of every fingerprint.
    let version = 1

/// The identity of an experiment.
module Fingerprint =
    /// SHA-256, in lower-case hexadecimal, of the UTF-8 bytes of the language version, a new line and the canonical text.
    let ofText (canonical: string) =
        Encoding.UTF8.GetBytes $"{Language.version}\n{canonical}" |> SHA256.HashData |> Convert.ToHexStringLower

    /// The fingerprint of a valid experiment. A data set counts by its path, not by its contents.
    let ofExperiment experiment = ofText (Print.experiment experiment)
