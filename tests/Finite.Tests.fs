/// Laws of discrete diffusion against dense matrices that are made from the words.
module Sgm.Tests.FiniteTests

open System
open Expecto
open Sgm
open Sgm.Engine
open Sgm.Tests.ExactLaws

/// A power series of 24 terms of A/2^k, squared k times.
let exponential (a: float[,]) =
    let n = Array2D.length1 a

    let times (x: float[,]) (y: float[,]) =
        Array2D.init n n (fun i j -> Seq.sum (seq { for k in 0 .. n - 1 -> x[i, k] * y[k, j] }))

    let size = Seq.max (seq { for i in 0 .. n - 1 -> Seq.sum (seq { for j in 0 .. n - 1 -> abs a[i, j] }) })
    let squarings = max 0 (int (ceil (Math.Log2(max size 1e-9))) + 2)
    let scaled = a |> Array2D.map (fun x -> x / 2.0 ** float squarings)
    let one = Array2D.init n n (fun i j -> if i = j then 1.0 else 0.0)
    let mutable term, sum = one, one

    for k in 1..24 do
        term <- times term scaled |> Array2D.map (fun x -> x / float k)
        sum <- Array2D.init n n (fun i j -> sum[i, j] + term[i, j])

    for _ in 1..squarings do
        sum <- times sum sum

    sum

/// [S]^d by its digits.
type Space =
    {
        S: int
        D: int
    }

    member this.Count = pown this.S this.D
    member this.Symbol x i = x / pown this.S i % this.S

    /// x with coordinate i shifted by c.
    member this.Shift x i c = x + ((this.Symbol x i + c) % this.S - this.Symbol x i) * pown this.S i

    /// Rates as a matrix: `rate x i c` of the shift of coordinate i by c.
    member this.Generator rate =
        let n = this.Count
        let q = Array2D.zeroCreate n n

        for x in 0 .. n - 1 do
            for i in 0 .. this.D - 1 do
                for c in 1 .. this.S - 1 do
                    let y = this.Shift x i c
                    q[x, y] <- q[x, y] + rate x i c
                    q[x, x] <- q[x, x] - rate x i c

        q

let along (p: float[]) (k: float[,]) =
    Array.init p.Length (fun y -> Seq.sum (seq { for x in 0 .. p.Length - 1 -> p[x] * k[x, y] }))

let noised (space: Space) (p: float[]) t = space.Generator(fun _ _ _ -> t / float space.S) |> exponential |> along p

let rateOf (space: Space) (p: float[]) x i c = p[space.Shift x i c] / p[x] / float space.S
let factor bias i = exp (if i % 2 = 0 then bias else -bias)

/// The matrix of one step, every coordinate by a law of its own; of τ-leaping by the exponential of a circulant matrix.
let stepMatrix (space: Space) jumps (held: float[]) bias h =
    let rows =
        Array.init space.Count (fun x ->
            Array.init space.D (fun i ->
                let rate c = factor bias i * rateOf space held x i c

                match jumps with
                | Jumps.EulerJumps ->
                    let moves = Array.init space.S (fun c -> if c = 0 then 0.0 else h * rate c)
                    moves[0] <- 1.0 - Array.sum moves
                    moves
                | _ ->
                    let one = { S = space.S; D = 1 }
                    let k = one.Generator(fun _ _ c -> h * rate c) |> exponential
                    Array.init space.S (fun c -> k[0, c])))

    Array2D.init space.Count space.Count (fun x y ->
        let shift i = (space.Symbol y i - space.Symbol x i + space.S) % space.S
        (1.0, [ 0 .. space.D - 1 ]) ||> List.fold (fun sum i -> let row = rows[x][i] in sum * row[shift i]))

let uniformLaw (space: Space) = Array.create space.Count (1.0 / float space.Count)

let divergence (a: float[]) (b: float[]) = Seq.sum (Seq.map2 (fun p q -> if p = 0.0 then 0.0 else p * log (p / q)) a b)

let masses (random: Random) (space: Space) =
    let weights = Array.init space.Count (fun _ -> -log(1.0 - random.NextDouble()) ** 2.0 + 1e-3)
    let sum = Array.sum weights
    weights |> Array.map (fun w -> w / sum)

let tableOf (space: Space) (p: float[]) = table space.S (List.ofArray p)

let ran e =
    match Check.plan e with
    | Ok plan -> finalOf (Laws.run plan (RunOptions()))
    | Error problems -> failtestf "%s" (Message.renderAll problems)

