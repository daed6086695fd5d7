namespace Sgm.Verification.Certificates

open System
open System.Collections.Immutable
open Sgm.Engine
open Sgm.Verification

/// What is known of a score's error at a level.
[<RequireQualifiedAccess>]
type ErrorKind =
    /// A bound with a proof; the value itself where there is a closed form.
    | Bound
    /// An interval from draws, whose upper end rests on Student's t.
    | Draws

    member this.Name =
        match this with
        | Bound -> "bound"
        | Draws -> "draws"

/// The error of a score at a level of a run, and what it costs there.
type LevelQuality =
    {
        Level: NoiseLevel
        /// Evaluations of the score there.
        Evaluations: int64
        Kind: ErrorKind
        /// ε = ‖s − ∇ln p‖ in L²(p).
        Error: Estimate
        /// An upper end of ε that is proved, at the confidence of the interval; None where nothing bounds the score.
        Certified: float option
        /// √E‖∇ln p‖² of normal laws of the target's variances: what ε is to be held against.
        Size: float
        /// Nats of KL(p‖q) that ε costs the steps that begin there: Σ γ²ε²/(2c²) of predictors and Σ ¼τγ²ε² of correctors; a path's
        /// relative entropy adds it up. None where a step draws no noise.
        Nats: (float * float * float) option
        /// Nats that the same steps cost with the exact score; None where that is not known.
        Steps: float option
    }


/// A score along a run: ε at every level, what it costs, and how much that is of the whole.
type ScoreQuality =
    {
        Levels: LevelQuality list
        /// Nats of the start and of all steps with the exact score, or why they are not known.
        Exact: Result<float * float, string>
        /// What the intervals rest on, and the probability that one of them is wrong.
        Assumes: string option
        Risk: float
    }

    /// Whether more is lost to the score there than to the steps, and more than a thousandth of all.
    member this.IsBad(one: LevelQuality) =
        match one.Nats, one.Steps, this.Exact, this.Nats with
        | Some(_, nats, _), Some steps, Ok(start, all), Some own -> nats > steps && nats > 1e-3 * (start + all + own)
        | _ -> false

    /// Nats of all levels; None where a step draws no noise.
    member this.Nats =
        (Some 0.0, this.Levels)
        ||> List.fold (fun sum one -> Option.map2 (fun all (_, nats, _) -> all + nats) sum one.Nats)

