/// Certificates held against exact laws: what the rules of verification/Certificates say of a pipeline is never below what it does.
module Sgm.Verification.Theorems.Certified

open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Certificates
open Sgm.Verification.Scenarios

let private twoModes copies = product [ copies, mixture [ 0.5, normal [ -2.0 ] 0.25; 0.5, normal [ 2.0 ] 0.25 ] ]

let private line = mixture [ 0.3, normal [ -1.5 ] 0.2; 0.7, normal [ 1.0 ] 0.5 ]

let private dense = normalCov [ 1.0; -0.5 ] [ [ 1.0; 0.6 ]; [ 0.6; 0.5 ] ]

/// Two modes of different full covariances.
let private coupled apart =
    mixture
        [
            0.4, normalCov [ -1.0 - apart; 0.5 ] [ [ 0.45; 0.11 ]; [ 0.11; 0.25 ] ]
            0.6, normalCov [ 1.5; -0.5 ] [ [ 0.17; 0.06 ]; [ 0.06; 0.38 ] ]
        ]

let private pipeline law noising scored start' sampler' =
    experiment {
        target law
        forward noising
        score scored
        start start'
        sampler sampler'
        measure [ tv; w2 ]
    }

let private correct n = repeat n (corrector (langevinScaled 0.05))

/// Every predictor, correctors before and after, vp and ve, every score error that has a norm, products and dense normal laws.
let private standing =
    [
        "two modes, ve, exponential then correctors, shifted",
        lazy
            pipeline
                (twoModes 1)
                ve
                (exact |> shifted 0.05)
                prior
                (anneal (geometric 10.0 0.1 20) (predictor exponential >=> correct 5))
        "line, vp, correctors then Euler–Maruyama, scaled",
        lazy
            pipeline
                line
                vp
                (exact |> scaled 0.95)
                prior
                (anneal (uniform 2.5 0.1 24) (correct 2 >=> predictor eulerMaruyama))
        "line, vp, ancestral, rippled",
        lazy pipeline line vp (exact |> rippled 0.1 2.0) prior (anneal (uniform 2.5 0.1 24) (predictor ancestral))
        "line, ve, the score of another law",
        lazy
            pipeline
                line
                ve
                (scoreOf (mixture [ 0.3, normal [ -1.45 ] 0.22; 0.7, normal [ 1.0 ] 0.5 ]))
                prior
                (anneal (geometric 5.0 0.2 24) (predictor ancestral))
        "10⁴ copies, ve, ancestral",
        lazy pipeline (twoModes 10_000) ve exact prior (anneal (geometric 200.0 20.0 100) (predictor ancestral))
        "dense normal, vp, exponential, shifted and scaled",
        lazy
            pipeline
                dense
                vp
                (exact |> shifted 0.1 |> scaled 1.05)
                prior
                (anneal (uniform 3.0 0.05 40) (predictor exponential >=> correct 2))
        "dense normal, vp, probability flow by Heun",
        lazy pipeline dense vp exact prior (anneal (uniform 3.0 0.0 30) (predictor flowHeun))
        "dense normal, ve, probability flow, then correctors",
        lazy pipeline dense ve exact prior (anneal (geometric 10.0 0.2 60) (predictor flow) >=> correct 20)
        "normal, annealed Langevin: levels that change without the state",
        lazy
            pipeline
                (normal [ 1.0 ] 0.5)
                ve
                exact
                prior
                (anneal (geometric 5.0 0.5 8) (repeat 20 (corrector (langevinScaled 0.1))))
    ]

/// N(0, 1) at σ = ½, where a warm start begins but for 1e-9.
let private unit = normal [ 0.0 ] 0.75

let private langevinOn law scored start' n h =
    pipeline law ve scored start' (anneal (levels [ 0.500000001; 0.5 ]) (repeat n (corrector (langevin h))))

