namespace Sgm

open System

/// What the checks of numbers share.
module internal CheckNumber =
    /// Numbers whose squares and reciprocals are numbers too.
    let private largest = 1e100
    let private smallest = 1e-100

    let isFinite x = abs x <= largest
    let isPositive x = x >= smallest && x <= largest

    let finite (problems: Problems) place x =
        if not (isFinite x) then
            problems.Add(place, Fault.OutOfRange(Numeral.ofFloat x, "a number between -1e100 and 1e100"))

    let positive (problems: Problems) place what x =
        if not (isPositive x) then
            problems.Add(place, Fault.OutOfRange(Numeral.ofFloat x, $"{what} > 0 (between 1e-100 and 1e100)"))

    let atLeast (problems: Problems) place what (least: int) (n: int) =
        if n < least then
            problems.Add(place, Fault.OutOfRange(string n, $"{what} ≥ {least}"))

    /// Reports the items that are not right, each at its own place: there may be millions that are.
    let items name isRight report (place: Place) (values: 'value list) =
        values
        |> List.iteri (fun i value ->
            if not (isRight value) then
                report (place @ [ Segment.Item(name, i + 1) ]) value)

    /// The same of a vector's entries.
    let entries problems = items "entry" isFinite (finite problems)

/// Whether a target is a law, and in which dimension.
module internal CheckTarget =
    open CheckNumber

    let private largestDimension = 100_000_000
    let private mostBlocks = 1_000_000

    let private part name (place: Place) = place @ [ Segment.Part name ]
    let private item name i (place: Place) = place @ [ Segment.Item(name, i + 1) ]

    let private describe target =
        match target with
        | Normal _
        | NormalDiag _
        | NormalCov _
        | Standard _ -> "a normal law"
        | Mixture _ -> "a mixture"
        | Product _ -> "a product"
        | Samples _ -> "samples"
        | Standardized _ -> "standardized samples"

    let private mean (problems: Problems) place (values: float list) =
        if values.IsEmpty then
            problems.Add(part "mean" place, Fault.Empty "a mean of at least one number")

        entries problems (part "mean" place) values
        int64 values.Length

    let private eigenvalues (problems: Problems) place (rows: float list list) =
        let covariance = Engine.Covariance.Full(array2D rows)

        if not (covariance.Smallest > 1e-12 * covariance.Largest) then
            problems.Add(place, Fault.NotPositiveDefinite(covariance.Smallest, covariance.Largest))

    let private covariance (problems: Problems) place dimension (rows: float list list) =
        let before = problems.Count

        if int64 rows.Length <> dimension then
            problems.Add(place, Fault.DimensionMismatch(rows.Length, dimension, "the mean"))

        rows
        |> List.iteri (fun i row ->
            if int64 row.Length <> dimension then
                problems.Add(item "row" i place, Fault.DimensionMismatch(row.Length, dimension, "the mean"))

            entries problems (item "row" i place) row)

        if problems.Count = before && dimension > 0L then
            let matrix = rows |> List.map Array.ofList |> Array.ofList
            let scale = matrix |> Array.map (Array.map abs >> Array.max) |> Array.max

            for i in 0 .. matrix.Length - 1 do
                for j in i + 1 .. matrix.Length - 1 do
                    if abs (matrix[i][j] - matrix[j][i]) > 1e-12 * scale then
                        problems.Add(
                            item "entry" j (item "row" i place),
                            Fault.NotSymmetric(i + 1, j + 1, matrix[i][j], matrix[j][i])
                        )

            if problems.Count = before then
                eigenvalues problems place rows

    let private samples (library: Data.Library) (problems: Problems) place file bandwidth =
        positive problems (part "bandwidth" place) "a bandwidth" bandwidth
        library.TryLoad(part "file" place, file, problems) |> Option.map (fun data -> data.Rows)

    /// Columns that cannot be brought to variance 1.
    let private columns (problems: Problems) place file (rows: float[][]) =
        if rows.Length < 2 then
            problems.Add(place, Fault.TooFewRows(file, rows.Length))
        else
            for j in 0 .. rows[0].Length - 1 do
                if rows |> Array.forall (fun row -> row[j] = rows[0][j]) then
                    problems.Add(place, Fault.ConstantColumn(file, j + 1))

    let private weights (problems: Problems) place (components: (float * Target) list) =
        let isWeight (weight, _) = weight > 0.0 && weight <= 1.0

        let report place (weight, _) =
            problems.Add(part "weight" place, Fault.OutOfRange(Numeral.ofFloat weight, "a weight > 0 and ≤ 1"))

        items "component" isWeight report place components

        let total = List.sumBy fst components

        if not (abs (total - 1.0) <= 1e-9) then
            problems.Add(place, Fault.WeightSum total)

    let private tooLarge (problems: Problems) place (size: int64) =
        if size > int64 largestDimension then
            problems.Add(place, Fault.TooManyDimensions(float size, largestDimension))
            None
        else
            Some size

    let rec private dimension (library: Data.Library) (problems: Problems) place target : int64 option =
        match target with
        | Normal(center, variance) ->
            positive problems (part "variance" place) "a variance" variance
            Some(mean problems place center)
        | NormalDiag(center, variances) ->
            let d = mean problems place center

            if int64 variances.Length <> d then
                problems.Add(part "variances" place, Fault.DimensionMismatch(variances.Length, d, "the mean"))

            let report place = positive problems place "a variance"
            items "entry" isPositive report (part "variances" place) variances
            Some d
        | NormalCov(center, rows) ->
            let d = mean problems place center
            covariance problems (part "covariance" place) d rows
            Some d
        | Standard d ->
            atLeast problems (part "dimension" place) "a dimension" 1 d
            tooLarge problems (part "dimension" place) d
        | Mixture components -> mixture library problems place components
        | Product blocks -> product library problems place blocks
        | Samples(file, bandwidth) ->
            samples library problems place file bandwidth |> Option.map (fun rows -> int64 rows[0].Length)
        | Standardized(Samples(file, bandwidth)) ->
            let rows = samples library problems place file bandwidth
            rows |> Option.iter (columns problems place file)
            rows |> Option.map (fun rows -> int64 rows[0].Length)
        | Standardized other ->
            problems.Add(place, Fault.NotSamples(describe other))
            None

    and private mixture library problems place components =
        if components.IsEmpty then
            problems.Add(place, Fault.Empty "at least one component `weight, T`")
            None
        else
            weights problems place components

            let dimensions =
                components
                |> List.mapi (fun i (_, law) ->
                    let place = item "component" i place

                    match law with
                    | Mixture _ ->
                        problems.Add(place, Fault.NestedMixture)
                        None
                    | Product _
                    | Samples _
                    | Standardized _ ->
                        problems.Add(place, Fault.NotNormal(describe law))
                        None
                    | Normal _
                    | NormalDiag _
                    | NormalCov _
                    | Standard _ -> dimension library problems place law)

            match List.tryPick id dimensions with
            | None -> None
            | Some first ->
                dimensions
                |> List.iteri (fun i found ->
                    match found with
                    | Some d when d <> first ->
                        problems.Add(
                            item "component" i place,
                            Fault.DimensionMismatch(d, first, "the first component")
                        )
                    | _ -> ())

                tooLarge problems place (first * int64 components.Length) |> Option.map (fun _ -> first)

    and private product library problems place blocks =
        if blocks.IsEmpty then
            problems.Add(place, Fault.Empty "at least one block `copies, T`")

        let sizes =
            blocks
            |> List.mapi (fun i (copies, law) ->
                atLeast problems (part "copies" (item "block" i place)) "a number of copies" 1 copies

                dimension library problems (item "block" i place) law
                |> Option.map (fun d -> min (int64 (max 1 copies) * d) (2L * int64 largestDimension)))

        if sizes.IsEmpty || List.exists Option.isNone sizes then
            None
        else
            tooLarge problems place (sizes |> List.sumBy Option.get)

    /// The different blocks that lowering makes of a target.
    let rec private blockCount target =
        match target with
        | Product blocks ->
            blocks
            |> List.sumBy (fun (copies, law) ->
                let inner = blockCount law
                if inner = 1.0 then 1.0 else float copies * inner)
        | _ -> 1.0

    /// The dimension of a target, where it can be told; everything that is wrong goes into `problems`.
    let check (library: Data.Library) (problems: Problems) place target : int64 option =
        if Target.depth target > Syntax.deepestValue then
            problems.Add(place, Fault.TooDeep Syntax.deepestValue)
            None
        else
            let before = problems.Count
            let found = dimension library problems place target

            if problems.Count = before && blockCount target > float mostBlocks then
                problems.Add(place, Fault.TooManyFactors(blockCount target, mostBlocks))

            found
