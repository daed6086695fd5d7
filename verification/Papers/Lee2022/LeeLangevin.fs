/// Lee, Lu and Tan 2022: Langevin Monte Carlo with a score that is accurate in L² only.
module Sgm.Verification.Theorems.LeeLangevin

open System.Threading
open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Scenarios

/// Langevin at one level, N steps of h, with the constants of the target there.
type Leg =
    {
        Level: NoiseLevel
        D: float
        L: float
        C: float
        H: float
        N: float
    }

    /// d·L²·C, the scale of admissible steps.
    member this.Stiffness = this.D * this.L * this.L * this.C

/// A run with the constants at its level, or why they are not known.
let legOf (plan: Plan) level h (n: int64) =
    match Constants.smoothness plan.Target level, Constants.logSobolev plan.Target level with
    | Ok l, Ok c -> Ok { Level = level; D = float plan.Dimension; L = l.Value; C = c.Value; H = h; N = float n }
    | Error reason, _
    | _, Error reason -> Error reason

/// How the bad set enters the bound.
type BadSet =
    /// p(B) ≤ ε²/ε₁² with ε = ‖s − ∇ln p‖_{L²(p)}.
    | Chebyshev
    /// p(B) itself.
    | Computed

/// ε_χ² from below: h ≤ ε_χ²/(46·d·C·L²) and Nh ≥ C·ln(2χ₀²/ε_χ²).
let private smallestSquare leg chi0Square =
    max (46.0 * leg.H * leg.Stiffness) (2.0 * chi0Square * exp (-leg.N * leg.H / leg.C))

/// The smallest of ½·ε_χ + √p(B)·[N·√(1 + ε_χ²/2) + χ₀·(2C/h + 1)] over the ε_χ ≤ ½ that the step and the number of steps
/// admit, B = {‖s − ∇ln p‖ > ε₁}, ε₁² = ε_χ²/(16.2·C); 1, which says nothing, when none is admitted.
let bound (plan: Plan) badSet leg chi0Square =
    let smallest = smallestSquare leg chi0Square

    let at square =
        let threshold = sqrt (square / (16.2 * leg.C))

        let probability =
            match badSet with
            | Computed -> ScoreError.badSet plan leg.Level threshold
            | Chebyshev -> ScoreError.l2 plan leg.Level |> Result.map (fun l2 -> min 1.0 ((l2 / threshold) ** 2.0))

        probability
        |> Result.map (fun p ->
            let steps = leg.N * sqrt (1.0 + square / 2.0) + sqrt chi0Square * (2.0 * leg.C / leg.H + 1.0)
            // Not 0·∞ when χ₀ is beyond the range of a double.
            sqrt square / 2.0 + (if p = 0.0 then 0.0 else sqrt p * steps))

    let candidates = List.unfold (fun square -> if square > 0.25 then None else Some(square, square * 1.5)) smallest

    match candidates |> List.map at with
    | [] -> Ok 1.0
    | several ->
        (Ok 1.0, several)
        ||> List.fold (fun best next ->
            match best, next with
            | Ok a, Ok b -> Ok(min a b)
            | Error reason, _
            | _, Error reason -> Error reason)

let private legOfSubject (subject: Subject) =
    Subject.langevin subject |> Result.bind (fun run -> legOf subject.Plan run.Level run.H run.N)

/// h ≤ 1/(272·d·C·L²), or why not.
let stepFits leg =
    let largest = LeeSupNorm.largestStep leg.D leg.L leg.C

    if leg.H <= largest * (1.0 + 1e-12) then
        Ok $"h = {leg.H:g6} ≤ {largest:g6}"
    else
        Error $"h = {leg.H:g6} is above 1/(272·d·C·L²) = {largest:g6}"

let private assume statement evaluate =
    Assumption.ofResult statement (fun subject -> legOfSubject subject |> Result.bind (evaluate subject))

let private assumptions =
    [
        assume "the sampler is N equal steps of Langevin at one level" (fun _ leg -> Ok $"h = {leg.H:g6}, N = {leg.N}")
        assume "∇ln p is L-Lipschitz and p satisfies a log-Sobolev inequality with constant C" (fun _ leg ->
            Ok $"L = {leg.L:g6}, C = {leg.C:g6}")
        assume "ε = ‖s − ∇ln p‖_{L²(p)} < ∞" (fun subject leg ->
            ScoreError.l2 subject.Plan leg.Level |> Result.map (fun l2 -> $"ε = {l2:g6}"))
        assume "h ≤ min(1/272, ε_χ²/46)/(d·C·L²) for some ε_χ ≤ ½" (fun _ leg -> stepFits leg)
        {
            Statement = "Nh ≥ C·ln(2χ₀²/ε_χ²) for some ε_χ ≤ ½, χ₀² = χ²(q_0‖p) < ∞"
            Evaluate =
                fun subject ->
                    let start =
                        attempt {
                            let! leg = legOfSubject subject
                            do! Limits.blocks subject.Plan.Target
                            let engine = Runner.engine CancellationToken.None
                            let! measured = Measure.atStart Metric.Chi2 engine subject.Plan
                            let! chi0Square = Measure.atMost measured
                            return leg, chi0Square
                        }

                    match start with
                    | Ok(leg, chi0Square) ->
                        let needed = leg.C * log (8.0 * chi0Square)

                        if leg.N * leg.H >= needed * (1.0 - 1e-9) then
                            Satisfied $"χ₀² = {chi0Square:g6}, Nh = {leg.N * leg.H:g6} ≥ {needed:g6}"
                        else
                            Broken $"χ₀² = {chi0Square:g6}: Nh = {leg.N * leg.H:g6} is below C·ln(8χ₀²) = {needed:g6}"
                    | Error reason -> Broken reason
        }
    ]

