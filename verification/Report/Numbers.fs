namespace Sgm.Verification.Report

open System

/// Numbers for readers: few digits, a real minus sign, powers of ten as powers of ten.
module Numbers =
    let private superscripts = "⁰¹²³⁴⁵⁶⁷⁸⁹"

    /// An integer as an exponent: −3 is "⁻³".
    let superscript (n: int) = string n |> String.map (fun c -> if c = '-' then '⁻' else superscripts[int c - int '0'])

    let private withMinus (value: string) = value.Replace('-', '−')

    let private trimmed (value: string) = if value.Contains '.' then value.TrimEnd('0').TrimEnd('.') else value

    let private fixedPoint decimals (x: float) = x.ToString $"F{max 0 decimals}" |> withMinus

    /// x to so many significant digits; "–" for NaN.
    let significant digits (x: float) =
        if Double.IsNaN x then
            "–"
        elif Double.IsInfinity x then
            if x > 0.0 then "∞" else "−∞"
        elif x = 0.0 then
            "0"
        else
            // Rounded first, so that 9.9996 counts as 10.
            let rounded = Double.Parse(x.ToString $"E{digits - 1}")
            let exponent = int (floor (log10 (abs rounded) + 1e-12))

            if exponent >= -3 && exponent < max 4 digits then
                fixedPoint (digits - 1 - exponent) rounded |> trimmed
            else
                let mantissa = rounded / 10.0 ** float exponent |> fixedPoint (digits - 1) |> trimmed
                let power = $"10{superscript exponent}"

                match mantissa with
                | "1" -> power
                | "−1" -> "−" + power
                | _ -> $"{mantissa}×{power}"

    /// The least number of so many significant digits that is not below x: a bound is rounded up, never down.
    let upward digits (x: float) =
        if x <= 0.0 || not (Double.IsFinite x) then
            x
        else
            let nearest (y: float) = Double.Parse(y.ToString $"E{digits - 1}")
            let rounded = nearest x

            if rounded >= x then
                rounded
            else
                nearest (x + 10.0 ** (floor (log10 x) - float (digits - 1)))

    /// Measured values and bounds.
    let short x = significant 4 x

    /// Values that were chosen, not measured.
    let chosen x = significant 6 x

    /// measured/bound. Close to 1 the distance from 1 is what matters.
    let ratio (x: float) =
        let distance = abs (x - 1.0)

        if distance > 0.0 && distance < 1e-3 then
            let sign = if x < 1.0 then "−" else "+"
            $"1 {sign} {significant 2 distance}"
        else
            significant 3 x

    /// An exponent and its interval, with as many digits as the interval supports: "1.0013", "[0.9994, 1.0013]"; "± …" for
    /// an interval too narrow to spell out.
    let interval (value: float) (lower: float) (upper: float) =
        let width = upper - lower

        if width < 1e-5 then
            fixedPoint 5 value, $"± {significant 1 (max (upper - value) (value - lower))}"
        else
            let decimals =
                if Double.IsInfinity width then
                    3
                else
                    Math.Clamp(int (ceil -(log10 width)), 2, 6)

            let unit = 10.0 ** float -decimals
            // Rounded outwards, so that what is shown covers what was found.
            let outwards (round: float -> float) x = fixedPoint decimals (round (x / unit) * unit)
            fixedPoint decimals value, $"[{outwards floor lower}, {outwards ceil upper}]"

    /// A duration.
    let seconds (x: float) =
        if x < 0.01 then "< 0.01 s"
        elif x < 1.0 then x.ToString "0.00 s"
        elif x < 100.0 then x.ToString "0.0 s"
        else $"{int x / 60} min {int x % 60} s"
