namespace Sgm

open Sgm.Engine

/// Whether discrete diffusion is well formed.
module internal CheckDiscrete =
    open CheckNumber

    let private mostSymbols = 256
    let private mostCoordinates = 10_000_000
    let private mostEnergy = 300.0
    let private mostBias = 20.0

    let private part name (place: Place) = place @ [ Segment.Part name ]
    let private item name i (place: Place) = place @ [ Segment.Item(name, i + 1) ]

    let private outOfRange (problems: Problems) place found allowed =
        problems.Add(place, Fault.OutOfRange(found, allowed))

    /// Weights that sum to 1.
    let private weights (problems: Problems) place (values: float list) =
        let before = problems.Count

        items
            "entry"
            (fun w -> w >= 0.0 && w <= 1.0)
            (fun at w -> outOfRange problems at (Numeral.ofFloat w) "a share between 0 and 1")
            place
            values

        let sum = List.sum values

        if problems.Count = before && abs (sum - 1.0) > 1e-9 then
            problems.Add(place, Fault.WeightSum sum)

    let private symbols problems place n =
        if n < 2 || n > mostSymbols then
            outOfRange problems place $"{n} symbols" $"2 to {mostSymbols}"

    let private states problems place symbols dimension =
        let found = float symbols ** float dimension

        if found > float FiniteTarget.MostStates then
            outOfRange
                problems
                place
                $"{symbols}^{dimension} = {Numeral.brief found} states, of which each has a mass"
                $"at most {FiniteTarget.MostStates}; take fewer coordinates, or 'independent' ones, which are kept one by one"

    let private isSum law =
        match law with
        | SymbolLaw.LatentClasses _ -> true
        | SymbolLaw.Table _
        | SymbolLaw.Independent _
        | SymbolLaw.IsingChain _ -> false

    /// S and d of a law, if it is right.
    let rec private law (problems: Problems) place own : struct (int * int) voption =
        let before = problems.Count

        match own with
        | SymbolLaw.Table(n, masses) ->
            symbols problems (part "symbols" place) n

            if problems.Count = before then
                let struct (_, dimension) = if masses.IsEmpty then struct (n, 0) else Discrete.shape own

                if dimension < 1 || float n ** float dimension <> float masses.Length then
                    outOfRange
                        problems
                        (part "masses" place)
                        $"{masses.Length} masses of {n} symbols"
                        $"{n}^d of them, one a state: {n}, {n * n}, {n * n * n}, …"

                states problems place n dimension

            weights problems (part "masses" place) masses
        | SymbolLaw.Independent blocks ->
            if blocks.IsEmpty then
                problems.Add(place, Fault.Empty "at least one block of coordinates")
            else
                let n = (snd blocks.Head).Length
                symbols problems place n

                for i, (count, masses) in List.indexed blocks do
                    let at = item "block" i place
                    atLeast problems (part "copies" at) "a number of copies" 1 count

                    if masses.Length <> n then
                        outOfRange problems at $"{masses.Length} masses" $"{n}, as in the first block"

                    weights problems at masses

                let all = blocks |> List.sumBy (fst >> float)

                if all > float mostCoordinates then
                    problems.Add(place, Fault.TooManyDimensions(all, mostCoordinates))
        | SymbolLaw.LatentClasses components ->
            if components.IsEmpty then
                problems.Add(place, Fault.Empty "at least one class")
            elif components |> List.exists (snd >> isSum) then
                problems.Add(place, Fault.NestedMixture)
            else
                weights problems place (List.map fst components)
                let shapes = components |> List.mapi (fun i (_, inner) -> law problems (item "class" i place) inner)

                match shapes with
                | ValueSome first :: others ->
                    let struct (n, dimension) = first

                    for i, other in List.indexed others do
                        if other <> ValueNone && other <> ValueSome first then
                            let struct (m, e) = other.Value

                            outOfRange
                                problems
                                (item "class" (i + 1) place)
                                $"{e} coordinates of {m} symbols"
                                $"{dimension} of {n}, as in the first class"

                    states problems place n dimension
                | _ -> ()
        | SymbolLaw.IsingChain(dimension, coupling, field) ->
            atLeast problems (part "dimension" place) "a number of spins" 1 dimension
            finite problems (part "coupling" place) coupling
            finite problems (part "field" place) field
            states problems (part "dimension" place) 2 dimension
            let energy = abs coupling * float (dimension - 1) + abs field * float dimension

            if problems.Count = before && energy > mostEnergy then
                outOfRange
                    problems
                    place
                    $"|J|·(d − 1) + |b|·d = {Numeral.brief energy}"
                    $"at most {Numeral.brief mostEnergy}, beyond which masses are no numbers"

        if problems.Count = before then ValueSome(Discrete.shape own) else ValueNone

    /// Everything that is wrong; of the fields that were read.
    let check (problems: Problems) (read: string -> bool) (experiment: Experiment) (own: Discrete) =
        let at name : Place = [ Segment.Part name ]
        let shape = if read "target" then law problems (at "target") own.Law else ValueNone

        if read "rates" then
            match own.Rates.Of with
            | None -> ()
            | Some other ->
                match law problems (at "rates") other, shape with
                | ValueSome found, ValueSome expected when found <> expected ->
                    let struct (m, e) = found
                    let struct (n, d) = expected

                    outOfRange
                        problems
                        (at "rates")
                        $"{e} coordinates of {m} symbols"
                        $"{d} of {n}, as those of the target"
                | ValueSome found, ValueSome _ ->
                    let struct (n, d) = found

                    match own.Law, other with
                    | SymbolLaw.Independent _, SymbolLaw.Independent _ -> ()
                    | _ -> states problems (at "rates") n d
                | _ -> ()

            if not (abs own.Rates.Bias <= mostBias) then
                outOfRange
                    problems
                    (at "rates")
                    $"a bias of {Numeral.ofFloat own.Rates.Bias}"
                    $"one between -{Numeral.brief mostBias} and {Numeral.brief mostBias}"

        if read "times" then
            CheckSchedule.check problems Vp (at "times") own.Times |> ignore

        match experiment.Start with
        | Prior
        | Warm -> ()
        | From _
        | Point _ ->
            outOfRange
                problems
                (at "start")
                "a law or a point of R^d"
                "prior (uniform symbols) or warm (the target at T)"

        for metric in experiment.Measure do
            if metric = Metric.W2 then
                outOfRange problems (at "measure") "w2" "tv, kl or chi2: symbols have no distance from each other"

    /// Euler's step where it is none.
    let steps (problems: Problems) (run: FiniteProcess) =
        let found = run.TooLong()

        if found.HasValue then
            let struct (t, h, most) = found.Value

            outOfRange
                problems
                [ Segment.Part "times" ]
                ($"a step of {Numeral.brief h} from t = {Numeral.brief t}, where a coordinate jumps at a rate up to "
                 + $"{Numeral.brief (1.0 / most)}: Euler's probability of staying is negative")
                ($"steps of at most {Numeral.brief most} there; take more steps or a geometric schedule, stop earlier, or "
                 + "take tauLeaping, which has no limit")
