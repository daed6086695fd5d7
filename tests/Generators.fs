/// Random valid values of the language, for properties.
module Sgm.Tests.Generators

open FsCheck
open FsCheck.FSharp
open Sgm

/// Round numbers mostly, and numbers with all 53 bits.
let private scaled low high : Gen<float> =
    gen {
        let! share = Gen.choose (0, 1000)
        let! noise = Gen.choose (0, 1_000_000_000)
        let! round = Gen.elements [ true; true; false ]
        let share = if round then float share / 1000.0 else float noise / 1e9
        return low + (high - low) * share
    }

/// A number in [-5, 5].
let number = scaled -5.0 5.0

/// A number in (0, 4], over several powers of ten.
let positive: Gen<float> =
    gen {
        let! x = scaled 0.05 4.0
        let! power = Gen.elements [ 1.0; 1.0; 1.0; 1e-1; 1e-3; 1e-12 ]
        return x * power
    }

let private variance = scaled 0.05 4.0

let vector dimension (entry: Gen<float>) : Gen<float list> =
    gen {
        let! constant = Gen.elements [ true; false; false ]
        let! same = entry

        if constant then
            return List.replicate dimension same
        else
            return! Gen.listOfLength dimension entry
    }

/// A matrix R·Rᵀ + 0.2·I, symmetric to the bit.
let private covariance dimension : Gen<float list list> =
    gen {
        let! entries = Gen.arrayOfLength (dimension * dimension) (scaled -1.0 1.0)

        let dot i j = Seq.sum (Seq.init dimension (fun k -> entries[i * dimension + k] * entries[j * dimension + k]))

        return
            List.init dimension (fun i ->
                List.init dimension (fun j -> dot (min i j) (max i j) + (if i = j then 0.2 else 0.0)))
    }

/// A normal law in this dimension.
let gaussianTarget dimension : Gen<Target> =
    Gen.oneof
        [
            Gen.map2 normal (vector dimension number) variance
            Gen.map2 normalDiag (vector dimension number) (vector dimension variance)
            Gen.map2 normalCov (vector dimension number) (covariance dimension)
            Gen.constant (standard dimension)
        ]

let private mixtureTarget dimension : Gen<Target> =
    gen {
        let! count = Gen.choose (1, 4)
        let! shares = Gen.listOfLength count (Gen.choose (1, 9))
        let! laws = Gen.listOfLength count (gaussianTarget dimension)
        let total = float (List.sum shares)
        return mixture (List.zip (shares |> List.map (fun share -> float share / total)) laws)
    }

/// A law without data files in this dimension: normal, mixture or product.
let rec target dimension : Gen<Target> =
    let blocks =
        gen {
            let! first = Gen.choose (1, max 1 (dimension - 1))
            let! copies = Gen.choose (1, 3)
            let! law = target first

            if copies * first > dimension || dimension = 1 then
                return product [ 1, normal (List.replicate dimension 0.5) 2.0 ]
            elif copies * first = dimension then
                return product [ copies, law ]
            else
                let! rest = target (dimension - copies * first)
                return product [ copies, law; 1, rest ]
        }

    Gen.frequency [ 4, gaussianTarget dimension; 3, mixtureTarget dimension; 2, blocks ]

