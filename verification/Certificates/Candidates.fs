namespace Sgm.Verification.Certificates

open System
open Sgm.Engine
open Sgm.Verification

/// Ways to a bound of TV, and what is known at a place of a run: what is kept of them, and how they come through a
/// change of level or noise.
module internal Candidates =
    /// How KL(q‖p) came through steps of one kind that follow each other.
    type Stretch =
        {
            Rule: Rule
            Method: string
            Steps: int64
            To: NoiseLevel
            Input: string * float
            Value: float
        }

    let derived (stretch: Stretch) : Derivation =
        {
            Rule = stretch.Rule
            Of = $"{stretch.Method}, {stretch.Steps} steps to {Shared.spelled stretch.To}"
            Inputs = [ stretch.Input; "steps", float stretch.Steps ]
            Value = stretch.Value
            Parts = []
        }

    /// A way to a bound: TV of what came before the last cut; since it R ≥ KL(p‖q) by paths, and KL(q‖p) per block.
    type Candidate =
        {
            Before: float
            Since: float
            Forward: float list
            /// What was cut, newest first.
            Trail: Derivation list
            /// How KL(q‖p) came about since the last cut, newest first.
            Told: Stretch list
        }

    type State =
        {
            Level: NoiseLevel
            /// R from the start, or why it is infinite.
            Path: Result<float, string>
            /// What R began with.
            First: Derivation option
            /// Newest first.
            Contributions: Contribution list
            /// KL(q‖p) per block, from the start.
            Forward: Result<float list, string>
            Told: Stretch list
            /// Ways with a cut.
            Candidates: Candidate list
            /// W2 per block.
            Distances: Result<float list, string>
            /// √E‖x − c‖² per block.
            Spreads: Result<float list, string>
        }

    let most = 12

    let plus (a: float) (b: float) = Math.BitIncrement(a + b)

    /// KL adds over blocks.
    let entropy (blocks: Block list) (forward: float list) =
        List.fold2 (fun sum (block: Block) kl -> sum + block.Count * kl) 0.0 blocks forward * (1.0 + 1e-14)

    let value blocks (c: Candidate) =
        let paths, laws = PathRule.totalVariation c.Since, PathRule.totalVariation (entropy blocks c.Forward)
        min 1.0 (plus c.Before (min paths laws))

    let isForward blocks (c: Candidate) = entropy blocks c.Forward < c.Since

    let private unknown blocks = blocks |> List.map (fun (_: Block) -> infinity)
    let nothing blocks = blocks |> List.map (fun (_: Block) -> 0.0)

    /// The way from the start without a cut, and those with one.
    let ways blocks (state: State) =
        {
            Before = 0.0
            Since = state.Path |> Result.defaultValue infinity
            Forward = state.Forward |> Result.defaultValue (unknown blocks)
            Trail = []
            Told = state.Told
        }
        :: state.Candidates

    let prune blocks (candidates: Candidate list) =
        // Tuples of references: their comparison is compiled ahead, that of struct tuples is not.
        let measured = candidates |> List.map (fun c -> (c.Before, c.Since, entropy blocks c.Forward), c)

        let kept =
            ([], measured |> List.filter (fun (_, c) -> c.Before < 1.0) |> List.sortBy fst)
            ||> List.fold (fun kept ((_, since, near) as key, c) ->
                // Sorted by what was paid before: the earlier ones paid no more.
                if kept |> List.exists (fun ((_, s, n), _) -> s <= since && n <= near) then
                    kept
                else
                    (key, c) :: kept)
            |> List.rev
            |> List.map snd

        if kept.Length <= most then
            kept
        else
            // The best now, and those that differ most in what they have paid.
            let best = kept |> List.minBy (value blocks)
            let stride = kept.Length / (most - 1) + 1

            let every = kept |> List.indexed |> List.filter (fun (i, c) -> i % stride = 0 && c <> best) |> List.map snd

            best :: every

    let closed blocks what inputs (c: Candidate) : Derivation =
        {
            Rule = Rules.cut
            Of = what
            Inputs =
                [
                    "TV before", c.Before
                    if isForward blocks c then
                        "KL(q‖p) since", entropy blocks c.Forward
                    else
                        "R since", c.Since
                ]
                @ inputs
            Value = value blocks c
            Parts = if isForward blocks c then c.Told |> List.rev |> List.map derived else []
        }

    let total (blocks: Block list) (distances: float list) =
        List.map2 (fun (block: Block) w -> block.Count * w * w) blocks distances
        |> List.sum
        |> sqrt
        |> fun x -> x * (1.0 + 1e-14)

    /// One result of every block, or the first reason.
    let ofBlocks (blocks: Block list) (find: Block -> Result<'found, string>) = blocks |> Seq.map find |> every

    /// W2 is at most what it is for independent draws.
    let capped blocks (state: State) =
        match state.Spreads with
        | Error _ -> state
        | Ok spreads ->
            let caps = List.map2 (fun (b: Block) s -> Spread.distance b.Plan.Target state.Level s) blocks spreads

            match state.Distances with
            | Ok found -> { state with Distances = Ok(List.map2 min found caps) }
            | Error _ when caps |> List.forall Double.IsFinite -> { state with Distances = Ok caps }
            | Error _ -> state

    let changed (plan: Plan) (blocks: Block list) (state: State) (level: NoiseLevel) =
        if state.Level = level then
            state
        else
            let between = RelativeEntropy.bound plan.Target level plan.Target state.Level

            let forward =
                blocks
                |> List.map (fun b ->
                    RelativeEntropy.bound b.Plan.Target state.Level b.Plan.Target level |> Result.defaultValue infinity)

            let where = $"from {Shared.spelled state.Level} to {Shared.spelled level}"

            let cut (c: Candidate) =
                let since = between |> Result.defaultValue infinity

                let step =
                    { closed blocks where [ "KL(p_ℓ′‖p_ℓ)", since; "KL(p_ℓ‖p_ℓ′)", entropy blocks forward ] c with
                        Rule = Rules.jump
                    }

                {
                    Before = value blocks c
                    Since = since
                    Forward = forward
                    Trail = step :: c.Trail
                    Told = []
                }

            let each move found = found |> Result.map (List.map2 (fun (b: Block) x -> x + move b.Plan.Target) blocks)

            { state with
                Level = level
                Path = Error $"the level changes without the state, {where}"
                Forward = Error $"the level changes without the state, {where}"
                Told = []
                Candidates = ways blocks state |> List.map cut |> prune blocks
                Distances = state.Distances |> each (fun target -> Wasserstein.between target state.Level level)
                Spreads = state.Spreads |> each (fun target -> Spread.between target state.Level level)
            }
            |> capped blocks

    /// c²ⁿ/(1 + c² + … + c²⁽ⁿ⁻¹⁾): what is left of W2² to be shifted in n steps with Lipschitz constant c.
    let private left (n: int64) (map: Contraction) =
        let c2 = Math.BitIncrement(map.Lip * map.Lip)
        let count = float n
        let rate = RealFunctions.LogOnePlus(c2 - 1.0)

        if c2 = 1.0 then
            1.0 / count
        else
            max Double.Epsilon ((1.0 - c2) / RealFunctions.ExpM1(-count * rate))

    /// Σ f over blocks of a map and a distance, over 2C².
    let private perNoise (blocks: Block list) (maps: Contraction list) distances f =
        let noise = (List.head maps).Noise

        List.map3 (fun (b: Block) map w -> b.Count * f map w / (2.0 * noise * noise)) blocks maps distances
        |> List.sum
        |> fun x -> x * (1.0 + 1e-11)

    /// TV from W2 by n equal noisy steps: of q and p through the same steps.
    let smoothed (blocks: Block list) (n: int64) (maps: Contraction list) (distances: float list) =
        let entropy = perNoise blocks maps distances (fun map w -> left n map * w * w)
        let byEntropy = sqrt (0.5 * entropy)

        if n > 1L then
            byEntropy
        else
            let moved = perNoise blocks maps distances (fun map w -> map.Lip * w * map.Lip * w)
            min byEntropy (sqrt (moved / Math.PI))

    /// R from W2 by n equal noisy steps: the shifts are paid for with what the means are off.
    let pathFrom (blocks: Block list) (n: int64) (maps: Contraction list) (distances: float list) =
        perNoise blocks maps distances (fun map w ->
            let moved = sqrt (float n) * map.Mean + sqrt (left n map) * w
            float n * map.Centred * map.Centred + moved * moved)
