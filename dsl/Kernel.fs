namespace Sgm

open Sgm.Engine

/// From one level to the next less noisy one, within an anneal.
[<NoEquality; NoComparison>]
type Transition =
    {
        Forward: Forward
        Upper: NoiseLevel
        Lower: NoiseLevel
        /// Its number in the anneal, from 0.
        Index: int
        /// How many transitions the anneal has.
        Count: int
        /// The anneal's levels, from 0 to Count.
        LevelAt: int -> NoiseLevel
    }

    /// A transition of an anneal.
    static member Of(forward, levelAt: int -> NoiseLevel, index, count) =
        {
            Forward = forward
            Upper = levelAt index
            Lower = levelAt (index + 1)
            Index = index
            Count = count
            LevelAt = levelAt
        }

    /// The one transition of an anneal.
    static member Alone(forward, upper: NoiseLevel, lower: NoiseLevel) =
        Transition.Of(forward, (fun i -> if i = 0 then upper else lower), 0, 1)

    /// The transition so many before this one, `back` ≤ Index.
    member this.Before back = Transition.Of(this.Forward, this.LevelAt, this.Index - back, this.Count)

    /// Whether it ends the anneal.
    member this.IsLast = this.Index = this.Count - 1

    /// The step in the process's own clock: σ² − σ′² (ve), else t − t′; listed levels have none.
    member this.Gamma =
        match this.Forward with
        | Vp
        | SubVp
        | Rectified -> this.Upper.Parameter - this.Lower.Parameter
        | Ve -> (this.Upper.Sigma - this.Lower.Sigma) * (this.Upper.Sigma + this.Lower.Sigma)
        | LevelsOf _ -> nan

    /// r = m/m′, the factor by which the forward process shrinks the state from lower to upper.
    member this.Shrink =
        match this.Forward with
        | Vp -> exp -this.Gamma
        | Ve -> 1.0
        | SubVp
        | Rectified
        | LevelsOf _ -> this.Upper.Mean / this.Lower.Mean

    /// σ² − r²σ′² > 0, the noise variance that the forward process adds from lower to upper, without cancellation.
    member this.AddedVariance =
        match this.Forward with
        | Vp -> -(RealFunctions.ExpM1(-2.0 * this.Gamma))
        | Ve -> this.Gamma
        | SubVp
        | Rectified
        | LevelsOf _ ->
            let difference =
                RealFunctions.Determinant(this.Upper.Sigma, this.Lower.Mean, this.Upper.Mean, this.Lower.Sigma)

            let sum = this.Upper.Sigma + this.Shrink * this.Lower.Sigma
            difference / this.Lower.Mean * sum

/// Mean sizes that a corrector's step may depend on.
[<NoEquality; NoComparison>]
type Sizes =
    {
        /// E‖ξ‖ for ξ ~ N(0, I) of the state's dimension.
        Noise: float
        /// E‖s‖ at a level under the target's law there, for the score s that the sampler runs with.
        Score: NoiseLevel -> float
    }

    /// Of unit vectors.
    static member Unit = { Noise = 1.0; Score = fun _ -> 1.0 }

/// Registers of an anneal's predictor.
module internal Held =
    let nothing = lazy 0

/// Where a corrector makes a step, and what it may know there.
[<NoEquality; NoComparison>]
type Correction =
    {
        Level: NoiseLevel
        /// r = m/m′ of the transition around; 1 outside of every anneal.
        Shrink: float
        Sizes: Sizes
        /// The registers that the anneal's predictor holds, which a corrector must leave as they are.
        Held: Lazy<int>
        /// Whether the step before was one of the same method at this level, so that what it kept goes on.
        GoesOn: bool
    }

    /// The first step of a run at a level outside of every anneal, with a score of size 1.
    static member At level = { Level = level; Shrink = 1.0; Sizes = Sizes.Unit; Held = Held.nothing; GoesOn = false }

/// A kernel that leaves the law at the current level (nearly) invariant, as a value: `Methods/` has one file a method.
[<CustomEquality; NoComparison>]
type CorrectorMethod =
    {
        /// The word of the language.
        Word: string
        /// Its arguments, as the language writes them.
        Arguments: string list
        /// What is wrong with the arguments, and where in them.
        Faults: (Place * Fault) list
        /// Whether its step depends on the score's size, so that every level must be tried before it runs.
        AsksScore: bool
        /// Whether it keeps more than the state from one step to the next.
        Keeps: bool
        /// The step size h ≥ 0, or why there is none.
        Size: Correction -> Result<float, Fault>
        /// The step size from which on a state grows without bound where the score's slope is −λ, given λ > 0.
        Largest: float -> float
        /// Its steps of a size.
        Step: float -> Correction -> Instruction list
    }

    /// The same word with the same arguments.
    override this.Equals other =
        match other with
        | :? CorrectorMethod as method -> this.Word = method.Word && this.Arguments = method.Arguments
        | _ -> false

    override this.GetHashCode() = hash (this.Word, this.Arguments)
    override this.ToString() = System.String.Join(" ", this.Word :: this.Arguments)

/// A kernel that moves the state from a level to a less noisy one, as a value: `Methods/` has one file a method.
[<CustomEquality; NoComparison>]
type PredictorMethod =
    {
        /// The word of the language.
        Word: string
        /// Its arguments, as the language writes them.
        Arguments: string list
        /// What is wrong with the arguments, and where in them.
        Faults: (Place * Fault) list
        /// Whether its formulas are a user's, so that every transition must be tried before they run.
        IsCustom: bool
        /// Its steps over a transition, or why there are none. What a method keeps in registers ends with the anneal.
        Step: Transition -> Result<Instruction list, Fault>
    }

    /// The same word with the same arguments.
    override this.Equals other =
        match other with
        | :? PredictorMethod as method -> this.Word = method.Word && this.Arguments = method.Arguments
        | _ -> false

    override this.GetHashCode() = hash (this.Word, this.Arguments)
    override this.ToString() = System.String.Join(" ", this.Word :: this.Arguments)

/// The steps of the methods of a checked experiment.
module Kernel =
    /// Of a corrector.
    let corrector (method: CorrectorMethod) (correction: Correction) =
        match method.Size correction with
        | Ok h -> method.Step h correction
        | Error _ -> invalidOp $"'{method.Word}' has no step at {correction.Level}: check first"

    /// Of a predictor over a transition.
    let predictor (method: PredictorMethod) transition =
        match method.Step transition with
        | Ok steps -> steps
        | Error _ -> invalidOp $"'{method.Word}' has no step from {transition.Upper} to {transition.Lower}: check first"

    /// The registers that a predictor holds after a transition.
    let held method transition =
        match List.tryLast (predictor method transition) with
        | Some(GeneralStep step) -> step.Kept
        | _ -> 0
