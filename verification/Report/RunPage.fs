namespace Sgm.Verification.Report

open System

/// A run with everything that its page shows.
type RunDocument =
    {
        /// The experiment's canonical text.
        Text: string
        Fingerprint: string
        Dimension: int
        /// Who ran it, and why, in a sentence.
        Backend: string
        /// How many particles ran; none for an exact law.
        Particles: int option
        ScoreEvaluations: int64
        /// The titles of the table's columns, and whether numbers stand there.
        Columns: (string * bool) list
        /// What was measured at every probe.
        Rows: string list list
        Places: RunPlace list
        /// What the places show that the run itself does not.
        Remark: string option
    }

/// The page of `sgm run --report`: one file, nothing fetched.
module RunPage =
    let private el = Markup.el
    let private text = Markup.text

    let private style =
        """
.places{margin:1rem 0}
.slider{display:flex;flex-wrap:wrap;gap:.4rem 1rem;align-items:center;position:sticky;top:0;background:var(--paper);padding:.6rem 0;z-index:2}
.slider label{font-weight:600}
.slider input{flex:1 1 14rem;min-width:0;height:1.6rem;accent-color:var(--c0)}
.slider output{flex:1 1 100%;font-variant-numeric:tabular-nums;color:var(--soft)}
.place h3{margin-top:.6rem}
.scroll td:nth-child(2){white-space:nowrap}
.scroll td:last-child{min-width:12rem}
.place figure:only-child{grid-column:1/-1;max-width:52rem;width:100%}
svg.plot .contour{stroke:currentColor;stroke-width:1.5;fill:none}
svg.plot .points{stroke:currentColor;stroke-width:3.2;stroke-linecap:round;opacity:.5;fill:none}
svg.plot .now .dot,svg.plot .now .hollow{stroke:var(--ink);stroke-width:2.5;fill:var(--ink)}
svg.plot .share.c0{opacity:.18}
"""

    /// One place at a time by a slider; without scripts all places stand below each other.
    let private script =
        """
(function(){
var places=[].slice.call(document.querySelectorAll('.place'));
if(places.length===1)return;
var box=document.createElement('div');box.className='slider';
var label=document.createElement('label');label.textContent='Place along the run';label.htmlFor='place';
var range=document.createElement('input');range.type='range';range.id='place';range.min=0;range.max=places.length-1;range.step=1;
var said=document.createElement('output');said.htmlFor='place';
[label,range,said].forEach(function(e){box.appendChild(e)});
places[0].parentNode.insertBefore(box,places[0]);
function show(){
var at=Number(range.value);
places.forEach(function(p,i){p.hidden=i!==at});
said.textContent=(at+1)+' of '+places.length+': '+places[at].querySelector('h3').textContent;
range.setAttribute('aria-valuetext',said.textContent);
document.querySelectorAll('[data-place]').forEach(function(e){e.classList.toggle('now',Number(e.dataset.place)===at)});
}
range.value=places.length-1;
range.addEventListener('input',show);
document.querySelectorAll('[data-place]').forEach(function(e){e.style.cursor='pointer';e.addEventListener('click',function(){range.value=e.dataset.place;show()})});
show();
})();
"""

    let private figure svg = el "figure" [] [ svg ]

    let private place isParticles (one: RunPlace) =
        let steps = Wording.count (int one.Step) "step"

        el
            "section"
            [ "class", "place" ]
            [
                el "h3" [] [ text $"{one.Name}: {one.Level}, after {steps}" ]
                el "div" [ "class", "figures" ] (RunPlot.ofPlace isParticles one |> List.map figure)
            ]

    let private shownOf (document: RunDocument) =
        if document.Dimension > LawPicture.mostCoordinates then
            $" Of {document.Dimension} coordinates the first {LawPicture.mostCoordinates} are shown."
        else
            ""

    let private along (document: RunDocument) =
        let metrics = document.Places |> List.collect (fun p -> List.map fst p.Metrics) |> List.distinct

        match metrics |> List.choose (fun metric -> RunPlot.along metric document.Places) with
        | [] -> []
        | pictures ->
            [ el "h2" [] [ text "Metrics along the run" ]; el "div" [ "class", "figures" ] (List.map figure pictures) ]

    let files (document: RunDocument) =
        let facts =
            [
                document.Backend
                Wording.count document.Dimension "dimension"
                $"{document.ScoreEvaluations} score evaluations"
                match document.Particles with
                | Some n -> $"{n} particles"
                | None -> ()
                $"fingerprint {document.Fingerprint.Substring(0, 12)}"
            ]

        Page.files
            "Run"
            (style, script)
            "The law q of the state along the sampler's run, beside the target p at the level of each place."
            (String.Join(", ", facts) + ".")
            [
                el
                    "section"
                    [ "class", "places" ]
                    [
                        el "h2" [] [ text "The law against the target" ]
                        el "p" [ "class", "soft" ] [ text (Option.defaultValue "" document.Remark + shownOf document) ]
                        yield! document.Places |> List.map (place document.Particles.IsSome)
                    ]
                yield! along document
                if not document.Rows.IsEmpty then
                    el "h2" [] [ text "Measurements" ]
                    Page.table "Measurements" document.Columns document.Rows
                Page.source "The experiment" document.Text
            ]
