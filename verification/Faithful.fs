namespace Sgm.Verification

open System
open System.Globalization
open System.IO
open Sgm

/// Old Faithful: duration of an eruption and time to the next, both in minutes, 272 times (W. Härdle, Smoothing Techniques, 1991;
/// the data set `faithful` of R). The file of `examples/` is a resource of this assembly, so that a scenario is a value.
module Faithful =
    let private rows =
        lazy
            (let assembly = typeof<Verdict>.Assembly
             use reader = new StreamReader(assembly.GetManifestResourceStream "faithful.csv")

             reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries)
             |> Array.skip 1
             |> Array.map (fun line ->
                 line.Split ',' |> Array.map (fun cell -> Double.Parse(cell, CultureInfo.InvariantCulture))))

    /// Both columns brought to mean 0 and variance 1, and every row convolved with N(0, bandwidth²·I): the law of
    /// `standardized (samples "faithful.csv" bandwidth)`, written out as a mixture.
    let standardised (bandwidth: float) =
        let all = Lower.standardize rows.Value
        mixture [ for row in all -> 1.0 / float all.Length, normal (List.ofArray row) (bandwidth * bandwidth) ]
