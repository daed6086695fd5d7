namespace Sgm

open Sgm.Correcting

[<AutoOpen>]
module LangevinScaledMethod =
    /// Unadjusted Langevin of step h = c·σ² at a level with noise variance σ².
    let langevinScaled c =
        let size (at: Correction) = c * at.Level.NoiseVariance
        langevin "langevinScaled" [ Numeral.ofFloat c ] (positive "c" "a factor" c) size

    let internal langevinScaledEntry =
        {
            Words =
                [
                    Word.word1
                        "langevinScaled"
                        ("c", Kind.number)
                        Kind.corrector
                        langevinScaled
                        "langevinScaled 0.1"
                        "unadjusted Langevin of step h = c·σ² at the level"
                ]
            Method = langevinScaled 0.1
            Formula = "`langevin` with h = cσ²"
            Source = "Song & Ermon 2019, algorithm 1"
            UsualNames = [ "NCSN annealed Langevin" ]
            Order = Some 1
            Evaluations = 1
            Invariant = "p up to O(h)"
        }
