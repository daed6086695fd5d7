namespace Sgm.Verification

open System.Threading
open Sgm
open Sgm.Engine
open Sgm.Verification.Certificates

/// A sampler at a number of score evaluations.
type WorkRow =
    {
        Name: string
        /// Evaluations that were allowed.
        Allowed: int64
        /// Transitions of its anneal, the most that are allowed.
        Transitions: int
        End: EndOfRun
    }

/// Work against precision: samplers for one target at equal score evaluations, the number of transitions of their anneals scaled.
module Comparing =
    let rec private scaled n schedule =
        let inside around inner = scaled n inner |> Result.map around

        match schedule with
        // Before the transition that toZero adds.
        | Uniform(a, _, _)
        | Geometric(a, _, _)
        | Karras(_, a, _, _)
        | Polyexponential(_, a, _, _) when n = 0 -> Ok(Levels [ a ])
        | Uniform(a, b, _) -> Ok(Uniform(a, b, n))
        | Geometric(a, b, _) -> Ok(Geometric(a, b, n))
        | Karras(rho, a, b, _) -> Ok(Karras(rho, a, b, n))
        | Polyexponential(rho, a, b, _) -> Ok(Polyexponential(rho, a, b, n))
        | Levels _ ->
            Error "its levels are listed, and how many there are cannot be scaled; write uniform, geometric or karras"
        | Linear _
        | ScaledLinear _
        | Sigmoid _
        | Cosine _
        | ZeroSnr _ ->
            Error
                "its levels are those of training, and how many there are cannot be scaled; say how many of them are visited: leading, trailing or linspace"
        | Leading(offset, _, inner) -> Ok(Leading(offset, n + 1, inner))
        | Trailing(_, inner) -> Ok(Trailing(n + 1, inner))
        | Linspace(_, inner) -> Ok(Linspace(n + 1, inner))
        | InRatio inner -> inside InRatio inner
        | InBetaTime(first, last, inner) -> inside (fun found -> InBetaTime(first, last, found)) inner
        | Shift(s, inner) -> inside (fun found -> Shift(s, found)) inner
        | ToZero inner -> scaled (n - 1) inner |> Result.map ToZero

    let rec private withPredictor method pipeline =
        match pipeline with
        | Predictor _ -> Predictor method
        | Anneal(schedule, body) -> Anneal(schedule, withPredictor method body)
        | Repeat(n, body) -> Repeat(n, withPredictor method body)
        | Sequence parts -> Sequence(List.map (withPredictor method) parts)
        | Corrector _
        | Probe _ -> pipeline

    /// The experiment with every predictor of the language in place of its own, by name; and the names of those that have no step
    /// under its forward process.
    let predictors (own: Experiment) =
        let hasStep (entry: Predicting) =
            match Pipeline.firstSchedule own.Sampler with
            | Some schedule ->
                let level = Schedule.parameter own.Forward schedule >> Forward.level own.Forward
                (entry.Method.Step(Transition.Of(own.Forward, level, 0, Schedule.transitions schedule))).IsOk
            | None -> true

        let found, without = Methods.predictors |> List.partition hasStep

        [
            for entry in found -> entry.Method.ToString(), { own with Sampler = withPredictor entry.Method own.Sampler }
        ],
        [ for entry in without -> entry.Method.ToString() ]

    /// The experiment with the most transitions of its anneal that so many evaluations allow.
    let within directory (own: Experiment) (allowed: int64) =
        attempt {
            let! place = Tuning.place own
            let words problems = (Message.renderAll problems).TrimEnd()

            let at n =
                scaled n place.Schedule
                |> Result.bind (fun schedule ->
                    Check.experiment directory { own with Sampler = place.With schedule } |> Result.mapError words)

            // What a transition takes, and what the rest does, from two sizes: the last transition may take less than the others.
            let! one = at 1
            let! two = at 2
            let each = two.Plan.ScoreEvaluations - one.Plan.ScoreEvaluations
            let n = if each > 0L then 1L + (allowed - one.Plan.ScoreEvaluations) / each else 1L

            do!
                require
                    (one.Plan.ScoreEvaluations <= allowed && n >= 1L)
                    ()
                    $"one transition takes {one.Plan.ScoreEvaluations} evaluations, more than {allowed}"

            let n = int (min n 10_000_000L)
            let! loaded = at n
            return n, loaded
        }

    /// All samplers at all numbers of evaluations that concern this process, checked before anything runs.
    let runKept
        (shelf: Shelf)
        by
        (cancellation: CancellationToken)
        told
        (samplers: (string * string * Experiment) list)
        (allowed: int64 list)
        =
        attempt {
            let! prepared =
                seq {
                    for most in allowed do
                        for name, directory, own in samplers do
                            let id = $"{name} at {most} evaluations"

                            if shelf.Concerns id then
                                within directory own most
                                |> Result.map (fun (n, loaded) -> id, name, most, n, loaded)
                                |> Result.mapError (fun reason -> $"{name}: {reason}")
                }
                |> every

            return
                prepared
                |> List.mapi (fun i (id, name, most, n, loaded) ->
                    cancellation.ThrowIfCancellationRequested()
                    told id (float i / float prepared.Length)

                    Sweep.keptEnd shelf id by cancellation loaded
                    |> Option.map (fun found -> { Name = name; Allowed = most; Transitions = n; End = found }))
                |> List.choose id
        }
