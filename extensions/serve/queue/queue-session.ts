import { setMaxListeners } from "node:events";
import { orAbort, sleepBy } from "../../../shared/core/abort.ts";
import { backoffMs } from "../../../shared/core/backoff.ts";
import type { TimedClock } from "../../../shared/core/clock.ts";
import { errorToData, messageOf, ShardmillError } from "../../../shared/core/errors.ts";
import type { Logger } from "../../../shared/core/log.ts";
import type { Random } from "../../../shared/core/random.ts";
import type { NamedFile, ReadNotice } from "../../../shared/extension/notice.ts";
import type { Delivery, QueueSink, QueueSource } from "../../../shared/extension/queue-source.ts";
import type { QueueTrigger } from "../spec/queue-spec.ts";
import { type DecidedRun, reasonText } from "../trigger/run-outcome.ts";
import { Acknowledger } from "./acknowledger.ts";
import { forgetPeriodically } from "./forget-windows.ts";
import { type ClosedWindow, Gatherer, type Verdict } from "./gatherer.ts";
import type { MessageRow } from "./messages/read-message.ts";
import type { PublishedWindow } from "./published-window.ts";
import { QueueCounts } from "./queue-counts.ts";
import { type Item, readDelivery } from "./read-delivery.ts";
import { rowsFile } from "./rows-file.ts";
import type { Spool, SpooledWindow, SpoolRecord } from "./spool.ts";
import { withoutUnreadable } from "./unreadable-files.ts";
import { type WindowId, windowIds } from "./window-id.ts";

interface QueueSessionOptions {
  readonly trigger: QueueTrigger;
  /** Readers of the stores' notices, for messages of files. */
  readonly notices: readonly ReadNotice[];
  readonly spool: Spool;
  /** Records that the spool had when it was opened. */
  readonly records: readonly SpoolRecord[];
  readonly source: QueueSource;
  /** Destination of results. Null: none. */
  readonly sink: QueueSink | null;
  /**
   * Begins or resumes the run of a window, and waits until its end is durable. Null: it was interrupted.
   *
   * @param fresh restarts the run from the beginning
   */
  readonly run: (window: SpooledWindow, fresh: boolean) => Promise<DecidedRun | null>;
  /** Returns the location of a file that a message names. */
  readonly locationOf: (file: string) => string;
  /** Reads a window's published result. Null: not published. */
  readonly published: (window: SpooledWindow) => Promise<PublishedWindow | null>;
  readonly clock: TimedClock;
  readonly random: Random;
  readonly log: Logger;
  /** Signal that releases messages outside closed windows, and interrupts runs. */
  readonly signal: AbortSignal;
}

/** Backoff between retries of failed runs, writes and sends. */
const RETRY = { firstMs: 2_000, maxMs: 600_000 } as const;
/** Runs that fail for unreadable files before the window excludes these files' messages. */
const TRIES_OF_FILES = 3;

/**
 * Takes messages from a queue to published runs. Receives deliveries while there is room, closes windows,
 * spools them, runs them, and acknowledges their messages. The gatherer decides how each delivery is handled.
 */
export class QueueSession {
  readonly #options: QueueSessionOptions;
  readonly #gatherer: Gatherer<Item>;
  readonly #acknowledger: Acknowledger;
  readonly #nextId: () => WindowId;
  readonly #atWork = new Set<Promise<void>>();
  readonly counts: QueueCounts;
  #callOffClose: () => void = () => {};
  #roomCame: () => void = () => {};

