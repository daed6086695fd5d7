/// What is claimed about the bounds themselves. A bound that is too small comes back as violated; one that is too large does
/// not, and only claims from the other side can show it: that it is attained on a scenario, that it is within a stated factor
/// of the truth, or that it grows along an axis with the exponent that its statement gives.
module Sgm.Verification.Theorems.Tightness

open Sgm.Engine
open Sgm.Verification

/// Claims about one theorem's bound.
type private Claims =
    {
        /// Scenarios by name, each with a factor F: bound ≤ F·measured there. 1 means attained.
        Within: (string * float) list
        /// Names of rate scenarios along whose axis the bound itself has the exponent of the claim.
        Shape: string list
    }

let private attained scenarios = [ for name in scenarios -> name, 1.0 ]

/// The statements with such claims, by identifier. Factors are stated with what is lost: Cauchy–Schwarz in Theorem 4.1, Jensen
/// and the kernel inequality for the levels, paths against laws where total variation comes from Girsanov's theorem.
let private claims =
    Map.ofList
        [
            // 6 where the bad sets are rare (R ≥ 3), 64 at R = 2, where Cauchy–Schwarz on them is all of the bound.
            "lee-2022-4.1", { Within = [ "Langevin, clipped denoiser", 100.0 ]; Shape = [] }
            "lee-2022-4.2", { Within = [ "two modes", 10.0 ]; Shape = [] }
            "lee-2022-2.1", { Within = [ "score too steep", 1e4 ]; Shape = [] }
            "lee-2022-warm", { Within = [ "normal", 50.0 ]; Shape = [] }
            "lee-2022-prior", { Within = [ "away from the origin", 2.0 ]; Shape = [] }
            "lee-2022-3.1", { Within = [ "normal", 20.0 ]; Shape = [ "error of the steps" ] }
            "pedrotti-2024-d2-w2",
            {
                Within = attained [ "one atom" ]
                Shape = [ "start, W2 in T1, data not centred"; "start, W2 in d" ]
            }
            "pedrotti-2024-d2-kl",
            {
                Within = attained [ "one atom" ]
                Shape = [ "start, KL in T1, data not centred"; "start, KL in d" ]
            }
            "pedrotti-2024-d3a", { Within = attained [ "unit variance" ]; Shape = [ "plateau" ] }
            "pedrotti-2024-d3b", { Within = [ "bimodal data, log-concave at T1", 10.0 ]; Shape = [ "plateau" ] }
            "pedrotti-2024-d4",
            {
                Within = attained [ "normal data, from p_{T1}" ]
                Shape = [ "W2 at time 0 from p_{T1}, in ε" ]
            }
            "pedrotti-2024-main-w2",
            {
                Within = attained [ "normal data of variance 1" ]
                Shape = [ "W2 at time 0 with T1 = 1 fixed, T2 = 40: the accuracy goes to 0 with ε" ]
            }
            "pedrotti-2024-main-kl", { Within = [ "normal data of variance 1", 20.0 ]; Shape = [] }
            "pedrotti-2024-d5a",
            {
                Within = []
                Shape = [ "W2 at stationarity in h, exact score"; "W2 at stationarity in d, exact score" ]
            }
            "pedrotti-2024-d5b",
            {
                Within = []
                Shape = [ "KL at stationarity in h, exact score"; "KL at stationarity in d, exact score" ]
            }
            "pedrotti-2024-d6",
            {
                Within = attained [ "centred normal, from p_{T1}, exact score" ]
                Shape = [ "W2 at time 0 in K, normal data" ]
            }
            "pedrotti-2024-tv", { Within = [ "normal data", 100.0 ]; Shape = [] }
            // 4 but near T = 2.5, where the start's and the score's errors have opposite signs and nearly cancel: 6.2 there.
            "bruno-2023-gaussian", { Within = [ "unknown mean", 8.0 ]; Shape = [ "discretisation"; "dimension" ] }
            "bruno-2023-gaussian-limit",
            { Within = attained [ "error away from the mean"; "stopped early" ]; Shape = [] }
            "bruno-2023-log-concave", { Within = [ "condition number 10", 4.0 ]; Shape = [ "dimension" ] }
            "bruno-2023-early-stopping", { Within = []; Shape = [ "narrower than the noise"; "dimension" ] }
        ]

