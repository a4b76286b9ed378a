import { join } from "node:path";
import { NEVER, orAbort } from "../../shared/core/abort.ts";
import { isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import { ResourceStack } from "../../shared/core/resource-stack.ts";
import { below, type Location } from "../../shared/domain/location.ts";
import { stepFiles } from "../../shared/domain/reduction-binding.ts";
import { ignorePlaceError } from "../../shared/storage/errors.ts";
import { sourceOfBytes } from "../../shared/storage/put-source.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { writeBeacon } from "../commit/beacon.ts";
import { Meters } from "../insight/meters.ts";
import { RunWatch } from "../insight/run-watch.ts";
import { StoreWatch } from "../insight/store-watch.ts";
import { countTasks } from "../insight/task-watch.ts";
import { ActiveJob } from "../job/active-job.ts";
import { describeJob } from "../job/describe-job.ts";
import { openJobJournal } from "../job/job-journal.ts";
import { JobShell } from "../job/job-shell.ts";
import type { OuterJob } from "../job/opened-job.ts";
import { newJobId, type ReplayedJob, replayJob } from "../job/replay-job.ts";
import { RunRecorder } from "../job/run-recorder.ts";
import type { OpenJournal } from "../journal/journal.ts";
import { SnapshottingJournal } from "../journal/snapshotting-journal.ts";
import { nameOfTasks, type TaskResult, type TasksToRun } from "../publish/tasks-to-run.ts";
import { resumeEffects } from "../schedule/events/replay.ts";
import type { JobState } from "../schedule/state/job-state.ts";
import type { FailureReason } from "../schedule/state/record.ts";
import { SinceSnapshot } from "../schedule/state/snapshot.ts";
import { describeTasks, planInnerJob } from "./inner-plan.ts";
import { TaskResults } from "./task-results.ts";

interface ServedOuter extends OuterJob {
  /** Offers the tasks of an inner job to workers until it has ended. */
  readonly serve: (job: ActiveJob) => void;
}

/** Time without any worker after which the coordinator reduces by itself. */
const NO_WORKERS_MS = 10_000;
/** A task reports no rows until it is done, and one heavy key may take long. */
const STALL_FACTOR = 4;

/**
 * Runs the tasks of a reduction on workers, as the shards of an inner job. It has a journal of its own. An
 * inner job that an earlier coordinator on this machine began is resumed.
 *
 * @returns the results in the order of the buckets. Null: there are no workers.
 * @throws {SHARD_FAILED} {SQL_FAILED} and other reasons why a task failed for good
 * @throws the signal's reason once it aborts
 */
export async function runInnerJob(
  tasks: TasksToRun,
  outer: ServedOuter,
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
    const first = Promise.race([opened.results, failed]);
    // The signal may have aborted meanwhile. Then no code awaits it.
    first.catch(() => {});
    return await orAbort(first, signal);
  } catch (error) {
    if (!isShardmillError(error, "NO_WORKERS")) throw error;
    outer.runWatch.tasks.drop(nameOfTasks(tasks));
    return null;
  } finally {
    outer.runWatch.tasks.end(nameOfTasks(tasks));
    job?.abandon();
    await (job?.release() ?? resources.release()).catch(ignorePlaceError);
  }
}

interface InnerJob {
  readonly job: ActiveJob;
  /** Resolves when all tasks are committed. */
  readonly results: Promise<readonly TaskResult[]>;
}

async function openInnerJob(
  tasks: TasksToRun,
  outer: ServedOuter,
  resources: ResourceStack,
): Promise<InnerJob> {
  const { clock, seams, storage, log } = outer;
  const { work, partials, paths } = placesOf(tasks, outer);
  const list = await storeList(tasks, work, storage);
  const planned = planInnerJob(outer.planned, tasks, list);
  const stallMs = STALL_FACTOR * outer.schedule.stallMs;
  const schedule = { ...outer.schedule, noWorkersGraceMs: NO_WORKERS_MS, stallMs };
  const opened = resources.add(await openJobJournal({ ...outer, paths, silent: null, signal: NEVER }));
  const replayed = await replayJob(planned, opened, { seams, log, schedule });
  const { state } = replayed;
  const jobId = state.accepted?.jobId ?? newJobId(planned.spec.name, seams);
  seams.watchTasks(state, { output: paths.output, journal: paths.journal, partials });
  const beacon = await writeBeacon(partials, storage, seams.random);
  const results = resources.add(new TaskResults({ state, tasks, partials, stores: planned.stores, outer }));
  const runWatch = watchOf(state, outer);
  const counts = countTasks(nameOfTasks(tasks), state, clock);
  const shell = new JobShell({
    state,
    clock,
    journal: resources.add(snapshotting(opened, replayed)),
    work: results,
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
    stopWork: () => results.stop(),
    release: () => resources.release(),
  });
  await begin(shell, { jobId, planned, priority: outer.priority() });
  outer.runWatch.tasks.begin(nameOfTasks(tasks), counts.read);
  return { job, results: results.results };
}

