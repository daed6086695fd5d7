namespace Sgm

open Sgm.Correcting

[<AutoOpen>]
module LangevinMethod =
    /// Unadjusted Langevin of step h > 0.
    let langevin h = langevin "langevin" [ Numeral.ofFloat h ] (positive "h" "a step" h) (fun _ -> h)

    let internal langevinEntry =
        {
            Words =
                [
                    Word.word1
                        "langevin"
                        ("h", Kind.number)
                        Kind.corrector
                        langevin
                        "langevin 0.01"
                        "unadjusted Langevin of step h"
                ]
            Method = langevin 0.01
            Formula = "x + hs + √(2h)ξ"
            Source = "Roberts & Tweedie 1996"
            UsualNames = [ "ULA"; "LMC" ]
            Order = Some 1
            Evaluations = 1
            Invariant = "p up to O(h)"
        }
