import { resolve } from "node:path";
import { present } from "../../../shared/core/assert.ts";
import type { TimedClock } from "../../../shared/core/clock.ts";
import type { Logger } from "../../../shared/core/log.ts";
import { systemRandom } from "../../../shared/core/random.ts";
import type { JobSpec } from "../../../shared/domain/job-spec.ts";
import { below, isAddress, type Location, parseLocation } from "../../../shared/domain/location.ts";
import { queuePartOf } from "../../../shared/domain/queue-address.ts";
import type { QueueStatus } from "../../../shared/domain/queue-status.ts";
import { loadNotices } from "../../../shared/domain/store-schemes.ts";
import type { QueueSink, QueueSource } from "../../../shared/extension/queue-source.ts";
import { literalFolder, literalPattern } from "../../../shared/job-file/path-pattern.ts";
import type { Storage } from "../../../shared/storage/storage.ts";
import type { QueueTrigger } from "../spec/queue-spec.ts";
import type { DecidedRun } from "../trigger/run-outcome.ts";
import { readPublishedWindow } from "./published-window.ts";
import { QueueSession } from "./queue-session.ts";
import { Spool, type SpooledWindow, windowsFolder } from "./spool.ts";
import { filesOf } from "./unreadable-files.ts";
import type { WindowId } from "./window-id.ts";

/** Interval of requests for the number of waiting messages. */
const ASK_MS = 15_000;

interface QueueRunsOptions {
  /** Folder of the job's ledger. */
  readonly folder: string;
  /** Base folder of relative paths in messages. */
  readonly jobFolder: string;
  readonly name: string;
  /** Output of the runs. */
  readonly place: { readonly output: Location; readonly storage: Storage };
  /** Begins or resumes the run of a window, and waits until its end is durable. Null: it was interrupted. */
  readonly run: (
    id: WindowId,
    specOf: (job: JobSpec) => JobSpec,
    options: { readonly fresh: boolean; readonly ownInput: boolean; readonly signal: AbortSignal },
  ) => Promise<DecidedRun | null>;
  readonly clock: TimedClock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** State of a served queue, until its trigger changes or the queue fails. */
interface Serving {
  readonly key: string;
  readonly session: QueueSession;
  readonly stop: () => Promise<void>;
  waiting: number | null;
  failure: unknown;
}

/** Runs over windows of queue messages, several concurrently, while the job is served. */
export class QueueRuns implements AsyncDisposable {
  readonly #options: QueueRunsOptions;
  #serving: Serving | null = null;

  constructor(options: QueueRunsOptions) {
    this.#options = options;
  }

  /** Returns the queue's status. Null: no queue is served. */
  facts(): QueueStatus | null {
    return this.#serving?.session.counts.facts(this.#serving.waiting) ?? null;
  }

  /**
   * Serves the queue according to the current trigger.
   *
   * @throws the failure since the last step, once. The next step restarts.
   */
  async step(trigger: QueueTrigger): Promise<void> {
    const key = JSON.stringify({ ...trigger, columns: [...trigger.columns] });
    const before = this.#serving;
    if (before !== null && (before.key !== key || before.failure !== null)) {
      await this.stop();
      if (before.failure !== null) throw before.failure;
    }
    if (this.#serving === null && !this.#options.signal.aborted) await this.#start(trigger, key);
  }

  /** Releases messages outside closed windows, and interrupts runs, which can be resumed later. */
  async stop(): Promise<void> {
    const serving = this.#serving;
    this.#serving = null;
    await serving?.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #start(trigger: QueueTrigger, key: string): Promise<void> {
    const { folder, name, clock, log, signal: outer, place } = this.#options;
    const { spool, records } = await Spool.open(windowsFolder(folder));
    const { rows, bytes, open } = trigger.window;
    const source = await openedBy(trigger.address).openSource(trigger.address, {
      name,
      mostOpen: rows * (open + 1),
      mostBytes: bytes * (open + 1),
      deadLetters: trigger.deadLetters,
      log,
    });
    const sink =
      trigger.results === null ? null : await openedBy(trigger.results).openSink(trigger.results, { log });
    const ends = new AbortController();
    const { signal } = ends;
    const onAbort = () => ends.abort(outer.reason);
    outer.addEventListener("abort", onAbort, { once: true });
    const session = new QueueSession({
      trigger,
      notices: trigger.message === "files" ? await loadNotices() : [],
      spool,
      records,
      source,
      sink,
      run: (window, fresh) =>
        this.#options.run(window.id, (job) => this.#specOf(job, window, spool), {
          fresh,
          ownInput: spool.wrote(window.id),
          signal,
        }),
      locationOf: (file) => this.#locationOf(file),
      published: (window) =>
        readPublishedWindow(window, { ...place, output: below(place.output, `run=${window.id}`) }, signal),
      clock,
      random: systemRandom,
      log,
      signal,
    });
    const served = session.serve();
    const callOff = this.#ask(source);
    const stop = async () => {
      ends.abort();
      callOff();
      outer.removeEventListener("abort", onAbort);
      await served.catch(() => {});
      await session.acknowledged();
      await close(source, sink);
    };
    const serving: Serving = { key, session, stop, waiting: null, failure: null };
    served.catch((error: unknown) => {
      serving.failure = error;
    });
    this.#serving = serving;
    log.info({ queue: source.address, job: name }, "a queue is served");
  }

  #specOf(job: JobSpec, window: SpooledWindow, spool: Spool): JobSpec {
    const { id, counts } = window;
    const rows = counts.reduce((sum, count) => sum + count, 0);
    const path = below(parseLocation(job.output.path), `run=${id}`);
    const own = { ...job, output: { ...job.output, path } };
    const input = filesOf(window);
    if (input.length > 0) {
      const files = input.map((file) => literalPattern(this.#locationOf(file)));
      return { ...own, input: { ...job.input, path: files } };
    }
    // Invalid rows become dead letters, and must not prevent the results of other rows.
    const errors = { ...job.errors, maxRows: Math.max(rows, job.errors.maxRows) };
    return { ...own, errors, input: { ...job.input, path: [literalFolder(spool.rowsFile(id))] } };
  }

  #locationOf(file: string): string {
    return isAddress(file) ? file : resolve(this.#options.jobFolder, file);
  }

  #ask(source: QueueSource): () => void {
    const { clock } = this.#options;
    let callOff = () => {};
    const later = () => {
      callOff = clock.after(ASK_MS, () => {
        const report = (waiting: number | null) => {
          if (this.#serving !== null) this.#serving.waiting = waiting;
        };
        source.waiting().then(report, () => report(null));
        later();
      });
    };
    later();
    return () => callOff();
  }
}

function openedBy(address: string): NonNullable<ReturnType<typeof queuePartOf>> {
  return present(queuePartOf(address), "addresses of queues were checked");
}

async function close(source: QueueSource, sink: QueueSink | null): Promise<void> {
  await Promise.allSettled([source[Symbol.asyncDispose](), sink?.[Symbol.asyncDispose]()]);
}
