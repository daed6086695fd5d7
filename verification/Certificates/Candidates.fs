namespace Sgm.Verification.Certificates

open System
open Sgm.Engine
open Sgm.Verification

/// Ways to a bound of TV, and what is known at a place of a run: what is kept of them, and how they come through a change of level or noise.
module internal Candidates =
    /// A way to a bound: TV of what came before the last cut, and the relative entropy of paths since.
    type Candidate = { Before: float; Since: float; Trail: Derivation list }

    type State =
        {
            Level: NoiseLevel
            /// R from the start, or why it is infinite.
            Path: Result<float, string>
            First: float option
            /// Newest first.
            Contributions: Contribution list
            Candidates: Candidate list
            /// W2 per block.
            Distances: Result<float list, string>
        }

    let most = 12

    let plus (a: float) (b: float) = Math.BitIncrement(a + b)
    let value (c: Candidate) = min 1.0 (plus c.Before (PathRule.totalVariation c.Since))

    let prune (candidates: Candidate list) =
        let sorted = candidates |> List.filter (fun c -> c.Before < 1.0) |> List.sortBy (fun c -> c.Before, c.Since)

        let kept =
            ((infinity, []), sorted)
            ||> List.fold (fun (least, kept) c -> if c.Since < least then c.Since, c :: kept else least, kept)
            |> snd
            |> List.rev

        if kept.Length <= most then
            kept
        else
            // The best now, and those that differ most in what they have paid.
            let best = kept |> List.minBy value

            let every =
                kept
                |> List.indexed
                |> List.filter (fun (i, _) -> i % (kept.Length / (most - 1) + 1) = 0)
                |> List.map snd

            List.distinctBy (fun c -> c.Before, c.Since) (best :: every) |> List.sortBy (fun c -> c.Before)

    let closed what inputs (c: Candidate) =
        let tv = value c

        {
            Rule = Rules.cut
            Of = what
            Inputs = ("TV before", c.Before) :: ("R since", c.Since) :: inputs
            Value = tv
            Parts = []
        }

    let total (blocks: Block list) (distances: float list) =
        List.map2 (fun (block: Block) w -> block.Count * w * w) blocks distances
        |> List.sum
        |> sqrt
        |> fun x -> x * (1.0 + 1e-14)

    let changed (plan: Plan) (blocks: Block list) (state: State) (level: NoiseLevel) =
        if state.Level = level then
            state
        else
            let between = RelativeEntropy.bound plan.Target level plan.Target state.Level
            let where = $"from {Shared.spelled state.Level} to {Shared.spelled level}"

            let cut (c: Candidate) =
                match between with
                | Ok r ->
                    let step = { closed where [ "KL(p_ℓ′‖p_ℓ)", r ] c with Rule = Rules.jump }
                    { Before = value c; Since = r; Trail = step :: c.Trail }
                | Error _ -> { c with Since = infinity }

            { state with
                Level = level
                Path = Error $"the level changes without the state, {where}"
                Candidates = state.Candidates |> List.map cut |> prune
                Distances =
                    state.Distances
                    |> Result.map (
                        List.map2 (fun (b: Block) w -> w + Wasserstein.between b.Plan.Target state.Level level) blocks
                    )
            }

    /// TV from W2 by the last n of equal noisy steps; `slopes` and `distances` per block.
    let smoothed (blocks: Block list) (n: int64) (maps: Contraction list) (distances: float list) =
        let noise = (List.head maps).Noise

        let entropy =
            List.map3
                (fun (b: Block) (map: Contraction) w ->
                    let c2 = Math.BitIncrement(map.Lip * map.Lip)
                    let count = float n
                    let rate = RealFunctions.LogOnePlus(c2 - 1.0)
                    // c²ⁿ/(1 + c² + … + c²⁽ⁿ⁻¹⁾)
                    let share =
                        if c2 = 1.0 then
                            1.0 / count
                        else
                            max Double.Epsilon ((1.0 - c2) / RealFunctions.ExpM1(-count * rate))

                    b.Count * share * w * w / (2.0 * noise * noise))
                blocks
                maps
                distances
            |> List.sum

        let byEntropy = sqrt (0.5 * entropy)

        if n > 1L then
            byEntropy * (1.0 + 1e-11)
        else
            let moved =
                List.map3 (fun (b: Block) (map: Contraction) w -> b.Count * (map.Lip * w) ** 2.0) blocks maps distances

            min byEntropy (sqrt (List.sum moved) / (noise * sqrt (2.0 * Math.PI))) * (1.0 + 1e-13)

    let mapsOf (blocks: Block list) step =
        (Ok [], blocks)
        ||> List.fold (fun found block ->
            found |> Result.bind (fun maps -> Wasserstein.step block step |> Result.map (fun map -> map :: maps)))
        |> Result.map List.rev
