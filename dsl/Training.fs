namespace Sgm

open System
open System.Runtime.CompilerServices
open Sgm.Engine

/// The levels that a network was trained at, x_k = √ᾱ_k·X + √(1 − ᾱ_k)·Z with ᾱ_k = Π_{j ≤ k} (1 − β_j), k = 0..N−1: by the time t_k =
/// −½·ln ᾱ_k at which vp has them; and the indices k of those that a run visits.
module internal Training =
    let private known = ConditionalWeakTable<obj, float[]>()

    /// The times that belong to a value, computed once.
    let kept (owner: obj) (times: unit -> float[]) = known.GetValue(owner, (fun _ -> times ()))

    /// Times from β_0, …, β_{N−1}.
    let private ofBetas n beta =
        let times = Array.zeroCreate<float> n
        // Rounding of the sum is carried along (Kahan), so that a level does not depend on how many come before it.
        let mutable sum, lost = 0.0, 0.0

        for k in 0 .. n - 1 do
            let added = -0.5 * RealFunctions.LogOnePlus -(beta k) - lost
            let next = sum + added
            lost <- (next - sum) - added
            sum <- next
            times[k] <- sum

        times

    /// From first to last in N numbers, evenly.
    let private along first last n k = if n = 1 then first else first + (last - first) * float k / float (n - 1)

    /// β in equal steps.
    let linear first last n = ofBetas n (along first last n)

    /// √β in equal steps.
    let scaledLinear first last n =
        ofBetas n (fun k ->
            let root = along (sqrt first) (sqrt last) n k
            root * root)

    /// β along the logistic function from −6 to 6.
    let sigmoid first last n = ofBetas n (fun k -> first + (last - first) / (1.0 + exp -(along -6.0 6.0 n k)))

    /// ᾱ_k = f(k + 1)/f(0), f(j) = cos²(π/2·(j/N + s)/(1 + s)), s = 0.008, and β_{N−1} = 0.999, the clip, which nothing else reaches.
    let cosine n =
        let s = 0.008
        let angle j = (float j / float n + s) / (1.0 + s) * Math.PI / 2.0

        // −½·ln ᾱ = ln(cos θ_0/cos θ_j), and cos θ_0 = cos θ_j + 2·sin((θ_j + θ_0)/2)·sin((θ_j − θ_0)/2).
        let time j =
            let low, high = angle 0, angle j
            let step = Math.PI / 2.0 * float j / float n / (1.0 + s)
            RealFunctions.LogOnePlus(2.0 * sin (0.5 * (high + low)) * sin (0.5 * step) / cos high)

        Array.init n (fun k ->
            if k = n - 1 then
                (if k = 0 then 0.0 else time k) + 0.5 * log 1000.0
            else
                time (k + 1))

    /// √ᾱ_k ← (√ᾱ_k − √ᾱ_{N−1})·√ᾱ_0/(√ᾱ_0 − √ᾱ_{N−1}): ∞ for the last.
    let zeroSnr (times: float[]) =
        let last = times[times.Length - 1]
        let rest t = log -(RealFunctions.ExpM1(t - last))
        let first = rest times[0]
        times |> Array.map (fun t -> t + (first - rest t))

    /// Index i of k, by arange(N, 0, −N/k), rounded to even halves, less 1.
    let trailing n k i =
        // As NumPy fills a range: the step is what the first two elements differ by.
        let step = (float n - float n / float k) - float n
        int (Math.Round(float n + float i * step)) - 1

    /// Index i of k, by linspace(0, N − 1, k), rounded to even halves, from its end.
    let linspace n k i =
        if k = 1 then
            0
        else
            let at = k - 1 - i

            if at = k - 1 then
                n - 1
            else
                int (Math.Round(float at * (float (n - 1) / float (k - 1))))
