namespace Sgm.Verification.Certificates

open System
open Sgm.Engine

/// What a step does to W2 on one block, and the noise C that it draws: w ← Lip·w + Add, and also w ← √((Lip·w + Mean)² + Centred²).
[<Struct>]
type internal Contraction = { Lip: float; Add: float; Mean: float; Centred: float; Noise: float }

/// Many steps as one.
module internal Contraction =
    let private up x = x * (1.0 + 1e-13)

    /// add·(1 + lip + … + lipⁿ⁻¹).
    let series (n: int64) lip add =
        let count = float n

        if add = 0.0 then
            0.0
        elif lip = 1.0 || Double.IsInfinity lip then
            count * add * lip
        else
            // (lipⁿ − 1)/(lip − 1) without the cancellation near 1.
            let rate = RealFunctions.LogOnePlus(lip - 1.0)
            let sum = add * RealFunctions.ExpM1(count * rate) / (lip - 1.0)
            min sum (if lip <= 1.0 then count * add else infinity)

    /// n rounds as one: w ← Lip·w + Add, and w ← Lip·w + Mean + Centred.
    let power (n: int64) (one: Contraction) =
        let spare = 1.0 + 1e-12 + 1e-15 * float n
        let square = Math.BitIncrement(one.Lip * one.Lip)

        { one with
            Lip = one.Lip ** float n * spare
            Add = series n one.Lip one.Add * spare
            Mean = series n one.Lip one.Mean * spare
            Centred = sqrt (series n square (one.Centred * one.Centred)) * spare
        }

    /// factor·x, 0 where nothing grows without bound.
    let times factor x = if x = 0.0 then 0.0 else factor * x

    /// After one round.
    let once (one: Contraction) w =
        let moved = times one.Lip w + one.Mean
        up (min (times one.Lip w + one.Add) (sqrt (moved * moved + one.Centred * one.Centred)))

    /// After n rounds. (With aₖ₊₁ = Lip·aₖ + Mean and rₖ₊₁² = Lip²·rₖ² + Centred², w ≤ a + r stays so.)
    let rounds (n: int64) (one: Contraction) w =
        if n = 0L then
            w
        else
            let all = power n one
            up (times all.Lip w + min all.Add (all.Mean + all.Centred))

    /// One after the other.
    let following (first: Contraction) (next: Contraction) =
        let carried = next.Lip * first.Centred

        {
            Lip = up (first.Lip * next.Lip)
            Add = up (next.Lip * first.Add + next.Add)
            Mean = up (next.Lip * first.Mean + next.Mean)
            Centred = up (sqrt (carried * carried + next.Centred * next.Centred))
            Noise = next.Noise
        }
