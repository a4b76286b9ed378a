import { readFile } from "node:fs/promises";
import { type Data, Field, Int32, List, makeData, type RecordBatch, Schema } from "apache-arrow";
import { present } from "../../shared/core/assert.ts";
import { columnData, recordBatchOf } from "../../shared/dataset/record-batch.ts";
import { offsetsBehind, textsOf, validity } from "../../shared/dataset/text-column.ts";
import { madeColumns, type StepBinding } from "../../shared/domain/step-binding.ts";
import type { OpenStepOptions, RowFailure, Step, StepResult } from "../../shared/steps/step.ts";
import { columnOf } from "../../shared/values/write-values.ts";
import type { TokenizeOp } from "./op.ts";
import { type Encoding, TextTokenizer, type TokenizerInput } from "./text-tokenizer.ts";
import { offsetsColumn, truncatedColumn } from "./token-columns.ts";
import { type TokenOffset, tokenOffsets } from "./token-offsets.ts";

const LIST = new List(new Field("item", new Int32(), false));

/** Opens the step that makes token ids of texts. */
export async function openTokenizeStep(
  binding: StepBinding,
  op: TokenizeOp,
  { paths }: Pick<OpenStepOptions, "paths">,
): Promise<Step> {
  return new TokenizeStep(binding, op, await openTokenizer(op, paths));
}

/** @param paths of the step's files */
export async function openTokenizer(
  op: TokenizeOp,
  [path]: OpenStepOptions["paths"],
): Promise<TextTokenizer> {
  return TextTokenizer.open(await readFile(present(path, "the tokenizer's file"), "utf8"), op);
}

class TokenizeStep implements Step {
  readonly #op: TokenizeOp;
  readonly #made: readonly string[];
  readonly #tokenizer: TextTokenizer;

  constructor(binding: StepBinding, op: TokenizeOp, tokenizer: TextTokenizer) {
    this.#op = op;
    this.#made = madeColumns(binding).map(({ name }) => name);
    this.#tokenizer = tokenizer;
  }

  /** Makes the token columns. A row that lacks a text has null cells, which the input's keys deal with. */
  async run(batch: RecordBatch, signal: AbortSignal): Promise<StepResult> {
    const inputs = this.#inputsOf(batch);
    const given = inputs.filter((input) => input !== null);
    const encodings = await this.#tokenizer.encode(given, signal);
    const failed: RowFailure[] = [];
    const ids: (readonly number[] | null)[] = [];
    const types: (readonly number[] | null)[] = [];
    const offsets: (readonly TokenOffset[] | null)[] = [];
    const isTruncated: (boolean | null)[] = [];
    let next = 0;
    for (const [row, input] of inputs.entries()) {
      const encoding = input === null ? null : (encodings[next++] ?? null);
      if (encoding instanceof Error) {
        const message = `the tokenizer cannot read the text: ${encoding.message}`;
        failed.push({ row, code: "ROW_VALUE", message });
      }
      const found = encoding instanceof Error ? null : encoding;
      ids.push(found?.getIds() ?? null);
      if (this.#made.includes(this.#op.types)) types.push(found?.getTypeIds() ?? null);
      isTruncated.push(found === null ? null : this.#isTruncated(found));
      if (this.#makesOffsets) offsets.push(found === null ? null : this.#offsetsOf(found, input));
    }
    const columns = this.#made.map((name) => {
      if (name === this.#op.offsets) return columnOf(offsets.map(asValues), offsetsColumn(name).type);
      if (name === this.#op.truncated) return columnOf(isTruncated, truncatedColumn(name).type);
      return listColumn(name === this.#op.ids ? ids : types);
    });
    const schema = new Schema(this.#made.map((name, at) => new Field(name, columns[at]?.type ?? LIST, true)));
    const made = recordBatchOf(schema, batch.numRows, columns);
    const rowsTruncated = isTruncated.flatMap((is, row) => (is === true ? [row] : []));
    return { made, sources: null, failed, noted: { rowsTruncated } };
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  get #makesOffsets(): boolean {
    const { offsets } = this.#op;
    return offsets !== null && this.#made.includes(offsets);
  }

  /**
   * Checks whether a text was cut off. `getOverflowing` copies the overflow, so texts below the limit skip
   * it.
   */
  #isTruncated(encoding: Encoding): boolean {
    const { maxTokens } = this.#op;
    return maxTokens !== null && encoding.getLength() >= maxTokens && encoding.getOverflowing().length > 0;
  }

  /** Returns the offsets of one text. A pair has no offsets column. */
  #offsetsOf(encoding: Encoding, input: TokenizerInput | null): readonly TokenOffset[] {
    const { prefix } = this.#op;
    const encoded = {
      tokens: encoding.getTokens(),
      offsets: encoding.getOffsets(),
      special: encoding.getSpecialTokensMask(),
    };
    const text = typeof input === "string" ? input.slice(prefix.length) : "";
    return tokenOffsets(encoded, text, { prefix, forms: this.#tokenizer.forms });
  }

  #inputsOf(batch: RecordBatch): readonly (TokenizerInput | null)[] {
    const { texts, prefix } = this.#op;
    const [first, second] = texts.map((name) => textsOf(columnData(batch, name)));
    return Array.from({ length: batch.numRows }, (_, row) => {
      const text = first?.[row] ?? null;
      if (text === null) return null;
      if (second === undefined) return prefix + text;
      const pair = second[row] ?? null;
      return pair === null ? null : [prefix + text, pair];
    });
  }
}

/** Returns offsets as values of the column's structs. */
function asValues(offsets: readonly TokenOffset[] | null): readonly (readonly unknown[])[] | null {
  return offsets?.map(({ start, end, special, continues }) => [start, end, special, continues]) ?? null;
}

function listColumn(lists: readonly (readonly number[] | null)[]): Data<List<Int32>> {
  const valueOffsets = offsetsBehind(lists.map((list) => list?.length ?? 0));
  const values = new Int32Array(valueOffsets.at(-1) ?? 0);
  for (const [row, list] of lists.entries()) if (list !== null) values.set(list, valueOffsets[row]);
  return makeData({
    type: LIST,
    length: lists.length,
    valueOffsets,
    child: makeData({ type: new Int32(), data: values, nullCount: 0 }),
    ...validity(lists.map((list) => list !== null)),
  });
}
