module Sgm.Tests.VectorMathTests

open System
open Expecto
open Sgm.Engine
open Sgm.Tests.RandomFormatTests

/// A double-double number, good to 2⁻¹⁰⁰: the reference of the elementary functions.
[<Struct>]
type Wide =
    {
        high: float
        low: float
    }

    static member Of value = { high = value; low = 0.0 }

    static member private Normalise(high: float, low: float) =
        let sum = high + low
        { high = sum; low = low - (sum - high) }

    static member (+)(a: Wide, b: Wide) =
        let sum = a.high + b.high
        let part = sum - a.high
        Wide.Normalise(sum, (a.high - (sum - part)) + (b.high - part) + a.low + b.low)

    static member (*)(a: Wide, b: Wide) =
        let product = a.high * b.high
        Wide.Normalise(product, Math.FusedMultiplyAdd(a.high, b.high, -product) + a.high * b.low + a.low * b.high)

    static member (/)(a: Wide, b: float) =
        let quotient = a.high / b
        Wide.Normalise(quotient, (Math.FusedMultiplyAdd(-quotient, b, a.high) + a.low) / b)

/// The error of a double against a double-double, in units of the last place of the latter.
let private ulps (actual: float) (expected: Wide) =
    abs (actual - expected.high - expected.low) / (Math.BitIncrement(abs expected.high) - abs expected.high)

module private Reference =
    let private ln2 = { high = 0.6931471805599453; low = 2.3190468138462996e-17 }
    let private twoPi = { high = 6.283185307179586; low = 2.4492935982947064e-16 }

    /// Σ from k = first in steps of `step` of (±1)ᵏ xᵏ/k!
    let private series first step sign (x: Wide) =
        let mutable term = if first = 0 then Wide.Of 1.0 else x
        let mutable sum = term
        let mutable k = first

        while k < 28 do
            for _ in 1..step do
                k <- k + 1
                term <- term * x / float k

            term <- term * Wide.Of sign
            sum <- sum + term

        sum

    /// eʸ = mantissa·2ⁿ
    let private expParts (y: float) =
        let n = Math.Round(y / ln2.high)
        series 0 1 1.0 (Wide.Of y + Wide.Of -n * ln2), int n

    let exp y =
        let mantissa, n = expParts y
        { high = Math.ScaleB(mantissa.high, n); low = Math.ScaleB(mantissa.low, n) }

    /// A Newton step from Math.Log: ln x = y + ln(x e⁻ʸ).
    let log (x: float) =
        let y = Math.Log x
        let mantissa, n = expParts -y
        let t = Wide.Of(Math.ScaleB(x, n)) * mantissa + Wide.Of -1.0
        Wide.Of y + t + t * t * Wide.Of -0.5

    let sinCosTwoPi (u: float) =
        let n = Math.Round(4.0 * u)
        let x = Wide.Of(u - n / 4.0) * twoPi
        let s, c = series 1 2 -1.0 x, series 0 2 -1.0 x
        let negative = Wide.Of -1.0

        match int n &&& 3 with
        | 0 -> s, c
        | 1 -> c, negative * s
        | 2 -> negative * s, negative * c
        | _ -> negative * c, s

let private slow = Environment.GetEnvironmentVariable "SGM_SLOW" = "1"
let private points = if slow then 4_000_000 else 200_000

let private worst (actual: float[]) (expected: int -> Wide) =
    let mutable worst = 0.0

    for i in 0 .. actual.Length - 1 do
        worst <- max worst (ulps actual[i] (expected i))

    worst

