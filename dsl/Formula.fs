namespace Sgm

open System
open System.Collections.Generic
open System.Globalization

/// What a name of a text stands for.
[<RequireQualifiedAccess>]
type internal Meaning =
    | Number of Quantity
    /// A value of another kind, at this node; read anew wherever it is used.
    | Written of node: int
    /// It has a fault that was reported.
    | Faulty

/// Formulas of a text, and what the names in them stand for.
/// `functions` are those that the place knows besides the language's, with the number of what they take.
type internal Formulas(tree: Tree, problems: Problems, functions: (string * int) list) =
    let names = Dictionary<string, Meaning>()

    /// Names that something used.
    let used = HashSet<string>()

    /// Where the parts of formulas are written.
    let places = Dictionary<Expression, int>(HashIdentity.Reference)

    let arityOf name =
        Expression.arity name
        |> Option.orElse (functions |> List.tryFind (fun (own, _) -> own = name) |> Option.map snd)

    /// Turns of `for` that one text may make.
    let mutable turnsLeft = 10_000_000

    let report (at: int) fault = problems.Add([], tree.Source.Position at, fault)
    let digits node = (tree.Written node).Replace("_", "")
    let short (text: string) = if text.Length <= 40 then text else text.Substring(0, 40) + "…"

    let placed node expression =
        places[expression] <- tree[node].At
        ValueSome expression

    let literal node =
        let text = digits node

        match tree[node].Kind with
        | NodeKind.Whole ->
            match Int32.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture) with
            | true, n -> ValueSome(Quantity.Whole n)
            | false, _ -> ValueNone
        | NodeKind.Long ->
            match Int64.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture) with
            | true, n -> ValueSome(Quantity.Long n)
            | false, _ -> ValueNone
        | _ ->
            let x = Double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture)
            if Double.IsInfinity x then ValueNone else ValueSome(Quantity.Real x)

    let isConstant name = Expression.constants.ContainsKey name

    let known () =
        [ for KeyValue(name, _) in names -> name ]
        @ List.ofSeq Expression.constants.Keys
        @ Expression.functionNames
        @ List.map fst functions

    /// The formula that a node is; `allowed` are names that have no value yet.
    let rec ofNode (allowed: string list) node : Expression voption =
        let inner = ofNode allowed

        let all (children: int[]) =
            let found = children |> Array.map inner

            if Array.forall (fun (one: Expression voption) -> one.IsSome) found then
                ValueSome [ for one in found -> one.Value ]
            else
                ValueNone

        match tree[node].Kind with
        | NodeKind.Parens -> inner (node - 1)
        | NodeKind.Whole
        | NodeKind.Long
        | NodeKind.Real ->
            match literal node with
            | ValueSome quantity -> placed node (Constant quantity)
            | ValueNone ->
                report
                    tree[node].At
                    (Fault.NumberTooLarge(short (digits node), "a number within the range of its type"))

                ValueNone
        | NodeKind.Negative ->
            match inner (node - 1) with
            | ValueSome one -> placed node (Negative one)
            | ValueNone -> ValueNone
        | NodeKind.Operator ->
            match all (tree.Children node) with
            | ValueSome [ left; right ] -> placed node (Binary(Expression.operatorOf (tree.Written node), left, right))
            | _ -> ValueNone
        | NodeKind.If ->
            match all (tree.Children node) with
            | ValueSome [ condition; yes; no ] -> placed node (Choice(condition, yes, no))
            | _ -> ValueNone
        | NodeKind.Word ->
            let name = tree.Written node
            let children = tree.Children node

            match arityOf name, names.TryGetValue name with
            | Some arity, _ when arity = children.Length ->
                match all children with
                | ValueSome arguments -> placed node (Call(name, arguments))
                | ValueNone -> ValueNone
            | Some arity, _ ->
                let example = if arity = 1 then $"{name} x" else $"{name} x y"

                report tree[node].At (Fault.WrongArity(name, children.Length, arity, $"{name} : number", example))

                ValueNone
            | None, (true, Meaning.Faulty) -> ValueNone
            | None, (true, _) when children.Length > 0 ->
                report tree[node].At (Fault.NoArguments name)
                ValueNone
            | None, (isLet, _) when (isLet || isConstant name || List.contains name allowed) && children.Length = 0 ->
                used.Add name |> ignore
                placed node (Name name)
            | _ ->
                report tree[node].At (Fault.UnknownName(short name, known () @ allowed))
                ValueNone
        | _ ->
            let found, advice =
                match tree[node].Kind with
                | NodeKind.Tuple ->
                    "values with commas",
                    Some "the entries of a list are separated by ';', the arguments of a function by spaces"
                | NodeKind.Text -> "a string", None
                | NodeKind.List -> "a list", None
                | _ -> "what '|>' or '>=>' makes", Some "write the function before its argument"

            report tree[node].At (Fault.WrongKind(found, "a number", advice))
            ValueNone

    let lookup name =
        match names.TryGetValue name with
        | true, Meaning.Number quantity -> Ok quantity
        | true, _ -> Error(Unvalued.Mistyped $"'{name}' is no number")
        | false, _ ->
            match Expression.constants.TryGetValue name with
            | true, x -> Ok(Quantity.Real x)
            | false, _ -> Error(Unvalued.Undefined $"'{name}' has no value here")

    let evaluate expression =
        match Expression.value lookup expression with
        | Ok quantity -> ValueSome quantity
        | Error(part, reason) ->
            report places[part] (Fault.NoValue reason.Reason)
            ValueNone

    /// What names stand for.
    member _.Names = names

    /// A name is used outside of formulas.
    member _.Use(name: string) = used.Add name |> ignore

    /// Whether anything used a name.
    member _.IsUsed(name: string) = used.Contains name

    /// Whether a node is a formula: a number, arithmetic, or a name of one.
    member this.IsFormula node =
        match tree[node].Kind with
        | NodeKind.Parens -> this.IsFormula(node - 1)
        | NodeKind.Whole
        | NodeKind.Long
        | NodeKind.Real
        | NodeKind.Negative
        | NodeKind.Operator -> true
        | NodeKind.If -> this.IsFormula(node - 1)
        | NodeKind.Word ->
            let name = tree.Written node

            match names.TryGetValue name with
            | true, Meaning.Number _ -> true
            | true, _ -> false
            | false, _ -> (Expression.arity name).IsSome || isConstant name
        | _ -> false

    /// The formula that a node is, with these names free; none when a problem was reported.
    member _.Free(names: string list, node) = ofNode names node

    /// The value of a formula, or none when a problem was reported.
    member _.Quantity node =
        match ofNode [] node with
        | ValueSome expression -> evaluate expression
        | ValueNone -> ValueNone

    /// The whole numbers of `a .. b` or `a .. step .. b`, or none when a problem was reported at the node of their `for`.
    member this.Range(node, bounds: int[]) : int[] voption =
        let wholes (a: int64) (step: int64) (b: int64) =
            let count = if (b - a) * int64 (sign step) < 0L then 0L else (b - a) / step + 1L

            if count > int64 turnsLeft then
                report tree[node].At (Fault.OutOfRange($"{count} turns", "at most 10000000 turns of 'for' in a text"))
                ValueNone
            else
                turnsLeft <- turnsLeft - int count
                ValueSome(Array.init (int count) (fun i -> int (a + int64 i * step)))

        match bounds |> Array.map this.Quantity with
        | [| ValueSome(Quantity.Whole a); ValueSome(Quantity.Whole b) |] -> wholes a 1L b
        | [| ValueSome(Quantity.Whole a); ValueSome(Quantity.Whole step); ValueSome(Quantity.Whole b) |] when step <> 0 ->
            wholes a step b
        | found when found |> Array.exists (fun one -> one.IsNone) -> ValueNone
        | _ ->
            let wanted = "a range of whole numbers, 'a .. b' or 'a .. step .. b' with a step that is not 0"
            report tree[node].At (Fault.WrongKind("this range", wanted, None))
            ValueNone

    /// The formula of a claim, in names of the text and in `quantities`, which have values only where it is checked;
    /// its types are those of F#.
    member _.Claim(quantities: string list, isCondition: bool, node) =
        match ofNode quantities node with
        | ValueNone -> ValueNone
        | ValueSome expression ->
            // Whatever they are, they are numbers; and that a value is missing for these is no fault of the text.
            let standing name = if List.contains name quantities then Ok(Quantity.Real 1.0) else lookup name

            match Expression.value standing expression with
            | Error(part, Unvalued.Mistyped reason) ->
                report places[part] (Fault.NoValue reason)
                ValueNone
            | Ok quantity when
                (match quantity with
                 | Quantity.Truth _ -> true
                 | _ -> false)
                <> isCondition
                ->
                let wanted = if isCondition then "a condition" else "a number"
                report tree[node].At (Fault.WrongKind(quantity.Type, wanted, None))
                ValueNone
            | Error(_, Unvalued.Undefined _)
            | Ok _ -> ValueSome expression