let planOf e =
    match Check.plan e with
    | Ok plan -> plan
    | Error problems -> failtestf "%s" (Message.renderAll problems)

/// A random run and its law by dense matrices.
type Case =
    {
        Space: Space
        P: float[]
        Pi: float[]
        Bias: float
        Times: float list
        Jumps: Jumps
        IsWarm: bool
    }

    member this.Experiment =
        let given = if this.P = this.Pi then exactRates else ratesOf (tableOf this.Space this.Pi)

        discrete {
            target (tableOf this.Space this.P)
            times (levels this.Times)
            rates (given |> skewed this.Bias)
            start (if this.IsWarm then warm else prior)
            sampler this.Jumps
        }

    member this.First =
        if this.IsWarm then
            noised this.Space this.P this.Times.Head
        else
            uniformLaw this.Space

    member this.End =
        (this.First, List.pairwise this.Times)
        ||> List.fold (fun q (t, next) ->
            stepMatrix this.Space this.Jumps (noised this.Space this.Pi t) this.Bias (t - next) |> along q)

let cases seed count =
    let random = Random seed

    [
        for i in 1..count ->
            let space = [| { S = 2; D = 3 }; { S = 3; D = 2 }; { S = 2; D = 4 }; { S = 4; D = 1 } |][random.Next 4]
            let p = masses random space
            let first = 0.5 + 2.0 * random.NextDouble()
            let ratio = 0.9 - 0.3 * random.NextDouble()
            let jumps = if i % 2 = 0 then Jumps.TauLeaping else Jumps.EulerJumps
            // Steps that Euler can take.
            let ratio = if jumps = Jumps.EulerJumps then 0.97 else ratio

            {
                Space = space
                P = p
                Pi = if random.Next 2 = 0 then p else masses random space
                Bias = if random.Next 2 = 0 then 0.0 else 0.6 * random.NextDouble() - 0.3
                Times = [ for k in 0 .. 3 + random.Next 4 -> first * ratio ** float k ]
                Jumps = jumps
                IsWarm = random.Next 2 = 0
            }
    ]

let isOff (found: float[]) (expected: float[]) tolerance what =
    Array.iter2 (fun a b -> Expect.isLessThan (abs (a / b - 1.0)) tolerance what) found expected

