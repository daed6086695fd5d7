namespace Sgm

/// A change of the score; d is the dimension of the state.
type ScoreModifier =
    /// Adds (a/√d)·(1, …, 1): L² and sup error |a|.
    | Shifted of amount: float
    /// Multiplies by c.
    | Scaled of factor: float
    /// Divides by k: the score of a power 1/k of the density at every level.
    | Temperature of k: float
    /// Adds (a/√d)·√2·sin(w·x_i) in coordinate i: sup error ≤ |a|·√2.
    | Rippled of amplitude: float * frequency: float
    /// Projects the implied denoiser (x + σ²s)/m onto the ball of radius R.
    | Clipped of radius: float

/// What the score estimate is before the modifiers.
type ScoreBase =
    /// ∇ln p_level of the experiment's own target.
    | Exact
    /// ∇ln q_level of another law q: a score fitted to something else than the target (a wrong mean, a training sample).
    | ScoreOf of Target
    /// Fitted to so many draws of the target by denoising score matching, with so many random Fourier features.
    | ScoreMatching of draws: int * features: int * seed: int
    /// The exact score of the kernel density of so many draws of the target.
    | KernelDensity of draws: int * bandwidth: float * seed: int
    /// A network in an ONNX file, and what it gives.
    | Onnx of file: string * output: NetworkOutput
    /// A function of F# or C#, under a name; it has no text that could be read back.
    | OfFunction of name: string * score: Engine.BlockScore
    /// Σ weight·s, any weights.
    | Blend of (float * Score) list

/// The score estimate s(x, level): a base and modifiers, applied from left to right.
and Score = { Base: ScoreBase; Modifiers: ScoreModifier list }

/// Scores by functions of rows.
module internal OwnScores =
    /// As the engine asks for it: coordinate-major.
    let ofRows name (score: Engine.NoiseLevel -> float[][] -> float[][]) =
        Engine.BlockScore(fun level points scores count ->
            let d = points.Length / count
            let rows = Array.init count (fun _ -> Array.zeroCreate<float> d)

            for i in 0 .. count - 1 do
                for e in 0 .. d - 1 do
                    rows[i][e] <- points[e * count + i]

            let found = score level rows

            if
                isNull found
                || found.Length <> count
                || found |> Array.exists (fun row -> isNull row || row.Length <> d)
            then
                invalidOp $"the score '{name}' was given {count} points of {d} coordinates and gave back another shape"

            for i in 0 .. count - 1 do
                for e in 0 .. d - 1 do
                    scores[e * count + i] <- found[i][e])

/// The words for scores.
[<AutoOpen>]
module ScoreSyntax =
    let private modify modifier score = { score with Modifiers = score.Modifiers @ [ modifier ] }

    /// The exact score of the target.
    let exact = { Base = Exact; Modifiers = [] }
    /// The exact score of another law.
    let scoreOf target = { Base = ScoreOf target; Modifiers = [] }
    /// Fitted by denoising score matching to `draws` draws of the target, ridge regression on random Fourier features.
    let scoreMatching draws features seed = { Base = ScoreMatching(draws, features, seed); Modifiers = [] }
    /// The exact score of the kernel density of `draws` draws of the target.
    let kernelDensity draws bandwidth seed = { Base = KernelDensity(draws, bandwidth, seed); Modifiers = [] }
    /// The network in an ONNX file, which gives this.
    let onnx file output = { Base = Onnx(file, output); Modifiers = [] }

    /// A function of a level and points, rows of shape [n][d], to their scores, of the same shape. It runs on many
    /// threads, and a point's score must not depend on the other points.
    let ofFunction name (score: Engine.NoiseLevel -> float[][] -> float[][]) =
        { Base = OfFunction(name, OwnScores.ofRows name score); Modifiers = [] }

    /// Σ weight·score.
    let blend parts = { Base = Blend parts; Modifiers = [] }
    /// unconditional + scale·(conditional − unconditional): classifier-free guidance, the programs' guidance scale.
    let guided scale conditional unconditional = blend [ scale, conditional; 1.0 - scale, unconditional ]

    /// Adds the constant vector with every coordinate a/√d.
    let shifted amount score = modify (Shifted amount) score
    /// Multiplies the score by c.
    let scaled factor score = modify (Scaled factor) score
    /// Divides the score by k.
    let temperature k score = modify (Temperature k) score
    /// Adds the ripple (a/√d)·√2·sin(w·x_i).
    let rippled amplitude frequency score = modify (Rippled(amplitude, frequency)) score
    /// Clips the denoiser to the ball of radius R.
    let clipped radius score = modify (Clipped radius) score

/// Questions about a score that checking and printing share.
module Score =
    /// The scores that are blended directly into this one.
    let children score =
        match score.Base with
        | Blend parts -> List.map snd parts
        | Exact
        | ScoreOf _
        | ScoreMatching _
        | KernelDensity _
        | Onnx _
        | OfFunction _ -> []

    /// The score and those inside it.
    let all score = [ for struct (one, _) in Nesting.all children score -> one ]

    /// Levels of nesting, modifiers included.
    let depth score =
        Nesting.depth children score - 1 + (all score |> List.map (fun one -> List.length one.Modifiers) |> List.max)

    /// The same score with its targets and files as these functions have them.
    let rec mapFiles law file score =
        match score.Base with
        | ScoreOf target -> { score with Base = ScoreOf(law target) }
        | Onnx(name, output) -> { score with Base = Onnx(file name, output) }
        | Blend parts ->
            { score with
                Base = Blend [ for weight, part in parts -> weight, mapFiles law file part ]
            }
        | Exact
        | ScoreMatching _
        | KernelDensity _
        | OfFunction _ -> score
