import type { RecordBatch } from "apache-arrow";
import { present } from "../../shared/core/assert.ts";
import { columnData } from "../../shared/dataset/record-batch.ts";
import { featureOf } from "../../shared/domain/features.ts";
import type { JobStores } from "../../shared/domain/job-stores.ts";
import { localPathOf } from "../../shared/domain/location.ts";
import {
  type FeatureOp,
  madeColumns,
  type StepBinding,
  type TokenizeOp,
} from "../../shared/domain/step-binding.ts";
import type { PreviewFormat } from "../../shared/extension/feature-viewer.ts";
import type { SteppedRows } from "../../shared/steps/apply-step.ts";
import { openTokenizer } from "../../shared/steps/tokenize-step.ts";
import type { Storages } from "../../shared/storage/open-storage.ts";
import { openRowStorages } from "../../shared/storage/row-file.ts";
import type { TextTokenizer } from "../../shared/text/text-tokenizer.ts";
import type { StepTrace, TokensTrace } from "./row-trace.ts";
import { cellOf, shownRows } from "./shown-value.ts";

/** Of one row, or of its parts. */
const MOST_ROWS = 20;
const MOST_TOKENS = 512;

/**
 * Notes what steps make of rows. What a step gives is numbers; what they came from (pieces of text, images)
 * is looked up by the code that the steps themselves use.
 */
export class StepWatch implements AsyncDisposable {
  readonly #preview: PreviewFormat | null;
  readonly #signal: AbortSignal;
  readonly #storages: Storages;
  /** By step. */
  readonly #tokenizers = new Map<string, Promise<TextTokenizer>>();
  #traces: StepTrace[] = [];

  constructor(preview: PreviewFormat | null, stores: JobStores, signal: AbortSignal) {
    this.#storages = openRowStorages(stores);
    this.#preview = preview;
    this.#signal = signal;
  }

  /** A step was run over `given`. Runs over no rows only ask for columns. */
  async note(binding: StepBinding, given: RecordBatch, made: SteppedRows): Promise<void> {
    if (given.numRows === 0) return;
    const { where, op } = binding;
    const { batch, failed } = made;
    const names = madeColumns(binding).map(({ name }) => name);
    this.#traces.push({
      where,
      kind: op.kind === "feature" ? op.feature : op.kind,
      rowsIn: given.numRows,
      made: shownRows(batch, names),
      failed,
      tokens: op.kind === "tokenize" ? await this.#tokensIn(binding, op, made) : [],
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

  /** A tokenizer makes one row of each: its rows are those that it was given. */
  async #tokensIn(
    binding: StepBinding,
    op: TokenizeOp,
    { batch, noted }: SteppedRows,
  ): Promise<TokensTrace[]> {
    const tokenizer = await this.#tokenizerOf(binding, op);
    const cells = [...rowsOf(batch, op.ids).entries()].filter(([, cell]) => cell !== null);
    return await Promise.all(
      cells.map(async ([row, cell]) => {
        const all = [...(cell as Iterable<number>)];
        const ids = all.slice(0, MOST_TOKENS);
        const texts = await tokenizer.pieces(ids);
        const tokens = ids.map((id, at) => ({ id, text: texts[at] ?? "" }));
        return { count: all.length, isTruncated: noted.rowsTruncated.includes(row), tokens };
      }),
    );
  }

  #tokenizerOf({ where, files }: StepBinding, op: TokenizeOp): Promise<TextTokenizer> {
    const paths = files.map(({ location }) => localPathOf(location));
    const known = this.#tokenizers.get(where) ?? openTokenizer(op, paths);
    this.#tokenizers.set(where, known);
    return known;
  }

  /** Rows whose file cannot be shown are the step's to tell of. */
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

function rowsOf(batch: RecordBatch, column: string): unknown[] {
  const data = columnData(batch, column);
  return Array.from({ length: Math.min(batch.numRows, MOST_ROWS) }, (_, row) => cellOf(data, row));
}
