/// Bruno et al. 2023, strongly log-concave data: the four errors of the reverse Ornstein–Uhlenbeck process by Euler–Maruyama.
module Sgm.Verification.Theorems.BrunoReverse

open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Theorems.Bruno

/// What the statement needs to know of an experiment.
type internal Reverse =
    {
        Steps: Tableau list
        /// −∇²ln p between m·I and L·I, for the data.
        M: Constant
        L: Constant
        /// E|X|² of the data.
        SecondMoment: float
        D: float
        /// ε_SN: the L² error of the score at every level.
        ScoreError: float
        /// The level at which the run stops, and the one at which the end is measured.
        Stopped: NoiseLevel
        Measured: NoiseLevel
    }

/// Euler–Maruyama steps, in the order of running.
let private reverseSteps (subject: Subject) =
    let plan = subject.Plan

    match Seq.tryHead (plan.Tableaus()) with
    | None -> Error "the sampler takes no step"
    | Some first when subject.Experiment.Forward <> Vp ->
        Error $"'{first.Method}' runs under {Forward.name subject.Experiment.Forward}; the statement is for vp"
    | Some _ ->
        let steps = plan.Tableaus() |> Seq.takeWhile (fun step -> step.Method = "eulerMaruyama") |> List.ofSeq

        match plan.Tableaus() |> Seq.skip steps.Length |> Seq.tryHead with
        | _ when plan.StepCount = int64 steps.Length ->
            LevelPath.followsUntilStopped plan |> Result.map (fun () -> steps)
        | Some other -> Error $"the sampler has a step '{other.Method}'"
        | None -> Error "the predictor's steps are repeated: their level does not follow the state"

let private read (subject: Subject) =
    let target = subject.Plan.Target

    match reverseSteps subject, measuredAt subject.Plan with
    | Error reason, _
    | _, Error reason -> Error reason
    | Ok steps, Ok level when level <> (List.last steps).To && level <> NoiseLevel.VariancePreserving 0.0 ->
        Error
            $"the run stops at time {(List.last steps).To.Parameter:g4}, and the end is measured at time {level.Parameter:g4}: neither there nor at the data"
    | Ok steps, Ok level ->
        match
            Constants.strongConcavity target NoiseLevel.Data,
            Constants.smoothness target NoiseLevel.Data,
            Subject.constantScoreError subject.Plan
        with
        | Ok m, Ok l, Ok scoreError ->
            Ok
                {
                    Steps = steps
                    M = m
                    L = l
                    SecondMoment = Constants.secondMoment target NoiseLevel.Data
                    D = float target.Dimension
                    ScoreError = scoreError
                    Stopped = (List.last steps).To
                    Measured = level
                }
        | Error reason, _, _
        | _, Error reason, _
        | _, _, Error reason -> Error reason

let internal reverse: Subject -> Result<Reverse, string> = Once.per read

/// √(e^(−2T)·E|X|² + d·(1 − σ_T)²): W2(N(0, I), p_T) by the coupling e^(−T)·X + σ_T·Z, Z.
let private startError r =
    let level = r.Steps.Head.From
    sqrt (level.Mean * level.Mean * r.SecondMoment + r.D * (1.0 - level.Sigma) ** 2.0)

/// The least and the largest curvature at a level: 1/α_t = e^(−2t)/m + σ_t², 1/L_t = e^(−2t)/L + σ_t².
let private curvatures r (level: NoiseLevel) =
    1.0 / level.VarianceOf(1.0 / r.M.Value), 1.0 / level.VarianceOf(1.0 / r.L.Value)

/// δ' = √((ρ·δ)² + (2/3)·d·Λ²·γ³) + (γ²/2)·M + 2γ·ε_SN.
let private stepError r delta (step: Tableau) =
    let gamma = step.From.Parameter - step.To.Parameter
    let lowest, highest = curvatures r step.From
    let lowestAfter, highestAfter = curvatures r step.To
    let rho = [ lowest; highest ] |> List.map (fun c -> abs (1.0 + gamma - 2.0 * gamma * c)) |> List.max

    let stiffness =
        [ lowest; highest; lowestAfter; highestAfter ] |> List.map (fun c -> abs (1.0 - 2.0 * c)) |> List.max

    let moment (level: NoiseLevel) = level.Mean * level.Mean * r.SecondMoment + r.D * level.NoiseVariance

    sqrt ((rho * delta) ** 2.0 + 2.0 / 3.0 * r.D * stiffness * stiffness * gamma ** 3.0)
    + gamma * gamma / 2.0 * sqrt (max (moment step.From) (moment step.To))
    + 2.0 * gamma * r.ScoreError

/// √((1 − e^(−ε))²·E|X|² + d·(1 − e^(−2ε))): W2(p_ε, p) by the forward process.
let private stoppingError r =
    if r.Measured = r.Stopped then
        0.0
    else
        let level = r.Stopped
        sqrt ((1.0 - level.Mean) ** 2.0 * r.SecondMoment + r.D * level.NoiseVariance)

/// The bound on W2 at the end.
let internal bound r = List.fold (stepError r) (startError r) r.Steps + stoppingError r
