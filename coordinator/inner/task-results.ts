import { setMaxListeners } from "node:events";
import { deferred, orAbort } from "../../shared/core/abort.ts";
import { present } from "../../shared/core/assert.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { mapConcurrent } from "../../shared/core/map-concurrent.ts";
import type { JobStores } from "../../shared/domain/job-stores.ts";
import { assertLaw } from "../../shared/domain/laws.ts";
import type { Location } from "../../shared/domain/location.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";
import { bucketRangeOf } from "../../shared/domain/reduction-tasks.ts";
import { ignorePlaceError } from "../../shared/storage/errors.ts";
import { checkFileDigest } from "../commit/check-file.ts";
import { createPartialStore, type PartialStore } from "../commit/partial-store.ts";
import type { ShellWork } from "../job/job-shell.ts";
import type { OuterJob } from "../job/opened-job.ts";
import { verifyPatiently } from "../job/verify-patiently.ts";
import type { TaskResult, TasksToRun } from "../publish/tasks-to-run.ts";
import type { JobState } from "../schedule/state/job-state.ts";
import { committedPartials } from "../schedule/state/progress.ts";
import { taskRules } from "./inner-plan.ts";

/** Files checked at once: enough to hide a network file system's round trips. */
const CHECKS_AT_ONCE = 16;

interface TaskResultsOptions {
  readonly state: JobState;
  readonly tasks: TasksToRun;
  readonly partials: Location;
  readonly stores: JobStores;
  readonly outer: OuterJob;
}

/** Checks the results of tasks, and collects them. An inner job has no output of its own. */
export class TaskResults implements ShellWork, AsyncDisposable {
  readonly #options: TaskResultsOptions;
  readonly #abort = new AbortController();
  readonly #done = deferred<readonly TaskResult[]>();

  readonly #store: PartialStore;

  constructor(options: TaskResultsOptions) {
    this.#options = options;
    const { tasks, partials, stores, outer } = options;
    const { storage, checksums, seams } = outer;
    const { openChecker } = seams;
    const isTrusted = checksums !== undefined;
    this.#store = createPartialStore(partials, taskRules(tasks), { storage, openChecker, isTrusted, stores });
    setMaxListeners(0, this.#abort.signal);
  }

  get results(): Promise<readonly TaskResult[]> {
    return this.#done.promise;
  }

  async verify(partial: PartialManifest): Promise<void> {
    const { partials, outer, state } = this.#options;
    const { signal } = this.#abort;
    const patience = { partials, clock: outer.clock, signal, graceMs: state.config.storeGraceMs };
    await verifyPatiently(() => this.#store.verifyPartial(partial, signal), patience);
  }

  async discard(partial: PartialManifest): Promise<void> {
    const { lock } = this.#options.outer;
    const confirmed = lock.confirm().then(() => this.#store.discardPartial(partial));
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
    const { state, tasks, partials, outer } = this.#options;
    const { commits } = tasks;
    const { signal } = this.#abort;
    const { storage, checksums } = outer;
    const isOfThem = state.accepted?.digests.input === commits;
    assertLaw("reduced-of-the-commits", isOfThem, "the tasks were accepted for other commits");
    const committed = committedPartials(state);
    await outer.lock.confirm();
    await this.#store.sweep(committed, state.generation).catch(ignorePlaceError);
    const files = committed.flatMap((partial) =>
      partial.files.map((file, index) => ({ partial, file, index })),
    );
    const results = await mapConcurrent(files, CHECKS_AT_ONCE, async ({ partial, file, index }) => {
      const from = await checkFileDigest(partials, partial, file, { storage, checksums, signal });
      const { shard } = present(state.shards[partial.shard], "a committed task is planned");
      const rowsRead = index === 0 ? partial.rowsReduced : 0;
      return { commits, range: bucketRangeOf(shard), file, from, rowsRead };
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
  async [Symbol.asyncDispose](): Promise<void> {
    this.stop();
    await this.#store[Symbol.asyncDispose]();
  }
}
