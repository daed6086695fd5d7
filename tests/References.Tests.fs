/// The references that read the words, and everything that runs plans against them.
module Sgm.Tests.ReferencesTests

open System
open Expecto
open FsCheck.FSharp
open Sgm
open Sgm.Verification
open Sgm.Verification.References
open Sgm.Verification.Theorems

let private noFiles file = invalidOp file

let private readings e =
    match Reference.readings noFiles e with
    | Ok found -> found
    | Error reason -> failtest reason

let private still target' law =
    experiment {
        target target'
        forward ve
        start (from law)
        sampler identity
    }

let private near what expected (number: Number) =
    Expect.isLessThanOrEqual
        (abs (number.Value - expected))
        number.Error
        $"{what}: {number.Value:R} against {expected:R}"

    Expect.isLessThan number.Error (1e-3 * (1.0 + abs expected)) $"{what}: the reference's own error"

let private metric name (reading: Reading) = reading.Metrics |> List.find (fst >> (=) name) |> snd

/// What a run by an exact law says otherwise than the reference.
let private disagreements (law: Engine.IInterpreter) data e =
    match Reference.readings data e with
    | Error reason -> failtest reason
    | Ok expected ->
        let outcome = law.Run(Lower.plan data e, Engine.RunOptions())

        if outcome.IsCompleted then
            [
                for c in ExactWords.agreement outcome expected do
                    if Verdict.ofBound c.Measured c.Bound = Violated then
                        $"{law.Backend}, {c.What}: {c.Measured.Lower:R} above {c.Bound:R}"
            ]
        else
            []

let private agrees law e = Expect.isEmpty (disagreements law noFiles e) (Print.experiment e)

let private sample count seed generator = Gen.sampleWithSeed (FsCheck.Rnd(uint64 seed)) 30 count generator

/// Random words of which a closed form knows all.
let private closedForms =
    testList
        "random words in closed form"
        [
            for seed in 1..6 do
                testCase $"sixty experiments, {seed}"
                <| fun () ->
                    let law = Engine.GaussianInterpreter()

                    let covered =
                        sample 60 seed Generators.experiment
                        |> Seq.filter (fun e ->
                            Reference.covers e |> Result.isOk && isNull (law.WhyNot(Lower.plan noFiles e)))
                        |> Array.ofSeq

                    Array.iter (agrees law) covered
                    Expect.isGreaterThan covered.Length 8 "experiments that both run"
        ]

/// Target, score and start with correlations of their own: no eigenbasis is common to two of them.
let private correlated =
    testList
        "random correlations"
        [
            for d in 2..5 do
                testCase $"twelve triples in {d} dimensions"
                <| fun () ->
                    let laws =
                        sample 200 (300 + d) (Generators.gaussianTarget d)
                        |> Array.filter _.IsNormalCov
                        |> Array.truncate 36
                        |> Array.chunkBySize 3

                    Expect.equal laws.Length 12 "triples"

                    for i, triple in Array.indexed laws do
                        let e =
                            experiment {
                                target triple[0]
                                forward (if i % 2 = 0 then vp else ve)
                                score (scoreOf triple[1] |> shifted 0.4)
                                start (from triple[2])

                                sampler (
                                    anneal (uniform 1.0 0.3 2) (probe "above" >=> predictor ancestral)
                                    >=> corrector (langevin 0.05)
                                )

                                measure [ kl; w2 ]
                            }

                        agrees (Engine.GaussianInterpreter()) e
        ]

