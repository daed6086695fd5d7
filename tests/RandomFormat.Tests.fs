module Sgm.Tests.RandomFormatTests

open System
open System.Numerics
open Expecto
open Sgm.Engine

/// The same functions at one register width.
type Width =
    {
        normal: RandomStream -> float[] -> unit
        uniform: RandomStream -> float[] -> unit
        words: RandomStream -> uint64[] -> unit
        exp: float[] -> float[] -> unit
        log: float[] -> float[] -> unit
        sinCos: float[] -> float[] -> float[] -> unit
    }

let private at<'L when 'L: struct and 'L :> ILanes<'L> and 'L: (new: unit -> 'L) and 'L :> ValueType> =
    {
        normal = fun stream target -> stream.FillNormal<'L>(Span target)
        uniform = fun stream target -> stream.FillUniform<'L>(Span target)
        words = fun stream target -> stream.FillBits<'L>(Span target)
        exp = fun x y -> VectorMath.Exp<'L>(ReadOnlySpan x, Span y)
        log = fun x y -> VectorMath.Log<'L>(ReadOnlySpan x, Span y)
        sinCos = fun u sin cos -> VectorMath.SinCosTwoPi<'L>(ReadOnlySpan u, Span sin, Span cos)
    }

let widthOf bits =
    match bits with
    | 512 -> at<Lanes512>
    | 256 -> at<Lanes256>
    | 128 -> at<Lanes128>
    | _ -> at<Lanes64>

let allBits = [ 512; 256; 128; 64 ]

let private bitsOf (values: float[]) = values |> Array.map BitConverter.DoubleToUInt64Bits

let normals seed block count =
    let values = Array.zeroCreate<float> count
    RandomStream(seed, block).FillNormal(Span values)
    values

let uniforms seed block count =
    let values = Array.zeroCreate<float> count
    RandomStream(seed, block).FillUniform(Span values)
    values

let words seed block count =
    let values = Array.zeroCreate<uint64> count
    RandomStream(seed, block).FillBits(Span values)
    values

/// The stream as its documentation says it, one lane and one word at a time: the naive twin of the vector kernels.
module Twin =
    let private mix (z: uint64) =
        let z = (z ^^^ (z >>> 30)) * 0xBF58476D1CE4E5B9UL
        let z = (z ^^^ (z >>> 27)) * 0x94D049BB133111EBUL
        z ^^^ (z >>> 31)

    let private mixBlock (z: uint64) =
        let z = (z ^^^ (z >>> 33)) * 0xFF51AFD7ED558CCDUL
        let z = (z ^^^ (z >>> 33)) * 0xC4CEB9FE1A85EC53UL
        z ^^^ (z >>> 33)

    let private golden = 0x9E3779B97F4A7C15UL

    let stateOf (seed: uint64) (block: int64) =
        let a = mix (seed + golden)
        let b = mixBlock (uint64 block ^^^ 0xD1B54A32D192ED03UL)
        Array.init 32 (fun j -> mix (mix (a + uint64 (j + 1) * golden) ^^^ b))

    /// One xoshiro256++ generator, with its state s0, s1, s2, s3.
    let private next (s: uint64[]) =
        let result = BitOperations.RotateLeft(s[0] + s[3], 23) + s[0]
        let t = s[1] <<< 17
        s[2] <- s[2] ^^^ s[0]
        s[3] <- s[3] ^^^ s[1]
        s[1] <- s[1] ^^^ s[2]
        s[0] <- s[0] ^^^ s[3]
        s[2] <- s[2] ^^^ t
        s[3] <- BitOperations.RotateLeft(s[3], 45)
        result

    let words seed block steps =
        let state = stateOf seed block
        let lanes = Array.init 8 (fun lane -> Array.init 4 (fun k -> state[8 * k + lane]))
        Array.init (8 * steps) (fun i -> next lanes[i % 8])

    let uniform (word: uint64) = (float (word >>> 12) + 0.5) * Math.ScaleB(1.0, -52)

    /// Sixteen normals from sixteen words: eight radii, then eight angles.
    let normals (words: uint64[]) =
        let pair lane =
            let rho = sqrt (-2.0 * log (uniform words[lane]))
            let angle = words[8 + lane]
            let phi = Math.PI / 2.0 * (float (angle >>> 12) * Math.ScaleB(1.0, -52) - 0.5)
            let cosine = if angle &&& 1UL = 0UL then cos phi else -(cos phi)

            if angle &&& 2UL = 0UL then
                rho * cosine, rho * sin phi
            else
                rho * sin phi, rho * cosine

        Array.append (Array.init 8 (pair >> fst)) (Array.init 8 (pair >> snd))

