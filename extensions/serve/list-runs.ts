import { inspectOutput, namesIn } from "../../coordinator/publish/output-folder.ts";
import { mapConcurrent } from "../../shared/core/map-concurrent.ts";
import { below, type Location } from "../../shared/domain/location.ts";
import type { OutputManifest } from "../../shared/domain/manifest.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import type { SpoolRecord } from "./queue/spool.ts";
import { WINDOW_ID } from "./queue/window-id.ts";
import { firingAt } from "./spec/firing.ts";
import type { PastFiring, Retry, TriggerState } from "./trigger/trigger-state.ts";

/** Run that was found by its output folder. */
interface FoundRun {
  /** Name of the run's folder without `run=`: a firing's id, a window's id, or a number. */
  readonly id: string;
  readonly output: Location;
  /** Manifest. Null: the run is in progress, was interrupted, failed or was cancelled. */
  readonly manifest: OutputManifest | null;
}

/** Limit of concurrent manifest reads. Each read is a round trip to a store. */
const READS_AT_ONCE = 16;

/** Matches run folders of new files, schedules and queues. The names sort in order of the runs. */
const RUN_FOLDER = new RegExp(`^run=(\\d{6,9}|\\d{8}T\\d{6}Z|${WINDOW_ID.source})$`);

/**
 * Finds the last runs of a job with a folder for each run, in order. Reads the manifests of these runs only.
 *
 * @param most limit of runs
 * @throws {OUTPUT_FAILED} when the folder cannot be listed, or a manifest cannot be read
 */
export async function listRuns(base: Location, storage: Storage, most: number): Promise<FoundRun[]> {
  const names = (await namesIn(base, storage)) ?? [];
  const ids = names.flatMap((name) => RUN_FOLDER.exec(name)?.[1] ?? []);
  const found = await mapConcurrent(ids.slice(Math.max(0, ids.length - most)), READS_AT_ONCE, async (id) => {
    const output = below(base, `run=${id}`);
    const state = await inspectOutput(output, storage);
    // A run that was refused before it began has an empty folder.
    if (state.kind === "fresh" || state.kind === "empty") return null;
    return { id, output, manifest: state.kind === "published" ? state.manifest : null };
  });
  return found.filter((run) => run !== null);
}

/** Run that was begun, or an instant without a run. */
export interface ListedRun {
  /** Id. For a range of skipped instants, the first one. */
  readonly id: string;
  /** Last of several skipped instants. Null: one instant, or not skipped. */
  readonly until: string | null;
  readonly state:
    | "published"
    | "unfinished"
    | "waiting"
    | "nothing new"
    | "failed"
    | "cancelled"
    | "left out";
  readonly job: string | null;
  readonly rows: number | null;
  readonly deadLetters: number | null;
  /** Why there is no result. Null: unknown, or there is a result. */
  readonly why: string | null;
}

interface Remembered {
  readonly ledger: TriggerState | null;
  /** Windows of a queue whose messages are not yet acknowledged. */
  readonly windows: readonly SpoolRecord[];
}

/** Merges the runs with folders and the recorded runs that published nothing. */
export function listed(
  found: readonly FoundRun[],
  { ledger, windows }: Remembered,
  most: number,
): ListedRun[] {
  const byId = new Map(found.map((run) => [run.id, ofFolder(run)]));
  const others = [
    // Published runs are listed by their folders. Folders of new files' runs have other names than the
    // ledger's.
    ...(ledger?.past ?? [])
      .filter((past) => past.kind === "skipped" || past.outcome !== "published")
      .map(ofPast),
    ...(ledger?.waiting ?? []).map((atMs) => ofWaiting(atMs, ledger?.retry)),
    ...windows.map(ofWindow),
  ];
  for (const run of others) if (byId.get(run.id)?.state !== "published") byId.set(run.id, run);
  const runs = [...byId.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  return most === 0 ? [] : runs.slice(-most);
}

const NOTHING = { until: null, job: null, rows: null, deadLetters: null, why: null } as const;

function ofFolder({ id, manifest }: FoundRun): ListedRun {
  if (manifest === null) return { ...NOTHING, id, state: "unfinished" };
  const { output: rows, deadLetters } = manifest.rows;
  return { ...NOTHING, id, state: "published", job: manifest.job.id, rows, deadLetters };
}

function ofPast(past: PastFiring): ListedRun {
  const { id } = firingAt(past.atMs);
  if (past.kind === "skipped") {
    const until = past.untilMs === past.atMs ? null : firingAt(past.untilMs).id;
    return { ...NOTHING, id, until, state: "left out", why: REASONS[past.why] };
  }
  const { outcome, jobId: job, reason: why } = past;
  return { ...NOTHING, id, state: outcome === "nothingNew" ? "nothing new" : outcome, job, why };
}

function ofWaiting(atMs: number, retry: Retry | undefined): ListedRun {
  const { id } = firingAt(atMs);
  if (retry?.atMs !== atMs) return { ...NOTHING, id, state: "waiting" };
  const times = retry.failures === 1 ? "once" : `${retry.failures} times`;
  return {
    ...NOTHING,
    id,
    state: "failed",
    job: retry.jobId,
    why: `${retry.reason ?? ""} (failed ${times}, will be retried)`,
  };
}

/** Lists a window whose run is in progress, or will be retried. */
function ofWindow({ id, failed, keys }: SpoolRecord): ListedRun {
  const messages = `${keys.length} messages`;
  if (failed === null) return { ...NOTHING, id, state: "waiting", why: messages };
  const why = `${messages}, failed ${failed.attempts} times, will be retried: ${failed.reason}`;
  return { ...NOTHING, id, state: "failed", job: failed.jobId, why };
}

const REASONS = {
  missed: "no process served the job then, and catchUp excludes this run",
  overlap: "a previous run had not ended",
  full: "too many runs waited",
  ranBefore: "it had run before the clock was set back",
} as const;
