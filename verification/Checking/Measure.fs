namespace Sgm.Verification

open System
open System.Collections.Immutable
open Sgm
open Sgm.Engine

/// Measurements that theorems are held against: a metric at some place of a run, by an exact law.
module Measure =

    /// Why a run that did not complete has no measurement.
    let private whyNot (status: RunStatus) =
        match status with
        | :? RunStatus.Diverged as diverged -> $"the sampler diverged at step {diverged.Step}: {diverged.Advice}"
        | :? RunStatus.Unsupported as unsupported -> unsupported.Reason
        | :? RunStatus.Cancelled -> raise (OperationCanceledException())
        | _ -> "the run ended early"

    let private execute runner plan (afterStep: Action<StepResult>) =
        let outcome = runner.Run plan (RunOptions(Cancellation = runner.Cancellation, AfterStep = afterStep))

        if outcome.IsCompleted then
            Ok(List.ofSeq outcome.Probes)
        else
            Error(whyNot outcome.Status)

    /// The law at the end of the run.
    let law runner plan = execute runner plan null |> Result.map (fun probes -> (List.last probes).Law)

    /// A finished run that something else executes: `runner.Sample` for particles.
    let outcomeBy (run: Plan -> RunOptions -> Outcome) plan options =
        let outcome = run plan options
        if outcome.IsCompleted then Ok outcome else Error(whyNot outcome.Status)

    /// The law at its end.
    let lawBy run plan options = outcomeBy run plan options |> Result.map (fun outcome -> (Seq.last outcome.Probes).Law)

    /// A direction of q against p as one of p against q.
    let turned (p: DirectionPair) = DirectionPair(p.Count, -p.Offset, p.StateVariance, -p.Excess)

    /// KL(p‖q), where Law.Measure has KL(q‖p), of a normal law q and a normal p with independent directions; None of others.
    let reverseKl (law: Law) =
        match law with
        | :? GaussianLaw as normal when normal.IsDiagonal ->
            let pairs = normal.Pairs.ToArray() |> Array.map turned
            let found = NormalDivergences.Kl(ReadOnlySpan pairs)
            // The numbers of a pair are rounded from double-double.
            Some(
                Estimate.Exact(
                    found.Value.Value,
                    found.Lower * (1.0 - 1e-12),
                    found.Upper * (1.0 + 1e-12),
                    found.Method
                )
            )
        | _ -> None

    /// The metric at the end of the run.
    let atEnd metric runner plan = law runner plan |> Result.map (fun law -> law.Measure metric)

    /// The metric after step 1, 2, …, N.
    let everyStep metric runner plan =
        let values = ResizeArray<Estimate>()

        let watch (step: StepResult) =
            if step.Index >= 0L then
                values.Add(step.Law.Measure metric)

        execute runner plan (Action<StepResult> watch) |> Result.map (fun _ -> List.ofSeq values)

    /// No step is taken where this is the score, so that any will do; the exact one leaves normal laws to closed forms.
    let private anyScore (plan: Plan) = Engine.Score(plan.Target, ImmutableArray.Empty)

    /// The metric of a plan's start against the target at a level.
    let private startAgainst level metric runner (plan: Plan) =
        match plan.Start with
        | :? Start.Law as law when obj.ReferenceEquals(law.Of, plan.Target) && law.Level = level ->
            Ok(Estimate.ClosedForm 0.0)
        | _ ->
            Plan(
                Target = plan.Target,
                Score = anyScore plan,
                Start = plan.Start,
                InitialLevel = level,
                Instructions = ImmutableArray.Create<Instruction>(Instruction.Probe("start", level)),
                Metrics = ImmutableArray.Create<Metric>(item = metric)
            )
            |> atEnd metric runner

    /// The upper end of a narrow bracket, relative to 1 + the value; or that it is too wide to evaluate a bound with. From the upper
    /// end, so that what is above the bound is above the theorem's; from a narrow one, so that the bound is the theorem's.
    let resolved (estimate: Estimate) =
        if not estimate.Value.HasValue then
            Error estimate.Reason
        elif estimate.Upper - estimate.Lower <= 1e-6 * (1.0 + estimate.Lower) then
            Ok estimate.Upper
        else
            Error
                $"a quantity of the hypotheses, {estimate.Value.Value:g6}, is only known to lie in [{estimate.Lower:g6}, {estimate.Upper:g6}]"

    /// The upper end of what is certain of a quantity that a bound grows with: what the bound is evaluated with. +∞ where the
    /// quantity is infinite, which leaves the bound vacuous; an error where nothing is known.
    let atMost (estimate: Estimate) =
        if estimate.Confidence < 1.0 then
            Error $"a quantity of the hypotheses is only known from samples ({estimate.Method})"
        elif estimate.Value.HasValue || Double.IsFinite estimate.Upper then
            Ok estimate.Upper
        else
            Error $"a quantity of the hypotheses is not known: {estimate.Reason}"

    /// The metric of the start against the target at the level of the first step.
    let atStart metric runner (plan: Plan) =
        let level =
            plan.Steps() |> Seq.tryHead |> Option.map (fun step -> step.From) |> Option.defaultValue plan.InitialLevel

        startAgainst level metric runner plan

    /// The metric of the start against the target at the plan's initial level.
    let atInitial metric runner (plan: Plan) = startAgainst plan.InitialLevel metric runner plan

    /// Richardson's extrapolation of values at steps h, h/2, h/4, … whose error expands in whole powers of h. The bracket is the
    /// larger of the last two differences along the diagonal, the second of which is far above the error once the expansion
    /// holds, widened by what rounding can grow to. W2 is extrapolated squared: the square is smooth in h where W2 is not.
    let stepLimit (metric: Metric) (values: Estimate list) =
        match values |> List.tryFind (fun v -> not v.Value.HasValue) with
        | Some missing -> missing
        | None ->
            let plain () : struct ((float -> float) * (float -> float)) = struct (id, id)

            let struct (transform, back) =
                metric.Match(
                    tv = plain,
                    kl = plain,
                    chi2 = plain,
                    w2 = (fun () -> struct ((fun x -> x * x), (fun x -> sqrt (max 0.0 x))))
                )

            let first = values |> List.map (fun v -> transform v.Value.Value) |> Array.ofList

            let columns =
                (first, [ 1 .. first.Length - 1 ])
                ||> List.scan (fun column k ->
                    let factor = 2.0 ** float k

                    column
                    |> Array.pairwise
                    |> Array.map (fun (coarse, fine) -> (factor * fine - coarse) / (factor - 1.0)))

            let corners = columns |> List.map Array.last |> Array.ofList
            let difference k = abs (corners[corners.Length - k] - corners[corners.Length - k - 1])

            let rounding = 16.0 * (values |> List.map (fun v -> transform v.Upper - transform v.Lower) |> List.max)

            // Halving the step must at least halve what is left, in the values or after a first extrapolation. Where it does
            // not there is no expansion in whole powers, and the rest is bounded by the geometric series of the values.
            let contraction (column: float[]) =
                let difference k = abs (column[column.Length - k] - column[column.Length - k - 1])
                if difference 1 <= rounding then infinity else difference 2 / difference 1

            let lastDifference = abs (first[first.Length - 1] - first[first.Length - 2])
            let fastest = columns |> List.truncate 3 |> List.map contraction |> List.max

            let tail =
                if fastest >= 1.8 then 0.0
                elif fastest > 1.05 then 4.0 * lastDifference / (fastest - 1.0)
                else infinity

            let spread = max (difference 1) (difference 2) + rounding + tail
            let best = Array.last corners
            Estimate.Exact(back best, back (best - spread), back (best + spread), "limit of the step to 0 (Richardson)")

    /// The metric at the end in the limit of small steps, `refined k` having steps h/2^k, k = 0..refinements (at least 4).
    let limitAfter refinements metric runner (refined: int -> Plan) =
        let folder found k =
            found
            |> Result.bind (fun earlier ->
                atEnd metric runner (refined k) |> Result.map (fun value -> value :: earlier))

        (Ok [], [ 0..refinements ]) ||> List.fold folder |> Result.map (List.rev >> stepLimit metric)

    /// The same with seven halvings.
    let limit metric runner refined = limitAfter 7 metric runner refined
