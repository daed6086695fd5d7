namespace Expecto

// The bridge, last part: properties.

[<AutoOpen>]
module ExpectoFsCheck =
    open FsCheck

    let private describe (outcome: Outcome) =
        match outcome with
        | Outcome.Failed error when (error :? ExpectoException) || isNull error.StackTrace -> error.Message
        | Outcome.Failed error -> string error
        | Outcome.Passed
        | Outcome.Rejected -> sprintf "%A" outcome

    let private parameters values = values |> List.map (sprintf "    %A") |> String.concat "\n"

    let private failure (config: FsCheckConfig) result =
        match result with
        | TestResult.Passed _ -> None
        | TestResult.Failed(data, original, shrunk, outcome, seed, _, _) ->
            let labels =
                if Set.isEmpty data.Labels then
                    ""
                else
                    sprintf "\nlabels: %s" (String.concat ", " data.Labels)

            let smaller =
                if data.NumberOfShrinks = 0 then
                    ""
                else
                    sprintf "\nshrunk %d times to\n%s" data.NumberOfShrinks (parameters shrunk)

            Some(
                sprintf
                    "%s%s\nfalsified by value %d of %d\n%s%s\nreplay = Some (%dUL, %dUL)"
                    (describe outcome)
                    labels
                    data.NumberOfTests
                    config.maxTest
                    (parameters original)
                    smaller
                    seed.Seed
                    seed.Gamma
            )
        | TestResult.Exhausted data ->
            Some(sprintf "Only %d values met the precondition; %d were wanted." data.NumberOfTests config.maxTest)

    let private runner config =
        { new IRunner with
            member _.OnStartFixture _ = ()
            member _.OnArguments(_, _, _) = ()
            member _.OnShrink(_, _) = ()

            member _.OnFinished(_, result) =
                match result with
                | TestResult.Failed(_, _, _, Outcome.Failed(:? IgnoreException as ignored), _, _, _) -> raise ignored
                | _ -> failure config result |> Option.iter (fun message -> raise (FailedException message))
        }

    let private propertyTest state config name property =
        let check (config: FsCheckConfig) =
            async {
                let replay = config.replay |> Option.map (fun (seed, gamma) -> { Rnd = Rnd(seed, gamma); Size = None })

                let settings =
                    Config.Default
                        .WithName(name)
                        .WithMaxTest(config.maxTest)
                        .WithMaxRejected(config.maxRejected)
                        .WithStartSize(config.startSize)
                        .WithEndSize(config.endSize)
                        .WithReplay(replay)
                        .WithArbitrary(config.arbitrary)
                        .WithRunner(runner config)

                Check.One(settings, property)
            }

        TestLabel(name, TestCase(AsyncFsCheck(config, config, check), state), state)

    let testPropertyWithConfig config name property = propertyTest Normal (Some config) name property
    let ptestPropertyWithConfig config name property = propertyTest Pending (Some config) name property
    let ftestPropertyWithConfig config name property = propertyTest Focused (Some config) name property
    let testProperty name property = propertyTest Normal None name property
    let ptestProperty name property = propertyTest Pending None name property
    let ftestProperty name property = propertyTest Focused None name property

    /// Focuses on this property, with the replay that a failure printed.
    let etestProperty replay name property =
        let config = { FsCheckConfig.defaultConfig with replay = Some replay }

        propertyTest Focused (Some config) name property
