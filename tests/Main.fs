module Sgm.Tests.Main

open System
open Expecto

let private tests =
    testList
        "SgmDsl"
        [
            StrictTests.tests
            PackagesTests.tests
            RandomFormatTests.tests
            VectorMathTests.tests
            RandomTests.tests
            DslTextTests.tests
            DslPlanTests.tests
            DslMethodsTests.tests
            DslSchedulesTests.tests
            DslForwardsTests.tests
            ScoresBlendedTests.tests
            DslErrorsTests.tests
            DslCompilerTests.tests
            DslFuzzTests.tests
            DslFormulasTests.tests
            DslWordsTests.tests
            DslDataTests.tests
            DslFluentTests.tests
            GaussianTests.tests
            DenseNormalsTests.tests
            MemoryTests.tests
            CorrectorsTests.tests
            JointTests.tests
            MemoryCoefficientsTests.tests
            GridTests.tests
            GridMixturesTests.tests
            GridWeightsTests.tests
            GridBracketsTests.tests
            LogDensityTests.tests
            GridFarTests.tests
            GridNarrowTests.tests
            GridEvenTests.tests
            GridComponentsTests.tests
            TotalVariationTests.tests
            ProductTests.tests
            PlaneTests.tests
            ProductPlaneTests.tests
            PlaneConductTests.tests
            VerificationTests.tests
            TheoremsLeeTests.tests
            ClaimsTests.tests
            PedrottiTests.tests
            BrunoTests.tests
            PierretGalerneTests.tests
            LiTests.tests
            SjobergTests.tests
            MooneyTests.tests
            LangevinTests.tests
            ConfortiTests.tests
            ChengTests.tests
            NguyenCongTests.tests
            WangTests.tests
            FiniteTests.tests
            FiniteCertificatesTests.tests
            FiniteTextTests.tests
            TransportTests.tests
            SampledRatesTests.tests
            EngineAgreementTests.tests
            PlaneStandingTests.tests
            SamplingTests.tests
            HypothesesTests.tests
            LevelsTests.tests
            ConstantsTests.tests
            LearnedTests.tests
            LearnedHeldOutTests.tests
            ReportTests.tests
            BrowserTests.tests
            EnsembleKernelTests.tests
            EnsembleRunTests.tests
            EnsembleLawTests.tests
            AdjustedTests.tests
            AdjustedParticlesTests.tests
            LongStepsTests.tests
            CertificatesPlaneTests.tests
            CertificatesTests.tests
            CertificatesDenseTests.tests
            CertificatesCommandsTests.tests
            SamplesTests.tests
            MeasureTests.tests
            RunsTests.tests
            CliTests.tests
            CompletionTests.tests
            JsonTests.tests
            TextCostTests.tests
            ClaimsOwnTests.tests
            SweepsTests.tests
            StoreTests.tests
            ShardsTests.tests
            CheckSaysTests.tests
            FaultTests.tests
            StudyTests.tests
            StudyEconomyTests.tests
            PrescriptionTests.tests
            SurveyTests.tests
            ReferencesTests.tests
            ReferencesByHandTests.tests
            SabotageTests.tests
            NetworksTests.tests
            NetworksRefusalsTests.tests
            NetworksCertificatesTests.tests
        ]

/// The last line, which `.ci/run` repeats: `N passed, M failed`, with `, K skipped` where there are any.
let private closingLine (summary: Impl.TestRunSummary) =
    let failed = summary.failed.Length + summary.errored.Length
    let skipped = if summary.ignored.IsEmpty then "" else $", {summary.ignored.Length} skipped"
    $"{summary.passed.Length} passed, {failed} failed{skipped}"

[<EntryPoint>]
let main argv =
    let mutable met = 0

    let close (summary: Impl.TestRunSummary) =
        met <- summary.passed.Length + summary.failed.Length + summary.errored.Length
        Console.Out.WriteLine(closingLine summary)

    let arguments =
        [
            No_Spinner
            Colours 0
            Append_Summary_Handler(SummaryHandler close)
            if Environment.GetEnvironmentVariable "CI" = "true" then
                Fail_On_Focused_Tests
        ]

    let exitCode = runTestsWithCLIArgs arguments argv (Seeds.fixedBy [] tests)
    let ranTests = not (Array.exists (fun argument -> argument = "--list-tests" || argument = "--version") argv)

    if ranTests && exitCode = 0 && met = 0 then
        eprintfn "no test ran: no name meets the filter (--list-tests prints the names)"
        1
    else
        exitCode
