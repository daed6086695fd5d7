namespace Sgm.Verification

open System

/// Bounds on a complex neighbourhood: |p|, |∇ln p|, |∇²ln p| (Frobenius), |ln p|.
[<Struct>]
type internal AnalyticBounds =
    {
        P: float
        Slope: float
        Bend: float
        Log: float
    }

    static member Zero = { P = 0.0; Slope = 0.0; Bend = 0.0; Log = 0.0 }

/// Bounds of a mixture p = Σ e^(q_k) on a complex neighbourhood, from those of its components relative to R, the one that is
/// largest in the middle. The proof is in README.md of this folder (*M.*).
type internal NearBounds() =
    /// ln of what is left out of a neighbourhood and of those in it, beside what is kept.
    let negligible = -80.0

    let mutable bad, others, p, slope, bend, rest, restBend = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0

    /// A component: bounds of Re(q_k − q_R), |Im(q_k − q_R)|, |∇q_k|, ‖∇²q_k‖ + |∇q_k|² and Re q_k. Whether it counts here and
    /// in neighbourhoods that are parts of this one.
    member _.Add(isReference, up: float, turn, size: float, second: float, largest: float) =
        if turn > Math.PI / 3.0 then
            bad <- bad + exp up

        if not isReference then
            others <- others + exp up

        p <- p + exp largest

        if up > -60.0 then
            slope <- max slope size
            bend <- max bend second
        else
            rest <- rest + 2.0 * exp up * size
            restBend <- restBend + 2.0 * exp up * second

        up > negligible || second * second > 1e12 * (1.0 + bend * bend)

    /// None where p might vanish; `reference` is a bound of |q_R|.
    member _.Found reference =
        if bad <= 0.5 then
            let slope = 3.0 * slope + rest

            ValueSome
                {
                    P = p
                    Slope = slope
                    Bend = 3.0 * bend + restBend + slope * slope
                    Log = reference + log (1.0 + others) + 2.3
                }
        else
            ValueNone
