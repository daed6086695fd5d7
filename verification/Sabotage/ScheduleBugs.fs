/// Bugs in the order of things: schedules, repeats, levels, starts, scores and probes.
module Sgm.Verification.Sabotage.ScheduleBugs

open System.Collections.Immutable
open Sgm.Verification
open Sgm.Engine
open Sgm.Verification.Sabotage.PlanEdit

let private bug part id title breaks edit =
    { Id = id; Title = title; Breaks = breaks; Part = part; Change = OfPlan edit }

let private anneal (all: Instruction.Transitions) count body : Instruction list =
    [ Instruction.Transitions(count, fun i -> all.Body.Invoke(body i)) ]

let private severalLevels (plan: Plan) =
    plan.Steps() |> Seq.map (fun t -> t.From) |> Seq.distinct |> Seq.truncate 2 |> Seq.length > 1

let private schedules =
    [
        bug
            Schedules
            "last-transition-dropped"
            "the schedule ends one level too early"
            "off by one at the end: the last denoising step is missing"
            (anneals (fun all -> anneal all (all.Count - 1) id))
        bug
            Schedules
            "first-transition-dropped"
            "the schedule begins one level too late"
            "off by one at the start: the state is noisier than the score thinks"
            (anneals (fun all -> anneal all (all.Count - 1) ((+) 1)))
        bug
            Schedules
            "last-transition-twice"
            "the last transition runs twice"
            "off by one the other way"
            (anneals (fun all -> anneal all (all.Count + 1) (min (all.Count - 1))))
        bug
            Schedules
            "reversed-schedule"
            "the schedule is walked from the data to the noise"
            "every score is that of another level than the state's"
            (fun plan ->
                if severalLevels plan then
                    plan |> anneals (fun all -> anneal all all.Count (fun i -> all.Count - 1 - i))
                else
                    None)
        bug
            Schedules
            "non-monotone"
            "two neighbouring levels are swapped: σ is not monotone"
            "a level is skipped and then visited too late"
            (fun plan ->
                if (transitions (fun _ count body -> if count > 1 then Some body else None) plan).IsSome then
                    plan
                    |> anneals (fun all ->
                        let swap i =
                            if i = 0 then 1
                            elif i = 1 then 0
                            else i

                        anneal all all.Count (if all.Count > 1 then swap else id))
                else
                    None)
        bug
            Schedules
            "zero-size-last-step"
            "a last step of size zero"
            "the last predictor leaves the state where it is"
            (transitions (fun i count body ->
                if i = count - 1 && List.exists moves body then
                    Some(body |> List.filter (moves >> not))
                else
                    None))
        bug
            Schedules
            "predictor-twice"
            "the predictor runs twice in every transition"
            "each transition is denoised twice"
            (transitions (fun _ _ body ->
                if List.exists moves body then
                    Some(body |> List.collect (fun step -> if moves step then [ step; step ] else [ step ]))
                else
                    None))
        bug
            Schedules
            "corrector-first"
            "the corrector before the predictor where the sampler says after"
            "corrections at a level where the state is not yet"
            (transitions (fun _ _ body ->
                match body with
                | first :: (_ :: _ as corrections) when moves first -> Some(corrections @ [ first ])
                | _ -> None))
        bug
            Schedules
            "no-corrector"
            "the corrector of a transition is forgotten"
            "prediction alone"
            (transitions (fun _ _ body ->
                if List.exists moves body && not (List.forall moves body) then
                    Some(List.filter moves body)
                else
                    None))
        bug
            Schedules
            "repeat-minus-one"
            "a loop ends one step too early"
            "n − 1 for n repetitions"
            (repeats (fun repeat -> [ Instruction.Repeat(repeat.Count - 1L, repeat.Body) ]))
        bug Schedules "repeat-once" "a loop's body runs once" "1 for n repetitions" (fun plan ->
            let once (repeat: Instruction.Repeat) : Instruction list = [ Instruction.Repeat(1L, repeat.Body) ]
            repeats once plan)
        bug
            Schedules
            "probe-early"
            "the law is measured before the last step"
            "the last instruction comes after the probe"
            (fun plan ->
                plan
                |> atTheEnd (fun before last ->
                    match List.rev before with
                    | final :: earlier -> List.rev earlier @ [ last; final ]
                    | [] -> [ last ]))
        bug
            Schedules
            "probe-wrong-level"
            "the law is measured against the target at the first level"
            "a distance from another law than the theorem's"
            (fun plan ->
                if severalLevels plan then
                    plan |> atTheEnd (fun before last -> before @ [ Instruction.Probe(last.Name, plan.InitialLevel) ])
                else
                    None)
    ]

let private squared (level: NoiseLevel) mean sigma = NoiseLevel(level.Parameter, mean, sigma)

let private modified (plan: Plan) (modifiers: ScoreModifier seq) =
    Some(plan |> Plan.withScore (Score(plan.Score.Of, ImmutableArray.CreateRange modifiers)))

