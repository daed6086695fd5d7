/// What statements about Langevin Monte Carlo are tried on: normal laws of two variances, and scores with errors.
module Sgm.Verification.Theorems.LangevinNormals

open Sgm
open Sgm.Verification
open Sgm.Verification.Scenarios

/// A constant score error of norm ε.
let offBy error = if error = 0.0 then exact else exact |> shifted error

/// A ripple on the score whose sup norm is ε on the line.
let rippledBy error = if error = 0.0 then exact else exact |> rippled (error / sqrt 2.0) 3.0

let whole symbol s = int (value symbol s)

/// N steps h of Langevin on half the variances 1 and half κ, from laws that are w times as wide around b in every coordinate;
/// a constant score error ε.
let normals metric h (s: Setting) =
    let d = whole "d" s
    let variances = List.init d (fun i -> if i % 2 = 0 then 1.0 else value "κ" s)

    experiment {
        target (normalDiag (fill d 0.0) variances)
        forward ve
        score (offBy (value "ε" s))
        start (from (normalDiag (fill d (value "b" s)) (variances |> List.map (fun v -> value "w" s * v))))
        sampler (repeat (whole "N" s) (corrector (langevin h)))
        measure [ metric ]
    }

/// How a metric at rest falls with a symbol: after a time in which nothing is left of the start.
let atRest (metric: Engine.Metric) experimentOf stepsFor (base': Setting) words symbol exponent changes values =
    {
        Axis = symbol
        Exponent = exponent
        IsExponential = false
        Of = $"{metric} at stationarity, {words}"
        Quantity = atEnd metric
        Scenario =
            scenario
                $"{metric} in {symbol}, {words}"
                "N(0, I) until nothing is left of the start."
                (fun s k -> experimentOf (Map.add "N" (ceil (stepsFor s)) s) k)
                [ changed base' changes ]
                [ axis symbol symbol (fun _ -> values) ]
    }
