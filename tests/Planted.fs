/// Bugs planted behind a theorem's back: the engine runs another plan than the one that the bound is evaluated with.
module Sgm.Tests.Planted

open System.Threading
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Sabotage

let healthy = Runner.engine CancellationToken.None

let engineWith (change: Plan -> Plan) = { healthy with Run = fun plan options -> Sgm.Laws.run (change plan) options }

/// Every step of the plan with A·a, B·b and C·c.
let scaled a b c plan = PlanEdit.steps (PlanEdit.scaled a b c >> Some) plan |> Option.defaultValue plan
