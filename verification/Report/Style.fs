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

    /// The page around the plots.
    let page =
        """
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-padding-top:1rem}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
header,main,footer{max-width:1320px;margin:0 auto;padding:0 1.25rem}
header{padding-top:2.25rem}
h1{font-size:1.9rem;line-height:1.2;margin:0 0 .4rem;letter-spacing:-.01em}
h2{font-size:1.35rem;line-height:1.3;margin:3.5rem 0 .25rem;padding-top:1rem;border-top:2px solid var(--ink)}
h3{font-size:1.15rem;line-height:1.35;margin:2rem 0 .2rem}
h4{font-size:.8rem;letter-spacing:.06em;text-transform:uppercase;color:var(--soft);margin:1.6rem 0 .5rem}
p{margin:.4rem 0;max-width:76ch}
a{color:var(--link);text-underline-offset:.15em}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:.86em}
td.all a{user-select:all;white-space:nowrap;font:.8rem ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
pre{background:var(--panel);border:1px solid var(--rule);border-radius:6px;padding:.8rem 1rem;overflow-x:auto;line-height:1.45;margin:.5rem 0}
sup,sub{line-height:0;font-size:.74em}
.soft{color:var(--soft)}
.lead{font-size:1.15rem}
.top{display:flex;justify-content:space-between;align-items:flex-start;gap:1rem}
button.theme{font:inherit;font-size:.85rem;color:var(--ink);background:var(--panel);border:1px solid var(--rule);border-radius:6px;padding:.3rem .7rem;cursor:pointer}
.tiles{display:grid;grid-template-columns:repeat(4,1fr);gap:.75rem;margin:1.3rem 0 1rem;padding:0;list-style:none}
.tiles li{background:var(--panel);border-radius:8px;padding:.7rem .9rem;border-left:4px solid currentColor}
.tiles b{display:block;font-size:1.8rem;line-height:1.15;font-variant-numeric:tabular-nums}
.tiles .none{color:var(--soft);border-left-color:var(--rule)}
.facts{display:flex;flex-wrap:wrap;gap:.2rem 1.6rem;margin:0 0 1.6rem;color:var(--soft);font-size:.9rem}
.facts div{display:flex;gap:.4em}
.facts dt::after{content:":"}
.facts dd{margin:0;color:var(--ink);font-variant-numeric:tabular-nums}
.v-holds{color:var(--holds)}.v-violated{color:var(--violated)}.v-inconclusive{color:var(--inconclusive)}.v-notApplicable{color:var(--notApplicable)}
.verdict,[data-of] td[class^=v-]{font-weight:600;white-space:nowrap}
.scroll{overflow-x:auto;margin:.5rem 0;border:1px solid var(--rule);border-radius:8px}
.kills table{width:auto}
.kills th[scope=row],.kills thead th:first-child,.kills th.part{position:sticky;left:0;background:var(--paper);text-align:left;font-weight:400;min-width:11rem;max-width:17rem;z-index:1}
.kills th.part{font-weight:650;padding-top:1rem}
.kills th.up{vertical-align:bottom;padding:.4rem .1rem}
.kills th.up span{writing-mode:vertical-rl;transform:rotate(180deg);font-size:.72rem;white-space:nowrap}
.kills td.mark{text-align:center;padding:.3rem .1rem;min-width:1.15rem}
.m-caught{color:var(--holds)}.m-doubted{color:var(--inconclusive)}.m-missed,.m-untouched{color:var(--soft)}
.scroll:focus-visible{outline:2px solid var(--link)}
table{border-collapse:collapse;width:100%;font-size:.86rem}
th,td{padding:.42rem .6rem;text-align:left;vertical-align:top;border-top:1px solid var(--grid)}
thead th{border-top:0;background:var(--panel);color:var(--soft);font-weight:600;vertical-align:bottom}
tr.paper th{background:var(--paper);padding-top:1rem;font-weight:650;text-align:left}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
td.n,[data-of] td,.targets td{white-space:nowrap}
[data-of] td,.targets td,.targets th{text-align:right;font-variant-numeric:tabular-nums}
[data-of] td[class^=v-],[data-of] td.words,[data-of] td.what,[data-of] td.why,[data-of] td.all{text-align:left}
[data-of] td.words,[data-of] td.what,[data-of] td.why{white-space:normal}
td.claim{min-width:10rem}
td.what{min-width:9.5rem}
td.all{white-space:nowrap}
td.id{max-width:24rem;overflow-wrap:anywhere}
td.id a,td.id span.soft{display:block}
td.id .why a{display:inline}
td.why,.why{color:var(--soft);max-width:60rem}
td.why{padding-top:0;border-top:0}
.part{display:block}
.theorems .part{white-space:nowrap}
svg.spark{width:120px;height:40px;display:block;fill:none;stroke-linejoin:round}
svg.spark .measured{stroke:var(--c0);stroke-width:1.8}
svg.spark .bound{stroke:var(--ink);stroke-width:1.2;stroke-dasharray:4 3}
.find{display:flex;flex-wrap:wrap;gap:.6rem;align-items:center;margin:0 0 .6rem;font-size:.9rem}
.find input,.find select{font:inherit;color:var(--ink);background:var(--panel);border:1px solid var(--rule);border-radius:6px;padding:.35rem .6rem;max-width:100%}
.find input{flex:1 1 14rem}
.proof{border-left:4px solid var(--rule);padding-left:1.1rem;overflow-wrap:anywhere}
.proof p{max-width:90ch}
article:target h3{outline:3px solid var(--link);outline-offset:4px}
[hidden]{display:none!important}
tr.alarm td{background:color-mix(in srgb,var(--violated) 9%,transparent)}
.tightness{display:inline-block;width:2.6rem;height:.5rem;border-radius:3px;margin-left:.6rem;background:var(--grid);vertical-align:baseline}
.tightness i{display:block;height:100%;border-radius:3px;background:var(--c0)}
.tag{color:var(--ink);font-weight:400;font-size:.78rem;border:1px solid currentColor;border-radius:4px;padding:0 .35em;white-space:nowrap}
.statement{border-left:4px solid var(--c0);background:var(--panel);margin:.8rem 0;padding:.8rem 1.1rem;border-radius:0 8px 8px 0;max-width:none;font-size:1.05rem;overflow-wrap:anywhere;font-family:"STIX Two Text","Cambria Math",Cambria,"Times New Roman",serif}
.reading{margin:.8rem 0}
.figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,26rem),1fr));gap:1rem;margin:1rem 0}
figure{margin:0;border:1px solid var(--rule);border-radius:8px;padding:.75rem .75rem .6rem;display:flex;flex-direction:column}
figure svg{width:100%;height:auto;display:block}
figure:target{outline:3px solid var(--link);outline-offset:2px}
figcaption{font-size:.875rem;line-height:1.45;padding:.5rem .35rem 0;margin-top:auto}
figcaption p{margin:.2rem 0}
details{margin:.35rem 0}
summary{cursor:pointer;color:var(--link)}
.entries{padding-left:1.2rem;font-size:.875rem;line-height:1.45}
.entries li{margin:.6rem 0}
.entries p{margin:.1rem 0}
.entries li:target{outline:3px solid var(--link);outline-offset:2px}
td.all a:empty::before{content:"sgm run " attr(href) " --by auto"}
svg.shared{position:absolute;width:0;height:0}
dl.guide{display:grid;grid-template-columns:max-content 1fr;gap:.5rem 1.2rem;margin:.8rem 0}
dl.guide dd{margin:0;max-width:76ch}
footer{margin-top:4rem;padding-bottom:3rem;color:var(--soft);font-size:.875rem}
.tip{position:absolute;z-index:9;pointer-events:none;white-space:pre-line;max-width:21rem;background:var(--ink);color:var(--paper);font-size:.8rem;line-height:1.4;padding:.45rem .65rem;border-radius:6px}
@media(max-width:640px){
header,main,footer{padding-left:1rem;padding-right:1rem}
h1{font-size:1.55rem}
.tiles{grid-template-columns:repeat(2,1fr)}
.kills th[scope=row],.kills thead th:first-child,.kills th.part{min-width:8rem;max-width:9rem}
figure{padding:.5rem .4rem}
.theorems thead{display:none}
.theorems table,.theorems tbody,.theorems tr,.theorems th,.theorems td{display:block;max-width:none}
.theorems tr{padding:.5rem .3rem;border-top:1px solid var(--rule)}
.theorems td{display:flex;flex-wrap:wrap;justify-content:space-between;gap:0 1rem;border:0;padding:.12rem .6rem;text-align:right}
.theorems td::before{content:attr(data-label);color:var(--soft);text-align:left}
.theorems td.id{display:block;text-align:left}
.theorems td.id::before,.theorems td.picture::before,.theorems td.empty{content:none;display:none}
.theorems td.picture{display:block}
h3,p,figcaption,summary{overflow-wrap:anywhere}
td.all a{white-space:normal;overflow-wrap:anywhere}
dl.guide{grid-template-columns:1fr}
dl.guide dd{margin-bottom:.5rem}
}
@media print{
body{font-size:11pt}
button.theme,.find{display:none}
header,main,footer{max-width:none}
figure,tr,.statement{break-inside:avoid}
h2,h3,h4{break-after:avoid}
.figures{grid-template-columns:1fr 1fr}
.scroll{overflow:visible}
table{font-size:8.5pt}
td.all a{white-space:normal}
}
"""

    /// Print is always light.
    let print = $"@media print{{:root,:root[data-theme]{{color-scheme:light;{light}}}}}\n"

    /// The theme, before anything is drawn: `#dark` and `#light` in the address, else what the reader chose last.
    let themeScript =
        """
(function(){
var root=document.documentElement;
function fromHash(){var h=location.hash.slice(1);if(h==='dark'||h==='light')root.dataset.theme=h}
try{var saved=localStorage.getItem('sgm-theme');if(saved)root.dataset.theme=saved}catch(e){}
fromHash();
addEventListener('hashchange',fromHash);
})();
"""

    /// The theme button, and hints that also work by touch.
    let script =
        """
(function(){
var root=document.documentElement;
var button=document.createElement('button');
function isDark(){return root.dataset.theme?root.dataset.theme==='dark':matchMedia('(prefers-color-scheme:dark)').matches}
function name(){button.textContent=isDark()?'Light':'Dark';button.setAttribute('aria-label',isDark()?'Use light colours':'Use dark colours')}
button.type='button';button.className='theme';name();
button.addEventListener('click',function(){
root.dataset.theme=isDark()?'light':'dark';name();
try{localStorage.setItem('sgm-theme',root.dataset.theme)}catch(e){}
});
matchMedia('(prefers-color-scheme:dark)').addEventListener('change',name);
document.querySelector('.top').appendChild(button);
var tip=document.createElement('div');tip.className='tip';tip.hidden=true;document.body.appendChild(tip);
document.querySelectorAll('td.all a:empty').forEach(function(a){a.textContent='sgm run '+a.getAttribute('href')+' --by auto'});
document.querySelectorAll('details .scroll:not([role])').forEach(function(box){
box.tabIndex=0;box.setAttribute('role','region');
box.setAttribute('aria-label',box.closest('details').querySelector('summary').textContent);
});
var notes={};
document.querySelectorAll('details[data-of]').forEach(function(d){notes[d.dataset.of]=d});
function hintOf(row,head,about){
var settings=[],lines=[],met=false;
head.forEach(function(name,i){
var value=row.cells[i].textContent;
if(name==='measured')met=true;
if(name==='replay')return;
if(!value)return;
if(!met)settings.push(name+' = '+value);
else lines.push(name==='verdict'?value:name+' '+value);
});
var why=row.nextElementSibling;
if(why)if(why.cells[0].className==='why')lines.push(why.textContent);
return [settings.join(', ')].concat(lines,about).join('\n');
}
document.querySelectorAll('svg.plot').forEach(function(plot){
var note=notes[plot.parentNode.id];
if(!note)return;
var table=[].slice.call(note.querySelectorAll('table')).pop();
var head=[].map.call(table.querySelectorAll('thead th'),function(th){return th.textContent});
var about=[].filter.call(note.children,function(e){return e.className==='soft'}).map(function(e){return e.textContent});
var rows=[].filter.call(table.tBodies[0].rows,function(row){return row.cells[0].className!=='why'});
plot.querySelectorAll('.pt').forEach(function(point,i){
var hint=hintOf(rows[point.dataset.row===undefined?i:point.dataset.row],head,about);
var box=point.getBBox();
var reach=document.createElementNS(plot.namespaceURI,'circle');
[['class','reach'],['cx',box.x+box.width/2],['cy',box.y+box.height/2],['r',10]].forEach(function(a){reach.setAttribute(a[0],a[1])});
point.appendChild(reach);
point.setAttribute('aria-label',hint);
function show(){
tip.textContent=hint;tip.hidden=false;
var box=point.getBoundingClientRect();var wide=document.documentElement.clientWidth;
tip.style.left='0px';
var left=Math.min(box.right+6,wide-tip.offsetWidth-8);
tip.style.left=(Math.max(8,left)+scrollX)+'px';
tip.style.top=(box.bottom+scrollY+4)+'px';
}
point.addEventListener('pointerenter',show);
point.addEventListener('click',show);
point.addEventListener('pointerleave',function(){tip.hidden=true});
});
});
})();
"""

    /// Search and filters over the theorems' rows; without scripts all rows stand there, and no control that would do nothing.
    let filterScript =
        """
(function(){
var section=document.getElementById('verdicts');
var groups=[].slice.call(section.querySelectorAll('tbody[data-paper]'));
function make(tag,label,into){var e=document.createElement(tag);e.setAttribute('aria-label',label);into.appendChild(e);return e}
function choice(label,every,values){
var select=make('select',label,box);
[['',every]].concat(values).forEach(function(v){var o=document.createElement('option');o.value=v[0];o.textContent=v[1];select.appendChild(o)});
select.addEventListener('change',show);return select;
}
function distinct(values){return values.filter(function(v,i){return values.indexOf(v)===i}).map(function(v){return [v,v]})}
var box=document.createElement('div');box.className='find';
section.insertBefore(box,section.firstChild);
var words=make('input','Search theorems',box);words.type='search';words.placeholder='Search theorems';
words.addEventListener('input',show);
var rows=[].slice.call(section.querySelectorAll('tr[data-verdict]'));
var verdict=choice('Verdict','every verdict',distinct(rows.map(function(r){return r.dataset.verdict})));
var paper=choice('Paper','every paper',distinct(groups.map(function(g){return g.dataset.paper})));
var count=make('span','Shown',box);count.setAttribute('role','status');
function show(){
var wanted=words.value.toLowerCase().split(' ').filter(Boolean);var shown=0;
groups.forEach(function(group){
var any=false;
[].forEach.call(group.querySelectorAll('tr[data-verdict]'),function(row){
var text=(group.dataset.paper+' '+row.textContent).toLowerCase();
var fits=[!verdict.value,verdict.value===row.dataset.verdict].some(Boolean);
if(fits)fits=[!paper.value,paper.value===group.dataset.paper].some(Boolean);
if(fits)fits=wanted.every(function(w){return text.indexOf(w)!==-1});
row.hidden=!fits;if(fits){any=true;shown+=1}
});
group.hidden=!any;
});
count.textContent=shown+' of '+rows.length;
}
show();
})();
"""

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
svg.plot .share{fill:currentColor;opacity:.55;stroke:none}
svg.plot .measured{stroke:currentColor;stroke-width:1.8;fill:none;stroke-linejoin:round}
svg.plot .bound{stroke:currentColor;stroke-width:1.6;fill:none;stroke-dasharray:6 4}
svg.plot .ink{color:var(--ink)}
svg.plot .claimed{stroke:var(--ink);stroke-width:1.3;fill:none;stroke-dasharray:2 3}
svg.plot .wedge{fill:currentColor;opacity:.14;stroke:none}
svg.plot .triangle{stroke:var(--soft);stroke-width:1.1;fill:none;stroke-linejoin:round}
svg.plot .bar{stroke:currentColor;stroke-width:1.3;fill:none}
svg.plot .dot{fill:currentColor;stroke:var(--paper);stroke-width:1}
svg.plot .hollow{fill:var(--paper);stroke:currentColor;stroke-width:1.6}
svg.plot .breaks{fill:none;stroke:var(--violated);stroke-width:2.2;stroke-linecap:round}
svg.plot .reach{fill:transparent;stroke:none}
svg.plot .pt:hover .dot,svg.plot .pt:hover .hollow{stroke:var(--ink);stroke-width:2}
svg.plot .ending{text-anchor:end;font-weight:600}
svg.plot .v-holds{fill:var(--holds)}svg.plot .v-violated{fill:var(--violated)}
svg.plot .v-inconclusive{fill:var(--inconclusive)}svg.plot .v-notApplicable{fill:var(--notApplicable)}
"""
