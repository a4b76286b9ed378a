import { errorFromData } from "../../shared/core/errors.ts";
import { isEnded } from "../../shared/domain/job.ts";
import type { JobStatus } from "../../shared/domain/job-status.ts";
import { deviceEntries } from "../../shared/terminal/device-text.ts";
import { renderError } from "../../shared/terminal/render-error.ts";
import { plainStyle, type Style } from "../../shared/terminal/style.ts";
import { labelled, oneLine } from "../../shared/terminal/text.ts";
import { verdictEntries } from "../../shared/terminal/verdict-text.ts";
import { conversionEntry } from "./conversion-line.ts";
import { renderProgress } from "./progress.ts";
import { storeEntries } from "./stores-text.ts";
import { endText } from "./summary.ts";

/** Shows one job for `status`: its progress, ID and output, and advice to make it faster. */
export function statusText(status: JobStatus, style: Style = plainStyle): string {
  if (isEnded(status.phase)) {
    const failure = status.failure === null ? [] : ["", renderError(errorFromData(status.failure), style)];
    return [endText(status, style), ...failure].join("\n");
  }
  const [head = "", ...lines] = renderProgress(status, { style, columns: Number.POSITIVE_INFINITY });
  // The lines above show the bottleneck already.
  const [_limit, ...verdict] = verdictEntries(status);
  const entries: [label: string, value: string | null][] = [
    ["job", oneLine(status.jobId)],
    ["output", oneLine(status.output)],
    ...conversionEntry(status.conversion),
    ...deviceEntries(status.devices),
    ...storeEntries(status.stores),
    ...(status.phase === "running" ? verdict : []),
  ];
  return [head, ...lines.map((line) => `  ${line}`), ...labelled(entries, style.dim)].join("\n");
}
