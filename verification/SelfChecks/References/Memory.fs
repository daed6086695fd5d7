/// Methods that keep earlier evaluations, or draw inside a step, each as its paper or program writes it, in z = x/m and ρ = σ/m: plain
/// arrays, Lagrange polynomials by quadrature, linear systems by elimination.
module Sgm.Verification.References.Memory

open MathNet.Numerics.Integration
open MathNet.Numerics.LinearAlgebra
open Sgm
open Sgm.Verification.References.Course

/// A step: from z and what is kept, last first, and its draws, to the same after it.
type private Move = { Draws: int; Step: float[] -> float[] list -> float[] list -> float[] list }

let private words =
    set
        [
            "lms"
            "ipndm"
            "deis"
            "unipc"
            "dpmpp2m"
            "dpmpp2mSde"
            "dpmpp3mSde"
            "dpmppSde"
            "churn"
            "churnWithin"
            "acceleratedSde"
            "acceleratedOde"
        ]

/// Whether a method is read here.
let isRead (method: PredictorMethod) = words.Contains method.Word

let private plus = List.reduce (Array.map2 (+))
let private times (c: float) = Array.map ((*) c)
let private less a b = plus [ a; times -1.0 b ]
/// A draw on top, where there is one.
let private noised c (draws: float[] list) z = if c = 0.0 then z else plus [ z; times c draws[0] ]

let private rhoOf at = at.Sigma / at.M

let private lagrange (nodes: float list) j u =
    nodes |> List.indexed |> List.fold (fun p (l, n) -> if l = j then p else p * (u - n) / (nodes[j] - n)) 1.0

let private integral f a b = GaussLegendreRule.Integrate(f, a, b, 64)

/// The flow from the slopes now and before, given their weights in δ.
let private fromSlopes rho weights denoise =
    {
        Draws = 0
        Step =
            fun z kept _ ->
                let slopes = times (1.0 / rho) (less z (denoise z)) :: List.truncate 3 kept
                let weights: float list = weights
                plus (z :: List.map2 times weights (List.truncate weights.Length slopes)) :: slopes
    }

let private phi2 h = (exp -h - 1.0) / h + 1.0
let private phi3 h = phi2 h / h - 0.5

/// k-diffusion's sample_dpmpp_3m_sde with the differences up to so many; h and the gaps before it.
let private thirdOrder eta (h: float) (gaps: float list) rho' denoise =
    let a = h * (eta + 1.0)
    let drawn = rho' * sqrt (1.0 - exp (-2.0 * h * eta))

    {
        Draws = if drawn = 0.0 then 0 else 1
        Step =
            fun z kept draws ->
                let d = denoise z
                let start = plus [ times (exp -a) z; times (1.0 - exp -a) d ] |> noised drawn draws

                let z' =
                    match gaps with
                    | [] -> start
                    | [ gap ] -> plus [ start; times (phi2 a * h / gap) (less d kept[0]) ]
                    | gaps ->
                        let r0, r1 = gaps[0] / h, gaps[1] / h
                        let d10 = times (1.0 / r0) (less d kept[0])
                        let d11 = times (1.0 / r1) (less kept[0] kept[1])
                        let d1 = plus [ d10; times (r0 / (r0 + r1)) (less d10 d11) ]
                        let d2 = times (1.0 / (r0 + r1)) (less d10 d11)
                        plus [ start; times (phi2 a) d1; times (-(phi3 a)) d2 ]

                z' :: d :: List.truncate 1 kept
    }

