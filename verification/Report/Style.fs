namespace Sgm.Verification.Report

/// Style sheets and the page's few lines of script. No '<' and no '&' in them, so that they are XML too.
module Style =
    let private light =
        "--paper:#ffffff;--panel:#f6f7f9;--ink:#1a1f27;--soft:#56606e;--rule:#d5dae1;--grid:#e9ecf0;--link:#0b57a4;"
        + "--holds:#00704f;--violated:#b3261e;--inconclusive:#8a5a00;--notApplicable:#5b6572;"
        + "--c0:#0067ad;--c1:#c24a00;--c2:#007a5a;--c3:#a23b82;--c4:#6a5300;--c5:#4b4fb3;"

    let private dark =
        "--paper:#12161c;--panel:#1a2029;--ink:#e8ecf1;--soft:#a3aebb;--rule:#37414e;--grid:#252d38;--link:#7cbcff;"
        + "--holds:#4fd1a5;--violated:#ff8a80;--inconclusive:#f0b94d;--notApplicable:#a3aebb;"
        + "--c0:#56b4e9;--c1:#ff9a57;--c2:#3fcf9f;--c3:#e79bc8;--c4:#e3cf57;--c5:#a9adff;"

    /// The colours, light or dark as the reader's system says; `data-theme` on the root overrides it.
    let colours =
        $":root{{color-scheme:light dark;{light}}}\n"
        + $"@media (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{dark}}}}}\n"
        + $":root[data-theme=dark]{{color-scheme:dark;{dark}}}\n"
        + ":root[data-theme=light]{color-scheme:light}\n"

    /// The insides of plots.
    let plot =
        """
svg.plot{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;font-size:12px;fill:var(--ink);background:var(--paper)}
svg.plot .math{font-family:"STIX Two Text","Cambria Math",Cambria,"Times New Roman",serif;font-style:italic;font-size:1.12em}
svg.plot .title{font-size:14px;font-weight:650}
svg.plot .soft{fill:var(--soft)}
svg.plot .grid{stroke:var(--grid);stroke-width:1;fill:none}
svg.plot .minor{stroke:var(--grid);stroke-width:.5;fill:none}
svg.plot .frame{stroke:var(--rule);stroke-width:1;fill:none}
svg.plot .c0{color:var(--c0)}svg.plot .c1{color:var(--c1)}svg.plot .c2{color:var(--c2)}
svg.plot .c3{color:var(--c3)}svg.plot .c4{color:var(--c4)}svg.plot .c5{color:var(--c5)}
svg.plot .slack{fill:currentColor;opacity:.09;stroke:none}
svg.plot .measured{stroke:currentColor;stroke-width:1.8;fill:none;stroke-linejoin:round}
svg.plot .bound{stroke:currentColor;stroke-width:1.6;fill:none;stroke-dasharray:6 4}
svg.plot .claimed{stroke:var(--ink);stroke-width:1.3;fill:none;stroke-dasharray:2 3}
svg.plot .wedge{fill:currentColor;opacity:.14;stroke:none}
svg.plot .triangle{stroke:var(--soft);stroke-width:1.1;fill:none;stroke-linejoin:round}
svg.plot .bar{stroke:currentColor;stroke-width:1.3;fill:none}
svg.plot .dot{fill:currentColor;stroke:var(--paper);stroke-width:1}
svg.plot .hollow{fill:var(--paper);stroke:currentColor;stroke-width:1.6}
svg.plot .breaks{fill:none;stroke:var(--violated);stroke-width:2.2;stroke-linecap:round}
svg.plot .reach{fill:transparent;stroke:none}
svg.plot .pt:hover .dot,svg.plot .pt:hover .hollow{stroke:var(--ink);stroke-width:2}
svg.plot .v-holds{fill:var(--holds)}svg.plot .v-violated{fill:var(--violated)}
svg.plot .v-inconclusive{fill:var(--inconclusive)}svg.plot .v-notApplicable{fill:var(--notApplicable)}
"""