function watchOf(state: JobState, { clock, reportOf, seams }: OuterJob): RunWatch {
  return new RunWatch({
    state: () => state,
    clock,
    beganMs: clock.nowMs(),
    conversion: null,
    reportOf,
    loopTime: () => seams.loopTime(),
    stores: new StoreWatch(() => [], []),
  });
}

/** A journal of at most 4,096 tasks and their attempts. A snapshot of it is of little use. */
function snapshotting(opened: OpenJournal, { state, records, snapshots }: ReplayedJob): SnapshottingJournal {
  return new SnapshottingJournal({
    ...opened,
    state,
    last: snapshots.at(-1) ?? null,
    since: SinceSnapshot.of(records),
    builds: [],
    everyRecords: opened.keeper.everyRecords,
    pause: async () => {},
    onFailure: () => {},
  });
}

/**
 * Returns where an inner job keeps its files. The name has the digest of the commits. So other commits get
 * other files, and the files of old commits are removed with the job's other work files.
 */
function placesOf(tasks: TasksToRun, { paths }: OuterJob) {
  const name = `tasks-${nameOfTasks(tasks)}-${tasks.commits.slice(0, 16)}`;
  const work = below(paths.own, `${name}-files`);
  // The journal is on this machine, even if the job's own is in the bucket. Another machine runs the tasks
  // again.
  const journal = join(paths.disk, name);
  return { work, partials: below(work, "partials"), paths: { ...paths, runFile: null, run: null, journal } };
}

async function storeList(tasks: TasksToRun, work: Location, storage: Storage) {
  const location = below(work, "tables.json");
  const stored = await storage.put(location, sourceOfBytes(JSON.stringify(listOf(tasks))), { signal: NEVER });
  const { version } = await storage.stat(location, NEVER);
  return { location, ...stored, version };
}

function listOf(tasks: TasksToRun): object {
  const { tables } = tasks;
  return tasks.kind === "rows" ? { tables, parts: tasks.parts } : tables;
}

/** Seals the plan of a new inner job, or goes on with a resumed one. */
async function begin(
  shell: JobShell,
  { jobId, planned, priority }: Pick<ActiveJob, "jobId" | "planned"> & { readonly priority: number },
): Promise<void> {
  const { spec, digests, dataset, shards } = planned;
  if (shell.state.accepted === null)
    await shell.dispatch({ kind: "jobAccepted", jobId, name: spec.name, digests });
  await shell.dispatch({ kind: "standingRequested", change: { priority } });
  if (shell.state.phase.kind === "planning")
    await shell.dispatch({ kind: "planSealed", files: dataset.files, pruned: [], skipped: [], shards });
  else await shell.perform(resumeEffects(shell.state));
}

/** Returns the error of an inner job that failed. It names the place in the job, which tasks do not know. */
function errorOf(reason: FailureReason | null, tasks: TasksToRun): ShardmillError {
  const { code = "INTERNAL", message = "it ended", fields = {}, hint } = reason ?? {};
  const where = tasks.kind === "rows" ? "output" : `reduce.${tasks.reduction.name}`;
  const isBucket = code === "ERROR_BUDGET_EXCEEDED";
  const text = isBucket
    ? `a task ended each worker that ran it, also for one ${tasks.kind === "rows" ? "part" : "bucket of keys"}: ${message}`
    : message;
  return new ShardmillError(isBucket ? "SHARD_FAILED" : code, `${where}: ${text}`, {
    fields: { ...fields, where },
    ...(hint === undefined || isBucket ? {} : { hint }),
  });
}
