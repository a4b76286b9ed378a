import type { RunHistory } from "../domain/run-history.ts";
import { html, type Markup } from "./markup.ts";
import { countTicks, linear, type Scale, secondsText, secondTicks, shortCount } from "./scale.ts";

/** Width of the report's plots in their own units. They scale with the page. */
export const PLOT_WIDTH = 1_000;
const LEFT = 60;
export const PLOT_LEFT = LEFT;
const RIGHT = 12;
const AXIS = 24;

interface Size {
  readonly width: number;
  readonly height: number;
}

/** Width of a tick's text, with a gap. */
const TICK_WIDTH = 110;

/** Draws vertical lines with the time below. */
export function timeAxis(
  seconds: number,
  { width, height }: Size,
): { readonly x: Scale; readonly axis: Markup } {
  const x = linear(seconds, LEFT, width - RIGHT);
  const axis = html`${secondTicks(seconds, width / TICK_WIDTH).map(
    (at) =>
      html`<line class="grid" x1="${x(at)}" x2="${x(at)}" y1="4" y2="${height - AXIS + 4}"/><text x="${x(at)}" y="${height - 6}" text-anchor="middle">${secondsText(at)}</text>`,
  )}`;
  return { x, axis };
}

function countAxis(most: number, y: Scale, width: number): Markup {
  return html`${countTicks(most).map(
    (at) =>
      html`<line class="grid" x1="${LEFT}" x2="${width - RIGHT}" y1="${y(at)}" y2="${y(at)}"/><text x="${LEFT - 6}" y="${y(at) + 4}" text-anchor="end">${shortCount(at)}</text>`,
  )}`;
}

const PACE_HEIGHT = 200;

/** Draws rows a second over time. */
export function pacePlot({ pace, seconds }: RunHistory, width = PLOT_WIDTH): Markup | null {
  const rates = ratesOf(pace);
  if (rates.length === 0) return null;
  const most = Math.max(...rates.map(({ rate }) => rate));
  if (most === 0) return null;
  const { x, axis } = timeAxis(seconds, { width, height: PACE_HEIGHT });
  const bottom = PACE_HEIGHT - AXIS;
  const y = linear(most, bottom, 10);
  const steps = rates.map(({ from, to, rate }) => `L${x(from)} ${y(rate)}L${x(to)} ${y(rate)}`).join("");
  const [first, last] = [rates[0]?.from ?? 0, rates.at(-1)?.to ?? 0];
  const outline = `M${x(first)} ${bottom}${steps}L${x(last)} ${bottom}Z`;
  return html`<svg viewBox="0 0 ${width} ${PACE_HEIGHT}" role="img" aria-label="Rows a second over time, at most ${shortCount(most)}">
${axis}${countAxis(most, y, width)}<path class="area" d="${outline}"/></svg>`;
}

interface Rate {
  readonly from: number;
  readonly to: number;
  readonly rate: number;
}

/** Limit of steps in the curve. More would show peaks of single shards. */
const BINS = 80;

/**
 * Returns mean rates between samples. Rows arrive in whole shards, so each step covers at least as many
 * commits as there are workers. Revoked rows count as none.
 */
function ratesOf({ at, rowsDone, workers }: RunHistory["pace"]): Rate[] {
  const [first = 0, last = 0] = [at[0], at.at(-1)];
  const least = (last - first) / BINS;
  const rates: Rate[] = [];
  let from = 0;
  let arrivals = 0;
  for (let to = 1; to < at.length; to += 1) {
    const isEnd = to === at.length - 1;
    if ((rowsDone[to] ?? 0) > (rowsDone[to - 1] ?? 0)) arrivals += 1;
    const seconds = (at[to] ?? 0) - (at[from] ?? 0);
    const isWhole = seconds >= least && arrivals >= Math.max(1, workers[to] ?? 1);
    if (seconds <= 0 || (!isWhole && !isEnd)) continue;
    const before = rates.at(-1);
    // Too short to judge whether a shard is late.
    if (!isWhole && before !== undefined && arrivals === 0 && seconds < before.to - before.from) continue;
    const rows = (rowsDone[to] ?? 0) - (rowsDone[from] ?? 0);
    rates.push({ from: at[from] ?? 0, to: at[to] ?? 0, rate: Math.max(0, rows / seconds) });
    from = to;
    arrivals = 0;
  }
  return rates;
}

const BARS_HEIGHT = 180;

/** Draws the durations of committed attempts. */
export function durationsPlot({ durations }: RunHistory, plotWidth = PLOT_WIDTH): Markup | null {
  const { from, attempts } = durations;
  if (attempts.length === 0) return null;
  const most = Math.max(...attempts);
  const bottom = BARS_HEIGHT - AXIS;
  const y = linear(most, bottom, 10);
  const width = Math.min(80, (plotWidth - LEFT - RIGHT) / attempts.length);
  // Labels only every nth bar if there are many.
  const every = Math.ceil(70 / width);
  const bars = attempts.map((count, index) => {
    const left = Math.round((LEFT + index * width) * 10) / 10;
    const text = secondsText(from[index] ?? 0);
    const label =
      index % every === 0
        ? html`<text x="${left}" y="${BARS_HEIGHT - 6}" text-anchor="middle">${text}</text>`
        : null;
    return html`<rect class="bar" x="${left + 1}" y="${y(count)}" width="${Math.max(1, Math.round(width - 2))}" height="${Math.round((bottom - y(count)) * 10) / 10}"><title>${count} from ${text} on</title></rect>${label}`;
  });
  return html`<svg viewBox="0 0 ${plotWidth} ${BARS_HEIGHT}" role="img" aria-label="Durations of committed attempts">
${countAxis(most, y, plotWidth)}${bars}</svg>`;
}
