import {
  Field as ArrowField,
  type Data,
  FixedSizeList,
  List,
  makeData,
  type RecordBatch,
  Schema,
} from "apache-arrow";
import { present } from "../../shared/core/assert.ts";
import { formatBytes } from "../../shared/core/units.ts";
import { recordBatchOf } from "../../shared/dataset/record-batch.ts";
import { int32Column, offsetsBehind } from "../../shared/dataset/text-column.ts";
import type { JobStores } from "../../shared/domain/job-stores.ts";
import { madeColumns, type StepColumns } from "../../shared/domain/step-binding.ts";
import type { Step, StepResult } from "../../shared/steps/step.ts";
import { fitOf } from "./fit.ts";
import { scaledPart } from "./fitted.ts";
import { ImageReader } from "./image-reader.ts";
import { bytesOfPixels, type PixelsOp, sizeColumns } from "./op.ts";
import type { Pixels, Size } from "./pixels.ts";
import { type ImageValues, itemData, itemType, ValueWriter, valueArray, valuesPerImage } from "./values.ts";

/** Pixels of a row's image. */
interface RowPixels {
  /** Size of the image in the file. */
  readonly file: Size;
  readonly size: Size;
  /** Null: no later step reads them. */
  readonly values: ImageValues | null;
}

const NO_SIZE: Size = { width: 0, height: 0 };

/** Step that turns each row's image into columns of its pixels and its sizes. */
export class PixelsStep implements Step {
  readonly #op: PixelsOp;
  readonly #made: readonly string[];
  readonly #reader: ImageReader;
  readonly #writer: ValueWriter;

  constructor(columns: StepColumns, op: PixelsOp, stores: JobStores) {
    const column = present(columns.reads[0], "an image step reads a column");
    const plan = { ...op, limit: (size: Size) => this.#tooLong(size) };
    this.#op = op;
    this.#made = madeColumns(columns).map(({ name }) => name);
    this.#reader = new ImageReader({ column, cells: op.cells, plan, stores });
    this.#writer = new ValueWriter(op);
  }

  /** @throws {STORE_FAILED} when the store of an image fails, rather than the image itself */
  async run(batch: RecordBatch, signal: AbortSignal): Promise<StepResult> {
    signal.throwIfAborted();
    const rows: (RowPixels | null)[] = Array.from({ length: batch.numRows }, () => null);
    const failed = await this.#reader.read(
      batch,
      (row, image) => {
        rows[row] = this.#pixelsOf(image);
        return null;
      },
      signal,
    );
    const made = this.#made.map((name) => this.#column(name, rows));
    const fields = this.#made.map(
      (name, at) => new ArrowField(name, present(made[at], "a column").type, false),
    );
    return { made: recordBatchOf(new Schema(fields), batch.numRows, made), sources: null, failed };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader[Symbol.asyncDispose]();
  }

  /** Returns why the pixels of an image of this size are too many. Null: they are not. */
  #tooLong(file: Size): string | null {
    const { maxBytes } = this.#op;
    const { width, height } = fitOf(file, this.#op).region;
    const bytes = bytesOfPixels({ width, height }, this.#op);
    if (bytes <= maxBytes) return null;
    const from = `${file.width} x ${file.height}`;
    return `is ${from} and becomes ${formatBytes(bytes)}, more than \`maxBytes\`, ${formatBytes(maxBytes)}`;
  }

  #pixelsOf(image: Pixels): RowPixels {
    const { width, height } = image;
    const file = { width, height };
    if (!this.#made.includes(this.#op.as)) return { file, size: fitOf(image, this.#op).region, values: null };
    const part = scaledPart(image, this.#op);
    const values = valueArray(this.#op, valuesPerImage({ ...part, channels: this.#op.channels }));
    this.#writer.write(part, values, 0);
    return { file, size: { width: part.width, height: part.height }, values };
  }

  #column(name: string, rows: (RowPixels | null)[]): Data {
    const { as } = this.#op;
    if (name === as) return this.#lists(rows.map((row) => row?.values ?? null));
    const { of, edge } = present(
      sizeColumns(as).find((column) => column.name === name),
      name,
    );
    return int32Column(rows.map((row) => (row?.[of] ?? NO_SIZE)[edge]));
  }

  #lists(rows: readonly (ImageValues | null)[]): Data {
    const op = this.#op;
    const { size } = op;
    const fixed = size === null ? null : valuesPerImage({ ...size, channels: op.channels });
    const offsets = offsetsBehind(rows.map((values) => fixed ?? values?.length ?? 0));
    const all = valueArray(op, offsets.at(-1) ?? 0);
    for (const [row, values] of rows.entries()) if (values !== null) all.set(values, offsets[row]);
    const child = itemData(all);
    const item: ArrowField = new ArrowField("item", itemType(op), false);
    const made = { length: rows.length, nullCount: 0, child };
    return fixed === null
      ? makeData({ type: new List(item), valueOffsets: offsets, ...made })
      : makeData({ type: new FixedSizeList(fixed, item), ...made });
  }
}
