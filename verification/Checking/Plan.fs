/// A plan with one part replaced.
module Sgm.Verification.Plan

open System.Collections.Immutable
open Sgm.Engine

let private rebuilt (plan: Plan) score start instructions metrics =
    Plan(
        Target = plan.Target,
        Score = score,
        Start = start,
        InitialLevel = plan.InitialLevel,
        Instructions = instructions,
        Metrics = metrics
    )

let withScore score (plan: Plan) = rebuilt plan score plan.Start plan.Instructions plan.Metrics
let withStart start (plan: Plan) = rebuilt plan plan.Score start plan.Instructions plan.Metrics
let withInstructions instructions (plan: Plan) = rebuilt plan plan.Score plan.Start instructions plan.Metrics

let withMetrics (metrics: Metric seq) (plan: Plan) =
    rebuilt plan plan.Score plan.Start plan.Instructions (ImmutableArray.CreateRange metrics)
