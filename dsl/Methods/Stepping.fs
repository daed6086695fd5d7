namespace Sgm

open System.Collections.Immutable
open Sgm.Engine

/// A predictor of the catalogue: the method with its words, and what is known of it.
type Predicting =
    {
        /// The word and its other names; they take the same arguments and mean the same.
        Words: Word list
        /// The method, with the arguments of the word's example.
        Method: PredictorMethod
        /// The step in z = x/m and ρ = σ/m from ρ to ρ′ < ρ, with the denoiser D and δ = (z − D)/ρ, or in the process's time.
        Formula: string
        /// Where it was published.
        Source: string
        /// What other programs call it.
        UsualNames: string list
        /// The order in the largest step at which the law at the end of a predictor-only anneal converges in W2.
        Order: int
        /// Evaluations of the score a step.
        Evaluations: int
    }

    /// The word that the language prints.
    member this.Word = this.Words.Head

/// What the predictors' files share. A step is written with the denoiser D wherever its coefficients of x and D are of size 1:
/// those of x and the score have size m′/m.
module internal Stepping =
    /// A method whose arguments were checked by its own file.
    let withSteps word arguments faults (step: Transition -> Instruction) =
        {
            Word = word
            Arguments = arguments
            Faults = faults
            IsCustom = false
            Step = step >> List.singleton >> Ok
        }

    /// The same of one that is a tableau.
    let withArguments word arguments faults (step: Transition -> Tableau) =
        withSteps word arguments faults (fun t -> Instruction.Step(step t))

    /// A method without arguments.
    let plain word step = withArguments word [] [] (step word)

    /// A method in the process's own time, which not every forward process has a step of.
    let timed word (step: string -> Transition -> Result<Tableau, Fault>) =
        {
            Word = word
            Arguments = []
            Faults = []
            IsCustom = false
            Step = fun t -> step word t |> Result.map (fun tableau -> [ Instruction.Step tableau ])
        }

    /// There is none under this forward process.
    let noStep word (t: Transition) instead = Error(Fault.NoStepUnder(word, Forward.name t.Forward, instead))

    /// What to write instead of a method that was derived for vp and ve.
    let derived = "ancestral, flow or another step in ρ = σ/m, or (but for listed levels) eulerMaruyama"

    let private oneStage name (t: Transition) a b c prediction =
        Tableau.OneStage(name, t.Upper, t.Lower, t.Upper, a, b, c, prediction)

    /// x ← a·x + b·s + c·ξ, the score s at the upper level.
    let byScore name t a b c = oneStage name t a b c Prediction.Score

    /// x ← a·x + b·D + c·ξ, the denoiser D at the upper level.
    let byDenoiser name t a b c = oneStage name t a b c Prediction.Denoiser

    /// 1 − r²σ′²/σ² = 1 − (ρ′/ρ)² ∈ (0, 1]: the share of the noise variance at the upper level that the forward process added
    /// since the lower one.
    let addedShare (t: Transition) = t.AddedVariance / t.Upper.NoiseVariance

    /// r·(σ′/σ)² and m′·(1 − r²σ′²/σ²): the mean of the lower level's state given the upper one's and the data.
    let posterior name (t: Transition) noise =
        let ratio = t.Lower.Sigma / t.Upper.Sigma
        byDenoiser name t (t.Shrink * ratio * ratio) (t.Lower.Mean * addedShare t) noise

    /// Under ve the reverse SDE by Euler, x + γ·s + √γ·ξ, has the posterior's drift.
    let exploding name (t: Transition) = posterior name t (sqrt t.Gamma)

    /// The part of a step that the noise share η leaves to the flow: from ρ to ρ_d = ρ′·√(1 − η²(1 − κ²)) with κ = ρ′/ρ.
    /// `Kept` is ρ_d/ρ and `Moved` 1 − ρ_d/ρ, without cancellation.
    [<Struct>]
    type Descent = { Kept: float; Moved: float; Down: float; Noise: float }

    let descent eta (t: Transition) =
        let kappa, added = t.Shrink * t.Lower.Sigma / t.Upper.Sigma, addedShare t
        // 1 − η²(1 − κ²), of two terms ≥ 0.
        let down = sqrt ((1.0 - eta) * (1.0 + eta) + (eta * kappa) * (eta * kappa))
        let kept = kappa * down

        {
            Kept = kept
            Moved = added * (1.0 + kappa * kappa * eta * eta) / (1.0 + kept)
            Down = down
            Noise = eta * t.Lower.Sigma * sqrt added
        }

    /// Euler's step of the flow from ρ to ρ_d in y = x/m, y′ = (ρ_d/ρ)·y + (1 − ρ_d/ρ)·D, and the noise on top.
    let flowing name eta (t: Transition) =
        let d = descent eta t
        byDenoiser name t (t.Lower.Sigma / t.Upper.Sigma * d.Down) (t.Lower.Mean * d.Moved) d.Noise

    /// y′ = (ρ_d/ρ)·y + b₁·D₁ + b₂·D₂ and the noise on top, D₂ at the level √(ρρ_d) of Euler's point of the flow there.
    let between name eta (t: Transition) b1 b2 =
        let d = descent eta t
        let q = sqrt d.Kept
        let middle = Forward.atRatio t.Forward (t.Upper.Sigma / t.Upper.Mean * q)
        let toMiddle = ImmutableArray.Create(middle.Mean * d.Moved / (1.0 + q))
        let second = Stage(middle, middle.Sigma / t.Upper.Sigma, toMiddle, Prediction.Denoiser)

        Tableau(
            Method = name,
            From = t.Upper,
            To = t.Lower,
            Stages = ImmutableArray.Create(Stage(t.Upper, 1.0, ImmutableArray.Empty, Prediction.Denoiser), second),
            A = t.Lower.Sigma / t.Upper.Sigma * d.Down,
            B = ImmutableArray.Create(t.Lower.Mean * b1, t.Lower.Mean * b2),
            C = d.Noise
        )

    /// What is wrong with a number that has to be in a range.
    let within name least most allowed (x: float) : (Place * Fault) list =
        if x >= least && x <= most then
            []
        else
            [ [ Segment.Part name ], Fault.OutOfRange(Numeral.ofFloat x, allowed) ]

    /// What is wrong with a share η of the posterior's noise.
    let wrongShare = within "eta" 0.0 1.0 "a share of noise η from 0 (the flow) to 1 (the posterior's noise)"

    /// A method with a share η of the posterior's noise, 0 to 1, as its argument.
    let sharing word step eta = withArguments word [ Numeral.ofFloat eta ] (wrongShare eta) (step word eta)
