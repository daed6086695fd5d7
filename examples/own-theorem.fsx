// A theorem of one's own in F#, checked as `sgm verify` checks the catalogue's.
//
//     dotnet build -c Release cli
//     dotnet fsi examples/own-theorem.fsx

#I "../cli/bin/Release/net10.0"
#r "SgmDsl.Engine.dll"
#r "SgmDsl.Dsl.dll"
#r "SgmDsl.Verification.dll"

open Sgm
open Sgm.Verification

let langevin =
    Claim.over [ "d", [ 1.0; 4.0; 16.0 ]; "h", [ 0.2; 0.1; 0.05; 0.025 ] ] (fun at ->
        experiment {
            target (standard (int at["d"]))
            forward vp
            start (point (fill (int at["d"]) 1.0))
            sampler (repeat (int (10.0 / at["h"])) (corrector (langevin at["h"])))
        })

let bias = langevin |> Claim.check "langevin-bias" kl (fun at -> at["d"] * (0.075 * at["h"] ** 2.0 + exp -20.0))
let order = langevin |> Claim.rate "langevin-order" w2 "h" 1.0

match Claim.objection Quick [ bias; order ] with
| None -> printfn "both hold"
| Some objection -> failwith objection
