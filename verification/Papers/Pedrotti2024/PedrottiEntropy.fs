/// Pedrotti, Maas and Mondelli 2024: the corrector in relative entropy, under an exponential moment of the score's error.
module Sgm.Verification.Theorems.PedrottiEntropy

open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Scenarios
open Sgm.Verification.Theorems.PedrottiData
open Sgm.Verification.Theorems.PedrottiScore

type private Facts =
    {
        Alpha: float
        Source: string
        /// M.
        Moment: float
        Error: float
        /// T2.
        Time: float
    }

let private facts: Subject -> Result<Facts, string> =
    Once.per (fun subject ->
        attempt {
            let! run = Subject.langevin subject
            let! alpha, provenance = Entropy.alpha subject.Plan.Target run.Level
            let! score = scoreFacts subject.Plan run.Level
            let! moment = Entropy.moment subject.Plan run.Level (1.0 / alpha)

            return
                {
                    Alpha = alpha
                    Source = provenance
                    Moment = moment
                    Error = score.Error
                    Time = float run.N * run.H
                }
        })

let private assumptions =
    [
        Assumption.inTheLimit "Langevin dynamics at one level for a time T2 (the limit h → 0 of Nh = T2)" (fun s ->
            Subject.langevin s |> Result.map (fun run -> $"T2 = {float run.N * run.H:g6}"))
        assume "p satisfies a log-Sobolev inequality, KL(q‖p) ≤ E_q‖∇ln(q/p)‖²/(2α)" (fun s ->
            attempt {
                let! run = Subject.langevin s
                let! alpha, provenance = Entropy.alpha s.Plan.Target run.Level
                return $"α = {alpha:g6}: {provenance}"
            })
        assume
            "M = ln E_p e^(‖s − ∇ln p‖²/α) < ∞"
            (facts >> Result.map (fun k -> $"M ≤ {k.Moment:g6}, ε = {k.Error:g6}"))
    ]

let private afterCorrector = limit Metric.Kl

let private evidence: Evidence =
    fun runner trial ->
        attempt {
            let! k = facts trial.Subject
            let! start = Measure.atStart Metric.Kl runner trial.Subject.Plan |> Result.bind Measure.atMost
            let! measured = afterCorrector runner trial
            let decayed = -0.5 * k.Alpha * k.Time

            return
                [
                    {
                        What = $"KL after T2 = {k.Time:g6}"
                        Measured = measured
                        Bound = exp decayed * start - RealFunctions.ExpM1 decayed * k.Moment
                    }
                ]
        }

/// Data `law` at time T1, Langevin for T2 from N(0, I) with the score `scored`.
let private experimentOf perTime law scored (s: Setting) refinement =
    let t1 = value "T1" s
    let steps = int (ceil (perTime * value "T2" s)) <<< refinement

    experiment {
        target (law s)
        forward vp
        score (scored s)
        sampler (anneal (levels [ t1 + 1.0; t1 ]) (repeat steps (corrector (langevin (value "T2" s / float steps)))))
        measure [ kl ]
    }

let private timeAxis = axis "T2" "time of the corrector" (few [ 0.5; 1.0; 2.0; 3.0; 4.0; 6.0 ])
let private errorAxis = axis "ε" "L² score error" (fun _ -> [ 0.3; 0.1; 0.03; 0.01; 0.003; 0.001 ])
let private fewErrors = axis "ε" "size of the score error" (few [ 0.3; 0.1; 0.03; 0.01; 0.003 ])
let private dimensionAxis = axis "d" "dimension" (few [ 2.0; 4.0; 16.0; 64.0; 256.0; 1024.0; 4096.0 ])
let private base' = setting [ "d", 2.0; "T1", 1.0; "T2", 2.0; "ε", 0.1 ]

let private shift s = exact |> shifted (value "ε" s)

let private conditioned s =
    normalDiag (fill (int (value "d" s)) 0.2) (List.init (int (value "d" s)) (fun i -> if i % 2 = 0 then 0.1 else 4.0))

let private scenarios =
    [
        scenario
            "normal, condition number 40"
            "Variances 0.1 and 4 alternate, at T1 = 1 and, badly conditioned still, at T1 = 0.05; the error is a constant."
            (experimentOf 8.0 conditioned shift)
            [ base'; Map.add "T1" 0.05 base' ]
            [ timeAxis; errorAxis; dimensionAxis ]
        scenario
            "normal, scaled score"
            "The score is too steep by ε: the error is not bounded, but its exponential moment is finite."
            (experimentOf 8.0 conditioned (fun s -> exact |> scaled (1.0 + value "ε" s)))
            [ base' ]
            [ errorAxis; dimensionAxis ]
        scenario
            "bimodal data, log-concave at T1"
            "½N(−1, 0.01) + ½N(1, 0.01) at T1 = 1 in one dimension; the error is a constant."
            (experimentOf 3.0 (fun _ -> twoAtoms 0.0 1.0 0.01) shift)
            [ base' ]
            [ quickly [ 2.0 ] timeAxis; later fewErrors ]
        scenario
            "product of mixtures"
            "Five unequal atoms in [−1, 1] in half of the coordinates, two in the others; the error is a ripple."
            (experimentOf
                3.0
                (fun s ->
                    let half = int (value "d" s) / 2
                    product [ half, fiveAtoms 1.0 0.04; half, twoAtoms 0.0 0.9 0.01 ])
                (fun s -> exact |> rippled (value "ε" s) 0.5))
            [ base' ]
            [ quickly [ 0.3 ] fewErrors; later dimensionAxis ]
    ]

let private rates =
    [
        {
            Axis = "ε"
            Exponent = Exactly 2.0
            IsExponential = false
            Of = "the plateau of KL in T2 (T2 = 60, T1 = 1 fixed)"
            Quantity = afterCorrector
            Scenario =
                scenario
                    "plateau"
                    "T1 fixed, T2 = 60: what is left is of order ε²."
                    (experimentOf 8.0 conditioned shift)
                    [ Map.add "T2" 60.0 base' ]
                    [ errorAxis ]
        }
    ]

/// PMM-D3b.
let moment =
    {
        Id = "pedrotti-2024-d3b"
        Title = "The corrector in relative entropy"
        Statement =
            "If p satisfies a log-Sobolev inequality with constant 1/α and M = ln E_p e^(‖s − ∇ln p‖²/α) < ∞, then Langevin dynamics with the "
            + "score s satisfies KL(q_{T2}‖p) ≤ e^(−α·T2/2)·KL(q_0‖p) + (1 − e^(−α·T2/2))·M."
        Source = Papers.pedrotti "the corrector under the moment-generating loss"
        Stance = Guarantee
        Assumptions = assumptions
        Metric = Metric.Kl
        Evidence = evidence
        Scenarios = scenarios
        Rates = rates
        Reading =
            "Loose by a factor of at least 2 in the plateau (for N(0, 1/α·I) and a constant error KL is ε²/(2α), the bound ε²/α) and of 4 in the exponent of T2: half of the dissipation pays for the error."
    }
