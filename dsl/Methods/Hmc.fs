namespace Sgm

open Sgm.Correcting

[<AutoOpen>]
module HmcMethod =
    /// L ≥ 1 leapfrogs of size h > 0 from a velocity ~ N(0, I), accepted or not by the Hamiltonian −ln p + |v|²/2: p stays invariant,
    /// whatever the score.
    let hmc h steps =
        let faults = [ yield! positive "h" "a step" h; yield! whole "L" 1 100000 "a number of leapfrogs" steps ]

        adjusted "hmc" [ Numeral.ofFloat h; string steps ] faults h h steps None

    let internal hmcEntry =
        {
            Words =
                [
                    Word.word2
                        "hmc"
                        ("h", Kind.number)
                        ("L", Kind.whole)
                        Kind.corrector
                        hmc
                        "hmc 0.2 5"
                        "L leapfrogs of size h from a velocity ~ N(0, I), accepted or rejected by the target's density at the level"
                ]
            Method = hmc 0.2 5
            Formula =
                "L times v + (h/2)s(x), x + hv, v + (h/2)s(x) from v = ξ, accepted with min(1, p(x′)φ(v′)/(p(x)φ(v)))"
            Source = "Duane et al. 1987; Neal 2011"
            UsualNames = [ "HMC" ]
            Order = None
            Evaluations = 6
            Invariant = "p, whatever the score"
        }