/// Short runs on a line and on products of lines: every word that the grid knows, in places drawn by chance.
let private lineWords seed =
    let random = Random(seed: int)
    let between low high = low + (high - low) * random.NextDouble()
    let pick (values: _ list) = values[random.Next values.Length]
    let share = between 0.1 0.9
    let bell () = normal [ between -2.0 2.0 ] (between 0.3 1.0)
    let two () = mixture [ share, bell (); 1.0 - share, bell () ]
    let isProduct = seed % 3 = 0
    let others = pick [ [ 1, bell () ]; [ 2, two () ]; [ 1, bell (); 1, two () ] ]
    let law () = if isProduct then product (others @ [ 1, two () ]) else two ()
    let d = if isProduct then 1 + List.sumBy fst others else 1
    let onVp = random.Next 2 = 0
    let n = random.Next(1, 4)

    let schedule =
        pick [ uniform 1.5 0.2 n; geometric 1.6 0.3 n; karras (pick [ 2.0; 5.0 ]) 1.4 0.25 n; levels [ 1.3; 0.9; 0.4 ] ]

    let correct () = corrector (pick [ langevin (between 0.02 0.1); langevinScaled (between 0.1 0.4) ])
    let predict = predictor (pick [ eulerMaruyama; exponential; ancestral; flow; flowHeun ])

    let body =
        pick
            [
                probe "above" >=> predict >=> probe "below" >=> correct ()
                correct () >=> probe "above" >=> predict >=> repeat 2 (correct ())
                probe "at" >=> correct ()
            ]

    let modify =
        pick
            [
                id
                shifted (between -1.0 1.0)
                scaled (between 0.7 1.3)
                rippled (between 0.2 1.0) (between 0.5 2.0)
                (if isProduct then shifted 0.7 >> scaled 1.2 else clipped (between 1.0 2.5))
                scaled 1.3 >> shifted 0.8
            ]

    let last = pick [ identity; correct (); repeat 3 (correct ()) ]

    experiment {
        target (law ())
        forward (if onVp then vp else ve)
        score (modify (pick [ exact; exact; scoreOf (law ()) ]))
        start (pick [ prior; warm; from (law ()); point [ for _ in 1..d -> between -1.0 1.0 ] ])
        sampler (anneal schedule body >=> probe "after" >=> last)
    }

let private quadrature =
    testList
        "random words by quadrature"
        [
            for seed in 1..24 do
                testCase $"words {seed}"
                <| fun () ->
                    let e = lineWords seed

                    let law: Engine.IInterpreter =
                        if seed % 3 = 0 then Engine.ProductInterpreter() else Engine.GridInterpreter()
                    // A product's coordinates may also be carried alone.
                    Expect.isNull (law.WhyNot(Lower.plan noFiles e)) (Print.experiment e)
                    agrees law e
        ]

let private files =
    let data _ = [| [| 1.0; 10.0 |]; [| 2.0; 14.0 |]; [| 4.0; 9.0 |]; [| 5.0; 13.0 |] |]

    let line (file: string) = data file |> Array.map (fun row -> [| row[1] |])

    testList
        "data sets"
        [
            for name, law in
                [
                    "as they are", samples "rows.csv" 0.8
                    "brought to mean 0 and variance 1", standardized (samples "rows.csv" 0.5)
                ] do
                testCase name
                <| fun () ->
                    let e =
                        experiment {
                            target law
                            forward ve
                            start warm
                            sampler (anneal (levels [ 1.5; 1.0 ]) (predictor exponential))
                        }

                    Expect.isEmpty (disagreements (Engine.GridInterpreter()) line e) name
        ]

/// What a probe of the engine's particles has other than the twin's.
let private strangers data falseAlarm count e =
    let options = Engine.RunOptions(Particles = 16384L, Seed = 5UL)
    let outcome = Engine.Ensemble().Run(Lower.plan data e, options)

    match Twin.run data e count 7 with
    | Error reason -> failtest reason
    | Ok twin when outcome.IsCompleted ->
        Expect.equal [ for p in outcome.Probes -> p.Name ] (List.map fst twin) "the probes"

        [
            for probe, (name, particles) in Seq.zip outcome.Probes twin do
                let store = (probe.Law :?> Engine.ParticleLaw).Particles
                let ours = Array.init store.Dimension store.Coordinate

                // A point that has met no noise is one value, to rounding.
                if Array.min particles[0] < Array.max particles[0] then
                    let share = falseAlarm / float (ParticleWords.statements store.Dimension * twin.Length)
                    let projection, distance = ParticleWords.furthest ours particles

                    if distance > Twin.allowed share 16384L (int64 count) then
                        $"{projection} at '{name}': {distance:g3} apart"
        ]
    | Ok _ -> []

