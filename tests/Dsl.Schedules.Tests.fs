/// Schedules of other programs against numbers that were computed from their formulas in 60 digits (the levels) and as the programs
/// round (the indices), by a script that shares nothing with this code.
module Sgm.Tests.DslSchedulesTests

open Expecto
open FsCheck.FSharp
open Sgm

let private all forward schedule = List.init (Schedule.transitions schedule + 1) (Schedule.parameter forward schedule)

let private near relative (found: float) (expected: float) what =
    Expect.isLessThanOrEqual (abs (found - expected)) (relative * abs expected) $"{what}: {found:R} for {expected:R}"

let private nearAll relative found expected what =
    Expect.hasLength found (List.length expected) what
    List.iteri2 (fun i a b -> near relative a b $"{what} {i}") found expected

/// ρ = √((1 − ᾱ_k)/ᾱ_k) at indices of training.
let private trained =
    [
        linear 0.0001 0.02 1000,
        [
            0, 0.010000500037503125
            1, 0.014830923708982842
            250, 0.95803371466223164
            500, 3.4429671125258228
            998, 155.82519376238213
            999, 157.40728081040743
        ]
        scaledLinear 0.00085 0.012 1000,
        [
            0, 0.029167158151720066
            1, 0.041314411996782915
            250, 0.69579893706165064
            500, 1.6182788260186161
            998, 14.526275689349728
            999, 14.614641229333635
        ]
        sigmoid 0.0001 0.02 1000,
        [
            0, 0.012215869446384623
            1, 0.017293657711038336
            250, 0.32812554274321781
            500, 1.5315805636893283
            998, 157.15179905826338
            999, 158.74336866656475
        ]
        // β_999 is clipped at 0.999.
        cosine 1000,
        [
            0, 0.0064254127711271709
            1, 0.0093504928356045527
            250, 0.42683676407858517
            500, 1.0155505505195115
            998, 641.66234511825644
            999, 20291.169610021509
        ]
        cosine 4, [ 0, 0.42499481500694469; 1, 1.0123895639480043; 2, 2.4354356842037439; 3, 83.248705526830619 ]
        zeroSnr (scaledLinear 0.00085 0.012 1000),
        [
            0, 0.029167158151720066
            1, 0.042067565831886623
            250, 0.72984109036292244
            500, 1.77455747428733
            998, 2254.2379783370557
        ]
    ]

