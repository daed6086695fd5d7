/// What a run leaves besides its table: draws in files, estimates through the last kernel, a page.
module Sgm.Tests.RunsTests

open System
open System.IO
open Expecto
open Sgm
open Sgm.Engine
open Sgm.Tests.Command

let private bimodal particles =
    $"experiment {{
    target    (mixture [ 0.5, normal [ -2.0 ] 0.25; 0.5, normal [ 2.0 ] 0.25 ])
    forward   vp
    start     prior
    sampler   (anneal (uniform 2.0 0.01 12) (predictor ancestral))
    measure   [ tv; kl; chi2; w2 ]
    particles {particles}
}}"

let samples =
    testList
        "draws out"
        [
            testCase
                "particles and draws of an exact law, as .npy and .csv, judged right when they come back"
                (fun () ->
                    Folders.inFolder (fun folder ->
                        withFile (bimodal 60_000) (fun file ->
                            for by, kind in [ "exact", "draws of the exact law"; "particles", "particles" ] do
                                let csv, npy = Path.Combine(folder, $"{by}.csv"), Path.Combine(folder, $"{by}.npy")

                                for out in [ csv; npy ] do
                                    let ran = sgm [ "run"; file; "--by"; by; "--samples"; out; "--json" ]
                                    Expect.equal ran.Code 0 ran.Error
                                    let said = at [ "samples" ] (json ran)
                                    Expect.equal ((at [ "of" ] said).GetString()) kind "what they are"
                                    Expect.equal ((at [ "rows" ] said).GetInt64()) 60000L "rows"

                                let read path = (Expect.wantOk (Sample.read 1UL path) path).Particles.Coordinate 0
                                Expect.equal (read csv) (read npy) "both hold the same doubles"

                                let found = json (sgm [ "measure"; npy; csv; "--json" ])

                                Expect.equal
                                    ((at [ "metrics"; "w2"; "lower" ] found).GetDouble())
                                    0.0
                                    "no difference")

                        // What the exact law says of its distance to the target is not refuted by either kind of draws.
                        withFile (bimodal 60_000) (fun file ->
                            let exact = json (sgm [ "run"; file; "--by"; "exact"; "--json" ])

                            for by in [ "exact"; "particles" ] do
                                let law = "mixture [ 0.5, normal [ -2.0 ] 0.25; 0.5, normal [ 2.0 ] 0.25 ]"
                                let file = Path.Combine(folder, $"{by}.npy")

                                let words =
                                    [
                                        "measure"
                                        file
                                        "--target"
                                        law
                                        "--forward"
                                        "vp"
                                        "--level"
                                        "0.01"
                                        "--json"
                                    ]

                                let found = json (sgm words)

                                for metric in [ "tv"; "w2" ] do
                                    let truth =
                                        (exact
                                         |> at [ "probes" ]
                                         |> items
                                         |> List.head
                                         |> at [ "metrics"; metric; "value" ])
                                            .GetDouble()

                                    let lower = (at [ "metrics"; metric; "lower" ] found).GetDouble()
                                    Expect.isLessThanOrEqual lower truth $"{by}, {metric}"
                                    Expect.isGreaterThan lower (0.4 * truth) $"{by}, {metric}: not vain")))

            testCase "a place that will not do is refused before anything runs, and nothing is touched" (fun () ->
                Folders.inFolder (fun folder ->
                    withFile (bimodal 100) (fun file ->
                        for out, wanted in
                            [
                                "x.parquet", "Parquet is not written"
                                "x.txt", "'.txt'"
                                "x", "ending ''"
                                "folder.npy", "it is a folder"
                            ] do
                            Directory.CreateDirectory(Path.Combine(folder, "folder.npy")) |> ignore
                            let ran = sgm [ "run"; file; "--samples"; Path.Combine(folder, out) ]
                            Expect.equal ran.Code 2 out
                            Expect.stringContains ran.Error wanted out
                            Expect.equal ran.Out "" "nothing was run"
                            Expect.hasLength (Directory.GetFileSystemEntries folder) 1 "nothing was written")))

            testCase "a run that diverges leaves no file" (fun () ->
                Folders.inFolder (fun folder ->
                    withFile (langevinText 3.0) (fun file ->
                        let out = Path.Combine(folder, "x.npy")
                        Expect.equal (sgm [ "run"; file; "--samples"; out ]).Code 3 "diverged"
                        Expect.isFalse (File.Exists out) "no file")))
        ]

