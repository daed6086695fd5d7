/// The words that scenarios and rates are written in.
module Sgm.Verification.Scenarios

open Sgm
open Sgm.Verification

let value symbol (setting: Setting) = Map.find symbol setting
let setting values : Setting = Map.ofList values

/// The setting with other values of some axes.
let changed (setting: Setting) values : Setting =
    (setting, values) ||> List.fold (fun point (symbol, value) -> Map.add symbol value point)

let axis symbol meaning values = { Symbol = symbol; Meaning = meaning; Values = values }

let private ends effort (values: float list) =
    if effort = Quick then
        List.distinct [ List.head values; List.last values ]
    else
        values

/// The first and the last value when there is little time.
let few values effort = ends effort values

/// At these values when there is little time.
let quickly values axis = { axis with Values = fun effort -> if effort = Quick then values else axis.Values effort }

/// Varied from standard effort on.
let later axis = quickly [] axis

/// At its ends alone when there is little time: for bounds, of which a rate needs more.
let spanned axis = { axis with Values = fun effort -> axis.Values effort |> ends effort }

let scenario name description experiment bases axes =
    {
        Name = name
        Description = description
        Bases = bases
        Axes = axes
        Experiment = experiment
    }

/// The plan of an experiment that has passed the command's own check, or what is wrong with it.
let checkedPlan experiment =
    Check.plan experiment |> Result.mapError (fun problems -> (Message.renderAll problems).TrimEnd())

/// The plan of a scenario's experiment; one that `sgm check` would refuse is a defect of the scenario.
let planOf experiment =
    match checkedPlan experiment with
    | Ok plan -> plan
    | Error problems -> invalidOp $"no valid experiment: {problems}"

/// The metric at the end of a trial's run.
let atEnd metric runner (trial: Trial) = Measure.atEnd metric runner trial.Subject.Plan

/// Whether a trial is one of a scenario's: whether at its setting the scenario has the same experiment. Scenarios of one theorem vary
/// different symbols; one that misses its own in a setting is another.
let isOf (scenario: Scenario) (trial: Trial) =
    try
        scenario.Experiment trial.Setting 0 = trial.Subject.Experiment
    with :? System.Collections.Generic.KeyNotFoundException ->
        false
