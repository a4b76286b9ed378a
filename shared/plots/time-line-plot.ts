import type { RunHistory, WorkerHistory } from "../domain/run-history.ts";
import type { SpanEnd } from "../domain/span-ends.ts";
import { html, type Markup } from "./markup.ts";
import { PLOT_LEFT, PLOT_WIDTH, timeAxis } from "./plots.ts";
import { type Scale, secondsText } from "./scale.ts";

const LINE_HEIGHT = 9;
const NAME_HEIGHT = 15;
const AXIS_HEIGHT = 26;

export const END_TEXTS = {
  committed: "committed",
  failed: "failed",
  lost: "its worker was lost",
  rejected: "its partial was damaged",
  expired: "its lease expired",
  superseded: "dropped: another attempt was first, or the job ended",
  interrupted: "unknown: its coordinator ended first",
  released: "released by a worker that drained",
} as const satisfies Record<SpanEnd, string>;

/** Ends with a cross, which also differs without colour. */
const CROSSED: readonly string[] = ["failed", "lost", "rejected", "expired"];

/**
 * Limit of drawn workers, some pages of them. More are hard to scroll, and tens of thousands of marks are
 * slow to draw.
 */
const MOST_DRAWN = 48;

/** Draws the attempts of workers over time. If there are many workers, it draws those with faults first. */
export function timeLinePlot({ workers, seconds }: RunHistory, width = PLOT_WIDTH): Markup | null {
  const all = workers.filter(({ spans }) => spans.line.length > 0);
  const shown = all.slice(0, MOST_DRAWN);
  if (shown.length === 0) return null;
  const heights = shown.map(({ spans }) => NAME_HEIGHT + LINE_HEIGHT * (1 + Math.max(...spans.line)) + 4);
  const height = heights.reduce((sum, each) => sum + each, 0) + AXIS_HEIGHT;
  const { x, axis } = timeAxis(seconds, { width, height });
  let top = 0;
  const rows = shown.map((worker, index) => {
    const row = workerRow(worker, { top, width }, x);
    top += heights[index] ?? 0;
    return row;
  });
  return html`<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="Attempts of each worker over time">
${PATTERNS}${axis}${rows}</svg>${all.length > shown.length ? omittedText(shown.length, all.length) : null}`;
}

function omittedText(drawn: number, all: number): Markup {
  return html`<p class="soft">${drawn} of ${all} workers are drawn: those with faults, and those with most work. The table has all.</p>`;
}

function workerRow(
  { name, spans }: WorkerHistory,
  { top, width: plotWidth }: { readonly top: number; readonly width: number },
  x: Scale,
): Markup {
  const marks = spans.line.map((line, index) => {
    const from = spans.from[index] ?? 0;
    const to = spans.to[index] ?? 0;
    const end = spans.end[index] ?? "running";
    const left = x(from);
    const width = Math.max(1.5, Math.round((x(to) - left - 0.5) * 10) / 10);
    const y = top + NAME_HEIGHT + line * LINE_HEIGHT;
    const attempts = spans.attempts[index] ?? 1;
    const isBackup = spans.backup[index] === 1;
    const what = attempts === 1 ? `shard ${spans.shard[index] ?? 0}` : `${attempts} attempts`;
    const how = end === "running" ? "running at the end of the record" : END_TEXTS[end];
    const title = `${what}, ${secondsText(from)} to ${secondsText(to)}: ${how}${isBackup ? " (backup)" : ""}`;
    const cross = CROSSED.includes(end)
      ? html`<path class="cross" d="M${left + width - 5} ${y}l5 7m0 -7l-5 7"/>`
      : null;
    const backup = isBackup ? html`<path class="backup" d="M${left} ${y - 1}l5 0l-5 5z"/>` : null;
    return html`<g><title>${title}</title><rect class="span ${end}" x="${left}" y="${y}" width="${width}" height="${LINE_HEIGHT - 2}"/>${cross}${backup}</g>`;
  });
  return html`<text class="name" x="4" y="${top + NAME_HEIGHT - 3}">${name}</text>
<line class="grid" x1="${PLOT_LEFT}" x2="${plotWidth}" y1="${top + 1}" y2="${top + 1}"/>${marks}`;
}

const PATTERNS = html`<defs><pattern id="hatch" width="4" height="4" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><line class="hatch" x1="0" y1="0" x2="0" y2="4"/></pattern></defs>`;

/** Renders the legend of the marks. */
export function timeLineLegend(): Markup {
  const entries = [...Object.entries(END_TEXTS), ["backup", "a backup of a slow one"]] as const;
  return html`<ul class="legend">${entries.map(([end, text]) => {
    const cross = CROSSED.includes(end) ? html`<path class="cross" d="M15 2l5 7m0 -7l-5 7"/>` : null;
    const backup = end === "backup" ? html`<path class="backup" d="M2 1l5 0l-5 5z"/>` : null;
    const shown = end === "backup" ? "committed" : end;
    return html`<li><svg width="24" height="12" viewBox="0 0 24 12" aria-hidden="true"><rect class="span ${shown}" x="2" y="2" width="18" height="7"/>${cross}${backup}</svg> ${text}</li>`;
  })}</ul>`;
}
