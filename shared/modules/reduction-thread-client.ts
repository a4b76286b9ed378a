import type { RecordBatch, Table } from "apache-arrow";
import { type Deferred, deferred, orAbort } from "../core/abort.ts";
import { assert, assertNever } from "../core/assert.ts";
import { errorFromData, ShardmillError } from "../core/errors.ts";
import { compiledUrl } from "../core/package-root.ts";
import { buffersOfTables, packBatch, unpackTable } from "../dataset/packed-table.ts";
import { plainCopy } from "../dataset/plain-batch.ts";
import type { ReductionDeclaration, ReductionHalf } from "./loaded-reduction.ts";
import type { ReductionCommand, ReductionEvent } from "./reduction-protocol.ts";
import { ThreadLost, UserThread } from "./user-thread.ts";
import { LOAD_LIMIT_MS } from "./user-thread-protocol.ts";

type Batches = AsyncIterable<RecordBatch> | Iterable<RecordBatch>;

interface Running {
  readonly batches: AsyncIterator<RecordBatch> | Iterator<RecordBatch>;
  readonly done: Deferred<Table>;
}

/** A user's own code as a reduction, in a thread of its own that is started at once. */
export class ReductionThread implements AsyncDisposable {
  readonly #where: string;
  readonly #thread: UserThread<ReductionEvent>;
  readonly #loaded = deferred<ReductionDeclaration>();
  #running: Running | null = null;

  /**
   * @param path of the bundle
   * @param where how errors name it: `reduce.words`
   */
  constructor(path: string, where: string) {
    this.#where = where;
    this.#loaded.promise.catch(() => {});
    this.#thread = new UserThread<ReductionEvent>(
      compiledUrl("shared/modules/reduction-thread.ts"),
      { path, where },
      { onEvent: (event) => this.#onEvent(event), onLost: (lost) => this.#onLost(lost) },
    );
  }

  /** It is good for nothing any more. */
  get isLost(): boolean {
    return this.#thread.isLost;
  }

  /** @throws {STEP_INVALID} as the thread found it; {ThreadLost} */
  declaration(): Promise<ReductionDeclaration> {
    return this.#thread.watched(this.#loaded.promise, () => LOAD_LIMIT_MS);
  }

  /**
   * Runs one half over record batches, which are asked for one by one. When it is aborted, or hangs, the
   * thread is ended.
   *
   * @param batches with the columns that the half reads
   * @throws {STEP_INVALID} {STEP_FAILED}, what `batches` throws, and the signal's reason once it aborts
   */
  async reduce(half: ReductionHalf, batches: Batches, signal: AbortSignal): Promise<Table> {
    signal.throwIfAborted();
    assert(this.#running === null, "a thread runs one half at a time");
    const running: Running = { batches: iteratorOf(batches), done: deferred() };
    running.done.promise.catch(() => {});
    let isOver = false;
    try {
      const { timeoutSeconds } = await orAbort(this.declaration(), signal);
      this.#running = running;
      this.#post({ kind: "run", half });
      const watched = this.#thread.watched(running.done.promise, () => timeoutSeconds * 1000);
      const table = await orAbort(watched, signal);
      isOver = true;
      return table;
    } catch (error) {
      isOver = this.#running === null;
      if (!(error instanceof ThreadLost)) throw error;
      const where = `${this.#where}.${half}`;
      throw new ShardmillError("STEP_FAILED", `${where} ${error.message}`, { fields: { where } });
    } finally {
      this.#running = null;
      // It may be in the middle of anything.
      if (!isOver) await this.#thread.kill();
      await running.batches.return?.();
    }
  }

  kill(): Promise<void> {
    return this.#thread.kill();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#thread.end();
  }

  #post(command: ReductionCommand, transfer: readonly ArrayBuffer[] = []): void {
    this.#thread.post(command, transfer);
  }

  #onEvent(event: ReductionEvent): void {
    const running = this.#running;
    switch (event.kind) {
      case "loaded":
        this.#loaded.resolve(event.declaration);
        return;
      case "broken":
        this.#loaded.reject(errorFromData(event.error));
        return;
      case "more":
        if (running !== null) void this.#giveNext(running);
        return;
      case "done":
        this.#running = null;
        running?.done.resolve(unpackTable(event.table));
        return;
      case "failed":
        this.#running = null;
        running?.done.reject(errorFromData(event.error));
        return;
      default:
        assertNever(event);
    }
  }

  async #giveNext(running: Running): Promise<void> {
    const { batches, done } = running;
    try {
      const next = await batches.next();
      // Meanwhile it may be another's turn.
      if (this.isLost || this.#running !== running) return;
      const batch = next.done === true ? null : packBatch(plainCopy(next.value));
      this.#post({ kind: "batch", batch }, buffersOfTables(batch));
    } catch (error) {
      done.reject(error);
    }
  }

  #onLost(lost: ThreadLost): void {
    this.#loaded.reject(lost);
    this.#running?.done.reject(lost);
  }
}

function iteratorOf(batches: Batches): Running["batches"] {
  return Symbol.asyncIterator in batches ? batches[Symbol.asyncIterator]() : batches[Symbol.iterator]();
}
