namespace Sgm.Verification.Report

open System

/// A function on a grid in the plane, values of shape [columns, rows] at its nodes.
type Surface = { X: float[]; Y: float[]; Values: float[,] }

/// Contours of densities in the plane.
module Contours =
    /// exp of a log-density at the nodes, relative to its largest value there.
    let surface (xs: float[]) (ys: float[]) (logDensity: float[] -> float) =
        let logs = Array2D.init xs.Length ys.Length (fun i j -> logDensity [| xs[i]; ys[j] |])
        let top = logs |> Seq.cast<float> |> Seq.filter Double.IsFinite |> Seq.fold max Double.NegativeInfinity

        {
            X = xs
            Y = ys
            Values = logs |> Array2D.map (fun log -> if Double.IsFinite log then exp (log - top) else 0.0)
        }

    /// The values above which so much of the mass on the grid lies, for each share.
    let levels (shares: float list) surface =
        let sorted = surface.Values |> Seq.cast<float> |> Array.ofSeq |> Array.sortDescending
        let sums = Array.scan (+) 0.0 sorted
        let total = Array.last sums

        shares
        |> List.map (fun share ->
            let first = sums |> Array.findIndex (fun sum -> sum >= share * total)
            sorted[max 0 (min (sorted.Length - 1) (first - 1))])

    /// The segments of {value = level}, cell by cell with linear interpolation (marching squares); a saddle is cut by its middle value.
    let segments level surface =
        let at i j = surface.X[i], surface.Y[j], surface.Values[i, j]

        let crossing (x1: float, y1: float, v1: float) (x2: float, y2: float, v2: float) =
            let t = (level - v1) / (v2 - v1)
            x1 + t * (x2 - x1), y1 + t * (y2 - y1)

        let isIn (_, _, v) = v > level

        [
            for i in 0 .. surface.X.Length - 2 do
                for j in 0 .. surface.Y.Length - 2 do
                    let corners = [| at i j; at (i + 1) j; at (i + 1) (j + 1); at i (j + 1) |]

                    let cuts =
                        [
                            for k in 0..3 do
                                let a, b = corners[k], corners[(k + 1) % 4]

                                if isIn a <> isIn b then
                                    crossing a b
                        ]

                    match cuts with
                    | [ a; b ] -> a, b
                    | [ a; b; c; d ] ->
                        let middle = corners |> Array.averageBy (fun (_, _, v) -> v)

                        if (middle > level) = isIn corners[0] then
                            a, b
                            c, d
                        else
                            d, a
                            b, c
                    | _ -> ()
        ]
