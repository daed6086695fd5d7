/// Runs of exact laws against references that read the experiment's words and not its plan.
module Sgm.Verification.Theorems.ExactWords

open System
open System.Collections.Concurrent
open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.References
open Sgm.Verification.Scenarios

/// A scenario's words name no files; an experiment of one's own that does is not covered.
let internal noFiles file = invalidOp $"the references read no files, such as {file}"

/// How wide a bracket may be, or it would contain anything: a share of 1 + the value.
let private narrow = 0.05

/// The smallest distance of a value in one bracket from one in the other.
let private gap (measured: Estimate) (expected: Number) =
    if measured.Lower = infinity && expected.Value = infinity then
        0.0
    else
        max 0.0 (max (measured.Lower - expected.Upper) (expected.Lower - measured.Upper))

let private claim what measured bound =
    {
        What = what
        Measured = Estimate.Exact(measured, measured, measured, "reference")
        Bound = bound
    }

let private nameOf (metric: Metric) = $"{metric}".ToUpperInvariant()

/// Two inequalities that hold together when the brackets of engine and reference meet.
let private met where (metric: Metric, expected: Number, measured: Estimate) =
    let name = nameOf metric

    if not measured.Value.HasValue then
        [ { What = $"{name} {where}"; Measured = measured; Bound = expected.Upper } ]
    elif Double.IsInfinity expected.Value || Double.IsInfinity measured.Upper then
        [ claim $"{name} {where}: from the engine's bracket to the reference's" (gap measured expected) 0.0 ]
    else
        [
            {
                What = $"{name} {where}, which is not below its reference"
                Measured = Estimate.Exact(expected.Value, expected.Lower, expected.Lower, "reference")
                Bound = measured.Upper
            }
            {
                What = $"{name} {where}, which is not above its reference"
                Measured = Estimate.Exact(measured.Value.Value, measured.Lower, measured.Lower, measured.Method)
                Bound = expected.Upper
            }
        ]

/// The wider of both brackets must be narrow.
let private width where (metric: Metric, expected: Number, measured: Estimate) =
    [
        if not (Double.IsInfinity expected.Value || Double.IsInfinity measured.Upper) then
            claim
                $"{nameOf metric} {where}: the wider bracket of engine and reference"
                (max (measured.Upper - measured.Lower) (2.0 * expected.Error))
                (narrow * (1.0 + expected.Value))
    ]

let private ofCoordinate what where (values: float[]) (errors: float[]) (expected: Number[]) =
    Array.zip3 values errors expected
    |> Array.mapi (fun i (value, error, number) ->
        claim
            $"the {what} of coordinate {i + 1} {where}: distance from its reference"
            (abs (value - number.Value))
            (error + number.Error))
    |> List.ofArray

/// A probe, its reference, and the metrics of both, measured once.
let private measured (outcome: Outcome) (readings: Reading list) =
    [
        for probe, reading in Seq.zip outcome.Probes readings ->
            let metrics = reading.Metrics |> List.map (fun (metric, known) -> metric, known, probe.Law.Measure metric)
            probe, reading, metrics
    ]

let private atProbe (probe: ProbeResult, reading: Reading, metrics) =
    let where = $"at '{reading.Name}'"
    let moments = probe.Law.Moments()
    let near (a: float) b = abs (a - b) <= 1e-10 * (1.0 + abs b)

    let same =
        probe.Name = reading.Name && near probe.Level.Mean reading.At.M && near probe.Level.Sigma reading.At.Sigma

    [
        claim
            $"a probe other than '{reading.Name}' at m = {reading.At.M:g4}, σ = {reading.At.Sigma:g4}"
            (if same then 0.0 else 1.0)
            0.0
        yield! ofCoordinate "mean" where moments.Mean moments.MeanError reading.Means
        yield! ofCoordinate "variance" where moments.Variance moments.VarianceError reading.Variances

        yield! List.collect (met where) metrics
    ]

let private agreed (outcome: Outcome) (readings: Reading list) measured =
    claim "probes too few or too many" (float (abs (outcome.Probes.Length - readings.Length))) 0.0
    :: List.collect atProbe measured

/// Every number at every probe of a finished run against its reference: the intervals must meet.
let agreement outcome readings = measured outcome readings |> agreed outcome readings

/// Intervals that say next to nothing would meet anywhere: how wide they are.
let private widths measured =
    measured |> List.collect (fun (_, reading, metrics) -> List.collect (width $"at '{reading.Name}'") metrics)

