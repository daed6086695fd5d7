namespace Sgm

/// Whether a forward process is one, whether a schedule is strictly decreasing, and whether its levels are numbers that the formulas
/// can bear.
module internal CheckSchedule =
    open CheckNumber

    let private mostTransitions = 10_000_000

    /// Levels that are computed one after the other, or listed in a forward process.
    let private mostListed = 100_000

    /// Beyond this time e^(−t) is so small that the state is noise to every digit.
    let private latestTime = 300.0

    /// Beyond this ρ = σ/m likewise.
    let private largestRatio = 1e50

    let private part name (place: Place) = place @ [ Segment.Part name ]

    let private isRatio x = x = 0.0 || (x >= 1e-50 && x <= largestRatio)

    /// A level parameter: 0, or a number with a noise variance that is a number.
    let private isLevel forward x =
        match forward with
        | Vp
        | SubVp -> x = 0.0 || (x >= 1e-100 && x <= latestTime)
        | Ve -> isRatio x
        | Rectified -> x = 0.0 || (x >= 1e-50 && x < 1.0)
        | LevelsOf levels -> x >= 0.0 && x <= float (List.length levels - 1) && x = floor x

    let private level (problems: Problems) forward place x =
        if not (isLevel forward x) then
            let found = Numeral.ofFloat x
            let outOfRange allowed = problems.Add(place, Fault.OutOfRange(found, allowed))

            match forward with
            | Vp
            | SubVp -> outOfRange "a time t ≥ 0 of at most 300"
            | Ve -> outOfRange "a standard deviation σ ≥ 0 (0, or between 1e-50 and 1e50)"
            | Rectified when x = 1.0 ->
                let advice =
                    "start at a level below 1, such as 0.999 (the first step from the noise itself goes to N(m′·E[X], σ′²·I) at the next level, whatever it is: a start from that law there leaves it out exactly)"

                problems.Add(place, Fault.PureNoise advice)
            | Rectified -> outOfRange "a time t from 0 to below 1 (0, or from 1e-50 on)"
            | LevelsOf levels ->
                outOfRange
                    $"the number of a level, whole, from 0 (the last one) to {List.length levels - 1} (the first)"

    /// The levels of `levelsOf`: numbers that the formulas can bear, and ρ = σ/m decreasing.
    let forward (problems: Problems) (place: Place) forward =
        match forward with
        | Vp
        | Ve
        | SubVp
        | Rectified -> ()
        | LevelsOf levels ->
            let before = problems.Count
            let isMean m = m >= 1e-50 && m <= 1e50

            levels
            |> List.iteri (fun i (mean, sigma) ->
                let at name = place @ [ Segment.Item("level", i + 1); Segment.Part name ]

                if mean = 0.0 then
                    problems.Add(at "mean", Fault.PureNoise "start from the next level, or list a small m")
                elif not (isMean mean) then
                    problems.Add(at "mean", Fault.OutOfRange(Numeral.ofFloat mean, "m > 0 (between 1e-50 and 1e50)"))

                if not (isRatio sigma) then
                    problems.Add(
                        at "sigma",
                        Fault.OutOfRange(Numeral.ofFloat sigma, "σ ≥ 0 (0, or between 1e-50 and 1e50)")
                    ))

            let count = List.length levels

            if count < 2 || count > mostListed then
                problems.Add(place, Fault.OutOfRange($"{count} levels", $"from 2 to {mostListed}"))

            if problems.Count = before then
                let ratios = levels |> List.map (fun (mean, sigma) -> sigma / mean)

                List.pairwise ratios
                |> List.tryFindIndex (fun (upper, lower) -> not (lower < upper))
                |> Option.iter (fun i ->
                    problems.Add(
                        place @ [ Segment.Item("level", i + 2) ],
                        Fault.OutOfRange(
                            $"σ/m = {Numeral.ofFloat ratios[i + 1]} after {Numeral.ofFloat ratios[i]}",
                            "levels with ρ = σ/m strictly decreasing, the noisiest first"
                        )
                    ))

    /// The formulas are smooth and their relative steps monotone, so the ends of a long schedule decide.
    let private indices n =
        if n <= 20_000 then
            seq { 1..n }
        else
            seq {
                yield! seq { 1..10_000 }
                yield! seq { n - 9_999 .. n }
            }

    let private decreasing (problems: Problems) forward place schedule =
        let parameter = Schedule.parameter forward schedule

        indices (Schedule.transitions schedule)
        |> Seq.tryFind (fun i -> not (parameter i < parameter (i - 1)))
        |> Option.iter (fun i ->
            let place =
                match schedule with
                | Levels _ -> place @ [ Segment.Item("level", i + 1) ]
                | _ -> place

            problems.Add(place, Fault.NotDecreasing(i, parameter (i - 1), parameter i)))

    let private transitions (problems: Problems) place n =
        if n < 1 || n > mostTransitions then
            problems.Add(place, Fault.OutOfRange(string n, $"a number of transitions from 1 to {mostTransitions}"))

    /// β in (0, 1), from the first to the last.
    let private betas (problems: Problems) place first last =
        for name, beta in [ "first", first; "last", last ] do
            if not (beta >= 1e-15 && beta < 1.0) then
                let advice =
                    if beta >= 1.0 then
                        "; the SDE with β from 0.1 to 20 in continuous time is linearBeta 0.1 20.0 n"
                    else
                        ""

                problems.Add(
                    part name place,
                    Fault.OutOfRange(Numeral.ofFloat beta, $"a β from 1e-15 to below 1{advice}")
                )

    /// How many levels of training there may be.
    let private count (problems: Problems) place least n =
        if n < least || n > mostListed then
            problems.Add(
                part "n" place,
                Fault.OutOfRange(string n, $"a number of levels of training from {least} to {mostListed}")
            )

    /// Parts of a schedule, whose numbers are of this forward process; `least` is the fewest levels of training that make sense.
    let rec private parts (problems: Problems) forward place least schedule =
        let level = level problems forward

        let ends a b n =
            level (part "a" place) a
            level (part "b" place) b
            transitions problems (part "n" place) n

        let noZero b =
            if b = 0.0 then
                problems.Add(
                    part "b" place,
                    Fault.OutOfRange(
                        "0.0",
                        "a last level > 0: equal ratios never reach 0 (toZero adds it; uniform and karras do)"
                    )
                )

        let exponent rho =
            if not (rho >= 0.01 && rho <= 100.0) then
                problems.Add(part "rho" place, Fault.OutOfRange(Numeral.ofFloat rho, "an exponent from 0.01 to 100"))

        /// Levels that are computed from ρ.
        let converted word =
            match forward with
            | LevelsOf _ -> problems.Add(place, Fault.BetweenListed word)
            | Vp
            | Ve
            | SubVp
            | Rectified -> ()

        let spaced word k inner fits allowed =
            if not (Schedule.isTraining inner) then
                problems.Add(place, Fault.NotTraining word)
            else
                let before = problems.Count
                parts problems forward place 1 inner

                if problems.Count = before then
                    let n = Schedule.transitions inner + 1

                    if not (k >= 1 && k <= n && fits n) then
                        problems.Add(part "k" place, Fault.OutOfRange(string k, allowed n))

        match schedule with
        | Uniform(a, b, n) -> ends a b n
        | Geometric(a, b, n) ->
            ends a b n
            noZero b
        | Karras(rho, a, b, n) ->
            ends a b n
            exponent rho
        | Polyexponential(rho, a, b, n) ->
            ends a b n
            noZero b
            exponent rho
        | Levels parameters ->
            items "level" (isLevel forward) level place parameters

            if parameters.IsEmpty then
                problems.Add(place, Fault.Empty "at least two levels, one transition")
            elif List.length parameters > mostTransitions then
                transitions problems place (List.length parameters - 1)
        | Linear(first, last, n)
        | ScaledLinear(first, last, n)
        | Sigmoid(first, last, n) ->
            converted "levels of training"
            betas problems place first last
            count problems place least n
        | Cosine n ->
            converted "levels of training"
            count problems place least n
        | ZeroSnr inner ->
            match inner with
            | Linear _
            | ScaledLinear _
            | Sigmoid _
            | Cosine _ -> parts problems forward place 2 inner
            | _ -> problems.Add(place, Fault.NotTraining "zeroSnr")
        | Leading(offset, k, inner) ->
            if offset < 0 then
                problems.Add(part "offset" place, Fault.OutOfRange(string offset, "an offset ≥ 0"))

            let fits n = (k - 1) * (n / k) + offset <= n - 1

            spaced "leading" k inner fits (fun n ->
                $"from 1 to {n} levels whose last index (k − 1)·(n div k) + offset is at most {n - 1}")
        | Trailing(k, inner) -> spaced "trailing" k inner (fun _ -> true) (fun n -> $"from 1 to {n} levels")
        | Linspace(k, inner) -> spaced "linspace" k inner (fun _ -> true) (fun n -> $"from 1 to {n} levels")
        | InRatio inner ->
            converted "inRatio"

            if isPlain inner then
                parts problems Ve place least inner
            else
                problems.Add(place, Fault.NotPlain "inRatio")
        | InBetaTime(first, last, inner) ->
            converted "inBetaTime"

            for name, beta in [ "first", first; "last", last ] do
                if not (beta = 0.0 || (beta >= 1e-50 && beta <= 1e50)) then
                    problems.Add(
                        part name place,
                        Fault.OutOfRange(Numeral.ofFloat beta, "a rate β ≥ 0 of at most 1e50")
                    )

            if isPlain inner then
                // Times of another clock, of which the result is checked.
                parts problems Ve place least inner
            else
                problems.Add(place, Fault.NotPlain "inBetaTime")
        | Shift(s, inner) ->
            converted "shift"
            positive problems (part "s" place) "a factor" s
            parts problems forward place least inner
        | ToZero inner -> parts problems forward place 1 inner

    /// Numbers whose meaning is still open.
    and private isPlain schedule =
        match schedule with
        | Uniform _
        | Geometric _
        | Karras _
        | Polyexponential _
        | Levels _ -> true
        | ToZero inner -> isPlain inner
        | _ -> false

    /// The first and the last level, where the schedule's own numbers are other ones.
    let private results (problems: Problems) forward place schedule =
        for i in [ 0; Schedule.transitions schedule ] |> List.distinct do
            let found = Schedule.parameter forward schedule i

            if found = infinity || (forward = Rectified && found = 1.0) then
                let advice =
                    "leave it out: zeroSnr goes with leading, which does not visit the last level of training; or do without zeroSnr"

                problems.Add(place, Fault.PureNoise advice)
            else
                level problems forward place found

    /// Whether the schedule is valid; everything that is wrong goes into `problems`.
    let check (problems: Problems) forward place schedule =
        let before = problems.Count

        if Schedule.depth schedule > Syntax.deepestValue then
            problems.Add(place, Fault.TooDeep Syntax.deepestValue)
        else
            parts problems forward place 1 schedule

        if problems.Count = before && Schedule.transitions schedule < 1 then
            problems.Add(place, Fault.Empty "at least two levels, one transition (toZero adds the data)")

        let isDerived = (Schedule.inner schedule).IsSome || Schedule.isTraining schedule

        if problems.Count = before && isDerived then
            results problems forward place schedule

        if problems.Count = before then
            decreasing problems forward place schedule

        problems.Count = before
