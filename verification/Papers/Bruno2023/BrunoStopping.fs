/// Bruno et al. 2023: what stopping the reverse process at time ε costs, with everything before it exact.
module Sgm.Verification.Theorems.BrunoStopping

open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Scenarios
open Sgm.Verification.Theorems.Bruno

/// The level of the state, p_ε itself, and the data's, when the experiment takes no step.
let private stop (subject: Subject) =
    match subject.Experiment.Forward, subject.Experiment.Start, Seq.last subject.Plan.Instructions with
    | (Ve | SubVp | Rectified | LevelsOf _), _, _ ->
        Error $"the forward process is {Forward.name subject.Experiment.Forward}; the statement is for vp"
    | Vp, Warm, (:? Instruction.Probe as probe) ->
        if subject.Plan.StepCount > 0L then
            Error "the sampler takes steps; the statement is about p_ε itself"
        elif probe.Level.Parameter <> 0.0 then
            Error "the end is not measured against the data"
        else
            Ok subject.Plan.InitialLevel
    | Vp, _, _ -> Error "the start is not the noised target itself (warm)"

let private assumptions =
    [
        assume "the state is p_ε, the Ornstein–Uhlenbeck process at time ε, measured against the data" (fun s ->
            stop s |> Result.map (fun level -> $"ε = {level.Parameter:g6}"))
        assume "E|X|² < ∞" (fun s -> Ok $"E|X|² = {Constants.secondMoment s.Plan.Target NoiseLevel.Data:g6}")
    ]

/// √((1 − e^(−ε))²·E|X|² + d·(1 − e^(−2ε))).
let private bound (plan: Plan) (level: NoiseLevel) =
    let shrink = RealFunctions.ExpM1 -level.Parameter

    sqrt (
        shrink * shrink * Constants.secondMoment plan.Target NoiseLevel.Data
        + float plan.Dimension * level.NoiseVariance
    )

let private distance = atEnd Metric.W2

let private evidence: Evidence =
    fun runner trial ->
        match stop trial.Subject, distance runner trial with
        | Ok level, Ok measured ->
            Ok [ { What = "W2(p_ε, p)"; Measured = measured; Bound = bound trial.Subject.Plan level } ]
        | Error reason, _
        | _, Error reason -> Error reason

let private experimentOn (data: Setting -> Sgm.Target) (setting: Setting) (_refinement: int) =
    experiment {
        target (data setting)
        forward vp
        start warm
        // No predictor: the state stays p_ε while the level becomes the data's.
        sampler (anneal (levels [ Map.find "ε" setting; 0.0 ]) identity)
        measure [ w2 ]
    }


let private stopAxis decades =
    {
        Symbol = "ε"
        Meaning = "time at which the reverse process is stopped"
        Values =
            fun effort ->
                let finer = if effort = Quick then 1 else 2
                List.init (decades * finer + 1) (fun k -> 0.1 / 10.0 ** (float k / float finer))
    }

let private dimensionAxis =
    { Symbol = "d"; Meaning = "dimension"; Values = fun _ -> [ 1.0; 4.0; 16.0; 64.0; 256.0 ] }

let private scenario name description data = scenario name description (experimentOn data)

/// Two equal normals of variance v at ±√v/2.
let private pair v =
    let r = sqrt v / 2.0
    mixture [ 0.5, normal [ -r ] v; 0.5, normal [ r ] v ]

let private normalOf variance (setting: Setting) = normal (fill (int (Map.find "d" setting)) 0.0) variance

/// N(0, ε⁴·I): for every ε a law of its own, whose width ε² is negligible beside the noise √(2ε), the more so the smaller ε. No
/// fixed law shows the worst case at the asymptotic end: below ε ~ v the order of N(0, v·I) is 1.
let private nearlyPoint setting = normalOf (Map.find "ε" setting ** 4.0) setting

let private scenarios =
    [
        scenario
            "two near bumps"
            "A strongly log-concave mixture of scale 1."
            (fun _ -> pair 0.5)
            [ setting [] ]
            [ stopAxis 4 ]
        scenario
            "narrow normal law"
            "N(0, 10⁻⁴·I_d): narrower than the noise at ε = 0.1, wider at 10⁻⁶."
            (normalOf 1e-4)
            [ setting [ "d", 4.0; "ε", 1e-5 ] ]
            [ stopAxis 5; dimensionAxis ]
    ]

let private rate symbol exponent whatOf scenario =
    {
        Axis = symbol
        Exponent = exponent
        IsExponential = false
        Of = whatOf
        Quantity = distance
        Scenario = scenario
    }

let private rates =
    [
        rate
            "ε"
            (Exactly 0.5)
            "W2(p_ε, p) for data narrower than the noise (variance ε⁴)"
            (scenario
                "narrower than the noise"
                "N(0, ε⁴·I_d), for every ε a law narrower than the noise."
                nearlyPoint
                [ setting [ "d", 4.0 ] ]
                [ stopAxis 5 ])
        rate
            "ε"
            (AtMost 0.5)
            "W2(p_ε, p) for smooth data, where it is of order ε"
            (scenario "smooth data" "Two near bumps of scale 1." (fun _ -> pair 0.5) [ setting [] ] [ stopAxis 4 ])
        rate
            "d"
            (Exactly 0.5)
            "W2(p_ε, p) for data narrower than the noise (variance ε⁴)"
            (scenario "dimension" "N(0, ε⁴·I_d), ε = 0.01." nearlyPoint [ setting [ "ε", 0.01 ] ] [ dimensionAxis ])
    ]

/// The early-stopping term of BZ-general.
let earlyStopping =
    {
        Id = "bruno-2023-early-stopping"
        Title = "Early stopping"
        Statement =
            "For every law of X with E|X|² < ∞ the law p_ε of e^(−ε)·X + √(1 − e^(−2ε))·Z satisfies "
            + "W2(p_ε, p) ≤ √((1 − e^(−ε))²·E|X|² + d·(1 − e^(−2ε))): of order √(2dε)."
        Source = Papers.bruno "the early-stopping term of the main theorem"
        Stance = Guarantee
        Assumptions = assumptions
        Metric = Metric.W2
        Evidence = evidence
        Scenarios = scenarios
        Rates = rates
        Reading =
            "√ε is attained while the noise is wider than the data's finest scale; on smooth data W2(p_ε, p) is of order ε, with the constant ‖x + ∇ln p‖ in L²(p), so the order ½ is a worst case over strongly log-concave laws, not what one smooth law shows."
    }
