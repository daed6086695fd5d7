namespace Sgm

open Sgm.Engine
open Sgm.Registers

[<AutoOpen>]
module RandomizedMidpointMethod =
    let private of' input number share c = Term(input, number, c, share)

    /// The score at a point of the Langevin path a fraction u of the step ahead, u uniform and its own for every particle; the noise
    /// up to there, √(2uh)ξ₁, is part of the step's.
    let private step h (at: Correction) =
        let root = sqrt (2.0 * h)
        let first = of' Input.Noise 0 Share.RootOfFraction root
        let middle = [ x 1.0; of' Input.Prediction 0 Share.Fraction h; first ]
        let score at' = GeneralStage(at.Level, terms at', Prediction.Score)
        let state = [ x 1.0; prediction 1 h; first; of' Input.Noise 1 Share.RootOfRest root ]
        Correcting.general "randomizedMidpoint" at 4e-15 [ score [ x 1.0 ]; score middle ] state []

    /// The variance stays bounded for h below this over the slope: the root of 6 − 6a + 3a² − a³, 1 + b with b³ + 3b = 2.
    let private largest =
        let c = System.Math.Cbrt(1.0 + sqrt 2.0)
        1.0 + c - 1.0 / c

    /// Langevin by the randomised midpoint, of step h > 0.
    let randomizedMidpoint h =
        { Correcting.langevin "randomizedMidpoint" [ Numeral.ofFloat h ] (Correcting.positive "h" "a step" h) (fun _ ->
              h) with
            Largest = fun slope -> largest / slope
            Step = step
        }

    let internal randomizedMidpointEntry =
        {
            Words =
                [
                    Word.word1
                        "randomizedMidpoint"
                        ("h", Kind.number)
                        Kind.corrector
                        randomizedMidpoint
                        "randomizedMidpoint 0.1"
                        "Langevin of step h with the score at a random point of the step's path"
                ]
            Method = randomizedMidpoint 0.1
            Formula = "y = x + uhs + √(2uh)ξ₁, then x + hs(y) + √(2uh)ξ₁ + √(2(1 − u)h)ξ₂, u uniform on (0, 1)"
            Source = "Shen & Lee 2019; He, Balasubramanian & Erdogdu 2020"
            UsualNames = [ "RLMC" ]
            Order = None
            Evaluations = 2
            Invariant = "not measured exactly; of N(μ, v) the mean, and the variance up to v(h/v)³/6"
        }