let private levels' =
    testList
        "levels"
        [
            testCase "of training, as ρ under every forward process" (fun () ->
                for schedule, table in trained do
                    let n = Schedule.transitions schedule

                    for forward in [ vp; ve; subVp; rectified ] do
                        let parameter = Schedule.parameter forward schedule

                        for k, rho in table do
                            let level = Forward.level forward (parameter (n - k))
                            // m = 1 − t of the straight line loses digits of ρ near t = 1.
                            let lost = if forward = rectified then 1e-15 * rho else 0.0
                            near (3e-13 + lost) (level.Sigma / level.Mean) rho $"{schedule} under {forward}, {k}")

            testCase "karras and polyexponential with the data behind them are k-diffusion's" (fun () ->
                let karras18 =
                    [
                        80.0
                        57.58598472124816
                        40.785573796507961
                        28.374584604156844
                        19.352452980325229
                        12.91008238075732
                        8.4009353090998165
                        5.3151945217963821
                        3.2568215197655368
                        1.9233398370400518
                        1.088170636545279
                        0.58534812319454221
                        0.29644228447915727
                        0.13951646873101678
                        0.05994731123547159
                        0.022934518372333384
                        0.0075280199627840785
                        0.002
                        0.0
                    ]

                nearAll 1e-12 (karras 7.0 80.0 0.002 17 |> toZero |> all ve) karras18 "karras"
                let straight = [ 80.0; 5.6568542494923761; 0.4; 0.028284271247461905; 0.002 ]
                nearAll 1e-13 (all ve (polyexponential 1.0 80.0 0.002 4)) straight "polyexponential 1"
                nearAll 1e-13 (all ve (geometric 80.0 0.002 4)) straight "k-diffusion's exponential"
                let bent = [ 80.0; 0.77569097899474282; 0.028284271247461905; 0.0038784548949737153; 0.002 ]
                nearAll 1e-13 (all ve (polyexponential 2.0 80.0 0.002 4)) bent "polyexponential 2")

            testCase "the VP SDE of score_sde and k-diffusion's get_sigmas_vp" (fun () ->
                // u, m and σ; ρ.
                let table =
                    [
                        1.0, 0.0065715864949296189, 0.99997840689233863, 152.16697028394637
                        0.5, 0.28118288079675241, 0.95965420206803631, 3.41291830906912
                        0.001, 0.99994502651109762, 0.010485416335094895, 0.010485992786702987
                    ]

                for u, m, sigma, rho in table do
                    let parameter forward = Schedule.parameter forward (levels [ u; 0.0 ] |> inBetaTime 0.1 20.0) 0
                    let level = Forward.level vp (parameter vp)
                    near 1e-13 level.Mean m "m"
                    near 1e-13 level.Sigma sigma "σ"
                    near 1e-13 (parameter ve) rho "ρ"
                    let below = Forward.level subVp (parameter subVp)
                    near 1e-13 below.Mean m "m of sub-VP"
                    near 1e-13 below.Sigma (sigma * sigma) "σ of sub-VP"

                Expect.equal (linearBeta 0.1 20.0 7) (inBetaTime 0.1 20.0 (uniform 1.0 0.0 7)) "another name")

            testCase "shift is Stable Diffusion 3's under rectified" (fun () ->
                let times = [ 0.99; 0.7; 0.25; 0.0 ]
                let expected = times |> List.map (fun t -> 3.0 * t / (1.0 + 2.0 * t))
                nearAll 1e-14 (all rectified (levels times |> shift 3.0)) expected "t"

                for forward in [ vp; ve; subVp; rectified ] do
                    let plain, moved = levels [ 0.9; 0.3 ], levels [ 0.9; 0.3 ] |> shift 3.0

                    for a, b in List.zip (all forward plain) (all forward moved) do
                        near 1e-13 (Forward.ratio forward b) (3.0 * Forward.ratio forward a) $"ρ under {forward}")

            testCase "a ρ is found again under every forward process" (fun () ->
                for forward in [ vp; ve; subVp; rectified ] do
                    for power in -20 .. 8 do
                        let rho = 1.7 * 10.0 ** float power
                        let level = Forward.atRatio forward rho
                        let lost = if forward = rectified then 4e-16 * rho else 0.0
                        near (4e-15 + lost) (level.Sigma / level.Mean) rho $"{forward}"
                        near (4e-15 + lost) (Forward.ratio forward level.Parameter) rho $"{forward}")
        ]

/// The indices of training that a schedule visits.
let private visited training schedule =
    let known = all ve training |> List.rev |> List.mapi (fun k level -> level, k) |> dict
    all ve schedule |> List.map (fun level -> known[level])

let private spacings =
    let thousand = linear 0.0001 0.02 1000

    testList
        "spacings"
        [
            testCase "the indices are those of diffusers" (fun () ->
                let check training schedule expected what = Expect.equal (visited training schedule) expected what
                let thousandth = check thousand
                thousandth (thousand |> leading 0 7) [ 852; 710; 568; 426; 284; 142; 0 ] "leading 7"
                thousandth (thousand |> leading 1 7) [ 853; 711; 569; 427; 285; 143; 1 ] "leading 7 with the offset 1"
                thousandth (thousand |> trailing 7) [ 999; 856; 713; 570; 428; 285; 142 ] "trailing 7"
                thousandth (thousand |> linspace 7) [ 999; 832; 666; 500; 333; 166; 0 ] "linspace 7"

                // Halves go to the even: 937.5 to 938, 812.5 to 812.
                thousandth
                    (thousand |> trailing 16)
                    [ 999; 937; 874; 811; 749; 687; 624; 561; 499; 437; 374; 311; 249; 187; 124; 61 ]
                    "trailing 16"

                thousandth (thousand |> trailing 6) [ 999; 832; 666; 499; 332; 166 ] "trailing 6"
                thousandth (thousand |> linspace 6) [ 999; 799; 599; 400; 200; 0 ] "linspace 6"
                thousandth (thousand |> linspace 1) [ 0 ] "linspace 1"
                thousandth (thousand |> trailing 1) [ 999 ] "trailing 1"
                let fifty = linear 0.0001 0.02 50
                check fifty (fifty |> trailing 8) [ 49; 43; 37; 30; 24; 18; 11; 5 ] "trailing 8 of 50"
                check fifty (fifty |> linspace 8) [ 49; 42; 35; 28; 21; 14; 7; 0 ] "linspace 8 of 50"
                check fifty (fifty |> leading 1 8) [ 43; 37; 31; 25; 19; 13; 7; 1 ] "leading 8 of 50")

            testCase "for every k of a thousand, by sums over places times indices" (fun () ->
                // Where the program's list of trailing indices has one more entry than was asked for, −1 (62 of the k), it is left out.
                let sum spaced =
                    Seq.sum (
                        seq {
                            for k in 1..1000 do
                                for i, index in List.indexed (visited thousand (spaced k thousand)) do
                                    int64 (i + 1) * int64 index
                        }
                    )

                Expect.equal (sum trailing) 55722100764L "trailing"
                Expect.equal (sum linspace) 55666399370L "linspace"
                Expect.equal (sum (leading 0)) 45193435419L "leading")
        ]

