import { formatCount } from "../../shared/core/units.ts";
import type { OutputManifest } from "../../shared/domain/manifest.ts";
import type { RunHistory, WorkerHistory } from "../../shared/domain/run-history.ts";
import { SPAN_ENDS } from "../../shared/domain/span-ends.ts";
import { STAGES } from "../../shared/domain/worker.ts";
import { html, type Markup } from "../../shared/plots/markup.ts";
import { durationsPlot, pacePlot } from "../../shared/plots/plots.ts";
import { secondsText } from "../../shared/plots/scale.ts";
import { END_TEXTS, timeLineLegend, timeLinePlot } from "../../shared/plots/time-line-plot.ts";
import { periodsText } from "../../shared/plots/work-periods.ts";
import { mapPlot } from "./map-plot.ts";

export function paceSection(history: RunHistory): Markup | null {
  const plot = pacePlot(history);
  if (plot === null) return null;
  const periods = periodsText(history);
  const restarts = periods === null ? null : html`<p class="soft">${periods}</p>`;
  return html`<section><h2>Rows a second</h2><div class="wide">${plot}</div>${restarts}</section>`;
}

export function workersSection(history: RunHistory): Markup | null {
  const { workers, workersOmitted } = history;
  if (workers.length === 0) return null;
  const plot = timeLinePlot(history);
  const left =
    workersOmitted === 0
      ? null
      : html`<p class="soft">${formatCount(workersOmitted)} other workers took part. Shown are workers with failures, and those with most rows.</p>`;
  return html`<section><h2>Workers over time</h2>
${plot === null ? null : html`${timeLineLegend()}<div class="wide">${plot}</div>`}${left}
<div class="wide"><table><thead><tr><th scope="col">worker</th><th scope="col">device</th><th scope="col" class="n">connected</th><th scope="col" class="n">rows</th><th scope="col" class="n">committed</th><th scope="col" class="n">lost or failed</th><th scope="col" class="n">batch</th><th scope="col" class="n">padding</th><th scope="col">busiest stages</th></tr></thead>
<tbody>${workers.map(workerRow)}</tbody></table></div></section>`;
}

function workerRow({ name, device, connectedSeconds, rows, ends, ...worker }: WorkerHistory): Markup {
  const wrong = ends.lost + ends.failed + ends.rejected + ends.expired;
  const { batchRows, padding, stages } = worker;
  const busiest = STAGES.filter((stage) => (stages[stage] ?? 0) >= 0.005)
    .sort((a, b) => (stages[b] ?? 0) - (stages[a] ?? 0))
    .slice(0, 3)
    .map((stage) => `${stage} ${Math.round(100 * (stages[stage] ?? 0))} %`);
  return html`<tr><td>${name}</td><td>${device ?? "unknown"}</td><td class="n">${secondsText(connectedSeconds)}</td><td class="n">${formatCount(rows)}</td><td class="n">${formatCount(ends.committed)}</td><td class="n">${formatCount(wrong)}</td><td class="n">${batchRows === null ? "" : formatCount(batchRows)}</td><td class="n">${padding === null ? "" : `${Math.round(100 * padding)} %`}</td><td>${busiest.join(", ")}</td></tr>`;
}

/** Renders the shards. Null: each was committed at its first attempt, without dead letters. */
export function shardsSection(history: RunHistory): Markup | null {
  const found = mapPlot(history);
  if (found === null) return null;
  const { plot, shardsPerCell } = found;
  const shared =
    shardsPerCell === 1 ? null : html` A cell shows the worst of ${formatCount(shardsPerCell)} shards.`;
  return html`<section><h2>Shards</h2>
<p class="soft">In the order of the plan. A bar marks shards that failed before or have dead letters.${shared}</p>
<div class="wide">${plot}</div></section>`;
}

export function attemptsSection(history: RunHistory): Markup | null {
  const { attempts, backups, ends, slowest } = history;
  if (attempts === 0) return null;
  const rows = SPAN_ENDS.filter((end) => ends[end] > 0).toReversed();
  const plot = durationsPlot(history);
  return html`<section><h2>Attempts</h2>
<p>${formatCount(attempts)} attempts began, ${formatCount(backups)} of them as backups of slow ones.</p>
<table class="small"><thead><tr><th scope="col">ended as</th><th scope="col" class="n">attempts</th></tr></thead>
<tbody>${rows.map((end) => html`<tr><td>${END_TEXTS[end]}</td><td class="n">${formatCount(ends[end])}</td></tr>`)}</tbody></table>
${plot === null ? null : html`<p>Durations of committed attempts:</p><div class="wide">${plot}</div>`}
${slowest.length === 0 ? null : html`<p class="soft">Longest: ${slowest.map(({ shard, worker, seconds }) => `shard ${shard} by ${worker}, ${secondsText(seconds)}`).join("; ")}.</p>`}
</section>`;
}

/** Renders the dead letters with their reasons. Null: none. */
export function deadLettersSection({ rows, history }: OutputManifest): Markup | null {
  if (rows.deadLetters === 0) return null;
  const deadLetters = history?.deadLetters ?? [];
  const table =
    deadLetters.length === 0
      ? null
      : html`<div class="wide"><table><thead><tr><th scope="col">stage</th><th scope="col">reason</th><th scope="col" class="n">shards</th><th scope="col">first dead letter</th></tr></thead>
<tbody>${deadLetters.map(({ stage, code, shards, file, row, message }) => html`<tr><td>${stage}</td><td><code>${code}</code></td><td class="n">${formatCount(shards)}</td><td>${message}<br><code>${file} row ${row}</code></td></tr>`)}</tbody></table></div>
<p class="soft">The table counts the first dead letter of each shard. All are in <code>_errors/</code>.</p>`;
  return html`<section><h2>Dead letters</h2><p class="warn">${formatCount(rows.deadLetters)} rows could not be mapped.</p>${table}</section>`;
}
