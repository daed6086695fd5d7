namespace Sgm.Verification

open MathNet.Numerics.Distributions
open Sgm.Engine

/// One stage of a decision from samples.
type Stage =
    {
        /// k = 1, 2, ….
        Index: int
        Particles: int64
        Seed: uint64
        /// The probability of a false alarm that all statements of this stage may spend together.
        FalseAlarm: float
    }

    /// The confidence of one of several statements of equal share.
    member this.Confidence statements = 1.0 - this.FalseAlarm / float statements

/// Deciding from samples: more particles only where fewer leave it open.
module Sampling =
    /// The most particles of a stage.
    let most effort =
        match effort with
        | Quick -> 1L <<< 17
        | Standard -> 1L <<< 20
        | Full -> 1L <<< 22

    /// The particles of the next stage over those of the last.
    let private growth = 2L

    /// The smallest measured/bound that as many particles find with probability `Budget.power`: such that the lower end would be
    /// above the bound, were the measurement's distance to its lower end as here.
    let smallestFactor falseAlarm (c: Comparison) =
        if c.Measured.Value.HasValue && c.Measured.Confidence < 1.0 && c.Bound > 0.0 then
            let quantile = -Normal.InvCDF(0.0, 1.0, falseAlarm / 2.0)
            let reach = 1.0 + Normal.InvCDF(0.0, 1.0, Budget.power) / quantile
            Some(1.0 + reach * (c.Measured.Value.Value - c.Measured.Lower) / c.Bound)
        else
            None

    /// The same for the conclusion, in words.
    let private factor (stage: Stage) (comparisons: Comparison list) =
        comparisons
        |> List.tryLast
        |> Option.bind (smallestFactor stage.FalseAlarm)
        |> Option.map (fun factor -> $"a value {factor:g4} times the bound")

    /// Measures with `first` particles, then with twice as many while the comparisons are undecided and the effort allows
    /// it; fresh seeds at every stage. `assumes` says what a false alarm's probability rests on besides independent draws, `power`
    /// what a stage would find; without it the last comparison does.
    let decide
        (budget: Budget)
        what
        assumes
        (seed: int64)
        first
        power
        (measure: Stage -> Result<Comparison list, string>)
        =
        let rec stage k particles spent =
            let share = budget.FalseAlarm * Budget.stageShare k

            let current = { Index = k; Particles = particles; Seed = Budget.seed budget seed k; FalseAlarm = share }

            let measured = measure current
            let spent = spent + share

            let isOpen =
                match measured with
                | Error _ -> false
                | Ok comparisons ->
                    comparisons |> List.map (fun c -> Verdict.ofBound c.Measured c.Bound) |> Verdict.all = Inconclusive

            if isOpen && particles * growth <= most budget.Effort then
                stage (k + 1) (particles * growth) spent
            else
                budget.Record
                    {
                        What = what
                        Stages = k
                        Particles = particles
                        Seed = current.Seed
                        FalseAlarm = spent
                        Assumes = assumes
                        Power =
                            match power, measured with
                            | Some describe, _ -> Some(describe current)
                            | None, Ok comparisons -> factor current comparisons
                            | None, Error _ -> None
                    }

                measured

        stage 1 (min first (most budget.Effort)) 0.0

    /// A value for an exponent, by one stage: what is decided is the exponent, from several such values.
    let value (budget: Budget) what assumes (seed: int64) particles (measure: Stage -> Result<Estimate, string>) =
        let only =
            {
                Index = 1
                Particles = particles
                Seed = Budget.seed budget seed 1
                FalseAlarm = budget.FalseAlarm
            }

        budget.Record
            {
                What = what
                Stages = 1
                Particles = particles
                Seed = only.Seed
                FalseAlarm = budget.FalseAlarm
                Assumes = assumes
                Power = None
            }

        measure only

    /// W2 at the end of a trial's run, by particles, against a bound; `logSobolev` is a constant of the inequality for the state's
    /// law and for the target's, which gives the upper end.
    let wassersteinAtEnd (runner: Runner) (trial: Trial) logSobolev what first bound =
        decide runner.Budget what None trial.Subject.Experiment.Seed first None (fun stage ->
            let options =
                RunOptions(Particles = stage.Particles, Seed = stage.Seed, Cancellation = runner.Cancellation)

            Measure.lawBy runner.Sample trial.Subject.Plan options
            |> Result.map (fun law ->
                let measured = (law :?> ParticleLaw).At(stage.Confidence 1).Wasserstein logSobolev
                [ { What = what; Measured = measured; Bound = bound } ]))