let private conclusion (theorem: Theorem) runner trial =
    theorem.Evidence runner trial
    |> Result.bind (fun comparisons ->
        match List.tryLast comparisons with
        | Some comparison -> Ok comparison
        | None -> Error "nothing was compared")

/// (bound/F)/truth over the truth's whole interval: at most 1 only where the bound is within F of the interval's lower end. Of a
/// truth of which nothing is known neither is anything of the ratio.
let private overTruth (c: Comparison) factor =
    let claimed = c.Bound / factor
    let over truth = if claimed = 0.0 then 0.0 else claimed / truth

    if not c.Measured.Value.HasValue then
        c.Measured
    else
        let value, low, high = over c.Measured.Value.Value, over c.Measured.Upper, over c.Measured.Lower
        let method = $"over {c.Measured.Method}"

        if c.Measured.Confidence = 1.0 then
            Estimate.Exact(value, low, high, method)
        else
            Estimate.Sampled(value, low, high, c.Measured.Confidence, method)

/// bound ≤ F·truth, F the factor of the scenario that the trial comes from.
let private within (theorem: Theorem) (scenarios: (Scenario * float) list) : Evidence =
    fun runner trial ->
        attempt {
            let! factor =
                scenarios
                |> List.tryPick (fun (scenario, factor) ->
                    if scenario.Experiment trial.Setting 0 = trial.Subject.Experiment then
                        Some factor
                    else
                        None)
                |> Option.map Ok
                |> Option.defaultValue (Error "nothing is claimed of this experiment")

            let! c = conclusion theorem runner trial
            let share = if factor = 1.0 then "the bound" else $"1/{factor:g6} of the bound"

            return
                [
                    {
                        What = $"{share} over the truth ({c.What})"
                        Measured = overTruth c factor
                        Bound = 1.0
                    }
                ]
        }

/// What is claimed of a bound is claimed on its scenarios, not on an experiment of one's own.
let private onScenarios =
    Assumption.ofResult "the experiment is one of the scenarios that the claim names" (fun subject ->
        require (not subject.Setting.IsEmpty) "it is" "it is an experiment of one's own")

/// The bound as a quantity on its own, read to four digits: its exponent is asymptotic, and at the end of a finite axis the other
/// terms are still there to a relative 1e-4.
let private bound theorem runner trial =
    conclusion theorem runner trial
    |> Result.map (fun c -> Estimate.Exact(c.Bound, 0.9999 * c.Bound, 1.0001 * c.Bound, "the bound"))

let private shape (theorem: Theorem) (claim: RateClaim) =
    let exponent =
        match claim.Exponent with
        | Exactly a
        | AtMost a -> a

    { claim with
        Exponent = Exactly exponent
        Of = $"the bound itself, where the claim is about: {claim.Of}"
        Quantity = bound theorem
    }

let private suffix = "-bound"

/// Whether an identifier is a statement's own or that of its claims about its bound.
let isOf (statement: string) (id: string) = id = statement || id = statement + suffix

/// What a statement claims about its own bound, as a theorem; None where it claims nothing.
let claimed (theorem: Theorem) =
    Map.tryFind theorem.Id claims
    |> Option.map (fun claims ->
        let scenarios =
            claims.Within
            |> List.map (fun (name, factor) -> theorem.Scenarios |> List.find (fun s -> s.Name = name), factor)

        let shapes =
            claims.Shape |> List.map (fun name -> theorem.Rates |> List.find (fun claim -> claim.Scenario.Name = name))

        let words =
            [
                for name, factor in claims.Within do
                    if factor = 1.0 then
                        $"it is attained on “{name}”"
                    else
                        $"it is at most {factor:g6} times the truth on “{name}”"
                for claim in shapes do
                    $"along {claim.Axis} (“{claim.Scenario.Name}”) it has exactly the exponent of the claim"
            ]

        { theorem with
            Id = theorem.Id + suffix
            Title = "How tight: " + theorem.Title
            Statement = "Of the bound of " + theorem.Id + ": " + String.concat "; " words + "."
            Assumptions = theorem.Assumptions @ [ onScenarios ]
            Evidence = within theorem scenarios
            Scenarios = List.map fst scenarios
            Rates = List.map (shape theorem) shapes
            Reading =
                "A bound that is too large is never violated by a measurement; this holds it from the other side, so that a lost dimension, a square or a constant in it shows."
        })
