namespace Sgm.Verification.Report

open System
open System.Security.Cryptography
open System.Text
open Sgm

/// The canonical text of an experiment and its fingerprint.
module internal Canonical =
    let text (experiment: Experiment) = $"%A{experiment}\n"

    let fingerprint (text: string) = SHA256.HashData(Encoding.UTF8.GetBytes("1\n" + text)) |> Convert.ToHexStringLower