/// Normal laws on which a rule alone decides, and nearly attains what it says: a wrong constant in it shows.
/// Milliseconds.
let private sharp =
    [
        "4000 dimensions, one long ancestral step from the target",
        lazy
            pipeline
                (product [ 4000, normal [ 0.0 ] 0.02 ])
                ve
                exact
                warm
                (anneal (levels [ 20.0; 1.0 ]) (predictor ancestral))
        "one Langevin step of twice the variance, from the target", lazy langevinOn unit exact warm 1 2.0
        "one Langevin step with a shifted score, from the target",
        lazy langevinOn unit (exact |> shifted 3.0) warm 1 1.0
        "hardly a step, from elsewhere", lazy langevinOn unit exact (from (normal [ 1.0 ] 1.0)) 1 1e-6
        "one Langevin step, from elsewhere", lazy langevinOn unit exact (from (normal [ 2.0 ] 1.0)) 1 0.3
        "hardly a step, from nearly a point", lazy langevinOn unit exact (from (normal [ 0.0 ] 1e-4)) 1 1e-6
        "1200 small Langevin steps, from elsewhere", lazy langevinOn unit exact (from (normal [ 0.3 ] 1.0)) 1200 0.001
        "1200 small Langevin steps with a shifted score", lazy langevinOn unit (exact |> shifted 0.3) warm 1200 0.001
        "1200 small Langevin steps with the score of another law",
        lazy langevinOn unit (scoreOf (normal [ 0.5 ] 0.8)) warm 1200 0.001
        "a level that hardly changes without the state, from elsewhere",
        lazy
            pipeline
                unit
                ve
                exact
                (from (normal [ 0.8 ] 1.0))
                (anneal (levels [ 1.0; 0.5 ]) (corrector (langevin 1e-6))
                 >=> anneal (levels [ 0.49; 0.48 ]) (corrector (langevin 1e-9)))
        "a level that halves without the state",
        lazy
            pipeline
                (normal [ 0.0 ] 0.01)
                ve
                exact
                warm
                (anneal (levels [ 1.01; 1.0 ]) (corrector (langevin 1e-5))
                 >=> anneal (levels [ 0.5; 0.4 ]) (corrector (langevin 1e-9)))
    ]

/// The first cases of every axis.
let internal sharpCases = sharp.Length

/// Scores without a Lipschitz constant that is known here.
let private rough =
    [
        "line, ve, clipped",
        lazy pipeline line ve (exact |> clipped 3.0) prior (anneal (geometric 5.0 0.2 24) (predictor exponential))
    ]

/// Of which W2 is dear in the plane, and says little.
let private planar =
    [
        "coupled modes in the plane, ve, the score of another law",
        lazy
            pipeline
                (coupled 0.0)
                ve
                (scoreOf (coupled 0.1))
                (from (normal [ 0.0; 0.0 ] 16.0))
                (anneal (geometric 4.0 0.8 3) (predictor ancestral))
    ]

/// Most steps of a plan whose certificate is found while verifying: a fraction of a second. `sgm certify` takes longer ones.
let private mostSteps (plan: Plan) = if plan.Target.IsGaussian then 5000L else 260L

/// Both metrics, their hypotheses and their evidence take it from one.
let private certificateOf: Subject -> Result<Certificate, string> =
    Remember.fact _.Experiment (fun subject ->
        Certificate.ofPlan System.Threading.CancellationToken.None subject.Plan |> Result.map List.last)

/// What says that a certificate is found and held against an exact law. Where it is quick it is looked at; otherwise
/// the evidence will.
let private assumptions what choose =
    let assume statement evaluate = Assumption.ofResult statement (fun subject -> evaluate subject.Plan)


    [
        assume "at most 260 steps, or 5000 on a normal law; more by `sgm certify`" (fun plan ->
            let detail = $"{plan.StepCount} steps"
            require (plan.StepCount <= mostSteps plan) detail $"the plan has {detail}, above {mostSteps plan}")
        assume "few blocks and components" (fun plan ->
            Limits.blocks plan.Target |> Result.map (fun () -> $"{plan.Target.Factors.Length} blocks"))
        assume "an exact law runs the plan, to hold the certificate against" (fun plan ->
            match Laws.applicable plan with
            | [] -> Error(Laws.reasons (Laws.refusals plan))
            | (law, _) :: _ -> Ok law.Backend)
        Assumption.ofResult $"the rules give a bound of {what}" (fun subject ->
            match Quick.work subject.Plan with
            | Some units when units <= Quick.most ->
                certificateOf subject
                |> Result.bind (fun found ->
                    let bound: Bound = choose found

                    match bound.Reason with
                    | Some reason -> Error $"the rules give no bound of {what}: {reason}"
                    | None -> Ok $"{bound.Value:g6}")
            | _ -> Ok "found while verifying")
    ]

let private evidence metric what choose : Evidence =
    fun runner trial ->
        attempt {
            let! found = certificateOf trial.Subject
            let bound: Bound = choose found

            match bound.Reason with
            | Some reason -> return! Error $"the rules give no bound of {what}: {reason}"
            | None ->
                let! measured = atEnd metric runner trial
                return [ { What = $"{what} at the end"; Measured = measured; Bound = bound.Value } ]
        }

