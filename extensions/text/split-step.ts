import { readFile } from "node:fs/promises";
import { type Data, Field, type RecordBatch, Schema } from "apache-arrow";
import { present } from "../../shared/core/assert.ts";
import { columnData, recordBatchOf } from "../../shared/dataset/record-batch.ts";
import { int32Column, textColumn, textsOf } from "../../shared/dataset/text-column.ts";
import { madeColumns, type StepBinding } from "../../shared/domain/step-binding.ts";
import type { OpenStepOptions, RowFailure, Step, StepResult } from "../../shared/steps/step.ts";
import type { SplitOp } from "./op.ts";
import { type TextPassage, TextSplitter } from "./text-splitter.ts";

/** Opens the step that cuts texts into passages. */
export async function openSplitStep(
  binding: StepBinding,
  op: SplitOp,
  { paths: [path] }: Pick<OpenStepOptions, "paths">,
): Promise<Step> {
  const json = await readFile(present(path, "the tokenizer's file"), "utf8");
  return new SplitStep(binding, op, await TextSplitter.open(json, op));
}

/** Placeholder for a row without a text, or with one that cannot be split. */
const NO_PASSAGE = { text: null, start: 0, end: 0 } as const;

class SplitStep implements Step {
  readonly #op: SplitOp;
  readonly #made: readonly string[];
  readonly #splitter: TextSplitter;

  constructor(binding: StepBinding, op: SplitOp, splitter: TextSplitter) {
    this.#op = op;
    this.#made = madeColumns(binding).map(({ name }) => name);
    this.#splitter = splitter;
  }

  async run(batch: RecordBatch, signal: AbortSignal): Promise<StepResult> {
    const texts = textsOf(columnData(batch, this.#op.column));
    const split = await this.#splitter.split(
      texts.flatMap((text) => text ?? []),
      signal,
    );
    const sources: number[] = [];
    const parts: number[] = [];
    const passages: (TextPassage | typeof NO_PASSAGE)[] = [];
    const failed: RowFailure[] = [];
    let next = 0;
    for (const [row, text] of texts.entries()) {
      const found = text === null ? [NO_PASSAGE] : (split[next++] ?? []);
      if (found instanceof Error) {
        const message = `the tokenizer cannot read the text: ${found.message}`;
        failed.push({ row: sources.length, code: "ROW_VALUE", message });
      }
      for (const [part, passage] of (found instanceof Error ? [NO_PASSAGE] : found).entries()) {
        sources.push(row);
        parts.push(part);
        passages.push(passage);
      }
    }
    return { made: this.#batchOf(passages, parts), sources: Uint32Array.from(sources), failed };
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #batchOf(passages: readonly (TextPassage | typeof NO_PASSAGE)[], parts: readonly number[]): RecordBatch {
    const all: Readonly<Record<string, () => Data>> = {
      [this.#op.column]: () => textColumn(passages.map(({ text }) => text)),
      part: () => int32Column(parts),
      start: () => int32Column(passages.map(({ start }) => start)),
      end: () => int32Column(passages.map(({ end }) => end)),
    };
    const columns = this.#made.map((name) => present(all[name], name)());
    const fields = this.#made.map((name, at) => {
      const { type } = present(columns[at], name);
      return new Field(name, type, name === this.#op.column);
    });
    return recordBatchOf(new Schema(fields), passages.length, columns);
  }
}
