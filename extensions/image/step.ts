import {
  Field as ArrowField,
  type Data,
  FixedSizeList,
  Float16,
  Float32,
  makeData,
  type RecordBatch,
  Schema,
  Uint8,
} from "apache-arrow";
import { present } from "../../shared/core/assert.ts";
import { mapInOrder } from "../../shared/core/map-in-order.ts";
import { cellsOf } from "../../shared/dataset/cell-reader.ts";
import { columnData, recordBatchOf } from "../../shared/dataset/record-batch.ts";
import type { FileCells } from "../../shared/domain/file-cells.ts";
import type { JobStores } from "../../shared/domain/job-stores.ts";
import { madeColumns, type StepColumns } from "../../shared/domain/step-binding.ts";
import type { RowFailure, Step, StepResult } from "../../shared/steps/step.ts";
import type { Storages } from "../../shared/storage/open-storage.ts";
import { openRowStorages, type RowFile, readFileCell } from "../../shared/storage/row-file.ts";
import { ImageDecoder } from "./decode.ts";
import { fitted } from "./fitted.ts";
import type { ImagePlan } from "./op.ts";
import type { Pixels } from "./pixels.ts";
import { type ImageValues, imageArray, ValueWriter, valuesPerImage } from "./values.ts";

/** Images in progress: one is scaled here while the next is read, or decoded by a thread of libvips. */
const IN_FLIGHT = 2;

/** Limit of a file, above that of any decodable image. A file is read whole. */
const MAX_FILE_BYTES = 256 * 1024 * 1024;

/**
 * Reads the image of a cell: its bytes, or the file that it names.
 *
 * @throws the errors of {@link readFileCell}
 */
export async function imageOfCell(
  cell: unknown,
  cells: FileCells,
  { storages, signal }: { readonly storages: Storages; readonly signal: AbortSignal },
): Promise<RowFile> {
  return await readFileCell(storages, cell, cells, { maxBytes: MAX_FILE_BYTES, signal });
}

/** Step that turns each row's image into the values of a tensor. */
export class ImageStep implements Step {
  readonly #column: string;
  readonly #op: ImagePlan;
  readonly #cells: FileCells;
  readonly #decoder = new ImageDecoder();
  readonly #writer: ValueWriter;
  readonly #schema: Schema;
  readonly #storages: Storages;

  constructor(
    columns: StepColumns,
    { op, cells }: { readonly op: ImagePlan; readonly cells: FileCells },
    stores: JobStores,
  ) {
    this.#storages = openRowStorages(stores);
    this.#column = present(columns.reads[0], "an image step reads a column");
    this.#op = op;
    this.#cells = cells;
    this.#writer = new ValueWriter(op);
    const fields = madeColumns(columns).map(({ name }) => new ArrowField(name, listType(op), false));
    this.#schema = new Schema(fields);
  }

  /** @throws {STORE_FAILED} when the store of an image fails, rather than the image itself */
  async run(batch: RecordBatch, signal: AbortSignal): Promise<StepResult> {
    signal.throwIfAborted();
    const values = imageArray(this.#op, batch.numRows);
    const failed: RowFailure[] = [];
    const failures = mapInOrder(
      rowsOf(cellsOf(columnData(batch, this.#column))),
      () => IN_FLIGHT,
      (row) => this.#read(row, values, signal),
    );
    for await (const failure of failures) if (failure !== null) failed.push(failure);
    const child = itemData(values);
    const list = makeData({ type: listType(this.#op), length: batch.numRows, nullCount: 0, child });
    const made = this.#schema.fields.map(() => list);
    return { made: recordBatchOf(this.#schema, batch.numRows, made), sources: null, failed };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#decoder[Symbol.asyncDispose]();
    await this.#storages[Symbol.asyncDispose]();
  }

  /** Writes the values of a row's image. Returns the reason of its dead letter, or null. */
  async #read({ row, cell }: RowCell, values: ImageValues, signal: AbortSignal): Promise<RowFailure | null> {
    const failure = (code: RowFailure["code"], message: string): RowFailure => ({ row, code, message });
    if (cell === null) return failure("ROW_NULL", `column \`${this.#column}\` is null`);
    const bytes = await imageOfCell(cell, this.#cells, { storages: this.#storages, signal });
    const refused = (code: RowFailure["code"], why: string) =>
      failure(code, `the image in column \`${this.#column}\` ${why}`);
    if (bytes.kind === "refused") return refused("ROW_VALUE", bytes.why);
    const write = (image: Pixels) => this.#write(image, values, row * valuesPerImage(this.#op));
    const decoded = await this.#decoder.decode(bytes.bytes, this.#op, write, signal);
    if (decoded.kind === "refused") return refused("ROW_VALUE", decoded.why);
    return decoded.image === null ? null : refused("ROW_LENGTH", decoded.image);
  }

  /** Scales an image and writes its values. Returns why its size is wrong, or null. */
  #write(image: Pixels, values: ImageValues, at: number): string | null {
    const { width, height } = this.#op;
    const part = fitted(image, this.#op);
    if (part === null) return `is ${image.width} x ${image.height}, and the model needs ${width} x ${height}`;
    this.#writer.write(part, values, at);
    return null;
  }
}

interface RowCell {
  readonly row: number;
  readonly cell: unknown;
}

async function* rowsOf(cells: Iterable<unknown>): AsyncGenerator<RowCell, void, undefined> {
  let row = 0;
  for (const cell of cells) {
    yield { row, cell };
    row += 1;
  }
}

function itemData(values: ImageValues): Data {
  if (values instanceof Float32Array) return makeData({ type: new Float32(), data: values });
  if (values instanceof Uint16Array) return makeData({ type: new Float16(), data: values });
  return makeData({ type: new Uint8(), data: values });
}

function itemType({ dtype }: ImagePlan): Float32 | Float16 | Uint8 {
  switch (dtype) {
    case "float32":
      return new Float32();
    case "float16":
      return new Float16();
    case "uint8":
      return new Uint8();
  }
}

function listType(op: ImagePlan): FixedSizeList {
  return new FixedSizeList(valuesPerImage(op), new ArrowField("item", itemType(op), false));
}
