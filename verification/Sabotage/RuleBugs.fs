/// Bugs in the rules that certificates are composed of: a constant halved, a term dropped, a wrong exponent. The
/// certificate is found by another book of rules, and held against the same exact laws.
module Sgm.Verification.Sabotage.RuleBugs

open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Certificates
open Sgm.Verification.Theorems

let private proved = RuleBook.proved

/// The certificates' statements, by another book; what is measured is what a healthy run measured.
let private bug id title breaks (book: RuleBook) =
    {
        Id = id
        Title = title
        Breaks = breaks
        Part = CertificateRules
        Change = OfStatement(Certified.byRules book)
    }

let private mapped f found = Result.map f found

let private costs id title breaks f =
    let cost (plan: Plan) (step: Tableau) = proved.Cost plan step |> mapped (f plan step)
    bug id title breaks { proved with Cost = cost }

let private distances id title breaks f =
    bug id title breaks { proved with Distance = fun block step -> proved.Distance block step |> mapped (f step) }

let private forwards id title breaks f =
    bug
        id
        title
        breaks
        { proved with
            Forward = fun plan step map -> proved.Forward plan step map |> mapped (f plan step)
        }

let private chis id title breaks f =
    bug
        id
        title
        breaks
        { proved with
            Chi = fun plan step -> proved.Chi plan step |> mapped (List.map (f plan step))
        }

/// What a predictor's frozen score misses, taken out of κ.
let private unmissed (plan: Plan) (step: Tableau) (cost: Cost) =
    match Information.missed plan.Target step.From step.To with
    | Ok missed when not step.StaysAtLevel ->
        let less x = max 0.0 (x - 0.5 * missed.Low)
        { cost with Exact = less cost.Exact; Whole = less cost.Whole }
    | _ -> cost

/// One sixteenth of τ²H where a quarter belongs.
let private squared (_: Plan) (step: Tableau) (cost: Cost) =
    if step.StaysAtLevel then
        { cost with Exact = 0.25 * cost.Exact; Whole = cost.Whole - 0.75 * cost.Exact }
    else
        cost

/// e^(−2τ/C) more than a corrector forgets.
let private forgetful (plan: Plan) (step: Tableau) (map: Forward) =
    match Constants.logSobolev plan.Target step.From with
    | Ok sobolev when step.StaysAtLevel ->
        let share (n: int64) = exp (-(float n * step.C * step.C) / sobolev.Value)

        { map with
            Once = fun kl -> share 1L * map.Once kl
            Rounds = fun n kl -> share n * map.Rounds n kl
        }
    | _ -> map

let private withoutErrors isCorrector (step: Tableau) (map: Forward) =
    if step.StaysAtLevel = isCorrector then
        { map with
            Once = fun kl -> max 0.0 (map.Once kl - map.Once 0.0)
            Rounds = fun n kl -> max 0.0 (map.Rounds n kl - map.Rounds n 0.0)
        }
    else
        map

/// What the lines would be with the exact score.
let private asExact (plan: Plan) (step: Tableau) (found: ChiStep) =
    let exact =
        Plan(
            Target = plan.Target,
            Score = Score(plan.Target, System.Collections.Immutable.ImmutableArray.Empty),
            Start = plan.Start,
            InitialLevel = plan.InitialLevel,
            Instructions = plan.Instructions,
            Metrics = plan.Metrics
        )

    match found.Bad > 0.0, proved.Chi exact step with
    | true, Ok [ one ] -> { found with Lines = one.Lines }
    | _ -> found

