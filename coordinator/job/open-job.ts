import { mapConcurrent } from "../../shared/core/map-concurrent.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import { below, type Location, parseLocation } from "../../shared/domain/location.ts";
import { MANIFEST_NAME } from "../../shared/domain/manifest.ts";
import { nothingNewLines } from "../../shared/domain/new-input.ts";
import { readStores } from "../plan/read-stores.ts";
import { findOutputPaths, type OutputPaths } from "../publish/work-paths.ts";
import { type NextRun, type NothingNew, nextRun } from "../runs/next-run.ts";
import { refuseOtherJobThan } from "../runs/one-dataset.ts";
import { sealedInputOf } from "../runs/sealed-input-of.ts";
import { endPublished } from "./end-published.ts";
import { openOutput } from "./open-output.ts";
import { type OpenedJob, type OpenJobOptions, reachOf } from "./opened-job.ts";
import { runIsMissing } from "./replay-job.ts";

/** Each check for a run's marker is a round trip to a store. */
const LOOKS_AT_ONCE = 16;

/**
 * Opens a job, as `openOutput` does. For an incremental job (`input.new`) this is its next run, or the last
 * one when there is no new input.
 *
 * @throws as `openOutput`
 * @throws {JOB_MISMATCH} when the published runs are of another job, or files of a begun run are missing
 * @throws {JOB_NOT_FOUND} {JOB_ENDED} when the run to resume is not there
 */
export async function openJob(spec: JobSpec, options: OpenJobOptions): Promise<OpenedJob> {
  for (;;) {
    const next = spec.input.new === true ? await lookFor(spec, options) : null;
    const own = next?.published.find(({ manifest }) => manifest.job.id === options.resumes);
    if (own !== undefined)
      return await ofBefore(spec, own, { origin: { kind: "published" }, notes: [] }, options);
    if (next?.kind === "nothingNew") return await nothingNew(spec, next, options);
    const opened = await openOutput(next?.spec ?? spec, options, next);
    if (opened !== null) return opened;
    // Another coordinator worked on the same run meanwhile. Its input files or its published output count, so
    // look again.
  }
}

async function lookFor(spec: JobSpec, options: OpenJobOptions): Promise<NextRun> {
  const { seams, fresh, takes, signal } = options;
  const reach = reachOf(options);
  const storage = await seams.openStorage(parseLocation(spec.output.path), spec, reach);
  const sealedInput = (paths: OutputPaths) => sealedInputOf(paths, { ...seams, storage });
  const next = await nextRun(spec, { storage, sealedInput, signal, fresh, takes, ...reach });
  await mapConcurrent(next.published, LOOKS_AT_ONCE, async ({ output, manifest }) => {
    const paths = await findOutputPaths(ofRun(spec, output), storage);
    await endPublished(manifest, { paths, storage }, options);
  });
  if (next.kind === "nothingNew")
    await refuseOtherJobThan(next, (found) => seams.identify(spec, { found, ...reach, signal }));
  return next;
}

/** @throws {JOB_NOT_FOUND} when a certain run was to be resumed */
async function nothingNew(
  spec: JobSpec,
  { last, found }: NothingNew,
  options: OpenJobOptions,
): Promise<OpenedJob> {
  if (options.resumes !== undefined) throw runIsMissing(options.resumes, spec.output.path);
  const notes = nothingNewLines(spec.output.path, found);
  return await ofBefore(spec, last, { origin: { kind: "nothingNew" }, notes }, options);
}

async function ofBefore(
  spec: JobSpec,
  { output, manifest }: NothingNew["last"],
  said: Pick<Extract<OpenedJob, { kind: "published" }>, "origin" | "notes">,
  options: Pick<OpenJobOptions, "allowed" | "seams">,
): Promise<OpenedJob> {
  return {
    kind: "published",
    spec: ofRun(spec, output),
    stores: await readStores(spec, reachOf(options)),
    manifest,
    manifestPath: below(output, MANIFEST_NAME),
    ...said,
  };
}

function ofRun(spec: JobSpec, output: Location): JobSpec {
  return { ...spec, output: { ...spec.output, path: output } };
}
