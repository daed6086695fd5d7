/// Bugs in what a theorem states: bounds that read a wrong number, lose a factor or a root, and rates of the wrong order.
module Sgm.Verification.Sabotage.BoundBugs

open System
open Sgm
open Sgm.Verification
open Sgm.Verification.Theorems

let private bug id title breaks restated =
    {
        Id = id
        Title = title
        Breaks = breaks
        Part = Statements
        Change = OfStatement restated
    }

/// Every bound through a function.
let private bounds id title breaks f =
    bug id title breaks (fun theorem ->
        Some
            { theorem with
                Evidence =
                    fun runner trial ->
                        theorem.Evidence runner trial |> Result.map (List.map (fun c -> { c with Bound = f c }))
            })

/// Whether a scenario varies or sets a symbol.
let private mentions symbols (scenario: Scenario) =
    symbols
    |> List.exists (fun symbol ->
        scenario.Axes |> List.exists (fun axis -> axis.Symbol = symbol)
        || scenario.Bases |> List.exists (Map.containsKey symbol))

/// The trial of the same scenario at another setting; None where the scenario is not known or cannot be there.
let private elsewhere (scenarios: Scenario list) (trial: Trial) setting =
    scenarios
    |> List.tryFind (fun scenario -> Scenarios.isOf scenario trial)
    |> Option.bind (fun scenario ->
        try
            let experiment = scenario.Experiment setting 0

            Some
                {
                    Subject = { Experiment = experiment; Plan = Scenarios.planOf experiment; Setting = setting }
                    Setting = setting
                    Refined = scenario.Experiment setting >> Scenarios.planOf
                }
        with _ ->
            // A dimension of 0, a schedule without a level: there the wrong reading would have been noticed at once.
            None)

/// Every bound is evaluated at another value of some symbols than the one that ran. The measured side stays as it is.
let private misread id title breaks symbols (read: float -> float) =
    bug id title breaks (fun theorem ->
        let scenarios =
            theorem.Scenarios
            @ (theorem.Rates |> List.map (fun claim -> claim.Scenario))
            @ Tightness.scenariosOf theorem

        if not (List.exists (mentions symbols) scenarios) then
            None
        else
            let evidence: Evidence =
                fun runner trial ->
                    theorem.Evidence runner trial
                    |> Result.map (fun comparisons ->
                        let wrong =
                            trial.Setting
                            |> Map.map (fun symbol x -> if List.contains symbol symbols then read x else x)

                        let there =
                            elsewhere scenarios trial wrong
                            |> Option.map (fun other ->
                                try
                                    theorem.Evidence runner other
                                with
                                | :? InvalidOperationException
                                | :? ArgumentException as error -> Error error.Message)

                        match there with
                        | Some(Ok others) when not others.IsEmpty ->
                            let last = List.last others
                            let count = comparisons.Length

                            comparisons
                            |> List.mapi (fun i c ->
                                if i = count - 1 then { c with Bound = last.Bound }
                                elif others.Length = count then { c with Bound = others[i].Bound }
                                else c)
                        | _ -> comparisons)

            Some { theorem with Evidence = evidence })

let private ascending (claim: RateClaim) =
    let axis = claim.Scenario.Axes |> List.find (fun axis -> axis.Symbol = claim.Axis)
    let values = axis.Values Quick
    List.last values > List.head values

/// Every claimed exponent, shifted to a stronger claim by an amount.
let private claims id title breaks amount =
    bug id title breaks (fun theorem ->
        if theorem.Rates.IsEmpty then
            None
        else
            let stronger (claim: RateClaim) =
                match claim.Exponent with
                | Exactly a -> Exactly(a + amount)
                | AtMost a when ascending claim -> AtMost(a - amount)
                | AtMost a -> AtMost(a + amount)

            Some
                { theorem with
                    Rates = theorem.Rates |> List.map (fun claim -> { claim with Exponent = stronger claim })
                })

let private errors = [ "ε"; "error"; "ε_SN"; "ε_χ" ]
let private steps = [ "h"; "γ"; "h/v" ]

let all =
    [
        misread "bound-without-d" "the bound is that of one dimension" "d dropped" [ "d" ] (fun d -> min d 2.0)
        misread "bound-4d" "the bound is that of 4d dimensions" "a constant of d too large" [ "d" ] ((*) 4.0)
        misread "bound-without-error" "the bound forgets the score's error" "ε dropped" errors (fun _ -> 0.0)
        misread "bound-root-error" "√ε for ε in the bound" "far too large for a small ε" errors sqrt
        misread "bound-error-squared" "ε² for ε in the bound" "far too small for a small ε" errors (fun e -> e * e)
        misread "bound-2h" "2h for h in the bound" "a constant of h too large" steps ((*) 2.0)
        misread "bound-half-h" "h/2 for h in the bound" "a constant of h too small" steps ((*) 0.5)
        misread "bound-2t" "e^(−2mT) for e^(−mT)" "the start is forgotten too fast" [ "T"; "T2" ] ((*) 2.0)
        misread "bound-half-t" "e^(−mT/2) for e^(−mT)" "the start is forgotten too slowly" [ "T"; "T2" ] ((*) 0.5)
        misread "bound-2k" "2K for K steps in the bound" "an error per step too small" [ "K"; "n" ] ((*) 2.0)
        misread "bound-radius" "R/2 for R in the bound" "diameter and radius" [ "R"; "r"; "distance" ] ((*) 0.5)
        misread
            "bound-other-level"
            "the bound is that of twice the noise"
            "σ of another level"
            [ "σ"; "σ_1"; "τ"; "T1" ]
            ((*) 2.0)
        bounds "bound-halved" "a lost factor 2 in the bound" "half of what was proved" (fun c -> 0.5 * c.Bound)
        bounds "bound-doubled" "a factor 2 too much in the bound" "twice what was proved" (fun c -> 2.0 * c.Bound)
        bounds "bound-root" "√bound for the bound" "a square root too many" (fun c -> sqrt c.Bound)
        bounds "bound-squared" "the bound squared" "a square root too few" (fun c -> c.Bound * c.Bound)
        bounds "bound-hundredth" "a constant of 0.01 for 1" "a constant that nobody re-derived" (fun c ->
            0.01 * c.Bound)
        bounds "bound-hundredfold" "a constant of 100 for 1" "a constant that nobody re-derived" (fun c ->
            100.0 * c.Bound)
        bounds
            "bound-one-percent"
            "a bound 1 % below what is measured"
            "the smallest lie that every check must see"
            (fun c ->
                if not c.Measured.Value.HasValue then c.Bound
                elif c.Measured.Value.Value = 0.0 then -0.01
                else 0.99 * c.Measured.Value.Value)
        claims "claim-half-order" "half an order too much is claimed" "exponents off by ½" 0.5
        claims "claim-four-orders" "four orders too much are claimed" "the exponent of another quantity" 4.0
    ]
