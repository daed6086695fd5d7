namespace Sgm.Verification

open Sgm
open Sgm.Engine

/// A point of a study's grid: the value of every axis, by its symbol.
type Setting = Map<string, float>

/// What a theorem is held against: an experiment and the plan that it was lowered to. Bounds read the coefficients and
/// levels from the plan, so that they are those that ran.
type Subject =
    {
        Experiment: Experiment
        Plan: Plan
        /// What a scenario knows beyond the experiment (how a score was trained); empty for an experiment of one's own.
        Setting: Setting
    }

/// A run of equal Langevin steps at one level, read from a plan.
type LangevinRun =
    {
        Level: NoiseLevel
        /// Step h.
        H: float
        /// Number of steps N.
        N: int64
    }

/// A predictor-only anneal over equal steps of time, read from a plan.
type PredictorRun =
    {
        Method: string
        /// Step γ = T/K.
        Gamma: float
        /// Number of steps K.
        K: int64
        /// The first and the last level.
        From: NoiseLevel
        To: NoiseLevel
    }

/// Shapes that theorems speak of, recognised in a plan.
module Subject =
    /// "d = 4, h = 0.1".
    let settingText (setting: Setting) =
        setting |> Map.toList |> List.map (fun (symbol, value) -> $"{symbol} = {value:g6}") |> String.concat ", "

    let private relativelyEqual tolerance (a: float) (b: float) = abs (a - b) <= tolerance * max (abs a) (abs b)

    /// Whether a step is a Langevin step x ← x + h·s + √(2h)·ξ at one level.
    let isLangevin (step: Tableau) =
        step.Stages.Length = 1
        && step.StaysAtLevel
        && step.Stages[0].Of = Prediction.Score
        && step.Stages[0].A = 1.0
        && step.Stages[0].Level = step.From
        && step.A = 1.0
        && relativelyEqual 1e-12 (step.C * step.C) (2.0 * step.B[0])

    /// Found once a subject, whose steps are all tableaux.
    let private ofTableaus (read: Subject -> Result<'shape, string>) =
        Once.per (fun subject ->
            match subject.Plan.GeneralMethod with
            | null -> read subject
            | method -> Error(NoTableauException.Reason method))

    /// The plan as N Langevin steps x ← x + h·s + √(2h)·ξ of one size at one level, or why it is not that.
    let langevin: Subject -> Result<LangevinRun, string> =
        ofTableaus (fun subject ->
            match subject.Plan.Tableaus() |> Seq.distinct |> Seq.truncate 2 |> List.ofSeq with
            | [ step ] ->
                if isLangevin step then
                    LevelPath.follows subject.Plan
                    |> Result.map (fun () -> { Level = step.From; H = step.B[0]; N = subject.Plan.StepCount })
                else
                    Error $"the step '{step.Method}' is not a Langevin step x + h·s + √(2h)·ξ at one level"
            | [] -> Error "the sampler takes no step"
            | _ -> Error "the sampler is not a repetition of one and the same Langevin step")

    let private sameMethod (step: Tableau) (other: Tableau) = other.Method = step.Method

    /// The plan as K predictor steps of one method over equal steps of time (vp), or why it is not that. At which level the end is
    /// measured is left to the statement.
    let uniformPredictor: Subject -> Result<PredictorRun, string> =
        ofTableaus (fun subject ->
            match Seq.tryHead (subject.Plan.Tableaus()) with
            | None -> Error "the sampler takes no step"
            | Some first when subject.Experiment.Forward <> Vp ->
                Error $"'{first.Method}' runs under {Forward.name subject.Experiment.Forward}; the statement is for vp"
            | Some first when first.StaysAtLevel ->
                Error "the sampler has corrector steps; the statement is for a predictor alone"
            | Some first ->
                // Number, last step, and the shortest and the longest time of a step, in one pass.
                let k, last, shortest, longest =
                    ((0L, first, infinity, -infinity), subject.Plan.Tableaus() |> Seq.takeWhile (sameMethod first))
                    ||> Seq.fold (fun (k, _, shortest, longest) step ->
                        let time = step.From.Parameter - step.To.Parameter
                        k + 1L, step, min shortest time, max longest time)

                let gamma = (first.From.Parameter - last.To.Parameter) / float k

                // Bounds that are attained are for equal steps: what differs by more than the rounding of times is another sampler.
                let rounding = max 1e-10 (4.0 * 2.2e-16 * first.From.Parameter / gamma)
                let regular = relativelyEqual rounding shortest gamma && relativelyEqual rounding longest gamma

                if subject.Plan.StepCount = k && regular then
                    LevelPath.followsUntilStopped subject.Plan
                    |> Result.map (fun () ->
                        { Method = first.Method; Gamma = gamma; K = k; From = first.From; To = last.To })
                else
                    Error "the steps are not of one method and one size")

    /// The steps of a run that takes each once and no other than these; read no further than the first other one.
    let stepsOf what (are: Tableau -> bool) (plan: Plan) =
        let own =
            if isNull plan.GeneralMethod then
                plan.Tableaus() |> Seq.takeWhile are |> List.ofSeq
            else
                []

        if own.IsEmpty || not (plan.Tableaus() |> Seq.truncate (own.Length + 1) |> Seq.forall are) then
            Error $"it has steps other than {what}"
        elif int64 own.Length <> plan.StepCount then
            Error "its steps are repeated"
        else
            LevelPath.follows plan |> Result.map (fun () -> own)

    /// The sup norm (and L² norm) of a constant score error s − ∇ln p or why it is not constant.
    let constantScoreError (plan: Plan) =
        if not (obj.ReferenceEquals(plan.Score.Of, plan.Target)) then
            Error "the score is that of another law"
        else
            match ScoreForm.ofScore plan.Score with
            | Some form when form.Gain = 1.0 && form.Ripples.IsEmpty -> Ok(abs form.Shift)
            | _ ->
                Error
                    "the score error is not a constant (only 'shifted' is, and 'scaled' by factors whose product is 1)"
