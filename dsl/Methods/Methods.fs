namespace Sgm

/// The catalogue of predictors and correctors: language, checks, documentation, comparisons and tests read this list.
module Methods =
    /// Every predictor of the language but `custom`, in the order of the documentation.
    let predictors: Predicting list =
        [
            eulerMaruyamaEntry
            exponentialEntry
            relativeEntry
            reverseDiffusionEntry
            ancestralEntry
            ancestralEtaEntry
            ddpmLargeEntry
            flowEntry
            flowHeunEntry
            dpm2Entry
            dpm2AncestralEntry
            dpmpp2sEntry
            dpmpp2sAncestralEntry
            dpmppSdeEntry
            churnEntry
            churnWithinEntry
            dpmpp2mEntry
            dpmpp2mSdeEntry
            dpmpp3mSdeEntry
            lmsEntry
            ipndmEntry
            deisEntry
            unipcEntry
            acceleratedSdeEntry
            acceleratedOdeEntry
        ]

    /// The words for predictors.
    let predictorWords = (predictors |> List.collect (fun entry -> entry.Words)) @ [ customWord ]

    /// Every corrector of the language, in the order of the documentation.
    let correctors: Correcting list =
        [
            langevinEntry
            langevinScaledEntry
            langevinSnrEntry
            aldEntry
            obaboEntry
            baoabEntry
            randomizedMidpointEntry
            malaEntry
            mhScoresEntry
            hmcEntry
        ]

    /// The words for correctors.
    let correctorWords = correctors |> List.collect (fun entry -> entry.Words)