/// A score that is wrong by an error that the plan does not know of.
let private amplified factor (modifier: ScoreModifier) : ScoreModifier =
    match modifier with
    | :? ScoreModifier.Shifted as shift -> ScoreModifier.Shifted(factor * shift.Amount)
    | :? ScoreModifier.Rippled as ripple -> ScoreModifier.Rippled(factor * ripple.Amplitude, ripple.Frequency)
    | :? ScoreModifier.Scaled as scale -> ScoreModifier.Scaled(1.0 + factor * (scale.Factor - 1.0))
    | other -> other

let private hasErrors (plan: Plan) = not plan.Score.Modifiers.IsEmpty

/// The same law with covariances of which only the diagonals are left; None where there is nothing beside them.
let private uncorrelated (law: Target) =
    let diagonal (c: Covariance) = Covariance.Diagonal(Array.init c.Dimension c.Variance)

    if law.HasFullCovariance then
        law.Factors
        |> Seq.map (fun f -> Factor(f.Count, Mixture(f.Law.Given, f.Law.Means, Array.map diagonal f.Law.Covariances)))
        |> ImmutableArray.CreateRange
        |> Target
        |> Some
    else
        None

let private startOf (change: Start.Law -> Start option) (plan: Plan) =
    match plan.Start with
    | :? Start.Law as law -> change law |> Option.map (fun start -> Plan.withStart start plan)
    | _ -> None

let private scores =
    [
        bug
            Scores
            "score-lower-level"
            "the predictor's score at the lower level"
            "the step reads the network one index too late"
            (predictors (atLevels (fun t _ -> t.To)))
        bug
            Scores
            "score-data-level"
            "the score of the data without noise at every level"
            "the level is not passed on"
            (steps (fun t ->
                if t.Stages |> Seq.exists (fun stage -> stage.Level.Sigma > 0.0) then
                    Some(atLevels (fun _ _ -> NoiseLevel.Data) t)
                else
                    None))
        bug
            Scores
            "alpha-for-alpha-bar"
            "α for ᾱ: the mean's factor m squared in the score's level"
            "the score is centred at the wrong place"
            (steps (fun t ->
                if t.Stages |> Seq.exists (fun stage -> stage.Level.Mean < 1.0) then
                    Some(atLevels (fun _ s -> squared s.Level (s.Level.Mean * s.Level.Mean) s.Level.Sigma) t)
                else
                    None))
        bug
            Scores
            "sigma-squared-level"
            "σ² for σ in the score's level"
            "the score believes in another amount of noise"
            (steps (fun t ->
                if t.Stages |> Seq.exists (fun s -> s.Level.Sigma > 0.0 && s.Level.Sigma <> 1.0) then
                    Some(atLevels (fun _ s -> squared s.Level s.Level.Mean s.Level.NoiseVariance) t)
                else
                    None))
        bug
            Scores
            "error-forgotten"
            "the score's error is not applied"
            "a better sampler than the one that was asked for"
            (fun plan -> if hasErrors plan then modified plan [] else None)
        bug
            Scores
            "error-doubled"
            "the score's error is twice what the experiment says"
            "ε is understated in every bound"
            (fun plan ->
                if hasErrors plan then
                    modified plan (plan.Score.Modifiers |> Seq.map (amplified 2.0))
                else
                    None)
        bug
            Scores
            "hidden-error"
            "a constant score error of 0.05 that nobody knows of"
            "a bias in the network's last layer"
            (fun plan ->
                if plan.StepCount > 0L then
                    modified plan (Seq.append plan.Score.Modifiers [ ScoreModifier.Shifted 0.05 ])
                else
                    None)
        bug
            Scores
            "truth-for-fit"
            "the target's own score where that of the fitted law belongs"
            "training error counts for nothing"
            (fun plan ->
                if obj.ReferenceEquals(plan.Score.Of, plan.Target) then
                    None
                else
                    Some(plan |> Plan.withScore (Score(plan.Target, plan.Score.Modifiers))))
        bug
            Scores
            "covariance-diagonal"
            "covariances read by their diagonals in the score"
            "what couples the coordinates is lost"
            (fun plan ->
                uncorrelated plan.Score.Of
                |> Option.map (fun law -> plan |> Plan.withScore (Score(law, plan.Score.Modifiers))))
        bug
            Scores
            "start-variance"
            "the start is twice as wide in variance"
            "a prior of the wrong temperature"
            (startOf (fun law ->
                let wider = NoiseLevel(law.Level.Parameter, sqrt 2.0 * law.Level.Mean, sqrt 2.0 * law.Level.Sigma)

                Some(Start.Law(law.Of, wider))))
        bug
            Scores
            "start-noise-again"
            "noise of variance 0.1 is added to the start"
            "the first level is noised twice"
            (startOf (fun law ->
                let noisier = sqrt (law.Level.NoiseVariance + 0.1)
                Some(Start.Law(law.Of, NoiseLevel(law.Level.Parameter, law.Level.Mean, noisier)))))
        bug Scores "start-at-target" "the run starts from the target itself" "a test that leaks its answer" (fun plan ->
            match plan.Start with
            | :? Start.Law as law when obj.ReferenceEquals(law.Of, plan.Target) && law.Level = plan.InitialLevel ->
                None
            | _ -> Some(plan |> Plan.withStart (Start.Law(plan.Target, plan.InitialLevel))))
    ]

let all = schedules @ scores
