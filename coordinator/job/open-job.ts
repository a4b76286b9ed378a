import { join } from "node:path";
import { NEVER, sleep } from "../../shared/core/abort.ts";
import type { TimedClock } from "../../shared/core/clock.ts";
import { isShardmillError } from "../../shared/core/errors.ts";
import type { Logger } from "../../shared/core/log.ts";
import { ResourceStack } from "../../shared/core/resource-stack.ts";
import type { JobPhase, PlannedJob } from "../../shared/domain/job.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import { type Location, parseLocation } from "../../shared/domain/location.ts";
import { MANIFEST_NAME, type OutputManifest } from "../../shared/domain/manifest.ts";
import { jobPrecision, type PrecisionReport } from "../../shared/domain/precision.ts";
import { isPlaceError } from "../../shared/storage/errors.ts";
import { writeBeacon } from "../commit/beacon.ts";
import { RunWatch, type RunWatchOptions } from "../insight/run-watch.ts";
import type { HeldLock } from "../journal/held-lock.ts";
import { type OpenJournal, openJournal } from "../journal/journal.ts";
import { acquireLock } from "../journal/lock.ts";
import { isOfLock } from "../journal/lock-file.ts";
import type { Aside } from "../plan/plan-job.ts";
import { hasWorkFiles, removeWorkFiles, removeWorkFolder } from "../publish/cleanup.ts";
import { clearOutput } from "../publish/clear-output.ts";
import { inspectOutput, outputOccupied } from "../publish/output-folder.ts";
import { workPaths } from "../publish/work-paths.ts";
import { replay, resumeEffects } from "../schedule/events/replay.ts";
import type { ScheduleConfig } from "../schedule/state/config.ts";
import type { JobState } from "../schedule/state/job-state.ts";
import { jobProgress } from "../schedule/state/progress.ts";
import type { JournalRecord } from "../schedule/state/record.ts";
import { ActiveJob, type ActiveJobOptions } from "./active-job.ts";
import { describeJob } from "./describe-job.ts";
import type { JobOrigin } from "./job-origin.ts";
import { JobOutput } from "./job-output.ts";
import type { JobSeams } from "./job-seams.ts";
import { type ExclusionNotice, JobShell } from "./job-shell.ts";
import { type CheckPrecision, passPrecision } from "./precision-gate.ts";
import { refuseOtherJob, refuseOtherResult } from "./same-job.ts";
import { buildsOf, startNotes } from "./start-notes.ts";
import type { Wake } from "./wake.ts";

/**
 * Thousands of workers make a record in less than a millisecond: so many go into one write. A commit waits
 * for it no longer than a disk takes to sync, and longer would show where a lease waits for a commit before
 * it.
 */
const JOURNAL_PAUSE_MS = 2;

export interface OpenJobOptions {
  readonly fresh: boolean;
  readonly clock: TimedClock;
  readonly log: Logger;
  readonly schedule: Omit<ScheduleConfig, "maxDeadRows">;
  readonly seams: JobSeams;
  readonly reportOf: RunWatchOptions["reportOf"];
  readonly onWake: (wake: Wake | "all") => void;
  readonly signal?: AbortSignal;
  readonly checkPrecision?: CheckPrecision;
  /** Called once there is work to do, before anything is written: the last chance to refuse. */
  readonly beforeWork?: (signal: AbortSignal) => Promise<void>;
  /** Called when there is a job to plan, before it is planned: what takes its time can begin beside it. */
  readonly onPlanning?: () => void;
  /** Does what needs none of what planning is bounded for. Left out: it is simply done. */
  readonly aside?: Aside;
  /** Told when it takes time to find out whether another coordinator is alive. Left out: it is logged. */
  readonly onWaiting?: (message: string) => void;
}

export type OpenedJob =
  | {
      readonly kind: "active";
      readonly job: ActiveJob;
      readonly origin: JobOrigin;
      readonly notes: readonly string[];
    }
  | {
      readonly kind: "published";
      readonly spec: JobSpec;
      readonly manifest: OutputManifest;
      readonly manifestPath: string;
    };

/**
 * Opens a job, whatever an earlier run left in its output folder: nothing, an unfinished job of the same
 * digests (its commits stay), one that failed or was cancelled (a new run adopts its commits), or the
 * published result. Everything is checked before anything is written or thrown away.
 *
 * @throws {OUTPUT_OCCUPIED} when the folder holds something else
 * @throws {OUTPUT_LOCKED} when another coordinator runs this job now
 * @throws {JOB_MISMATCH} when spec, input or model differ from those of the unfinished job
 * @throws {JOURNAL_CORRUPT} and everything that planning throws
 */