let private evidence: Evidence =
    fun runner trial ->
        let plan = trial.Subject.Plan

        match
            legOfSubject trial.Subject,
            Measure.atStart Metric.Chi2 runner plan |> Result.bind Measure.resolved,
            Measure.atEnd Metric.Tv runner plan
        with
        | Ok leg, Ok start, Ok measured ->
            match bound plan Chebyshev leg start, bound plan Computed leg start with
            | Ok chebyshev, Ok computed ->
                Ok
                    [
                        { What = "TV at the end, p(B) by Chebyshev"; Measured = measured; Bound = chebyshev }
                        { What = "TV at the end, p(B) computed"; Measured = measured; Bound = computed }
                    ]
            | Error reason, _
            | _, Error reason -> Error reason
        | Error reason, _, _
        | _, Error reason, _
        | _, _, Error reason -> Error reason

/// The largest step for an accuracy ε_χ, and the number of steps from χ₀².
let prescribed d l c accuracy chi0Square =
    let h = min (1.0 / 272.0) (accuracy * accuracy / 46.0) / (d * c * l * l)
    h, int (ceil (c * max (log 8.0) (log (2.0 * chi0Square / (accuracy * accuracy))) / h))


/// Langevin on N(0, v·I), v = 1, from the mean (offset, 0, …) and variances wider by 0.5/√d; N as prescribed for ε_χ.
let private normalExperiment scoreOf (setting: Setting) (_refinement: int) =
    let d = int (value "d" setting)
    let offset = value "offset" setting
    let chi0Square = exp (offset * offset / 0.5 + 0.5) // at least χ₀² of both changes together
    let h, n = prescribed (float d) 1.0 1.0 (value "ε_χ" setting) chi0Square

    experiment {
        target (standard d)
        forward ve
        score (scoreOf setting)
        start (from (normal (offset :: fill (d - 1) 0.0) (1.0 + 0.5 / sqrt (float d))))
        sampler (repeat n (corrector (langevin h)))
        measure [ tv ]
    }


let private dimensionAxis =
    axis "d" "dimension" (function
        | Quick -> [ 1.0; 2.0; 4.0; 8.0; 16.0 ]
        | Standard -> [ 1.0; 2.0; 4.0; 8.0; 16.0; 64.0; 256.0 ]
        | Full -> [ for k in 0..12 -> 2.0 ** float k ])

let private accuracyAxis =
    axis "ε_χ" "accuracy that step and time are prescribed for" (fun _ -> [ for k in 1..6 -> 0.5 ** float k ])

let private errorAxis =
    axis "ε" "score error: s = (1 + ε)·∇ln p" (fun _ -> [ 0.02; 0.01; 0.005; 0.0025; 0.00125; 1e-4; 1e-5 ])

let private offsetAxis =
    axis "offset" "distance of the start: χ₀² ≈ e^(offset²)" (fun _ -> [ 0.0; 1.0; 2.0; 3.0; 4.0; 5.0 ])


let private stretched setting =
    if value "ε" setting = 0.0 then
        exact
    else
        exact |> scaled (1.0 + value "ε" setting)

let private normalScenario =
    {
        Name = "score too steep"
        Description =
            "N(0, I) with (1 + ε) times its score: an error without a sup norm; B is the outside of a ball, a χ² tail."
        Bases = [ setting [ "d", 4.0; "ε_χ", 0.5; "ε", 0.005; "offset", 2.0 ] ]
        Axes = [ dimensionAxis; accuracyAxis; errorAxis; offsetAxis ]
        Experiment = normalExperiment stretched
    }

/// A score fitted to data with a false mode of weight w at a distance; wrong only where p has next to no mass.
let private falseMode =
    {
        Name = "a false mode"
        Description =
            "N(0, 1) with the score of a mixture that has e^(−12) of its mass at a distance: wrong beyond half of it, where p is small."
        Bases = [ setting [ "d", 1.0; "ε_χ", 0.5; "distance", 14.0; "offset", 0.0 ] ]
        Axes =
            [
                axis "distance" "where the false mode is" (function
                    | Quick -> [ 12.0 ]
                    | _ -> [ 11.0; 12.0; 14.0; 16.0; 20.0 ])
                axis "offset" "distance of the start: χ₀² ≈ e^(offset²)" (fun _ -> [ 0.0; 1.0; 2.0 ]) |> later
            ]
        Experiment =
            normalExperiment (fun setting ->
                scoreOf (
                    mixture [ 1.0 - exp -12.0, normal [ 0.0 ] 1.0; exp -12.0, normal [ value "distance" setting ] 1.0 ]
                ))
    }

