namespace Sgm

open Sgm.Engine

/// A corrector of the catalogue: the method with its words, and what is known of it.
type Correcting =
    {
        /// The word and its other names; they take the same arguments and mean the same.
        Words: Word list
        /// The method, with the arguments of the word's example.
        Method: CorrectorMethod
        /// The step at a level with the score s.
        Formula: string
        /// Where it was published.
        Source: string
        /// What other programs call it.
        UsualNames: string list
        /// The order in h of the W2 bias of the law that it leaves invariant; none where no exact law measures it.
        Order: int option
        /// Evaluations of the score a step.
        Evaluations: int
        /// The law that it leaves invariant.
        Invariant: string
    }

    /// The word that the language prints.
    member this.Word = this.Words.Head

/// What the correctors' files share.
module internal Correcting =
    /// What is wrong with a number that has to be positive.
    let positive name what value =
        // A text of many steps is not to write what it does not say.
        if value >= 1e-100 && value <= 1e100 then
            []
        else
            Stepping.within name 1e-100 1e100 $"{what} > 0 (between 1e-100 and 1e100)" value

    /// α = r² of the transition around, what 1 − β is to score_sde.
    let keptShare (at: Correction) = at.Shrink * at.Shrink

    /// What is wrong with a whole number that has to be in a range.
    let whole name least most what n =
        if n >= least && n <= most then
            []
        else
            [ [ Segment.Part name ], Fault.OutOfRange(string n, $"{what} from {least} to {most}") ]

    /// A proposal by leapfrogs of length ε, accepted or not by the target's density, or by the score at so many points of the way.
    let adjusted word arguments faults h leap leaps (points: int option) =
        {
            Word = word
            Arguments = arguments
            Faults = faults
            AsksScore = false
            Keeps = false
            Size = fun _ -> Ok h
            // What would grow without bound is rejected.
            Largest = fun _ -> infinity
            Step =
                fun _ at ->
                    let step =
                        AdjustedStep(
                            Method = word,
                            Level = at.Level,
                            Leap = leap,
                            Leaps = leaps,
                            LinePoints = Option.toNullable points
                        )

                    [ Instruction.Adjusted step ]
        }

    /// Unadjusted Langevin, x + h·s + √(2h)·ξ, of a size; its arguments were checked by its own file.
    let langevin word arguments faults size =
        {
            Word = word
            Arguments = arguments
            Faults = faults
            AsksScore = false
            Keeps = false
            Size = size >> Ok
            Largest = fun slope -> 2.0 / slope
            Step =
                fun h at ->
                    let level = at.Level
                    [ Instruction.Step(Tableau.OneStage(word, level, level, level, 1.0, h, sqrt (2.0 * h))) ]
        }

    /// A step of several evaluations or draws to the state and what it keeps, after the registers that the anneal's predictor holds.
    let general word (at: Correction) rounding stages state kept =
        let held = [ for k in 1 .. at.Held.Value -> [ Registers.register k 1.0 ] ]
        [ Registers.general word at.Level at.Level rounding stages (state :: held @ kept) ]
