namespace Sgm.Verification

open System
open Sgm
open Sgm.Engine
open Sgm.Verification.Theorems

/// The experiment that a theorem prescribes for a target and an accuracy.
type Prescription =
    {
        Theorem: Theorem
        Accuracy: float
        Experiment: Experiment
        /// Where every number comes from, one sentence each.
        Reasons: string list
        /// The theorem's bound on the experiment; at most the accuracy.
        Bound: float
    }

/// Theorems read backwards: from an accuracy to a sampler.
module Prescription =

    /// What is known when an experiment is prescribed.
    type private Order =
        {
            Runner: Runner
            Theorem: Theorem
            /// The target as written, and as the engine has it.
            Law: Sgm.Target
            Target: Engine.Target
            Accuracy: float
        }

    /// More steps than this are refused.
    let private mostSteps = 1 <<< 20

    /// The latest time that the language knows.
    let private latestTime = 300

    let private shortest (x: float) = x.ToString("G6", Globalization.CultureInfo.InvariantCulture)

    let private prescribed order experiment reasons bound =
        Ok
            {
                Theorem = order.Theorem
                Accuracy = order.Accuracy
                Experiment = experiment
                Reasons = reasons
                Bound = bound
            }

    let private tooMany steps =
        Error
            $"the theorem asks for {steps} steps, and {mostSteps} are the most that are prescribed; a larger accuracy (a coarser result) or a simpler target needs fewer"

    /// The mean of a target, coordinate by coordinate.
    let private meanOf (target: Engine.Target) =
        target.Factors
        |> Seq.collect (fun factor ->
            let law = factor.Law

            let one =
                List.init law.Dimension (fun i ->
                    Seq.init law.Count (fun k -> law.Weights[k] * law.Means[k * law.Dimension + i]) |> Seq.sum)

            List.replicate factor.Count one |> List.concat)
        |> List.ofSeq

    let private smallestVariance (target: Engine.Target) =
        target.Factors
        |> Seq.collect (fun factor -> factor.Law.Covariances)
        |> Seq.map (fun c -> c.Smallest)
        |> Seq.min

    /// A bound of N Langevin steps that has a term of the start, one of the score and one of the step.
    type private LangevinBound =
        {
            Metric: Metric
            Bound: Expression
            /// The name of the start's divergence in it.
            Start: string
            /// The largest step, from d, L and C.
            Largest: float -> float -> float -> float
            LargestWords: string
            /// The largest error that the hypotheses allow, from C.
            LargestError: float -> float
        }

    /// A third of the accuracy for the start, one for the step, one left for a score error.
    let private langevin (by: LangevinBound) order =
        let level = NoiseLevel.Data

        match Constants.smoothness order.Target level, Constants.logSobolev order.Target level with
        | Error reason, _
        | _, Error reason -> Error reason
        | Ok smooth, Ok sobolev ->
            let d, l, c = float order.Target.Dimension, smooth.Value, sobolev.Value
            let third = order.Accuracy / 3.0
            let numbers = [ "d", d; "L", l; "C", c ]

            let startTerm, scoreTerm, stepTerm =
                match Expression.terms by.Bound with
                | [ start; score; step ] -> start, score, step
                | _ -> invalidOp $"the bound of {order.Theorem.Id} has three terms"

            let h = min (by.Largest d l c) (Formula.largest "h" numbers stepTerm third)
            let spread = smallestVariance order.Target

            let experimentWith steps =
                experiment {
                    target order.Law
                    forward ve
                    start (from (normal (meanOf order.Target) spread))
                    sampler (repeat steps (corrector (LangevinMethod.langevin h)))
                    measure [ (if by.Metric = Metric.Kl then kl else chi2) ]
                }

            match Recipes.planOf (experimentWith 1) |> Result.bind (Measure.atStart by.Metric order.Runner) with
            | Error reason -> Error reason
            | Ok first when not (Double.IsFinite first.Upper) ->
                Error $"{by.Start} of the start, N(mean, smallest variance), is not finite"
            | Ok first ->
                let numbers = ("h", h) :: (by.Start, first.Upper) :: numbers
                let steps = Formula.smallestWhole "N" numbers startTerm third
                let error = min (Formula.largest "ε₁" numbers scoreTerm third) (by.LargestError c)

                if steps > float mostSteps then
                    tooMany (shortest (ceil steps))
                else
                    prescribed
                        order
                        (experimentWith (int steps))
                        [
                            $"L = {shortest l}: {smooth.Provenance}"
                            $"C = {shortest c}: {sobolev.Provenance}"
                            $"start: N(mean, {shortest spread}·I), the smallest variance, has {by.Start} = {shortest first.Upper} (exact law)"
                            $"h = {shortest h}: the smaller of {by.LargestWords} and that for which {Expression.text stepTerm} is a third of the accuracy"
                            if first.Upper <= third then
                                "N = 1: the start is within its third already"
                            else
                                $"N = {shortest steps}: the fewest steps for which {Expression.text startTerm} is a third of the accuracy"
                            $"the score may have an error of sup norm {Recipes.allowed error}, the last third; this experiment has the exact score"
                        ]
                        (Formula.value (("N", steps) :: ("ε₁", 0.0) :: numbers) by.Bound)

    /// LLT-4.2c.
    let private inChiSquare =
        langevin
            {
                Metric = Metric.Chi2
                Bound = LeeLuTan.manySteps
                Start = "χ²₀"
                Largest = LeeSupNorm.largestStep
                LargestWords = "1/(272·d·C·L²)"
                LargestError = fun c -> 1.0 / (7.0 * sqrt c)
            }

    /// VW-kl.
    let private inEntropy =
        langevin
            {
                Metric = Metric.Kl
                Bound = VempalaLangevin.manySteps
                Start = "KL₀"
                Largest = fun _ l c -> VempalaLangevin.largestStep l c
                LargestWords = "1/(4·C·L²)"
                LargestError = fun _ -> infinity
            }

    /// BZ-gauss: a third for the start, one for the step, one left for the error of θ.
    let private gaussianMean order =
        match Bruno.unitNormal "the target" order.Target with
        | Error reason -> Error reason
        | Ok mu ->
            let size, root = Bruno.norm mu, sqrt (float mu.Length)
            let third = order.Accuracy / 3.0
            let time = max 1.0 (ceil (4.0 * (log (size / third) / 2.0)) / 4.0)
            let gamma = min 1.0 (third / (0.36 * size + (sqrt 2.0 - 1.0) * root))
            let steps = ceil (time / gamma)

            if steps > float mostSteps then
                tooMany (shortest (ceil steps))
            else
                let gamma = time / steps

                prescribed
                    order
                    (experiment {
                        target order.Law
                        forward vp
                        sampler (anneal (uniform time 0.0 (int steps)) (predictor eulerMaruyama))
                        measure [ w2 ]
                    })
                    [
                        $"|μ| = {shortest size}, d = {mu.Length}"
                        $"T = {shortest time}: e^(−2T)·|μ| is at most a third of the accuracy"
                        $"K = {shortest steps}: γ = T/K = {shortest gamma} makes |μ|·0.36·γ + √d·(√2 − 1)·γ at most a third"
                        $"the mean may be learned with an error |θ − μ| of {Recipes.allowed third}, the last third; this experiment has the exact score"
                    ]
                    (size * (Bruno.meanBias gamma + exp (-2.0 * time)) + root * Bruno.spreadBias gamma)

    /// BZ-general: half for the start, the rest for the step; the number of steps by bisection on the bound.
    let private logConcave order =
        let experimentWith time steps =
            experiment {
                target order.Law
                forward vp
                sampler (anneal (uniform time 0.0 steps) (predictor eulerMaruyama))
                measure [ w2 ]
            }

        let reverse time steps = Recipes.subjectOf (experimentWith time steps) |> Result.bind BrunoReverse.reverse
        let boundOf time steps = reverse time steps |> Result.map BrunoReverse.bound

        match reverse 1.0 1 with
        | Error reason -> Error reason
        | Ok constants ->
            let m = constants.M.Value

            /// δ_0·e^T/(m·(e^(2T) − 1) + 1): what is left of the start as γ → 0.
            let startShare time =
                let level = NoiseLevel.VariancePreserving time

                let atStart =
                    sqrt (level.Mean * level.Mean * constants.SecondMoment + constants.D * (1.0 - level.Sigma) ** 2.0)

                atStart * exp time / (m * RealFunctions.ExpM1(2.0 * time) + 1.0)

            let time =
                Seq.init (4 * latestTime) (fun k -> 0.25 * float (k + 2))
                |> Seq.tryFind (fun time -> startShare time <= order.Accuracy / 2.0)
                |> Option.map Ok
                |> Option.defaultValue (
                    Error
                        $"no time up to {latestTime} brings the start within half the accuracy, {shortest (order.Accuracy / 2.0)}"
                )

            let rec enough time steps =
                match boundOf time steps with
                | Error reason -> Error reason
                | Ok bound when bound <= order.Accuracy -> Ok steps
                | Ok _ when steps >= mostSteps -> tooMany $"more than {mostSteps}"
                | Ok _ -> enough time (2 * steps)

            let rec fewest time low high =
                let middle = (low + high) / 2

                if high - low <= max 1 (high / 64) then
                    high
                else
                    match boundOf time middle with
                    | Ok bound when bound <= order.Accuracy -> fewest time low middle
                    | _ -> fewest time middle high

            attempt {
                let! time = time
                let! sufficient = enough time (int (ceil time))
                let steps = fewest time (sufficient / 2) sufficient
                let! bound = boundOf time steps

                return!
                    prescribed
                        order
                        (experimentWith time steps)
                        [
                            $"m = {shortest m}: {constants.M.Provenance}"
                            $"L = {shortest constants.L.Value}: {constants.L.Provenance}"
                            $"T = {shortest time}: what is left of the start as γ → 0, δ_0·e^T/(m·(e^(2T) − 1) + 1) = {shortest (startShare time)}, is at most half the accuracy"
                            $"K = {steps}: γ = T/K = {shortest (time / float steps)}, to 1/64 the fewest steps for which δ_K is at most the accuracy"
                        ]
                        bound
            }

    let private by recipe order =
        recipe order.Runner order.Law order.Target order.Accuracy
        |> Result.bind (fun (found: Recipe) -> prescribed order found.Experiment found.Reasons found.Bound)

    let private known =
        [
            LeeLuTan.langevinSupNorm, inChiSquare
            VempalaLangevin.relativeEntropy, inEntropy
            LeeAnnealed.annealedLangevin, by Recipes.annealing
            LeePredictor.stochasticPredictor, by Recipes.prediction
            LeeAnnealed.predictorCorrector, by Recipes.predictionCorrection
            PedrottiTotalVariation.prediction, by Recipes.fixedTime
            Bruno.gaussianMean, gaussianMean
            BrunoLogConcave.logConcave, logConcave
        ]

    /// The theorems that prescribe an experiment.
    let theorems = known |> List.map fst

    let rec private namesFile law =
        match law with
        | Samples _ -> true
        | other -> Target.children other |> List.exists namesFile

    /// The experiment that a theorem prescribes so that its bound is at most the accuracy, in the theorem's own metric.
    let make runner (theorem: Theorem) (law: Sgm.Target) (target: Engine.Target) accuracy =
        match known |> List.tryFind (fun (other, _) -> other.Id = theorem.Id) with
        | None ->
            let ids = String.Join(", ", theorems |> List.map (fun t -> t.Id))
            Error $"{theorem.Id} prescribes no experiment; these do: {ids}"
        | Some _ when not (Double.IsFinite accuracy && accuracy > 0.0) ->
            Error $"an accuracy of {accuracy}; it must be a positive number"
        | Some _ when theorem.Metric = Metric.Tv && accuracy >= 1.0 ->
            Error $"an accuracy of {accuracy}; a total variation is 1 at most, so that only less than 1 says anything"
        | Some _ when namesFile law -> Error "a target from a data file; write it as a mixture"
        | Some(_, prescribe) ->
            prescribe { Runner = runner; Theorem = theorem; Law = law; Target = target; Accuracy = accuracy }

    /// Why the prescribed experiment is not what was asked for, if it is not: a hypothesis that it does not meet, or a bound above
    /// the accuracy. None is expected.
    let broken (prescription: Prescription) =
        match Recipes.subjectOf prescription.Experiment with
        | Error reason -> Some reason
        | Ok subject ->
            match Assumption.evaluateAll subject prescription.Theorem.Assumptions with
            | _, Some reason -> Some $"what {prescription.Theorem.Id} prescribes does not meet its {reason}"
            | results, None when Assumption.areInTheLimit results ->
                Some $"{prescription.Theorem.Id} {Assumption.limitOnly}"
            | _, None when not (prescription.Bound <= prescription.Accuracy * (1.0 + 1e-12)) ->
                Some
                    $"the bound of what {prescription.Theorem.Id} prescribes is {shortest prescription.Bound}, above the accuracy {shortest prescription.Accuracy}"
            | _, None -> None

    /// The law that the end is measured against, in words: what the accuracy is about.
    let against (plan: Plan) =
        match Seq.last plan.Instructions with
        | :? Instruction.Probe as probe when probe.Level.Sigma = 0.0 -> "the target"
        | :? Instruction.Probe as probe when probe.Level.Mean = 1.0 ->
            $"the target with noise, X + σ·Z with σ = {shortest probe.Level.Sigma}, not from the target itself"
        | :? Instruction.Probe as probe ->
            $"the target with noise, m·X + σ·Z with m = {shortest probe.Level.Mean} and σ = {shortest probe.Level.Sigma}, not from the target itself"
        | _ -> "the target"

    /// The metric of the theorem at the end of the experiment by an exact law; None where no exact law runs it.
    let measured runner (prescription: Prescription) =
        match Recipes.planOf prescription.Experiment with
        | Error reason -> Some(Error reason)
        | Ok plan when List.isEmpty (Laws.applicable plan) -> None
        | Ok plan -> Some(Measure.atEnd prescription.Theorem.Metric runner plan)

    /// Why the exact run does not keep what the theorem promises: it ends above the bound or the accuracy, it fails, or its
    /// interval leaves open whether it does.
    let unkept (prescription: Prescription) measured =
        let promised = min prescription.Bound prescription.Accuracy

        match measured with
        | None -> None
        | Some(Error reason) -> Some $"the exact run of what {prescription.Theorem.Id} prescribes fails: {reason}"
        | Some(Ok(found: Estimate)) ->
            match Verdict.ofBound found promised with
            | Holds -> None
            | Violated ->
                Some
                    $"the exact run of what {prescription.Theorem.Id} prescribes measures {shortest found.Lower} at least, above its bound {shortest prescription.Bound} or the accuracy {shortest prescription.Accuracy}: the theorem's constants for this target are wrong, or the program is"
            | Inconclusive
            | NotApplicable when found.Value.HasValue ->
                Some
                    $"the exact run of what {prescription.Theorem.Id} prescribes leaves open whether {shortest promised} is kept: it measures between {shortest found.Lower} and {shortest found.Upper}"
            | Inconclusive
            | NotApplicable ->
                Some $"the exact run of what {prescription.Theorem.Id} prescribes has no value: {found.Reason}"