/// Errors of scores along runs.
[<CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module ScoreQuality =
    /// The probability that one of the intervals is wrong.
    let private risk = 1e-3

    /// Most levels whose errors are drawn.
    let private mostDrawn = 400

    /// Draws a level: from its cost, and at least so many.
    let private countOf cost = int (max 2048.0 (min 100_000.0 (2e9 / cost)))

    let private rooted (squared: Estimate) =
        let up x = if Double.IsFinite x then sqrt x * (1.0 + 1e-15) else x

        Estimate.Sampled(
            (if squared.Value.HasValue then sqrt squared.Value.Value else nan),
            sqrt squared.Lower,
            up squared.Upper,
            squared.Confidence,
            squared.Method,
            squared.Reason
        )

    /// Few components are drawn one by one, so that the rare ones are in every draw; many as they come.
    let private fewComponents = 64

    let private assumesPlain =
        "the errors' upper end: Student's t over 64 batch means of draws of p, in which what is rarer than they are many is missing"

    let private assumes (plan: Plan) =
        if plan.Target.Factors[0].Law.Count <= fewComponents then
            HeldOut.assumes
        else
            assumesPlain

    /// The estimate, and its proved upper end.
    let private drawn (plan: Plan) failure (level: NoiseLevel) =
        let bounded = ClippedError.ofLevel plan level

        let plainly, certified =
            match bounded, ClippedError.plainly plan level with
            | Ok draws, _ ->
                let values = ClippedError.draw draws (countOf draws.Cost) 20_011
                let struct (_, _, upper) = ClippedError.interval draws failure values
                Some values, Some(sqrt upper * (1.0 + 1e-15))
            | Error _, Ok draws -> Some(ClippedError.draw draws (countOf draws.Cost) 20_011), None
            | Error _, Error _ -> None, None

        let found =
            match plainly with
            | Some values when plan.Target.Factors[0].Law.Count > fewComponents ->
                HeldOut.meanOf (Ok assumesPlain) (1.0 - failure) values
            | _ -> HeldOut.squaredErrors plan [ level, 1.0 ] 4096 20_011L (1.0 - failure)

        rooted found, certified

    /// Whether errors at levels are known in closed form, or by enclosures.
    let private isKnown (plan: Plan) level = not (ScoreError.isUnknown plan) && (ScoreError.l2 plan level).IsOk

    let private errorAt plan failure level =
        match ScoreError.isUnknown plan, lazy ScoreError.l2 plan level with
        | false, Lazy(Ok bound) ->
            ErrorKind.Bound, Estimate.Exact(bound, 0.0, bound, "closed form or enclosure"), Some bound
        | _ ->
            let error, certified = drawn plan failure level
            ErrorKind.Draws, error, certified

    /// What ε² costs a step in nats where its mean is right otherwise.
    let private weight (step: Tableau) =
        if step.StaysAtLevel then
            PathRule.isNoisy step
            |> Result.bind PathRule.correctorDifference
            |> Result.map (fun difference -> 0.25 * (0.5 * step.C * step.C) * difference.Gamma * difference.Gamma)
        else
            PathRule.isNoisy step
            |> Result.bind PathRule.predictorDifference
            |> Result.map (fun difference ->
                let c = step.C / step.To.Mean
                difference.Gamma * difference.Gamma / (2.0 * c * c))

    let private sizeOf (target: Target) (level: NoiseLevel) =
        let mutable sum = 0.0

        for factor in target.Factors do
            let law = factor.Law

            for k in 0 .. law.Count - 1 do
                for i in 0 .. law.Dimension - 1 do
                    sum <- sum + float factor.Count * law.Weights[k] / level.VarianceOf(law.Covariance(k).Eigenvalue i)

        sqrt sum

    /// The same plan with the exact score.
    let private exactly (plan: Plan) =
        Plan(
            Target = plan.Target,
            Score = Score(plan.Target, ImmutableArray.Empty),
            Start = plan.Start,
            InitialLevel = plan.InitialLevel,
            Instructions = plan.Instructions,
            Metrics = plan.Metrics
        )

    let private kernelsOf (course: Course list) =
        course |> List.collect (Course.kernels 1L) |> List.map (fun (_, rounds, step) -> rounds, step)

    /// Every level at which the score is asked for, in the order of the run.
    let ofPlan cancellation told (plan: Plan) : Result<ScoreQuality, string> =
        attempt {
            let! course = Course.ofPlan plan
            let kernels = kernelsOf course

            let levels =
                kernels |> List.collect (fun (_, step) -> [ for stage in step.Stages -> stage.Level ]) |> List.distinct

            do! require (not levels.IsEmpty) () "the sampler asks for no score"

            let isDrawn = not (isKnown plan levels.Head)

            do! Limits.within (if isDrawn then mostDrawn else 200_000) levels.Length "levels at which an error is found"

            let failure = risk / float levels.Length
            let exact = Certificate.ofPlan cancellation (exactly plan) |> Result.map List.last

            let contributions =
                match exact with
                | Ok found -> found.Contributions
                | Error _ -> []

            let each i (level: NoiseLevel) =
                cancellation.ThrowIfCancellationRequested()
                told "errors" (float i / float levels.Length)
                let own = kernels |> List.filter (fun (_, step) -> step.Stages |> Seq.exists (fun s -> s.Level = level))
                let kind, error, certified = errorAt plan failure level

                let weights =
                    own
                    |> List.map (fun (rounds, step) -> weight step |> Result.map (fun w -> float rounds * w))
                    |> every

                let steps = contributions |> List.filter (fun c -> c.From = level)

                {
                    Level = level
                    Evaluations =
                        own
                        |> List.sumBy (fun (rounds, step) ->
                            rounds * int64 (step.Stages |> Seq.filter (fun s -> s.Level = level) |> Seq.length))
                    Kind = kind
                    Error = error
                    Certified = certified
                    Size = sizeOf plan.Target level
                    Nats =
                        match weights with
                        | Ok weights when error.Value.HasValue ->
                            let w = List.sum weights
                            Some(w * error.Lower ** 2.0, w * error.Value.Value ** 2.0, w * error.Upper ** 2.0)
                        | _ -> None
                    Steps =
                        if steps.IsEmpty then
                            None
                        else
                            Some(steps |> List.sumBy (fun c -> max 0.0 c.Steps))
                }

            let found = levels |> List.mapi each

            let start =
                match exact with
                | Error reason -> Error reason
                | Ok certificate ->
                    match certificate.Start with
                    | Some start -> Ok(start, certificate.Steps)
                    | None -> Error(defaultArg certificate.KlReverse.Reason "the path rule says nothing of the start")

            return
                {
                    Levels = found
                    Exact = start
                    Assumes = if isDrawn then Some(assumes plan) else None
                    Risk = if isDrawn then risk else 0.0
                }
        }
