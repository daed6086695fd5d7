namespace Sgm

open Sgm.Word

/// The words for scores and what networks give.
module internal ScoreWords =
    let scores =
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

    let outputs =
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
