namespace Sgm.Verification.Report

open System
open Sgm.Verification

/// A claimed exponent on a plot.
module Slopes =
    open Shapes

    /// The claimed exponent: a line through the asymptotic end, a wedge of what the interval allows, and a triangle.
    let draw (x: Scale) (y: Scale) (plot: Plot) (claimed: ClaimedLine) =
        let x0, y0 = claimed.Through

        let a =
            match claimed.Claim.Exponent with
            | Exactly a
            | AtMost a -> a

        let value slope u =
            if claimed.Claim.IsExponential then
                y0 * exp (slope * (u - x0))
            else
                y0 * (u / x0) ** slope

        let place slope u = Scale.place x u, Scale.place y (Math.Clamp(value slope u, 1e-6 * y.From, 1e6 * y.To))

        let xs = plot.Curves.Head.Dots |> List.filter (fun dot -> dot.Mark = Counted) |> List.map (fun dot -> dot.X)

        let other = if List.head xs = x0 then List.last xs else List.head xs
        let isWide = claimed.Rate.Upper - claimed.Rate.Lower > 0.02

        // Between two places a third apart, beside the line.
        let triangle =
            let ends = [ Scale.place x other; Scale.place x x0 ] |> List.sort
            let from = ends[0] + 0.36 * (ends[1] - ends[0])
            let upto = ends[0] + 0.58 * (ends[1] - ends[0])
            let v u = place a (Scale.at x u) |> snd
            let v0, v1 = v from, v upto

            if claimed.Claim.IsExponential || abs (v1 - v0) < 8.0 then
                []
            else
                // Rising lines have room below on the right, falling ones below on the left.
                let corner, apart = if v1 < v0 then (upto, v0), 22.0 else (from, v1), 22.0
                let shifted (u, v) = (if v1 < v0 then u + 6.0 else u - 6.0), v + apart
                let shape = [ from, v0; upto, v1; corner ] |> List.map shifted

                if shape |> List.forall (fun (_, v) -> v < bottom - 16.0) then
                    let cu, cv = shifted corner
                    let middle = (from + upto) / 2.0 + (if v1 < v0 then 6.0 else -6.0)
                    let side = if v1 < v0 then cu + 5.0 else cu - 5.0
                    let anchor = if v1 < v0 then "start" else "end"
                    let height = (v0 + v1) / 2.0 + apart + 4.0

                    [
                        polygon "triangle" shape
                        label middle (cv + 13.0) [ "text-anchor", "middle"; "class", "soft" ] [ Text "1" ]
                        label side height [ "text-anchor", anchor; "class", "soft" ] [ Text(Numbers.chosen a) ]
                    ]
                else
                    []

        [
            if isWide && finite claimed.Rate.Lower && finite claimed.Rate.Upper then
                polygon "wedge c0" [ place a x0; place claimed.Rate.Lower other; place claimed.Rate.Upper other ]

            polyline "claimed" [ place a other; place a x0 ]
            yield! triangle
        ]
