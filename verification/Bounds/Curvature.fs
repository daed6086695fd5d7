namespace Sgm.Verification

open System
open System.Collections.Generic

/// Proven bounds for the curvature −(ln p)″ of a mixture of normal laws on the whole line, by branch and bound over intervals.
module internal Curvature =
    /// Beyond `X` the component `Widest` outweighs the others. `Spread` ≥ Σ ρ_k·(a_k − a_W)² and `Excess` ≥ Σ ρ_k·(1/v_k − 1/v_W) for x ≥ X,
    /// ρ_k being the shares relative to that of W.
    type Tail = { Widest: int; X: float; Spread: float; Excess: float }

    /// Work in component evaluations: a fraction of a second.
    let private work = 500_000

    /// φ from below, φ′ from below and from above, and φ″, against w.
    let private relativeTo (law: LineLaw) w x k =
        let struct (value, error, slope, slopeError) = LinePair.relative law w k x
        let v, u = law.Variances[w], law.Variances[k]
        value - error, slope - slopeError, slope + slopeError, (v - u) / (v * u)

    let private small (law: LineLaw) tail =
        let limit = 1e-5 / law.Variances[tail.Widest]
        tail.Spread <= limit && tail.Excess <= limit

    /// The right tail from the first X, in steps of a quarter, at which both sums are 10^(−5)/v_W. With φ = −ln ρ_k, a quadratic function with φ″ ≥ 0,
    /// φ′²·e^(−φ) falls once φ′ ≥ √(2φ″), and e^(−φ) once φ′ ≥ 0: the sums at X bound those beyond.
    let private rightTail (law: LineLaw) =
        let indices = [| 0 .. law.Means.Length - 1 |]
        let w = indices |> Array.maxBy (fun k -> law.Variances[k], law.Means[k])
        let others = indices |> Array.filter (fun k -> k <> w)

        let start = (Array.max law.Means - law.Means[w]) + law.Deviations[w]

        let rec find y =
            let x = law.Means[w] + y

            if not (Double.IsFinite x) then
                None
            else
                let parts = others |> Array.map (relativeTo law w x)

                if parts |> Array.forall (fun (_, slope, _, bend) -> slope >= sqrt (2.0 * bend) * (1.0 + 1e-12)) then
                    let tail =
                        {
                            Widest = w
                            X = x
                            Spread = parts |> Array.sumBy (fun (phi, _, slope, _) -> slope * slope * exp -phi)
                            Excess = parts |> Array.sumBy (fun (phi, _, _, bend) -> bend * exp -phi)
                        }

                    if small law tail then Some tail else find (y * 1.25)
                else
                    find (y * 1.25)

        find start

    /// Both tails, the left one of the mirrored law.
    let tails (law: LineLaw) =
        match rightTail law, rightTail (LineLaw.mirrored law) with
        | Some right, Some left -> Some(left, right)
        | _ -> None

    /// The ends of the intervals to begin with.
    let private ends (law: LineLaw) left right =
        [|
            yield left
            yield right

            if law.Means.Length <= 64 then
                for k in 0 .. law.Means.Length - 1 do
                    for x in [ law.Means[k] - law.Deviations[k]; law.Means[k]; law.Means[k] + law.Deviations[k] ] do
                        if x > left && x < right then
                            yield x
        |]
        |> Array.distinct
        |> Array.sort

    /// An upper bound of Var(a) − Σ r/v = (ln p)″ from `from` on to the right (`curved`), or of Σ r/v: within 10^(−4) of the largest value that was met,
    /// unless the work runs out, when the intervals that are left count with what is certain of each.
    let private supremum curved (law: LineLaw) intervals (tails: Tail list) =
        let cell = LineCell law
        let slack = 1e-7 / Array.max law.Variances

        let precise = 1.0 / Array.max law.Variances
        let mutable met = if curved then -precise else precise
        let mutable level = Double.NegativeInfinity
        let raise value = level <- max level value

        let meet value =
            met <- max met value
            raise (met + 1e-4 * abs met + slack)

        meet met

        for tail in tails do
            raise (if curved then tail.Spread - precise else precise + tail.Excess)

        let open' = Stack<struct (float * float)>()

        for p, q in intervals do
            open'.Push(struct (p, q))

        let mutable cells = work / law.Means.Length

        while open'.Count > 0 do
            let struct (p, q) = open'.Pop()
            let middle = 0.5 * (p + q)
            cells <- cells - 1
            cell.Move(p, q)
            let struct (precise, spread) = cell.Parts()
            meet (if curved then spread - precise else precise)

            if not (cell.Holds(curved, level)) then
                if cells > 0 && middle > p && middle < q then
                    open'.Push(struct (p, middle))
                    open'.Push(struct (middle, q))
                else
                    // The least level that is certain here, by bisection below the largest of the components' own.
                    let mutable certain = cell.Largest curved
                    let mutable refused = level

                    for _ in 1..60 do
                        let between = 0.5 * (certain + refused)

                        if cell.Holds(curved, between) then certain <- between else refused <- between

                    raise certain

        level

    /// m ≤ −(ln p)″ ≤ M on the whole line: M from Σ r/v, which is met where the spread Var(a) of two components' slopes is 0.
    /// None where the numbers leave the range of a double.
    let bounds (law: LineLaw) =
        tails law
        |> Option.bind (fun (left, right) ->
            let intervals = ends law -left.X right.X |> Array.pairwise
            let lower = -(supremum true law intervals [ left; right ])
            let upper = supremum false law intervals [ left; right ]

            if Double.IsFinite lower && Double.IsFinite upper then
                Some(lower, min upper (Math.BitIncrement(1.0 / Array.min law.Variances)))
            else
                None)

    /// m ≤ −(ln p)″ ≤ M on [x, ∞), for a law whose right tail is this.
    let beyond (law: LineLaw) (tail: Tail) x =
        let intervals = if x < tail.X then ends law x tail.X |> Array.pairwise else [||]
        -(supremum true law intervals [ tail ]), supremum false law intervals [ tail ]
