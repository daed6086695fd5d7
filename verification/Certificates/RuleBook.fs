namespace Sgm.Verification.Certificates

open Sgm.Engine

/// The inequalities that certificates are composed of, as values: a certificate is found by a book of rules. There is
/// one book that is proved (README.md of this folder); the verifier's seeded bugs are other ones.
type internal RuleBook =
    {
        /// *start*: R of the first state at a level.
        Start: Plan -> NoiseLevel -> Result<float, string>
        /// *path-predictor* and *path-corrector*.
        Cost: Plan -> Tableau -> Result<Cost, string>
        /// *pinsker*: TV from relative entropy.
        Pinsker: float -> float
        /// *cut*: TV from what was paid before a cut and what came since.
        Join: float -> float -> float
        /// *level-change*: KL(p at the second level ‖ p at the first).
        Change: Target -> NoiseLevel -> NoiseLevel -> Result<float, string>
        /// *level-change*: W2 between the two.
        Between: Target -> NoiseLevel -> NoiseLevel -> float
        /// *w2-step* and *w2-normal*.
        Distance: Block -> Tableau -> Result<Contraction, string>
        /// *normal-step*: KL(p′‖pK).
        NormalStep: Plan -> Tableau -> float option
        /// *w2-moments*: the spread after a step, and W2 from it.
        Spread: Plan -> Tableau -> Result<Contraction, string>
        Independent: Target -> NoiseLevel -> float -> float
        /// *w2-to-tv*.
        Smoothed: Block list -> int64 -> Contraction list -> float list -> float
        /// *path-w2*.
        PathFrom: Block list -> int64 -> Contraction list -> float list -> float
        /// *forward-predictor*, *forward-corrector* and *forward-w2*.
        Forward: Plan -> Tableau -> Contraction option -> Result<Forward, string>
        /// *talagrand*: √(2C).
        Reach: Target -> NoiseLevel -> Result<float, string>
        /// *chi-corrector*, χ² of the start and between levels, and TV from Σ ln(1 + χ²).
        Chi: Plan -> Tableau -> Result<ChiStep list, string>
        ChiBetween: Target -> NoiseLevel -> NoiseLevel -> Result<float, string>
        OfChi: float -> float
    }

module internal RuleBook =
    /// The rules as they are proved.
    let proved =
        {
            Start = PathRule.start
            Cost = PathRule.cost
            Pinsker = PathRule.totalVariation
            Join = fun before since -> System.Math.BitIncrement(before + since)
            Change = fun target from toLevel -> RelativeEntropy.bound target toLevel target from
            Between = Wasserstein.between
            Distance = Wasserstein.step
            NormalStep = Wasserstein.normalStep
            Spread = Spread.step
            Independent = Spread.distance
            Smoothed = Smoothing.totalVariation
            PathFrom = Smoothing.path
            Forward = Forward.step
            Reach = Forward.reach
            Chi = ChiSquare.step
            ChiBetween = fun target from toLevel -> ChiSquare.bound target from target toLevel
            OfChi = ChiSquare.totalVariation
        }