let private laws =
    testList
        "laws"
        [
            testCase "steps are those of dense matrices, with rates of other laws, skewed ones, warm and uniform starts"
            <| fun () ->
                for case in cases 1 60 do
                    match ran case.Experiment with
                    | :? FiniteLaw as law ->
                        isOff law.State.Masses case.End 1e-12 $"{case}"
                        isOff law.Target.Masses (noised case.Space case.P (List.last case.Times)) 1e-12 "the target"
                    | other -> failtestf "%O" other

            testCase "the reverse process is the solution of its equation, from a law's rates or another's"
            <| fun () ->
                let random = Random 2

                for space in [ { S = 2; D = 3 }; { S = 3; D = 2 } ] do
                    let p, pi = masses random space, masses random space

                    for rate in [ p; pi ] do
                        let case =
                            {
                                Space = space
                                P = p
                                Pi = rate
                                Bias = 0.0
                                Times = [ 1.5; 0.2 ]
                                Jumps = Jumps.Uniformisation
                                IsWarm = false
                            }

                        // Runge and Kutta's method with 400 steps.
                        let slope t (q: float[]) = space.Generator(rateOf space (noised space rate t)) |> along q
                        let add (q: float[]) (k: float[]) c = Array.map2 (fun a b -> a + c * b) q k
                        let h = 1.3 / 400.0
                        let mutable q, t = uniformLaw space, 1.5

                        for _ in 1..400 do
                            let k1 = slope t q
                            let k2 = slope (t - h / 2.0) (add q k1 (h / 2.0))
                            let k3 = slope (t - h / 2.0) (add q k2 (h / 2.0))
                            let k4 = slope (t - h) (add q k3 h)
                            q <- add (add (add (add q k1 (h / 6.0)) k2 (h / 3.0)) k3 (h / 3.0)) k4 (h / 6.0)
                            t <- t - h

                        isOff (ran case.Experiment :?> FiniteLaw).State.Masses q 1e-8 "the law at the end"

            testCase "divergences are those of the dense laws, and their brackets are narrow"
            <| fun () ->
                for case in cases 3 40 do
                    let law = ran case.Experiment
                    let q, p = case.End, noised case.Space case.P (List.last case.Times)

                    let expected =
                        [
                            law.Measure kl, divergence q p
                            law.Measure tv, 0.5 * Seq.sum (Seq.map2 (fun a b -> abs (a - b)) q p)
                            law.Measure chi2, Seq.sum (Seq.map2 (fun a b -> (a - b) * (a - b) / b) q p)
                            FiniteLaw.Reverse law, divergence p q
                        ]

                    for found, value in expected do
                        let spare = 1e-13 * (1.0 + value)
                        Expect.isLessThanOrEqual found.Lower (value + spare) $"{case}"
                        Expect.isGreaterThanOrEqual found.Upper (value - spare) $"{case}"
                        Expect.isLessThan (found.Upper - found.Lower) (1e-11 * (1.0 + value)) "width"

                    Expect.isFalse (law.Measure w2).Value.HasValue "symbols have no distance"

            testCase "brackets hold the distance of laws that differ by rounding alone"
            <| fun () ->
                // Uniform symbols stay uniform, whatever the steps.
                for n in [ 2; 3; 5 ] do
                    for jumps in [ tauLeaping; eulerJumps ] do
                        let law =
                            ran (
                                discrete {
                                    target (table n (List.replicate (n * n * n) (1.0 / float (n * n * n))))
                                    times (geometric 1.0 0.05 40)
                                    sampler jumps
                                }
                            )

                        for found in [ law.Measure kl; law.Measure tv; law.Measure chi2; FiniteLaw.Reverse law ] do
                            contains found 0.0 $"{n}, {jumps}"

            testCase "what runs states of R^d refuses them, and does not run their placeholder"
            <| fun () ->
                let plan =
                    planOf (
                        discrete {
                            target (isingChain 3 0.5 0.2)
                            times (geometric 2.0 0.1 3)
                            sampler tauLeaping
                        }
                    )

                let others: IInterpreter list = (Laws.exact |> List.map fst) @ [ Ensemble() ]

                for law in others do
                    match law.Run(plan, RunOptions(Particles = 10L)).Status with
                    | :? RunStatus.Unsupported as refused -> Expect.stringContains refused.Reason "symbols" law.Backend
                    | status -> failtest $"{law.Backend}: {status}"

            testCase "a state without mass has an infinite KL one way, and a finite one the other"
            <| fun () ->
                let law =
                    ran (
                        discrete {
                            target (table 2 [ 0.5; 0.0; 0.0; 0.5 ])
                            times (uniform 2.0 0.0 4)
                            sampler tauLeaping
                        }
                    )

                Expect.equal (law.Measure kl).Value (Nullable infinity) "KL(q‖p)"
                Expect.isTrue (Double.IsFinite (FiniteLaw.Reverse law).Upper) "KL(p‖q)"
                Expect.isLessThan (law.Measure tv).Upper 1.0 "TV"
        ]

let private products =
    testList
        "independent symbols"
        [
            testCase "are the law of all states, whatever the order of blocks"
            <| fun () ->
                let blocks = [ 2, [ 0.7; 0.3 ]; 3, [ 0.2; 0.8 ] ]
                let others = [ 1, [ 0.6; 0.4 ]; 4, [ 0.5; 0.5 ] ]

                let both =
                    [ independent blocks; latentClasses [ 1.0, independent blocks ] ]
                    |> List.map (fun law ->
                        ran (
                            discrete {
                                target law
                                times (geometric 2.0 0.1 8)
                                rates (ratesOf (independent others) |> skewed 0.2)
                                sampler tauLeaping
                            }
                        ))

                for metric in [ kl; tv; chi2 ] do
                    let one, other = both[0].Measure metric, both[1].Measure metric
                    Expect.isLessThanOrEqual one.Lower other.Upper metric.Name
                    Expect.isGreaterThanOrEqual one.Upper other.Lower metric.Name

                let one, other = FiniteLaw.Reverse both[0], FiniteLaw.Reverse both[1]
                Expect.floatClose Accuracy.high one.Value.Value other.Value.Value "KL(p‖q)"

            testCase "a million of them have a million times the KL of one"
            <| fun () ->
                let law count =
                    ran (
                        discrete {
                            target (independent [ count, [ 0.3; 0.7 ] ])
                            times (geometric 4.0 0.05 16)
                            sampler tauLeaping
                        }
                    )

                let one, many = law 1, law 1_000_000
                Expect.equal many.Dimension 1_000_000 "dimension"
                let expected = 1e6 * (one.Measure kl).Value.Value
                Expect.floatClose Accuracy.high (many.Measure kl).Value.Value expected "KL"
                Expect.isGreaterThan (many.Measure tv).Lower 0.9 "TV"
        ]

let tests = testList "Finite" [ laws; products ]
