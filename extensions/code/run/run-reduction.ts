import type { RecordBatch } from "apache-arrow";
import { ShardmillError } from "../../../shared/core/errors.ts";
import { columnData } from "../../../shared/dataset/record-batch.ts";
import { NullFault, valueReader } from "../../../shared/values/read-values.ts";
import type { NamedType } from "../../../shared/values/value-type.ts";
import { isPromise } from "./call-step.ts";
import { ValueFault } from "./check-value.ts";
import { columnsOf, type LoadedReduction, type ReductionHalf } from "./loaded-reduction.ts";
import { madeTable } from "./made-table.ts";
import { describeThrown } from "./user-error.ts";

interface ReductionTask {
  readonly reduction: LoadedReduction;
  readonly half: ReductionHalf;
  /** Returns the next record batch, plain. Null: there are no more. */
  readonly next: () => Promise<RecordBatch | null>;
  /** Name of the function in errors: `reduce.words.combine`. */
  readonly where: string;
}

/**
 * Runs `combine` or `final` over record batches that it reads.
 *
 * @throws {STEP_FAILED} when the code throws, or takes too long
 * @throws {STEP_INVALID} when the table differs from the declaration, or a column that is not nullable has
 *   a null
 */
export async function runReduction({ reduction, half, next, where }: ReductionTask): Promise<RecordBatch> {
  const { declaration } = reduction;
  const { given, made } = columnsOf(declaration, half);
  const limit = new TimeLimit(declaration.timeoutSeconds * 1000);
  try {
    const batches = gathered(next, limit);
    const input = { batches, rows: rowsOf(batches, given) };
    limit.restart();
    const result = reduction[half](input, { where, signal: limit.signal });
    return madeTable(isPromise(result) ? await Promise.race([result, limit.over]) : result, made);
  } catch (error) {
    throw failureOf(error, where);
  } finally {
    limit.end();
  }
}

/**
 * Yields record batches to the user's code. Time spent waiting for input does not count. Code that still
 * reads after its function has returned gets nothing: the next batches belong to another shard.
 */
async function* gathered(next: ReductionTask["next"], limit: TimeLimit): AsyncGenerator<RecordBatch, void> {
  while (!limit.hasEnded) {
    limit.stop();
    const batch = await next();
    limit.restart();
    if (batch === null || limit.hasEnded) return;
    yield batch;
  }
}

async function* rowsOf(
  batches: AsyncIterable<RecordBatch>,
  given: readonly NamedType[],
): AsyncGenerator<unknown, void> {
  for await (const batch of batches) {
    const readers = given.map((column) => ({
      name: column.name,
      read: valueReader(columnData(batch, column.name), column),
    }));
    for (let row = 0; row < batch.numRows; row += 1)
      yield Object.fromEntries(readers.map(({ name, read }) => [name, read(row)]));
  }
}

function failureOf(error: unknown, where: string): ShardmillError {
  const fail = (code: "STEP_INVALID" | "STEP_FAILED", what: string) =>
    new ShardmillError(code, `${where}: ${what}`, { fields: { where }, cause: error });
  if (error instanceof ValueFault) return fail("STEP_INVALID", error.message);
  if (error instanceof NullFault)
    return fail("STEP_INVALID", `${error.message}. A type that ends in ? allows nulls`);
  return fail("STEP_FAILED", describeThrown(error));
}

/** Time limit for asynchronous code. The owner's thread watches code that computes. */
class TimeLimit {
  readonly #limitMs: number;
  readonly #abort = new AbortController();
  /** Rejects when the limit is reached. */
  readonly over: Promise<never>;
  #timer: NodeJS.Timeout | undefined;
  #hasEnded = false;

  constructor(limitMs: number) {
    this.#limitMs = limitMs;
    this.over = new Promise((_, reject) => {
      this.signal.addEventListener("abort", () => reject(this.signal.reason));
    });
    this.over.catch(() => {});
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  restart(): void {
    this.stop();
    if (this.#hasEnded) return;
    this.#timer = setTimeout(() => {
      const late = new Error(`took longer than ${this.#limitMs / 1000} s`);
      late.stack = "";
      this.#abort.abort(late);
    }, this.#limitMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  end(): void {
    this.#hasEnded = true;
    this.stop();
  }
}
