namespace Sgm.Verification

open System
open System.Collections.Concurrent
open System.Runtime.CompilerServices
open Sgm

/// What several checks of a run ask of the same experiment: a statement and what it claims of its own bound, axes that
/// cross in a base, statements about one sampler. Of scenarios alone: an experiment of one's own may name files, and they change.
module internal Remember =
    /// Most inequalities that are kept: a long chain of steps is cheaper to run again than to hold.
    let private longest = 1_000

    let private isOwn (subject: Subject) = subject.Setting.IsEmpty

    /// The same function of a subject, evaluated once a key and kept.
    let fact (key: Subject -> 'key) (find: Subject -> 'fact) : Subject -> 'fact =
        let known = ConcurrentDictionary<'key, 'fact>()
        let own = Once.per find

        fun subject ->
            if isOwn subject then
                own subject
            else
                known.GetOrAdd(key subject, (fun _ -> find subject))

    /// The same function of a trial, evaluated once an experiment and kept for as long as what runs the plans is. The steps of
    /// the first refinement tell apart scenarios that share an experiment and refine it otherwise. What is decided from
    /// samples is decided by every check for itself, from its own share of the budget.
    let private by isKept (find: Runner -> Trial -> Result<'found, string>) =
        let known = ConditionalWeakTable<_, ConcurrentDictionary<_, Lazy<Result<'found, string> * bool>>>()

        let first (runner: Runner) trial =
            let isSampled = ref false

            let record spending =
                isSampled.Value <- true
                runner.Budget.Record spending

            let answer = find { runner with Budget = { runner.Budget with Record = record } } trial
            answer, isSampled.Value

        fun (runner: Runner) (trial: Trial) ->
            if isOwn trial.Subject then
                find runner trial
            else
                let found = known.GetValue(runner.Run, fun _ -> ConcurrentDictionary())
                let key = struct (trial.Setting, trial.Subject.Experiment, (trial.Refined 1).StepCount)
                let asked = lazy (first runner trial)
                let kept = found.GetOrAdd(key, asked)

                try
                    let answer, isSampled = kept.Value

                    if not (isKept answer) then
                        found.TryRemove key |> ignore

                    if isSampled && not (obj.ReferenceEquals(kept, asked)) then
                        find runner trial
                    else
                        answer
                with _ ->
                    // What failed is asked again: it may have been cancelled.
                    found.TryRemove key |> ignore
                    reraise ()

    let evidence: Evidence -> Evidence = by (Result.forall (fun several -> List.length several <= longest))
    let quantity (find: Runner -> Trial -> Result<'found, string>) = by (fun _ -> true) find
