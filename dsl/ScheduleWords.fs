namespace Sgm

open Sgm.Word

/// The words for forward processes and schedules.
module internal ScheduleWords =
    let private n = "n", Kind.whole

    let forwards =
        [
            word0 "vp" Kind.forward vp "vp" "Ornstein–Uhlenbeck: m = e^(−t), σ² = 1 − e^(−2t); the level parameter is t"
            word0 "ve" Kind.forward ve "ve" "additive noise: m = 1; the level parameter is σ"
            word0
                "subVp"
                Kind.forward
                subVp
                "subVp"
                "the sub-VP process of score_sde: m = e^(−t), σ = 1 − e^(−2t); the level parameter is t"
            word0
                "rectified"
                Kind.forward
                rectified
                "rectified"
                "rectified flow (flow matching): m = 1 − t, σ = t; the level parameter is t < 1"
            word1
                "levelsOf"
                ("", Kind.many "level" (Kind.pair ("mean", Kind.number) ("sigma", Kind.number)))
                Kind.forward
                levelsOf
                "levelsOf [ 0.1, 1.0; 0.7, 0.5; 1.0, 0.1 ]"
                "these levels m, σ, the noisiest first; the level parameter is how many come after it"
        ]

    let private a = "a", Kind.number
    let private b = "b", Kind.number

    let schedules =
        [
            word3 "uniform" a b n Kind.schedule uniform "uniform 2.0 0.0 100" "τ_i = a + (b − a)·i/n"
            word3 "geometric" a b n Kind.schedule geometric "geometric 10.0 0.1 20" "τ_i = a·(b/a)^(i/n)"
            word4
                "karras"
                ("rho", Kind.number)
                a
                b
                n
                Kind.schedule
                karras
                "karras 7.0 80.0 0.002 18"
                "τ_i = (a^(1/ρ) + (i/n)(b^(1/ρ) − a^(1/ρ)))^ρ"
            word4
                "polyexponential"
                ("rho", Kind.number)
                a
                b
                n
                Kind.schedule
                polyexponential
                "polyexponential 1.0 80.0 0.002 17"
                "τ_i = b·(a/b)^((1 − i/n)^ρ)"
            word1
                "levels"
                ("", Kind.many "level" Kind.number)
                Kind.schedule
                levels
                "levels [ 10.0; 3.0; 1.0; 0.0 ]"
                "the level parameters themselves"
        ]

    let private first = "first", Kind.number
    let private last = "last", Kind.number
    let private k = "k", Kind.whole
    let private inner = "", Kind.schedule

    let training =
        [
            word3
                "linear"
                first
                last
                n
                Kind.schedule
                linear
                "linear 0.0001 0.02 1000"
                "n levels of training with β from first to last in equal steps (DDPM; diffusers \"linear\")"
            word3
                "scaledLinear"
                first
                last
                n
                Kind.schedule
                scaledLinear
                "scaledLinear 0.00085 0.012 1000"
                "the same with equal steps in √β (Stable Diffusion; diffusers \"scaled_linear\")"
            word3
                "sigmoid"
                first
                last
                n
                Kind.schedule
                sigmoid
                "sigmoid 0.0001 0.02 1000"
                "the same along the logistic function from −6 to 6 (GeoDiff; diffusers \"sigmoid\")"
            word1
                "cosine"
                n
                Kind.schedule
                cosine
                "cosine 1000"
                "the same with ᾱ = f(k/n)/f(0), f(u) = cos²(π/2·(u + s)/(1 + s)), s = 0.008, and β at most 0.999 (Nichol & Dhariwal 2021)"
            word1
                "zeroSnr"
                inner
                Kind.schedule
                zeroSnr
                "scaledLinear 0.00085 0.012 1000 |> zeroSnr |> leading 1 50"
                "levels of training, √ᾱ moved and scaled so that the last is 0 and the first stays (Lin et al. 2024)"
            word3
                "leading"
                ("offset", Kind.whole)
                k
                inner
                Kind.schedule
                leading
                "scaledLinear 0.00085 0.012 1000 |> leading 1 50"
                "k of N levels of training: those of index i·(N div k) + offset (diffusers \"leading\" with its steps_offset)"
            word2
                "trailing"
                k
                inner
                Kind.schedule
                trailing
                "linear 0.0001 0.02 1000 |> trailing 50"
                "k of N levels of training: those of index round(N − i·N/k) − 1 (diffusers \"trailing\")"
            word2
                "linspace"
                k
                inner
                Kind.schedule
                linspace
                "linear 0.0001 0.02 1000 |> linspace 50"
                "k of N levels of training: those of index round(i·(N − 1)/(k − 1)) (diffusers \"linspace\")"
            word1
                "inRatio"
                inner
                Kind.schedule
                inRatio
                "karras 7.0 14.6 0.03 20 |> inRatio"
                "a schedule whose numbers are ρ = σ/m, the σ of k-diffusion and EDM, under any forward process"
            word3
                "inBetaTime"
                first
                last
                inner
                Kind.schedule
                inBetaTime
                "uniform 1.0 0.001 500 |> inBetaTime 0.1 20.0"
                "a schedule whose numbers are times u of the SDE with β(u) = first + (last − first)·u: t = u·first/2 + u²·(last − first)/4"
            word3
                "linearBeta"
                first
                last
                n
                Kind.schedule
                linearBeta
                "linearBeta 0.1 20.0 1000"
                "the VP SDE of score_sde in n equal steps: another name of `uniform 1.0 0.0 n |> inBetaTime first last`"
            word2
                "shift"
                ("s", Kind.number)
                inner
                Kind.schedule
                shift
                "uniform 0.99 0.01 28 |> shift 3.0"
                "ρ = σ/m of every level times s; under rectified t ← s·t/(1 + (s − 1)·t) (Stable Diffusion 3)"
            word1
                "toZero"
                inner
                Kind.schedule
                toZero
                "karras 7.0 80.0 0.002 17 |> toZero"
                "the schedule and then one more level, the data (k-diffusion's append_zero; EDM's schedule of 18 steps)"
        ]
