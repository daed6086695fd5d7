namespace Sgm.Verification

open System
open System.Collections.Generic

/// Proven upper bounds for the log-Sobolev and the Poincaré constant of a mixture of normal laws on the line, from two
/// criteria each (docs/theory.md).
module internal LogSobolevLine =
    /// Work in component evaluations.
    let private work = 1_000_000

    /// ln of what no step can make up for: a bound beyond is refused.
    let private beyondUse = 300.0

    let private logHalf = log 0.5

    /// The median from above: P(X ≥ x) ≤ ½, but for rounding.
    let private median (law: LineLaw) left right =
        let mutable low, high = left, right

        let mutable middle = 0.5 * (low + high)

        while low < middle && middle < high do
            if LineLaw.logAbove law middle <= logHalf then high <- middle else low <- middle
            middle <- 0.5 * (low + high)

        high

    /// An upper bound on [start, ∞), the right of the median, for the slope T′ of the monotone map T from N(0, 1) to p, T′ = I(P)/p with P = P(X ≥ x) and
    /// I(u) = φ(Φ⁻¹(u)). On a cell by the larger ends of I and p, or as (I(P)/P)·(P/p): I(u)/u falls in u, and P/p = Σ r_k·P_k/p_k is
    /// a mean of the components' Mills ratios, which fall in x. Beyond the tail's X, (ln T′)′ = V′(T)·T′ − z: where T′ is locally largest, T′² ≤ 1/V″, and in the
    /// limit too.
    let private stretch (law: LineLaw) (tail: Curvature.Tail) start =
        let cell = LineCell law

        let logMills x k =
            let z = (x - law.Means[k]) / law.Deviations[k]
            log law.Deviations[k] + LineLaw.logTail z - LineLaw.logPeak z

        let profile x = LineLaw.logProfile (min logHalf (LineLaw.logAbove law x))
        let deviation = law.Deviations[tail.Widest]
        let mutable level = deviation / sqrt (1.0 - tail.Spread * law.Variances[tail.Widest])
        let open' = Stack<struct (float * float)>()
        open'.Push(struct (start, max start tail.X))
        let mutable cells = work / law.Means.Length

        while open'.Count > 0 do
            let struct (p, q) = open'.Pop()
            let middle = 0.5 * (p + q)
            cells <- cells - 1
            let struct (least, _) = LineLaw.range law p q
            let byEnds = profile p - least

            let bound =
                if byEnds <= log level then
                    level
                else
                    cell.Move(p, q)
                    let above = LineLaw.logAbove law q
                    let logHazard = LineLaw.logProfile (min logHalf above) - above
                    // Of the others P_k/p ≤ P_k(p)/(the least p).
                    let dropped = cell.LogDroppedAbove p - least
                    exp (min byEnds (logHazard + cell.LogAverage(logMills p, dropped)))

            if not (bound <= level) then
                level <- max level (1.03 * exp (profile middle - LineLaw.logDensity law middle))

                if not (bound <= level) then
                    if cells > 0 && middle > p && middle < q && level < exp beyondUse then
                        open'.Push(struct (middle, q))
                        open'.Push(struct (p, middle))
                    else
                        level <- bound

        level

    /// The image of N(0, 1), whose constant is 1, under a Λ-Lipschitz map has C ≤ Λ². Exact for normal laws.
    let private byTransport (law: LineLaw) (left, right) centre =
        let slope = max (stretch law right centre) (stretch (LineLaw.mirrored law) left -centre)
        slope * slope

    /// ln(1 + e²/u) from ln u.
    let private logTerm logU = 2.0 - logU + Math.Log(1.0 + exp (logU - 2.0))

    /// V′ = −(ln p)′ at x.
    let private slopeAt (law: LineLaw) x =
        let height = LineLaw.logDensity law x
        let part k = exp (LineLaw.logShare law k x - height) * (x - law.Means[k]) / law.Variances[k]
        Seq.sum (Seq.init law.Means.Length part)

    /// The end X of what is summed by cells, V′ there, and bounds of V″ beyond: where V″ ≥ 0.8/v_W and V′² is twice the largest V″, or the farthest
    /// place that cells can reach. Bounds are asked for only where V″ at some places has nothing against them.
    let private farEnough (law: LineLaw) (tail: Curvature.Tail) start =
        let height = LineLaw.logDensity law start
        let enough = 0.8 / law.Variances[tail.Widest]
        let cell = LineCell law

        let mayBe x slope =
            seq { 0..15 }
            |> Seq.forall (fun i ->
                let at = x + float i / 16.0 * max 0.0 (tail.X - x)
                cell.Move(at, at)
                let struct (precise, spread) = cell.Parts()
                precise - spread >= 0.9 * enough && slope * slope >= 1.8 * (precise - spread))

        let rec find y =
            let x = start + y
            let slope = slopeAt law x
            let isLast = height - LineLaw.logDensity law x > 350.0

            if not (isLast || slope > 0.0 && mayBe x slope) then
                find (y * 1.4)
            else
                let least, most = Curvature.beyond law tail x

                if isLast || least >= enough && slope * slope >= 2.0 * most then
                    struct (x, slope, least, most)
                else
                    find (y * 1.4)

        find (Array.max law.Deviations * 0.5)

    /// What is asked of P(X ≥ x) beside ∫_median^x 1/p, from ln P(X ≥ x).
    type private Criterion =
        /// P·ln(1 + e²/P), for log-Sobolev inequalities.
        | Entropies
        /// P, for Poincaré inequalities.
        | Variances

    let private logWeight criterion logU =
        match criterion with
        | Entropies -> logU + log (logTerm logU)
        | Variances -> logU

    /// B₊ = sup_{x > median} P(X ≥ x)·ln(1 + e²/P(X ≥ x))·∫_median^x 1/p, or without the logarithm: by cells of
    /// bounded ln p up to X. Beyond it V = −ln p has V″ between m > 0 and M, and with t = V′, θ = M/t₀² < 1: P ≤ p/t;
    /// (e^V/t)′ ≥ (1 − θ)·e^V, so that ∫_X^x e^V ≤ (e^V/t − e^V₀/t₀)/(1 − θ); V ≤ V₀ + (t² − t₀²)/(2m). Without the
    /// logarithm P·∫_X^x e^V ≤ 1/(t₀²(1 − θ)).
    let private side criterion (law: LineLaw) (tail: Curvature.Tail) start =
        let resolution = 0.1
        let struct (x, slope, least, most) = farEnough law tail start
        let mutable cells = min 16000 (work / law.Means.Length)
        let mutable logArea = Double.NegativeInfinity
        let mutable best = Double.NegativeInfinity
        let open' = Stack<struct (float * float)>()
        open'.Push(struct (start, x))

        while open'.Count > 0 && cells > 0 && logArea < beyondUse do
            let struct (p, q) = open'.Pop()
            let middle = 0.5 * (p + q)
            let struct (lowest, highest) = LineLaw.range law p q
            cells <- cells - 1

            if highest - lowest > resolution && middle > p && middle < q then
                open'.Push(struct (middle, q))
                open'.Push(struct (p, middle))
            else
                logArea <- LineLaw.logSum [| logArea; log (q - p) - lowest |]
                let u = min logHalf (LineLaw.logAbove law p)
                best <- max best (logWeight criterion u + logArea)

        let height = -(LineLaw.logDensity law x)
        let theta = most / (slope * slope)

        if open'.Count > 0 || not (least > 0.0 && slope > 0.0 && theta < 0.9) || logArea >= beyondUse then
            infinity
        else
            let kept = height - log (slope * (1.0 - theta))
            let last = LineLaw.logAbove law x
            let excess = if logArea <= kept then 0.0 else exp (logWeight criterion last + logArea)
            let constant = 2.0 + exp (-2.0 - height) / slope + height - slope * slope / (2.0 * least)

            let rest =
                if criterion = Variances then 0.0
                elif constant + log slope >= 0.5 then (constant + log slope) / (slope * slope)
                else 0.5 * exp (2.0 * constant - 1.0)

            let beyond =
                match criterion with
                | Entropies -> 1.0 / (2.0 * least) + rest
                | Variances -> 1.0 / (slope * slope)

            max (exp best) (excess + beyond / (1.0 - theta))

    /// Barthe and Roberto (2003), in the convention KL ≤ (C/2)·I: C ≤ 2·max(B₋, B₊).
    let private byHardy law (left, right) centre =
        2.0 * max (side Entropies law right centre) (side Entropies (LineLaw.mirrored law) left -centre)

    /// An upper bound for C with its criterion, or why there is none.
    let bound (law: LineLaw) =
        let found =
            Curvature.tails law
            |> Option.map (fun (left, right) ->
                let centre = median law -left.X right.X
                let byMap = byTransport law (left, right) centre
                let map = "the square of the largest slope of the monotone map from N(0, 1)"

                if byMap <= 3.0 * Array.max law.Variances then
                    byMap, map
                else
                    min
                        (byMap, map)
                        (byHardy law (left, right) centre, "criterion on the line (Barthe and Roberto 2003)"))

        match found with
        | Some(c, source) when c > 0.0 && log c < beyondUse ->
            // 10^(−6) for the rounding of tails and logarithms.
            Ok(c * (1.0 + 1e-6), source)
        | _ ->
            Error
                "no log-Sobolev constant is proved for this law: its parts are too far apart for the criteria on the line; more noise (a higher last level) brings one"

    /// An upper bound for the Poincaré constant, Var_p f ≤ C·E_p f′²: Muckenhoupt's criterion from the median on both
    /// sides, C ≤ 4·max(B₋, B₊) with B₊ = sup P(X ≥ x)·∫_median^x 1/p.
    let poincare (law: LineLaw) =
        match Curvature.tails law with
        | None -> infinity
        | Some(left, right) ->
            let centre = median law -left.X right.X
            let right, left = side Variances law right centre, side Variances (LineLaw.mirrored law) left -centre
            4.0 * max right left * (1.0 + 1e-6)