let private planOf text =
    match Check.text "" "." text with
    | Ok found -> found.Plan
    | Error problems -> failtest (Message.renderAll problems)

/// Langevin from a point: after k steps N(0, v_k), v_(k+1) = (1 − h)²·v_k + 2h.
let private langevin sampler =
    $"experiment {{
    target    (standard 1)
    forward   vp
    start     (point [ 0.0 ])
    sampler   ({sampler})
    measure   [ tv; kl; chi2 ]
    particles 5000
}}"

/// What a normal law N(0, v), v < 1, is from N(0, 1): KL, χ² and the deviations of ln(q/p) and of q/p under q.
let private wanted v =
    let kl = 0.5 * (v - 1.0 - log v)
    // E (q/p)^k under q: v^(−k/2)·(1 + k(1 − v))^(−1/2).
    let moment k = v ** (-k / 2.0) / sqrt (1.0 + k * (1.0 - v))
    let chi2 = moment 1.0 - 1.0
    kl, chi2, (1.0 - v) / sqrt 2.0, sqrt (moment 2.0 - moment 1.0 ** 2.0)

let estimates =
    testList
        "estimates through the last kernel"
        [
            testCase "normal laws: every probe of a repeat, by closed forms" (fun () ->
                let h = 0.1

                let plan =
                    planOf (
                        langevin $"probe \"start\" >=> repeat 3 (repeat 2 (corrector (langevin {h})) >=> probe \"p\")"
                    )

                let options = RunOptions(Particles = 5000L)
                let ensemble = Ensemble()
                let outcome = ensemble.Run(plan, options)
                let at i = KernelEstimate.At(ensemble, plan, options, int64 i, outcome.Probes[i])
                Expect.isNotNull (at 0).Reason "no step before the start"
                let count = float (KernelEstimate.Centres(plan, options))

                for i, steps in [ 1, 2; 2, 4; 3, 6; 4, 6 ] do
                    let v = Seq.init steps id |> Seq.fold (fun v _ -> (1.0 - h) ** 2.0 * v + 2.0 * h) 0.0
                    let kl, chi2, ofLog, ofRatio = wanted v
                    let found = at i
                    // Five standard errors, and as much again as the kernels' own noise, of second order: 5/M.
                    let near what (value: float) truth deviation =
                        let slack = 5.0 * deviation / sqrt count + 5.0 / count
                        Expect.isLessThan (abs (value - truth)) slack $"{what} at probe {i}: {value} for {truth}"

                    near "KL" found.Kl.Value kl ofLog
                    near "χ²" found.Chi2.Value chi2 ofRatio)

            testCase "a bimodal law on the line: as the grid says" (fun () ->
                let plan = planOf (bimodal 20_000)
                let exact = (Seq.last (Laws.run plan (RunOptions())).Probes).Law
                let options = RunOptions(Particles = 20_000L)
                let ensemble = Ensemble()
                let outcome = ensemble.Run(plan, options)
                let found = KernelEstimate.At(ensemble, plan, options, 0L, outcome.Probes[0])
                // Deviations of (1 − p/q)₊ and of ln(q/p) under q are below 1/2; six standard errors.
                let slack = 6.0 * 0.5 / sqrt (float (KernelEstimate.Centres(plan, options)))

                for metric in [ Metric.Tv; Metric.Kl ] do
                    Expect.isLessThan
                        (abs (found.Of(metric).Value - (exact.Measure metric).Value.Value))
                        slack
                        metric.Name)

            testCase "none where there is no noise, or too little, and it says why" (fun () ->
                let ensemble = Ensemble()

                for sampler, wanted in
                    [
                        "anneal (uniform 2.0 0.5 4) (predictor flow)", "no noise"
                        "repeat 200 (corrector (langevin 0.1)) >=> corrector (langevin 1e-9)", "overlap too little"
                    ] do
                    let plan = planOf (langevin sampler)
                    let options = RunOptions(Particles = 2000L)
                    let outcome = ensemble.Run(plan, options)
                    let found = KernelEstimate.At(ensemble, plan, options, 0L, Seq.last outcome.Probes)
                    Expect.stringContains found.Reason wanted sampler
                    Expect.isFalse (found.Kl.HasValue || found.Tv.HasValue || found.Chi2.HasValue) sampler)

            testCase
                "the command shows them apart from the intervals, and advises nothing that cannot be done"
                (fun () ->
                    withFile (bimodal 5000) (fun file ->
                        let ran = sgm [ "run"; file; "--by"; "particles" ]
                        Expect.stringContains ran.Out "estimate, no interval" "the table"
                        Expect.isFalse ((ran.Out + ran.Error).Contains "--by exact") "no advice that leads nowhere"

                        let probe =
                            json (sgm [ "run"; file; "--by"; "particles"; "--json" ])
                            |> at [ "probes" ]
                            |> items
                            |> List.head

                        Expect.isTrue
                            (isNullValue (at [ "metrics"; "kl"; "value" ] probe))
                            "no value with an interval"

                        Expect.isGreaterThan ((at [ "estimates"; "kl" ] probe).GetDouble()) 0.0 "an estimate"
                        let exact = json (sgm [ "run"; file; "--json" ]) |> at [ "probes" ] |> items |> List.head
                        Expect.isFalse (List.contains "estimates" (names exact)) "none beside exact numbers"))
        ]

