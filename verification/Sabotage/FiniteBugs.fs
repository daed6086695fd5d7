/// Bugs in the reverse rates of discrete diffusion.
module Sgm.Verification.Sabotage.FiniteBugs

open System
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Certificates
open Sgm.Verification.Sabotage

let private bug id title breaks (edit: FiniteProcess -> FiniteProcess) =
    let edited (plan: Plan) =
        match plan.Finite with
        | null -> None
        | own -> Some(Plan.withFinite (edit own) plan)

    { Id = id; Title = title; Breaks = breaks; Part = Scores; Change = OfPlan edited }

let private withRates of' bias (own: FiniteProcess) =
    FiniteProcess(
        Target = own.Target,
        RatesOf = of',
        Bias = bias,
        Times = own.Times,
        Sampler = own.Sampler,
        IsWarm = own.IsWarm
    )

/// The law of every coordinate changed, or of all of them together.
let private mapped (f: FiniteTable -> float[]) (law: FiniteTarget) : FiniteTarget =
    match law with
    | :? FiniteProduct as product ->
        FiniteTarget.Product [ for struct (count, inner) in product.Blocks -> struct (count, f inner) ]
    | other ->
        let table = other.AsTable()
        FiniteTarget.Table(table.Symbols, table.Dimension, ReadOnlySpan(f table))

let all =
    [
        bug "finite-ratio" "λ = 1/S for λ = p(y)/(S·p(x))" "the ratio of masses is forgotten" (fun own ->
            let flat (table: FiniteTable) = table.Masses |> Array.map (fun _ -> 1.0)
            withRates (mapped flat own.Target) 0.0 own)
        bug "finite-clock" "rates of t + ½ at t" "the clock of the rates is late" (fun own ->
            withRates (mapped (fun table -> (FinitePath.noised 0.5 table).Of) own.RatesOf) own.Bias own)
        bug "finite-rate" "2λ for even coordinates, λ/2 for odd ones" "factors of 2 in the rates" (fun own ->
            withRates own.RatesOf (own.Bias + log 2.0) own)
    ]
