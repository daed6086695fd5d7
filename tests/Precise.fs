/// Reals to 512 binary places and the divergences of normal laws from their textbook formulas: a slow reference that feels no condition
/// that a test can state.
module Sgm.Tests.Precise

open System
open System.Numerics

let private places = 512
let private unit = BigInteger.One <<< places

/// A number of 512 binary places.
[<Struct>]
type Real =
    {
        Bits: BigInteger
    }

    static member (+)(a, b) = { Bits = a.Bits + b.Bits }
    static member (-)(a, b) = { Bits = a.Bits - b.Bits }
    static member (~-) a = { Bits = -a.Bits }
    static member (*)(a, b) = { Bits = (a.Bits * b.Bits) >>> places }
    static member (/)(a, b) = { Bits = (a.Bits <<< places) / b.Bits }

/// A double, exactly where it is a multiple of 2⁻⁵¹².
let real (x: float) =
    let bits = BitConverter.DoubleToInt64Bits x
    let exponent = int ((bits >>> 52) &&& 0x7FFL)
    let fraction = bits &&& 0xFFFFFFFFFFFFFL
    let whole = if exponent = 0 then fraction else fraction ||| 0x10000000000000L
    let shift = (max exponent 1) - 1075 + places
    let size = BigInteger whole
    let placed = if shift >= 0 then size <<< shift else size >>> -shift
    { Bits = (if x < 0.0 then -placed else placed) }

let zero = real 0.0
let one = real 1.0
let number (n: int) = real (float n)

/// The nearest double, nearly.
let toFloat (a: Real) =
    let size = BigInteger.Abs a.Bits
    let drop = max 0 (int (size.GetBitLength()) - 62)
    float (sign (a.Bits.Sign)) * Math.ScaleB(float (size >>> drop), drop - places)

let isPositive (a: Real) = a.Bits.Sign > 0

/// √a by Newton's iteration on whole numbers.
let root (a: Real) =
    let target = a.Bits <<< places

    let rec improve (x: BigInteger) =
        let next = (x + target / x) >>> 1
        if next >= x then x else improve next

    if a.Bits.Sign <= 0 then
        zero
    else
        { Bits = improve (BigInteger.One <<< ((int (target.GetBitLength()) + 1) / 2 + 1)) }

/// 2·artanh z by its series, |z| ≤ ⅓.
let private twiceArtanh z =
    let square = z * z

    let rec sum k power total =
        let term = power / number k
        if term.Bits.IsZero then total else sum (k + 2) (power * square) (total + term)

    let half = sum 1 z zero
    half + half

/// ln a of a > 0.
let ln (a: Real) =
    let exponent = int (a.Bits.GetBitLength()) - 1 - places
    let reduced = { Bits = if exponent >= 0 then a.Bits >>> exponent else a.Bits <<< -exponent }
    let ln2 = twiceArtanh (one / number 3)
    twiceArtanh ((reduced - one) / (reduced + one)) + number exponent * ln2

type Matrix = Real[][]

let matrix (rows: float[][]) : Matrix = rows |> Array.map (Array.map real)
let vector (x: float[]) = Array.map real x
let transposed (a: Matrix) : Matrix = Array.init a[0].Length (fun j -> a |> Array.map (fun row -> row[j]))
let dot (a: Real[]) (b: Real[]) = Array.fold2 (fun sum x y -> sum + x * y) zero a b

let times (a: Matrix) (b: Matrix) : Matrix =
    let columns = transposed b
    a |> Array.map (fun row -> columns |> Array.map (dot row))

let apply (a: Matrix) x = a |> Array.map (fun row -> dot row x)
let unitMatrix n : Matrix = Array.init n (fun i -> Array.init n (fun j -> if i = j then one else zero))

let combine f (a: Matrix) (b: Matrix) : Matrix = Array.map2 (Array.map2 f) a b
let scale s (a: Matrix) : Matrix = a |> Array.map (Array.map (fun x -> s * x))

