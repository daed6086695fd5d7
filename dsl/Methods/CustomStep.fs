namespace Sgm

open System
open System.Collections.Immutable
open System.Text.RegularExpressions
open Sgm.Engine
open Sgm.Stepping

/// A step that a user writes as papers do, in z = x/m and ρ = σ/m: lines `name = formula`, the last one the state at ρ′.
/// A formula knows `rho`, `rho'`, the state `z`, the denoiser `denoise ρ y` (E[X₀ | x = m·y] at the level ρ, as the score
/// has it), one draw `noise` of N(0, I), the parameters and the lines before it. States may be added and multiplied by
/// numbers: every step is a tableau.
module internal CustomStep =
    /// A line: the name that it gives, none in the last, and its formula.
    type Line = { Name: string option; Formula: Expression }

    /// a·z + Σ b_j·D_j + c·ξ over the denoisers so far.
    type private Linear = { State: float; Denoised: float list; Noise: float }

    type private Value =
        | Scalar of Quantity
        | State of Linear

    let private known = [ "rho"; "rho'"; "z"; "noise" ]
    let private denoiser = "denoise"
    let private assignment = Regex(@"^\s*([\p{L}_][\w']*)\s*=(.*)$", RegexOptions.Singleline)

    /// Lines of a step, and evaluations of the score in it.
    let private mostLines = 1000
    let private mostEvaluations = 64

    let private place i : Place = [ Segment.Part "lines"; Segment.Item("line", i + 1) ]

    /// Literals are numbers here: there is nothing to count.
    let rec private real expression =
        match expression with
        | Constant quantity -> Constant(Quantity.Real quantity.Number)
        | Name _ -> expression
        | Negative inner -> Negative(real inner)
        | Binary(operator, a, b) -> Binary(operator, real a, real b)
        | Call(name, arguments) -> Call(name, List.map real arguments)
        | Choice(a, b, c) -> Choice(real a, real b, real c)

    /// The lines, as far as they can be read, and what is wrong with them.
    let read (parameters: (string * float) list) (lines: string list) : Line list * (Place * Fault) list =
        let faults = ResizeArray<Place * Fault>()
        let mutable names = known @ List.map fst parameters
        let isReserved name = List.contains name (denoiser :: known) || (Expression.arity name).IsSome

        for i, (name, value) in List.indexed parameters do
            let at = [ Segment.Part "parameters"; Segment.Item("parameter", i + 1) ]

            if isReserved name || List.exists (fst >> (=) name) (List.take i parameters) then
                faults.Add(at, Fault.WrongKind($"'{name}' again", "a name that is not taken", None))
            elif not (assignment.IsMatch $"{name} = 0") then
                faults.Add(at, Fault.WrongKind($"'{name}'", "a name: a letter, then letters and digits", None))

            if not (Double.IsFinite value) then
                faults.Add(at, Fault.OutOfRange(Numeral.ofFloat value, "a finite number"))

        let line i (text: string) =
            let text = if isNull text then "" else text
            let found = assignment.Match text
            let name = if found.Success then Some found.Groups[1].Value else None
            let formula = if found.Success then found.Groups[2].Value else text
            let isLast = i = lines.Length - 1

            match name with
            | Some given when isLast ->
                let wanted = "the state at the lower level as the last line, without a name"
                faults.Add(place i, Fault.WrongKind($"'{given} = …'", wanted, None))
            | Some given when isReserved given || List.contains given names ->
                faults.Add(place i, Fault.WrongKind($"'{given}' again", "a name that is not taken", None))
            | None when not isLast ->
                let wanted = "a line 'name = formula' (only the last has no name)"
                faults.Add(place i, Fault.WrongKind($"'{text.Trim()}'", wanted, None))
            | _ -> ()

            let source = Source.Create("line", formula)
            let problems = Problems()

            let read =
                match Grammar.formula source with
                | Error(_, fault) ->
                    faults.Add(place i, fault)
                    None
                | Ok tree ->
                    match Formulas(tree, problems, [ denoiser, 2 ]).Free(names, tree.Count - 1) with
                    | ValueSome formula -> Some { Name = name; Formula = real formula }
                    | ValueNone -> None

            for problem in problems.List do
                faults.Add(place i, problem.Fault)

            names <- Option.toList name @ names
            read

        let found = lines |> List.truncate mostLines |> List.mapi line |> List.choose id

        if lines.Length > mostLines then
            faults.Add(
                [ Segment.Part "lines" ],
                Fault.OutOfRange($"{lines.Length} lines", $"at most {mostLines} lines of a step")
            )

        if lines.IsEmpty then
            faults.Add([ Segment.Part "lines" ], Fault.Empty "the state at the lower level as the last line")

        found, List.ofSeq faults

    let private wrong what = Error $"{what}; a step adds states and multiplies them by numbers"

    let private add sign a b =
        let length = max a.Denoised.Length b.Denoised.Length
        let padded (x: float list) = x @ List.replicate (length - x.Length) 0.0

        {
            State = a.State + sign * b.State
            Denoised = List.map2 (fun x y -> x + sign * y) (padded a.Denoised) (padded b.Denoised)
            Noise = a.Noise + sign * b.Noise
        }

    let private times c a = { State = c * a.State; Denoised = List.map ((*) c) a.Denoised; Noise = c * a.Noise }

    /// The evaluations of one step: names with their values, and the denoisers that were taken: where, of what.
    type private Trace(t: Transition, rho: float, rho': float, parameters: (string * float) list) =
        let taken = ResizeArray<float * Linear>()
        let names = Collections.Generic.Dictionary<string, Value>()

        do
            names["rho"] <- Scalar(Quantity.Real rho)
            names["rho'"] <- Scalar(Quantity.Real rho')
            names["z"] <- State { State = 1.0; Denoised = []; Noise = 0.0 }
            names["noise"] <- State { State = 0.0; Denoised = []; Noise = 1.0 }

            for name, value in parameters do
                names[name] <- Scalar(Quantity.Real value)

        let denoise at y =
            match at, y with
            | Scalar at, State y ->
                let at = at.Number

                if y.Noise <> 0.0 then
                    Error "the denoiser is asked of a state with noise: a step draws its noise after its last 'denoise'"
                elif not (at >= 0.0 && at <= 1e150) then
                    Error $"the denoiser is asked at the level ρ = {Numeral.ofFloat at}, expected a number ≥ 0"
                elif taken.Count = mostEvaluations then
                    Error $"the score is evaluated more than {mostEvaluations} times"
                elif at = 0.0 then
                    Ok(State y) // Without noise a state is its own denoised one.
                else
                    taken.Add(at, y)
                    Ok(State { State = 0.0; Denoised = List.replicate (taken.Count - 1) 0.0 @ [ 1.0 ]; Noise = 0.0 })
            | _ -> Error "'denoise' takes a level ρ and a state, as in: denoise rho z"

        let rec value expression : Result<Value, string> =
            match expression with
            | Constant quantity -> Ok(Scalar quantity)
            | Name name ->
                match names.TryGetValue name with
                | true, found -> Ok found
                | false, _ -> Ok(Scalar(Quantity.Real Expression.constants[name]))
            | Negative inner ->
                value inner
                |> Result.bind (fun found ->
                    match found with
                    | State a -> Ok(State(times -1.0 a))
                    | Scalar a -> Arithmetic.negated a |> plain)
            | Call(name, [ at; y ]) when name = denoiser ->
                match value at, value y with
                | Ok at, Ok y -> denoise at y
                | Error reason, _
                | _, Error reason -> Error reason
            | Call(name, arguments) ->
                (Ok [], arguments)
                ||> List.fold (fun found argument ->
                    match found, value argument with
                    | Ok before, Ok(Scalar one) -> Ok(one :: before)
                    | Ok _, Ok(State _) -> wrong $"'{name}' takes numbers, found a state"
                    | Error reason, _
                    | _, Error reason -> Error reason)
                |> Result.bind (fun found -> Arithmetic.apply name (List.rev found) |> plain)
            | Choice(condition, yes, no) ->
                match value condition with
                | Ok(Scalar(Quantity.Truth true)) -> value yes
                | Ok(Scalar(Quantity.Truth false)) -> value no
                | Ok _ -> Error "'if' takes a condition"
                | error -> error
            | Binary(operator, left, right) ->
                match value left, value right with
                | Ok(Scalar a), Ok(Scalar b) -> Arithmetic.combine Expression.symbol operator a b |> plain
                | Ok(State a), Ok(State b) when operator = Operator.Plus -> Ok(State(add 1.0 a b))
                | Ok(State a), Ok(State b) when operator = Operator.Minus -> Ok(State(add -1.0 a b))
                | Ok(Scalar c), Ok(State a)
                | Ok(State a), Ok(Scalar c) when operator = Operator.Times -> Ok(State(times c.Number a))
                | Ok(State a), Ok(Scalar c) when operator = Operator.Over && c.Number <> 0.0 ->
                    Ok(State(times (1.0 / c.Number) a))
                | Ok(State _), Ok(Scalar _) when operator = Operator.Over -> Error "a state is divided by 0"
                | Ok _, Ok _ -> wrong $"'{Expression.symbol operator}' is between a state and what it does not go with"
                | Error reason, _
                | _, Error reason -> Error reason

        and plain result =
            match result with
            | Ok quantity -> Ok(Scalar quantity)
            | Error(reason: Unvalued) -> Error reason.Reason

        /// The levels of the transition themselves, where they are meant.
        let level at =
            if at = rho then t.Upper
            elif at = rho' then t.Lower
            else Forward.atRatio t.Forward at

        member _.Line(line: Line) : Result<Value, string> =
            let found = value line.Formula

            match found, line.Name with
            | Ok given, Some name -> names[name] <- given
            | _ -> ()

            found

        /// x ← m′·(a·x/m + Σ b·D + c·ξ), the stages likewise at their levels.
        member _.Tableau(name, last: Linear) =
            let stages = [ for at, y in taken -> level at, y ]

            let inState (at: NoiseLevel) (y: Linear) count =
                let padded = y.Denoised @ List.replicate (count - y.Denoised.Length) 0.0
                at.Mean / t.Upper.Mean * y.State, ImmutableArray.CreateRange(padded |> List.map ((*) at.Mean))

            let a, b = inState t.Lower last stages.Length

            Tableau(
                Method = name,
                From = t.Upper,
                To = t.Lower,
                Stages =
                    ImmutableArray.CreateRange(
                        stages
                        |> List.mapi (fun i (at, y) ->
                            let a, b = inState at y i
                            Stage(at, a, b, Prediction.Denoiser))
                    ),
                A = a,
                B = b,
                C = abs (t.Lower.Mean * last.Noise)
            )

    let private isFinite (tableau: Tableau) =
        let all = Seq.forall Double.IsFinite

        Double.IsFinite tableau.A
        && Double.IsFinite tableau.C
        && all tableau.B
        && tableau.Stages |> Seq.forall (fun stage -> Double.IsFinite stage.A && all stage.B)

    /// The tableau of these lines over a transition.
    let tableau (word: string) parameters (lines: Line list) (t: Transition) : Result<Tableau, Fault> =
        let rho, rho' = t.Upper.Sigma / t.Upper.Mean, t.Lower.Sigma / t.Lower.Mean
        let trace = Trace(t, rho, rho', parameters)

        let failed i reason =
            let where = $"line {i + 1}, from ρ = {Numeral.brief rho} to ρ′ = {Numeral.brief rho'}"
            Error(Fault.NoValue $"{reason} ({where})")

        let rec run i lines =
            match lines with
            | [] -> failed 0 "there is no line"
            | line :: rest ->
                match trace.Line line, rest with
                | Error reason, _ -> failed i reason
                | Ok(State last), [] ->
                    let found = trace.Tableau(word, last)

                    if isFinite found then
                        Ok found
                    else
                        failed i "a coefficient is beyond the range of a number"
                | Ok(Scalar _), [] -> failed i "the last line is a number, expected the state at the lower level"
                | Ok _, _ -> run (i + 1) rest

        run 0 lines
