namespace Sgm.Verification.Certificates

open System
open Sgm.Engine
open Sgm.Verification

/// What a certificate is found by: rules, and the blocks of the plan.
type internal Working = { Rules: RuleBook; Blocks: Block list }

/// Ways to a bound of TV, and what is known at a place of a run: what is kept of them, and how they come through a
/// change of level or noise.
module internal Candidates =
    /// How KL(q‖p) or χ² came through steps of one kind that follow each other.
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

    /// A way to a bound: TV of what came before the last cut; since it R ≥ KL(p‖q) by paths, KL(q‖p) and χ² per block.
    type Candidate =
        {
            Before: float
            Since: float
            Forward: float list
            Chi: float list
            /// What was cut, newest first.
            Trail: Derivation list
            /// How KL(q‖p) came about since the last cut, newest first.
            Told: Stretch list
            /// How χ² did.
            ToldChi: Stretch list
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
            /// χ² per block, from the start; ∞ where nothing is known.
            Chi: float list
            ToldChi: Stretch list
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
    let entropy (work: Working) (forward: float list) =
        List.fold2 (fun sum (block: Block) kl -> sum + block.Count * kl) 0.0 work.Blocks forward * (1.0 + 1e-14)

    /// ln(1 + χ²) adds over blocks, and is at least KL(q‖p).
    let chiEntropy work (chi: float list) = chi |> List.map RealFunctions.LogOnePlus |> entropy work

    let private since (work: Working) (c: Candidate) =
        work.Rules.Pinsker c.Since, work.Rules.Pinsker(entropy work c.Forward), work.Rules.OfChi(chiEntropy work c.Chi)

    let value (work: Working) (c: Candidate) =
        let paths, laws, chi = since work c
        min 1.0 (work.Rules.Join c.Before (min paths (min laws chi)))

    /// Which of the three says most of what came since the cut.
    type Best =
        | Paths
        | Entropies
        | ChiSquares

    let best work c =
        let paths, laws, chi = since work c

        if chi < min paths laws then ChiSquares
        elif entropy work c.Forward < c.Since then Entropies
        else Paths

    let unknown (work: Working) = work.Blocks |> List.map (fun _ -> infinity)
    let nothing (work: Working) = work.Blocks |> List.map (fun _ -> 0.0)

    /// A way that begins from p itself at a cut.
    let anew work before trail =
        {
            Before = before
            Since = 0.0
            Forward = nothing work
            Chi = nothing work
            Trail = trail
            Told = []
            ToldChi = []
        }

    /// The way from the start without a cut, and those with one.
    let ways work (state: State) =
        {
            Before = 0.0
            Since = state.Path |> Result.defaultValue infinity
            Forward = state.Forward |> Result.defaultValue (unknown work)
            Chi = state.Chi
            Trail = []
            Told = state.Told
            ToldChi = state.ToldChi
        }
        :: state.Candidates

    let prune work (candidates: Candidate list) =
        // Tuples of references: their comparison is compiled ahead, that of struct tuples is not.
        let measured =
            candidates |> List.map (fun c -> (c.Before, c.Since, entropy work c.Forward, chiEntropy work c.Chi), c)

        let kept =
            ([], measured |> List.filter (fun (_, c) -> c.Before < 1.0) |> List.sortBy fst)
            ||> List.fold (fun kept ((_, since, near, chi) as key, c) ->
                // Sorted by what was paid before: the earlier ones paid no more.
                if kept |> List.exists (fun ((_, s, n, x), _) -> s <= since && n <= near && x <= chi) then
                    kept
                else
                    (key, c) :: kept)
            |> List.rev
            |> List.map snd

        if kept.Length <= most then
            kept
        else
            // The best now, and those that differ most in what they have paid.
            let best = kept |> List.minBy (value work)
            let stride = kept.Length / (most - 1) + 1

            let every = kept |> List.indexed |> List.filter (fun (i, c) -> i % stride = 0 && c <> best) |> List.map snd

            best :: every

    let closed work what inputs (c: Candidate) : Derivation =
        let input, told =
            match best work c with
            | Paths -> ("R since", c.Since), []
            | Entropies -> ("KL(q‖p) since", entropy work c.Forward), c.Told
            | ChiSquares -> ("ln(1 + χ²) since", chiEntropy work c.Chi), c.ToldChi

        {
            Rule = Rules.cut
            Of = what
            Inputs = [ "TV before", c.Before; input ] @ inputs
            Value = value work c
            Parts = told |> List.rev |> List.map derived
        }

    let total (work: Working) (distances: float list) =
        List.map2 (fun (block: Block) w -> block.Count * w * w) work.Blocks distances
        |> List.sum
        |> sqrt
        |> fun x -> x * (1.0 + 1e-14)

    /// One result of every block, or the first reason.
    let ofBlocks (work: Working) (find: Block -> Result<'found, string>) = work.Blocks |> Seq.map find |> every

    /// W2 is at most what it is for independent draws.
    let capped (work: Working) (state: State) =
        match state.Spreads with
        | Error _ -> state
        | Ok spreads ->
            let cap (b: Block) spread = work.Rules.Independent b.Plan.Target state.Level spread
            let caps = List.map2 cap work.Blocks spreads

            match state.Distances with
            | Ok found -> { state with Distances = Ok(List.map2 min found caps) }
            | Error _ when caps |> List.forall Double.IsFinite -> { state with Distances = Ok caps }
            | Error _ -> state

    let changed (plan: Plan) (work: Working) (state: State) (level: NoiseLevel) =
        if state.Level = level then
            state
        else
            let rules = work.Rules
            let between = rules.Change plan.Target state.Level level
            let each find = work.Blocks |> List.map (fun b -> find b.Plan.Target |> Result.defaultValue infinity)
            let forward = each (fun target -> rules.Change target level state.Level)
            let chi = each (fun target -> rules.ChiBetween target state.Level level)
            let where = $"from {Shared.spelled state.Level} to {Shared.spelled level}"

            let cut (c: Candidate) =
                let since = between |> Result.defaultValue infinity

                let step =
                    { closed work where [ "KL(p_ℓ′‖p_ℓ)", since; "KL(p_ℓ‖p_ℓ′)", entropy work forward ] c with
                        Rule = Rules.jump
                    }

                { anew work (value work c) (step :: c.Trail) with
                    Since = since
                    Forward = forward
                    Chi = chi
                }

            let moved move found =
                found |> Result.map (List.map2 (fun (b: Block) x -> x + move b.Plan.Target) work.Blocks)

            { state with
                Level = level
                Path = Error $"the level changes without the state, {where}"
                Forward = Error $"the level changes without the state, {where}"
                Told = []
                Chi = unknown work
                ToldChi = []
                Candidates = ways work state |> List.map cut |> prune work
                Distances = state.Distances |> moved (fun target -> rules.Between target state.Level level)
                Spreads = state.Spreads |> moved (fun target -> Spread.between target state.Level level)
            }
            |> capped work
