/// Whether the level that a sampler is at follows the state. A level that moves without a step (`anneal … identity`) leaves the
/// state's law where it was, and no statement about the steps speaks of it.
module Sgm.Verification.LevelPath

open System.Collections.Immutable
open Sgm
open Sgm.Engine

/// Which places of a run a statement needs the state's own level at; predictors always, as their formula starts from it.
type private Wanted =
    {
        /// Correctors, too: not for annealing, whose bound pays for the jump.
        Correctors: bool
        /// The end, too: not for early stopping, which speaks of the level that the end is measured at.
        End: bool
    }

/// What a stretch of a run looks like from outside: where its first step starts, and where its last one ended.
type private Stretch = { First: IStep; Reached: NoiseLevel }

/// A level as its forward process names it; by m and σ where the parameter is a number in a list.
let spelled (level: NoiseLevel) =
    let isAt (process': float -> NoiseLevel) = process' level.Parameter = level

    if level.Mean = 1.0 then
        $"σ = {level.Sigma:g6}"
    elif isAt NoiseLevel.VariancePreserving || isAt NoiseLevel.SubVariancePreserving || isAt NoiseLevel.Rectified then
        $"t = {level.Parameter:g6}"
    else
        $"(m, σ) = ({level.Mean:g4}, {level.Sigma:g4})"

let private moved (state: NoiseLevel) (level: NoiseLevel) before =
    Error
        $"the level moves without the state, from {spelled state} to {spelled level} before {before}: the state is still at {spelled state}"

let private joined wanted (earlier: Stretch option) (later: Stretch option) =
    match earlier, later with
    | None, one
    | one, None -> Ok one
    | Some a, Some b ->
        if b.First.From <> a.Reached && (wanted.Correctors || not b.First.StaysAtLevel) then
            moved a.Reached b.First.From $"the step '{b.First.Method}'"
        else
            Ok(Some { First = a.First; Reached = b.Reached })

/// Of parts one after the other, up to the first that does not follow.
let private inOrder wanted (parts: 'part seq) (stretchOf: 'part -> Result<Stretch option, string>) =
    let mutable found = Ok None
    use rest = parts.GetEnumerator()

    while Result.isOk found && rest.MoveNext() do
        found <-
            attempt {
                let! earlier = found
                let! later = stretchOf rest.Current
                return! joined wanted earlier later
            }

    found

let rec private stretch wanted (body: ImmutableArray<Instruction>) = inOrder wanted body (one wanted)

and private one wanted (instruction: Instruction) =
    match instruction with
    | AnyStep step -> Ok(Some { First = step; Reached = step.To })
    | Repeated repeat when repeat.Count > 0L ->
        attempt {
            let! once = stretch wanted repeat.Body
            // All later rounds are like the second.
            return! if repeat.Count > 1L then joined wanted once once else Ok once
        }
    | Annealed all -> inOrder wanted (Seq.init all.Count all.Body.Invoke) (stretch wanted)
    | TableauStep _
    | GeneralStep _
    | MetropolisStep _
    | Repeated _
    | Probed _ -> Ok None

let private followed wanted (plan: Plan) =
    attempt {
        let! whole = stretch wanted plan.Instructions

        match whole, Seq.tryLast plan.Instructions with
        | Some run, Some(:? Instruction.Probe as probe) when wanted.End && probe.Level <> run.Reached ->
            return! moved run.Reached probe.Level "the end is measured"
        | _ -> return ()
    }

/// The shared hypothesis of the statements about samplers: every step starts at the level where the one before it ended, and the
/// end is measured where the last one ended. The start has no level of its own: it is a law, and every bound that speaks of it
/// holds it against the level of the first step.
let follows: Plan -> Result<unit, string> = Once.per (followed { Correctors = true; End = true })

/// The same for statements about early stopping, which say themselves at which level the end is measured.
let followsUntilStopped: Plan -> Result<unit, string> = Once.per (followed { Correctors = true; End = false })

/// The same for annealing: Langevin steps may start below the state's level, and the bound has the χ² between the two.
let followsUnderPredictors: Plan -> Result<unit, string> = Once.per (followed { Correctors = false; End = true })
