import { formatBytes, formatCount } from "../../shared/core/units.ts";
import { checkedConversion } from "../../shared/domain/conversion.ts";
import type { OutputManifest } from "../../shared/domain/manifest.ts";
import { modelDigest } from "../../shared/domain/model-digest.ts";
import { NOTED_COUNTS, ROW_COUNTS } from "../../shared/domain/row-counts.ts";
import { html, type Markup } from "../../shared/plots/markup.ts";
import { secondsText } from "../../shared/plots/scale.ts";
import { tasksText } from "../../shared/terminal/task-text.ts";

/** Limit of listed files. Further ones are counted, and the manifest lists all. */
const MOST_FILES = 50;

/** Renders the origin of the output: versions, digests, devices, and the job itself. */
export function madeBySection(manifest: OutputManifest): Markup {
  const { digests, outputDigest, versions, builds, devices, spec, attempts } = manifest;
  const converted = checkedConversion(manifest);
  const rows: readonly (readonly [string, string])[] = [
    ...Object.entries(versions),
    ...(builds.length > 1 ? [["worked on by", builds.join(", ")] as const] : []),
    ["attempts of all runs", formatCount(attempts)],
    ["digest of the job", digests.spec],
    ["digest of the input", digests.input],
    ["digest of the model", digests.model === modelDigest(null) ? "no model" : digests.model],
    ["digest of the output", outputDigest],
    ...(converted === null
      ? []
      : [["model converted to", `${converted.value}, checked on ${converted.check.rows} rows`] as const]),
    ...devices.map(({ worker, device, gpu, onnxruntimeVersion, refusal }) => {
      const verdict = refusal === null ? "same results as the CPU" : `refused: ${refusal}`;
      return [
        `device of ${worker}`,
        `${gpu ?? device}, ONNX Runtime ${onnxruntimeVersion}: ${verdict}`,
      ] as const;
    }),
  ];
  return html`<section><h2>What made the output</h2>
<table><tbody>${rows.map(([label, value]) => html`<tr><th scope="row">${label}</th><td><code>${value}</code></td></tr>`)}</tbody></table>
${spec === undefined ? null : html`<h3>The job as it was read</h3><pre>${JSON.stringify(spec, null, 2)}</pre>`}
</section>`;
}

export function filesSection({ files, rows }: OutputManifest): Markup {
  const { input, pruned, skipped, filtered, output, deadLetters } = rows;
  const counts = [
    ["in the input", input],
    ["excluded unread", pruned],
    ["skipped by a trial run", skipped],
    ["dropped by steps", filtered],
    ["dead letters", deadLetters],
    ["published", output],
    ...NOTED_COUNTS.map((name) => {
      const { noted, run } = ROW_COUNTS[name];
      return [noted.report, rows[run.manifest]] as const;
    }),
  ] as const;
  const more = files.length - MOST_FILES;
  return html`<section><h2>What was published</h2>
<table class="small"><thead><tr><th scope="col">rows</th><th scope="col" class="n">number</th></tr></thead>
<tbody>${counts.map(([label, count]) => (count === 0 && label !== "published" ? null : html`<tr><td>${label}</td><td class="n">${formatCount(count)}</td></tr>`))}</tbody></table>
<div class="wide"><table><thead><tr><th scope="col">file</th><th scope="col" class="n">rows</th><th scope="col" class="n">size</th><th scope="col">sha256</th></tr></thead>
<tbody>${files.slice(0, MOST_FILES).map((file) => html`<tr><td>${file.path}</td><td class="n">${formatCount(file.rows)}</td><td class="n">${formatBytes(file.bytes)}</td><td><code>${file.sha256.slice(0, 16)}…</code></td></tr>`)}</tbody></table></div>
${more > 0 ? html`<p class="soft">And ${formatCount(more)} more: see <code>_manifest.json</code>.</p>` : null}</section>`;
}

/** Renders the tasks of reductions by key, and the keys that made them uneven. */
export function tasksSection({ tasks }: OutputManifest): Markup | null {
  if (tasks.length === 0) return null;
  return html`<section><h2>Tasks of reductions by key</h2>
<ul>${tasks.map((run) => html`<li>${tasksText(run)}</li>`)}</ul></section>`;
}

export function storesSection({ stores }: OutputManifest): Markup | null {
  if (stores.length === 0) return null;
  return html`<section><h2>Requests to stores</h2>
<div class="wide"><table><thead><tr><th scope="col">store</th><th scope="col" class="n">requests</th><th scope="col" class="n">read</th><th scope="col" class="n">written</th><th scope="col" class="n">retries</th><th scope="col" class="n">throttled</th><th scope="col" class="n">waited</th></tr></thead>
<tbody>${stores.map((store) => html`<tr><td>${store.store}</td><td class="n">${formatCount(store.requests)}</td><td class="n">${formatBytes(store.bytesRead)}</td><td class="n">${formatBytes(store.bytesWritten)}</td><td class="n">${formatCount(store.retries)}</td><td class="n">${formatCount(store.throttled)}</td><td class="n">${secondsText(store.waitedMs / 1_000)}</td></tr>`)}</tbody></table></div></section>`;
}