let all =
    [
        costs "rule-missed" "a predictor's ½∫(J(γ) − J(g))dγ dropped" "what the frozen score misses" unmissed
        costs "rule-corrector" "τ²H/16 for τ²H/4" "a square too many in a corrector's κ" squared
        costs "rule-score" "κ with the exact score" "the score's error dropped from paths" (fun _ _ cost ->
            { cost with Whole = cost.Exact })
        bug
            "rule-start"
            "half of KL(p‖q₀)"
            "a lost factor of 2 at the start"
            { proved with Start = fun plan level -> proved.Start plan level |> mapped ((*) 0.5) }
        bug
            "rule-pinsker"
            "R/2 for √(R/2)"
            "a root forgotten where relative entropy becomes TV"
            { proved with Pinsker = fun r -> min (0.5 * r) (proved.Pinsker r) }
        bug
            "rule-cut"
            "TV before a cut dropped"
            "a triangle inequality with one side"
            { proved with Join = fun _ since -> since }
        bug
            "rule-level-change"
            "KL between two levels dropped"
            "a level that changes without the state is free in TV"
            { proved with Change = fun _ _ _ -> Ok 0.0 }
        bug
            "rule-level-distance"
            "W2 between two levels dropped"
            "a level that changes without the state is free in W2"
            { proved with Between = fun _ _ _ -> 0.0 }
        distances "rule-lipschitz" "Lip² for Lip" "W2 shrinks twice as fast" (fun _ map ->
            { map with Lip = map.Lip * map.Lip })
        distances
            "rule-mean"
            "what the mean is off dropped from W2"
            "a local error without its larger part"
            (fun _ map -> { map with Mean = 0.0; Add = min map.Add map.Centred })
        distances "rule-centred" "what is centred dropped from W2" "a local error without its noise" (fun _ map ->
            { map with Centred = 0.0; Add = min map.Add map.Mean })
        bug
            "rule-moments"
            "tr Cov(p) dropped from independent draws"
            "W2 of a point and its own cloud is 0"
            { proved with Independent = fun _ _ spread -> spread }
        bug
            "rule-normal-step"
            "KL(p′‖pK) dropped"
            "steps of normal laws are free"
            { proved with
                NormalStep = fun plan step -> proved.NormalStep plan step |> Option.map (fun _ -> 0.0)
            }
        bug
            "rule-w2-to-tv"
            "a quarter of TV from W2"
            "too much noise for the distance"
            { proved with Smoothed = fun blocks n maps w -> 0.25 * proved.Smoothed blocks n maps w }
        bug
            "rule-path-w2"
            "R begins again for nothing"
            "the shifts along the path are free"
            { proved with
                PathFrom = fun blocks n maps w -> proved.PathFrom blocks n maps (w |> List.map (fun _ -> 0.0))
            }
        forwards "rule-forward-rate" "e^(−4τ/C) for e^(−2τ/C)" "a corrector forgets twice as fast" forgetful
        forwards "rule-forward-corrector" "∫D²dt/(4a) dropped" "a corrector without its own error" (fun _ ->
            withoutErrors true)
        forwards "rule-forward-predictor" "X²/(2α) dropped" "a predictor without its own error" (fun _ ->
            withoutErrors false)
        forwards "rule-forward-w2" "KL from W2 without W2" "noise forgets the distance" (fun _ _ map ->
            { map with OfDistance = fun n _ -> map.OfDistance n 0.0 })
        bug
            "rule-talagrand"
            "W2² ≤ C·KL for 2C·KL"
            "a factor of 2 in the transport inequality"
            { proved with
                Reach = fun target level -> proved.Reach target level |> mapped ((*) (sqrt 0.5))
            }
        chis "rule-chi-rate" "e^(−2Λ) for e^(−Λ)" "χ² shrinks twice as fast" (fun _ _ step ->
            let faster (struct (factor, term)) = struct ((if factor < 1.0 then factor * factor else factor), term)
            { step with Lines = List.map faster step.Lines })
        chis "rule-chi-error" "e^S − 1 dropped" "χ² of a corrector without its own error" (fun _ _ step ->
            { step with
                Lines = step.Lines |> List.map (fun (struct (factor, _)) -> struct (factor, 0.0))
            })
        chis "rule-bad-sets" "no error outside of the bad set" "the threshold dropped" asExact
        bug
            "rule-chi-square"
            "½χ² for ½√χ²"
            "a root forgotten where χ² becomes TV"
            { proved with OfChi = fun logs -> min 1.0 (0.5 * RealFunctions.ExpM1 logs) }
    ]
