import { Markup } from "../../shared/plots/markup.ts";

/** Style for light and dark screens, phones and paper. */
export const STYLE = new Markup(`
:root { color-scheme: light dark; --ink: #1c2430; --soft: #566173; --paper: #fff; --panel: #f4f6f9; --line: #d7dde6;
  --good: #2b6cb0; --bad: #b42318; --off: #8a94a3; --warn: #8a5a00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7ebf1; --soft: #a4afbf; --paper: #12161d; --panel: #1b212b;
  --line: #333d4c; --good: #63a4e8; --bad: #ff7b6e; --off: #7d8898; --warn: #e8b04b; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1080px; padding: 24px 16px 64px; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif; }
h1 { font-size: 26px; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 18px; margin: 36px 0 8px; }
p { margin: 6px 0; } .soft { color: var(--soft); } .warn { color: var(--warn); font-weight: 600; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(104px, 1fr)); gap: 8px; margin: 20px 0; padding: 0; list-style: none; }
.tiles li { background: var(--panel); border-radius: 8px; padding: 10px 12px; }
.tiles b { display: block; font-size: 18px; line-height: 1.3; }
table.small { width: auto; min-width: 50%; }
.wide { overflow-x: auto; } .wide > svg { min-width: 640px; width: 100%; height: auto; display: block; }
table { border-collapse: collapse; width: 100%; font-size: 14px; } th, td { text-align: left; padding: 5px 12px 5px 0; vertical-align: top;
  border-bottom: 1px solid var(--line); overflow-wrap: anywhere; } th { color: var(--soft); font-weight: 600; overflow-wrap: normal; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
code, pre { font: 12.5px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace; overflow-wrap: anywhere; }
pre { background: var(--panel); border-radius: 8px; padding: 12px; white-space: pre-wrap; }
.share { display: inline-block; height: 9px; border-radius: 2px; background: var(--good); }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 4px 18px; padding: 0; margin: 8px 0; font-size: 13px; color: var(--soft); }
.legend svg { vertical-align: -1px; }
svg text { fill: var(--soft); font-size: 11px; } svg text.name { fill: var(--ink); font-size: 12px; }
.grid { stroke: var(--line); stroke-width: 1; } .area { fill: var(--good); fill-opacity: .28; stroke: var(--good); stroke-width: 1.5; }
.bar { fill: var(--good); } .hatch { stroke: var(--off); stroke-width: 2; } .backup { fill: var(--ink); }
.cross { stroke: var(--bad); stroke-width: 1.6; fill: none; }
.span.committed { fill: var(--good); } .span.running { fill: var(--good); fill-opacity: .35; }
.span.failed, .span.rejected { fill: var(--bad); fill-opacity: .35; } .span.lost { fill: var(--paper); stroke: var(--bad); }
.span.expired { fill: var(--paper); stroke: var(--bad); stroke-dasharray: 2 2; }
.span.superseded { fill: url(#hatch); stroke: var(--off); } .span.released { fill: var(--paper); stroke: var(--off); }
.span.interrupted { fill: var(--off); fill-opacity: .3; stroke: var(--off); stroke-dasharray: 2 2; }
.cell { fill: var(--line); } .cell.k3 { fill: var(--good); fill-opacity: .6; } .cell.k4 { fill: var(--bad); } .mark { fill: var(--ink); }
@media print { body { max-width: none; padding: 0; } h2 { break-after: avoid; } tr, svg { break-inside: avoid; } .wide { overflow: visible; } }
`);
