// Theorems of one's own as tests.
//
//     dotnet run -c Release --project examples/expecto
module Sgm.Examples.Tests

open Expecto
open Sgm
open Sgm.Verification

/// N steps of Langevin dynamics on N(0, I_d), for a time of 10.
let langevin =
    Claim.over [ "d", [ 1.0; 4.0; 16.0 ]; "h", [ 0.2; 0.1; 0.05; 0.025 ] ] (fun at ->
        experiment {
            target (standard (int at["d"]))
            forward vp
            start (point (fill (int at["d"]) 1.0))
            sampler (repeat (int (10.0 / at["h"])) (corrector (langevin at["h"])))
        })

let tests =
    testList
        "Langevin"
        [
            testCase "bias is of the second order in KL" (fun () ->
                langevin
                |> Claim.check "langevin-bias" kl (fun at -> at["d"] * (0.075 * at["h"] ** 2.0 + exp -20.0))
                |> Expect.holds)

            testCase "and of the first in W2" (fun () ->
                langevin |> Claim.rate "langevin-order" w2 "h" 1.0 |> Expect.holds)

            testCase "half of the bias is no bound" (fun () ->
                let half = langevin |> Claim.check "half-the-bias" kl (fun at -> at["d"] * 0.03 * at["h"] ** 2.0)
                Expect.throws (fun () -> Expect.holds half) "a violated claim fails the test")
        ]

[<EntryPoint>]
let main arguments = runTestsWithCLIArgs [] arguments tests
