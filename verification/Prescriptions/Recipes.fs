namespace Sgm.Verification

open System
open Sgm
open Sgm.Engine
open Sgm.Verification.Theorems

/// What a theorem asks for: the experiment, where every number comes from, and the theorem's bound on it.
type Recipe = { Experiment: Experiment; Reasons: string list; Bound: float }

/// Descents through noise levels, from the accuracy in total variation that their theorems are to give. A third of the accuracy is
/// for the start, a third for the steps, and a third is left for a score error.
module Recipes =
    let private shortest (x: float) = x.ToString("G6", Globalization.CultureInfo.InvariantCulture)

    /// What an error may be at most, in six digits and not rounded up.
    let internal allowed (x: float) =
        let nearest = shortest x

        if Double.Parse(nearest, Globalization.CultureInfo.InvariantCulture) <= x then
            nearest
        else
            shortest (x * (1.0 - 1e-5))

    /// The plan of what a theorem prescribes; an extreme target may lead where no experiment can be written.
    let internal planOf own =
        Scenarios.checkedPlan own
        |> Result.mapError (fun problems -> $"what the theorem prescribes is no valid experiment: {problems}")

    /// More steps than this are refused; levels are written out one by one, so that there may be fewer.
    let private mostSteps, private mostLevels = 1 <<< 20, 1 <<< 12

    let private refuse (found: float) most what =
        Error
            $"the theorem asks for {shortest (ceil found)} {what}, more than {most}; a larger accuracy (a coarser result) or a simpler target needs fewer"

    /// The smallest standard deviation of a component.
    let private narrowest (target: Engine.Target) =
        target.Factors
        |> Seq.collect (fun factor -> factor.Law.Covariances)
        |> Seq.map (fun c -> c.Smallest)
        |> Seq.min
        |> sqrt

    let internal subjectOf own =
        planOf own |> Result.map (fun plan -> { Experiment = own; Plan = plan; Setting = Map.empty })

    let private recipe reasons bound own =
        subjectOf own |> Result.bind bound |> Result.map (fun b -> { Experiment = own; Reasons = reasons; Bound = b })

    /// The first σ = 2, 4, 8, … times the largest deviation at which N(0, σ²·I) is within `share` of the noised target.
    let private firstNoise runner law (target: Engine.Target) share =
        let scale = sqrt (Constants.secondMoment target NoiseLevel.Data)

        let distance sigma =
            experiment {
                target law
                forward ve
                start prior
                sampler (anneal (Levels [ sigma; sigma / 2.0 ]) identity)
                measure [ tv ]
            }
            |> planOf
            |> Result.bind (Measure.atInitial Metric.Tv runner)

        let unknown reason =
            Error
                $"the theorem asks for the total variation between N(0, σ²·I) and the target with that noise, which no exact law gives here ({reason})"

        let rec search sigma rounds =
            match distance sigma with
            | Error reason -> unknown reason
            | Ok tv when tv.Value.HasValue && tv.Upper <= share -> Ok(sigma, tv.Upper)
            | Ok tv when not tv.Value.HasValue -> unknown tv.Reason
            | Ok _ when rounds = 0 -> Error $"no noise up to σ = {shortest sigma} hides the target"
            | Ok _ -> search (2.0 * sigma) (rounds - 1)

        search (max scale (narrowest target)) 20

    let private lastNoise target =
        let last = narrowest target / 2.0

        last, $"last noise σ = {shortest last}: half of the target's smallest standard deviation"

    let private startReason sigma apart =
        $"first noise σ = {shortest sigma}: N(0, σ²·I) is within {shortest apart} of the target with this noise (exact law), at most a third of the accuracy"

    /// LLT-3.1c: K steps uniform in λ = 1/σ².
    let prediction runner law (target: Engine.Target) accuracy =
        let third = accuracy / 3.0
        let last, lastReason = lastNoise target

        firstNoise runner law target third
        |> Result.bind (fun (first, apart) ->
            let span = 1.0 / (last * last) - 1.0 / (first * first)
            let trace = Constants.covarianceTrace target NoiseLevel.Data
            let needed = ceil (span * trace / (4.0 * third * third))

            if needed > float mostLevels then
                refuse needed mostLevels "levels"
            else
                let k = max 1 (int needed)

                experiment {
                    target law
                    forward ve
                    start prior
                    sampler (anneal (LeePredictions.levels first last k) (predictor ancestral))
                    measure [ tv ]
                }
                |> recipe
                    [
                        startReason first apart
                        lastReason
                        $"tr Cov = {shortest trace}"
                        $"K = {k} = (1/σ_K² − 1/σ_0²)·tr Cov/(4·(δ/3)²), rounded up: the steps' third; the levels are uniform in 1/σ²"
                        $"the denoiser may have an L² error of {allowed (2.0 * third / sqrt span)} at every level, the last third; this experiment has the exact score"
                    ]
                    (LeePredictor.predictionBound runner))

    /// Langevin at every level: step and number of steps for ε_χ, with constants of the target there.
    let private legs runner (target: Engine.Target) levels accuracy chi0Square =
        (Ok [], List.pairwise levels)
        ||> List.fold (fun found (upper, lower) ->
            match found, chi0Square runner upper lower with
            | Error reason, _
            | _, Error reason -> Error reason
            | Ok all, Ok chi2 ->
                let level = NoiseLevel.VarianceExploding lower

                match Constants.smoothness target level, Constants.logSobolev target level with
                | Ok l, Ok c ->
                    let d = float target.Dimension
                    let h, n = LeeLangevin.prescribed d l.Value c.Value accuracy chi2
                    let threshold = accuracy / sqrt (16.2 * c.Value)

                    let weight =
                        float n * sqrt (1.0 + accuracy * accuracy / 2.0) + sqrt chi2 * (2.0 * c.Value / h + 1.0)

                    Ok(((upper, lower, h, n), (l, c, threshold / weight)) :: all)
                | Error reason, _
                | _, Error reason -> Error reason)
        |> Result.map List.rev

    let private descent runner law (target: Engine.Target) accuracy before chi0Square chi0Words bound =
        let third = accuracy / 3.0
        let d = float target.Dimension
        let last, lastReason = lastNoise target

        firstNoise runner law target third
        |> Result.bind (fun (first, apart) ->
            let eta = LeeWarmStart.warmGrowth d
            let m = max 1 (int (ceil (2.0 * log (first / last) / log (1.0 + eta) - 1e-9)))
            let levels = List.init (m + 1) (fun i -> first * (last / first) ** (float i / float m))
            let accuracyOfLevel = min 0.5 (2.0 * third / float m)

            legs runner target levels accuracyOfLevel (chi0Square law)
            |> Result.bind (fun runs ->
                let total = runs |> List.sumBy (fun ((_, _, _, n), _) -> float n)

                if total > float mostSteps then
                    refuse total mostSteps "Langevin steps"
                else
                    let _, (l, c, _) = List.last runs
                    let share = runs |> List.map (fun (_, (_, _, error)) -> error) |> List.min
                    let chebyshev = third / float m * share

                    experiment {
                        target law
                        forward ve
                        start prior

                        sampler (
                            runs
                            |> List.map (fun ((upper, lower, h, n), _) ->
                                anneal (Levels [ upper; lower ]) (before >=> repeat n (corrector (langevin h))))
                            |> List.reduce (>=>)
                        )

                        measure [ tv ]
                    }
                    |> recipe
                        [
                            startReason first apart
                            lastReason
                            $"M = {m} levels: σ² grows by at most 1 + η, η = min(d^(−1/2), 2^(−1/2)) = {shortest eta}, so that χ² between neighbours is at most 1"
                            $"ε_χ = {shortest accuracyOfLevel} at every level: M·ε_χ/2 is at most a third of the accuracy"
                            $"h = min(1/272, ε_χ²/46)/(d·C·L²) at every level; at the last one L = {shortest l.Value} ({l.Provenance}), C = {shortest c.Value} ({c.Provenance})"
                            $"N = C·ln(max(8, 2χ₀²/ε_χ²))/h, rounded up, {chi0Words}; {shortest total} Langevin steps in all"
                            $"the score may have an L² error of {allowed chebyshev} at every level, the last third; this experiment has the exact score"
                        ]
                        (bound runner)))

    /// LLT-2.2c.
    let annealing runner law (target: Engine.Target) accuracy =
        let byGrowth _ _ upper lower =
            Ok(LeeWarmStart.neighbourBound (float target.Dimension) ((upper / lower) ** 2.0 - 1.0))

        descent runner law target accuracy identity byGrowth "with χ₀² = (1 − η²)^(−d/2) − 1" LeeAnnealed.annealedBound

    /// LLT-3.2c.
    let predictionCorrection runner law target accuracy =
        let byExactLaw law runner upper lower =
            let plan =
                experiment {
                    target law
                    forward ve
                    start prior
                    sampler (anneal (Levels [ upper; lower ]) (predictor ancestral))
                    measure [ tv ]
                }
                |> planOf

            match plan, plan |> Result.bind LevelRuns.ofPlan with
            | Ok plan, Ok [ _; run ] -> LeeAnnealed.byExactLaw runner plan run
            | Ok _, Ok _ -> Error "the descent has no step"
            | Error reason, _
            | _, Error reason -> Error reason

        descent
            runner
            law
            target
            accuracy
            (predictor ancestral)
            byExactLaw
            "with χ₀² of the exact law of the level above after the predictor"
            LeeAnnealed.predictorCorrectorBound

    /// PMM-TV: a corrector at a fixed time T1, then ancestral steps.
    let fixedTime _ law (target: Engine.Target) accuracy =
        attempt {
            let third = accuracy / 3.0
            let! data = PedrottiData.blocks target
            let radius = data |> List.map (fun b -> b.Radius) |> List.max
            let smallest = data |> List.map (fun b -> b.Variance) |> List.min
            let largest = data |> List.map (fun b -> b.Variance) |> List.max

            // ½·ln(1 + τ²) is where ρ = τ: from there half of τ lies ahead, and N(0, I) is no worse a start for wide data.
            let t1 =
                [ 0.25; PedrottiCurvature.forwardTime 5.0 radius smallest; 0.5 * RealFunctions.LogOnePlus smallest ]
                |> List.max

            let level = NoiseLevel.VariancePreserving t1
            let alpha = PedrottiData.curvature level data
            let steep = PedrottiData.smoothness level data
            let d = float target.Dimension
            // KL_N ≤ 2·(δ/3)², half for the start and half for the steps.
            let h = min (1.0 / (8.0 * steep)) (third * third * alpha / (3.92 * steep * steep * d))
            let start = PedrottiData.FromPrior.divergence level data
            let needed = max 1.0 (ceil (2.0 * log (max 1.0 (start / (third * third))) / (alpha * h)))
            let last = sqrt smallest / 2.0
            let span = 1.0 / (last * last) - 1.0 / RealFunctions.ExpM1(2.0 * t1)
            let trace = Constants.covarianceTrace target NoiseLevel.Data
            let count = max 1.0 (ceil (span * trace / (4.0 * third * third)))

            if needed > float mostSteps then
                return! refuse needed mostSteps "Langevin steps"
            elif count > float mostLevels then
                return! refuse count mostLevels "levels"
            else
                return!
                    experiment {
                        target law
                        forward vp

                        sampler (
                            repeat (int needed) (corrector (langevin h))
                            >=> anneal
                                    (levels (PedrottiTotalVariation.equalInPrecision t1 last (int count)))
                                    (predictor ancestral)
                        )

                        measure [ tv ]
                    }
                    |> recipe
                        [
                            $"the data are q∗N(0, τ²·I): R = {shortest radius}, τ² from {shortest smallest} to {shortest largest}"
                            $"T1 = {shortest t1} is the largest of ½·ln(1 − τ² + 5R²), ½·ln(1 + τ²) and ¼: there −∇²ln p ⪰ α·I with α = {shortest alpha}, L = {shortest steep}"
                            $"h = {shortest h}: the smaller of 1/(8L) and (δ/3)²·α/(3.92·L²·d), half of KL_N = 2·(δ/3)²"
                            $"N = {shortest needed}: e^(−αNh/2)·K₀ with K₀ = {shortest start} is at most the other half"
                            $"last level ρ = σ/m = {shortest last}: half of the smallest τ"
                            $"K = {shortest count} = (1/ρ² − 1/ρ_{{T1}}²)·tr Cov/(4·(δ/3)²), rounded up, tr Cov = {shortest trace}; the levels are uniform in 1/ρ²"
                            "a third of the accuracy is left for a score error; this experiment has the exact score"
                        ]
                        PedrottiTotalVariation.totalBound
        }
