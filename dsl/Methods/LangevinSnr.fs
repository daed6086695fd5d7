namespace Sgm

open Sgm.Correcting

[<AutoOpen>]
module LangevinSnrMethod =
    /// h = 2α(r·E‖ξ‖/E‖s‖)², or none where there is no score to divide by.
    let private size word r (at: Correction) =
        let norm = at.Sizes.Score at.Level

        if norm > 0.0 && norm < infinity then
            Ok(2.0 * keptShare at * (r * at.Sizes.Noise / norm) ** 2.0)
        else
            Error(Fault.NoSignal(word, at.Level.Parameter, norm))

    /// Unadjusted Langevin with the step of a signal-to-noise ratio r > 0 (score_sde), under p instead of over a batch.
    let langevinSnr r =
        { Correcting.langevin "langevinSnr" [ Numeral.ofFloat r ] (positive "r" "a ratio" r) (fun _ -> nan) with
            AsksScore = true
            Size = size "langevinSnr" r
        }

    let internal langevinSnrEntry =
        {
            Words =
                [
                    Word.word1
                        "langevinSnr"
                        ("r", Kind.number)
                        Kind.corrector
                        langevinSnr
                        "langevinSnr 0.16"
                        "unadjusted Langevin with the step of a signal-to-noise ratio r, h = 2α(r·E‖ξ‖/E‖s‖)² at the level"
                ]
            Method = langevinSnr 0.16
            Formula =
                "`langevin` with h = 2α(r·E‖ξ‖/E‖s‖)², α = (m/m′)² of the transition around (1 outside of an anneal)"
            Source = "Song et al. 2021, algorithms 4 and 5"
            UsualNames = [ "score_sde LangevinCorrector (snr)" ]
            Order = Some 1
            Evaluations = 1
            Invariant = "p up to O(h)"
        }
