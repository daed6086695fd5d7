namespace Expecto

// What Expecto lacks; it is stricter than Expecto everywhere, so what passes here passes there (docs/decisions/0002).

open System

/// Comparisons that fail on NaN; Expecto's pass, since they ask for `not (a >= b)`.
[<AutoOpen>]
module Strict =
    module Expect =
        let private compare holds words (a: 'a) (b: 'a) message =
            if not (holds a b) then
                failtestf "%s. Expected %A to be %s %A." message a words b

        let isLessThan a b = compare (<) "less than" a b
        let isLessThanOrEqual a b = compare (<=) "less than or equal to" a b
        let isGreaterThan a b = compare (>) "greater than" a b
        let isGreaterThanOrEqual a b = compare (>=) "greater than or equal to" a b

/// Every property draws the values that its full name says, so that a run can be repeated.
module Seeds =
    /// FNV-1a of the name; `SGM_SEED` in the environment moves all of them at once.
    let ofName (fullName: string) =
        let text =
            match Environment.GetEnvironmentVariable "SGM_SEED" with
            | null
            | "" -> fullName
            | seed -> $"{seed}:{fullName}"

        let seed =
            (14695981039346656037UL, Text.Encoding.UTF8.GetBytes text)
            ||> Array.fold (fun hash value -> (hash ^^^ uint64 value) * 1099511628211UL)

        let random = FsCheck.Rnd seed
        random.Seed, random.Gamma

    let private seeded name code =
        match code with
        | AsyncFsCheck(config, stress, run) ->
            let config = defaultArg config FsCheckConfig.defaultConfig
            let seed, gamma = ofName name
            let replay = config.replay |> Option.orElse (Some(seed, gamma, None))
            AsyncFsCheck(Some { config with replay = replay }, stress, run)
        | Sync _
        | SyncWithCancel _
        | Async _ -> code

    /// The same tests, each property with the seed of its full name unless it has one.
    let rec fixedBy path test =
        match test with
        | TestLabel(name, inner, state) -> TestLabel(name, fixedBy (name :: path) inner, state)
        | TestList(tests, state) -> TestList(List.map (fixedBy path) tests, state)
        | Test.Sequenced(how, inner) -> Test.Sequenced(how, fixedBy path inner)
        | TestCase(code, state) -> TestCase(seeded (String.Join('.', List.rev path)) code, state)
