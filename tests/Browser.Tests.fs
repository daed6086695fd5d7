module Sgm.Tests.BrowserTests

open System
open System.IO
open System.Text
open Expecto
open Sgm.Verification.Report

/// The report with every verdict, every kind of number and hostile names everywhere.
let private hostile = lazy (Document.create DateTimeOffset.UnixEpoch HostileReport.mixed)

/// Writes the report into a folder with a hostile name and hands its page to a test; skips where there is no browser.
let private onReport test =
    match Browser.find () with
    | None -> skiptest "there is no chromium on this machine: the report was not opened in a browser"
    | Some command ->
        let root = Directory.CreateTempSubdirectory("sgm-report-").FullName
        let folder = Path.Combine(root, "<b>&amp; 'q' #1 %41 ü")

        try
            for name, text in Folder.files hostile.Value do
                let file = Path.Combine(folder, name)
                Directory.CreateDirectory(Path.GetDirectoryName file) |> ignore
                File.WriteAllText(file, text, UTF8Encoding false)

            use page = Browser.start command
            test page (Path.Combine(folder, "index.html"))
        finally
            Directory.Delete(root, true)

/// Contrast of an element's text on the page by the relative luminances of WCAG 2.
let private contrastOf selector =
    $"(() => {{ const l = c => {{ const [r, g, b] = c.match(/[\\d.]+/g).map(v => {{ v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4 }}); return .2126 * r + .7152 * g + .0722 * b }}; const a = l(getComputedStyle(document.querySelector('{selector}')).color), b = l(getComputedStyle(document.body).backgroundColor); return (Math.max(a, b) + .05) / (Math.min(a, b) + .05) }})()"

/// The contrast of the page's own text; negative when it is light on dark.
let private contrast (page: Browser.Page) =
    let isLight =
        page.Flag
            "(() => { const sum = c => c.match(/[\\d.]+/g).slice(0, 3).reduce((a, b) => a + +b, 0); const s = getComputedStyle(document.body); return sum(s.color) > sum(s.backgroundColor) })()"

    page.Number(contrastOf "body") * if isLight then -1.0 else 1.0

/// A computed property of the first element.
let private style selector property = $"getComputedStyle(document.querySelector('{selector}'))['{property}']"

let private widths = [ "small phone", 360, 740; "phone", 390, 844; "desktop", 1280, 900 ]

