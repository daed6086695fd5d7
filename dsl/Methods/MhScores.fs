namespace Sgm

open Sgm.Correcting

[<AutoOpen>]
module MhScoresMethod =
    /// Langevin of step h > 0, accepted or not by the score alone: ln p(x′) − ln p(x) is the line integral of the score by the
    /// trapezoid rule at k ≥ 2 points of the way.
    let mhScores h k =
        let faults =
            [
                yield! positive "h" "a step" h
                yield! whole "k" 2 1000 "a number of points of the way, both ends among them," k
            ]

        adjusted "mhScores" [ Numeral.ofFloat h; string k ] faults h (sqrt (2.0 * h)) 1 (Some k)

    let internal mhScoresEntry =
        {
            Words =
                [
                    Word.word2
                        "mhScores"
                        ("h", Kind.number)
                        ("k", Kind.whole)
                        Kind.corrector
                        mhScores
                        "mhScores 0.1 3"
                        "Langevin of step h, accepted or rejected by the score at k points of the way, where no density is known"
                ]
            Method = mhScores 0.1 3
            Formula =
                "`mala` with ∫₀¹ s(x + t(x′ − x))·(x′ − x) dt for ln p(x′) − ln p(x), by the trapezoid rule at k points"
            Source = "Sjöberg et al. 2023"
            UsualNames = [ "score-based MH correction" ]
            Order = None
            Evaluations = 3
            Invariant = "the score's law up to O((k − 1)⁻²)"
        }
