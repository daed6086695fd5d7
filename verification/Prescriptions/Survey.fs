namespace Sgm.Verification

open System
open System.Threading
open Sgm
open Sgm.Engine
open Sgm.Verification.Certificates
open Sgm.Verification.Theorems

/// What is known of a sampler's end in one metric.
type Surveyed =
    {
        /// The theorem that prescribed it; None for the sampler of the file.
        Theorem: Theorem option
        /// Total variation, or W2 where the theorem speaks of nothing else.
        Metric: Metric
        /// What was asked of the theorem.
        Accuracy: float option
        /// The level at the end, under its forward process: the target with this noise is what it is held against.
        Level: NoiseLevel
        Forward: Sgm.Forward
        /// Per particle.
        Evaluations: int64
        Steps: int64
        /// The theorem's bound, in this metric.
        Promised: float option
        /// By its certificate, with the confidence and, where it says nothing, the reason.
        Certified: Bound
        /// By an exact law, or why it is not measured.
        Measured: Result<Estimate, string>
    }

    /// Measured above what is promised or certified: the theorem, the certificate or the program is wrong.
    member this.IsBroken =
        match this.Measured with
        | Error _ -> false
        | Ok found ->
            this.Certified.Value :: Option.toList this.Promised
            |> List.exists (fun bound -> Verdict.ofBound found bound = Violated)

/// The theorems on one target and sampler: what each says of it, what each prescribes in its place, and the truth.
type Survey =
    {
        /// The theorems whose hypotheses the sampler meets, with their bounds on it.
        Covering: (Theorem * Cell) list
        /// The file's sampler at several numbers of evaluations, in every metric, then what is prescribed.
        Rows: Surveyed list
        /// What a theorem does not prescribe, and why.
        Refused: (Theorem * float * string) list
        /// Why the file's sampler stands at its own number of evaluations alone, if it does.
        NotScaled: string option
    }

    member this.IsBroken =
        this.Rows |> List.exists _.IsBroken || this.Covering |> List.exists (fun (_, cell) -> cell.Verdict = Violated)

