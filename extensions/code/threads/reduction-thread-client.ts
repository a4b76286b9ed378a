import type { RecordBatch, Table } from "apache-arrow";
import { type Deferred, deferred, NEVER, orAbort } from "../../../shared/core/abort.ts";
import { assert, present } from "../../../shared/core/assert.ts";
import { ShardmillError } from "../../../shared/core/errors.ts";
import { compiledUrl } from "../../../shared/core/package-root.ts";
import { Transferred } from "../../../shared/core/remote/peer.ts";
import {
  buffersOfTables,
  type PackedTable,
  packBatch,
  unpackTable,
} from "../../../shared/dataset/packed-table.ts";
import { plainCopy } from "../../../shared/dataset/plain-batch.ts";
import { localPathOf } from "../../../shared/domain/location.ts";
import type { Reduction, ReductionSource } from "../../../shared/extension/reduction-part.ts";
import type { ReductionDeclaration, ReductionHalf } from "../run/loaded-reduction.ts";
import { ThreadLost, UserThread } from "./user-thread.ts";
import { LOAD_LIMIT_MS } from "./user-thread-protocol.ts";

type Batches = AsyncIterable<RecordBatch> | Iterable<RecordBatch>;

/** Methods of a reduction thread. One `run` at a time. */
export interface ReductionMethods {
  load(argument: null): Promise<ReductionDeclaration>;
  run(half: ReductionHalf): Promise<Transferred<PackedTable>>;
}

/** Methods of the thread's owner. */
export interface ReductionOwner {
  /** Returns the next record batch of the run. Null: there are no more. */
  next(argument: null): Promise<Transferred<PackedTable | null>>;
}

interface Running {
  readonly batches: AsyncIterator<RecordBatch> | Iterator<RecordBatch>;
  /** Rejects with an error of the batches. */
  readonly failed: Deferred<never>;
}

/** Reduction by a user's own code. The thread is kept for the next call, and replaced once lost. */
export class OwnReduction implements Reduction {
  readonly #source: ReductionSource;
  #thread: ReductionThread | null = null;

  constructor(source: ReductionSource) {
    this.#source = source;
  }

  combine(rows: Batches, signal: AbortSignal): Promise<Table> {
    return this.#run("combine", rows, signal);
  }

  final(partials: Batches, signal: AbortSignal): Promise<Table> {
    return this.#run("final", partials, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#thread?.[Symbol.asyncDispose]();
  }

  #run(half: ReductionHalf, batches: Batches, signal: AbortSignal): Promise<Table> {
    const { file, where } = this.#source;
    if (this.#thread === null || this.#thread.isLost)
      this.#thread = new ReductionThread(localPathOf(file.location), where);
    return this.#thread.reduce(half, batches, signal);
  }
}

/** Client of a thread that runs a user's reduction. The thread starts at once. */
export class ReductionThread implements AsyncDisposable {
  readonly #where: string;
  readonly #thread: UserThread<ReductionMethods>;
  readonly #loaded: Promise<ReductionDeclaration>;
  #running: Running | null = null;

  /**
   * @param path path of the bundle
   * @param where name of the reduction in errors: `reduce.words`
   */
  constructor(path: string, where: string) {
    this.#where = where;
    const script = compiledUrl("extensions/code/reduction-thread.ts");
    const owner: ReductionOwner = { next: () => this.#next() };
    this.#thread = new UserThread(script, { path, where }, owner);
    this.#loaded = this.#thread.remote.call("load", null, { signal: NEVER });
    this.#loaded.catch(() => {});
  }

  /** True when the thread can no longer be used. */
  get isLost(): boolean {
    return this.#thread.isLost;
  }

  /**
   * Returns the reduction's declaration.
   *
   * @throws {STEP_INVALID} when the code is no valid reduction
   * @throws {ThreadLost} when the thread hangs or ends
   */
  declaration(): Promise<ReductionDeclaration> {
    return this.#thread.watched(this.#loaded, () => LOAD_LIMIT_MS);
  }

  /**
   * Runs `combine` or `final` over record batches, which the thread requests one by one. Ends the thread on
   * abort, or when it hangs.
   *
   * @param batches with the columns that the function reads
   * @throws {STEP_INVALID} when the code or its table is invalid
   * @throws {STEP_FAILED} when the code fails, hangs or ends the thread
   * @throws errors of `batches`, and the signal's reason once it aborts
   */
  async reduce(half: ReductionHalf, batches: Batches, signal: AbortSignal): Promise<Table> {
    signal.throwIfAborted();
    assert(this.#running === null, "a thread runs one half at a time");
    const running: Running = { batches: iteratorOf(batches), failed: deferred() };
    running.failed.promise.catch(() => {});
    let isOver = false;
    try {
      const { timeoutSeconds } = await orAbort(this.declaration(), signal);
      this.#running = running;
      const made = this.#thread.remote.call("run", half, { signal }).finally(() => {
        isOver = !signal.aborted && !this.isLost;
      });
      const first = Promise.race([made, running.failed.promise]);
      return unpackTable(await this.#thread.watched(first, () => timeoutSeconds * 1000));
    } catch (error) {
      if (!(error instanceof ThreadLost)) throw error;
      const where = `${this.#where}.${half}`;
      throw new ShardmillError("STEP_FAILED", `${where} ${error.message}`, { fields: { where } });
    } finally {
      this.#running = null;
      // The state of an interrupted thread is unknown.
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

  async #next(): Promise<Transferred<PackedTable | null>> {
    const { batches, failed } = present(this.#running, "a thread asks for batches of its run");
    try {
      const next = await batches.next();
      const batch = next.done === true ? null : packBatch(plainCopy(next.value));
      return new Transferred(batch, buffersOfTables(batch));
    } catch (error) {
      // The run fails with this same error, and ends the thread.
      failed.reject(error);
      throw error;
    }
  }
}

function iteratorOf(batches: Batches): Running["batches"] {
  return Symbol.asyncIterator in batches ? batches[Symbol.asyncIterator]() : batches[Symbol.iterator]();
}
