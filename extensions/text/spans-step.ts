import { type Data, DataType, type RecordBatch, Schema } from "apache-arrow";
import { columnData, recordBatchOf } from "../../shared/dataset/record-batch.ts";
import { textsOf } from "../../shared/dataset/text-column.ts";
import type { RowFailure, Step, StepResult } from "../../shared/steps/step.ts";
import { valueReader } from "../../shared/values/read-values.ts";
import { arrowFieldOf, columnOf } from "../../shared/values/write-values.ts";
import type { SpansOp } from "./op.ts";
import { logitsColumn, offsetsColumn, spansColumn } from "./token-columns.ts";
import { codePoints, type TokenOffset } from "./token-offsets.ts";
import { tokenSpans } from "./token-spans.ts";

/** Opens the step that makes spans of labelled tokens. */
export function openSpansStep(op: SpansOp): Step {
  return new SpansStep(op);
}

class SpansStep implements Step {
  readonly #op: SpansOp;

  constructor(op: SpansOp) {
    this.#op = op;
  }

  /**
   * Makes a list of spans for each row. A row without a text has no spans. A row with different numbers of
   * scores and tokens becomes a dead letter.
   */
  async run(batch: RecordBatch): Promise<StepResult> {
    const { logits, text, offsets, column } = this.#op;
    const texts = textsOf(columnData(batch, text));
    const scores = columnData(batch, logits);
    const scoresOf = valueReader(scores, logitsColumn(logits, floatOf(scores), this.#op.labels.length));
    const offsetsOf = valueReader(columnData(batch, offsets), offsetsColumn(offsets));
    const failed: RowFailure[] = [];
    const made = texts.map((found, row) => {
      const rowScores = scoresOf(row) as readonly ArrayLike<number>[] | null;
      const rowOffsets = offsetsOf(row) as readonly TokenOffset[] | null;
      if (found === null || rowScores === null || rowOffsets === null) return null;
      if (rowScores.length === rowOffsets.length) return this.#spansOf(found, rowScores, rowOffsets);
      const message = `\`${logits}\` has scores of ${rowScores.length} tokens, and the text has ${rowOffsets.length}`;
      failed.push({ row, code: "ROW_LENGTH", message });
      return null;
    });
    const type = spansColumn(column);
    const schema = new Schema([arrowFieldOf(type)]);
    return {
      made: recordBatchOf(schema, batch.numRows, [columnOf(made, type.type)]),
      sources: null,
      failed,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  /** Returns spans as lists of their fields' values. */
  #spansOf(
    text: string,
    scores: readonly ArrayLike<number>[],
    offsets: readonly TokenOffset[],
  ): readonly (readonly unknown[])[] {
    const { labels: names, ignore, strategy } = this.#op;
    const tokens = offsets.flatMap(({ special, ...place }, at) =>
      special ? [] : [{ ...place, logits: scores[at] ?? [] }],
    );
    return tokenSpans(tokens, { names, ignore }, strategy).map(({ label, score, start, end }) => [
      label,
      score,
      start,
      end,
      codePoints(text, start, end),
    ]);
  }
}

function floatOf({ type }: Data): "float16" | "float32" | "float64" {
  let inner: DataType = type;
  while (DataType.isList(inner) || DataType.isFixedSizeList(inner)) inner = inner.valueType;
  const precisions = ["float16", "float32", "float64"] as const;
  return (DataType.isFloat(inner) ? precisions[inner.precision] : undefined) ?? "float32";
}
