namespace Sgm.Verification

open Sgm.Verification.Theorems

/// Every theorem, in the order of the report.
module Catalogue =
    let theorems =
        [
            LeeLuTan.langevinSupNorm
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
        ]
