import { inspectOutput, namesIn } from "../../coordinator/publish/output-folder.ts";
import { mapConcurrent } from "../../shared/core/map-concurrent.ts";
import { below, type Location } from "../../shared/domain/location.ts";
import type { OutputManifest } from "../../shared/domain/manifest.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import type { SpoolRecord } from "./queue/spool.ts";
import { WINDOW_ID } from "./queue/window-id.ts";
import { firingAt } from "./spec/firing.ts";
import type { PastFiring, Retry, TriggerState } from "./trigger/trigger-state.ts";

/** A run as its folder tells of it. */
interface FoundRun {
  /** The name of its folder, without `run=`: a firing's id, or a number. */
  readonly id: string;
  readonly output: Location;
  /** Null of one that has begun and not published: it runs, was interrupted, failed or was cancelled. */
  readonly manifest: OutputManifest | null;
}

/** A manifest is a round trip to a store. */
const READS_AT_ONCE = 16;

/** Of a job over what is new, of a schedule, or of a queue. Either way names are in the order of the runs. */
const RUN_FOLDER = new RegExp(`^run=(\\d{6,9}|\\d{8}T\\d{6}Z|${WINDOW_ID.source})$`);

/**
 * The last runs of a job whose runs have a folder each, in their order. Only their manifests are read,
 * however many runs there are.
 *
 * @param most so many of them
 * @throws {OUTPUT_FAILED} when the folder cannot be listed, or a manifest not be read
 */
export async function listRuns(base: Location, storage: Storage, most: number): Promise<FoundRun[]> {
  const names = (await namesIn(base, storage)) ?? [];
  const ids = names.flatMap((name) => RUN_FOLDER.exec(name)?.[1] ?? []);
  const found = await mapConcurrent(ids.slice(Math.max(0, ids.length - most)), READS_AT_ONCE, async (id) => {
    const output = below(base, `run=${id}`);
    const state = await inspectOutput(output, storage);
    // Of a run that was refused before it began, nothing is left.
    if (state.kind === "fresh" || state.kind === "empty") return null;
    return { id, output, manifest: state.kind === "published" ? state.manifest : null };
  });
  return found.filter((run) => run !== null);
}

/** A run that was, or an instant that has none. */
export interface ListedRun {
  /** Of what was left out, the first instant of several. */
  readonly id: string;
  /** The last of several instants that were left out; else null. */
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
  /** Why there is no result, where that is known. */
  readonly why: string | null;
}

interface Remembered {
  readonly ledger: TriggerState | null;
  /** Of a queue, those that are not settled. */
  readonly windows: readonly SpoolRecord[];
}

/** What the folders of the runs tell, with what is remembered of those that published nothing. */
export function listed(
  found: readonly FoundRun[],
  { ledger, windows }: Remembered,
  most: number,
): ListedRun[] {
  const byId = new Map(found.map((run) => [run.id, ofFolder(run)]));
  const others = [
    // Those that published are told by their folders, which of new files have other names.
    ...(ledger?.past ?? [])
      .filter((past) => past.kind === "leftOut" || past.outcome !== "published")
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
  if (past.kind === "leftOut") {
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
    why: `${retry.reason ?? ""}; tried ${times}, and again`,
  };
}

/** It is at work, or tried again. */
function ofWindow({ id, failed, keys }: SpoolRecord): ListedRun {
  const messages = `${keys.length} messages`;
  if (failed === null) return { ...NOTHING, id, state: "waiting", why: messages };
  const why = `${messages}, tried ${failed.attempts} times, and again: ${failed.reason}`;
  return { ...NOTHING, id, state: "failed", job: failed.jobId, why };
}

const REASONS = {
  missed: "nothing served the job then, and catchUp asks for no more",
  overlap: "an earlier run had not ended",
  full: "too many waited",
  ranBefore: "it had run before the clock was set back",
} as const;