/// A run with probes of hostile names, in the plane, by particles.
let private hostile = "<script>alert('1')</script> & \\\"q\\\""

let private plane =
    $"experiment {{
    target    (mixture [ 0.5, normal [ -2.0; 0.0 ] 0.25; 0.5, normal [ 2.0; 1.0 ] 0.25 ])
    forward   ve
    sampler   (anneal (geometric 5.0 0.1 4) (predictor ancestral) >=> probe \"{hostile}\" >=> repeat 2 (corrector (langevin 0.01)))
    measure   [ tv; w2 ]
    particles 3000
}}"

let private withPage text words test =
    Folders.inFolder (fun folder ->
        withFile text (fun file ->
            let place = Path.Combine(folder, "page")
            let ran = sgm ([ "run"; file; "--report"; place ] @ words)
            Expect.equal ran.Code 0 ran.Error
            test place ran))

let page =
    testSequenced
    <| testList
        "page of a run"
        [
            testCase "is one file that fetches nothing, in a folder of our own, and is replaced" (fun () ->
                withPage (bimodal 500) [] (fun place ran ->
                    Expect.stringContains ran.Out (Path.Combine(place, "index.html")) "where it is"
                    let files = Directory.GetFiles place |> Array.map Path.GetFileName |> Array.sort
                    Expect.equal files [| "index.html"; "report.manifest.json" |] "its files"
                    let text = File.ReadAllText(Path.Combine(place, "index.html"))
                    Expect.isFalse (text.Contains "http:" || text.Contains "https:") "no address"

                    Expect.isFalse
                        (text.Contains "NaN" || text.Contains "Infinity" || text.Contains "∞")
                        "only numbers"

                    withFile (bimodal 500) (fun file ->
                        Expect.equal (sgm [ "run"; file; "--report"; place; "--json" ]).Code 0 "again"
                        File.WriteAllText(Path.Combine(place, "index.html"), "mine")
                        let refused = sgm [ "run"; file; "--report"; place ]
                        Expect.equal refused.Code 2 "what somebody else wrote stays"
                        Expect.equal (File.ReadAllText(Path.Combine(place, "index.html"))) "mine" "it does")))

            testCase "shows densities on the line, the plane, and marginals beyond; points and spikes too" (fun () ->
                let plots place =
                    let text = File.ReadAllText(Path.Combine(place, "index.html"))
                    (text.Split "class=\"place\"").Length - 1, (text.Split "density of x").Length - 1, text

                // Start, twelve transitions of which the last is the end.
                withPage (bimodal 500) [] (fun place _ ->
                    let places, densities, _ = plots place
                    Expect.equal (places, densities) (13, 13) "on the line")

                withPage plane [ "--by"; "particles" ] (fun place _ ->
                    let places, densities, text = plots place
                    Expect.equal (places, densities) (2, 0) "its own probes, in the plane"
                    Expect.stringContains text "600 particles" "points"
                    Expect.isFalse (text.Contains "<script>alert") "a hostile name is no tag")

                let product =
                    "experiment {
    target  (product [ 2, mixture [ 0.3, normal [ -2.0 ] 0.25; 0.7, normal [ 1.0 ] 0.5 ]; 6, standard 1 ])
    forward vp
    start   (point (fill 8 0.0))
    sampler (repeat 3 (corrector (langevin 0.05)))
    measure [ tv ]
}"

                withPage product [] (fun place _ ->
                    let places, densities, text = plots place
                    Expect.equal (places, densities) (4, 24) "six of eight coordinates"
                    Expect.stringContains text "Of 8 coordinates the first 6" "said"))

            testCase "in a browser: the slider shows one place, its numbers stay in view, light and dark" (fun () ->
                match Browser.find () with
                | None -> skiptest "there is no chromium on this machine: the page was not opened in a browser"
                | Some command ->
                    withPage plane [] (fun place _ ->
                        use browser = Browser.start command

                        for width in [ 1400; 390 ] do
                            browser.Resize width 900
                            browser.Open(Path.Combine(place, "index.html"))
                            Expect.isEmpty browser.Complaints $"{width}: the console"

                            let shown () =
                                browser.Number
                                    "[...document.querySelectorAll('.place')].filter(p => p.getClientRects().length).length"

                            let said () = browser.Text "document.querySelector('.slider output').textContent"
                            Expect.equal (shown ()) 1.0 $"{width}: one place"
                            Expect.stringStarts (said ()) "2 of 2: end" $"{width}: the end first"

                            browser.Evaluate
                                "(() => { const r = document.querySelector('.slider input'); r.value = 0; r.dispatchEvent(new Event('input')) })()"
                            |> ignore

                            Expect.equal (shown ()) 1.0 $"{width}: one place still"

                            Expect.stringContains
                                (said ())
                                "<script>alert('1')</script>"
                                $"{width}: a hostile name as text"

                            Expect.equal
                                (browser.Number "document.querySelectorAll('.place h3').length")
                                2.0
                                "both are there"

                            Expect.equal
                                (browser.Number "document.querySelectorAll('script').length")
                                2.0
                                "scripts are ours"

                            Expect.isLessThanOrEqual
                                (browser.Number "document.documentElement.scrollWidth")
                                (float width)
                                $"{width}: sideways"

                            let small =
                                browser.Number
                                    "[...document.querySelectorAll('.place:not([hidden]) svg.plot')].filter(p => p.getBoundingClientRect().width / innerWidth < 0.5 && innerWidth < 500).length"

                            Expect.equal small 0.0 $"{width}: a picture as wide as a phone"

                        for scheme in [ "light"; "dark" ] do
                            browser.Prefer scheme

                            let ink =
                                browser.Text
                                    "getComputedStyle(document.querySelector('.place:not([hidden]) svg.plot .ink')).color"

                            Expect.equal
                                ink
                                (browser.Text "getComputedStyle(document.body).color")
                                $"{scheme}: in the page's ink"))
        ]

let tests = testList "Runs" [ samples; estimates; page ]