/// What the references say of experiments, remembered: a bug that is planted in a run changes no words.
let private known = ConcurrentDictionary<Experiment, Lazy<Result<Reading list, string>>>()

let private readings experiment = known.GetOrAdd(experiment, (fun e -> lazy (Reference.readings noFiles e))).Value

/// Every number of an experiment's run against its reference.
let evidence: Evidence =
    fun runner trial ->
        attempt {
            let! readings = readings trial.Subject.Experiment
            let options = RunOptions(Cancellation = runner.Cancellation)
            let! outcome = Measure.outcomeBy runner.Run trial.Subject.Plan options
            let measured = measured outcome readings
            return widths measured @ agreed outcome readings measured
        }

/// Whether there is a reference.
let hasReference =
    Assumption.ofResult
        "a reference reads the words: normal laws with affine scores, or independent coordinates; no files, few steps"
        (fun subject -> Reference.covers subject.Experiment |> Result.map (fun () -> "there is one"))

let private two = mixture [ 0.3, normal [ -1.5 ] 0.3; 0.7, normal [ 1.0 ] 0.6 ]
let private three = mixture [ 0.2, normal [ -2.0 ] 0.4; 0.5, normal [ 0.5 ] 0.3; 0.3, normal [ 2.0 ] 0.5 ]
let private tilted = normalCov [ 1.0; -1.0 ] [ [ 2.0; 0.8 ]; [ 0.8; 0.5 ] ]
let private watched step = probe "above" >=> step >=> probe "below"

