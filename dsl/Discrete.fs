namespace Sgm

open System.Collections.Immutable
open Sgm.Engine

/// A law of d coordinates with one of S symbols each.
[<RequireQualifiedAccess>]
type SymbolLaw =
    /// S, and masses by the state's index Σ x_i·S^i; they sum to 1 within 1e-9.
    | Table of symbols: int * masses: float list
    /// Independent coordinates, `count` with each law of S masses.
    | Independent of (int * float list) list
    /// Σ weight·P over laws that are no such sums themselves: given the class, `independent` ones.
    | LatentClasses of (float * SymbolLaw) list
    /// p(x) ∝ exp(J·Σ s_i·s_{i+1} + b·Σ s_i), spins s = 2x − 1 on a line with free ends.
    | IsingChain of dimension: int * coupling: float * field: float

/// The rates that a sampler runs with.
type Rates =
    {
        /// The law that they are of; the target where none is given.
        Of: SymbolLaw option
        /// Those of even coordinates are e^Bias times, of odd ones e^(−Bias) times, what they would be.
        Bias: float
    }

/// How a sampler jumps.
[<RequireQualifiedAccess>]
type Jumps =
    /// With probability h·λ, all coordinates at once.
    | EulerJumps
    /// With Poisson numbers of jumps of mean h·λ, all coordinates at once.
    | TauLeaping
    /// The reverse process in continuous time.
    | Uniformisation

/// Discrete diffusion: the state is one of symbols, each of which the forward process replaces by a uniform one at rate 1.
type Discrete = { Law: SymbolLaw; Times: Schedule; Rates: Rates; Jumps: Jumps }

/// The words for discrete diffusion.
[<AutoOpen>]
module DiscreteSyntax =
    let table symbols masses = SymbolLaw.Table(symbols, masses)
    let independent blocks = SymbolLaw.Independent blocks
    let latentClasses components = SymbolLaw.LatentClasses components
    let isingChain dimension coupling field = SymbolLaw.IsingChain(dimension, coupling, field)
    let exactRates = { Of = None; Bias = 0.0 }
    let ratesOf law = { Of = Some law; Bias = 0.0 }
    let skewed bias rates = { rates with Bias = rates.Bias + bias }
    let eulerJumps = Jumps.EulerJumps
    let tauLeaping = Jumps.TauLeaping
    let uniformisation = Jumps.Uniformisation

/// Questions about discrete diffusion, and its lowering.
module Discrete =
    /// S and d of a valid law.
    let rec shape law : struct (int * int) =
        match law with
        | SymbolLaw.Table(symbols, masses) ->
            struct (symbols, int (round (log (float masses.Length) / log (float symbols))))
        | SymbolLaw.Independent blocks -> struct ((snd blocks.Head).Length, blocks |> List.sumBy fst)
        | SymbolLaw.LatentClasses components -> shape (snd components.Head)
        | SymbolLaw.IsingChain(dimension, _, _) -> struct (2, dimension)

    /// The engine's law of a valid one.
    let rec target law : FiniteTarget =
        match law with
        | SymbolLaw.Table(symbols, masses) ->
            let struct (_, dimension) = shape law
            FiniteTarget.Table(symbols, dimension, System.ReadOnlySpan(Array.ofList masses))
        | SymbolLaw.Independent blocks ->
            FiniteTarget.Product [ for count, masses in blocks -> struct (count, Array.ofList masses) ]
        | SymbolLaw.LatentClasses components ->
            FiniteTarget.Mixture(ResizeArray [ for weight, inner in components -> struct (weight, target inner) ])
        | SymbolLaw.IsingChain(dimension, coupling, field) -> FiniteTarget.IsingChain(dimension, coupling, field)

    /// The sampler that runs, of a valid one.
    let lower isWarm (discrete: Discrete) : FiniteProcess =
        let time = Schedule.parameter Vp discrete.Times
        let own = target discrete.Law

        FiniteProcess(
            Target = own,
            RatesOf = (discrete.Rates.Of |> Option.map target |> Option.defaultValue own),
            Bias = discrete.Rates.Bias,
            Times = ImmutableArray.CreateRange(Seq.init (Schedule.transitions discrete.Times + 1) time),
            Sampler =
                (match discrete.Jumps with
                 | Jumps.EulerJumps -> FiniteSampler.Euler
                 | Jumps.TauLeaping -> FiniteSampler.TauLeaping
                 | Jumps.Uniformisation -> FiniteSampler.Uniformisation),
            IsWarm = isWarm
        )
