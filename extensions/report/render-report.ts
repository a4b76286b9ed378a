import { formatBytes, formatCount } from "../../shared/core/units.ts";
import type { OutputManifest } from "../../shared/domain/manifest.ts";
import type { RunHistory } from "../../shared/domain/run-history.ts";
import { html, type Markup } from "../../shared/plots/markup.ts";
import { secondsText, shortCount } from "../../shared/plots/scale.ts";
import { secondsAtWork } from "../../shared/plots/work-periods.ts";
import {
  attemptsSection,
  deadLettersSection,
  paceSection,
  shardsSection,
  workersSection,
} from "./history-sections.ts";
import { filesSection, madeBySection, storesSection, tasksSection } from "./output-sections.ts";
import { STYLE } from "./style.ts";
import { type ReportOptions, timeSection } from "./time-section.ts";

/**
 * Renders a page about an output's run, from its manifest alone. It is one file without scripts or external
 * resources, so it never changes. Equal manifests give equal pages.
 */
export function renderReport(manifest: OutputManifest, options: ReportOptions = {}): string {
  const { job, history } = manifest;
  const sections = [
    timeSection(manifest, options),
    ...(history === null ? [] : historySections(history)),
    tasksSection(manifest),
    deadLettersSection(manifest),
    madeBySection(manifest),
    filesSection(manifest),
    storesSection(manifest),
  ];
  const body = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${job.name}: report</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>${job.name}</h1>
<p class="soft">Job ${job.id}, by Shardmill ${manifest.versions.shardmill ?? "of an unknown version"}${history === null ? null : html`, begun ${shortTime(history.began)} (UTC)`}</p>
</header>
<main>
${tiles(manifest)}
${sections}
</main>
</body>
</html>
`;
  return body.text;
}

function historySections(history: RunHistory): readonly (Markup | null)[] {
  return [paceSection, workersSection, attemptsSection, shardsSection].map((section) => section(history));
}

function tiles(manifest: OutputManifest): Markup {
  const { rows, files, history, shards } = manifest;
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const mapped = rows.input - rows.pruned - rows.skipped;
  const atWork = history === null ? 0 : secondsAtWork(history);
  const entries: readonly (readonly [label: string, value: string] | null)[] = [
    ["rows in", shortCount(rows.input)],
    ["rows out", shortCount(rows.output)],
    history === null ? null : ["took", secondsText(history.seconds)],
    atWork === 0 ? null : ["rows a second", shortCount(mapped / atWork)],
    ["shards", formatCount(shards)],
    history === null ? null : ["workers", formatCount(history.workers.length + history.workersOmitted)],
    ["dead letters", formatCount(rows.deadLetters)],
    ["files", formatCount(files.length)],
    ["bytes", formatBytes(bytes)],
  ];
  const items = entries.flatMap((entry) =>
    entry === null ? [] : [html`<li>${entry[0]}<b>${entry[1]}</b></li>`],
  );
  return html`<ul class="tiles">${items}</ul>`;
}

/** Formats a time such as `2026-01-31 08:30:00`. */
function shortTime(iso: string): string {
  return iso.slice(0, 19).replace("T", " ");
}
