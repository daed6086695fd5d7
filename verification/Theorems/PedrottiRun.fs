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

/// The sampler as the paper's, its predictor being `method`, or why it is not that.
let paperRun predictorMethod (subject: Subject) =
    let staying, moving = subject.Plan.Tableaus() |> List.ofSeq |> List.partition (fun step -> step.StaysAtLevel)

    let inOrder = Seq.toList (subject.Plan.Tableaus()) = staying @ moving
    let corrections = subject.Plan.StepCount - int64 moving.Length

    let corrector =
        match List.distinct staying with
        | [] -> Ok None
        | [ step ] when Subject.isLangevin step -> Ok(Some { Level = step.From; H = step.B[0]; N = corrections })
        | _ -> Error "the corrector is not a repetition of one Langevin step x + h·s + √(2h)·ξ at one level"

    attempt {
        do!
            require
                (subject.Experiment.Forward = Vp)
                ()
                "the statement is about the Ornstein–Uhlenbeck process; the forward process is ve"

        do! LevelPath.follows subject.Plan

        do! require inOrder () "corrector steps come after the predictor has begun; the statement has them before it"
        let! corrector = corrector

        do! require ((corrections = 0L) = List.isEmpty staying) () "the predictor does not go once through its levels"

        do!
            match moving |> List.tryFind (fun step -> step.Method <> predictorMethod) with
            | Some other -> Error $"the predictor is '{other.Method}', not '{predictorMethod}'"
            | None -> Ok()

        let! level =
            match corrector, moving with
            | Some run, _ -> Ok run.Level
            | None, first :: _ -> Ok first.From
            | None, [] -> Error "the sampler takes no step"

        return { Level = level; Corrector = corrector; Reverse = moving }
    }

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
