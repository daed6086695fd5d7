namespace Sgm

open Sgm.Correcting

[<AutoOpen>]
module MalaMethod =
    /// Langevin of step h > 0, accepted or not by the target's density at the level: p stays invariant, whatever the score.
    let mala h = adjusted "mala" [ Numeral.ofFloat h ] (positive "h" "a step" h) h (sqrt (2.0 * h)) 1 None

    let internal malaEntry =
        {
            Words =
                [
                    Word.word1
                        "mala"
                        ("h", Kind.number)
                        Kind.corrector
                        mala
                        "mala 0.1"
                        "Langevin of step h, accepted or rejected by the target's density at the level"
                ]
            Method = mala 0.1
            Formula = "x′ = x + hs + √(2h)ξ, accepted with min(1, p(x′)q(x′, x)/(p(x)q(x, x′)))"
            Source = "Besag 1994; Roberts & Tweedie 1996"
            UsualNames = [ "MALA" ]
            Order = None
            Evaluations = 2
            Invariant = "p, whatever the score"
        }