  constructor(options: QueueSessionOptions) {
    const { trigger, records, clock, random, source, log, signal } = options;
    // Every window in progress and each of its steps listens to the signal.
    setMaxListeners(0, signal);
    this.#options = options;
    this.#gatherer = new Gatherer(trigger.window, trigger.rememberMs);
    this.counts = new QueueCounts(this.#gatherer, clock);
    this.#acknowledger = new Acknowledger({ source, clock, log, counts: this.counts, signal });
    this.#nextId = windowIds(records.at(-1)?.id ?? null, { wallMs: () => clock.wallMs(), random });
  }

  /**
   * Serves until the signal is aborted, then releases messages outside closed windows. The caller closes the
   * source.
   *
   * @throws {QUEUE_FAILED} when the queue is permanently unusable
   */
  async serve(): Promise<void> {
    const { signal, source } = this.#options;
    this.#restore();
    const expired = () => this.#gatherer.forget(this.#options.clock.wallMs());
    const callOff = forgetPeriodically({ ...this.#options, expired, atWork: this.#atWork });
    try {
      for await (const delivery of source.deliveries(signal)) {
        this.#take(delivery);
        if (!this.#gatherer.takes) await this.#room();
        if (signal.aborted) break;
      }
    } finally {
      callOff();
      this.#callOffClose();
      await source.release(this.#gatherer.drain()).catch(() => {});
      await this.#acknowledger.flush();
    }
  }

  /** Resolves when no window is in progress. Once the signal is aborted, that is soon. */
  async acknowledged(): Promise<void> {
    while (this.#atWork.size > 0) await Promise.allSettled(this.#atWork);
  }

  #restore(): void {
    for (const { acknowledged, failed, ...window } of this.#options.records) {
      if (acknowledged !== null) this.#gatherer.restoreAcknowledged(window.id, window.keys, acknowledged);
      else {
        this.#gatherer.restoreClosed(window.id, window.keys);
        this.#begin(this.#publish(window, failed?.attempts ?? 0));
      }
    }
  }

  #take(delivery: Delivery): void {
    const { trigger, notices, clock } = this.#options;
    this.counts.came(delivery);
    const read = readDelivery(trigger, delivery, notices);
    if (read.kind === "nothing") this.#acknowledger.soon(delivery, { kind: "done" }, "ignored");
    else if (read.kind === "invalid")
      this.#acknowledger.soon(delivery, { kind: "dead-letter", reason: read.reason }, "deadLettered");
    else this.#follow(delivery, this.#gatherer.offer(delivery, read.message, clock.nowMs()));
  }

  #follow(delivery: Delivery, verdict: Verdict): void {
    if (verdict.kind === "gathered") this.#closeWhenDue();
    else if (verdict.kind === "held") this.counts.add("duplicate");
    else this.#acknowledger.soon(delivery, verdict, "duplicate");
  }

  #closeWhenDue(): void {
    this.#callOffClose();
    this.#callOffClose = () => {};
    const inMs = this.#gatherer.closesInMs(this.#options.clock.nowMs());
    if (inMs === null) return;
    if (inMs > 0) this.#callOffClose = this.#options.clock.after(inMs, () => this.#closeWhenDue());
    else this.#begin(this.#spoolAndPublish(this.#gatherer.close(this.#nextId())));
  }

  /**
   * Tracks work on a window, which retries its failures. The work ends when the window is acknowledged, or
   * with the signal.
   */
  #begin(work: Promise<void>): void {
    const ended = work
      .catch((error: unknown) => {
        if (!this.#options.signal.aborted) this.#options.log.error(error, "a window stops until a restart");
      })
      .finally(() => {
        this.#atWork.delete(ended);
        this.#closeWhenDue();
        this.#roomCame();
      });
    this.#atWork.add(ended);
  }

  async #spoolAndPublish({ id, messages }: ClosedWindow<Item>): Promise<void> {
    const { spool, trigger, clock } = this.#options;
    const items = messages.flatMap(({ items: own }) => own);
    const isFiles = trigger.message === "files";
    const window: SpooledWindow = {
      id,
      closedMs: clock.wallMs(),
      keys: messages.map(({ key }) => key),
      counts: messages.map(({ items: own }) => own.length),
      input: isFiles ? (items as NamedFile[]).map(({ path }) => path) : [],
      left: [],
    };
    const file = isFiles ? null : rowsFile(trigger.columns, items as MessageRow[]);
    await this.#patiently(id, "a window cannot be stored", () => spool.write(window, file));
    await this.#publish(window, 0);
  }

  async #publish(closed: SpooledWindow, before: number): Promise<void> {
    const { run, spool, signal, log, published, locationOf } = this.#options;
    const { id } = closed;
    let window = closed;
    let failures = 0;
    // A run that was begun with another model, or as another job, cannot be resumed.
    let fresh = false;
    let released: Promise<void> = Promise.resolve();
    for (let attempts = before + 1; ; attempts += 1) {
      const found = await this.#patiently(id, "a window's output cannot be read", () => published(window));
      if (found !== null) return await this.#acknowledge(window, found, released);
      const outcome = await this.#patiently(id, "a window's run cannot be started", () => run(window, fresh));
      if (outcome === null) return;
      ({ released } = outcome);
      if (outcome.outcome === "published") continue;
      const failure = outcome.failure ?? errorToData(new ShardmillError("JOB_CANCELLED", "it was cancelled"));
      const reason = reasonText(failure);
      fresh = failure.code === "JOB_MISMATCH";
      log.error({ run: id, attempts, reason }, "the run of a window has failed, retrying");
      this.counts.failed(id);
      const kept = { attempts, reason, jobId: outcome.jobId };
      await this.#patiently(id, "a failure cannot be stored", () => spool.fail(id, kept));
      await this.#pause(failures);
      signal.throwIfAborted();
      failures += 1;
      const less = failures < TRIES_OF_FILES ? null : withoutUnreadable(window, failure, locationOf);
      if (less === null) continue;
      await this.#patiently(id, "a window cannot be stored", () => spool.change(less));
      log.error(
        { run: id, left: less.left.length, reason },
        "files cannot be read, so the window continues without them",
      );
      [window, failures, fresh] = [less, 0, true];
    }
  }