let private particles =
    testList
        "random words by particles"
        [
            for seed in 1..5 do
                testCase $"eight experiments, {seed}"
                <| fun () ->
                    let short (e: Experiment) = Course.steps e.Sampler <= 12.0 && Twin.covers e |> Result.isOk

                    let chosen =
                        sample 40 (100 + seed) Generators.experiment
                        |> Seq.filter short
                        |> Seq.truncate 8
                        |> Array.ofSeq

                    Expect.equal chosen.Length 8 "experiments"

                    for e in chosen do
                        Expect.isEmpty (strangers noFiles 1e-9 2048 e) (Print.experiment e)

            testCase "a step of the user's own has no second reading, by laws or by particles"
            <| fun () ->
                let own step =
                    experiment {
                        target (normal [ 1.0 ] 0.5)
                        forward ve
                        sampler (anneal (levels [ 2.0; 1.0 ]) (predictor step))
                    }

                let custom' = own (custom "flow" [] [ "z + (rho' / rho - 1) * (z - denoise rho z)" ])
                Expect.isError (Reference.covers custom') "laws"
                Expect.isError (Twin.covers custom') "particles"
                Expect.isOk (Reference.covers (own flow)) "the catalogue's, by laws"
                Expect.isOk (Twin.covers (own flow)) "and by particles"

            testCase "starts of mixtures at a level, in every form that a covariance has"
            <| fun () ->
                let forms =
                    [
                        normal [ 3.0; 1.0 ] 0.5, normal [ -2.0; 2.0 ] 0.5
                        normal [ 3.0; 1.0 ] 0.5, normalDiag [ -2.0; 2.0 ] [ 0.3; 2.0 ]
                        normalCov [ 3.0; 1.0 ] [ [ 1.0; 0.7 ]; [ 0.7; 0.6 ] ],
                        normalCov [ -2.0; 2.0 ] [ [ 0.4; -0.3 ]; [ -0.3; 0.9 ] ]
                    ]

                for a, b in forms do
                    for law in [ mixture [ 0.2, a; 0.8, b ]; product [ 1, mixture [ 0.2, a; 0.8, b ]; 1, b ] ] do
                        for process', schedule in [ vp, uniform 1.0 0.5 1; ve, uniform 2.0 1.0 1 ] do
                            let e =
                                experiment {
                                    target law
                                    forward process'
                                    start warm
                                    sampler (anneal schedule (probe "start"))
                                }

                            Expect.isEmpty (strangers noFiles 1e-9 4096 e) (Print.experiment e)

            testCase "two laws that differ are told apart"
            <| fun () ->
                let e = still (standard 2) (mixture [ 0.3, normal [ 2.0; 0.0 ] 1.0; 0.7, normal [ 0.0; 0.0 ] 1.0 ])

                let other =
                    { e with
                        Start = from (mixture [ 0.7, normal [ 2.0; 0.0 ] 1.0; 0.3, normal [ 0.0; 0.0 ] 1.0 ])
                    }

                match Twin.run noFiles e 4096 1, Twin.run noFiles other 4096 2 with
                | Ok [ _, a ], Ok [ _, b ] ->
                    Expect.isGreaterThan
                        (snd (ParticleWords.furthest a b))
                        (Twin.allowed 1e-9 4096L 4096L)
                        "reversed weights"
                | _ -> failtest "one probe each"
        ]

/// Plans that are not those of the words must be seen by the standing checks: what an edit of the source would do.
let private standing =
    testList
        "standing checks"
        [
            testCase "both hold"
            <| fun () ->
                for theorem in [ ExactWords.exactWords; ParticleWords.particleWords ] do
                    for check in (Study.run Planted.healthy Quick [ theorem ]).Checks do
                        Expect.equal check.Verdict Holds $"{theorem.Id}: {check.Reason}"
        ]

let tests = testList "References" [ closedForms; correlated; quadrature; files; particles; standing ]