let private cases (pipelines: (string * Lazy<Experiment>) list) =
    scenario
        "standing pipelines"
        (pipelines |> List.mapi (fun i (name, _) -> $"{i}: {name}") |> String.concat "; ")
        (fun s _ -> (snd pipelines[int (value "case" s)]).Value)
        [ setting [ "case", 0.0 ] ]
        [ axis "case" "standing pipeline" (fun _ -> List.init pipelines.Length float) ]

let private stepsOf (s: Setting) =
    pipeline
        line
        ve
        (exact |> shifted (value "ε" s))
        prior
        (anneal (geometric 10.0 0.1 (int (value "K" s))) (predictor ancestral))

let private predictors =
    scenario
        "predictors alone"
        "Ancestral steps on 0.3·N(−1.5, 0.2) + 0.7·N(1, 0.5), geometric levels: the bound is K^(−½) by paths, the truth 1/K."
        (fun s _ -> stepsOf s)
        [ setting [ "K", 64.0; "ε", 0.0 ] ]
        [
            axis "K" "number of steps" (few [ 16.0; 32.0; 64.0; 128.0; 256.0 ]) |> quickly [ 64.0 ]
            axis "ε" "size of the constant score error" (few [ 0.003; 0.01; 0.03; 0.1; 0.3 ]) |> later
        ]

let private reading =
    "Where a certificate is loose it is loose as paths are against laws: of order K^(−½) where the law at the end is off by 1/K."

/// TV.
let totalVariation =
    {
        Id = "certificate-tv"
        Title = "Certificates are upper bounds: total variation"
        Statement =
            "For every pipeline that the rules speak of, TV(q, p) at the end is at most the certificate: the path rule R = KL(p‖q₀) + Σκ over steps, cuts, W2 turned into TV by noise. docs/certificates.md."
        Source = Papers.closedForms "certificates, rules by rule in verification/Certificates/README.md"
        Stance = Guarantee
        Assumptions = assumptions "TV" (fun c -> c.Tv)
        Metric = Metric.Tv
        Evidence = evidence Metric.Tv "TV" (fun c -> c.Tv)
        Scenarios = [ cases (sharp @ standing @ rough @ planar); predictors ]
        Rates = []
        Reading = reading
    }

/// W2.
let wasserstein =
    { totalVariation with
        Id = "certificate-w2"
        Title = "Certificates are upper bounds: Wasserstein distance"
        Statement =
            "For every pipeline that the rules speak of, W2(q, p) at the end is at most the certificate: W2 ← Lip·W2 + W2(pK, p′) step by step and block by block. docs/certificates.md."
        Assumptions = assumptions "W2" (fun c -> c.W2)
        Metric = Metric.W2
        Evidence = evidence Metric.W2 "W2" (fun c -> c.W2)
        Scenarios = [ cases (sharp @ standing) ]
        Reading =
            "Per block and per step; sharp where steps contract, useless where the score's Lipschitz constant makes every step expand."
    }

/// KL(q‖p), on normal laws.
let relativeEntropy =
    { totalVariation with
        Id = "certificate-kl"
        Title = "Certificates are upper bounds: relative entropy"
        Statement =
            "For every pipeline that the rules speak of, KL(q‖p) at the end is at most the certificate: predictors add to it, correctors contract it, noise turns W2 into it, and it is at most ln(1 + χ²). docs/certificates.md."
        Assumptions = assumptions "KL(q‖p)" (fun c -> c.Kl)
        Metric = Metric.Kl
        Evidence = evidence Metric.Kl "KL(q‖p)" (fun c -> c.Kl)
        Scenarios = [ cases sharp ]
        Reading = "Sharp where correctors forget a start; loose by orders where KL(q‖p) must begin again from W2."
    }

/// The same statement about certificates that are found by another book of rules, on normal laws; None of any other.
let internal byRules book (theorem: Theorem) =
    let bounded (choose: Certificate -> Bound) =
        let evidence: Evidence =
            fun runner trial ->
                let plan = trial.Subject.Plan

                match theorem.Evidence runner trial, lazy Certificate.byRules book plan with
                | Ok compared, Lazy(Ok found) when plan.Target.IsGaussian ->
                    let bound = (choose (List.last found)).Value
                    Ok(compared |> List.map (fun c -> { c with Bound = bound }))
                | found, _ -> found

        Some { theorem with Evidence = evidence }

    if theorem.Id = totalVariation.Id then bounded _.Tv
    elif theorem.Id = wasserstein.Id then bounded _.W2
    elif theorem.Id = relativeEntropy.Id then bounded _.Kl
    else None