let tests =
    let apply (f: float[] -> float[] -> unit) x =
        let y = Array.zeroCreate (Array.length x)
        f x y
        y

    let exp x = apply (fun x y -> VectorMath.Exp(ReadOnlySpan x, Span y)) x
    let log x = apply (fun x y -> VectorMath.Log(ReadOnlySpan x, Span y)) x

    testList
        "vector math"
        [
            testTheory "exp is within 1 ulp" [ -0.35, 0.35; -40.0, 0.0; -650.0, 709.0 ] (fun (a, b) ->
                let x = uniforms 21UL 0L points |> Array.map (fun u -> a + (b - a) * u)
                Expect.isLessThan (worst (exp x) (fun i -> Reference.exp x[i])) 1.0 $"[{a}, {b}]")

            testTheory "log is within 1 ulp" [ 0.0, 1.0; 0.6, 0.999; 1.001, 1.5; 0.0, 1e300 ] (fun (a, b) ->
                let x = uniforms 22UL 0L points |> Array.map (fun u -> a + (b - a) * u)
                Expect.isLessThan (worst (log x) (fun i -> Reference.log x[i])) 1.0 $"[{a}, {b}]")

            testCase "sin 2πu and cos 2πu are within 1.1 ulp" (fun () ->
                let u = uniforms 23UL 0L points
                let s, c = Array.zeroCreate points, Array.zeroCreate points
                VectorMath.SinCosTwoPi(ReadOnlySpan u, Span s, Span c)
                Expect.isLessThan (worst s (fun i -> fst (Reference.sinCosTwoPi u[i]))) 1.1 "sine"
                Expect.isLessThan (worst c (fun i -> snd (Reference.sinCosTwoPi u[i]))) 1.1 "cosine")

            testCase "the ulp of the reference sees an error of one ulp" (fun () ->
                let x = 0.3
                Expect.isLessThan (ulps (Math.Exp x) (Reference.exp x)) 1.0 "right"

                Expect.isGreaterThan
                    (ulps (Math.BitIncrement(Math.BitIncrement(Math.Exp x))) (Reference.exp x))
                    1.0
                    "wrong")

            testTheory "special values" allBits (fun bits ->
                let width = widthOf bits

                let special =
                    [|
                        0.0
                        -0.0
                        1.0
                        -1.0
                        infinity
                        -infinity
                        nan
                        Double.Epsilon
                        1e-310
                        Double.MaxValue
                        709.782712893384
                        709.7827128933841
                        -745.1332191019411
                        -745.1332191019412
                        -1e300
                        1e300
                        -1e-320
                    |]

                let classes (actual: float) (expected: float) = // equal, both NaN, or within 1e-15 relative
                    actual.Equals expected
                    || (Double.IsNaN actual && Double.IsNaN expected)
                    || abs (actual - expected) <= 1e-15 * abs expected

                for x, actual in Array.zip special (apply width.exp special) do
                    Expect.isTrue (classes actual (Math.Exp x)) $"exp {x} = {actual}"

                for x, actual in Array.zip special (apply width.log special) do
                    Expect.isTrue (classes actual (Math.Log x)) $"log {x} = {actual}")

            testTheory "every width gives the same bits" allBits (fun bits ->
                let width = widthOf bits

                // All bit patterns: negative, subnormal, huge. NaN payloads are not compared.
                let x = words 24UL 0L 100_003 |> Array.map BitConverter.UInt64BitsToDouble
                let near = uniforms 24UL 1L 100_003 |> Array.map (fun u -> 1460.0 * u - 750.0)
                let same (a: float[]) (b: float[]) = Array.forall2 (fun (a: float) b -> a.Equals b) a b
                Expect.isTrue (same (apply width.exp near) (exp near)) "exp"
                Expect.isTrue (same (apply width.log x) (log x)) "log"
                let u = uniforms 24UL 2L 100_003
                let s, c = Array.zeroCreate u.Length, Array.zeroCreate u.Length
                let s', c' = Array.zeroCreate u.Length, Array.zeroCreate u.Length
                width.sinCos u s c
                VectorMath.SinCosTwoPi(ReadOnlySpan u, Span s', Span c')
                Expect.isTrue (same s s' && same c c') "sin and cos")
        ]
