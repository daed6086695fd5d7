/// What the statements of Pedrotti, Maas and Mondelli read from the sampler: a corrector at time T1, then a reverse of time.
module Sgm.Verification.Theorems.PedrottiRun

open Sgm
open Sgm.Engine
open Sgm.Verification

/// A sampler of the paper: Langevin at time T1 (perhaps none), then steps of one method from T1 to 0 (perhaps none).
type PaperRun =
    {
        /// The level of T1.
        Level: NoiseLevel
        /// The corrector, when there is one.
        Corrector: LangevinRun option
        /// The predictor's steps, in order; every one evaluates the score at its upper level.
        Reverse: Tableau list
    }

    /// T1.
    member this.T1 = this.Level.Parameter

    /// T2 = Nh, 0 without a corrector.
    member this.T2 = this.Corrector |> Option.map (fun run -> float run.N * run.H) |> Option.defaultValue 0.0

/// The predictor's steps, which nothing else may follow.
let private predictions predictorMethod (steps: Tableau seq) =
    match steps |> Seq.tryFind (fun step -> step.StaysAtLevel || step.Method <> predictorMethod) with
    | Some other when other.StaysAtLevel ->
        Error "corrector steps come after the predictor has begun; the statement has them before it"
    | Some other -> Error $"the predictor is '{other.Method}', not '{predictorMethod}'"
    | None -> Ok(List.ofSeq steps)

let private read predictorMethod (subject: Subject) =
    let plan = subject.Plan

    attempt {
        do!
            require
                (subject.Experiment.Forward = Vp)
                ()
                $"the statement is about the Ornstein–Uhlenbeck process; the forward process is {Forward.name subject.Experiment.Forward}"

        // On demand: what is not of this form is not read to its end.
        let staying = plan.Tableaus() |> Seq.takeWhile (fun step -> step.StaysAtLevel)
        let moving = plan.Tableaus() |> Seq.skipWhile (fun step -> step.StaysAtLevel)
        let corrector = Seq.tryHead staying
        let! moving = predictions predictorMethod moving
        let corrections = plan.StepCount - int64 moving.Length

        do!
            require
                (corrector |> Option.forall (fun step -> Subject.isLangevin step && Seq.forall ((=) step) staying))
                ()
                "the corrector is not a repetition of one Langevin step x + h·s + √(2h)·ξ at one level"

        do! require ((corrections = 0L) = corrector.IsNone) () "the predictor does not go once through its levels"

        do! LevelPath.follows plan

        return!
            match corrector, moving with
            | Some step, _ ->
                let run = { Level = step.From; H = step.B[0]; N = corrections }
                Ok { Level = run.Level; Corrector = Some run; Reverse = moving }
            | None, first :: _ -> Ok { Level = first.From; Corrector = None; Reverse = moving }
            | None, [] -> Error "the sampler takes no step"
    }

let private flowRun: Subject -> Result<PaperRun, string> = Once.per (read "flow")
let private ancestralRun: Subject -> Result<PaperRun, string> = Once.per (read "ancestral")

/// The sampler as the paper's, its predictor being `flow` or `ancestral`, or why it is not that.
let paperRun predictorMethod = if predictorMethod = "flow" then flowRun else ancestralRun

/// The run's corrector, when it has nothing else.
let correctorOnly (subject: Subject) =
    attempt {
        let! run = paperRun "flow" subject

        match run.Corrector, run.Reverse with
        | Some corrector, [] -> return corrector
        | _ -> return! Error "the sampler is not a corrector alone"
    }

/// Whether the start is N(0, I).
let fromPrior (subject: Subject) =
    match subject.Experiment.Start with
    | Prior -> Ok "N(0, I)"
    | _ -> Error "the start is not N(0, I)"
