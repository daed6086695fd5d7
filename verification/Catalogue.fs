namespace Sgm.Verification

open Sgm.Verification.Theorems

/// Every theorem, in the order of the report.
module Catalogue =
    /// The statements of papers, and companions of them.
    let ofPapers =
        [
            LeeBadSets.badSets
            LeeLuTan.langevinSupNorm
            LeeLangevin.langevinL2
            LeeWarmStart.neighbouringLevels
            LeeWarmStart.firstLevel
            LeeAnnealed.annealedLangevin
            LeePredictor.stochasticPredictor
            LeeLearned.learnedPredictor
            LeeAnnealed.predictorCorrector
            LeeComparison.predictorCorrectorWins
            LeeAnnealing.annealing
            LeeNecessity.coldStart
            LeeFalseMode.falseModeInHighDimension
            LeeHypotheses.unstableStep
            LeeHypotheses.brokenHypotheses
            PedrottiCurvature.curvature
            PedrottiStart.wasserstein
            PedrottiStart.divergence
            Pedrotti.inexactLangevin
            PedrottiEntropy.moment
            PedrottiTruncation.truncation
            PedrottiReverse.reverse
            PedrottiReverse.mainWasserstein
            PedrottiReverse.mainEntropy
            PedrottiDiscrete.wasserstein
            PedrottiDiscrete.relativeEntropy
            PedrottiDdim.ddim
            PedrottiTotalVariation.prediction
            Bruno.gaussianMean
            BrunoLimit.gaussianLimit
            BrunoSgld.trainedMean
            BrunoLogConcave.logConcave
            BrunoStopping.earlyStopping
            PierretGalerneTable.published
            PierretGalerneTable.statedBudget
            LiAccelerated.ofSde
            LiAccelerated.ofOde
            SjobergRule.rule
            MooneyLocal.local
            VempalaLangevin.relativeEntropy
            DalalyanLangevin.wasserstein
            ConfortiRelative.contractive
            ChengProximal.proximal
            NguyenLabels.noisyLabels
            WangTraining.trained
            WangSchedules.schedules
            ZhangDiscrete.path
            ZhangDiscrete.linear
        ]

    /// What the engine is held against: its own interpreters, and references from the words of an experiment.
    let selfChecks =
        [
            EngineAgreement.agreement
            ParticleWords.particleWords
            ExactWords.exactWords
            ExactRuns.normalRuns
            ExactDivergences.normalPairs
            ExactPlane.turnedRuns
            KineticOrder.invariantLaw
            Certified.totalVariation
            Certified.wasserstein
            Certified.relativeEntropy
        ]

    /// All statements themselves; what one claims of its own bound takes its evidence from the statement's checks.
    let statements =
        ofPapers @ selfChecks
        |> List.map (fun theorem -> { theorem with Evidence = Remember.evidence theorem.Evidence })

    /// With what some of them claim about their own bounds: that they are attained, or of which order they are.
    let withTightness statements = statements @ List.choose Tightness.claimed statements

    let theorems = withTightness statements
