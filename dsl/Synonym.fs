namespace Sgm

open System

/// What other programs and papers call what has a name of its own here.
module internal Synonym =

    let private advice =
        dict
            [
                "posterior", "the posterior step of DDPM is 'ancestral' here"
                "ode", "the probability flow is 'flow' here, with Heun's step 'flowHeun'"
                "probabilityflow", "the probability flow is 'flow' here, with Heun's step 'flowHeun'"
                "em", "Euler–Maruyama is 'eulerMaruyama' here"
                "heun", "Heun's step for the probability flow is 'flowHeun' here"
                "exponentialintegrator", "the exponential integrator is 'exponential' here"
                "ei", "the exponential integrator is 'exponential' here"
                "ula", "the unadjusted Langevin algorithm is 'corrector (langevin h)' here"
                "sgld",
                "Langevin with an estimated score is 'corrector (langevin h)' with a score such as 'exact |> shifted 0.1' here"
                "eulera",
                "k-diffusion's euler_ancestral is 'ancestral' here, with a share of its noise 'ancestralEta eta'"
                "eulerancestral",
                "k-diffusion's euler_ancestral is 'ancestral' here, with a share of its noise 'ancestralEta eta'"
                "kdpm2", "k-diffusion's dpm_2 is 'dpm2' here"
                "dpmsolver2", "DPM-Solver-2 is 'dpm2' here"
                "dpmsolver++", "DPM-Solver++(2S) is 'dpmpp2s' here"
                "tableau", "a step of one's own is 'custom name parameters lines' here"
                "w1", "W1 is not measured; 'w2' is never smaller than W1"
                "wasserstein", "the Wasserstein-2 distance is 'w2' here"
                "tvd", "total variation is 'tv' here"
                "kld", "the relative entropy KL(q‖p) is 'kl' here"
                "chisquare", "χ²(q‖p) is 'chi2' here"
                "gaussian", "a normal law is 'normal [ mean ] variance' here"
                "gmm", "a Gaussian mixture is 'mixture [ weight, normal [ mean ] variance; … ]' here"
                "subvp", "the sub-VP process is 'subVp' here"
                "flowmatching", "flow matching's straight line is 'rectified' here"
                "cfg", "classifier-free guidance is 'guided scale conditional unconditional' here"
                "squaredcoscapv2", "diffusers' squaredcos_cap_v2 is 'cosine n' here"
                "ddpmlinear", "DDPM's levels of training are 'linear 0.0001 0.02 1000' here"
                "appendzero", "one more level, the data, is 'toZero' here: karras 7.0 80.0 0.002 17 |> toZero"
                "optimal", "levels that minimise a certificate are printed by 'sgm tune FILE --evaluations n'"
                "ou", "the Ornstein–Uhlenbeck process is 'vp' here"
                "epsilon", "the noise of x is 'noise' here"
                "eps", "the noise of x is 'noise' here"
                "x0", "E[X | x] is 'denoised' here"
                "vprediction", "m·Z − σ·X is 'velocity' here"
                "offunction", "a function has no text: write the experiment in F#, where 'ofFunction' takes it"
                "logspace", "geometrically spaced levels are 'geometric a b n' here"
                "pow", "a power is 'x ** y' here, of numbers with a point"
                "ln", "the natural logarithm is 'log' here"
                "math", "functions are written alone here: sqrt 2.0"
                "loop", "'repeat n body' runs a body n times"
                "for", "'repeat n body' runs a body n times"
            ]

    /// Words that name another kind of thing here.
    let private elsewhere =
        dict
            [
                (Kind.Schedule, "exponential"), "k-diffusion's exponential schedule is 'geometric a b n' here"
                (Kind.Schedule, "edm"),
                "EDM's schedule of N steps is 'karras 7.0 80.0 0.002 (N - 1) |> toZero' here, such as karras 7.0 80.0 0.002 17 |> toZero"
            ]

    /// What to write for a word of another kind, where this kind is expected.
    let ofKind kind found =
        match elsewhere.TryGetValue((kind, found)) with
        | true, sentence -> Some sentence
        | false, _ -> None

    let private symbols =
        dict
            [
                "'^'", "a power is 'x ** y'"
                "'!'", "unequal is '<>', and 'not' says the opposite of a condition"
                "'&'", "both conditions are 'a && b'"
                "'\\'", "a line is continued on the next one, further to the right"
                "';'", "a 'let' ends with its line, without ';'"
                for operator in [ "+"; "-"; "*"; "/"; "<"; ">"; "="; "**"; "%" ] do
                    $"'{operator}'", "what is more than one word stands in parentheses, as in: claim kl (0.25 * h)"
            ]

    /// What to write instead of what stands where the grammar knows nothing of the kind.
    let ofSymbol (found: string) =
        match symbols.TryGetValue found with
        | true, sentence -> "; " + sentence
        | false, _ -> ""

    /// What to write instead of a word of another program, in any case and with any hyphens.
    let tryFind (found: string) =
        let key = found.Replace("-", "").Replace("_", "").ToLowerInvariant()

        match advice.TryGetValue key with
        | true, sentence -> Some sentence
        | false, _ -> None
