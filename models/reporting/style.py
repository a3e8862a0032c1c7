"""The look of the report: one style sheet, light and dark, colours that colour-blind readers tell apart."""

CSS = """
:root { --ink:#1c2430; --soft:#5d6878; --faint:#dfe4ea; --ground:#fbfbfa; --card:#fff;
  --student:#2166c4; --control:#d98a00; --teacher:#8a4fbf; --baseline:#7b8794; --run:#12876f;
  --positive:#2166c4; --negative:#d98a00; }
@media (prefers-color-scheme: dark) { :root { --ink:#e6e9ee; --soft:#9aa5b4; --faint:#323a46;
  --ground:#14181e; --card:#1b2028; --student:#6ea8f5; --control:#f0b040; --teacher:#bd8ff0;
  --baseline:#97a3b1; --run:#45c2a6; --positive:#6ea8f5; --negative:#f0b040; } }
* { box-sizing:border-box; }
body { margin:0 auto; max-width:1120px; padding:2.5rem 1.5rem 4rem; background:var(--ground);
  color:var(--ink); font:16px/1.55 system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
h1 { font-size:1.9rem; line-height:1.2; letter-spacing:-.02em; margin:0 0 .4rem; }
h2 { font-size:1.2rem; letter-spacing:-.01em; margin:2.8rem 0 .8rem; }
h3 { font-size:1rem; margin:0 0 .4rem; }
p { max-width:46rem; } .lead { font-size:1.12rem; } .note { color:var(--soft); font-size:.86rem; }
nav { display:flex; flex-wrap:wrap; gap:.3rem 1.1rem; margin:1.2rem 0 0; font-size:.9rem; }
nav a { color:var(--soft); text-decoration:none; border-bottom:1px solid var(--faint); }
nav a:hover { color:var(--ink); }
.cards { display:grid; grid-template-columns:repeat(auto-fit,minmax(190px,1fr)); gap:.9rem;
  margin:1.6rem 0 0; }
.card, figure { background:var(--card); border:1px solid var(--faint); border-radius:10px; }
.card { padding:.9rem 1.1rem; }
.card b { display:block; font-size:1.65rem; letter-spacing:-.02em; line-height:1.3; }
.card span { color:var(--soft); font-size:.86rem; }
.wide { overflow-x:auto; background:var(--card); border:1px solid var(--faint); border-radius:10px; }
table { border-collapse:collapse; width:100%; font-size:.88rem; font-variant-numeric:tabular-nums; }
th, td { padding:.42rem .75rem; text-align:right; white-space:nowrap; border-bottom:1px solid var(--faint); }
th:first-child, td:first-child, .words td, .words th { text-align:left; }
th { color:var(--soft); font-weight:600; font-size:.8rem; }
tr:last-child td { border-bottom:0; } tbody tr:hover td { background:var(--ground); }
td.main { font-weight:600;
  background:linear-gradient(var(--baseline),var(--baseline)) no-repeat 0 100% / var(--share) 2px; }
td.key { font-family:ui-monospace, Menlo, Consolas, monospace; font-size:.8rem; color:var(--soft); }
i.swatch { display:inline-block; width:.65em; height:.65em; border-radius:50%; margin-right:.5em; }
.balance { display:inline-flex; width:150px; height:9px; border-radius:5px; overflow:hidden;
  vertical-align:middle; margin-right:.7em; background:var(--faint); }
.balance u { background:var(--student); } .balance s { background:var(--control); margin-left:auto; }
.grid-of { display:grid; grid-template-columns:repeat(auto-fill,minmax(330px,1fr)); gap:.9rem; }
figure { margin:0; padding:.9rem 1rem; }
figcaption { font-size:.88rem; font-weight:600; margin-bottom:.3rem; }
figcaption span { color:var(--soft); font-weight:400; }
dl { display:grid; grid-template-columns:minmax(7rem,auto) 1fr; gap:.15rem 1rem; margin:0;
  font-size:.88rem; }
dt { color:var(--soft); } dd { margin:0; overflow-wrap:anywhere; font-variant-numeric:tabular-nums; }
.ran { color:var(--student); } .reused { color:var(--soft); }
svg { display:block; width:100%; height:auto; font:11px system-ui, sans-serif; }
svg text { fill:var(--soft); text-anchor:middle; } svg text.y { text-anchor:end; }
svg text.label { fill:var(--ink); text-anchor:start; font-size:12px; }
svg .grid { stroke:var(--faint); stroke-width:1; }
svg circle { stroke:var(--card); stroke-width:1.5; } svg .spread { stroke-width:2; opacity:.55; }
.student { fill:var(--student); stroke:var(--student); background:var(--student); }
.control { fill:var(--control); stroke:var(--control); background:var(--control); }
.teacher { fill:var(--teacher); stroke:var(--teacher); background:var(--teacher); }
.baseline { fill:var(--baseline); stroke:var(--baseline); background:var(--baseline); }
.run { fill:var(--run); stroke:var(--run); background:var(--run); }
svg .positive { fill:var(--positive); stroke:var(--positive); fill-opacity:.32; }
svg .negative { fill:var(--negative); stroke:var(--negative); fill-opacity:.32; }
.positive-ink { color:var(--positive); } .negative-ink { color:var(--negative); }
svg .seed { fill:none; stroke:var(--student); stroke-width:1.7; stroke-linejoin:round; }
svg .seed-1, svg .seed-4 { opacity:.6; } svg .seed-2, svg .seed-5 { opacity:.35; }
@media print { body { max-width:none; } .wide, figure, .card { break-inside:avoid; } nav { display:none; } }
"""
