namespace Sgm.Verification

open System
open System.Collections.Concurrent
open Sgm
open Sgm.Engine
open Sgm.Verification.Certificates

/// One's own theorems: inequalities and orders that a text claims of its family of experiments, as theorems like those of the catalogue.
module Claim =
    /// The most experiments that one study may have.
    let mostCells = 10_000

    /// A family with where it comes from, read anew for a setting.
    type private Subjects =
        {
            Name: string
            Directory: string
            Axes: FamilyAxis list
            /// The numbers of the text at a setting.
            Names: Setting -> Result<Map<string, Quantity>, string>
            Experiment: Setting -> Experiment
        }

    let private words problems = (Message.renderAll problems).TrimEnd()

    let private subjects name directory (family: Family) (axes: FamilyAxis list) (fixed': Map<string, Quantity>) =
        let quantities (setting: Setting) =
            let chosen =
                axes
                |> List.choose (fun axis ->
                    Map.tryFind axis.Name setting
                    |> Option.map (fun x -> axis.Name, axis.Choices |> List.find (fun value -> value.Number = x)))

            (fixed', chosen) ||> List.fold (fun all (name, value) -> Map.add name value all)

        let names = ConcurrentDictionary<Setting, Result<Map<string, Quantity>, string>>()
        let find setting = family.At(quantities setting) |> Result.mapError words

        {
            Name = name
            Directory = directory
            Axes = axes
            Names =
                fun setting ->
                    names.GetOrAdd(setting, (fun setting -> find setting |> Result.map (fun found -> found.Names)))
            Experiment =
                fun setting ->
                    match find setting with
                    | Ok found -> Experiment.inDirectory directory found.Checked.Experiment
                    | Error problems -> invalidOp problems
        }

    let private lookup (of': Subjects) (subject: Subject) name : Result<Bracket, string> =
        of'.Names subject.Setting
        |> Result.bind (fun names ->
            match Map.tryFind name names with
            | Some quantity -> Ok(Bracket.Exactly quantity.Number)
            | None -> PlanQuantities.find subject.Plan name |> Result.map fst)

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
                let text = Expression.text condition

                Assumption.ofResult text (fun subject ->
                    Enclosure.holds (lookup of' subject) condition
                    |> Result.bind (fun holds -> require holds "it holds" "it does not hold here"))
        ]

    /// By an exact law where one applies, else by particles until they decide or the effort ends.
    let private measured metric (runner: Runner) (trial: Trial) what bound =
        let plan = trial.Subject.Plan

        if not (List.isEmpty (Laws.applicable plan)) then
            Measure.atEnd metric runner plan
            |> Result.map (fun found -> [ { What = what; Measured = found; Bound = bound } ])
        else
            Sampling.decide runner.Budget what None trial.Subject.Experiment.Seed 16384L None (fun stage ->
                let options =
                    RunOptions(Particles = stage.Particles, Seed = stage.Seed, Cancellation = runner.Cancellation)

                Measure.lawBy runner.Sample plan options
                |> Result.map (fun law ->
                    let found = (law :?> ParticleLaw).At(stage.Confidence 1).Measure metric
                    [ { What = what; Measured = found; Bound = bound } ]))

    let private evidence of' (claim: Claimed) : Evidence =
        fun runner trial ->
            attempt {
                let! bound =
                    Enclosure.finite (lookup of' trial.Subject) claim.Bound
                    |> Result.mapError (fun reason -> $"the bound {Expression.text claim.Bound} has no value: {reason}")

                // From below: what is at most this is at most the claim's own number.
                return! measured claim.Metric runner trial $"{claim.Metric.Name} at the end" bound.Low
            }

    let private own file (position: Position) =
        {
            Paper = file
            Reference = "one's own"
            Statement = $"line {position.Line}"
            IsCompanion = false
        }

    let private axisOf (axis: FamilyAxis) =
        Scenarios.axis axis.Name axis.Name (fun _ -> [ for value in axis.Choices -> value.Number ])

    /// Every choice from some axes.
    let rec private choices (axes: FamilyAxis list) : Setting list =
        match axes with
        | [] -> [ Map.empty ]
        | axis :: others ->
            [
                for rest in choices others do
                    for value in axis.Choices -> Map.add axis.Name value.Number rest
            ]

    let private first (axes: FamilyAxis list) : Setting =
        Map.ofList [ for axis in axes -> axis.Name, axis.Choices.Head.Number ]

    let private whole = { Symbol = "run"; Meaning = "the experiment as it stands"; Values = fun _ -> [ 1.0 ] }

    let private scenario of' bases axes =
        let name =
            match bases with
            | [ (point: Setting) ] when not point.IsEmpty -> $"{of'.Name}, {Subject.settingText point}"
            | _ -> of'.Name

        Scenarios.scenario name $"the experiments of {of'.Name}" (fun setting _ -> of'.Experiment setting) bases axes

    /// Every combination, along the longest axis; or every axis by itself around the first values.
    let private grid axisByAxis of' =
        match of'.Axes with
        | [] -> scenario of' [ Map.empty ] [ whole ]
        | axes when axisByAxis -> scenario of' [ first axes ] (List.map axisOf axes)
        | axes ->
            let longest = axes |> List.maxBy (fun axis -> axis.Choices.Length)
            scenario of' (choices (axes |> List.filter ((<>) longest))) [ axisOf longest ]

    let private theorem of' (position: Position) id title statement metric =
        {
            Id = id
            Title = title
            Statement = statement
            Source = own of'.Name position
            Stance = Guarantee
            Assumptions = []
            Metric = metric
            Evidence = fun _ _ -> Error "nothing is claimed of single experiments"
            Scenarios = []
            Rates = []
            Reading = "One's own claim: what is measured is held against what the text says."
        }

    let private sign (metric: Metric) =
        metric.Match(tv = (fun () -> "TV"), kl = (fun () -> "KL"), chi2 = (fun () -> "χ²"), w2 = (fun () -> "W2"))

    let private ofClaim axisByAxis of' id (claim: Claimed) =
        let bound = $"{sign claim.Metric} ≤ {Expression.text claim.Bound}"

        let condition =
            match claim.When with
            | Some condition -> $" where {Expression.text condition}"
            | None -> ""

        { theorem of' claim.Position id bound (bound + condition + " at the end.") claim.Metric with
            Assumptions = assumptions of' claim
            Evidence = evidence of' claim
            Scenarios = [ grid axisByAxis of' ]
        }

    let private ofRate axisByAxis of' id (rate: ClaimedRate) =
        let axis = of'.Axes |> List.find (fun axis -> axis.Name = rate.Axis)
        let others = of'.Axes |> List.filter (fun other -> other.Name <> rate.Axis)
        let law = if rate.IsAtMost then $"O({rate.Axis}^{rate.Exponent:g6})" else $"~ {rate.Axis}^{rate.Exponent:g6}"
        let statement = $"{sign rate.Metric} {law} at the end."

        let quantity: Runner -> Trial -> Result<Estimate, string> =
            fun runner trial ->
                match Laws.applicable trial.Subject.Plan with
                | [] -> Error "an order is read off exact laws, and none runs this; claim a bound instead"
                | _ -> Measure.atEnd rate.Metric runner trial.Subject.Plan

        let around = if axisByAxis then [ first others ] else choices others

        { theorem of' rate.Position id $"{sign rate.Metric} {law}" statement rate.Metric with
            Rates =
                [
                    for point in around do
                        let at = if point.IsEmpty then "" else $" at {Subject.settingText point}"

                        {
                            Axis = rate.Axis
                            Exponent = if rate.IsAtMost then AtMost rate.Exponent else Exactly rate.Exponent
                            IsExponential = false
                            Of = $"{sign rate.Metric} at the end{at}"
                            Quantity = quantity
                            Scenario = scenario of' [ point ] [ axisOf axis ]
                        }
                ]
        }

    /// How many experiments a family has.
    let cells (axes: FamilyAxis list) =
        axes |> List.fold (fun product axis -> product * float axis.Choices.Length) 1.0

    /// The claims and rates of a text as theorems, `name` and where its data files are; numbers that are set are no axes.
    let theorems name directory axisByAxis (settings: Map<string, Quantity>) (family: Family) : Result<Theorem list, Problem list> =
        family.At settings
        |> Result.bind (fun found ->
            let axes = found.Axes |> List.filter (fun axis -> not (settings.ContainsKey axis.Name))
            let of' = subjects name directory family axes settings
            let prefix = IO.Path.GetFileNameWithoutExtension(name: string)
            let id kind i = $"{prefix}-{kind}-{i + 1}"

            if cells axes > float mostCells then
                Error [ { Place = []; Fault = Fault.TooManyCells(cells axes, mostCells); Position = None } ]
            else
                Ok(
                    List.mapi (fun i claim -> ofClaim axisByAxis of' (id "claim" i) claim) found.Claims
                    @ List.mapi (fun i rate -> ofRate axisByAxis of' (id "rate" i) rate) found.Rates
                ))
