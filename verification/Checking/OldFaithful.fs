namespace Sgm.Verification

open System
open System.Globalization
open System.IO
open Sgm

/// 272 eruptions of the Old Faithful geyser, duration and waiting time in minutes (Azzalini and Bowman 1990): a real data set
/// for scenarios. Targets are written out as mixtures, so that the experiment's text needs no file to be replayed.
module OldFaithful =
    /// examples/faithful.csv, which is part of this assembly: shape [272][2].
    let rows =
        lazy
            (use stream = typeof<Constant>.Assembly.GetManifestResourceStream "faithful.csv"
             use reader = new StreamReader(stream)
             let lines = reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries)

             // The first line names the columns.
             lines
             |> Array.skip 1
             |> Array.map (fun line ->
                 line.Split ',' |> Array.map (fun cell -> Double.Parse(cell, CultureInfo.InvariantCulture))))

    /// Equal rows become one component with their share as its weight.
    let private components bandwidth (chosen: float[][]) =
        chosen
        |> Array.countBy List.ofArray
        |> Array.sortBy fst
        |> Array.map (fun (row, count) -> float count / float chosen.Length, normal row (bandwidth * bandwidth))
        |> List.ofArray

    /// The durations, standardized, each with N(0, bandwidth²): two modes on the line.
    let durations bandwidth =
        Lower.standardize rows.Value |> Array.map (Array.truncate 1) |> components bandwidth |> mixture

    /// Durations and waiting times, both standardized, each row with N(0, bandwidth²·I): two modes in the plane.
    let durationsAndWaits bandwidth = Lower.standardize rows.Value |> components bandwidth |> mixture