/// Every word of the language that an exact law runs is in one of these, in places where another reading of it shows.
let private cases =
    [
        "two modes, looked at before and after every prediction",
        experiment {
            target two
            forward ve
            sampler (anneal (geometric 3.0 0.4 3) (watched (predictor exponential) >=> corrector (langevinScaled 0.2)))
            measure [ tv; kl; w2 ]
        }
        "from the target at the first level, with steps before the anneal and after it",
        experiment {
            target two
            forward vp
            start warm

            sampler (
                corrector (langevin 0.3)
                >=> anneal (karras 3.0 1.2 0.1 3) (repeat 2 (corrector (langevin 0.05)) >=> predictor ancestral)
                >=> probe "annealed"
                >=> repeat 3 (corrector (langevin 0.04))
            )
        }
        "three modes, a score with every modifier, and corrections alone on the way",
        experiment {
            target three
            forward vp
            score (exact |> shifted 0.3 |> scaled 1.2 |> rippled 0.4 2.0 |> clipped 2.2)
            start (from (normal [ 0.5 ] 1.5))

            sampler (
                anneal (uniform 1.5 0.3 3) (predictor eulerMaruyama)
                >=> anneal (levels [ 0.3; 0.2 ]) (corrector (langevinScaled 0.3))
            )
        }
        "the score of another mixture, by Heun's method to the data",
        experiment {
            target two
            forward vp
            score (scoreOf three)
            sampler (anneal (uniform 2.0 0.0 3) (predictor flowHeun >=> probe "on the way"))
            measure [ tv; w2 ]
        }
        "the flow from a mixture, no noise at all",
        experiment {
            target three
            forward ve
            start (from (mixture [ 0.6, normal [ -1.0 ] 4.0; 0.4, normal [ 2.0 ] 9.0 ]))
            sampler (probe "start" >=> anneal (levels [ 2.5; 1.5; 1.0 ]) (predictor flow))
            measure [ tv; w2 ]
        }
        "from a point, annealed three times over",
        experiment {
            target two
            forward ve
            start (point [ 0.7 ])

            sampler (
                repeat 3 (anneal (levels [ 2.0; 1.0 ]) (predictor eulerMaruyama)) >=> corrector (langevinScaled 0.5)
            )

            measure [ tv; kl; w2 ]
        }
        "correlated coordinates, the score of another correlation, from a third one",
        experiment {
            target tilted
            forward vp
            score (scoreOf (normalCov [ 0.5; -1.0 ] [ [ 1.0; -0.3 ]; [ -0.3; 0.8 ] ]) |> shifted 0.5)
            start (from (normalCov [ 0.0; 1.0 ] [ [ 1.5; 0.9 ]; [ 0.9; 1.2 ] ]))
            sampler (anneal (uniform 1.5 0.2 3) (watched (predictor ancestral)) >=> repeat 4 (corrector (langevin 0.1)))
        }
        "correlated blocks beside others, from a point",
        experiment {
            target (product [ 1, tilted; 2, normal [ 0.5 ] 0.7; 1, normalDiag [ 0.0; 2.0 ] [ 0.3; 1.4 ] ])
            forward ve
            score (exact |> scaled 0.9 |> shifted 0.6)
            start (point [ 0.1; -0.4; 1.0; 1.5; -1.0; 0.0 ])
            sampler (anneal (karras 5.0 3.0 0.2 4) (predictor flowHeun >=> corrector (langevinScaled 0.1)))
        }
        "a product of mixtures and a normal law",
        experiment {
            target (product [ 2, two; 1, normal [ 0.5 ] 1.5; 1, three ])
            forward vp
            score (exact |> shifted 0.8 |> rippled 0.6 1.5)

            sampler (
                anneal (geometric 1.5 0.2 4) (predictor exponential) >=> probe "predicted" >=> corrector (langevin 0.1)
            )
        }
        "a product from another one, the coordinates in another order",
        experiment {
            target (product [ 1, normal [ 1.0 ] 0.5; 2, two ])
            forward ve
            score (scoreOf (product [ 2, normal [ 0.5 ] 0.8; 1, two ]))
            start (from (product [ 1, two; 1, normal [ 0.0 ] 3.0; 1, normal [ 2.0 ] 2.0 ]))
            sampler (repeat 2 (probe "again" >=> corrector (langevin 0.2)))
            measure [ tv; kl; w2 ]
        }
        "a prediction that is repeated no times moves nothing",
        experiment {
            target two
            forward ve

            sampler (anneal (levels [ 2.0; 1.0 ]) (repeat 0 (predictor exponential) >=> corrector (langevinScaled 0.2)))

            measure [ tv; kl; w2 ]
        }
        "steps that may be rejected, with a wrong score, before and after others",
        experiment {
            target two
            forward ve
            score (exact |> shifted 0.4 |> scaled 0.8)

            sampler (
                anneal (levels [ 1.5; 0.8 ]) (corrector (mala 0.2) >=> predictor ancestral)
                >=> probe "annealed"
                >=> corrector (mhScores 0.15 3)
                >=> corrector (langevin 0.1)
                >=> corrector (mala 0.3)
            )

            measure [ tv; kl; w2 ]
        }
        "coordinates that differ in their weights alone",
        experiment {
            target (
                product
                    [
                        1, mixture [ 0.5, normal [ -1.0 ] 0.3; 0.5, normal [ 1.0 ] 0.3 ]
                        1, mixture [ 0.9, normal [ -1.0 ] 0.3; 0.1, normal [ 1.0 ] 0.3 ]
                    ]
            )

            forward ve
            sampler (anneal (levels [ 3.0; 1.0 ]) (predictor exponential))
            measure [ kl; w2 ]
        }
        "forty equal coordinates, far tails to one side",
        experiment {
            target (product [ 40, two ])
            forward ve
            start (from (product [ 40, mixture [ 0.35, normal [ -1.5 ] 0.32; 0.65, normal [ 1.0 ] 0.55 ] ]))
            sampler identity
        }
    ]

/// Exact laws against the words.
let exactWords =
    {
        Id = "words-exact"
        Title = "Exact laws give the numbers of the words"
        Statement =
            "Every number of a run (the name and level of a probe, means, variances and divergences) is that of a reference which reads the experiment's words and not "
            + "its plan: levels, schedules, kernels, scores and starts in their textbook form, normal laws in matrices, the line by plain sums on an even grid, products by their rules."
        Source = Papers.closedForms "runs from their words"
        Stance = SelfCheck
        Assumptions = [ hasReference ]
        Metric = Metric.W2
        Evidence = evidence
        Scenarios =
            [
                {
                    Name = "standing cases"
                    Description = cases |> List.mapi (fun i (name, _) -> $"{i}: {name}") |> String.concat "; "
                    Bases = [ setting [ "case", 0.0 ] ]
                    Axes = [ axis "case" "standing case" (fun _ -> List.init cases.Length float) ]
                    Experiment = fun s _ -> snd cases[int (value "case" s)]
                }
            ]
        Rates = []
        Reading =
            "Not a theorem about samplers but a check of this program from both sides: it holds when the brackets of engine and reference meet everywhere."
    }