/// A schedule of at most 6 transitions; `toZero` when its last level may be 0.
let schedule toZero : Gen<Schedule> =
    let toZero' = Sgm.ScheduleSyntax.toZero

    gen {
        let! n = Gen.choose (1, 6)
        let! top = scaled 1.0 5.0
        let! low = scaled 0.05 0.5
        let! zero = Gen.elements [ toZero; false ]
        let last = if zero then 0.0 else low

        let! rho = Gen.elements [ 1.0; 3.0; 7.0; 2.5 ]
        let! gaps = Gen.listOfLength n (scaled 0.05 1.0)

        let! training =
            Gen.elements [ linear 1e-4 0.02 100; scaledLinear 0.00085 0.012 60; sigmoid 0.001 0.05 40; cosine 30 ]

        let! training = Gen.elements [ training; zeroSnr training ]
        let! offset = Gen.choose (0, 2)
        let! spacing = Gen.elements [ leading offset; trailing; linspace ]
        // The last level of zeroSnr is pure noise, from which there is no step.
        let visited k =
            if
                (match training with
                 | ZeroSnr _ -> true
                 | _ -> false)
            then
                leading offset k training
            else
                spacing k training

        return!
            Gen.elements
                [
                    uniform top last n
                    geometric top low n
                    karras rho top last n
                    levels (List.scan (+) last gaps |> List.rev)
                    polyexponential rho top low n
                    (if zero then visited n |> toZero' else visited (n + 1))
                    karras rho top last n |> inRatio
                    inBetaTime 0.1 8.0 (uniform 1.0 (if zero then 0.0 else 0.1) n)
                    shift 3.0 (uniform (top / 2.0) last n)
                    (if zero then geometric top low n |> toZero' else geometric top low n)
                ]
    }

let private correctorStep: Gen<Pipeline> =
    let kinetic method =
        Gen.map2 (fun gamma h -> corrector (method gamma h)) (Gen.elements [ 0.5; 3.0 ]) (scaled 0.01 0.2)

    Gen.frequency
        [
            5, Gen.map (langevin >> corrector) (scaled 0.001 0.05)
            5, Gen.map (langevinScaled >> corrector) (scaled 0.001 0.05)
            2, Gen.map (ald >> corrector) (scaled 0.01 0.2)
            1, Gen.map (langevinSnr >> corrector) (scaled 0.01 0.2)
            2, kinetic obabo
            1, Gen.map (repeat 2) (kinetic obabo)
            2, kinetic baoab
            1, Gen.map (randomizedMidpoint >> corrector) (scaled 0.001 0.05)
        ]

let private share: Gen<float> = Gen.elements [ 0.0; 0.3; 1.0 ]

/// Every predictor of the catalogue, and one of a user's.
let predictorMethod: Gen<PredictorMethod> =
    Gen.oneof
        [
            Gen.elements [ for entry in Methods.predictors -> entry.Method ]
            Gen.map ancestralEta share
            Gen.map dpm2Ancestral share
            Gen.map dpmpp2sAncestral share
            Gen.map dpmppSde share
            Gen.map dpmpp2mSde share
            Gen.map dpmpp3mSde share
            Gen.map lms (Gen.choose (1, 4))
            Gen.map ipndm (Gen.choose (1, 4))
            Gen.map deis (Gen.choose (1, 4))
            Gen.map unipc (Gen.choose (1, 3))
            Gen.map2 churn (Gen.elements [ 0.0; 0.4; 5.0 ]) (Gen.elements [ flow; flowHeun; dpm2; dpmpp2s ])
            Gen.map
                (fun k ->
                    custom "own \"flow\"" [ "k", k ] [ "d = denoise rho z"; "z + k * (rho' / rho - 1) * (z - d)" ])
                (scaled 0.5 1.0)
        ]

/// Correctors in sequences and repeats, nested `depth` deep.
let rec private correctors depth : Gen<Pipeline> =
    if depth = 0 then
        correctorStep
    else
        Gen.frequency
            [
                3, correctorStep
                1, Gen.constant identity
                2, Gen.map2 repeat (Gen.choose (0, 3)) (correctors (depth - 1))
                2, Gen.map2 (>=>) (correctors (depth - 1)) (correctors (depth - 1))
            ]

/// What may stand in an anneal: correctors, with at most one predictor, which may be inside `repeat 1`.
let body: Gen<Pipeline> =
    gen {
        let! before = correctors 1
        let! after = correctors 1
        let! method = predictorMethod
        let step = predictor method

        return!
            Gen.elements
                [
                    before
                    step
                    before >=> step
                    step >=> after
                    before >=> step >=> after
                    before >=> repeat 1 step >=> repeat 2 after
                ]
    }

let private annealed toZero : Gen<Pipeline> = Gen.map2 anneal (schedule toZero) body

/// A valid sampler without probes.
let rec private sampler toZero depth : Gen<Pipeline> =
    if depth = 0 then
        Gen.frequency [ 2, annealed toZero; 1, correctors 1 ]
    else
        let inner = sampler toZero (depth - 1)

        Gen.frequency
            [
                3, annealed toZero
                1, correctors 2
                1, Gen.constant identity
                2, Gen.map2 repeat (Gen.choose (0, 3)) inner
                3, Gen.map2 (>=>) inner inner
            ]

/// A valid sampler without probes; it may anneal several times.
let pipeline: Gen<Pipeline> = sampler true 2

/// The same with probes of different names before, between and after.
let probed (unprobed: Gen<Pipeline>) : Gen<Pipeline> =
    gen {
        let! first = unprobed
        let! second = unprobed
        let! odd = Gen.elements [ "x"; "level 1"; "quote \" and \\"; "új\nsor"; "𝛔²"; "\u2028\uFEFF" ]

        return!
            Gen.elements
                [
                    first
                    first >=> probe odd
                    probe "before" >=> first >=> probe odd >=> second
                    repeat 2 (first >=> probe odd) >=> probe "after"
                ]
    }

let private modifier clips : Gen<Score -> Score> =
    Gen.oneof
        [
            Gen.map shifted number
            Gen.map Sgm.ScoreSyntax.scaled (scaled 0.5 1.5)
            Gen.map temperature (scaled 0.7 1.5)
            Gen.map2 rippled number positive
            (if clips then Gen.map clipped (scaled 0.5 9.0) else Gen.map shifted positive)
        ]

/// A score for a target of this dimension.
let score clips dimension : Gen<Score> =
    gen {
        let! other = target dimension
        let! first = Gen.frequency [ 4, Gen.constant exact; 1, Gen.constant (scoreOf other) ]

        let changed =
            gen {
                let! count = Gen.choose (0, 3)
                let! modifiers = Gen.listOfLength count (modifier clips)
                return List.fold (fun score modify -> modify score) first modifiers
            }

        let! one = changed
        let! two = changed
        let! weight = scaled -1.0 2.0

        let! blended =
            Gen.frequency [ 5, Gen.constant one; 1, Gen.constant (blend [ weight, one; 0.7, two; 0.3, exact ]) ]

        let! last = modifier clips
        return! Gen.elements [ blended; last blended ]
    }

let private start annealing dimension : Gen<Start> =
    Gen.oneof
        [
            Gen.constant warm
            Gen.map from (target dimension)
            Gen.map point (vector dimension number)
            Gen.constant (if annealing then prior else warm)
        ]

/// A valid experiment in at most 7 dimensions, with probes; the sampler is in normal form.
let experiment: Gen<Experiment> =
    gen {
        let! dimension = Gen.choose (1, 7)
        let! law = target dimension
        let! clips = Gen.elements [ true; false; false ]
        let! sampler = probed (if clips then annealed false else pipeline)
        // A clipped score needs noise, which there is none of before the first anneal; `repeat 0` may leave none.
        let annealing = (Pipeline.firstSchedule sampler).IsSome
        let! score = score (clips && annealing) dimension
        let! start = start annealing dimension
        let! forward = Gen.elements [ vp; ve ]
        let! metrics = Gen.subListOf [ tv; kl; chi2; w2 ]
        let! particles = Gen.choose (1, 1_000_000)
        let! seed = Gen.elements [ 0L; 1L; 2147483647L; 2147483648L; 9223372036854775807L ]

        return
            {
                Target = law
                Forward = forward
                Score = score
                Start = start
                Sampler = sampler
                Measure = metrics
                Particles = particles
                Seed = seed
                Discrete = None
            }
    }

/// A property of every value that a generator makes.
let forAll (generator: Gen<'value>) (property: 'value -> unit) = Prop.forAll (Arb.fromGen generator) property
