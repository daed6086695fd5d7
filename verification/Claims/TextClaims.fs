namespace Sgm.Verification

open System
open System.Collections.Concurrent
open Sgm
open Sgm.Engine
open Sgm.Verification.Certificates

/// What a text claims of its family of experiments, as theorems like those of the catalogue.
module TextClaims =
    /// The most experiments that one study may have.
    let mostCells = 10_000

    /// How many experiments a family has.
    let cells (axes: FamilyAxis list) = axes |> List.fold (fun product axis -> product * float axis.Choices.Length) 1.0

    /// The axes that are left where some numbers are set; refused where they have too many combinations.
    let axesOf (settings: Map<string, Quantity>) (found: FamilyMember) : Result<FamilyAxis list, Problem list> =
        let axes = found.Axes |> List.filter (fun axis -> not (settings.ContainsKey axis.Name))

        if cells axes > float mostCells then
            Error [ { Place = []; Fault = Fault.TooManyCells(cells axes, mostCells); Position = None } ]
        else
            Ok axes

    /// Every choice from some axes, beside what is set.
    let rec choices (settings: Map<string, Quantity>) (axes: FamilyAxis list) : Map<string, Quantity> list =
        match axes with
        | [] -> [ settings ]
        | axis :: others ->
            [
                for rest in choices settings others do
                    for value in axis.Choices -> Map.add axis.Name value rest
            ]

    /// "d = 2, h = 0.1" of the axes.
    let label (axes: FamilyAxis list) (chosen: Map<string, Quantity>) =
        [ for axis in axes -> $"{axis.Name} = {chosen[axis.Name].Number:g6}" ] |> String.concat ", "

    /// A family with its numbers at a setting.
    type private Subjects =
        {
            Name: string
            Family: Claim.Family
            Names: Setting -> Result<Map<string, Quantity>, string>
        }

    let private words problems = (Message.renderAll problems).TrimEnd()

    let private subjects name directory (family: Family) (axes: FamilyAxis list) (settings: Map<string, Quantity>) =
        let quantities (setting: Setting) =
            (settings, axes)
            ||> List.fold (fun all axis ->
                match Map.tryFind axis.Name setting with
                | Some x -> Map.add axis.Name (axis.Choices |> List.find (fun value -> value.Number = x)) all
                | None -> all)

        let names = ConcurrentDictionary<Setting, Result<Map<string, Quantity>, string>>()
        let find setting = family.At(quantities setting) |> Result.mapError words

        let experiment setting =
            match find setting with
            | Ok found -> Experiment.inDirectory directory found.Checked.Experiment
            | Error problems -> invalidOp problems

        let numbers setting = find setting |> Result.map (fun found -> found.Names)

        {
            Name = name
            Family =
                Claim.over [ for axis in axes -> axis.Name, [ for value in axis.Choices -> value.Number ] ] experiment
            Names = fun setting -> names.GetOrAdd(setting, numbers)
        }

    let private lookup (of': Subjects) (subject: Subject) name : Result<Enclosed, string> =
        of'.Names subject.Setting
        |> Result.bind (fun names ->
            match Map.tryFind name names with
            | Some quantity -> Ok(Enclosure.ofQuantity quantity)
            | None -> PlanQuantities.find subject.Plan name |> Result.map (fst >> Within))

    /// Whether a condition holds: as F# has it where all its numbers are those of the text or counts, else where their
    /// brackets decide it.
    let private decides of' (subject: Subject) condition =
        let counts = [ "steps"; "evaluations"; "dimension" ]
        let isExact name = not (List.contains name Parse.quantities) || List.contains name counts

        if Expression.names condition |> List.forall isExact then
            of'.Names subject.Setting
            |> Result.bind (fun names ->
                let exact name =
                    match Map.tryFind name names, Expression.constants.TryGetValue name with
                    | Some quantity, _ -> Ok quantity
                    | None, (true, x) -> Ok(Quantity.Real x)
                    | None, _ ->
                        match PlanQuantities.find subject.Plan name with
                        | Ok(found, _) -> Ok(Quantity.Real found.Low)
                        | Error reason -> Error(Unvalued.Undefined reason)

                match Expression.value exact condition with
                | Ok(Quantity.Truth decided) -> Ok decided
                | Ok _ -> Error "it is no condition"
                | Error(_, why) -> Error why.Reason)
        else
            Enclosure.holds (lookup of' subject) condition

    /// What must be known for a formula to have a value, and be true for it to be meant.
    let private assumptions of' (claim: Claimed) =
        let used = Expression.names claim.Bound @ (claim.When |> Option.map Expression.names |> Option.defaultValue [])

        [
            for name in List.distinct used do
                if List.contains name Parse.quantities then
                    Assumption.ofResult $"{name} is known" (fun subject ->
                        PlanQuantities.find subject.Plan name
                        |> Result.map (fun (value, words) -> $"{name} = {value.Middle:g6}: {words}"))
            match claim.When with
            | None -> ()
            | Some condition ->
                Assumption.ofResult (Expression.text condition) (fun subject ->
                    match decides of' subject condition with
                    | Ok true -> Ok "it holds"
                    | Ok false -> Error "it does not hold here"
                    // Not excluded: the evidence says that it is open.
                    | Error reason -> Ok $"open: {reason}")
        ]

    let private evidence of' (claim: Claimed) : Evidence =
        fun runner trial ->
            attempt {
                let! _ =
                    match
                        claim.When |> Option.map (fun condition -> condition, decides of' trial.Subject condition)
                    with
                    | Some(condition, Error reason) ->
                        Error $"whether {Expression.text condition} holds here is open: {reason}"
                    | _ -> Ok()

                let! bound =
                    Enclosure.finite (lookup of' trial.Subject) claim.Bound
                    |> Result.mapError (fun reason -> $"the bound {Expression.text claim.Bound} has no value: {reason}")

                return! Claim.measured claim.Metric runner trial $"{claim.Metric.Name} at the end" bound
            }

    let private theorem of' (position: Position) id title statement metric =
        { Claim.nothing id title statement metric with
            Source =
                {
                    Paper = of'.Name
                    Reference = "one's own"
                    Statement = $"line {position.Line}"
                    IsCompanion = false
                }
        }

    let private ofClaim axisByAxis of' id (claim: Claimed) =
        let bound = $"{Claim.sign claim.Metric} ≤ {Expression.text claim.Bound}"

        let condition =
            match claim.When with
            | Some condition -> $" where {Expression.text condition}"
            | None -> ""

        { theorem of' claim.Position id bound (bound + condition + " at the end.") claim.Metric with
            Assumptions = assumptions of' claim
            Evidence = evidence of' claim
            Scenarios = [ Claim.grid axisByAxis of'.Name of'.Family ]
        }

    let private ofRate axisByAxis of' id (rate: ClaimedRate) =
        let exponent = if rate.IsAtMost then AtMost rate.Exponent else Exactly rate.Exponent
        let law = Claim.lawOf rate.Metric rate.Axis exponent

        { theorem of' rate.Position id law (law + " at the end.") rate.Metric with
            Rates = Claim.orders axisByAxis of'.Name rate.Metric rate.Axis exponent of'.Family
        }

    /// The claims and rates of a text as theorems, with the name of its file and where its data files are; numbers that
    /// are set are no axes.
    let theorems name directory axisByAxis settings (family: Family) : Result<Theorem list, Problem list> =
        family.At settings
        |> Result.bind (fun found ->
            axesOf settings found
            |> Result.map (fun axes ->
                let of' = subjects name directory family axes settings
                let id kind i = $"{IO.Path.GetFileNameWithoutExtension(name: string)}-{kind}-{i + 1}"

                // A rate along what was set has no axis any more.
                let rates =
                    found.Rates |> List.filter (fun rate -> axes |> List.exists (fun axis -> axis.Name = rate.Axis))

                List.mapi (fun i claim -> ofClaim axisByAxis of' (id "claim" i) claim) found.Claims
                @ List.mapi (fun i rate -> ofRate axisByAxis of' (id "rate" i) rate) rates))
