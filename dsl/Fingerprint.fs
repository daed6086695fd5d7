namespace Sgm

open System
open System.IO
open System.Security.Cryptography
open System.Text

module Language =
    /// The version of the language; it is part of every fingerprint.
    let version = 1

/// The identity of an experiment: SHA-256, in lower-case hexadecimal, of the UTF-8 bytes of the language version, a new line and the
/// canonical text.
module Fingerprint =
    let private ofWritten (write: TextWriter -> unit) =
        use hash = SHA256.Create()
        use bytes = new CryptoStream(Stream.Null, hash, CryptoStreamMode.Write)
        use out = new StreamWriter(bytes, UTF8Encoding false)
        out.Write $"{Language.version}\n"
        write out
        out.Flush()
        bytes.FlushFinalBlock()
        Convert.ToHexStringLower hash.Hash

    /// Of a canonical text.
    let ofText (canonical: string) = ofWritten (fun out -> out.Write canonical)

    /// Of a valid experiment, whose text is not kept. A data set counts by its path, not by its contents.
    let ofExperiment experiment = ofWritten (fun out -> Print.write out experiment)

    /// The same with networks, which count by what their files hold: a line of SHA-256 each behind the text.
    let ofFiles (hashes: struct (string * byte[]) list) experiment =
        ofWritten (fun out ->
            Print.write out experiment

            for struct (_, hash) in hashes do
                out.Write(Convert.ToHexStringLower hash + "\n"))