let private secondOrder eta (h: float) (gaps: float list) rho rho' denoise =
    let a = h * (eta + 1.0)
    let drawn = rho' * sqrt (1.0 - exp (-2.0 * h * eta))

    {
        Draws = if drawn = 0.0 then 0 else 1
        Step =
            fun z kept draws ->
                let d = denoise z
                let start = plus [ times (rho' / rho * exp (-eta * h)) z; times (1.0 - exp -a) d ] |> noised drawn draws

                match gaps with
                | [] -> [ start; d ]
                | gap :: _ -> [ plus [ start; times (0.5 * (1.0 - exp -a) * h / gap) (less d kept[0]) ]; d ]
    }

/// UniPC's weights of (D_j − D)/r_j at these places: Σ_j w_j r_j^(i−1) = b_i, B(h) = e^(−h) − 1.
let private unified h (places: float list) =
    let n = places.Length
    let mutable phi = (exp -h - 1.0) / -h - 1.0
    let mutable factorial = 1.0

    let b =
        [
            for i in 1..n do
                phi * factorial / (exp -h - 1.0)
                factorial <- factorial * float (i + 1)
                phi <- phi / -h - 1.0 / factorial
        ]

    if n = 1 then
        [ 0.5 ]
    elif n = 0 then
        []
    else
        let matrix = Matrix<float>.Build.Dense(n, n, fun i j -> places[j] ** float i)
        List.ofSeq (matrix.Solve(Vector<float>.Build.DenseOfEnumerable b))

/// e^(−h)·z + (1 − e^(−h))·(D + Σ_j w_j(D_j − D)/r_j).
let private unify h (places: float list) z d (others: float[] list) =
    let weights = unified h places
    let moves = List.map3 (fun w r other -> times ((1.0 - exp -h) * w / r) (less other d)) weights places others
    plus ([ times (exp -h) z; times (1.0 - exp -h) d ] @ moves)

/// What a step does to the state and what is kept, x first, given its draws, and how many there are. Steps that keep nothing leave what
/// is kept.
let move forward score event : (float[] list -> float[] list -> float[] list) * int =
    match event with
    | Prediction(method, _, upper, lower, anneal) when isRead method ->
        let rho, rho' = rhoOf upper, rhoOf lower
        let rhos = rho :: List.map rhoOf anneal.Earlier
        let gaps = rhos |> List.pairwise |> List.map (fun (below, above) -> log (above / below))
        let h = log (rho / rho')
        let levelAt = Steps.between forward upper lower
        let denoiseAt at z = Steps.denoisedAt score (levelAt at) z
        let denoise = denoiseAt rho
        let flow k weights = fromSlopes rho (weights (List.truncate k rhos)) denoise

        let found =
            match method.Word, method.Arguments with
            | "lms", [ k ] ->
                flow (int k) (fun nodes -> [ for j in 0 .. nodes.Length - 1 -> integral (lagrange nodes j) rho rho' ])
            | "deis", [ k ] ->
                flow (int k) (fun nodes ->
                    let logs = List.map log nodes
                    let weight j s = -exp s * lagrange logs j s

                    if rho' = 0.0 then
                        [ -rho ]
                    else
                        [ for j in 0 .. nodes.Length - 1 -> integral (weight j) (log rho') (log rho) ])
            | "acceleratedOde", [] ->
                // Linear in 1/(1 + ρ²), by u = sinh v.
                let place u = 1.0 / (1.0 + u * u)

                flow 2 (fun nodes ->
                    let weight j v = cosh v * lagrange (List.map place nodes) j (place (sinh v))
                    let first, last = System.Math.Asinh rho, System.Math.Asinh rho'
                    [ for j in 0 .. nodes.Length - 1 -> integral (weight j) first last ])
            | "acceleratedSde", [] ->
                let half = sqrt (0.5 * (rho * rho - rho' * rho'))

                {
                    Draws = 2
                    Step =
                        fun z _ draws ->
                            let y = plus [ z; times half draws[0] ]
                            let share = 1.0 - rho' * rho' / (rho * rho)
                            [ plus [ y; times share (less (denoise y) y); times half draws[1] ] ]
                }
            | "ipndm", [ k ] ->
                flow (int k) (fun nodes ->
                    [
                        [ 1.0 ]
                        [ 3.0 / 2.0; -1.0 / 2.0 ]
                        [ 23.0 / 12.0; -16.0 / 12.0; 5.0 / 12.0 ]
                        [ 55.0 / 24.0; -59.0 / 24.0; 37.0 / 24.0; -9.0 / 24.0 ]
                    ][nodes.Length - 1]
                    |> List.map ((*) (rho' - rho)))
            | ("dpmpp2m" | "dpmpp2mSde" | "dpmpp3mSde" | "dpmppSde"), _ when rho' = 0.0 ->
                { Draws = 0; Step = fun z _ _ -> [ denoise z ] }
            | "dpmpp2m", _ -> secondOrder 0.0 h (List.truncate 1 gaps) rho rho' denoise
            | "dpmpp2mSde", [ eta ] -> secondOrder (float eta) h (List.truncate 1 gaps) rho rho' denoise
            | "dpmpp3mSde", [ eta ] -> thirdOrder (float eta) h (List.truncate 2 gaps) rho' denoise
            | "dpmppSde", [ eta ] ->
                let middle = sqrt (rho * rho')
                let down to' = Steps.ancestral (float eta) rho to'

                {
                    Draws = 2
                    Step =
                        fun z _ draws ->
                            // Two increments of one path in ρ, the first from ρ to the middle, and what is left.
                            let first, rest = sqrt (rho - middle), sqrt (middle - rho')

                            let whole =
                                plus [ times first draws[0]; times rest draws[1] ] |> times (1.0 / sqrt (rho - rho'))

                            let d = denoise z
                            let reached, up = down middle

                            let half =
                                plus [ times (reached / rho) z; times (1.0 - reached / rho) d; times up draws[0] ]

                            let d2 = denoiseAt middle half
                            let reached, up = down rho'
                            [ plus [ times (reached / rho) z; times (1.0 - reached / rho) d2; times up whole ] ]
                }
            | "unipc", [ k ] ->
                let k = int k

                {
                    Draws = 0
                    Step =
                        fun z kept _ ->
                            let d = denoise z

                            let corrected =
                                match kept with
                                | before :: d0 :: earlier when not anneal.Earlier.IsEmpty ->
                                    let h = gaps[0]
                                    let count = min (anneal.Earlier.Length - 1) (k - 1)

                                    let places =
                                        gaps |> List.tail |> List.truncate count |> List.scan (+) 0.0 |> List.tail

                                    let places = (places |> List.map (fun far -> -far / h)) @ [ 1.0 ]
                                    unify h places before d0 (List.truncate count earlier @ [ d ])
                                | _ -> z

                            let count = if rho' = 0.0 then 0 else min anneal.Earlier.Length (k - 1)
                            let places = gaps |> List.truncate count |> List.scan (+) 0.0 |> List.tail
                            let earlier = if count = 0 then [] else kept |> List.tail |> List.truncate count

                            let next =
                                if rho' = 0.0 then
                                    d
                                else
                                    unify h (places |> List.map (fun far -> -far / h)) corrected d earlier

                            next
                            :: corrected
                            :: d
                            :: (if anneal.Earlier.IsEmpty then [] else kept |> List.tail |> List.truncate 2)
                }
            | ("churn" | "churnWithin"), s :: rest ->
                let least, most, factor =
                    match rest with
                    | [ least; most; factor; _ ] -> float least, float most, float factor
                    | _ -> 0.0, infinity, 1.0

                let raised =
                    if rho >= least && rho <= most then
                        rho * (1.0 + min (float s / float anneal.Count) (sqrt 2.0 - 1.0))
                    else
                        rho

                let after, _ = Steps.moveFrom forward score (List.last rest) (levelAt raised) lower

                let drawn = factor * sqrt (raised * raised - rho * rho)

                {
                    Draws = if drawn = 0.0 then 0 else 1
                    Step =
                        fun z _ draws ->
                            [ times (1.0 / lower.M) (after (times (levelAt raised).M (noised drawn draws z))) ]
                }
            | _ -> invalidOp $"'{method.Word}' has no second reading"

        (fun state draws ->
            match found.Step (times (1.0 / upper.M) state.Head) state.Tail draws with
            | z :: kept -> times lower.M z :: kept
            | [] -> invalidOp "a step without a state"),
        found.Draws
    | Kinetic(splitting, gamma, h, isFirst, at) ->
        // dx = v dt; dv = s dt; dv = −γv dt + √(2γ) dB, each exactly, letter by letter.
        let kick t (x, v) = x, plus [ v; times t (score at x) ]
        let drift t (x, v) = plus [ x; times t v ], v

        let friction t draw (x, v) =
            x, plus [ times (exp (-gamma * t)) v; times (sqrt (1.0 - exp (-2.0 * gamma * t))) draw ]

        (fun state draws ->
            // The velocity stands before what a predictor keeps.
            let v, kept, draws =
                if isFirst then
                    List.head draws, state.Tail, List.tail draws
                else
                    state[1], List.skip 2 state, draws

            let x, v =
                match splitting, draws with
                | "obabo", [ one; two ] ->
                    (state.Head, v)
                    |> friction (h / 2.0) one
                    |> kick (h / 2.0)
                    |> drift h
                    |> kick (h / 2.0)
                    |> friction (h / 2.0) two
                | "baoab", [ one ] ->
                    (state.Head, v)
                    |> kick (h / 2.0)
                    |> drift (h / 2.0)
                    |> friction h one
                    |> drift (h / 2.0)
                    |> kick (h / 2.0)
                | _ -> invalidOp $"'{splitting}' has no second reading"

            x :: v :: kept),
        (if splitting = "obabo" then 2 else 1) + (if isFirst then 1 else 0)
    | Rest -> (fun state _ -> state.Head :: List.skip 2 state), 0
    | Midpoint(h, at) ->
        // A uniform fraction of a normal draw, then the path up to there and from there.
        (fun state draws ->
            let u = MathNet.Numerics.Distributions.Normal.CDF(0.0, 1.0, Array.head draws[0])
            let upTo = times (sqrt (2.0 * u * h)) draws[1]
            let from = times (sqrt (2.0 * (1.0 - u) * h)) draws[2]
            let middle = plus [ state.Head; times (u * h) (score at state.Head); upTo ]
            plus [ state.Head; times h (score at middle); upTo; from ] :: state.Tail),
        3
    | _ ->
        let map, noise = Steps.move forward score event

        (fun state draws ->
            match draws with
            | [ draw ] -> plus [ map state.Head; times noise draw ] :: state.Tail
            | _ -> map state.Head :: state.Tail),
        (if noise = 0.0 then 0 else 1)
