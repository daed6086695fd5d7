namespace Sgm

open Sgm.Correcting

[<AutoOpen>]
module AldMethod =
    /// Annealed Langevin of step h = 2α(r·σ)², r > 0 (score_sde).
    let ald r =
        let size (at: Correction) = 2.0 * keptShare at * (r * at.Level.Sigma) ** 2.0
        Correcting.langevin "ald" [ Numeral.ofFloat r ] (positive "r" "a ratio" r) size

    let internal aldEntry =
        {
            Words =
                [
                    Word.word1
                        "ald"
                        ("r", Kind.number)
                        Kind.corrector
                        ald
                        "ald 0.16"
                        "annealed Langevin, unadjusted Langevin of step h = 2α(r·σ)² at the level"
                ]
            Method = ald 0.16
            Formula = "`langevin` with h = 2α(rσ)², α as for `langevinSnr`"
            Source = "Song & Ermon 2019; Song et al. 2021"
            UsualNames = [ "score_sde AnnealedLangevinDynamics" ]
            Order = Some 1
            Evaluations = 1
            Invariant = "p up to O(h)"
        }
