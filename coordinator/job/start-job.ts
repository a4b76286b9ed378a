import { join } from "node:path";
import { NEVER, sleepBy } from "../../shared/core/abort.ts";
import { present } from "../../shared/core/assert.ts";
import { messageOf } from "../../shared/core/errors.ts";
import type { Logger } from "../../shared/core/log.ts";
import type { ResourceStack } from "../../shared/core/resource-stack.ts";
import type { ConversionReport } from "../../shared/domain/accuracy.ts";
import { jobConversion } from "../../shared/domain/conversion.ts";
import { fileFormatOf } from "../../shared/domain/formats.ts";
import type { PlannedJob } from "../../shared/domain/job.ts";
import type { JobId } from "../../shared/domain/job-id.ts";
import { below } from "../../shared/domain/location.ts";
import { MANIFEST_NAME, type OutputManifest } from "../../shared/domain/manifest.ts";
import { stepFiles } from "../../shared/domain/reduction-binding.ts";
import { DatasetPaths, filesOf } from "../../shared/domain/row-place.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { writeBeacon } from "../commit/beacon.ts";
import { readRemembered } from "../insight/packed-history.ts";
import { RecordTimes } from "../insight/record-times.ts";
import { RunWatch } from "../insight/run-watch.ts";
import { StoreWatch } from "../insight/store-watch.ts";
import type { HeldLock, JobLock } from "../journal/held-lock.ts";
import type { OpenJournal } from "../journal/journal.ts";
import type { LastSnapshot } from "../journal/snapshot-file.ts";
import { SnapshottingJournal } from "../journal/snapshotting-journal.ts";
import { removeWorkFiles, removeWorkFolder } from "../publish/cleanup.ts";
import { asOutputFailed } from "../publish/output-failed.ts";
import { probeStore } from "../publish/probe-store.ts";
import type { RunTasks } from "../publish/tasks-to-run.ts";
import type { WorkPaths } from "../publish/work-paths.ts";
import { resumeEffects } from "../schedule/events/replay.ts";
import type { JobEffect } from "../schedule/state/effect.ts";
import type { EventOf, JobEvent } from "../schedule/state/event.ts";
import { jobProgress } from "../schedule/state/progress.ts";
import { SinceSnapshot } from "../schedule/state/snapshot.ts";
import { ActiveJob, type ActiveJobOptions } from "./active-job.ts";
import { buildsOf, describeJob, startNotes } from "./describe-job.ts";
import { openJobJournal } from "./job-journal.ts";
import type { JobOrigin } from "./job-origin.ts";
import { JobOutput } from "./job-output.ts";
import { type ExclusionNotice, JobShell, type ShellJournal } from "./job-shell.ts";
import type { OpenedJob, OpenJobOptions, OuterJob } from "./opened-job.ts";
import { refuseOtherMapping } from "./other-mapping.ts";
import { newJobId, type ReplayedJob, replayJob } from "./replay-job.ts";

/** Options for starting a job, in addition to those for opening it. */
interface StartOptions extends OpenJobOptions {
  readonly paths: WorkPaths;
  /** Storage of the output and the partials. */
  readonly storage: Storage;
  /** Result of the conversion check. Null: the model was not checked. */
  readonly conversion: ConversionReport | null;
  readonly lock: Pick<HeldLock, keyof JobLock | "look" | "makeFolder" | "remove">;
  /** Result of `awaitSilence`. */
  readonly silent: string | null;
  /** Input files of this run of an incremental job (`input.new`). Null for other jobs. */
  readonly inputFiles: OutputManifest["inputFiles"];
}

/**
 * Starts or resumes a planned job whose output is locked. Adds its resources to `resources`, which are
 * released when the job ends.
 *
 * @throws {JOB_MISMATCH} when the folder holds an unfinished run of another job
 * @throws {JOURNAL_CORRUPT}
 * @throws {OUTPUT_FAILED} when the store cannot prove that no other coordinator has taken the job over
 */
