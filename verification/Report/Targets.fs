namespace Sgm.Verification.Report

open Sgm
open Sgm.Engine
open Sgm.Verification

/// What is known of a theorem's targets: every constant with its source, at the data and at the sampler's first and last level.
module Targets =
    let private el = Markup.el
    let private text = Markup.text

    let rec private namesFile law =
        match law with
        | Samples _ -> true
        | other -> Target.children other |> List.exists namesFile

    /// The data's level, and where the sampler begins and ends.
    let private levels (plan: Plan) =
        let last = plan.Steps() |> Seq.tryLast |> Option.map (fun step -> step.To) |> Option.toList
        NoiseLevel.Data :: plan.InitialLevel :: last |> List.distinct

    let private plain = "from the components"

    let private moment symbol value = Ok { Symbol = symbol; Value = value; IsExact = true; Provenance = plain }

    let private constants (target: Engine.Target) level =
        let form = target.Factors |> Seq.map (fun factor -> Constants.kernelForm level factor.Law) |> List.ofSeq

        let largest of' = form |> List.choose id |> List.map of' |> List.max

        [
            "L", Constants.smoothness target level
            "C", Constants.logSobolev target level
            "m", Constants.strongConcavity target level
            "ς", Constants.subgaussian target level
            "E|X|²", moment "E|X|²" (Constants.secondMoment target level)
            "tr Cov", moment "tr Cov" (Constants.covarianceTrace target level)

            if form |> List.forall Option.isSome then
                "R", moment "R" (largest (fun f -> f.Radius))
                "τ", moment "τ" (sqrt (form |> List.choose id |> List.map (fun f -> f.Variance) |> List.min))
        ]

    /// "1.25", "≤ 14.6", "≥ 0.2", "–".
    let private shown (found: Result<Constant, string>) =
        match found with
        | Error _ -> "–"
        | Ok constant when constant.IsExact -> Numbers.short constant.Value
        | Ok constant when constant.Symbol = "m" -> $"≥ {Numbers.short constant.Value}"
        | Ok constant -> $"≤ {Numbers.short constant.Value}"

    let private row (level: NoiseLevel) found =
        let cells = $"({Numbers.short level.Mean}, {Numbers.short level.Sigma})" :: List.map (snd >> shown) found

        el "tr" [] (cells |> List.map (fun cell -> el "td" [] [ text cell ]))

    /// Where the constants come from, every source once; and why some are not known.
    let private sources found =
        found
        |> List.concat
        |> List.choose (fun (symbol, result) ->
            match result with
            | Ok constant when constant.Provenance = plain -> None
            | Ok constant -> Some(symbol, constant.Provenance)
            | Error reason -> Some(symbol, reason))
        |> List.distinct
        |> List.groupBy fst
        |> List.collect (fun (symbol, several) ->
            [
                el
                    "p"
                    [ "class", "soft" ]
                    (Maths.render symbol
                     @ [ text ": " ]
                     @ (several |> List.map (snd >> Maths.render) |> List.reduce (fun a b -> a @ [ text "; " ] @ b)))
            ])

    /// An experiment's constants: their symbols, a row a level, and where they come from.
    let private found (own: Experiment) =
        // Score and start may name files, and say nothing of the target.
        let plan = Lower.plan (fun file -> invalidOp file) { own with Score = exact; Start = warm }
        let all = levels plan |> List.map (fun level -> level, constants plan.Target level)
        let symbols = all |> List.head |> snd |> List.map fst
        symbols, List.map (fun (level, constants) -> row level constants) all, sources (List.map snd all)

    /// A closed section for a theorem, or nothing when it has no experiment.
    let section (checks: ReportedCheck list) =
        let experiments =
            checks
            |> List.distinctBy (fun reported -> reported.Check.Scenario.Name)
            |> List.choose (fun reported ->
                reported.Cells
                |> List.tryHead
                |> Option.bind (fun (cell, _) ->
                    cell.Experiment |> Option.map (fun own -> reported.Check.Scenario.Name, own)))
            |> List.filter (fun (_, own) -> own.Discrete.IsNone && not (namesFile own.Target))

        if experiments.IsEmpty then
            []
        else
            [
                el
                    "details"
                    [ "class", "targets" ]
                    [
                        el "summary" [] [ text $"Constants of the targets ({experiments.Length})" ]
                        el
                            "p"
                            [ "class", "soft" ]
                            [
                                text
                                    "Of every scenario's first experiment, at the levels (m, σ) of the data and of the sampler's beginning and end. L: the score is L-Lipschitz; C: log-Sobolev constant; m: strong log-concavity; ς: subgaussian norm; R and τ: the law is q∗N(0, τ²·I), q in a ball of radius R. For products the worst factor decides."
                            ]

                        // Scenarios whose constants are the same share a table.
                        for (symbols, rows, sources), several in experiments |> List.groupBy (snd >> found) do
                            let names = several |> List.map fst |> String.concat "; "
                            el "h4" [] [ text names ]

                            Overview.table
                                ""
                                (("", "level (m, σ)") :: (symbols |> List.map (fun symbol -> "", symbol)))
                                [ el "tbody" [] rows ]

                            yield! sources
                    ]
            ]
