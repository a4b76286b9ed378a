import type { RecordBatch } from "apache-arrow";
import { present } from "../../shared/core/assert.ts";
import { columnData } from "../../shared/dataset/record-batch.ts";
import { featureOf, stepKindOf } from "../../shared/domain/features.ts";
import type { JobStores } from "../../shared/domain/job-stores.ts";
import {
  type ExtensionOp,
  type FeatureOp,
  madeColumns,
  type StepBinding,
} from "../../shared/domain/step-binding.ts";
import type { PreviewFormat } from "../../shared/extension/feature-viewer.ts";
import type { StepViewer, TokensView } from "../../shared/extension/step-viewer.ts";
import type { SteppedRows } from "../../shared/steps/apply-step.ts";
import type { Storages } from "../../shared/storage/open-storage.ts";
import { openRowStorages } from "../../shared/storage/row-file.ts";
import type { StepTrace } from "./row-trace.ts";
import { cellOf, shownRows } from "./shown-value.ts";

/** Limit of one row's parts. */
const MOST_ROWS = 20;

/**
 * Observer of steps. Their results are numbers. The sources of the numbers, such as texts and images, are
 * looked up with the steps' own code.
 */
export class StepWatch implements AsyncDisposable {
  readonly #preview: PreviewFormat | null;
  readonly #signal: AbortSignal;
  readonly #storages: Storages;
  /** Viewers by step. */
  readonly #viewers = new Map<string, Promise<StepViewer>>();
  #traces: StepTrace[] = [];

  constructor(preview: PreviewFormat | null, stores: JobStores, signal: AbortSignal) {
    this.#storages = openRowStorages(stores);
    this.#preview = preview;
    this.#signal = signal;
  }

  /** Records a step's run over `given`. Runs over no rows only ask for columns, and are skipped. */
  async note(binding: StepBinding, given: RecordBatch, made: SteppedRows): Promise<void> {
    if (given.numRows === 0) return;
    const { where, op } = binding;
    const { batch, failed } = made;
    const names = madeColumns(binding).map(({ name }) => name);
    this.#traces.push({
      where,
      kind: kindOf(op),
      rowsIn: given.numRows,
      made: shownRows(batch, names),
      failed,
      tokens: op.kind === "extension" ? await this.#tokensIn(binding, op, made) : [],
      pictures: op.kind === "feature" ? await this.#picturesIn(binding, op, given) : null,
    });
  }

  takeSteps(): readonly StepTrace[] {
    const traces = this.#traces;
    this.#traces = [];
    return traces;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#storages[Symbol.asyncDispose]();
  }

  async #tokensIn(
    binding: StepBinding,
    { step, data }: ExtensionOp,
    { batch, noted: { rowsTruncated } }: SteppedRows,
  ): Promise<readonly TokensView[]> {
    const viewer = await this.#viewerOf(binding, () => stepKindOf(step).openViewer?.(binding, data));
    return (await viewer?.view({ batch, rowsTruncated, mostRows: MOST_ROWS })) ?? [];
  }

  #viewerOf(
    { where }: StepBinding,
    open: () => Promise<StepViewer> | undefined,
  ): Promise<StepViewer> | undefined {
    const viewer = this.#viewers.get(where) ?? open();
    if (viewer !== undefined) this.#viewers.set(where, viewer);
    return viewer;
  }

  /** Returns the pictures of rows. Files that cannot be shown are skipped, because the step reports them. */
  async #picturesIn(
    { reads: [column] }: StepBinding,
    op: FeatureOp,
    given: RecordBatch,
  ): Promise<StepTrace["pictures"]> {
    const view = await featureOf(op.feature).loadViewer?.();
    if (view === undefined) return null;
    const cells = rowsOf(given, present(column, "a step of files reads a column"));
    return await view(cells, op, {
      storages: this.#storages,
      preview: this.#preview,
      signal: this.#signal,
    });
  }
}

function kindOf(op: StepBinding["op"]): string {
  if (op.kind === "extension") return op.step;
  return op.kind === "feature" ? op.feature : op.kind;
}

function rowsOf(batch: RecordBatch, column: string): unknown[] {
  const data = columnData(batch, column);
  return Array.from({ length: Math.min(batch.numRows, MOST_ROWS) }, (_, row) => cellOf(data, row));
}
