import { Field as ArrowField, type RecordBatch, Schema } from "apache-arrow";
import { present } from "../../shared/core/assert.ts";
import { gather, type Stretch } from "../../shared/dataset/gather.ts";
import { plainField } from "../../shared/dataset/plain-type.ts";
import { recordBatchOf } from "../../shared/dataset/record-batch.ts";
import type { StepBinding } from "../../shared/domain/step-binding.ts";
import { applyStep, type SteppedRows } from "../../shared/steps/apply-step.ts";
import { openStep } from "../../shared/steps/open-step.ts";
import type { OpenStepOptions, RowFailure, Step } from "../../shared/steps/step.ts";

/** A step, the rows in front of it, and those behind it. */
export type OnStep = (binding: StepBinding, given: RecordBatch, made: SteppedRows) => Promise<void>;

interface ChainOptions extends Pick<OpenStepOptions, "scratchPath"> {
  /** Called after each step, for who watches. */
  readonly onStep?: OnStep;
}

/** A row that a step failed on: in front of the chain, the row that it came from. */
interface FailedSource extends Omit<RowFailure, "row"> {
  readonly source: number;
}

/** Steps that are open, run one after the other, as one. It is given one record batch at a time. */
export class StepChain implements AsyncDisposable {
  readonly #steps: readonly { readonly binding: StepBinding; readonly step: Step }[];

  readonly #onStep: OnStep | null;

  private constructor(
    steps: readonly { readonly binding: StepBinding; readonly step: Step }[],
    onStep: OnStep | null,
  ) {
    this.#steps = steps;
    this.#onStep = onStep;
  }

  static async open(bindings: readonly StepBinding[], options: ChainOptions): Promise<StepChain> {
    const steps: { binding: StepBinding; step: Step }[] = [];
    try {
      for (const binding of bindings) steps.push({ binding, step: await openStep(binding, options) });
    } catch (error) {
      await new StepChain(steps, null)[Symbol.asyncDispose]();
      throw error;
    }
    return new StepChain(steps, options.onStep ?? null);
  }

  /**
   * No step is given a row that one before it failed on: it stands behind the last with nulls.
   *
   * @throws whatever a step throws, naming itself
   */
  async run(batch: RecordBatch, signal: AbortSignal): Promise<SteppedRows> {
    let rows: SteppedRows = { batch, sources: null, failed: [] };
    const failed: FailedSource[] = [];
    for (const [index, { binding, step }] of this.#steps.entries()) {
      const next = await applyStep(step, binding, rows.batch, signal);
      await this.#onStep?.(binding, rows.batch, next);
      rows = { ...next, sources: composed(rows.sources, next.sources) };
      if (next.failed.length === 0 || index === this.#steps.length - 1) continue;
      failed.push(...failedSources(rows));
      rows = withoutFailed(rows);
    }
    return failed.length === 0 ? rows : withFailed(rows, failed);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { step } of this.#steps) await step[Symbol.asyncDispose]();
  }
}

/** Where rows of the second step came from, in front of the first. */
function composed(first: Uint32Array | null, second: Uint32Array | null): Uint32Array | null {
  if (first === null || second === null) return first ?? second;
  return second.map((row) => present(first[row], "a step's rows come from rows in front of it"));
}

function sourceOf({ sources }: Pick<SteppedRows, "sources">, row: number): number {
  return sources === null ? row : present(sources[row], "every row came from one");
}

/** Of several parts of one row that failed, the first. */
function failedSources(rows: SteppedRows): readonly FailedSource[] {
  const found = new Map<number, FailedSource>();
  for (const { row, code, message } of rows.failed) {
    const source = sourceOf(rows, row);
    if (!found.has(source)) found.set(source, { source, code, message });
  }
  return [...found.values()];
}

/** The rows of which no part has failed. */
function withoutFailed(rows: SteppedRows): SteppedRows {
  const gone = new Set(rows.failed.map(({ row }) => sourceOf(rows, row)));
  const kept = Array.from({ length: rows.batch.numRows }, (_, row) => row).filter(
    (row) => !gone.has(sourceOf(rows, row)),
  );
  return {
    batch: gathered(rows.batch, kept),
    sources: Uint32Array.from(kept, (row) => sourceOf(rows, row)),
    failed: [],
  };
}

/** The rows with those that failed on the way in between, in the order of what they came from. */
function withFailed(rows: SteppedRows, early: readonly FailedSource[]): SteppedRows {
  const late = new Map(rows.failed.map((failure) => [failure.row, failure]));
  const waiting = [...early].sort((a, b) => a.source - b.source);
  const order: (number | null)[] = [];
  const sources: number[] = [];
  const failed: RowFailure[] = [];
  const place = (row: number | null, source: number, failure: Omit<RowFailure, "row"> | undefined) => {
    if (failure !== undefined)
      failed.push({ row: order.length, code: failure.code, message: failure.message });
    order.push(row);
    sources.push(source);
  };
  const placeBefore = (source: number) => {
    for (let next = waiting[0]; next !== undefined && next.source < source; next = waiting[0]) {
      place(null, next.source, next);
      waiting.shift();
    }
  };
  for (let row = 0; row < rows.batch.numRows; row += 1) {
    const source = sourceOf(rows, row);
    placeBefore(source);
    place(row, source, late.get(row));
  }
  placeBefore(Number.POSITIVE_INFINITY);
  return { batch: gathered(rows.batch, order), sources: Uint32Array.from(sources), failed };
}

/** The rows of a batch at these places, and nulls. */
function gathered(batch: RecordBatch, order: readonly (number | null)[]): RecordBatch {
  const fields = batch.schema.fields.map((field) => {
    const { name, type, metadata } = plainField(field);
    return new ArrowField(name, type, true, metadata);
  });
  const children = batch.data.children.map((data) =>
    gather(
      data.type,
      order.map((row): Stretch => (row === null ? NULL : { data, start: row, end: row + 1 })),
    ),
  );
  return recordBatchOf(new Schema(fields, batch.schema.metadata), order.length, children);
}

const NULL: Stretch = { data: null, start: 0, end: 1 };
