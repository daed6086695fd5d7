/// A law on the line by plain sums: E f = Σ w_i·f(x_i), even nodes after every noise. Slow, and no cleverer than a textbook.
module Sgm.Verification.References.Line

open System
open Sgm.Verification.References.Density

/// Nodes ascending, their weights, and the density there where the law has one.
type Line = { X: float[]; Weight: float[]; Density: float[] option }

let private even n low high = Array.init n (fun i -> low + (high - low) * float i / float (n - 1))

/// How many deviations of a normal law count.
let private reach = 12.0

let private ofDensity (x: float[]) (density: float[]) =
    { X = x; Weight = density |> Array.map ((*) (x[1] - x[0])); Density = Some density }

/// A mixture on n nodes.
let ofBlock n (block: Component list) =
    let ends side = block |> List.map (fun c -> c.Mean[0] + side * reach * sqrt c.Covariance[0, 0])
    let x = even n (List.min (ends -1.0)) (List.max (ends 1.0))
    let ln = logDensity block
    ofDensity x (x |> Array.map (fun v -> exp (ln [| v |])))

/// A point: no density.
let ofPoint at = { X = [| at |]; Weight = [| 1.0 |]; Density = None }

/// The derivative of a map from four values around a node.
let private slope map width x =
    let at k = map (x + float k * width)
    (8.0 * (at 1 - at -1) - (at 2 - at -2)) / (12.0 * width)

/// The law of map(X). It has no density where the map folds the line.
let private moved map line =
    let x = Array.map map line.X
    let order = Array.init x.Length id |> Array.sortBy (fun i -> x[i])

    let density =
        line.Density
        |> Option.bind (fun density ->
            let width = (Array.last line.X - line.X[0]) / float (2 * line.X.Length)
            let slopes = line.X |> Array.map (slope map width)
            let folds = Array.exists2 (fun s w -> s <= 0.0 && w > 1e-18) slopes line.Weight

            if folds then
                None
            else
                Some(Array.map2 (fun q s -> if q = 0.0 then 0.0 else q / s) density slopes))

    {
        X = order |> Array.map (fun i -> x[i])
        Weight = order |> Array.map (fun i -> line.Weight[i])
        Density = density |> Option.map (fun q -> order |> Array.map (fun i -> q[i]))
    }

/// The law of X + C·ξ on n nodes.
let private blurred n c line =
    let seen = Array.zip line.X line.Weight |> Array.filter (fun (_, w) -> w > 1e-40) |> Array.map fst
    let x = even n (Array.min seen - reach * c) (Array.max seen + reach * c)
    let height = 1.0 / (c * sqrt (2.0 * Math.PI))
    let mutable first = 0

    let at y =
        while first < line.X.Length - 1 && line.X[first] < y - reach * c do
            first <- first + 1

        let mutable sum = 0.0
        let mutable i = first

        while i < line.X.Length && line.X[i] <= y + reach * c do
            let z = (y - line.X[i]) / c
            sum <- sum + line.Weight[i] * exp (-0.5 * z * z)
            i <- i + 1

        sum * height

    ofDensity x (Array.map at x)

/// The law after x ← map(x) + C·ξ.
let step n map c line =
    let image = moved map line
    if c > 0.0 then blurred n c image else image

/// Mean and variance.
let moments line =
    let mean = Array.fold2 (fun sum x w -> sum + w * x) 0.0 line.X line.Weight
    mean, Array.fold2 (fun sum x w -> sum + w * (x - mean) ** 2.0) 0.0 line.X line.Weight

/// ln(q/p) with its weight, at the nodes where the density is known: in the far tails it is what the first nodes left.
let ratios (target: Component list) line =
    let ln = logDensity target

    line.Density
    |> Option.map (fun density ->
        let least = 1e-24 * Array.max density

        Array.zip3 line.Weight density line.X
        |> Array.filter (fun (w, q, _) -> w > 0.0 && q > least)
        |> Array.map (fun (w, q, x) -> w, log q - ln [| x |]))

/// Σ w·f over the nodes, if its terms have died out at both ends.
let private settled (terms: float[]) =
    let edge = max (abs terms[0]) (abs (Array.last terms))
    let sum = Array.sum terms
    if edge <= 1e-13 * (terms |> Array.maxBy abs |> abs) then Some sum else None

/// KL(q‖p).
let kl target line = ratios target line |> Option.bind (Array.map (fun (w, l) -> w * l) >> settled)

/// χ²(q‖p).
let chi2 target line =
    ratios target line
    |> Option.bind (Array.map (fun (w, l) -> w * exp l) >> settled)
    |> Option.map (fun sum -> sum - 1.0)

