/// What is claimed about the bounds themselves. A bound that is too small comes back as violated; one that is too large does
/// not, and only claims from the other side can show it: that it is attained on a scenario, that it is within a stated factor
/// of the truth, or that it grows along an axis with the exponent that its statement gives.
module Sgm.Verification.Theorems.Tightness

open System
open Sgm.Engine
open Sgm.Verification

/// Claims about one theorem's bound.
type private Claims =
    {
        /// Scenarios by name, each with a factor F: bound ≤ F·measured there. 1 means attained.
        Within: (string * float) list
        /// Names of rate scenarios along whose axis the bound itself has the exponent of the claim.
        Shape: string list
        /// Scenarios with one axis along which the bound itself has exactly an exponent: that of one term, which is all of it there.
        Orders: (Theorem -> Scenario * float) list
    }

let private nothing = { Within = []; Shape = []; Orders = [] }
let private isolated orders = orders |> List.map (fun order -> fun (_: Theorem) -> order)

/// A scenario of the theorem itself, elsewhere on its setting and along one axis.
let private along name changes symbol values exponent (theorem: Theorem) =
    let scenario = theorem.Scenarios |> List.find (fun scenario -> scenario.Name = name)

    { scenario with
        Name = $"{name}, the bound in {symbol}"
        Bases = [ Scenarios.changed scenario.Bases.Head changes ]
        Axes = [ Scenarios.axis symbol symbol (fun _ -> values) ]
    },
    exponent

/// Score errors so large that they are all of a bound.
let private large = [ 1.0; 10.0; 100.0; 1e3; 1e4 ]
let private dimensions = [ for k in 1..5 -> 4.0 ** float k ]

/// Where the mean, whose length is 1 in every dimension, no longer counts.
let private high = [ for k in 5..8 -> 4.0 ** float k ]

let private attained scenarios = [ for name in scenarios -> name, 1.0 ]

/// The statements with such claims, by identifier. Factors are stated with what is lost: Cauchy–Schwarz in Theorem 4.1, Jensen
/// and the kernel inequality for the levels, paths against laws where total variation comes from Girsanov's theorem.
let private claims =
    Map.ofList
        [
            // 6 where the bad sets are rare (R ≥ 3), 64 at R = 2, where Cauchy–Schwarz on them is all of the bound.
            "lee-2022-4.1", { nothing with Within = [ "Langevin, clipped denoiser", 100.0 ] }
            "lee-2022-4.2",
            { nothing with
                Within = [ "two modes", 10.0 ]
                Orders = isolated LeeOrders.langevinSupNorm
            }
            // Girsanov-free, but √h where the bias of these laws is of order h; in the trap, Cauchy–Schwarz at every step.
            "lee-2022-2.1",
            { nothing with
                Within = [ "score too steep", 1e4; "a trap", 3000.0 ]
                Orders = isolated LeeOrders.langevinL2
            }
            "lee-2022-warm",
            {
                Within = [ "normal", 50.0 ]
                Shape = [ "χ² in η" ]
                Orders = isolated LeeOrders.neighbouringLevels
            }
            "lee-2022-prior",
            { nothing with
                Within = [ "away from the origin", 2.0 ]
                Orders = isolated LeeOrders.firstLevel
            }
            // The bound adds what every level forgets; the last level's own bias is of order h and not √h.
            "lee-2022-2.2", { nothing with Within = [ "two modes", 1e4 ]; Orders = isolated LeeOrders.annealed }
            "lee-2022-3.1",
            {
                Within = [ "normal", 20.0 ]
                Shape = [ "error of the steps" ]
                Orders = isolated LeeOrders.stochasticPredictor
            }
            "lee-2022-3.1-learned", { nothing with Within = [ "kernel density", 20.0 ] }
            "lee-2022-3.2",
            { nothing with
                Within = [ "prediction does the work", 60.0 ]
                Orders = isolated LeeOrders.predictorCorrector
            }
            "pedrotti-2024-d1", { nothing with Within = [ "product of mixtures", 50.0 ] }
            "pedrotti-2024-d3c", { nothing with Within = [ "score scaled by 1 + ε", 50.0 ] }
            "pedrotti-2024-d2-w2",
            { nothing with
                Within = attained [ "one atom" ]
                Shape = [ "start, W2 in T1, data not centred"; "start, W2 in d" ]
            }
            "pedrotti-2024-d2-kl",
            { nothing with
                Within = attained [ "one atom" ]
                Shape = [ "start, KL in T1, data not centred"; "start, KL in d" ]
            }
            "pedrotti-2024-d3a", { nothing with Within = attained [ "unit variance" ]; Shape = [ "plateau" ] }
            "pedrotti-2024-d3b",
            { nothing with
                Within = [ "bimodal data, log-concave at T1", 10.0 ]
                Shape = [ "plateau" ]
            }
            "pedrotti-2024-d4",
            { nothing with
                Within = attained [ "normal data, from p_{T1}" ]
                Shape = [ "W2 at time 0 from p_{T1}, in ε" ]
            }
            "pedrotti-2024-main-w2",
            {
                Within = attained [ "normal data of variance 1" ]
                Shape = [ "W2 at time 0 with T1 = 1 fixed, T2 = 40: the accuracy goes to 0 with ε" ]
                Orders = [ along "normal data of variance 1" [ "ε", 0.0; "τ", 0.5 ] "d" high 0.5 ]
            }
            "pedrotti-2024-main-kl",
            { nothing with
                Within = [ "normal data of variance 1", 20.0 ]
                Orders = [ along "normal data of variance 1" [ "ε", 0.0; "τ", 0.5 ] "d" high 0.5 ]
            }
            "pedrotti-2024-d5a",
            {
                Within = [ "normal, condition number 40", 100.0 ]
                Shape = [ "W2 at stationarity in h, exact score"; "W2 at stationarity in d, exact score" ]
                Orders = [ along "normal, two variances" [] "ε" large 1.0 ]
            }
            "pedrotti-2024-d5b",
            {
                Within = [ "normal, condition number 40", 3000.0 ]
                Shape = [ "KL at stationarity in h, exact score"; "KL at stationarity in d, exact score" ]
                Orders = [ along "normal, two variances" [] "ε" large 2.0 ]
            }
            "pedrotti-2024-d6",
            { nothing with
                Within = attained [ "centred normal, from p_{T1}, exact score" ]
                Shape = [ "W2 at time 0 in K, normal data" ]
            }
            "pedrotti-2024-tv",
            { nothing with
                Within = [ "normal data", 100.0 ]
                Orders = [ along "normal data" [] "ε" large 1.0; along "normal data" [ "ε", 0.0 ] "d" dimensions 0.5 ]
            }
            // 4 but near T = 2.5, where the start's and the score's errors have opposite signs and nearly cancel: 6.2 there.
            "bruno-2023-gaussian",
            { nothing with
                Within = [ "unknown mean", 8.0 ]
                Shape = [ "discretisation"; "dimension" ]
            }
            "bruno-2023-gaussian-limit",
            { nothing with Within = attained [ "error away from the mean"; "stopped early" ] }
            "bruno-2023-log-concave", { nothing with Within = [ "condition number 10", 4.0 ]; Shape = [ "dimension" ] }
            "cheng-2023-proximal", { nothing with Within = attained [ "a mean" ] }
            "bruno-2023-early-stopping",
            { nothing with
                Within = [ "narrow normal law", 50.0 ]
                Shape = [ "narrower than the noise"; "dimension" ]
            }
        ]

