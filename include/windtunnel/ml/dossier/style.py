"""How a dossier looks: one style sheet, light and dark, screen and paper; no script, nothing from elsewhere."""

from __future__ import annotations

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""Nothing runs and nothing is loaded, whatever came with the data."""

STYLE = """
:root { color-scheme: light dark;
  --paper: light-dark(#ffffff, #12161c); --sheet: light-dark(#f6f8fa, #1a2029); --line: light-dark(#d5dbe1, #2f3844);
  --ink: light-dark(#1a2027, #e8edf2); --soft: light-dark(#57616c, #9aa7b4); --own: light-dark(#0b5cad, #6cb2ff);
  --other: light-dark(#8a6d1a, #d8b45c); --good: light-dark(#18733a, #5ac381); --bad: light-dark(#b3261e, #ff8a80);
  --open: light-dark(#8a5300, #f2b04c); --good-sheet: light-dark(#e8f5ec, #14281c);
  --bad-sheet: light-dark(#fdecea, #331817); --open-sheet: light-dark(#fff4e0, #2d2312); }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, "Segoe UI", sans-serif; }
main { max-width: 70rem; margin: 0 auto; padding: 20px 28px 64px; }
header { display: flex; flex-wrap: wrap; gap: 2px 16px; align-items: baseline; }
h1 { font-size: 30px; line-height: 1.2; margin: 0; letter-spacing: -.01em; }
h1 span { color: var(--soft); font-weight: 400; }
h2 { font-size: 20px; margin: 44px 0 6px; padding-top: 14px; border-top: 1px solid var(--line); }
h3 { font-size: 16px; margin: 22px 0 4px; }
p { margin: 6px 0; max-width: 52rem; overflow-wrap: anywhere; }
a { color: var(--own); }
.soft, small { color: var(--soft); }
code { font: 13px/1.5 ui-monospace, Consolas, monospace; overflow-wrap: anywhere; }
.verdict { border: 1px solid var(--line); border-left: 10px solid; border-radius: 8px; padding: 14px 20px; margin: 16px 0; }
.verdict p { margin: 4px 0 0; max-width: none; }
.verdict b { display: block; font-size: 22px; line-height: 1.3; overflow-wrap: anywhere; }
.verdict.supported { border-left-color: var(--good); background: var(--good-sheet); }
.verdict.open { border-left-color: var(--open); background: var(--open-sheet); }
.verdict.not-supported { border-left-color: var(--bad); background: var(--bad-sheet); }
.forced { border: 3px solid var(--bad); border-radius: 8px; margin: 16px 0; background: var(--bad-sheet); overflow: hidden; }
.forced > strong { display: block; background: var(--bad); color: var(--paper); padding: 6px 20px; font-size: 22px;
  letter-spacing: .12em; text-transform: uppercase; }
.forced > div { padding: 12px 20px; } .forced b { font-size: 18px; } .forced p { max-width: none; }
.two { display: grid; grid-template-columns: 3fr 2fr; gap: 12px 32px; align-items: start; }
.two h2 { margin-top: 10px; border: 0; padding: 0; font-size: 17px; }
.points { margin: 4px 0; padding-left: 22px; } .points li { margin: 4px 0; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 14px; margin: 6px 0; }
dt { font-weight: 600; } dd { margin: 0; overflow-wrap: anywhere; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(10.5rem, 1fr)); gap: 10px; margin: 14px 0; }
.tile { border: 1px solid var(--line); border-radius: 8px; background: var(--sheet); padding: 8px 14px; }
.tile span { color: var(--soft); font-size: 14px; } .tile b { display: block; font-size: 22px; line-height: 1.25; }
.tile small { display: block; font-size: 13px; line-height: 1.4; }
nav { font-size: 14px; margin: 10px 0 0; color: var(--soft); } nav a { display: inline-block; margin-right: 14px; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: 8px 0 12px; font-size: 14.5px; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 5px 18px 5px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--soft); font-weight: 600; } td { overflow-wrap: anywhere; }
th.n, td.n { text-align: right; } .n, .w { white-space: nowrap; }
td small { display: block; font-size: 12px; } td small code { font-size: 12px; }
details { margin: 8px 0; } summary { cursor: pointer; color: var(--own); }
.word { font-weight: 600; white-space: nowrap; }
.word.good { color: var(--good); } .word.bad { color: var(--bad); } .word.open { color: var(--open); }
figure { margin: 14px 0; } figcaption { color: var(--soft); font-size: 14px; }
svg { width: 100%; max-width: 52rem; height: auto; display: block; font: 13px system-ui, "Segoe UI", sans-serif; }
svg .ink { fill: var(--ink); } svg .soft { fill: var(--soft); } svg .rule { stroke: var(--line); }
svg .ink-line { stroke: var(--ink); stroke-width: 1.5; } svg .limit { stroke: var(--bad); stroke-dasharray: 5 4; stroke-width: 1.5; }
svg .own, svg .own-text { fill: var(--own); } svg .other, svg .other-text { fill: var(--other); }
svg .plain { fill: var(--soft); } svg .plain-line { stroke: var(--soft); }
svg .good { fill: var(--good); } svg .bad { fill: var(--bad); } svg .open { fill: var(--open); }
svg .own-line { stroke: var(--own); } svg .other-line { stroke: var(--other); } svg .good-line { stroke: var(--good); }
svg .bad-line { stroke: var(--bad); } svg .open-line { stroke: var(--open); }
svg path, svg [class$=-line] { fill: none; stroke-width: 2.5; stroke-linejoin: round; stroke-linecap: round; }
svg .ink-line { stroke-width: 1.5; }
footer { margin-top: 48px; border-top: 1px solid var(--line); padding-top: 12px; color: var(--soft); font-size: 14px; }
@media (max-width: 52rem) { .two { grid-template-columns: 1fr; } }
@media print { :root { color-scheme: light; } main { max-width: none; padding: 0; } nav { display: none; }
  h2, figure, tr { break-inside: avoid; } }
"""
