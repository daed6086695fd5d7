module Sgm.Tests.Main

open System
open Expecto

let private tests =
    testList
        "SgmDsl"
        [
#if !EXPECTO
            BridgeTests.tests
#endif
            PackagesTests.tests
            RandomFormatTests.tests
            VectorMathTests.tests
            RandomTests.tests
            DslTextTests.tests
            DslPlanTests.tests
            DslErrorsTests.tests
            DslFuzzTests.tests
            DslWordsTests.tests
            DslDataTests.tests
            DslFluentTests.tests
            GaussianTests.tests
            GridTests.tests
            GridMixturesTests.tests
            TotalVariationTests.tests
            ProductTests.tests
            VerificationTests.tests
            TheoremsLeeTests.tests
            PedrottiTests.tests
            BrunoTests.tests
            TransportTests.tests
            SampledRatesTests.tests
            EngineAgreementTests.tests
            SamplingTests.tests
            HypothesesTests.tests
            LearnedTests.tests
            ReportTests.tests
            BrowserTests.tests
            EnsembleKernelTests.tests
            EnsembleRunTests.tests
            EnsembleLawTests.tests
            CliTests.tests
            FaultTests.tests
            PrescriptionTests.tests
            SabotageTests.tests
        ]

[<EntryPoint>]
let main argv =
    let arguments =
        if Environment.GetEnvironmentVariable "CI" = "true" then
            [ Fail_On_Focused_Tests ]
        else
            []

    runTestsWithCLIArgs arguments argv tests
