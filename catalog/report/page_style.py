"""The style sheet of the page: system fonts, one accent colour, red for alarms, dark mode as the reader prefers."""

STYLE = """
:root{color-scheme:light dark;--paper:#fbfaf8;--card:#fff;--ink:#1d1c1a;--soft:#6d6a64;--line:#e6e3dd;--accent:#2f6f73;
--red:#b3261e;--redpaper:#fdf0ee;--green:#2e6b45;--greenpaper:#eef6f0;--frame:#efede8}
@media (prefers-color-scheme:dark){:root{--paper:#151617;--card:#1d1f20;--ink:#eceae6;--soft:#9c9992;--line:#303335;
--accent:#7cc4c7;--red:#ff8a80;--redpaper:#33201e;--green:#8fd3a6;--greenpaper:#1b2a20;--frame:#26292a}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,
"Noto Sans",sans-serif;-webkit-text-size-adjust:100%}
header,main{max-width:68rem;margin:0 auto;padding:0 1.5rem}
header{padding-top:4rem;padding-bottom:2.5rem}
.brand{margin:0;color:var(--accent);font-weight:600;letter-spacing:.08em;font-size:.85rem;text-transform:uppercase}
h1{margin:.3rem 0 .2rem;font-size:2.4rem;line-height:1.15;font-weight:650;letter-spacing:-.02em}
.since{margin:0;color:var(--soft)}
h2{margin:0;font-size:.85rem;font-weight:600;letter-spacing:.05em;text-transform:uppercase;color:var(--soft)}
section{padding:2.2rem 0;border-top:1px solid var(--line)}
section p{margin:.35rem 0;max-width:46rem;overflow-wrap:anywhere}
p.headline{font-size:1.3rem;line-height:1.35;font-weight:500;margin:.25rem 0 .5rem}
section.red h2{color:var(--red)}
section.alarms,section.calm{border:0;border-radius:14px;padding:1.5rem 1.75rem;margin-bottom:1.75rem}
section.alarms+section,section.calm+section{border-top:0}
section.alarms{background:var(--redpaper)}
section.alarms h2{color:var(--red);font-size:1.4rem;letter-spacing:-.01em;text-transform:none}
section.alarms ul{list-style:none;margin:.9rem 0 0;padding:0}
section.alarms li{display:grid;grid-template-columns:9rem 1fr;gap:1rem;padding:.45rem 0;overflow-wrap:anywhere}
section.alarms a{color:var(--red);font-weight:600;text-decoration:none}
section.alarms a:hover{text-decoration:underline}
section.calm{background:var(--greenpaper)}
section.calm h2{color:var(--green);font-size:1.4rem;letter-spacing:-.01em;text-transform:none}
code{font:.88em ui-monospace,"SF Mono","DejaVu Sans Mono",monospace;background:var(--frame);border-radius:5px;
padding:.1em .35em}
.more{margin-top:1rem}
.more code{color:var(--soft)}
.wide{overflow-x:auto;margin-top:1rem}
table{border-collapse:collapse;font-size:.92rem;min-width:60%}
th{font-weight:500;color:var(--soft);text-align:left;padding:.35rem 1.4rem .35rem 0;border-bottom:1px solid var(--line)}
td{padding:.42rem 1.4rem .42rem 0;vertical-align:top;border-bottom:1px solid var(--line);overflow-wrap:break-word}
th:last-child,td:last-child{padding-right:0}
tbody tr:last-child td{border-bottom:0}
.right{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
td.path{overflow-wrap:anywhere;font:.86em/1.6 ui-monospace,"SF Mono","DejaVu Sans Mono",monospace}
.plot{margin:1.4rem 0 .4rem;max-width:46rem}
.plot svg{display:block;width:100%;height:6rem;overflow:visible}
.bar{fill:var(--accent)}.bad{fill:var(--red)}.floor{stroke:var(--line);stroke-width:1}
.line{fill:none;stroke:var(--accent);stroke-width:2;vector-effect:non-scaling-stroke}
.area{fill:var(--accent);opacity:.14}
.axis{display:flex;justify-content:space-between;color:var(--soft);font-size:.78rem;padding-top:.35rem;
font-variant-numeric:tabular-nums}
figcaption{color:var(--soft);font-size:.85rem}
ul.grid{list-style:none;margin:1.4rem 0 0;padding:0;display:grid;gap:1.75rem 1.25rem;
grid-template-columns:repeat(auto-fill,minmax(11.5rem,1fr))}
section.red ul.grid{grid-template-columns:repeat(auto-fill,minmax(16rem,1fr))}
.card{min-width:0;font-size:.85rem;line-height:1.4}
.frame{position:relative;aspect-ratio:4/3;background:var(--frame);border-radius:10px;overflow:hidden;display:flex;
align-items:center;justify-content:center}
.frame img{width:100%;height:100%;object-fit:contain;display:block}
.none{color:var(--soft)}
.chance{position:absolute;right:.5rem;top:.5rem;border-radius:999px;padding:.05rem .5rem;font-size:.75rem;
font-weight:600;font-variant-numeric:tabular-nums;color:#fff;background:rgba(20,20,20,.62)}
.chance.likely{background:#b3261e}
section .card p{margin:0}
section .card .name{margin-top:.55rem;font-weight:600}
.card .folder{color:var(--soft);font-size:.78rem;white-space:nowrap;overflow:hidden;text-overflow:ellipsis;
direction:rtl;text-align:left;unicode-bidi:plaintext}
.why{list-style:none;margin:.3rem 0 0;padding:0;color:var(--soft);overflow-wrap:anywhere}
@media (max-width:40rem){header{padding-top:2rem}h1{font-size:1.7rem}section.alarms li{grid-template-columns:1fr;gap:0}
ul.grid,section.red ul.grid{grid-template-columns:repeat(2,minmax(0,1fr))}}
@media print{section{break-inside:avoid}body{background:#fff}}
"""