/// A score with a false mode at 12, of such a weight that it is that of N(0, 1) left of x: what passes x does not return.
let private trapped x =
    let odds = exp (12.0 * (x - 6.0))
    scoreOf (mixture [ odds / (1.0 + odds), normal [ 0.0 ] 1.0; 1.0 / (1.0 + odds), normal [ 12.0 ] 1.0 ])

/// An error that is small in L² and as bad as can be on its set, which the start reaches: the bad set's term is most of the bound.
let private trap =
    {
        Name = "a trap"
        Description =
            "N(0, 1) with a score that has a false mode at 12, wrong by 12 on the set x > x_B and right elsewhere; from N(2.5, 1)."
        Bases = [ setting [ "d", 1.0; "ε_χ", 0.5; "offset", 2.5; "x_B", 6.5 ] ]
        Axes =
            [
                axis "x_B" "where the score begins to be wrong" (function
                    | Quick -> [ 6.5 ]
                    | _ -> [ 6.4; 6.5; 6.75; 7.0 ])
            ]
        Experiment =
            fun point _ ->
                let offset = value "offset" point
                let h, n = prescribed 1.0 1.0 1.0 (value "ε_χ" point) (exp (offset * offset))

                experiment {
                    target (normal [ 0.0 ] 1.0)
                    forward ve
                    score (trapped (value "x_B" point))
                    start (from (normal [ offset ] 1.0))
                    sampler (repeat n (corrector (langevin h)))
                    measure [ tv ]
                }
    }

/// Langevin on ½·N(−r, 1) + ½·N(r, 1) from N(2, 1), with a ripple on the score; χ₀² + 1 ≤ 2·e^((2 − r)²) as p ≥ ½·N(r, 1).
let private bimodalExperiment (setting: Setting) (_refinement: int) =
    let r = value "r" setting
    let c = 1.0 / (1.0 - r * r)
    let h, n = prescribed 1.0 1.0 c (value "ε_χ" setting) (2.0 * exp ((2.0 - r) ** 2.0))

    experiment {
        target (mixture [ 0.5, normal [ -r ] 1.0; 0.5, normal [ r ] 1.0 ])
        forward ve
        score (exact |> rippled (value "ε" setting) 3.0)
        start (from (normal [ 2.0 ] 1.0))
        sampler (repeat n (corrector (langevin h)))
        measure [ tv ]
    }

let private bimodalScenario =
    {
        Name = "two modes and a ripple"
        Description =
            "½·N(−r, 1) + ½·N(r, 1) from N(2, 1), the score with a ripple of frequency 3: a bounded error, B empty while it is below ε₁."
        Bases = [ setting [ "ε_χ", 0.5; "r", 0.5; "ε", 0.05 ] ]
        Axes =
            [
                axis "ε" "amplitude of the ripple" (function
                    | Quick -> [ 0.05 ]
                    | _ -> [ 0.07; 0.05; 0.025; 0.0125 ])
                axis "r" "distance of the modes from 0" (fun _ -> [ 0.25; 0.5; 0.7; 0.8 ]) |> later
                axis "ε_χ" "accuracy that step and time are prescribed for" (fun _ -> [ 0.5; 0.35; 0.25 ]) |> later
            ]
        Experiment = bimodalExperiment
    }

/// LLT-2.1c.
let langevinL2 =
    {
        Id = "lee-2022-2.1"
        Title = "Langevin Monte Carlo with a score accurate in L²"
        Statement =
            "∇ln p is L-Lipschitz, p satisfies a log-Sobolev inequality with constant C, ε = ‖s − ∇ln p‖_{L²(p)}, 0 < ε_χ ≤ ½, "
            + "χ₀² = χ²(q_0‖p), ε₁² = ε_χ²/(16.2·C), h ≤ min(1/272, ε_χ²/46)/(d·C·L²), Nh ≥ C·ln(2χ₀²/ε_χ²). Then "
            + "TV(q_N, p) ≤ ½·ε_χ + √p(B)·[N·√(1 + ε_χ²/2) + χ₀·(2C/h + 1)], B = {‖s − ∇ln p‖ > ε₁}, p(B) ≤ ε²/ε₁²."
        Source = Papers.lee "Theorem 2.1"
        Stance = Guarantee
        Assumptions = assumptions
        Metric = Metric.Tv
        Evidence = evidence
        Scenarios = [ normalScenario; falseMode; trap; bimodalScenario ]
        Rates = LeeScaling.rates
        Reading =
            "Loose: on normal targets the true bias in TV is of order h, the bound's √h; and with the bad set's own probability in place of Chebyshev's the admissible L² error grows by orders of magnitude."
    }