export async function startJob(
  planned: PlannedJob,
  options: StartOptions,
  resources: ResourceStack,
): Promise<OpenedJob> {
  const { clock, seams, paths, storage, inputFiles, recorder } = options;
  // Nothing is cleaned up before the job is published: a coordinator that took the job over needs the files.
  let isDone = () => false;
  const atEnd = (act: () => Promise<void>) =>
    resources.add({ [Symbol.asyncDispose]: async () => void (isDone() && (await act())) });
  // Runs between releasing the journal, whose files it deletes, and releasing the lock, which it needs.
  atEnd(() => removeWorkFiles(paths, { storage, disk: seams.disk, lock: options.lock }));
  const opened = resources.add(await openJobJournal(options));
  // Runs while this coordinator still holds the journal: otherwise another coordinator may remove it.
  atEnd(() => opened.awaitEarlier());
  const { lock } = opened;
  const replayed = await replayJob(planned, opened, options);
  const { state } = replayed;
  const builds = whoseJob(replayed, options);
  // A coordinator that was stopped while it opened the journal may have been replaced.
  const what = "the coordinator cannot verify that it holds the lock of the job";
  await asOutputFailed({ path: paths.output, what }, () => lock.confirm());
  isDone = () => jobProgress(state).phase === "published" && !lock.lost.aborted;
  const jobId = state.accepted?.jobId ?? newJobId(planned.spec.name, seams);
  seams.watch(state, planned.spec.output.path);
  const { runWatch, remembered, inTime, onApplied } = remembering(opened, replayed, planned, options);
  const journal = resources.add(snapshotting(opened, { ...replayed, jobId, builds, remembered }, options));
  const checksums = await probeStore(storage, paths.own, seams.random);
  const given = { jobId, planned, builds, runWatch, seams, clock, paths, storage, lock, checksums };
  const runTasks = tasksOf({ ...given, priority: () => state.standing.priority }, options);
  const output = resources.add(new JobOutput({ state: () => state, inputFiles, runTasks, ...given }));
  const beacon = await writeBeacon(paths.partials, storage, seams.random);
  const shell = new JobShell({
    state,
    clock,
    ...recorder.watched(inTime(journal), output),
    onWake: options.onWake,
    onExclusion: (notice) => logExclusion(options.log, jobId, notice),
    onApplied,
  });
  lock.lost.addEventListener("abort", () => shell.breakDown(lock.lost.reason), { once: true });
  const job = new ActiveJob({
    jobId,
    planned,
    description: describeJob(jobId, planned, { partialsPath: paths.partials, beacon }),
    shell,
    clock,
    manifestPath: below(paths.output, MANIFEST_NAME),
    files: servedFiles(planned, paths),
    runWatch,
    recorder,
    stopWork: () => output.stop(),
    release: () =>
      resources.release().then(() => (isDone() ? removeWorkFolder(paths, seams.disk) : undefined)),
  });
  logStores(job, options.log);
  await begin(shell, { jobId, planned, recorder }, options.priority);
  return { kind: "active", job, origin: originOf(replayed), notes: startNotes(planned, state, builds) };
}

/** Returns what runs the tasks of a job's reductions. */
function tasksOf(
  job: Pick<OuterJob, "planned" | "paths" | "storage" | "checksums" | "runWatch" | "priority"> & {
    readonly lock: JobLock;
  },
  options: StartOptions,
): RunTasks {
  const { look, makeFolder } = options.lock;
  const lock = {
    ...job.lock,
    look: look.bind(options.lock),
    makeFolder: makeFolder.bind(options.lock),
  };
  return (tasks, signal) => options.runTasks(tasks, { ...options, ...job, lock }, signal);
}

/**
 * Returns the versions that have worked on the job.
 *
 * @throws {JOB_MISMATCH} when this version's workers cannot resume it
 */
function whoseJob({ state, snapshots, records }: ReplayedJob, { ownWorkersOnly }: StartOptions): string[] {
  const builds = buildsOf(snapshots.at(-1)?.head.builds ?? [], records);
  if (ownWorkersOnly) refuseOtherMapping(state, builds);
  return builds;
}

function originOf({ state, after }: Pick<ReplayedJob, "state" | "after">): JobOrigin {
  const { shardsCommitted, shardsTotal } = jobProgress(state);
  return after === null ? { kind: "new" } : { kind: "resumed", after, shardsCommitted, shardsTotal };
}

/** Sets up the run's history, which the next coordinator reads from the records and snapshots. */
function remembering(
  { records }: OpenJournal,
  replayed: ReplayedJob,
  planned: PlannedJob,
  options: StartOptions,
) {
  const runWatch = watchRun(replayed, planned, options);
  const started = records.findLast((record) => record.kind === "generationStarted");
  const startedWallMs = present(started, "a journal that is open has the start of its generation").wallMs;
  const times = new RecordTimes(options.clock, startedWallMs);
  return {
    runWatch,
    remembered: () => ({ ...runWatch.memory.remembered(), startedWallMs }),
    inTime: (journal: ShellJournal): ShellJournal => ({
      append: (record, options) => journal.append(times.timed(record), options),
      eventAppended: () => journal.eventAppended(),
    }),
    onApplied(event: JobEvent, effects: readonly JobEffect[]): void {
      times.applied(event, effects);
      runWatch.applied(event, effects);
    },
  };
}

