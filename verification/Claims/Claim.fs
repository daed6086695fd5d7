namespace Sgm.Verification

open System.Threading
open Sgm
open Sgm.Engine
open Sgm.Verification.Certificates

/// One's own theorems in F#: a family of experiments over axes, and what is claimed of it.
module Claim =
    /// Experiments over axes: names with their values, and the experiment at a setting.
    type Family = { Axes: (string * float list) list; Experiment: Setting -> Experiment }

    /// "TV", "KL", "χ²" or "W2".
    let internal sign (metric: Metric) =
        metric.Match(tv = (fun () -> "TV"), kl = (fun () -> "KL"), chi2 = (fun () -> "χ²"), w2 = (fun () -> "W2"))

    /// A bound that is known to its last digits is a number, from below; of a wider one the end that decides, or that it is open.
    let private against what (bound: Bracket) (measured: Estimate) =
        let compared by = Ok [ { What = what; Measured = measured; Bound = by } ]

        let isNumber = not (bound.Width > Verdict.resolution * abs bound.Low)

        if isNumber || measured.Upper <= bound.Low then
            compared bound.Low
        elif measured.Lower > bound.High then
            compared bound.High
        else
            Error
                $"the bound is only known to lie in [{bound.Low:g8}, {bound.High:g8}], and what is measured does not decide"

    /// By an exact law where one applies, else by particles until they decide or the effort ends.
    let internal measured metric (runner: Runner) (trial: Trial) what (bound: Bracket) =
        let plan = trial.Subject.Plan

        if not (List.isEmpty (Laws.applicable plan)) then
            Measure.atEnd metric runner plan |> Result.bind (against what bound)
        else
            Sampling.decide runner.Budget what None trial.Subject.Experiment.Seed 16384L None (fun stage ->
                let options =
                    RunOptions(Particles = stage.Particles, Seed = stage.Seed, Cancellation = runner.Cancellation)

                Measure.lawBy runner.Sample plan options
                |> Result.bind (fun law ->
                    (law :?> ParticleLaw).At(stage.Confidence 1).Measure metric |> against what bound))

    /// The metric at the end by an exact law: what an order is read off.
    let internal exactly metric (runner: Runner) (trial: Trial) =
        match Laws.applicable trial.Subject.Plan with
        | [] -> Error "an order is read off exact laws, and none runs this; claim a bound instead"
        | _ -> Measure.atEnd metric runner trial.Subject.Plan

    /// A theorem that claims nothing yet.
    let internal nothing id title statement metric =
        {
            Id = id
            Title = title
            Statement = statement
            Source = { Paper = "One's own"; Reference = "F#"; Statement = id; IsCompanion = false }
            Stance = Guarantee
            Assumptions = []
            Metric = metric
            Evidence = fun _ _ -> Error "nothing is claimed of single experiments"
            Scenarios = []
            Rates = []
            Reading = "One's own claim: what is measured is held against what it says."
        }

    /// A family over axes; its first values are those that one axis at a time is varied around.
    let over axes experiment : Family = { Axes = axes; Experiment = experiment }

    let private axisOf (name, values) = Scenarios.axis name name (fun _ -> values)

    /// Every choice from some axes.
    let rec internal choices axes : Setting list =
        match axes with
        | [] -> [ Map.empty ]
        | (name, values: float list) :: others ->
            [
                for rest in choices others do
                    for value in values -> Map.add name value rest
            ]

    let private first (axes: (string * float list) list) : Setting =
        Map.ofList [ for name, values in axes -> name, List.head values ]

    let private whole = { Symbol = "run"; Meaning = "the experiment as it stands"; Values = fun _ -> [ 1.0 ] }

    let private scenario name (family: Family) bases axes =
        let name =
            match bases with
            | [ (point: Setting) ] when not point.IsEmpty -> $"{name}, {Subject.settingText point}"
            | _ -> name

        Scenarios.scenario name "one's own experiments" (fun setting _ -> family.Experiment setting) bases axes

    /// Every combination, along the longest axis; or every axis by itself around the first values.
    let internal grid axisByAxis name (family: Family) =
        match family.Axes with
        | [] -> scenario name family [ Map.empty ] [ whole ]
        | axes when axisByAxis -> scenario name family [ first axes ] (List.map axisOf axes)
        | axes ->
            let longest = axes |> List.maxBy (fun (_, values) -> List.length values)
            let others = axes |> List.filter (fun (axis, _) -> axis <> fst longest)
            scenario name family (choices others) [ axisOf longest ]

    /// An order along an axis, for all combinations of the others or only for their first values.
    let internal orders axisByAxis name (metric: Metric) axis exponent (family: Family) =
        let others = family.Axes |> List.filter (fun (other, _) -> other <> axis)
        let along = family.Axes |> List.filter (fun (other, _) -> other = axis) |> List.map axisOf

        [
            for point in (if axisByAxis then [ first others ] else choices others) do
                {
                    Axis = axis
                    Exponent = exponent
                    IsExponential = false
                    Of = $"{sign metric} at the end"
                    Quantity = exactly metric
                    Scenario = scenario name family [ point ] along
                }
        ]

    /// "KL ~ h^1", "W2 = O(h^0.5)".
    let internal lawOf metric axis exponent =
        match exponent with
        | Exactly a -> $"{sign metric} ~ {axis}^{a:g6}"
        | AtMost a -> $"{sign metric} = O({axis}^{a:g6})"

    /// metric ≤ bound at the end of every experiment of the family, in all combinations. What the bound throws is a
    /// verdict with its message.
    let check name (metric: Metric) (bound: Setting -> float) (family: Family) : Theorem =
        let known = family.Axes |> List.map fst |> String.concat ", "

        let evidence: Evidence =
            fun runner trial ->
                try
                    measured metric runner trial $"{metric.Name} at the end" (Bracket.Exactly(bound trial.Setting))
                with :? System.Collections.Generic.KeyNotFoundException ->
                    Error $"the bound asks for an axis that the family has not; it has {known}"

        { nothing
              name
              $"{sign metric} at the end"
              $"{sign metric} at the end is at most the bound, over {known}."
              metric with
            Evidence = evidence
            Scenarios = [ grid false name family ]
        }

    let private order name metric axis exponent family =
        let law = lawOf metric axis exponent

        { nothing name law (law + " at the end.") metric with
            Rates = orders false name metric axis exponent family
        }

    /// metric ~ axis^exponent at the end, for all combinations of the other axes.
    let rate name metric axis exponent family = order name metric axis (Exactly exponent) family

    /// metric = O(axis^exponent) towards the end of the axis.
    let rateAtMost name metric axis exponent family = order name metric axis (AtMost exponent) family

    /// Holds theorems against runs, as `sgm verify` does.
    let verify effort (theorems: Theorem list) : VerificationResult =
        Study.run (Runner.engine CancellationToken.None) effort theorems

    /// Why theorems are not supported: what is violated or open, with its reason; None where all hold.
    let objection effort (theorems: Theorem list) =
        let result = verify effort theorems

        let wrong =
            [
                for check in result.Checks do
                    if check.Verdict <> Holds then
                        let reason = defaultArg check.Reason "no reason was given"
                        $"{Verdict.name check.Verdict} {check.Key}: {reason}"
            ]

        match wrong, result.Shortfall false with
        | [], None -> None
        | [], Some sentence -> Some sentence
        | several, _ -> Some(String.concat "\n" several)

/// For test frameworks, Expecto's beside its own module of this name.
module Expect =
    /// That a theorem holds in a quick verification; throws with every check that does not.
    let holds (theorem: Theorem) =
        match Claim.objection Quick [ theorem ] with
        | None -> ()
        | Some objection -> failwith objection
