import { expect } from "vitest";
import { Meters } from "../../../../coordinator/insight/meters.ts";
import type { ActiveJob } from "../../../../coordinator/job/active-job.ts";
import { type JobSeams, realSeams } from "../../../../coordinator/job/job-seams.ts";
import { openJob } from "../../../../coordinator/job/open-job.ts";
import type { OpenedJob, OpenJobOptions } from "../../../../coordinator/job/opened-job.ts";
import { RunRecorder } from "../../../../coordinator/job/run-recorder.ts";
import { clearOutput } from "../../../../coordinator/publish/clear-output.ts";
import { intentText } from "../../../../coordinator/publish/intent.ts";
import { buildManifest } from "../../../../coordinator/publish/layout.ts";
import { knownPaths } from "../../../../coordinator/publish/own-run.ts";
import { findOutputPaths, type WorkPaths, withRun } from "../../../../coordinator/publish/work-paths.ts";
import { DEFAULT_SCHEDULE } from "../../../../coordinator/schedule/state/config.ts";
import { NEVER } from "../../../../shared/core/abort.ts";
import { systemClock, type TimedClock } from "../../../../shared/core/clock.ts";
import { sha256 } from "../../../../shared/core/digest.ts";
import { realDisk } from "../../../../shared/core/disk.ts";
import { silentLogger } from "../../../../shared/core/log.ts";
import { systemProcesses } from "../../../../shared/core/process-identity.ts";
import { systemRandom } from "../../../../shared/core/random.ts";
import type { PlannedJob } from "../../../../shared/domain/job.ts";
import type { JobSpec } from "../../../../shared/domain/job-spec.ts";
import { below, parseLocation } from "../../../../shared/domain/location.ts";
import { NO_RUN } from "../../../../shared/domain/run-facts.ts";
import { MemoryStorage } from "../../../../shared/storage/memory.ts";
import { sourceOfBytes } from "../../../../shared/storage/put-source.ts";
import { SeededRandom } from "../../../../sim/seeded-random.ts";
import { makeSimJob } from "../../../../sim/sim-plan.ts";
import { rowCounts } from "../../../support/builders.ts";
import { aJobId } from "../../../support/ids.ts";
import { PLAIN_LOCK } from "../../../support/plain-lock.ts";

export const OUT = parseLocation("s3://bucket/out");
export const ROWS = "the rows of all shards";
export const OTHERS_RUN = "run-00000000000000bb";

/** Factor of the clock, so that a silence of 30 s ends soon. */
const HASTE = 200;

const hasty: TimedClock = {
  nowMs: () => systemClock.nowMs() * HASTE,
  wallMs: () => systemClock.wallMs() * HASTE,
  after: (ms, call) => systemClock.after(ms / HASTE, call),
};

/** A bucket of a store with its own address, with a limited number of removals. */
export class Bucket extends MemoryStorage {
  removals = Number.POSITIVE_INFINITY;
  readonly #store: string;

  constructor(store = "https://one") {
    super({
      before: async ({ call }) => {
        if (call !== "remove") return;
        if (this.removals === 0) throw new Error("it died");
        this.removals -= 1;
      },
    });
    this.#store = store;
  }

  async storeOf(): Promise<string> {
    return this.#store;
  }
}

export interface Machine {
  readonly spec: JobSpec;
  readonly planned: PlannedJob;
  readonly storage: Bucket;
  readonly seams: JobSeams;
}

/** Returns a machine that opens one job, with work files at a path. */
export function machineAt(path: string, storage: Bucket): Machine {
  const made = makeSimJob(new SeededRandom(1), { failingRows: false, poisonRows: false, place: 0 });
  const spec = {
    ...made.spec,
    output: { ...made.spec.output, path: OUT },
    work: { path },
  };
  const planned = { ...made.planned, spec };
  const seams: JobSeams = {
    ...realSeams,
    openStorage: async () => storage,
    plan: async () => planned,
    identify: async () => planned,
  };
  return { spec, planned, storage, seams };
}

/** Jobs that tests opened and did not leave. Their beats write files. */
const active = new Set<ActiveJob>();

export async function open({ spec, seams }: Machine, fresh = false): Promise<OpenedJob> {
  const opened = await openJob(spec, optionsOf(seams, fresh));
  if (opened.kind === "active") active.add(opened.job);
  return opened;
}

/** Leaves the jobs of a test, so that its folder can be removed. */
export async function leaveAll(): Promise<void> {
  const jobs = [...active];
  active.clear();
  for (const job of jobs) await job.release().catch(() => {});
}

export function optionsOf(seams: JobSeams, fresh: boolean): OpenJobOptions {
  return {
    fresh,
    clock: hasty,
    log: silentLogger,
    schedule: DEFAULT_SCHEDULE,
    seams,
    reportOf: () => null,
    storesBefore: [],
    beganMs: 0,
    recorder: new RunRecorder(hasty, new Meters()),
    onWake: () => {},
    runTasks: async () => null,
    signal: NEVER,
  };
}

/** Opens a job, and releases it before its end, as if its coordinator had exited. */
export async function openAndLeave(on: Machine): Promise<OpenedJob["origin"]> {
  const opened = await open(on);
  if (opened.kind === "active") {
    active.delete(opened.job);
    await opened.job.release();
  }
  return opened.origin;
}

export async function pathsOf({ spec, storage }: Machine): Promise<WorkPaths> {
  const paths = await findOutputPaths(spec, storage);
  return (await knownPaths(paths, { disk: realDisk, storage })) ?? withRun(paths, OTHERS_RUN);
}

/** Records the decision to publish one file, without any further step. */
export async function putIntent({ storage, planned }: Machine, paths: WorkPaths): Promise<void> {
  const path = "rows/part-00000.parquet";
  const output = { path, kind: "rows", rows: 2, bytes: ROWS.length, sha256: sha256(ROWS) } as const;
  const facts = {
    job: { id: aJobId("j"), name: "sim" },
    digests: planned.digests,
    run: { ...NO_RUN, rowsTotal: 2, shardsCommitted: 1 },
    counts: rowCounts(2),
    builds: ["of an earlier version"],
    versions: {},
  };
  const from = below(paths.partials, "0-1.1-e", "rows.parquet");
  const staged = { manifest: buildManifest(facts, [output]), parts: [{ output, from }] };
  await storage.put(from, sourceOfBytes(ROWS), { signal: NEVER });
  await storage.put(paths.publishing, sourceOfBytes(intentText(staged, paths)), {
    ifAbsent: true,
    signal: NEVER,
  });
}

/** Returns the parts of a coordinator on another machine, whose processes are invisible here. */
export function aClearing(storage: Bucket) {
  const processes = { ...systemProcesses, own: () => ({ ...systemProcesses.own(), host: "elsewhere" }) };
  return { storage, random: systemRandom, clock: hasty, processes, run: null };
}

/** Begins to start over, and stops after a number of removals. */
export async function clearUntil({ spec, storage }: Machine, removals: number): Promise<void> {
  const paths = await findOutputPaths(spec, storage);
  const clearing = { ...aClearing(storage), disk: realDisk, lock: PLAIN_LOCK, keepsWork: () => false };
  storage.removals = removals;
  await expect(clearOutput(paths, clearing)).rejects.toThrow("it died");
  storage.removals = Number.POSITIVE_INFINITY;
}