function watchRun(
  { state, snapshots, records }: ReplayedJob,
  { spec }: PlannedJob,
  { clock, beganMs, reportOf, seams, conversion: check, storesBefore }: StartOptions,
): RunWatch {
  const conversion = jobConversion(spec.model, check);
  const stores = new StoreWatch(() => seams.storeCounts(), storesBefore);
  const loopTime = () => seams.loopTime();
  const earlier = { remembered: readRemembered(snapshots.at(-1)?.head.run), records };
  return new RunWatch({
    state: () => state,
    clock,
    beganMs,
    conversion,
    reportOf,
    loopTime,
    stores,
    earlier,
  });
}

/** Copies only what it needs of the snapshots: those of a job with a million shards have 200 MB. */
function snapshotting(
  { journal, generation, keeper }: OpenJournal,
  job: ReplayedJob & {
    readonly jobId: JobId;
    readonly builds: readonly string[];
    readonly remembered: () => unknown;
  },
  { seams, log, clock }: StartOptions,
): SnapshottingJournal {
  const { jobId, state, records, snapshots, builds, remembered } = job;
  const last = snapshots.at(-1);
  return new SnapshottingJournal({
    journal,
    generation,
    keeper,
    state,
    last: last === undefined ? null : lastOf(last),
    since: SinceSnapshot.of(records),
    builds,
    remembered,
    everyRecords: Math.min(seams.snapshotRecords, keeper.everyRecords),
    pause: () => sleepBy(clock, 0, NEVER),
    onFailure: (error) =>
      log.warn({ job: jobId, reason: messageOf(error) }, "the snapshot of the journal failed"),
  });
}

function lastOf({ number, generation, crc32 }: LastSnapshot): LastSnapshot {
  return { number, generation, crc32 };
}

function servedFiles(planned: PlannedJob, { partials, temp }: WorkPaths): ActiveJobOptions["files"] {
  const { dataset, model, stages } = planned;
  const models = [...stages.map((stage) => stage.model), ...(model === null ? [] : [model])];
  return {
    inputPaths: new DatasetPaths(dataset.files),
    modelPaths: new Set([
      ...models.flatMap((each) => [each, ...each.externalData]).map(({ path }) => path),
      ...stepFiles(planned).map(({ location }) => location),
    ]),
    partialsPath: partials,
    spoolPath: join(temp, "uploads"),
  };
}

function logExclusion(log: Logger, job: string, { name, excludedForMs, reason }: ExclusionNotice): void {
  if (excludedForMs === null) log.info({ job, worker: name, reason }, "worker is trusted again");
  else
    log.warn({ job, worker: name, seconds: excludedForMs / 1000, reason }, "worker is excluded for a while");
}

/** Logs the store requests when the job ends, for whatever reason. */
function logStores(job: ActiveJob, log: Logger): void {
  const report = () => {
    for (const counts of job.status().stores) log.info({ job: job.jobId, ...counts }, "requests to a store");
  };
  job.ended.then(report, report);
}

/**
 * Brings the core to a state where work can begin. A new job gets its plan sealed. A restarted one gets the
 * effects of its phase.
 */
async function begin(
  shell: JobShell,
  { jobId, planned, recorder }: Pick<ActiveJobOptions, "jobId" | "planned" | "recorder">,
  priority: number | undefined,
): Promise<void> {
  recorder.named({ jobId, name: planned.spec.name, shards: planned.shards.length });
  recorder.begin("map");
  const { spec, digests, pins, pruned, skipped, shards } = planned;
  // The records of all these events share one write and one sync.
  const begun: Promise<unknown>[] = [];
  if (shell.state.accepted === null)
    begun.push(shell.dispatch({ kind: "jobAccepted", jobId, name: spec.name, digests }));
  if (priority !== undefined) begun.push(shell.dispatch({ kind: "standingRequested", change: { priority } }));
  const isSealed = shell.state.phase.kind !== "planning";
  if (!isSealed) {
    const files = sealedFiles(planned);
    const sealed = { kind: "planSealed", files, pins, pruned, skipped, shards } as const;
    begun.push(recorder.within("map", "seal", () => shell.dispatch(sealed)));
  }
  await Promise.all(begun);
  if (isSealed) await shell.perform(resumeEffects(shell.state));
}

/** Returns the files of the sealed plan. A run over new files resumes with the files of its lists. */
function sealedFiles({ spec, dataset }: PlannedJob): EventOf<"planSealed">["files"] {
  if (spec.input.new !== true) return dataset.files;
  return dataset.files.map((file) => {
    const lists = [...filesOf([file])].map(({ path }) => path);
    return fileFormatOf(file.format) === null ? file : { path: file.path, rows: file.rows, lists };
  });
}