export async function openJob(spec: JobSpec, options: OpenJobOptions): Promise<OpenedJob> {
  const outputPath = spec.output.path;
  const { output } = workPaths(outputPath);
  const signal = options.signal ?? NEVER;
  const { seams } = options;
  const found = await inspectOutput(output, seams.storage).catch(
    (error: unknown) => ({ kind: "refused", error }) as const,
  );
  if (found.kind === "published" && !options.fresh) {
    return await adoptResult(spec, found.manifest, options, signal);
  }
  options.onPlanning?.();
  // Planning looks at the output, too, and tells of that with all else that is wrong.
  const planned = await seams.plan(spec, signal, options.aside);
  if (found.kind === "refused") throw found.error;
  if (found.kind === "occupied") throw outputOccupied(outputPath, found.entries);
  await options.beforeWork?.(signal);
  const precision = await passPrecision(planned, options.checkPrecision, signal);
  signal.throwIfAborted();
  const resources = new ResourceStack();
  try {
    const lock = resources.add(await lockOutput(outputPath, options));
    const now = await inspectOutput(output, seams.storage);
    if (now.kind === "published" && !options.fresh) {
      // Another coordinator published it while this one planned.
      await resources.release();
      return await adoptResult(spec, now.manifest, options, signal);
    }
    if (options.fresh || now.kind === "halfCleared")
      await clearOutput(output, { ...seams, keepsWork: isOfLock });
    return await startJob(planned, { ...options, precision, lock }, resources);
  } catch (error) {
    // What went wrong first is what is told.
    await resources.release().catch(() => {});
    throw error;
  }
}

/** @throws {OUTPUT_OCCUPIED} when the published result is not this job's */
async function adoptResult(
  spec: JobSpec,
  manifest: OutputManifest,
  options: OpenJobOptions,
  signal: AbortSignal,
): Promise<OpenedJob> {
  refuseOtherResult(spec, manifest, await options.seams.digests(spec, signal));
  await sweepPublished(spec.output.path, options);
  return { kind: "published", spec, manifest, manifestPath: join(spec.output.path, MANIFEST_NAME) };
}

/** A coordinator that died just after publishing left its work files; a living one removes its own. */
async function sweepPublished(outputPath: string, options: OpenJobOptions): Promise<void> {
  const { seams } = options;
  const { output } = workPaths(outputPath);
  if (!(await hasWorkFiles(output, seams.storage, seams.disk))) return;
  try {
    {
      await using _lock = await lockOutput(outputPath, options);
      await removeWorkFiles(output, seams.storage, seams.disk);
    }
    await removeWorkFolder(output, seams.disk);
  } catch (error) {
    // The result is published, whatever lies beside it.
    if (!isShardmillError(error) && !isPlaceError(error)) throw error;
  }
}

function lockOutput(outputPath: string, options: OpenJobOptions): Promise<HeldLock> {
  const { seams, clock, signal, log } = options;
  return acquireLock(workPaths(outputPath).disk, {
    ...seams,
    clock,
    ...(signal === undefined ? {} : { signal }),
    onWaiting: options.onWaiting ?? ((message) => log.warn({ path: outputPath }, message)),
  });
}

interface StartOptions extends OpenJobOptions {
  readonly precision: PrecisionReport | null;
  readonly lock: HeldLock;
}

