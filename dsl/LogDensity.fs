namespace Sgm

open System
open MathNet.Numerics.Integration

/// A target on the line by its log-density.
[<AutoOpen>]
module LogDensitySyntax =
    let private pointsACell = 8

    /// The law on [low, high] with this log-density, up to a constant, as a target: its cells' masses, n cells of width
    /// w = (high − low)/n, each spread as N(its middle, w²). What is run, printed and certified is this mixture of at most n
    /// normal laws. From the density itself it is W2 ≤ √(w² + w²/4) = 1.12·w away, by moving every cell within itself, as far
    /// as 8-point Gauss–Legendre quadrature has the cells' masses; for a smooth density the whole difference is the noise:
    /// the mixture is its convolution with N(0, w²). A cell of mass 0 in doubles is left out; −∞ is allowed.
    let ofLogDensity (low: float, high: float) (cells: int) (logDensity: float -> float) : Target =
        if not (Double.IsFinite low && Double.IsFinite high && low < high) then
            invalidArg "low" $"a density is given on an interval: found [{low}, {high}]; two numbers, the lower first"

        if cells < 2 || cells > 100_000 then
            invalidArg
                "cells"
                $"{cells} cells: a density takes 2 to 100000 of them; its target is as sharp as a cell is wide"

        let width = (high - low) / float cells
        let edge i = low + float i * width

        let at x =
            let value = logDensity x

            if Double.IsNaN value || Double.IsPositiveInfinity value then
                invalidArg
                    "logDensity"
                    $"the log-density is {value} at {x}; it has to be a number or −∞ on [{low}, {high}]"

            value

        let rule = GaussLegendreRule(-1.0, 1.0, pointsACell)

        let values =
            Array.init cells (fun i ->
                Array.init pointsACell (fun k -> at (edge i + 0.5 * width * (1.0 + rule.GetAbscissa k))))

        let highest = values |> Array.map Array.max |> Array.max

        if Double.IsNegativeInfinity highest then
            invalidArg
                "logDensity"
                $"the log-density is −∞ wherever it was asked on [{low}, {high}]: there is no mass there"

        let masses =
            values
            |> Array.map (fun cell ->
                cell |> Seq.mapi (fun k value -> rule.GetWeight k * exp (value - highest)) |> Seq.sum)

        let total = Array.sum masses

        Mixture
            [
                for i in 0 .. cells - 1 do
                    let weight = masses[i] / total

                    if weight > 0.0 then
                        weight, Normal([ edge i + 0.5 * width ], width * width)
            ]
