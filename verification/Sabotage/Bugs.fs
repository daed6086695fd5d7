namespace Sgm.Verification.Sabotage

open Sgm.Verification.Sabotage

/// Every seeded bug.
module Bugs =
    let all =
        KernelBugs.all
        @ ScheduleBugs.all
        @ MeasureBugs.all
        @ BoundBugs.all
        @ RuleBugs.all
        @ StreamBugs.all
        @ FiniteBugs.all
