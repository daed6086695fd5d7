namespace Sgm.Verification

/// How much a verifier may spend.
type Effort =
    | Quick
    | Standard
    | Full

/// What one sampled statement cost, for the report.
type Spending =
    {
        /// What was decided from samples.
        What: string
        /// Stages of escalation that ran.
        Stages: int
        /// Particles of the last stage.
        Particles: int64
        /// Seed of the last stage.
        Seed: uint64
        /// The probability of a false alarm that this took from the budget: Σ over the stages that ran.
        FalseAlarm: float
        /// What the probability of a false alarm rests on besides independent draws; none where it is a theorem for every law.
        Assumes: string option
        /// What would be found with probability `Budget.power`, in words; none where it is not known.
        Power: string option
    }

/// What may be spent at one place: a share of the probability that a healthy run raises a false alarm.
///
/// The rule: a run has `Budget.ofRun`; every check has an equal share of it, every cell an equal share of its check's, every stage
/// k = 1, 2, … of a cell's escalation the share 6/(π²k²), whose sum over all k is 1, and every statement of a stage an equal
/// share of that. By the union bound a run whose samplers and theorems are right reports a violation with at most the run's
/// probability, whatever depends on what. What an exact check does not spend is not handed on.
type Budget =
    {
        FalseAlarm: float
        Effort: Effort
        /// Moves every seed: another offset repeats the whole run with fresh randomness.
        SeedOffset: uint64
        /// Told of everything that is spent.
        Record: Spending -> unit
    }

    /// An equal share for each of several.
    member this.Among count = { this with FalseAlarm = this.FalseAlarm / float (max 1 count) }

/// The rule of spending.
module Budget =
    /// The probability that a whole healthy run reports a violation that is none.
    let ofRun = 1e-6

    /// The probability with which an effect of the size that the report states is found.
    let power = 0.9

    /// Whether some of what was decided rests on more than independent draws.
    let assumes (spent: Spending list) = spent |> List.exists (fun one -> one.Assumes.IsSome)

    let create falseAlarm effort = { FalseAlarm = falseAlarm; Effort = effort; SeedOffset = 0UL; Record = ignore }

    /// The share of stage k ≥ 1: 6/(π²k²).
    let stageShare (k: int) = 6.0 / (System.Math.PI * System.Math.PI * float k * float k)

    /// The seed of stage k for an experiment's own seed; below 2⁶³, as the language has it.
    let seed (budget: Budget) (own: int64) (k: int) =
        (uint64 own + 0x9E3779B97F4A7C15UL * budget.SeedOffset + 0xD1B54A32D192ED03UL * uint64 (k - 1))
        &&& 0x7FFFFFFFFFFFFFFFUL
