/// Documents of every verb, in every form that they have.
module Sgm.Tests.JsonDocuments

open System
open System.Collections.Generic
open System.IO
open System.Text.Json
open System.Text.RegularExpressions
open System.Threading
open Expecto
open Sgm.Verification
open Sgm.Verification.Sabotage
open Sgm.Tests.Command

let parsed (text: string) =
    use document = JsonDocument.Parse text
    document.RootElement.Clone()

let private langevin = langevinText 0.5

let private mixture =
    "experiment {
    target (mixture [ 0.5, normal [ -2.0 ] 0.25; 0.5, normal [ 2.0 ] 0.25 ])
    forward vp
    start prior
    sampler (anneal (uniform 2.0 0.1 5) (predictor ancestral))
    measure [ tv; kl; chi2; w2 ]
}"

/// Families of ends, of which no exact law runs the second.
let private ends =
    let family target =
        $"let h = 0.5\n\nexperiment {{
    target ({target})
    forward vp
    start warm
    sampler (repeat 2 (corrector (langevin h)))
    measure [ kl ]
}}"

    [
        family "normal [ 0.0 ] 1.0", 0
        family
            "mixture [ 0.5, normalDiag [ -1.0; 0.0; 0.0 ] [ 1.0; 2.0; 1.0 ]; 0.5, normalDiag [ 1.0; 1.0; 0.0 ] [ 2.0; 1.0; 1.0 ] ]",
        3
    ]