  /** @param released resolves when the run's work files are removed: no later process would remove them */
  async #acknowledge(
    { id, counts }: SpooledWindow,
    { failedKeys, results }: PublishedWindow,
    released: Promise<void>,
  ): Promise<void> {
    const { sink, spool, clock, signal } = this.#options;
    if (sink !== null) {
      await this.#patiently(id, "the results of a window cannot be sent", async () => {
        for await (const some of results(signal)) await orAbort(sink.send(some), signal);
      });
    }
    await released;
    const due = this.#gatherer.acknowledge(id, failedKeys);
    this.counts.published(id, counts.length - failedKeys.size, failedKeys.size);
    await this.#patiently(id, "messages cannot be acknowledged", () => this.#acknowledger.acknowledge(due));
    const atMs = clock.wallMs();
    await this.#patiently(id, "a window cannot be stored", () => spool.acknowledge(id, failedKeys, atMs));
    this.#gatherer.acknowledged(id, atMs);
  }

  /** Retries an action with pauses until it succeeds. Logs each failure. */
  async #patiently<T>(id: WindowId, trouble: string, act: () => Promise<T>): Promise<T> {
    const { signal, log } = this.#options;
    for (let failures = 0; ; failures += 1) {
      try {
        return await act();
      } catch (error) {
        signal.throwIfAborted();
        log.error({ run: id, reason: messageOf(error) }, `${trouble}, retrying`);
        await this.#pause(failures);
      }
    }
  }

  async #pause(failures: number): Promise<void> {
    const { signal, clock, random } = this.#options;
    await sleepBy(clock, backoffMs(failures, RETRY, random.unit()), signal);
  }

  async #room(): Promise<void> {
    const { signal } = this.#options;
    await new Promise<void>((resolve) => {
      this.#roomCame = () => {
        if (!this.#gatherer.takes && !signal.aborted) return;
        signal.removeEventListener("abort", this.#roomCame);
        this.#roomCame = () => {};
        resolve();
      };
      signal.addEventListener("abort", this.#roomCame, { once: true });
      this.#roomCame();
    });
  }
}