async function startJob(
  planned: PlannedJob,
  options: StartOptions,
  resources: ResourceStack,
): Promise<OpenedJob> {
  const { clock, seams, lock } = options;
  const outputPath = planned.spec.output.path;
  const paths = workPaths(outputPath);
  let phase = (): JobPhase => "planning";
  // Between the journal, which it deletes, and the lock, under which it does.
  resources.add({
    async [Symbol.asyncDispose]() {
      if (phase() === "published") await removeWorkFiles(paths.output, seams.storage, seams.disk);
    },
  });
  const opened = resources.add(await journalIn(paths.journal, options));
  const { state, after } = await replayJob(planned, opened, options);
  phase = () => jobProgress(state).phase;
  const jobId = state.jobId ?? newJobId(planned.spec.name, seams);
  seams.watch(state, outputPath);
  const runWatch = watchRun(state, planned, options);
  const builds = buildsOf(opened.records);
  const output = resources.add(
    new JobOutput({ jobId, planned, builds, state: () => state, seams, runWatch, lock }),
  );
  const beacon = await writeBeacon(paths.partials, seams.storage, seams.random);
  const shell = new JobShell({
    state,
    journal: opened.journal,
    clock,
    work: output,
    onWake: options.onWake,
    onExclusion: (notice) => logExclusion(options.log, jobId, notice),
  });
  lock.lost.addEventListener("abort", () => shell.breakDown(lock.lost.reason), { once: true });
  const job = new ActiveJob({
    jobId,
    planned,
    description: describeJob(jobId, planned, { partialsPath: parseLocation(paths.partials), beacon }),
    shell,
    clock,
    manifestPath: join(outputPath, MANIFEST_NAME),
    files: filesOf(planned, parseLocation(paths.partials)),
    runWatch,
    stopWork: () => output.stop(),
    release: async () => {
      await resources.release();
      if (phase() === "published") await removeWorkFolder(paths.output, seams.disk);
    },
  });
  await begin(shell, jobId, planned);
  const { shardsCommitted, shardsTotal } = jobProgress(state);
  const origin: JobOrigin =
    after === null ? { kind: "new" } : { kind: "resumed", after, shardsCommitted, shardsTotal };
  return { kind: "active", job, origin, notes: startNotes(planned, builds) };
}

function watchRun(
  state: JobState,
  { spec }: PlannedJob,
  { clock, reportOf, seams, precision: check }: StartOptions,
): RunWatch {
  const precision = jobPrecision(spec.model.precision, check);
  return new RunWatch({ state: () => state, clock, precision, reportOf, loopTime: () => seams.loopTime() });
}

function journalIn(path: string, { clock, seams, lock }: StartOptions): Promise<OpenJournal> {
  const pause = () => sleep(JOURNAL_PAUSE_MS, undefined, clock);
  const confirm = () => lock.confirm();
  return openJournal(path, clock.wallMs(), seams.disk, { pause, confirm });
}

function filesOf({ dataset, model }: PlannedJob, partialsPath: Location): ActiveJobOptions["files"] {
  return {
    inputPaths: new Set(dataset.files.map((file) => file.path)),
    modelPaths: new Set([model.path, ...model.externalData.map(({ path }) => path)]),
    partialsPath,
  };
}

function logExclusion(log: Logger, job: string, { name, excludedForMs, reason }: ExclusionNotice): void {
  if (excludedForMs === null) log.info({ job, worker: name, reason }, "worker is trusted again");
  else
    log.warn({ job, worker: name, seconds: excludedForMs / 1000, reason }, "worker is excluded for a while");
}

/** Brings the core to where work can go on: a sealed plan, or what its phase demands after a restart. */
async function begin(shell: JobShell, jobId: string, planned: PlannedJob): Promise<void> {
  const { spec, digests, dataset, pruned, shards } = planned;
  if (shell.state.jobId === null)
    await shell.dispatch({ kind: "jobAccepted", jobId, name: spec.name, digests });
  if (shell.state.phase === "planning") {
    await shell.dispatch({ kind: "planSealed", files: dataset.files, pruned, shards });
    return;
  }
  await shell.perform(resumeEffects(shell.state));
}

type After = Extract<JobOrigin, { kind: "resumed" }>["after"];

/** The state in the journal; after a run that failed or was cancelled, another run with its commits. */
async function replayJob(
  planned: PlannedJob,
  opened: OpenJournal,
  options: OpenJobOptions,
): Promise<{ state: JobState; after: After | null }> {
  const config: ScheduleConfig = { ...options.schedule, maxDeadRows: planned.spec.errors.maxRows };
  const state = replay(config, opened.records, opened.generation);
  if (state.digests !== null) refuseOtherJob(state.digests, planned.digests);
  const { phase } = state;
  if (phase !== "failed" && phase !== "cancelled") {
    return { state: atPaths(state, planned), after: state.jobId === null ? null : "interruption" };
  }
  const revived: JournalRecord = { kind: "jobRevived", jobId: newJobId(planned.spec.name, options.seams) };
  await opened.journal.append(revived, { durable: true });
  const again = replay(config, [...opened.records, revived], opened.generation);
  return { state: atPaths(again, planned), after: phase };
}

/**
 * The job's folder may have been moved since: the files are the same ones (their digest is), and are named
 * where they are now.
 */
function atPaths(state: JobState, { dataset }: PlannedJob): JobState {
  if (state.phase !== "planning") state.files = dataset.files.map(({ path }) => path);
  return state;
}

function newJobId(name: string, { random }: JobSeams): string {
  return `${name}-${random.hex(4)}`;
}
