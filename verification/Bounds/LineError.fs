namespace Sgm.Verification

open System
open System.Collections.Generic
open Sgm.Engine

/// The error e = s − ∇ln p of a score on the line, enclosed on intervals, and integrals of it over all of p from above. Nothing between two points is
/// missed, whatever its scale: what is not certain counts as if it were there.
type internal LineError
    (level: NoiseLevel, target: LineLaw, scored: LineLaw option, modifiers: ScoreModifier list, dimension: int) =
    let cell = LineCell target

    let branches = LineBranch(level, target, scored, modifiers, dimension)
    let score = branches.Score

    let laws = branches.Laws
    let components = laws |> List.sumBy (fun law -> law.Means.Length)
    let unit = 1.0 / sqrt (float dimension)
    let noise = level.Sigma * level.Sigma

    /// Work in component evaluations.
    let cells = max 300 (min 100_000 (2_000_000 / components))

    /// Of exponential moments, which are asked for at several λ and need no digits.
    let exponentialSplits = min cells 1000

    /// Standard deviations beyond the outermost means that are walked: a density of 10^(−297).
    let reach = 37.0 * Array.max target.Deviations
    let left, right = Array.min target.Means - reach, Array.max target.Means + reach

    /// A law's score c + t ↦ value + slope·t up to a remainder, |t| ≤ h.
    let model (cell: LineCell) c h =
        let struct (value, wrong) = cell.Score c
        let struct (precise, spread) = cell.Parts()
        let struct (steepest, bend) = cell.Derivatives()
        let slope = spread - precise
        let curved = 0.5 * bend * h * h
        let straight = (steepest + abs slope) * h
        let wrong = wrong + (1e-14 * (precise + spread) + cell.LostCurvature) * h
        let rest = (if curved <= straight then curved else straight) + wrong
        struct (value, slope, rest)

    /// gain, value, slope and rest of the model gain·∇ln p + value + slope·t ± rest of a score on [p, q], so that an exact score
    /// stays exact.
    let rec estimate (branch: Branch) place truth : struct (float * float * float * float) =
        let struct (p, q, c, h) = place
        let struct (truthValue, truthSlope, truthRest) = truth
        let mutable gain, value, slope, rest = 1.0, 0.0, 0.0, 0.0

        match branch.Cell with
        | None -> ()
        | Some other ->
            other.Move(p, q)
            let struct (v, d, r) = model other c h
            gain <- 0.0
            value <- v
            slope <- d
            rest <- r

        for modifier, parts in branch.Steps do
            match modifier with
            | :? ScoreModifier.Shifted as shifted -> value <- value + shifted.Amount * unit
            | :? ScoreModifier.Scaled as scaled ->
                gain <- gain * scaled.Factor
                value <- value * scaled.Factor
                slope <- slope * scaled.Factor
                rest <- rest * abs scaled.Factor
            | :? ScoreModifier.Blended as blend ->
                let w = blend.Weight
                // Sizes of what is added up on [p, q].
                let truthSize = abs truthValue + abs truthSlope * h + truthRest
                let mutable sizes = abs w * (abs value + abs slope * h + abs gain * truthSize)
                gain <- w * gain
                value <- w * value
                slope <- w * slope
                rest <- abs w * rest

                for w, part in parts do
                    let struct (g, v, d, r) = estimate part place truth
                    gain <- gain + w * g
                    value <- value + w * v
                    slope <- slope + w * d
                    rest <- rest + abs w * r
                    sizes <- sizes + abs w * (abs v + abs d * h + abs g * truthSize)

                // What the sums lose where parts cancel.
                rest <- rest + 1e-15 * float (1 + parts.Length) * sizes
            | :? ScoreModifier.Rippled as rippled ->
                let a, w = rippled.Amplitude * unit * sqrt 2.0, rippled.Frequency
                value <- value + a * sin (w * c)
                slope <- slope + a * w * cos (w * c)
                rest <- rest + abs a * min (0.5 * w * w * h * h) (2.0 + abs w * h)
            | :? ScoreModifier.Learned as learned ->
                let struct (v, d) = learned.Function.OnLine(level, c)
                let struct (steepest, bend) = learned.Function.Bounds level
                gain <- 0.0
                value <- v
                slope <- d
                rest <- min (0.5 * bend * h * h) ((steepest + abs d) * h)
            | :? ScoreModifier.Clipped as clipped ->
                let full = gain * truthValue + value
                let denoised = (c + noise * full) / level.Mean
                let denoisedSlope = (1.0 + noise * (gain * truthSlope + slope)) / level.Mean
                let spare = noise / level.Mean * (abs gain * truthRest + rest) + 1e-15 * abs denoised
                let moved = abs denoisedSlope * h + spare

                if abs denoised + moved > clipped.Radius then
                    let held = max -clipped.Radius (min clipped.Radius denoised)
                    gain <- 0.0
                    value <- (level.Mean * held - c) / noise
                    slope <- -1.0 / noise

                    rest <-
                        if abs denoised - moved >= clipped.Radius then
                            0.0
                        else
                            level.Mean / noise * moved
            | _ -> rest <- infinity

        struct (gain, value, slope, rest)

    /// The least and the largest |e| on [p, q].
    let enclose p q =
        let c = 0.5 * (p + q)
        let h = Math.BitIncrement(0.5 * (q - p))
        cell.Move(p, q)
        let struct (truth, truthSlope, truthRest) = model cell c h

        let struct (gain, value, slope, rest) =
            estimate score (struct (p, q, c, h)) (struct (truth, truthSlope, truthRest))

        let middle = (gain - 1.0) * truth + value
        let spread = abs ((gain - 1.0) * truthSlope + slope) * h + abs (gain - 1.0) * truthRest + rest
        let spread = spread + 1e-15 * (abs (gain - 1.0) * abs truth + abs value)
        struct (max 0.0 (abs middle - spread), abs middle + spread)

    /// P(X beyond `at`) and E|e|² there from above: (a + b·s_k)²·w_k·Φ̄(z_k), as E[(Z − z)²; Z > z] ≤ Φ̄(z) for z ≥ 0.
    let outside at =
        let value, steep = branches.Growth at
        let mutable mass, square = 0.0, 0.0

        for k in 0 .. target.Means.Length - 1 do
            let share = target.Weights[k] * LineLaw.tail (abs (at - target.Means[k]) / target.Deviations[k])
            mass <- mass + share

            if share > 0.0 then
                square <- square + share * (value + steep * target.Deviations[k]) ** 2.0

        struct (mass, square)

    /// E[e^(λe²); X beyond `at`] from above, |e| ≤ a + b·y at `at` ± y: ∫₀^∞ e^(λ(a + by)²) of every component.
    let exponentialOutside lambda isRight at =
        let struct (_, a) = enclose at at
        let b = branches.SteepestBeyond(isRight, at)

        let of' k =
            let s = target.Deviations[k]
            let z = abs (at - target.Means[k]) / s
            let bend, along = 1.0 / (s * s) - 2.0 * lambda * b * b, 2.0 * lambda * a * b - z / s

            if not (bend > 0.0) then
                infinity
            else
                let peak = if along > 0.0 then along * along / (2.0 * bend) + log 2.0 else 0.0
                let size = target.LogWeights[k] - 0.5 * z * z + lambda * a * a + peak
                0.5 * exp (size + 1e-12 * (1.0 + z * z + lambda * a * a)) / (s * sqrt bend)

        Seq.sum (Seq.init target.Means.Length of') * (1.0 + 1e-12)

    let beginning () =
        [|
            yield left
            yield right

            if components <= 64 then
                for law in laws do
                    for k in 0 .. law.Means.Length - 1 do
                        for x in [ law.Means[k] - law.Deviations[k]; law.Means[k]; law.Means[k] + law.Deviations[k] ] do
                            if x > left && x < right then
                                yield x
        |]
        |> Array.distinct
        |> Array.sort
        |> Array.pairwise

    /// Σ over intervals of (least, most), split where most − least is largest until `fine` or `splits` are done.
    let integrate splits (measure: float -> float -> struct (float * float)) (fine: float -> float -> bool) =
        let queue = PriorityQueue<struct (float * float * float * float), float>()
        let mutable least, most = 0.0, 0.0

        let add p q =
            let struct (low, high) = measure p q
            least <- least + low
            most <- most + high
            queue.Enqueue(struct (p, q, low, high), low - high)

        let sum () =
            least <- 0.0
            most <- 0.0

            for struct (struct (_, _, low, high), _) in queue.UnorderedItems do
                least <- least + low
                most <- most + high

        for p, q in beginning () do
            add p q

        let mutable left = splits

        // Sums of what came and went lose their digits, so that they are made anew before they decide.
        while left > 0
              && not (
                  fine least most
                  && (sum ()
                      fine least most)
              ) do
            let struct (p, q, low, high) = queue.Dequeue()
            let middle = 0.5 * (p + q)
            left <- left - 1

            if middle > p && middle < q then
                least <- least - low
                most <- most - high
                add p middle
                add middle q
            else
                queue.Enqueue(struct (p, q, low, high), 0.0)

            if not (most > 1e-6 * high) || left % 256 = 0 then
                sum ()

        sum ()
        struct (least, most)

    let massOf p q =
        let struct (mass, tails) = LineLaw.between target p q
        let rounding = 1e-12 * mass + 4e-15 * tails
        struct (max 0.0 (mass - rounding), mass + rounding)

    /// E|e|² from below and from above, within 0.4 % where the work allows it.
    member _.Square() =
        let measure p q =
            let struct (massLow, massHigh) = massOf p q

            if massHigh = 0.0 then
                struct (0.0, 0.0)
            else
                let struct (low, high) = enclose p q
                struct (massLow * low * low, massHigh * high * high)

        let struct (least, most) = integrate cells measure (fun least most -> most - least <= 0.004 * most)
        let struct (_, below) = outside left
        let struct (_, above) = outside right
        struct (least, most + below + above)

    /// P(|e| > t) from above: what is not certain to be good is bad.
    member _.Bad(threshold: float) =
        let measure p q =
            let struct (_, massHigh) = massOf p q

            if massHigh = 0.0 then
                struct (0.0, 0.0)
            else
                let struct (low, high) = enclose p q

                if low > threshold then struct (massHigh, massHigh)
                elif high <= threshold then struct (0.0, 0.0)
                else struct (0.0, massHigh)

        let struct (_, most) =
            integrate cells measure (fun least most -> most - least <= 1e-8 * least || most <= 1e-250)

        let struct (below, _) = outside left
        let struct (above, _) = outside right
        min 1.0 (most + below + above)

    /// ln E e^(λ|e|²) from above; +∞ where it may be infinite.
    member _.Exponential(lambda: float) =
        let beyond = exponentialOutside lambda false left + exponentialOutside lambda true right

        if not (Double.IsFinite beyond) then
            infinity
        else
            let measure p q =
                let struct (massLow, massHigh) = massOf p q

                if massHigh = 0.0 then
                    struct (0.0, 0.0)
                else
                    let struct (low, high) = enclose p q
                    let raised e = RealFunctions.ExpM1(lambda * e * e)
                    struct (massLow * raised low, massHigh * raised high * (1.0 + 1e-13))

            // A bound from above wherever it stops; what is large is of no use.
            let fine least most = least > 1e4 || Double.IsFinite most && most - least <= 0.05 * most
            let struct (_, most) = integrate exponentialSplits measure fine
            RealFunctions.LogOnePlus(most + beyond) * (1.0 + 1e-13)
