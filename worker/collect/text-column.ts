import {
  type Field as ArrowField,
  type Data,
  DataType,
  type FixedSizeList,
  makeData,
  Utf8,
} from "apache-arrow";
import type { Field } from "../../shared/domain/dataset.ts";
import { product, type TensorData } from "../../shared/domain/tensor.ts";
import { openTexts } from "../../shared/domain/texts.ts";
import type { RowRange } from "../tensorize/input-chunk.ts";
import { arrowField } from "./arrow-fields.ts";
import { grown, type MadeColumn, type Placement } from "./output-column.ts";

/**
 * Made column with `width` texts in each row. Texts are kept in the model's tensors, and put in order when
 * taken.
 */
export class TextColumn implements MadeColumn {
  readonly field: ArrowField;
  /** Texts are in memory before any row is taken. */
  readonly mostOffsetBytes = 0;
  readonly #width: number;
  /** Index of a text's tensor, and the text's bytes in that tensor. */
  #tensors: Uint32Array;
  #starts: Uint32Array;
  #ends: Uint32Array;
  readonly #bytes: Uint8Array[] = [];

  constructor(field: Field, capacityRows: number, width: number) {
    this.field = arrowField(field);
    this.#width = width;
    this.#tensors = new Uint32Array(capacityRows * width);
    this.#starts = new Uint32Array(capacityRows * width);
    this.#ends = new Uint32Array(capacityRows * width);
  }

  /** Makes room for `rows` rows. A step may increase the rows of a shard. */
  reserve(rows: number): void {
    this.#tensors = grown(this.#tensors, rows * this.#width);
    this.#starts = grown(this.#starts, rows * this.#width);
    this.#ends = grown(this.#ends, rows * this.#width);
  }

  write({ data, dims }: TensorData, placements: readonly Placement[]): void {
    const { offsets, bytes } = openTexts(data, product(dims));
    const tensor = this.#bytes.push(bytes) - 1;
    for (const { tensorRow, rows, place } of placements) {
      for (let index = 0; index < rows * this.#width; index += 1) {
        const [from, at] = [tensorRow * this.#width + index, place * this.#width + index];
        this.#tensors[at] = tensor;
        this.#starts[at] = offsets[from] ?? 0;
        this.#ends[at] = offsets[from + 1] ?? 0;
      }
    }
  }

  take(places: readonly RowRange[]): Data {
    const rows = places.reduce((total, { start, end }) => total + end - start, 0);
    const valueOffsets = new Int32Array(rows * this.#width + 1);
    const taken: Uint8Array[] = [];
    let at = 0;
    for (const { start, end } of places) {
      for (let text = start * this.#width; text < end * this.#width; text += 1) {
        const bytes = this.#bytes[this.#tensors[text] ?? 0]?.subarray(this.#starts[text], this.#ends[text]);
        if (bytes !== undefined) taken.push(bytes);
        valueOffsets[at + 1] = (valueOffsets[at] ?? 0) + (bytes?.length ?? 0);
        at += 1;
      }
    }
    const data = new Uint8Array(valueOffsets[at] ?? 0);
    taken.forEach((bytes, index) => {
      data.set(bytes, valueOffsets[index]);
    });
    const texts = makeData({ type: new Utf8(), length: at, nullCount: 0, valueOffsets, data });
    const { type } = this.field;
    if (!DataType.isFixedSizeList(type)) return texts;
    return makeData<FixedSizeList>({ type, length: rows, nullCount: 0, child: texts });
  }
}