let private messagesOf sampler' =
    match
        Check.text
            "a.sgm"
            "."
            $"experiment {{\n    target (standard 1)\n    forward vp\n    sampler (anneal ({sampler'}) identity)\n}}\n"
    with
    | Ok _ -> ""
    | Error problems -> Message.renderAll problems

let private refusals =
    testCase "what is no schedule is refused with the remedy" (fun () ->
        for text, remedy in
            [
                "exponential 80.0 0.002 17", "'geometric a b n'"
                "edm 0.5", "karras 7.0 80.0 0.002 17 |> toZero"
                "karras 7.0 80.0 0.002 17 |> leading 0 4", "expected linear, scaledLinear, sigmoid or cosine"
                "linear 0.1 20.0 1000", "linearBeta 0.1 20.0 n"
                "linear 0.0001 0.02 1000 |> leading 1 1000", "at most 999"
                "linear 0.0001 0.02 1000 |> trailing 1001", "from 1 to 1000 levels"
                "linear 0.0001 0.02 200000", "from 1 to 100000"
                "cosine 1", "at least two levels"
                "cosine 100 |> zeroSnr", "this level has m = 0"
                "cosine 100 |> zeroSnr |> zeroSnr", "expected linear, scaledLinear, sigmoid or cosine"
                "cosine 100 |> inRatio", "expected uniform, geometric, karras, polyexponential or levels"
                "uniform 0.0 1.0 10 |> shift 2.0", "strictly decreasing"
                "uniform 1.0 0.0 10 |> toZero", "strictly decreasing"
                "uniform 1.0 0.0 10 |> shift 0.0", "a factor > 0"
                "geometric 1.0 0.0 10", "toZero"
            ] do
            Expect.stringContains (messagesOf text) remedy text

        Expect.equal
            (messagesOf "cosine 100 |> zeroSnr |> leading 0 20 |> toZero")
            ""
            "leading leaves the last level out")

let private text =
    testList
        "text"
        [
            testProperty
                "a schedule's text reads back to it"
                (Generators.forAll (Generators.schedule true) (fun schedule ->
                    let own =
                        experiment {
                            target (standard 1)
                            forward vp
                            start warm
                            sampler (anneal schedule identity)
                        }

                    match Check.text "a.sgm" "." (Print.experiment own) with
                    | Ok found -> Expect.equal found.Experiment.Sampler own.Sampler "sampler"
                    | Error problems -> failtestf "%s" (Message.renderAll problems)))

            testCase "a hundred thousand levels of training cost a plan nothing to write" (fun () ->
                let own =
                    experiment {
                        target (standard 1)
                        forward vp
                        start warm
                        sampler (anneal (linear 1e-8 1e-5 100000 |> trailing 50000 |> toZero) (predictor ancestral))
                    }

                match Check.plan own with
                | Ok plan -> Expect.equal plan.StepCount 50000L "steps"
                | Error problems -> failtestf "%s" (Message.renderAll problems)

                Expect.isLessThan (Print.experiment own).Length 400 "text")
        ]

let tests = testList "Dsl.Schedules" [ levels'; spacings; refusals; text ]
