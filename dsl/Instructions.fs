namespace Sgm

open Sgm.Engine

/// The engine's instructions as complete patterns: who reads a plan has to say what it does with every case.
[<AutoOpen>]
module InstructionPatterns =
    /// A step of one state and one draw; one with registers or several draws; one that may be rejected; a repeat; a schedule's
    /// transitions; a probe.
    let (|TableauStep|GeneralStep|MetropolisStep|Repeated|Annealed|Probed|) (instruction: Instruction) =
        match instruction with
        | :? Instruction.Step as step -> TableauStep step.Tableau
        | :? Instruction.General as step -> GeneralStep step.Tableau
        | :? Instruction.Adjusted as step -> MetropolisStep step.One
        | :? Instruction.Repeat as repeat -> Repeated repeat
        | :? Instruction.Transitions as all -> Annealed all
        | :? Instruction.Probe as probe -> Probed probe
        | other -> invalidOp $"an instruction without a pattern: {other}"

    /// The step that an instruction is, if it is one.
    let (|AnyStep|_|) (instruction: Instruction) =
        match instruction with
        | TableauStep step -> Some(step :> IStep)
        | GeneralStep step -> Some(step :> IStep)
        | MetropolisStep step -> Some(step :> IStep)
        | Repeated _
        | Annealed _
        | Probed _ -> None
