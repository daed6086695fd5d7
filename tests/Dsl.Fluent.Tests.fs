module Sgm.Tests.DslFluentTests

open System
open System.Reflection
open Expecto
open Sgm
open Sgm.Fluent

let private written =
    experiment {
        target (mixture [ 0.5, normal [ -2.0 ] 0.25; 0.5, normalDiag [ 2.0 ] [ 0.5 ] ])
        forward ve
        score (exact |> shifted 0.05 |> clipped 9.0)
        start (point [ 1.0 ])

        sampler (
            anneal
                (geometric 10.0 0.1 20)
                (corrector (langevinScaled 0.1) >=> predictor ancestral >=> repeat 2 (corrector (langevin 0.001)))
            >=> probe "low"
        )

        measure [ kl; w2 ]
        particles 1000
        seed 7L
    }

let private chained =
    let body = [| Samplers.LangevinScaled 0.1; Samplers.Ancestral; Samplers.Repeat(2, Samplers.Langevin 0.001) |]

    Experiments
        .Create(
            Targets.Mixture(
                struct (0.5, Targets.Normal([| -2.0 |], 0.25)),
                struct (0.5, Targets.NormalDiag([| 2.0 |], [| 0.5 |]))
            ),
            Forward.Ve,
            Samplers.Anneal(Schedules.Geometric(10.0, 0.1, 20), body).Then(Samplers.Probe "low")
        )
        .WithScore(Scores.Exact.Shifted(0.05).Clipped(9.0))
        .WithStart(Starts.Point 1.0)
        .WithMeasure(Engine.Metric.Kl, Engine.Metric.W2)
        .WithParticles(1000)
        .WithSeed(7L)

/// Types that C# should not have to name.
let rec private foreign (t: Type) =
    if t.IsGenericType then
        let definition = t.GetGenericTypeDefinition()

        definition = typedefof<list<_>>
        || definition = typedefof<option<_>>
        || definition = typedefof<ValueOption<_>>
        || definition = typedefof<int -> int>
        || definition = typedefof<Result<_, _>>
        || definition = typedefof<int * int>
        || Array.exists foreign (t.GetGenericArguments())
    else
        t.HasElementType && foreign (t.GetElementType())

