/// Targets on the line by their log-density.
module Sgm.Tests.LogDensityTests

open System
open Expecto
open Sgm
open Sgm.Engine
open Sgm.Tests.ExactLaws

let private wells x = -4.0 * (x * x - 1.0) ** 2.0

let private parts target =
    match target with
    | Mixture parts ->
        [
            for weight, part in parts do
                match part with
                | Normal([ mean ], variance) -> weight, mean, variance
                | other -> failtestf "not a normal law of the line: %A" other
        ]
    | other -> failtestf "not a mixture: %A" other

let private sum f low high =
    let n = 40_000
    let h = (high - low) / float n
    h * Seq.sum (seq { for i in 0..n -> (if i = 0 || i = n then 0.5 else 1.0) * f (low + h * float i) })

/// The density with noise of this deviation, by the trapezoid rule.
let private noised logDensity deviation low high =
    let total = sum (logDensity >> exp) low high

    fun x ->
        sum
            (fun y ->
                exp (logDensity y - (x - y) ** 2.0 / (2.0 * deviation * deviation))
                / (deviation * sqrt (2.0 * Math.PI)))
            low
            high
        / total

let private definition =
    testList
        "what is made"
        [
            testCase
                "one normal law a cell, with its mass; the density is the given one with the cell's noise"
                (fun () ->
                    let made = parts (ofLogDensity (-2.5, 2.5) 250 wells)
                    Expect.hasLength made 250 "cells"
                    let w = 0.02
                    let smooth = noised wells w -2.5 2.5
                    Expect.floatClose Accuracy.high (made |> List.sumBy (fun (weight, _, _) -> weight)) 1.0 "mass"

                    for x in [ -1.7; -1.0; -0.31; 0.0; 0.55; 1.013 ] do
                        let density =
                            made
                            |> List.sumBy (fun (weight, mean, variance) ->
                                weight * exp (-((x - mean) ** 2.0) / (2.0 * variance))
                                / sqrt (2.0 * Math.PI * variance))

                        // A cell's mass sits at its middle: a box of width w beside the noise, w²/24·p″ of the density.
                        let box = (smooth (x + 0.01) - 2.0 * smooth x + smooth (x - 0.01)) / 1e-4 * w * w / 24.0

                        Expect.isLessThan (abs (density - smooth x - box)) 2e-6 $"at {x}")

            testCase "a constant in the log-density, however large, and cells without mass change nothing" (fun () ->
                let plain = parts (ofLogDensity (-2.5, 2.5) 100 wells)
                let moved = parts (ofLogDensity (-2.5, 2.5) 100 (fun x -> wells x + 1e6))
                Expect.hasLength moved (List.length plain) "as many"

                for (a, mean, _), (b, other, _) in List.zip plain moved do
                    Expect.equal mean other "places"
                    Expect.isLessThan (abs (a - b)) 1e-9 "weights"

                let half = parts (ofLogDensity (-1.0, 1.0) 20 (fun x -> if x < 0.0 then -infinity else 0.0))
                Expect.hasLength half 10 "the cells without mass are left out"
                Expect.allEqual (half |> List.map (fun (weight, _, _) -> round (1e12 * weight))) 1e11 "uniform")

            testCase "mistakes are sentences" (fun () ->
                let says part make =
                    let message =
                        try
                            make () |> ignore
                            "nothing was said"
                        with :? ArgumentException as error ->
                            error.Message

                    Expect.stringContains message part "said"

                says "the lower first" (fun () -> ofLogDensity (1.0, -1.0) 10 wells)
                says "the lower first" (fun () -> ofLogDensity (nan, 1.0) 10 wells)
                says "2 to 100000" (fun () -> ofLogDensity (-1.0, 1.0) 1 wells)
                says "is NaN at" (fun () -> ofLogDensity (-1.0, 1.0) 10 (fun x -> sqrt x))
                says "there is no mass" (fun () -> ofLogDensity (-1.0, 1.0) 10 (fun _ -> -infinity)))
        ]

let private runs =
    testList
        "what runs"
        [
            testCase "an exact law against it, and a text that reads back to it" (fun () ->
                let own =
                    experiment {
                        target (ofLogDensity (-2.5, 2.5) 100 wells)
                        forward ve
                        start (from (normal [ 0.2 ] 1.5))
                        sampler identity
                        measure [ tv; kl ]
                    }

                let valid =
                    Check.experiment "." own
                    |> Result.defaultWith (fun problems -> failtestf "%s" (Message.renderAll problems))

                let again = Parse.experiment "mine.sgm" valid.Text |> Result.map _.Target
                Expect.equal again (Ok own.Target) "text"
                let density = parts own.Target

                let p x =
                    density
                    |> List.sumBy (fun (weight, mean, variance) ->
                        weight * exp (-((x - mean) ** 2.0) / (2.0 * variance)) / sqrt (2.0 * Math.PI * variance))

                let q x = exp (-((x - 0.2) ** 2.0) / 3.0) / sqrt (3.0 * Math.PI)
                let variation = 0.5 * sum (fun x -> abs (p x - q x)) -12.0 12.0
                let law = finalOf (GridInterpreter().Run(valid.Plan, RunOptions()))
                let measured = law.Measure Metric.Tv
                Expect.isLessThan (abs (measured.Value.Value - variation)) 1e-6 "tv"
                Expect.isLessThan (measured.Upper - measured.Lower) 1e-9 "narrow")
        ]

let tests = testList "targets by their log-density" [ definition; runs ]
