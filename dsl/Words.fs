namespace Sgm

open System.Linq
open Sgm.Word

/// Every word of the language, once: elaboration, its messages and the documentation read this table.
module Words =

    let private mean = "mean", Kind.vector
    let private n = "n", Kind.whole
    let private components = Kind.pair ("weight", Kind.number) ("", Kind.law)
    let private blocks = Kind.pair ("copies", Kind.whole) ("", Kind.law)

    let private targets =
        [
            word2
                "normal"
                mean
                ("variance", Kind.number)
                Kind.law
                normal
                "normal [ 0.0; 1.0 ] 0.25"
                "N(mean, variance·I)"
            word2
                "normalDiag"
                mean
                ("variances", Kind.many "entry" Kind.number)
                Kind.law
                normalDiag
                "normalDiag [ 0.0; 1.0 ] [ 0.25; 4.0 ]"
                "N(mean, diag(variances))"
            word2
                "normalCov"
                mean
                ("covariance", Kind.many "row" Kind.vector)
                Kind.law
                normalCov
                "normalCov [ 0.0; 0.0 ] [ [ 1.0; 0.5 ]; [ 0.5; 1.0 ] ]"
                "N(mean, covariance), by rows; symmetric and positive definite"
            word1 "standard" ("dimension", Kind.whole) Kind.law standard "standard 3" "N(0, I)"
            word1
                "mixture"
                ("", Kind.many "component" components)
                Kind.law
                mixture
                "mixture [ 0.5, normal [ -2.0 ] 0.25; 0.5, normal [ 2.0 ] 0.25 ]"
                "Σ weight·T over normal laws T; the weights sum to 1 within 1e-9"
            word1
                "product"
                ("", Kind.many "block" blocks)
                Kind.law
                product
                "product [ 10, normal [ 0.0 ] 1.0; 1, standard 2 ]"
                "independent blocks of coordinates, so many copies of each; the dimension is the sum"
            word2
                "samples"
                ("file", Kind.text)
                ("bandwidth", Kind.number)
                Kind.law
                samples
                "samples \"data.csv\" 0.1"
                "the rows of a CSV file, each convolved with N(0, bandwidth²·I); the path is relative to the file that names it"
            word1
                "standardized"
                ("", Kind.law)
                Kind.law
                standardized
                "standardized (samples \"data.csv\" 0.1)"
                "`samples` after every column was brought to mean 0 and variance 1"
        ]

    let private forwards =
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

    let private scores =
        [
            word0 "exact" Kind.score exact "exact" "the score of the target at the level"
            word1
                "scoreOf"
                ("law", Kind.law)
                Kind.score
                scoreOf
                "scoreOf (normal [ 0.1 ] 1.0)"
                "the exact score of another law of the same dimension, noised to the level"
            word3
                "scoreMatching"
                ("draws", Kind.whole)
                ("features", Kind.whole)
                ("seed", Kind.whole)
                Kind.score
                scoreMatching
                "scoreMatching 2000 64 1"
                "fitted at every level by denoising score matching to that many draws of the target: ridge regression on random Fourier features; needs σ > 0"
            word3
                "kernelDensity"
                ("draws", Kind.whole)
                ("bandwidth", Kind.number)
                ("seed", Kind.whole)
                Kind.score
                kernelDensity
                "kernelDensity 500 0.2 1"
                "the exact score of the mixture of N(X_i, bandwidth²·I) over that many draws X_i of the target"
            word1
                "blend"
                ("parts", Kind.many "part" (Kind.pair ("weight", Kind.number) ("", Kind.score)))
                Kind.score
                blend
                "blend [ 0.5, exact; 0.5, scoreOf (normal [ 0.1 ] 1.0) ]"
                "Σ weight·score, with any weights: composition, negative prompts, autoguidance"
            word3
                "guided"
                ("scale", Kind.number)
                ("conditional", Kind.score)
                ("unconditional", Kind.score)
                Kind.score
                guided
                "guided 2.0 exact (scoreOf (standard 1))"
                "classifier-free guidance: another name of `blend [ scale, conditional; 1 - scale, unconditional ]`; scale is the programs' guidance scale, Ho & Salimans's 1 + w"
            word2
                "onnx"
                ("file", Kind.text)
                ("output", Kind.networkOutput)
                Kind.score
                onnx
                "onnx \"net.onnx\" denoised"
                "the network in an ONNX file, whose inputs are found by name; the path is relative to the file that names it"
            word2
                "shifted"
                ("amount", Kind.number)
                ("", Kind.score)
                Kind.score
                shifted
                "exact |> shifted 0.05"
                "adds the constant vector (a/√d, …, a/√d): L² and sup error |a|"
            |> modifies
            word2
                "scaled"
                ("factor", Kind.number)
                ("", Kind.score)
                Kind.score
                scaled
                "exact |> scaled 1.1"
                "multiplies the score"
            |> modifies
            word2
                "temperature"
                ("k", Kind.number)
                ("", Kind.score)
                Kind.score
                temperature
                "exact |> temperature 0.8"
                "divides the score by k > 0: the score of p_level^(1/k), at every level"
            |> modifies
            word3
                "rippled"
                ("amplitude", Kind.number)
                ("frequency", Kind.number)
                ("", Kind.score)
                Kind.score
                rippled
                "exact |> rippled 0.05 3.0"
                "adds (a/√d)·√2·sin(w·x_i) in coordinate i: sup error ≤ |a|·√2"
            |> modifies
            word2
                "clipped"
                ("radius", Kind.number)
                ("", Kind.score)
                Kind.score
                clipped
                "exact |> clipped 5.0"
                "projects the implied denoiser (x + σ²s)/m onto the ball of this radius; needs σ > 0"
            |> modifies
        ]

    let private outputs =
        [
            word0 "gradient" Kind.networkOutput gradient "gradient" "the network gives ∇ln p itself"
            word0
                "score"
                Kind.networkOutput
                gradient
                "score"
                "another name of `gradient`, in `.sgm` files alone: in F# it is the field"
            word0
                "noise"
                Kind.networkOutput
                noise
                "noise"
                "the network gives E[Z | x], the noise of x = m·X + σ·Z: s = −noise/σ"
            word0
                "denoised"
                Kind.networkOutput
                denoised
                "denoised"
                "the network gives E[X | x]: s = (m·denoised − x)/σ²"
            word0
                "velocity"
                Kind.networkOutput
                velocity
                "velocity"
                "the network gives E[m·Z − σ·X | x], for vp: s = −x − (m/σ)·velocity"
            word1
                "edm"
                ("dataDeviation", Kind.number)
                Kind.networkOutput
                edm
                "edm 0.5"
                "the network is the F of D = c_skip·x + c_out·F(c_in·x) in x/m and ρ = σ/m (Karras et al. 2022), for data of this deviation s: c_skip = s²/(s² + ρ²), c_out = ρs/√(s² + ρ²), c_in = 1/√(s² + ρ²)"
        ]

    let private starts =
        [
            word0
                "prior"
                Kind.start
                prior
                "prior"
                "N(0, I) for vp and subVp, else N(0, σ₀²·I), at the first level; needs an anneal"
            word0 "warm" Kind.start warm "warm" "exactly the target at the first level"
            word1
                "from"
                ("law", Kind.law)
                Kind.start
                from
                "from (standard 2)"
                "this law, as the law of the state itself"
            word1 "point" ("", Kind.vector) Kind.start point "point [ 0.0; 1.0 ]" "this point"
        ]

    let private a = "a", Kind.number
    let private b = "b", Kind.number

    let private schedules =
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

    let private training =
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

    let private correctors =
        [
            word1 "langevin" ("h", Kind.number) Kind.corrector langevin "langevin 0.01" "unadjusted Langevin of step h"
            word1
                "langevinScaled"
                ("c", Kind.number)
                Kind.corrector
                langevinScaled
                "langevinScaled 0.1"
                "unadjusted Langevin of step h = c·σ² at the level"
        ]

    let private pipelines =
        [
            word1
                "corrector"
                ("", Kind.corrector)
                Kind.pipeline
                corrector
                "corrector (langevin 0.01)"
                "one step at the current level"
            word1
                "predictor"
                ("", Kind.predictor)
                Kind.pipeline
                predictor
                "predictor ancestral"
                "one step to the transition's lower level; inside an anneal, once a transition"
            word2
                "anneal"
                ("schedule", Kind.schedule)
                ("body", Kind.pipeline)
                Kind.pipeline
                anneal
                "anneal (geometric 10.0 0.1 20) (predictor ancestral)"
                "the body once a transition of the schedule"
            word2
                "repeat"
                ("times", Kind.whole)
                ("body", Kind.pipeline)
                Kind.pipeline
                repeat
                "repeat 10 (corrector (langevin 0.01))"
                "the body so many times"
            word0 "identity" Kind.pipeline identity "identity" "does nothing"
            word1
                "probe"
                ("name", Kind.text)
                Kind.pipeline
                probe
                "probe \"middle\""
                "measures here; a probe named end is implicit"
        ]

    let private metrics =
        [ for metric in Engine.Metric.All -> word0 metric.Name Kind.metric metric metric.Name metric.Meaning ]

    let private vectors =
        [ word2 "fill" ("d", Kind.whole) ("value", Kind.number) Kind.vector fill "fill 9 0.5" "d times this value" ]

    /// All words, in the order of the documentation.
    let all: Word list =
        List.concat
            [
                targets
                vectors
                forwards
                scores
                outputs
                starts
                schedules
                training
                correctors
                Methods.predictorWords
                pipelines
                metrics
            ]

    let private byName = all.ToDictionary(fun word -> word.Name)

    let tryFind (name: string) =
        match byName.TryGetValue name with
        | true, word -> Some word
        | false, _ -> None

    /// The words that give this kind.
    let ofKind kind = all |> List.filter (fun word -> Kind.agrees word.Result kind)

    /// `geometric (a: number) (b: number) (n: whole number) : schedule`
    let signature (word: Word) =
        let written (name, kind) =
            if name = "" then
                $"({Kind.notation kind})"
            else
                $"({name}: {Kind.notation kind})"

        let parameters = word.Parameters |> List.map written
        System.String.Join(" ", word.Name :: parameters) + " : " + Kind.notation word.Result

    /// The fields of an experiment, in canonical order.
    let fields: FieldWord list =
        let field name (kind: Kind<'value>) standard example meaning =
            {
                Name = name
                Kind = kind.Untyped
                Default = standard
                Example = example
                Meaning = meaning
            }

        [
            field "target" Kind.law None "target (standard 2)" "the data distribution p"
            field "forward" Kind.forward None "forward ve" "the forward process"
            field "score" Kind.score (Some "exact") "score (exact |> shifted 0.05)" "the score estimate"
            field "start" Kind.start (Some "prior") "start warm" "the law of the first state"
            field
                "sampler"
                Kind.pipeline
                None
                "sampler (anneal (geometric 10.0 0.1 20) (predictor ancestral))"
                "the pipeline"
            field
                "measure"
                (Kind.many "metric" Kind.metric)
                (Some "[ tv; kl; chi2; w2 ]")
                "measure [ kl ]"
                "divergences of the law of the state from p at the level, at each probe"
            field "particles" Kind.whole (Some "100000") "particles 100000" "Monte Carlo only"
            field "seed" Kind.long (Some "1") "seed 1" "Monte Carlo only; 64 bits"
        ]
