namespace Sgm

open Sgm.Engine
open Sgm.Registers

/// Underdamped Langevin, dx = v dt, dv = s dt − γv dt + √(2γ) dB, in exact pieces: A moves x, B kicks v with the score, O is the
/// Ornstein–Uhlenbeck flow of v. Velocity and score go from a step to the next; a run of steps starts with v ~ N(0, I).
[<AutoOpen>]
module UnderdampedMethod =
    /// v and s(x) before the step, how many draws and evaluations they took, and what took them.
    let private before (at: Correction) =
        if at.GoesOn then
            let held = at.Held.Value
            (fun c -> [ register (held + 1) c ]), (fun c -> [ register (held + 2) c ]), 0, []
        else
            let stage = GeneralStage(at.Level, terms [ x 1.0 ], Prediction.Score)
            (fun c -> [ noise 0 c ]), (fun c -> [ prediction 0 c ]), 1, [ stage ]

    /// The step to (x′, v′) where v′ also reads s(x′), given x′ and v′ of v, s(x), s(x′) and the step's own draws.
    let private moved word gamma h (at: Correction) positions velocities =
        let velocity, score, count, stages = before at
        let draw i c = [ noise (count + i) c ]
        let position: Term list = List.concat (positions velocity score draw)
        let last c = [ prediction count c ]
        let stages = stages @ [ GeneralStage(at.Level, terms position, Prediction.Score) ]
        let kept = [ List.concat (velocities velocity score last draw); last 1.0 ]
        // e^(−γh) loses the digits that γh has before the point.
        let rounding = 4e-15 + 4e-16 * gamma * h
        Correcting.general word at rounding stages position kept

    /// O for h/2, B for h/2, A for h, B for h/2, O for h/2.
    let private obaboStep gamma h (at: Correction) =
        let c = exp (-gamma * h / 2.0)
        let q = sqrt (-(RealFunctions.ExpM1(-gamma * h)))

        moved
            "obabo"
            gamma
            h
            at
            (fun v s draw -> [ [ x 1.0 ]; v (h * c); draw 0 (h * q); s (h * h / 2.0) ])
            (fun v s s' draw -> [ v (c * c); draw 0 (c * q); s (c * h / 2.0); s' (c * h / 2.0); draw 1 q ])

    /// B for h/2, A for h/2, O for h, A for h/2, B for h/2.
    let private baoabStep gamma h (at: Correction) =
        let c = exp (-gamma * h)
        let q = sqrt (-(RealFunctions.ExpM1(-2.0 * gamma * h)))
        let along = h / 2.0 * (1.0 + c)

        moved
            "baoab"
            gamma
            h
            at
            (fun v s draw -> [ [ x 1.0 ]; v along; s (along * h / 2.0); draw 0 (h / 2.0 * q) ])
            (fun v s s' draw -> [ v c; s (c * h / 2.0); draw 0 q; s' (h / 2.0) ])

    let private method word step (gamma: float) (h: float) =
        let product = gamma * h

        {
            Word = word
            Arguments = [ Numeral.ofFloat gamma; Numeral.ofFloat h ]
            Faults =
                [
                    yield! Correcting.positive "gamma" "a friction" gamma
                    yield! Correcting.positive "h" "a step" h
                    if product > 600.0 then
                        [ Segment.Part "gamma" ],
                        Fault.OutOfRange(Numeral.ofFloat gamma, $"a friction γ ≤ 600/h = {Numeral.brief (600.0 / h)}")
                ]
            AsksScore = false
            Keeps = true
            Size = fun _ -> Ok h
            Largest = fun slope -> 2.0 / sqrt slope
            Step = step gamma
        }

    /// Underdamped Langevin of friction γ > 0 and step h > 0, split as OBABO.
    let obabo gamma h = method "obabo" obaboStep gamma h

    /// The same split as BAOAB.
    let baoab gamma h = method "baoab" baoabStep gamma h

    /// `baoab`, whose positions have the smaller bias.
    let underdamped gamma h = baoab gamma h

    let private word name make meaning =
        Word.word2 name ("gamma", Kind.number) ("h", Kind.number) Kind.corrector make $"{name} 1.0 0.1" meaning

    let internal obaboEntry =
        {
            Words = [ word "obabo" obabo "underdamped Langevin of friction γ and step h, split as OBABO" ]
            Method = obabo 1.0 0.1
            Formula =
                "v ← cv + qξ₁, v ← v + hs/2, x ← x + hv, v ← v + hs/2, v ← cv + qξ₂ with c = e^(−γh/2), q = √(1 − c²); v ~ N(0, I) at the start of a run"
            Source = "Bussi & Parrinello 2007"
            UsualNames = [ "kinetic Langevin"; "openmmtools LangevinIntegrator (O V R V O)" ]
            Order = Some 2
            Evaluations = 1
            Invariant = "p up to O(h²)"
        }

    let internal baoabEntry =
        {
            Words =
                [
                    word "baoab" baoab "underdamped Langevin of friction γ and step h, split as BAOAB"
                    word "underdamped" underdamped "another name of `baoab`"
                ]
            Method = baoab 1.0 0.1
            Formula =
                "v ← v + hs/2, x ← x + hv/2, v ← cv + qξ, x ← x + hv/2, v ← v + hs/2 with c = e^(−γh), q = √(1 − c²); v ~ N(0, I) at the start of a run"
            Source = "Leimkuhler & Matthews 2013"
            UsualNames = [ "kinetic Langevin"; "openmmtools LangevinIntegrator (V R O R V)" ]
            Order = Some 2
            Evaluations = 1
            Invariant = "p up to O(h²); normal laws exactly"
        }