let private conclusion (theorem: Theorem) runner trial =
    theorem.Evidence runner trial
    |> Result.bind (fun comparisons ->
        match List.tryLast comparisons with
        | Some comparison -> Ok comparison
        | None -> Error "nothing was compared")

/// bound/F against the truth, over the truth's whole interval: (bound/F)·U/truth ≤ U, U its upper end, so that it holds only where
/// bound/F is below the interval's lower end, and is vacuous where the truth is. Of a truth of which nothing is known neither is
/// anything of this.
let private againstTruth (c: Comparison) factor =
    let claimed = c.Bound / factor

    let upper =
        if Double.IsFinite c.Measured.Upper && c.Measured.Upper > 0.0 then
            c.Measured.Upper
        else
            1.0

    let over truth = if claimed = 0.0 then 0.0 else claimed * (upper / truth)

    let measured =
        if not c.Measured.Value.HasValue then
            c.Measured
        else
            let value, low, high = over c.Measured.Value.Value, over c.Measured.Upper, over c.Measured.Lower
            let method = $"against {c.Measured.Method}"

            if c.Measured.Confidence = 1.0 then
                Estimate.Exact(value, low, high, method)
            else
                Estimate.Sampled(value, low, high, c.Measured.Confidence, method)

    measured, upper

/// bound ≤ F·truth, F the factor of the scenario that the trial comes from.
let private within (theorem: Theorem) (scenarios: (Scenario * float) list) : Evidence =
    fun runner trial ->
        attempt {
            let! factor =
                scenarios
                |> List.tryPick (fun (scenario, factor) -> if Scenarios.isOf scenario trial then Some factor else None)
                |> Option.map Ok
                |> Option.defaultValue (Error "nothing is claimed of this experiment")

            let! c = conclusion theorem runner trial
            let share = if factor = 1.0 then "the bound" else $"1/{factor:g6} of the bound"
            let measured, upper = againstTruth c factor

            return [ { What = $"{share} against the truth ({c.What})"; Measured = measured; Bound = upper } ]
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

let private order (theorem: Theorem) (scenario: Scenario, exponent) =
    {
        Axis = (List.exactlyOne scenario.Axes).Symbol
        Exponent = Exactly exponent
        IsExponential = false
        Of = "the bound itself, where one of its terms is all of it"
        Quantity = bound theorem
        Scenario = scenario
    }

let private ordersOf (theorem: Theorem) =
    match Map.tryFind theorem.Id claims with
    | Some claims -> claims.Orders |> List.map (fun order -> order theorem)
    | None -> []

/// The scenarios on which a theorem's bound is held to an order, beyond those of the theorem's own rates.
let scenariosOf theorem = ordersOf theorem |> List.map fst

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
                for scenario, exponent in ordersOf theorem do
                    $"“{scenario.Name}” it is of order {exponent:g6} exactly"
            ]

        { theorem with
            Id = theorem.Id + suffix
            Stance = TightnessOf theorem.Id
            Title = "How tight: " + theorem.Title
            Statement = "Of the bound of " + theorem.Id + ": " + String.concat "; " words + "."
            Assumptions = theorem.Assumptions @ [ onScenarios ]
            Evidence = within theorem scenarios
            Scenarios = List.map fst scenarios
            Rates = List.map (shape theorem) shapes @ List.map (order theorem) (ordersOf theorem)
            Reading =
                "A bound that is too large is never violated by a measurement; this holds it from the other side, so that a lost dimension, a square or a constant in it shows."
        })
