namespace Sgm.Verification.Report

open System

/// A mark on an axis.
type Tick =
    {
        At: float
        /// None for a line of the minor grid.
        Label: Markup list option
    }

/// From numbers to places on the page.
type Scale =
    {
        IsLog: bool
        /// The ends, in numbers; on a logarithmic scale both are positive.
        From: float
        To: float
        /// The places of the ends.
        Start: float
        End: float
        /// On a logarithmic scale, where zero stands: before a break in the axis.
        Zero: float option
    }

/// Making scales and ticks.
module Scale =
    /// The place of a number.
    let place scale (x: float) =
        if scale.IsLog && x <= 0.0 then
            scale.Zero |> Option.defaultValue scale.Start
        else
            let t =
                if scale.IsLog then
                    (log x - log scale.From) / (log scale.To - log scale.From)
                else
                    (x - scale.From) / (scale.To - scale.From)

            scale.Start + t * (scale.End - scale.Start)

    /// The number at a place.
    let at scale place =
        let t = (place - scale.Start) / (scale.End - scale.Start)

        if scale.IsLog then
            scale.From * (scale.To / scale.From) ** t
        else
            scale.From + t * (scale.To - scale.From)

    /// Whether equal steps or equal factors fit the values better.
    let isGeometric (values: float list) =
        let values = values |> List.distinct |> List.sort |> List.filter (fun x -> x > 0.0)

        let steps = values |> List.pairwise |> List.map (fun (a, b) -> b - a)

        match steps with
        | []
        | [ _ ] -> values.Length < 2 || List.last values / values.Head > 5.0
        | _ -> List.max steps > 1.5 * List.min steps

    /// A logarithmic scale over positive numbers, with some air and at least half a decade.
    let logarithmic (values: float list) air (start: float) (finish: float) =
        let positive = values |> List.filter (fun x -> x > 0.0 && not (Double.IsInfinity x))
        let low, high = log10 (List.min positive), log10 (List.max positive)
        let missing = max 0.0 (0.5 - (high - low)) / 2.0
        let pad = air * (high - low + 2.0 * missing)
        let hasZero = List.exists (fun x -> x = 0.0) values
        let room = if hasZero then 0.14 * (finish - start) else 0.0

        {
            IsLog = true
            From = 10.0 ** (low - missing - pad)
            To = 10.0 ** (high + missing + pad)
            Start = start + room
            End = finish
            Zero = if hasZero then Some(start + 0.3 * room) else None
        }

    /// A scale of equal steps, with some air.
    let linear (values: float list) air (start: float) (finish: float) =
        let low, high = List.min values, List.max values
        let pad = if high > low then air * (high - low) else max 1.0 (abs high) * 0.5

        {
            IsLog = false
            From = low - pad
            To = high + pad
            Start = start
            End = finish
            Zero = None
        }

    /// A power of ten with a raised exponent.
    let powerOfTen (exponent: int) =
        [
            Text "10"
            Element("tspan", [ "dy", "-5"; "font-size", "9" ], [ Text((string exponent).Replace('-', '−')) ])
        ]

    /// 2·10^−4 with a raised exponent.
    let private scientific mantissa exponent =
        if mantissa = 1 then
            powerOfTen exponent
        else
            Text $"{mantissa}×" :: powerOfTen exponent

    let private plain x = [ Text(Numbers.chosen x) ]

    /// The round step 1, 2 or 5 times a power of ten that makes about so many ticks.
    let private niceStep (span: float) about =
        let rough = span / float about
        let power = 10.0 ** floor (log10 rough)

        [ 1.0; 2.0; 5.0; 10.0 ] |> List.map (fun m -> m * power) |> List.find (fun step -> step >= rough * 0.999)

    let private linearTicks scale about =
        let step = niceStep (scale.To - scale.From) about
        let first = ceil (scale.From / step)

        [
            for i in 0.0 .. floor (scale.To / step) - first do
                let at = (first + i) * step
                // Sums of steps are rounded back to the digits of the step.
                let at = Double.Parse(at.ToString "E12")
                { At = at; Label = Some(plain at) }
        ]

    /// Between decades from `low` to `high`: 1…9 times each power of ten.
    let private multiples low high =
        [
            for exponent in low..high do
                for m in 1..9 -> exponent, m, float m * 10.0 ** float exponent
        ]

    let private logTicks scale =
        let span = log10 scale.To - log10 scale.From
        let low, high = int (floor (log10 scale.From)), int (ceil (log10 scale.To))
        let within (tick: Tick) = scale.From <= tick.At * (1.0 + 1e-9) && tick.At <= scale.To * (1.0 + 1e-9)

        let ticks =
            if span > 2.6 then
                let every = int (ceil (span / 7.0))
                let readable = scale.From >= 0.005 && scale.To <= 20000.0
                let label exponent = if readable then plain (10.0 ** float exponent) else powerOfTen exponent

                [
                    for exponent, m, at in multiples low high do
                        if m = 1 && exponent % every = 0 then
                            { At = at; Label = Some(label exponent) }
                        elif (m = 1 && every > 1) || (m > 1 && span <= 6.0) then
                            { At = at; Label = None }
                ]
            elif span > 0.6 then
                let labelled = if span > 1.7 then [ 1; 3 ] else [ 1; 2; 5 ]

                [
                    for exponent, m, at in multiples low high do
                        let label = if scale.From < 1e-3 then scientific m exponent else plain at
                        { At = at; Label = (if List.contains m labelled then Some label else None) }
                ]
            else
                linearTicks scale 4

        List.filter within ticks

    let ticks scale = if scale.IsLog then logTicks scale else linearTicks scale 6
