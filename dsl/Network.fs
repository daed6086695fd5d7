namespace Sgm

open System

/// What a network gives for x at a level (m, σ): a level's noise is Z, its data X, x = m·X + σ·Z.
[<RequireQualifiedAccess>]
type NetworkOutput =
    /// ∇ln p(x).
    | Gradient
    /// E[Z | x].
    | Noise
    /// E[X | x].
    | Denoised
    /// E[m·Z − σ·X | x], for vp (Salimans and Ho 2022).
    | Velocity
    /// F of D(x) = c_skip·x + c_out·F(c_in·x) in x/m and ρ = σ/m, for data of this deviation (Karras et al. 2022, table 1).
    | Edm of dataDeviation: float

/// The words for what a network gives. `score` is the field's name, which F# does not let stand for a value.
[<AutoOpen>]
module NetworkSyntax =
    let gradient = NetworkOutput.Gradient
    let noise = NetworkOutput.Noise
    let denoised = NetworkOutput.Denoised
    let velocity = NetworkOutput.Velocity
    let edm dataDeviation = NetworkOutput.Edm dataDeviation

/// Networks as scores.
module Networks =
    /// The largest file that is read: 512 MiB.
    let mostBytes = 512L <<< 20

    /// How an output is read as a score.
    let scaling output (level: Engine.NoiseLevel) =
        let m, sigma, variance = level.Mean, level.Sigma, level.NoiseVariance

        match output with
        | NetworkOutput.Gradient -> Engine.NetworkScaling(1.0, 0.0, 1.0)
        | NetworkOutput.Noise -> Engine.NetworkScaling(1.0, 0.0, -1.0 / sigma)
        // s = (m·D − x)/σ².
        | NetworkOutput.Denoised -> Engine.NetworkScaling(1.0, -1.0 / variance, m / variance)
        // E[Z | x] = σ·x + m·v, as m² + σ² = 1.
        | NetworkOutput.Velocity -> Engine.NetworkScaling(1.0, -1.0, -m / sigma)
        | NetworkOutput.Edm data ->
            // c_skip = s²/(s² + ρ²), c_out = ρs/√(s² + ρ²), c_in = 1/√(s² + ρ²).
            let whole = m * m * data * data + variance
            Engine.NetworkScaling(1.0 / sqrt whole, -1.0 / whole, data * m / (sigma * sqrt whole))

    /// Whether an output says nothing where σ = 0.
    let needsNoise output = output <> NetworkOutput.Gradient

    /// What reads networks: in an assembly of its own, which is loaded when the first one is read.
    let private reader =
        lazy
            (match Type.GetType "Sgm.Networks.OnnxReader, SgmDsl.Networks" with
             | null -> None
             | found -> Some(Activator.CreateInstance found :?> Engine.INetworkReader))

    /// A network as a score, tried at some levels, or what is wrong with it.
    let read (file: Engine.NetworkFile) output dimension (trials: Engine.NoiseLevel list) =
        match reader.Value with
        | None ->
            Error "networks are read by the assembly SgmDsl.Networks, which is not beside this program; reference it"
        | Some reader ->
            let use' = Engine.NetworkUse(dimension, needsNoise output, scaling output, trials)
            let reading = reader.Read(file, use')

            match reading.Function, reading.Problem with
            | null, problem -> Error problem
            | found, _ -> Ok found