/// L with A = L·Lᵀ, or None where a pivot is not positive.
let cholesky (a: Matrix) =
    let n = a.Length
    let l: Matrix = Array.init n (fun _ -> Array.create n zero)
    let mutable isDefinite = true

    for i in 0 .. n - 1 do
        for j in 0..i do
            if isDefinite then
                let rest = a[i][j] - dot (l[i][.. j - 1]) (l[j][.. j - 1])

                if i <> j then l[i][j] <- rest / l[j][j]
                elif isPositive rest then l[i][i] <- root rest
                else isDefinite <- false

    if isDefinite then Some l else None

/// L⁻¹·b for a lower triangle.
let forwardSolve (l: Matrix) (b: Real[]) =
    let x = Array.create b.Length zero

    for i in 0 .. b.Length - 1 do
        x[i] <- (b[i] - dot (l[i][.. i - 1]) (x[.. i - 1])) / l[i][i]

    x

let private logDeterminant (l: Matrix) =
    let half = l |> Seq.mapi (fun i row -> ln row[i]) |> Seq.reduce (+)
    half + half

let private quadratic a x =
    let y = forwardSolve (Option.get (cholesky a)) x
    dot y y

/// A⁻¹ of a positive definite matrix.
let inverse (a: Matrix) : Matrix =
    let l = Option.get (cholesky a)
    let half = unitMatrix a.Length |> Array.map (forwardSolve l) |> transposed
    times (transposed half) half

let private trace (a: Matrix) = a |> Seq.mapi (fun i row -> row[i]) |> Seq.reduce (+)

/// A normal law.
type Normal = { Mean: Real[]; Covariance: Matrix }

let private difference q p = Array.map2 (-) q.Mean p.Mean

/// KL(q‖p) = ½[tr P⁻¹Q − d + δᵀP⁻¹δ + ln(det P/det Q)].
let klOf q p =
    let pFactor, qFactor = Option.get (cholesky p.Covariance), Option.get (cholesky q.Covariance)

    let twice =
        trace (times (inverse p.Covariance) q.Covariance) - number q.Mean.Length
        + quadratic p.Covariance (difference q p)
        + logDeterminant pFactor
        - logDeterminant qFactor

    toFloat (twice / number 2)

/// ln(1 + χ²(q‖p)) = ½ln(det²P/(det Q·det(2P − Q))) + δᵀ(2P − Q)⁻¹δ; infinite unless 2P − Q is positive definite.
let logChi2 q p =
    let reserve = combine (-) (scale (number 2) p.Covariance) q.Covariance

    match cholesky reserve with
    | None -> infinity
    | Some factor ->
        let logs =
            number 2 * logDeterminant (Option.get (cholesky p.Covariance))
            - logDeterminant (Option.get (cholesky q.Covariance))
            - logDeterminant factor

        toFloat (logs / number 2 + quadratic reserve (difference q p))

/// The eigenvalues of a symmetric matrix by Jacobi's rotations.
let eigenvalues (a: Matrix) =
    let a = a |> Array.map Array.copy
    let n = a.Length

    for _ in 1..14 do
        for p in 0 .. n - 2 do
            for q in p + 1 .. n - 1 do
                let entry = a[p][q]

                if BigInteger.Abs entry.Bits > (BigInteger.One <<< 40) then
                    let theta = (a[q][q] - a[p][p]) / (number 2 * a[p][q])
                    let size = { Bits = BigInteger.Abs(theta.Bits) } + root (theta * theta + one)
                    let t = if theta.Bits.Sign < 0 then -(one / size) else one / size
                    let c = one / root (t * t + one)
                    let s = t * c

                    for k in 0 .. n - 1 do
                        let x, y = a[k][p], a[k][q]
                        a[k][p] <- c * x - s * y
                        a[k][q] <- s * x + c * y

                    for k in 0 .. n - 1 do
                        let x, y = a[p][k], a[q][k]
                        a[p][k] <- c * x - s * y
                        a[q][k] <- s * x + c * y

    Array.init n (fun i -> a[i][i])

/// W2² = |δ|² + tr P + tr Q − 2·Σ√eig(LᵀQL), P = L·Lᵀ.
let w2Of q p =
    let l = Option.get (cholesky p.Covariance)
    let inner = times (times (transposed l) q.Covariance) l
    let roots = eigenvalues inner |> Array.map root |> Array.reduce (+)
    let delta = difference q p
    let square = dot delta delta + trace p.Covariance + trace q.Covariance - number 2 * roots
    toFloat (root square)