/// Sets the theorems beside each other, beside the certificate and beside the truth.
module Survey =
    /// More steps than this are measured on a normal law only.
    let private mostMeasured = 20_000L

    /// The metric that a theorem's own is told in, with how an accuracy there is asked of the theorem, and how the
    /// theorem's bound is told: TV ≤ ½·√χ² and TV ≤ √(KL/2).
    let private spoken (metric: Metric) =
        match metric with
        | m when m = Metric.Chi2 -> Metric.Tv, (fun a -> 4.0 * a * a), (fun bound -> 0.5 * sqrt bound)
        | m when m = Metric.Kl -> Metric.Tv, (fun a -> 2.0 * a * a), (fun bound -> sqrt (0.5 * bound))
        | other -> other, id, id

    let private endOf (plan: Plan) =
        match Seq.last plan.Instructions with
        | :? Instruction.Probe as probe -> probe.Level
        | _ -> NoiseLevel.Data

    let private law (runner: Runner) (plan: Plan) =
        match Laws.applicable plan with
        | [] -> Error(Laws.reasons (Laws.refusals plan))
        | (first, _) :: _ when plan.StepCount > mostMeasured && first.Backend <> "gaussian" ->
            Error
                $"{plan.StepCount} steps, and {mostMeasured} are the most that are measured here; 'sgm run' takes more"
        | _ -> Measure.law runner plan

    /// The rows of what was checked, one a metric.
    let private rows (runner: Runner) theorem accuracy promised metrics (checked': Checked) =
        let plan = checked'.Plan
        let certificate = Certificate.ofPlan runner.Cancellation plan |> Result.map List.last
        let law = law runner plan

        [
            for metric in metrics ->
                {
                    Theorem = theorem
                    Metric = metric
                    Accuracy = accuracy
                    Level = endOf plan
                    Forward = checked'.Experiment.Forward
                    Evaluations = plan.ScoreEvaluations
                    Steps = plan.StepCount
                    Promised = promised
                    Certified =
                        match certificate with
                        | Ok found when metric = Metric.W2 -> found.W2
                        | Ok found -> found.Tv
                        | Error reason -> Bound.unknown reason
                    Measured = law |> Result.map (fun found -> found.Measure metric)
                }
        ]

    /// The sampler at a quarter of its evaluations, at half, at all of them, at twice and four times as many.
    let private budgets (own: Checked) =
        let all = own.Plan.ScoreEvaluations
        [ all / 4L; all / 2L; all; 2L * all; 4L * all ] |> List.filter (fun n -> n >= 1L) |> List.distinct

    /// The sampler at all budgets that its schedule can be scaled to; where there is none, why.
    let private scaled directory (own: Checked) =
        let others =
            budgets own
            |> List.filter (fun n -> n <> own.Plan.ScoreEvaluations)
            |> List.map (Comparing.within directory own.Experiment >> Result.map snd)

        let found = others |> List.collect Result.toList

        let reason =
            match others with
            | Error reason :: _ when found.IsEmpty -> Some reason
            | _ -> None

        let evaluations (one: Checked) = one.Plan.ScoreEvaluations
        own :: found |> List.sortBy evaluations |> List.distinctBy evaluations, reason

    /// The rows of what a theorem prescribes for an accuracy in the survey's metric.
    let private prescribed runner (own: Checked) (theorem: Theorem) accuracy =
        let metric, asked, told = spoken theorem.Metric

        attempt {
            let! found = Prescription.make runner theorem own.Experiment.Target own.Plan.Target (asked accuracy)

            do!
                match Prescription.broken found with
                | Some reason -> Error reason
                | None -> Ok()

            let! loaded =
                Check.experiment "." found.Experiment
                |> Result.mapError (fun problems -> (Message.renderAll problems).TrimEnd())

            return rows runner (Some theorem) (Some accuracy) (Some(told found.Bound)) [ metric ] loaded
        }

    /// Whether it is about certificates, which have rows of their own.
    let private isCertificate (theorem: Theorem) =
        [ Certified.totalVariation; Certified.wasserstein; Certified.relativeEntropy ]
        |> List.exists (fun one -> one.Id = theorem.Id)

    let private covering runner theorems (own: Checked) =
        [
            for theorem: Theorem in theorems do
                if theorem.Stance = Guarantee && not (isCertificate theorem) then
                    theorem, Trials.onExperiment runner theorem own.Experiment
        ]
        |> List.filter (fun (_, cell) -> cell.Verdict <> NotApplicable)

    /// The survey of a sampler whose experiment was read in this directory, by some of the theorems.
    let make (runner: Runner) (theorems: Theorem list) directory (own: Checked) (accuracies: float list) =
        let prescribing =
            Prescription.theorems |> List.filter (fun one -> theorems |> List.exists (fun t -> t.Id = one.Id))

        let asked = List.allPairs prescribing accuracies
        let budgets, reason = scaled directory own
        let all = float (1 + budgets.Length + asked.Length)

        let told what i =
            runner.Cancellation.ThrowIfCancellationRequested()
            runner.Progress what (float i / all)

        told "the theorems that cover it" 0
        let covering = covering { runner with Progress = fun _ _ -> () } theorems own

        let own' =
            budgets
            |> List.mapi (fun i one ->
                told $"{one.Plan.ScoreEvaluations} evaluations" (1 + i)
                rows runner None None None [ Metric.Tv; Metric.W2 ] one)
            |> List.concat

        let found =
            asked
            |> List.mapi (fun i (theorem, accuracy) ->
                told $"{theorem.Id} at {accuracy}" (1 + budgets.Length + i)
                theorem, accuracy, prescribed runner own theorem accuracy)

        {
            Covering = covering
            Rows = own' @ (found |> List.collect (fun (_, _, one) -> one |> Result.defaultValue []))
            Refused =
                found
                |> List.choose (fun (theorem, accuracy, one) ->
                    match one with
                    | Error reason -> Some(theorem, accuracy, reason)
                    | Ok _ -> None)
            NotScaled = reason
        }