let tests =
    testList
        "Dsl.Fluent"
        [
            testCase "the same experiment as the words make" (fun () -> Expect.equal chained written "value")

            testCase "schedules, forward processes and scores are those of the words" (fun () ->
                // As C# reads `training.ZeroSnr().Leading(1, 50)`; in F# the union's cases have these names.
                let training = ScheduleChanges.ZeroSnr(Schedules.ScaledLinear(0.00085, 0.012, 1000))

                for found, expected in
                    [
                        ScheduleChanges.ToZero(ScheduleChanges.Leading(training, 1, 50)),
                        toZero (leading 1 50 (zeroSnr (scaledLinear 0.00085 0.012 1000)))
                        ScheduleChanges.Trailing(Schedules.Linear(1e-4, 0.02, 100), 7),
                        trailing 7 (linear 1e-4 0.02 100)
                        ScheduleChanges.Linspace(Schedules.Sigmoid(1e-4, 0.02, 100), 7),
                        linspace 7 (sigmoid 1e-4 0.02 100)
                        ScheduleChanges.Shift(Schedules.Cosine 50, 2.0), shift 2.0 (cosine 50)
                        ScheduleChanges.InRatio(Schedules.Polyexponential(2.0, 8.0, 0.1, 5)),
                        inRatio (polyexponential 2.0 8.0 0.1 5)
                        ScheduleChanges.InBetaTime(Schedules.Uniform(1.0, 0.1, 5), 0.1, 20.0),
                        inBetaTime 0.1 20.0 (uniform 1.0 0.1 5)
                        Schedules.LinearBeta(0.1, 20.0, 5), linearBeta 0.1 20.0 5
                    ] do
                    Expect.equal found expected "schedule"

                Expect.equal
                    (Forwards.LevelsOf(struct (0.5, 1.0), struct (1.0, 0.1)))
                    (levelsOf [ 0.5, 1.0; 1.0, 0.1 ])
                    "levels"

                let other = Scores.Of(Targets.Standard 1)

                Expect.equal
                    (Scores.Guided(2.0, Scores.Exact, other))
                    (guided 2.0 exact (scoreOf (standard 1)))
                    "guided"

                let blended = Scores.Blend(struct (0.5, Scores.Exact), struct (0.5, other)).Temperature 2.0
                Expect.equal blended (blend [ 0.5, exact; 0.5, scoreOf (standard 1) ] |> temperature 2.0) "blend")

            testCase "checks, texts and messages" (fun () ->
                let valid = chained.Check "."
                Expect.isTrue valid.IsValid (String.Join("\n", valid.Errors))
                Expect.equal valid.Text (Print.experiment written) "text"
                Expect.equal (chained.ToText()) valid.Text "text"
                Expect.equal valid.Plan.StepCount 80L "plan"
                Expect.equal (Experiments.CheckText(valid.Text, ".")).Fingerprint valid.Fingerprint "fingerprint"

                let wrong = chained.WithParticles(0).Check "."
                Expect.isFalse wrong.IsValid "valid"
                Expect.isNull wrong.Text "text"
                Expect.isTrue (isNull (box wrong.Plan)) "plan"
                Expect.hasLength wrong.Errors 1 "errors")

            testCase "runs, certifies and holds claims against families" (fun () ->
                let langevin h d =
                    Experiments
                        .Create(Targets.Standard d, Forward.Vp, Samplers.Repeat(4000, Samplers.Langevin h))
                        .WithStart(Starts.Point [| for _ in 1..d -> 0.0 |])

                // The variance of this chain is 1/(1 − h/2), and W2 the difference of standard deviations.
                let w2 = (langevin 0.1 1).Check(".").Run().Probes[0].Law.Measure Engine.Metric.W2
                let expected = sqrt (1.0 / 0.95) - 1.0
                Expect.isLessThanOrEqual (abs (w2.Value.Value - expected)) 1e-12 "W2"

                let certified = (langevin 0.1 1).Check(".").Certify()
                Expect.hasLength certified 1 "one probe"
                Expect.isGreaterThanOrEqual certified[0].W2.Value expected "a bound"

                Expect.throwsT<InvalidOperationException>
                    (fun () -> (langevin 0.1 0).Check(".").Run() |> ignore)
                    "no such dimension"

                let family = Claims.Over((fun at -> langevin at["h"] 1), struct ("h", [| 0.2; 0.1; 0.05; 0.025 |]))

                let bound factor =
                    Func<Collections.Generic.IReadOnlyDictionary<string, float>, float>(fun at -> factor * at["h"])
                // √(1/(1 − h/2)) − 1 is between h/4 and 0.28h for these h.
                let holds = family.AtMost("bias", Engine.Metric.W2, bound 0.28)
                let rate = family.Rate("order", Engine.Metric.W2, "h", 1.0)
                Expect.isNull (Claims.Objection(holds, rate)) "both hold"
                let objection = Claims.Objection(family.AtMost("half", Engine.Metric.W2, bound 0.125))
                Expect.stringContains objection "violated" "half of the bound")

            testCase "no curried functions, options, tuples or F# lists in any signature" (fun () ->
                let flags =
                    BindingFlags.Public ||| BindingFlags.Static ||| BindingFlags.Instance ||| BindingFlags.DeclaredOnly

                let types =
                    [| typeof<CheckResult>; typeof<Runs> |]
                    |> Array.collect _.Assembly.GetExportedTypes()
                    |> Array.filter (fun t -> t.Namespace = "Sgm.Fluent")

                Expect.isGreaterThan types.Length 5 "types"

                for t in types do
                    for method in t.GetMethods flags do
                        let all =
                            Array.append [| method.ReturnType |] (method.GetParameters() |> Array.map _.ParameterType)

                        Expect.isFalse (Array.exists foreign all) $"{t.Name}.{method.Name}")
        ]
