import { NEVER } from "../shared/core/abort.ts";
import { errorFromData, messageOf } from "../shared/core/errors.ts";
import type { JobSpec } from "../shared/domain/job-spec.ts";
import type { JobStatus } from "../shared/domain/job-status.ts";
import { reductionOf } from "../shared/domain/manifest.ts";
import { printText } from "../shared/terminal/print-text.ts";
import { renderError } from "../shared/terminal/render-error.ts";
import { createStyle } from "../shared/terminal/style.ts";
import { renderTable } from "../shared/terminal/table.ts";
import { oneLine } from "../shared/terminal/text.ts";
import { exitCodeOf } from "./exit.ts";
import { endText, jobSummary } from "./render/summary.ts";

/** Limit of rows for a reduction at the end of a run. Larger reductions are only in their file. */
const SHOWN_ROWS = 20;

/** Options for the report of a job's end. */
export interface EndArguments {
  readonly json: boolean;
  readonly "dead-letters-exit-code": number;
}

/** Prints the end of a job, its reductions first, and returns its exit code. */
export async function finishJob(
  status: JobStatus,
  spec: Pick<JobSpec, "stores">,
  args: EndArguments,
): Promise<number> {
  if (status.phase === "published" && !args.json) {
    await printReductions(status, spec).catch((error: unknown) => {
      // The job is published, even if its reductions cannot be shown.
      process.stderr.write(`the reductions cannot be shown: ${messageOf(error)}\n`);
    });
  }
  return printEnd(status, args);
}

/**
 * Prints why a job failed on stderr, and how it ended on stdout. With `--json`, the end is one JSON object.
 * Returns the exit code.
 */
export function printEnd(status: JobStatus, args: EndArguments): number {
  if (status.failure !== null) {
    const failure = errorFromData(status.failure);
    printText(process.stderr, (style) => renderError(failure, style));
  }
  if (args.json) process.stdout.write(`${JSON.stringify(jobSummary(status))}\n`);
  else printText(process.stdout, (style) => endText(status, style));
  return exitCodeOf(status, args["dead-letters-exit-code"]);
}

/** Reports that a job over new input has nothing to do. Returns exit code 0, because that is no failure. */
export function printNothingNew(
  notes: readonly string[],
  { jobId, output, manifest }: JobStatus,
  { json }: { readonly json: boolean },
): number {
  const facts = { state: "nothingNew", lastJob: jobId, lastOutput: output, lastManifest: manifest };
  process.stdout.write(`${json ? JSON.stringify({ ...facts, notes }) : notes.map(oneLine).join("\n")}\n`);
  return 0;
}

/** Reports that a signal stopped the job before its end. Returns the exit code. */
export function printStopped(): number {
  process.stderr.write("stopped; the same command resumes the job\n");
  return 130;
}

async function printReductions(status: JobStatus, spec: Pick<JobSpec, "stores">): Promise<void> {
  const { readStores } = await import("../coordinator/plan/read-stores.ts");
  const { readManifest } = await import("../coordinator/publish/read-manifest.ts");
  const { below, parseLocation } = await import("../shared/domain/location.ts");
  const { Storages } = await import("../shared/storage/open-storage.ts");
  const { readReduction } = await import("../coordinator/reduce/preview.ts");
  const style = createStyle(process.stdout);
  await using storages = new Storages({}, await readStores(spec));
  const output = parseLocation(status.output);
  const storage = await storages.at(output);
  const manifest = await readManifest(parseLocation(status.manifest), storage, NEVER);
  const reduced = manifest.files.filter(({ kind }) => kind === "reduced");
  for (const name of new Set(reduced.map(reductionOf))) {
    const parts = reduced.filter((file) => reductionOf(file) === name);
    // The first rows are enough, so only one part is read.
    const part = parts.find(({ rows }) => rows > 0) ?? parts[0];
    if (part === undefined) continue;
    const { columns, rows } = await readReduction(below(output, part.path), storage, SHOWN_ROWS);
    const totalRows = parts.reduce((sum, { rows }) => sum + rows, 0);
    process.stdout.write(`\n${style.bold(name)}\n`);
    process.stdout.write(`${renderTable({ columns, rows, totalRows }, style)}\n`);
  }
  process.stdout.write("\n");
}
