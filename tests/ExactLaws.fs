/// Runs by exact laws, and brackets held against the truth.
module Sgm.Tests.ExactLaws

open Expecto
open Sgm

let planOf e = Lower.plan (fun file -> invalidOp file) e

let finalOf (outcome: Engine.Outcome) =
    Expect.isTrue outcome.IsCompleted $"{outcome.Status}"
    (Seq.last outcome.Probes).Law

let gaussianLaw e = finalOf (Engine.GaussianInterpreter().Run(planOf e, Engine.RunOptions()))

let metrics = [ kl; chi2; w2; tv ]

let value metric (law: Engine.Law) = (law.Measure metric).Value.Value

let contains (estimate: Engine.Estimate) truth what =
    Expect.isTrue
        (estimate.Lower <= truth && truth <= estimate.Upper)
        $"{what}: {truth:R} outside [{estimate.Lower:R}, {estimate.Upper:R}]"