let tests =
    testSequenced
    <| testList
        "report in a browser"
        [
            testCase "no complaint, no foreign element, plots in view at phone and desktop width"
            <| fun () ->
                onReport (fun page file ->
                    for name, width, height in widths do
                        page.Resize width height
                        page.Open file
                        Expect.isEmpty page.Complaints $"{name}: the console"

                        let plots = page.Number "document.querySelectorAll('svg.plot').length"
                        Expect.isGreaterThan plots 3.0 $"{name}: plots"

                        let badPlots =
                            page.Number
                                "[...document.querySelectorAll('svg.plot')].filter(p => { for (let d = p.closest('details'); d; d = d.parentElement.closest('details')) d.open = true; const b = p.getBoundingClientRect(); return !(b.width >= 200 && b.height >= 100 && b.left >= 0) }).length"

                        Expect.equal badPlots 0.0 $"{name}: plots without size"

                        Expect.isLessThanOrEqual
                            (page.Number "document.documentElement.scrollWidth")
                            (float width)
                            $"{name}: nothing sticks out sideways"

                        // Two scripts are ours; the hostile ones are text.
                        Expect.equal (page.Number "document.querySelectorAll('script').length") 2.0 $"{name}: scripts"

                        Expect.isTrue
                            (page.Flag "document.body.textContent.includes(\"<script>alert('1')</script>\")")
                            $"{name}: a hostile name is shown as text"

                        Expect.equal
                            (page.Number "document.querySelectorAll('[src],link,iframe,object,embed,img').length")
                            0.0
                            $"{name}: nothing is loaded")

            testCase "on a phone no text of a theorem's row is cut or hidden behind a scroll bar"
            <| fun () ->
                onReport (fun page file ->
                    page.Resize 390 844
                    page.Open file

                    let cut =
                        page.Text
                            "[...document.querySelectorAll('tr[data-verdict] td')].filter(d => d.getClientRects().length).filter(d => { const b = d.getBoundingClientRect(); return b.right > innerWidth || d.scrollWidth > d.clientWidth + 1 }).map(d => d.textContent).join('; ')"

                    Expect.equal cut "" "cells that are cut")

            testCase "search and filters leave the rows that fit, and say how many"
            <| fun () ->
                onReport (fun page file ->
                    page.Open file

                    let rows =
                        "[...document.querySelectorAll('tr[data-verdict]')].filter(r => r.getClientRects().length)"

                    let shown () = page.Number $"{rows}.length"
                    Expect.equal (shown ()) 8.0 "all at first"

                    let choose control value event =
                        page.Evaluate
                            $"(() => {{ const e = document.querySelector('.find {control}'); e.value = '{value}'; e.dispatchEvent(new Event('{event}')) }})()"
                        |> ignore

                    choose "select" "violated" "change"
                    Expect.equal (shown ()) 1.0 "one is violated"
                    Expect.equal (page.Text $"{rows}[0].dataset.verdict") "violated" "that one"
                    choose "select" "" "change"
                    choose "input" "six" "input"
                    Expect.equal (shown ()) 1.0 "one is called six"

                    Expect.equal
                        (page.Text "document.querySelector('.find [role=status]').textContent")
                        "1 of 8"
                        "said"

                    choose "input" "nothing like it" "input"
                    Expect.equal (shown ()) 0.0 "none"
                    Expect.equal (page.Text(style "tbody[data-paper]" "display")) "none" "nor its paper's heading"
                    Expect.isEmpty page.Complaints "the console")

            testCase "every anchor leads somewhere"
            <| fun () ->
                onReport (fun page file ->
                    page.Open file

                    let broken =
                        page.Text
                            "[...document.querySelectorAll('a[href^=\"#\"]')].filter(a => !document.getElementById(decodeURIComponent(a.getAttribute('href').slice(1)))).map(a => a.getAttribute('href')).join(' ')"

                    Expect.equal broken "" "anchors without a place"

                    Expect.isGreaterThan
                        (page.Number "document.querySelectorAll('a[href^=\"#\"]').length")
                        5.0
                        "anchors"

                    let twice =
                        page.Number
                            "(() => { const ids = [...document.querySelectorAll('[id]')].map(e => e.id); return ids.length - new Set(ids).size })()"

                    Expect.equal twice 0.0 "an id twice"

                    let files =
                        page.Text
                            "[...document.querySelectorAll('a[href]')].map(a => a.getAttribute('href')).filter(h => !h.startsWith('#') && !/^https?:/.test(h)).join('\\n')"

                    for link in files.Split('\n', StringSplitOptions.RemoveEmptyEntries) do
                        let target = Path.Combine(Path.GetDirectoryName file, Uri.UnescapeDataString link)
                        Expect.isTrue (File.Exists target) $"the file behind {link}")

            testCase "hints, also hostile ones, appear under the mouse and go again"
            <| fun () ->
                onReport (fun page file ->
                    page.Resize 1280 900
                    page.Open file
                    Expect.isTrue (page.Flag "document.querySelector('.tip').hidden") "hidden at first"

                    let place axis =
                        page.Number
                            $"(() => {{ const p = document.querySelector('svg.plot .pt'); for (let d = p.closest('details'); d; d = d.parentElement.closest('details')) d.open = true; p.scrollIntoView({{block:'center'}}); const b = p.querySelector('.reach').getBoundingClientRect(); return b.{axis} }})()"

                    let x = place "left + b.width / 2"
                    let y = place "top + b.height / 2"
                    page.Hover x y
                    Expect.isFalse (page.Flag "document.querySelector('.tip').hidden") "shown"

                    Expect.isGreaterThan
                        (page.Number "document.querySelector('.tip').textContent.length")
                        5.0
                        "says something"

                    Expect.equal (page.Number "document.querySelector('.tip').children.length") 0.0 "as text"

                    let away =
                        page.Number
                            "(() => { const t = document.querySelector('.tip').getBoundingClientRect(), p = document.querySelector('svg.plot .pt').getBoundingClientRect(); return Math.hypot(Math.max(0, t.left - p.right, p.left - t.right), Math.max(0, t.top - p.bottom, p.top - t.bottom)) })()"

                    Expect.isLessThan away 40.0 "beside its point"

                    // The script reads a hint from the row of its point: what was measured there, in the page's digits.
                    let mutable compared = 0

                    for reported in hostile.Value.Checks do
                        for dot in
                            Plot.ofCheck reported
                            |> Option.toList
                            |> List.collect (fun p -> List.collect _.Dots p.Curves) do
                            let wanted = dot.Hint.Split '\n' |> Array.tryFind (fun line -> line.StartsWith "measured ")

                            match wanted, dot.Value with
                            | Some line, Some _ ->
                                let number = (line.Split(" in ")[0]).Trim()

                                let hint =
                                    page.Text
                                        $"[...document.querySelectorAll('[id=\"{reported.Anchor}\"] .pt')].find((p, i) => (p.dataset.row ?? i) == {dot.Row}).getAttribute('aria-label')"

                                Expect.exists
                                    (hint.Split '\n')
                                    (fun line -> line.StartsWith number)
                                    $"{reported.Anchor} {dot.Row}: {hint}"

                                compared <- compared + 1
                            | _ -> ()

                    Expect.isGreaterThan compared 15 "hints"
                    page.Hover 2.0 2.0
                    Expect.isTrue (page.Flag "document.querySelector('.tip').hidden") "hidden again"
                    Expect.isEmpty page.Complaints "the console")

            testCase "dark as the system prefers, light and dark by the button, legible in both"
            <| fun () ->
                onReport (fun page file ->
                    page.Prefer "light"
                    page.Open file
                    Expect.isGreaterThan (contrast page) 7.0 "dark on light"
                    page.Prefer "dark"
                    Expect.isLessThan (contrast page) -7.0 "light on dark"
                    let said = page.Text "document.querySelector('button.theme').textContent"
                    Expect.equal said "Light" "what the button offers"
                    Expect.isGreaterThan (page.Number(contrastOf ".soft")) 4.5 "the soft text too"

                    Expect.isGreaterThan
                        (page.Number "[...document.querySelectorAll('svg.plot text')].length")
                        0.0
                        "text in plots"

                    Expect.equal
                        (page.Text(style "svg.plot" "fill"))
                        (page.Text "getComputedStyle(document.body).color")
                        "plots are written in the page's ink"

                    page.Evaluate "document.querySelector('button.theme').click()" |> ignore
                    Expect.isGreaterThan (contrast page) 7.0 "the button turns it light"
                    page.Open file
                    Expect.isGreaterThan (contrast page) 7.0 "and it stays so when the page is opened again"
                    Expect.isEmpty page.Complaints "the console")

            testCase "prints"
            <| fun () ->
                onReport (fun page file ->
                    page.Open file
                    // Whatever was chosen on the screen, paper is light, without the button, and cuts nothing off.
                    page.Evaluate "document.documentElement.dataset.theme = 'dark'" |> ignore
                    page.ForPaper true
                    Expect.isGreaterThan (contrast page) 7.0 "dark on light"
                    Expect.equal (page.Text(style "button.theme" "display")) "none" "no button"

                    let cut =
                        page.Number
                            "[...document.querySelectorAll('.scroll')].filter(e => getComputedStyle(e).overflowX !== 'visible').length"

                    Expect.equal cut 0.0 "no scroll bar on paper"
                    page.ForPaper false
                    let pdf = page.Print()
                    Expect.equal (Encoding.ASCII.GetString(pdf, 0, 5)) "%PDF-" "a PDF"
                    Expect.isGreaterThan pdf.Length 20_000 "with something in it")
        ]