let tests =
    testList
        "random format"
        [
            testCase "the bits are those of the naive twin" (fun () ->
                for seed, block in [ 0UL, 0L; 1UL, 0L; 0UL, 1L; 20260101UL, 123456789L; UInt64.MaxValue, -1L ] do
                    Expect.equal (words seed block 800) (Twin.words seed block 100) $"seed {seed}, block {block}")

            testCase "the normals are those of the naive twin, to a few ulp" (fun () ->
                let expected = Twin.words 3UL 4L 2000 |> Array.chunkBySize 16 |> Array.collect Twin.normals

                for actual, expected in Array.zip (normals 3UL 4L 16000) expected do
                    Expect.isLessThan (abs (actual - expected)) 4e-15 "normal")

            testTheory "every width gives the same bits" allBits (fun bits ->
                let width = widthOf bits

                for count in [ 1; 7; 8; 15; 16; 17; 100; 4096 ] do
                    let stream () = RandomStream(5UL, 6L)
                    let actual = Array.zeroCreate<float> count
                    width.normal (stream ()) actual
                    Expect.equal (bitsOf actual) (bitsOf (normals 5UL 6L count)) $"{count} normals"
                    width.uniform (stream ()) actual
                    Expect.equal (bitsOf actual) (bitsOf (uniforms 5UL 6L count)) $"{count} uniforms"
                    let actual = Array.zeroCreate<uint64> count
                    width.words (stream ()) actual
                    Expect.equal actual (words 5UL 6L count) $"{count} words")

            testCase "calls of whole groups continue the stream; a rest is dropped" (fun () ->
                let whole = normals 1UL 1L 48
                let stream = RandomStream(1UL, 1L)
                let parts = Array.zeroCreate<float> 48
                stream.FillNormal(Span(parts, 0, 16))
                stream.FillNormal(Span(parts, 16, 5))
                stream.FillNormal(Span(parts, 32, 16))
                Expect.equal parts[..20] whole[..20] "the first 21"
                Expect.equal parts[32..] whole[32..] "after the rest of the second group")

            testCase "a clone, a saved state and a reset continue at the right place" (fun () ->
                let stream = RandomStream(9UL, 9L)

                let next (stream: RandomStream) =
                    let values = Array.zeroCreate<float> 100
                    stream.FillNormal(Span values)
                    values

                next stream |> ignore
                let state = Array.zeroCreate<uint64> RandomStream.StateLength
                stream.CopyState(Span state)
                let clone = stream.Clone()
                let expected = next stream
                Expect.equal (next clone) expected "clone"
                Expect.equal (next (RandomStream(ReadOnlySpan state))) expected "saved state"
                stream.Reset(9UL, 9L)
                Expect.equal (next stream) (normals 9UL 9L 100) "reset")

            testCase "a fill allocates nothing" (fun () ->
                let stream = RandomStream(1UL, 0L)
                let values = Array.zeroCreate<float> 1001

                let fill () =
                    stream.FillNormal(Span values)
                    stream.FillUniform(Span values)
                    stream.Reset(1UL, 1L)

                fill ()
                let before = GC.GetAllocatedBytesForCurrentThread()
                fill ()
                Expect.equal (GC.GetAllocatedBytesForCurrentThread() - before) 0L "bytes")

            testTheory "a wrong SGM_VECTOR_BITS says what is allowed" [ "1024"; "wide"; "-1" ] (fun setting ->
                Expect.throwsT<ArgumentException> (fun () -> LaneWidth.Choose setting |> ignore) setting)
        ]