/// The documents, printed by the command.
let documents =
    lazy
        (let printed = List<JsonElement>()

         let add code words =
             let ran = sgm (words @ [ "--json" ])
             Expect.equal ran.Code code $"{words}: {ran.Error}"
             printed.Add(json ran)

         let own text words =
             withFile text (fun file -> List.iter (fun (code, verb, rest) -> add code (verb :: file :: rest)) words)

         own langevin [ 0, "run", []; 0, "run", [ "--by"; "particles"; "--fit" ]; 0, "check", []; 0, "certify", [] ]

         Folders.inFolder (fun folder ->
             for by in [ "exact"; "particles" ] do
                 own langevin [ 0, "run", [ "--by"; by; "--samples"; Path.Combine(folder, "out.npy") ] ])

         own
             "experiment {
    target (standard 1)
    forward vp
    sampler (anneal (uniform 2.0 0.1 2) (predictor flow))
    measure [ kl ]
    particles 100
}"
             [ 0, "run", [ "--by"; "particles" ] ]

         let numpy name = Path.Combine(Folders.root.Value, "tests", "numpy", name)
         add 0 [ "measure"; numpy "normal.npy"; "--target"; "standard 2" ]
         add 0 [ "measure"; Path.Combine(examples.Value, "faithful.csv"); numpy "normal.npy" ]
         own (langevinText 3.0) [ 3, "run", []; 3, "run", [ "--by"; "particles" ] ]

         own
             mixture
             [ 0, "run", []; 0, "check", []; 0, "certify", []; 0, "tune", [ "--evaluations"; "3" ]; 0, "score", [] ]

         own
             "experiment {
    target (normal [ 0.0 ] 1.0)
    forward vp
    start warm
    sampler (corrector (mala 0.5))
    measure [ tv ]
    particles 1000
}"
             [ 0, "run", []; 0, "run", [ "--by"; "particles" ] ]

         let symbols sampler =
             $"discrete {{\n    target (isingChain 4 0.5 0.2)\n    times (uniform 2.0 0.1 8)\n    sampler {sampler}\n}}"

         own (symbols "tauLeaping") [ 0, "run", []; 0, "check", []; 0, "certify", [] ]
         own (symbols "uniformisation") [ 0, "run", []; 0, "certify", [] ]
         own (mixtureText 10 500) [ 0, "run", []; 0, "run", [ "--by"; "particles" ]; 0, "certify", [] ]
         own "experiment {\n    forward vq\n}" [ 2, "check", [] ]

         // Two metrics with a slope, and one that is infinite.
         own
             "let h = oneOf [ 0.2; 0.1; 0.05; 0.025 ]\nlet d = oneOf [ 1; 2 ]\n\nexperiment {
    target (standard d)
    forward vp
    start (from (normal (fill d 0.0) 2.5))
    sampler (repeat (int (0.2 / h)) (corrector (langevin h)))
    measure [ kl; chi2 ]
}"
             [ 0, "sweep", []; 0, "sweep", [ "--over"; "h=0.2,0.1"; "--set"; "d=1" ] ]

         own
             "let r = oneOf [ 1.0; 2.0 ]\n\nexperiment {
    target (mixture [ 0.5, normalDiag [ -r; 0.0; 0.0 ] [ 1.0; 2.0; 1.0 ]; 0.5, normalDiag [ r; 1.0; 0.0 ] [ 2.0; 1.0; 1.0 ] ])
    forward vp
    start warm
    sampler identity
    measure [ kl ]
}"
             [ 3, "sweep", [ "--by"; "exact" ] ]

         // A step from the score's size, which is estimated.
         own
             "experiment {
    target (mixture [ 0.5, normal [ -2.0 ] 0.25; 0.5, normal [ 2.0 ] 0.25 ])
    forward ve
    sampler (anneal (geometric 2.0 0.5 4) (predictor ancestral >=> corrector (langevinSnr 0.1)))
    measure [ kl ]
}"
             [ 0, "check", [] ]

         own mixture [ 0, "compare", [ "--catalogue"; "--evaluations"; "4,8" ] ]
         withFile mixture (fun file -> add 0 [ "theorems"; "lee"; "--compare"; file; "--accuracy"; "0.9" ])

         let coupled =
             "experiment {
    target (mixture [ 0.5, normalDiag [ -1.0; 0.0; 0.0 ] [ 1.0; 2.0; 1.0 ]; 0.5, normalDiag [ 1.0; 1.0; 0.0 ] [ 2.0; 1.0; 1.0 ] ])
    forward vp
    sampler (anneal (uniform 2.0 0.1 5) (predictor ancestral))
    measure [ kl ]
}"

         own coupled [ 3, "compare", [ "--evaluations"; "4"; "--by"; "exact" ]; 0, "certify", [] ]

         // Neither W2 is certified nor anything measured.
         withFile coupled (fun file -> add 0 [ "theorems"; "lee-2022-3.1"; "--compare"; file; "--accuracy"; "0.5" ])

         // Errors from draws, and a law whose start nothing is known of.
         own
             "experiment {
    target (mixture [ 0.5, normalDiag [ -1.0; 0.0; 0.0 ] [ 1.0; 2.0; 1.0 ]; 0.5, normalDiag [ 1.0; 1.0; 0.0 ] [ 2.0; 1.0; 1.0 ] ])
    forward vp
    score (scoreMatching 50 4 1)
    sampler (anneal (uniform 2.0 0.5 2) (predictor ancestral))
}"
             [ 0, "score", [] ]

         let faithful = Path.Combine(examples.Value, "old-faithful.sgm")
         add 0 [ "check"; faithful ]
         add 2 [ "run"; "no such file" ]

         for law in
             [
                 "normal [ 1.0; 1.0 ] 0.5"
                 "mixture [ 0.5, normal [ -0.1; 0.0; 0.0 ] 1.0; 0.5, normal [ 0.1; 0.0; 0.0 ] 1.0 ]"
             ] do
             add 0 [ "plan"; "bruno-2023-log-concave"; "--target"; law; "--accuracy"; "0.5" ]

         add 0 [ "theorems" ]

         Folders.inFolder (fun folder ->
             let report = Path.Combine(folder, "report")
             add 0 [ "verify"; "lee-2022-4.2"; "bruno-2023-gaussian"; "--report"; report ]

             for file in [ "report.json"; "report.manifest.json" ] do
                 printed.Add(parsed (File.ReadAllText(Path.Combine(report, file))))

             // A shard, and cells of every kind: bounds and rates, from samples, outside the hypotheses; ends, and
             // one that failed.
             let part = [ "--report"; Path.Combine(folder, "part") ]
             add 0 ([ "verify"; "bruno-2023-sgld"; "bruno-2023-gaussian-limit"; "--shard"; "0/1" ] @ part)

             let file = Path.Combine(folder, "claim.sgm")
             let claim = "    claimWhen (h > 0.3) kl 10.0\n}"
             File.WriteAllText(file, (fst ends.Head).TrimEnd('}').Replace("h = 0.5", "h = oneOf [ 0.5; 0.2 ]") + claim)
             add 0 [ "verify"; file; "--report"; Path.Combine(folder, "claim") ]

             for text, code in ends do
                 let file = Path.Combine(folder, $"{code}.sgm")
                 File.WriteAllText(file, text)
                 let place = Path.Combine(folder, $"ends {code}")
                 add code [ "sweep"; file; "--over"; "h=0.5,0.25"; "--by"; "exact"; "--report"; place ]

             for place in [ "report"; "part"; "claim"; "ends 0"; "ends 3" ] do
                 let store = Path.Combine(folder, place, "store")

                 for file in Directory.GetFiles(store, "*.json", SearchOption.AllDirectories) do
                     printed.Add(parsed (File.ReadAllText file)))

         let runner = Runner.engine CancellationToken.None
         let bugs = Bugs.all |> List.filter (fun bug -> bug.Id = "kl-reversed")
         let matrix = Sabotage.against runner 1 [ Theorems.ExactDivergences.normalPairs ] bugs

         let spending =
             {
                 What = "W2"
                 Stages = 1
                 Particles = 1000L
                 Seed = 1UL
                 FalseAlarm = 1e-9
                 Assumes = None
                 Power = Some "0.1"
             }

         let result = HostileReport.mixed

         let sampled =
             { result with
                 Checks = result.Checks |> List.map (fun check -> { check with Sampled = [ spending ] })
             }

         let document = { Report.Document.create DateTimeOffset.UnixEpoch sampled with Matrix = Some matrix }
         printed.Add(parsed (Report.Json.summaryOf document))
         printed.Add(parsed (Report.Json.report document))
         List.ofSeq printed)
