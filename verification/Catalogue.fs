namespace Sgm.Verification

open Sgm.Verification.Theorems

/// Every theorem, in the order of the report.
module Catalogue =
    let theorems = [ LeeLuTan.langevinSupNorm; Pedrotti.inexactLangevin; Bruno.gaussianMean ]
