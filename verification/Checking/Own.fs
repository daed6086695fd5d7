namespace Sgm.Verification

open Sgm

/// An experiment of one's own.
type Own =
    {
        Name: string
        /// What its data files are relative to.
        Directory: string
        Checked: Checked
    }

/// The catalogue held against experiments of one's own.
module Own =

    /// The one setting of an experiment of one's own.
    let private axis = { Symbol = "run"; Meaning = "the experiment as it stands"; Values = fun _ -> [ 1.0 ] }

    /// The experiment as a scenario of the theorem, if all of its hypotheses hold of the run itself and not only of its limit of
    /// small steps, which a text does not say how to take.
    let private scenarioOf (theorem: Theorem) (own: Own) =
        let subject = { Experiment = own.Checked.Experiment; Plan = own.Checked.Plan; Setting = Map.empty }

        match Assumption.evaluateAll subject theorem.Assumptions with
        | results, None when not (Assumption.areInTheLimit results) ->
            // The cells of a report are run from its folder.
            let experiment = Experiment.inDirectory own.Directory own.Checked.Experiment
            let what = $"the experiment of {own.Name}, fingerprint {own.Checked.Fingerprint}"
            Some(Scenarios.scenario own.Name what (fun _ _ -> experiment) [ Map.empty ] [ axis ])
        | _ -> None

    /// Those of some theorems that cover some experiments, each with those that it covers as its scenarios.
    let covering (theorems: Theorem list) (experiments: Own list) =
        theorems
        |> List.choose (fun theorem ->
            match List.choose (scenarioOf theorem) experiments with
            | [] -> None
            | scenarios -> Some { theorem with Scenarios = scenarios; Rates = [] })
