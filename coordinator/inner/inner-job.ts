import { setMaxListeners } from "node:events";
import { join } from "node:path";
import { deferred, NEVER, orAbort } from "../../shared/core/abort.ts";
import type { Digest } from "../../shared/core/digest.ts";
import { isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import { mapConcurrent } from "../../shared/core/map-concurrent.ts";
import { ResourceStack } from "../../shared/core/resource-stack.ts";
import type { PlannedJob } from "../../shared/domain/job.ts";
import { assertLaw } from "../../shared/domain/laws.ts";
import { below, type Location } from "../../shared/domain/location.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";
import { reducedFile } from "../../shared/domain/partial-layout.ts";
import { stepFiles } from "../../shared/domain/reduction-binding.ts";
import { ignorePlaceError } from "../../shared/storage/errors.ts";
import { sourceOfBytes } from "../../shared/storage/put-source.ts";
import type { Storage, StoredChecksums } from "../../shared/storage/storage.ts";
import { writeBeacon } from "../commit/beacon.ts";
import { checkFileDigest } from "../commit/check-file.ts";
import { createPartialStore, type PartialStore } from "../commit/partial-store.ts";
import { Meters } from "../insight/meters.ts";
import { RunWatch } from "../insight/run-watch.ts";
import { StoreWatch } from "../insight/store-watch.ts";
import { countTasks } from "../insight/task-watch.ts";
import { ActiveJob } from "../job/active-job.ts";
import { describeJob } from "../job/describe-job.ts";
import { type JobLock, openJobJournal } from "../job/job-journal.ts";
import { JobShell, type ShellWork } from "../job/job-shell.ts";
import type { OpenJobOptions } from "../job/opened-job.ts";
import { newJobId, replayJob } from "../job/replay-job.ts";
import { RunRecorder } from "../job/run-recorder.ts";
import { verifyPatiently } from "../job/verify-patiently.ts";
import type { HeldLock } from "../journal/held-lock.ts";
import { SnapshottingJournal } from "../journal/snapshotting-journal.ts";
import type { WorkPaths } from "../publish/work-paths.ts";
import type { TaskResult, TasksToRun } from "../reduce/reduce-options.ts";
import { resumeEffects } from "../schedule/events/replay.ts";
import type { JobState } from "../schedule/state/job-state.ts";
import { committedPartials } from "../schedule/state/progress.ts";
import type { FailureReason } from "../schedule/state/record.ts";
import { SinceSnapshot } from "../schedule/state/snapshot.ts";
import { describeTasks, planInnerJob, TASK_RULES } from "./inner-plan.ts";

/** Job whose reduction is divided into tasks, and what its inner jobs share with it. */
export interface OuterJob
  extends Pick<OpenJobOptions, "clock" | "seams" | "log" | "schedule" | "reportOf" | "onWake"> {
  readonly planned: PlannedJob;
  readonly paths: WorkPaths;
  readonly storage: Storage;
  readonly checksums?: StoredChecksums | undefined;
  readonly lock: JobLock & Pick<HeldLock, "look" | "makeFolder">;
  readonly runWatch: Pick<RunWatch, "tasks">;
  /** Offers the tasks of an inner job to workers until it has ended. */
  readonly serve: (job: ActiveJob) => void;
}

/** Time without any worker after which the coordinator reduces by itself. */
const NO_WORKERS_MS = 10_000;
/** Files checked at once: enough to hide a network file system's round trips. */
const CHECKS_AT_ONCE = 16;

/**
 * Runs the tasks of a reduction on workers, as the shards of an inner job. It has a journal of its own, and is
 * resumed if an earlier coordinator on this machine began it.
 *
 * @returns the results in the order of the buckets. Null: there are no workers.
 * @throws {SHARD_FAILED} {SQL_FAILED} and other reasons why a task failed for good
 * @throws the signal's reason once it aborts
 */
export async function runInnerJob(
  tasks: TasksToRun,
  outer: OuterJob,
  signal: AbortSignal,
): Promise<readonly TaskResult[] | null> {
  signal.throwIfAborted();
  const resources = new ResourceStack();
  let job: ActiveJob | null = null;
  try {
    const opened = await openInnerJob(tasks, outer, resources);
    job = opened.job;
    outer.serve(job);
    const failed = job.ended.then((end) => {
      throw errorOf(end.reason, tasks);
    });
    return await orAbort(Promise.race([opened.results, failed]), signal);
  } catch (error) {
    if (!isShardmillError(error, "NO_WORKERS")) throw error;
    outer.runWatch.tasks.drop(tasks.reduction.name);
    return null;
  } finally {
    outer.runWatch.tasks.end(tasks.reduction.name);
    job?.abandon();
    await (job?.release() ?? resources.release()).catch(ignorePlaceError);
  }
}

interface InnerJob {
  readonly job: ActiveJob;
  /** Resolves when all tasks are committed. */
  readonly results: Promise<readonly TaskResult[]>;
}

async function openInnerJob(tasks: TasksToRun, outer: OuterJob, resources: ResourceStack): Promise<InnerJob> {
  const { clock, seams, storage, checksums, log } = outer;
  const { work, partials, paths } = placesOf(tasks, outer);
  const list = await storeList(tasks, work, storage);
  const planned = planInnerJob(outer.planned, tasks, list);
  const schedule = { ...outer.schedule, noWorkersGraceMs: NO_WORKERS_MS };
  const opened = resources.add(await openJobJournal({ ...outer, paths, silent: null, signal: NEVER }));
  const { state, records, snapshots } = await replayJob(planned, opened, { seams, log, schedule });
  const jobId = state.accepted?.jobId ?? newJobId(planned.spec.name, seams);
  seams.watchTasks(state, { output: paths.output, journal: paths.journal, partials });
  const beacon = await writeBeacon(partials, storage, seams.random);
  const store = resources.add(
    createPartialStore(partials, TASK_RULES, {
      storage,
      openChecker: seams.openChecker,
      isTrusted: checksums !== undefined,
      stores: planned.stores,
    }),
  );
  const done = new TaskResults({ state, commits: tasks.commits, partials, store, outer });
  const runWatch = new RunWatch({
    state: () => state,
    clock,
    beganMs: clock.nowMs(),
    conversion: null,
    reportOf: outer.reportOf,
    loopTime: () => seams.loopTime(),
    stores: new StoreWatch(() => [], []),
  });
  const counts = countTasks(tasks.reduction.name, state, clock);
  const journal = resources.add(
    new SnapshottingJournal({
      ...opened,
      state,
      last: snapshots.at(-1) ?? null,
      since: SinceSnapshot.of(records),
      builds: [],
      everyRecords: opened.keeper.everyRecords,
      pause: async () => {},
      onFailure: () => {},
    }),
  );
  const shell = new JobShell({
    state,
    clock,
    journal,
    work: done,
    onWake: outer.onWake,
    onApplied: (event, effects) => {
      runWatch.applied(event, effects);
      if (event.kind === "leaseRequested") counts.look();
    },
  });
  opened.lock.lost.addEventListener("abort", () => shell.breakDown(opened.lock.lost.reason), { once: true });
  const job = new ActiveJob({
    jobId,
    planned,
    description: {
      ...describeJob(jobId, planned, { partialsPath: partials, beacon }),
      ...{ tables: planned.tables, tasks: describeTasks(tasks, list) },
    },
    shell,
    clock,
    manifestPath: "",
    files: {
      inputPaths: new Set([list.location, ...tasks.tables.map(({ location }) => location)]),
      modelPaths: new Set(stepFiles(planned).map(({ location }) => location)),
      partialsPath: partials,
      spoolPath: join(paths.temp, "uploads"),
    },
    runWatch,
    recorder: new RunRecorder(clock, new Meters()),
    stopWork: () => done.stop(),
    release: () => resources.release(),
  });
  await begin(shell, jobId, planned);
  outer.runWatch.tasks.begin(tasks.reduction.name, counts.read);
  return { job, results: done.results };
}

/**
 * Returns where an inner job keeps its files. The name has the digest of the commits. So other commits get
 * other files, and the files of old commits are removed with the job's other work files.
 */
function placesOf({ reduction, commits }: TasksToRun, { paths }: OuterJob) {
  const name = `tasks-${reduction.name}-${commits.slice(0, 16)}`;
  const work = below(paths.own, `${name}-files`);
  // The journal is on this machine, even if the job's own is in the bucket. Another machine runs the tasks
  // again.
  const journal = join(paths.disk, name);
  return { work, partials: below(work, "partials"), paths: { ...paths, runFile: null, run: null, journal } };
}

async function storeList({ tables }: TasksToRun, work: Location, storage: Storage) {
  const location = below(work, "tables.json");
  const stored = await storage.put(location, sourceOfBytes(JSON.stringify(tables)), { signal: NEVER });
  const { version } = await storage.stat(location, NEVER);
  return { location, ...stored, version };
}

/** Seals the plan of a new inner job, or goes on with a resumed one. */
async function begin(shell: JobShell, jobId: ActiveJob["jobId"], planned: PlannedJob): Promise<void> {
  const { spec, digests, dataset, shards } = planned;
  if (shell.state.accepted === null)
    await shell.dispatch({ kind: "jobAccepted", jobId, name: spec.name, digests });
  if (shell.state.phase.kind === "planning")
    await shell.dispatch({ kind: "planSealed", files: dataset.files, pruned: [], skipped: [], shards });
  else await shell.perform(resumeEffects(shell.state));
}

interface TaskResultsOptions {
  readonly state: JobState;
  /** Digest of the outer job's partials that the tasks reduce. */
  readonly commits: Digest;
  readonly partials: Location;
  readonly store: PartialStore;
  readonly outer: OuterJob;
}

/** Checks the results of tasks, and collects them. An inner job has no output of its own. */
class TaskResults implements ShellWork {
  readonly #options: TaskResultsOptions;
  readonly #abort = new AbortController();
  readonly #done = deferred<readonly TaskResult[]>();

  constructor(options: TaskResultsOptions) {
    this.#options = options;
    setMaxListeners(0, this.#abort.signal);
  }

  get results(): Promise<readonly TaskResult[]> {
    return this.#done.promise;
  }

  async verify(partial: PartialManifest): Promise<void> {
    const { store, partials, outer, state } = this.#options;
    const { signal } = this.#abort;
    const patience = { partials, clock: outer.clock, signal, graceMs: state.config.storeGraceMs };
    await verifyPatiently(() => store.verifyPartial(partial, signal), patience);
  }

  async discard(partial: PartialManifest): Promise<void> {
    const { store, outer } = this.#options;
    const confirmed = outer.lock.confirm().then(() => store.discardPartial(partial));
    await confirmed.catch(ignorePlaceError);
  }

  /**
   * Returns the results to the outer job, which publishes them and then ends this one. Checks them again: an
   * earlier coordinator may have committed them.
   *
   * Law `reduced-of-the-commits`: the accepted digests are of the outer job's present partials.
   *
   * @throws {PARTIAL_INVALID} when one is damaged: its task runs again
   * @throws the signal's reason when the inner job ends
   */
  async reduce(): Promise<never> {
    const { state, commits, partials, store, outer } = this.#options;
    const { signal } = this.#abort;
    const { storage, checksums } = outer;
    const isOfThem = state.accepted?.digests.input === commits;
    assertLaw("reduced-of-the-commits", isOfThem, "the tasks were accepted for other commits");
    const committed = committedPartials(state);
    await outer.lock.confirm();
    await store.sweep(committed, state.generation).catch(ignorePlaceError);
    const results = await mapConcurrent(committed, CHECKS_AT_ONCE, async (partial) => {
      const file = reducedFile(partial, null);
      const from = await checkFileDigest(partials, partial, file, { storage, checksums, signal });
      return { commits, file, from, rowsRead: partial.rowsReduced };
    });
    this.#done.resolve(results);
    return await orAbort(new Promise<never>(() => {}), signal);
  }

  async publish(): Promise<void> {
    throw new Error("broken invariant: an inner job publishes nothing");
  }

  whyLost(): Promise<ShardmillError | null> {
    return this.#options.outer.lock.whyLost();
  }

  stop(): void {
    this.#abort.abort(new ShardmillError("INTERRUPTED", "the tasks are over, or their coordinator stops"));
  }
}

/** Returns the error of an inner job that failed. It names the reduction, which tasks do not know. */
function errorOf(reason: FailureReason | null, { reduction }: TasksToRun): ShardmillError {
  const { code = "INTERNAL", message = "it ended", fields = {}, hint } = reason ?? {};
  const where = `reduce.${reduction.name}`;
  const isBucket = code === "ERROR_BUDGET_EXCEEDED";
  const text = isBucket
    ? `a task ended each worker that ran it, also for one bucket of keys: ${message}`
    : message;
  return new ShardmillError(isBucket ? "SHARD_FAILED" : code, `${where}: ${text}`, {
    fields: { ...fields, where },
    ...(hint === undefined || isBucket ? {} : { hint }),
  });
}
