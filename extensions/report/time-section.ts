import type { Bottleneck } from "../../shared/domain/bottleneck.ts";
import type { JobPhase } from "../../shared/domain/job.ts";
import type { OutputManifest } from "../../shared/domain/manifest.ts";
import type { RunHistory } from "../../shared/domain/run-history.ts";
import { STAGES, type Stage, type StageShares } from "../../shared/domain/worker.ts";
import { html, type Markup } from "../../shared/plots/markup.ts";
import { secondsText } from "../../shared/plots/scale.ts";

export interface ReportOptions {
  /** Price of an hour of a worker, in any currency. Default: hours only. */
  readonly pricePerHour?: number | undefined;
}

const LIMITS: Readonly<Record<Exclude<Bottleneck, Stage>, string>> = {
  start: "the start: workers joined and loaded models",
  shards: "too few shards: workers were idle while others finished",
  coordinator: "the coordinator: workers waited for leases or commits",
  reduce: "reducing and publishing",
};

const PHASE_NAMES: Readonly<Partial<Record<JobPhase, string>>> = {
  running: "mapping",
  reducing: "reducing, staging",
  publishing: "publishing",
};

/** Renders the time, the bottleneck and the cost of a run. */
export function timeSection({ history, bottleneck, stages }: OutputManifest, options: ReportOptions): Markup {
  return html`<section><h2>Where time went</h2>
${bottleneck === null ? html`<p class="soft">What limited the run is not known.</p>` : html`<p>Limited by <b>${limitText(bottleneck)}</b>.</p>`}
${history === null ? null : phasesTable(history)}
${stagesTable(stages)}
${history === null ? null : costs(history, options)}
</section>`;
}

function limitText(bottleneck: Bottleneck): string {
  return bottleneck in LIMITS ? LIMITS[bottleneck as keyof typeof LIMITS] : `the stage ${bottleneck}`;
}

/** Renders the phases. The last one ends with the manifest, which cannot include later time. */
function phasesTable({ phases, seconds }: RunHistory): Markup {
  const begun = phases[0]?.from ?? seconds;
  const spans = [
    { name: "planning", seconds: begun },
    ...phases.map(({ phase, from }, index) => ({
      name: PHASE_NAMES[phase] ?? phase,
      seconds: (phases[index + 1]?.from ?? seconds) - from,
    })),
  ];
  const share = (part: number) => (seconds > 0 ? part / seconds : 0);
  return html`<table><thead><tr><th scope="col">phase</th><th scope="col" class="n">took</th><th scope="col" class="n">share</th><th scope="col" aria-hidden="true"></th></tr></thead>
<tbody>${spans.map((span) => html`<tr><td>${span.name}</td><td class="n">${secondsText(span.seconds)}</td>${shareCells(share(span.seconds))}</tr>`)}</tbody></table>
<p class="soft">This page was written before the files were published, so that phase is missing.</p>`;
}

/** Renders the mean busy shares of the workers since their first rows. */
function stagesTable(stages: StageShares): Markup | null {
  const shown = STAGES.filter((stage) => (stages[stage] ?? 0) > 0);
  if (shown.length === 0) return null;
  return html`<table><thead><tr><th scope="col">stage of the workers</th><th scope="col" class="n">busy</th><th scope="col" aria-hidden="true"></th></tr></thead>
<tbody>${shown.map((stage) => html`<tr><td>${stage}</td>${shareCells(stages[stage] ?? 0)}</tr>`)}</tbody></table>`;
}

function shareCells(share: number): Markup {
  const percent = Math.round(100 * share);
  return html`<td class="n">${percent} %</td><td style="width: 40%"><span class="share" style="width: ${Math.min(100, percent)}%"></span></td>`;
}

function costs({ workerSeconds, deviceSeconds }: RunHistory, { pricePerHour }: ReportOptions): Markup {
  const hours = workerSeconds / 3_600;
  const money =
    pricePerHour === undefined
      ? null
      : html` At ${pricePerHour} per worker hour, that is <b>${(hours * pricePerHour).toFixed(2)}</b>.`;
  const devices =
    deviceSeconds > 0 ? html`, ${secondsText(deviceSeconds)} of it on GPUs or other devices` : null;
  return html`<p>Workers were connected for ${secondsText(workerSeconds)} in total${devices}.${money}</p>`;
}