/// ½∫|q − p|, q − p a straight line between nodes, and what p has outside of them.
let tv target line =
    let ln = logDensity target

    line.Density
    |> Option.map (fun density ->
        let difference = Array.map2 (fun x q -> q - exp (ln [| x |])) line.X density

        let inside =
            Seq.sum (
                seq {
                    for i in 1 .. line.X.Length - 1 do
                        let a, b = difference[i - 1], difference[i]
                        let width = line.X[i] - line.X[i - 1]

                        if a * b >= 0.0 then
                            width * (abs a + abs b) / 2.0
                        else
                            width * (a * a + b * b) / (2.0 * (abs a + abs b))
                }
            )

        0.5 * (inside + fst (tails target line.X[0]) + snd (tails target (Array.last line.X))))

/// The x where P(X ≤ x) = below and P(X > x) = above, by bisection of whichever is the smaller.
let private quantile (target: Component list) below above =
    let ends side = target |> List.map (fun c -> c.Mean[0] + side * 40.0 * sqrt c.Covariance[0, 0])

    let rec narrow low high times =
        let middle = 0.5 * (low + high)

        if times = 0 then
            middle
        else
            let left, right = tails target middle
            let isLeft = if below < above then left < below else right > above
            if isLeft then narrow middle high (times - 1) else narrow low middle (times - 1)

    narrow (List.min (ends -1.0)) (List.max (ends 1.0)) 60

/// W2² by the monotone coupling: every node goes to the quantile of the middle of its mass, a point to everywhere.
let private coupled target line =
    let total = Array.sum line.Weight
    let mutable below = 0.0

    (line.X, line.Weight)
    ||> Array.map2 (fun x w ->
        let middle = (below + w / 2.0) / total
        below <- below + w

        if w < 1e-17 then
            0.0
        else
            w / total * (x - quantile target middle (max 0.0 (1.0 - middle))) ** 2.0)
    |> Array.sum

/// E(x − Y)² from a point x.
let private spread (target: Component list) x =
    target |> List.sumBy (fun c -> c.Weight * ((x - c.Mean[0]) ** 2.0 + c.Covariance[0, 0]))

/// W2² from the target.
let w2Squared target line = if line.X.Length = 1 then spread target line.X[0] else coupled target line

/// Masses on the points (First + i)·δ.
type private Lattice = { First: int; Masses: float[] }

/// The law of ℓ on the lattice, every mass shared by the two points around it so that its mean stays.
let private placed delta (ratios: (float * float)[]) =
    let cells = ratios |> Array.map (fun (w, l) -> w, Math.Clamp(l, -60.0, 60.0) / delta)
    let index l = int (floor l)
    let first = cells |> Array.map (snd >> index) |> Array.min
    let last = cells |> Array.map (snd >> index) |> Array.max
    let masses = Array.zeroCreate (last - first + 2)

    for w, l in cells do
        let i = index l - first
        let share = l - floor l
        masses[i] <- masses[i] + w * (1.0 - share)
        masses[i + 1] <- masses[i + 1] + w * share

    { First = first; Masses = masses }

/// Without the points at both ends that have next to nothing.
let private trimmed lattice =
    let matters = lattice.Masses |> Array.indexed |> Array.filter (fun (_, m) -> m > 1e-15) |> Array.map fst
    let low, high = Array.min matters, Array.max matters
    { First = lattice.First + low; Masses = lattice.Masses[low..high] }

let private sum a b =
    let masses = Array.zeroCreate (a.Masses.Length + b.Masses.Length - 1)

    for i in 0 .. a.Masses.Length - 1 do
        for j in 0 .. b.Masses.Length - 1 do
            masses[i + j] <- masses[i + j] + a.Masses[i] * b.Masses[j]

    trimmed { First = a.First + b.First; Masses = masses }

let rec private times count lattice =
    if count = 1 then
        lattice
    else
        let half = times (count / 2) lattice
        let even = sum half half
        if count % 2 = 0 then even else sum even lattice

/// The deviation of a sum of so many of each.
let private deviation (coordinates: ((float * float)[] * int) list) =
    let variance ratios =
        let mean = ratios |> Array.sumBy (fun (w, l) -> w * l)
        ratios |> Array.sumBy (fun (w, l) -> w * (l - mean) ** 2.0)

    coordinates |> List.sumBy (fun (ratios, count) -> float count * variance ratios) |> sqrt

/// TV of a product of independent coordinates, so many of each: E_q(1 − e^(−L))₊ with L the sum of their ln(q/p), on a lattice
/// whose spacing is a share of L's deviation.
let productTv share (coordinates: ((float * float)[] * int) list) =
    let delta = share * min 1.0 (deviation coordinates)

    if delta < 1e-9 then
        0.0
    else
        let total =
            coordinates
            |> List.map (fun (ratios, count) -> placed delta ratios |> trimmed |> times count)
            |> List.reduce sum

        total.Masses
        |> Array.mapi (fun i m -> m * max 0.0 (1.0 - exp (-delta * float (total.First + i))))
        |> Array.sum
