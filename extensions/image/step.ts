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
import { decodeImage } from "./decode.ts";
import { fitted } from "./fitted.ts";
import type { ImagePlan } from "./op.ts";
import type { Pixels } from "./pixels.ts";
import { type ImageValues, imageArray, ValueWriter, valuesPerImage } from "./values.ts";

/** Images in progress: one is scaled here while a library thread decodes the next. */
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

/** Image of a row, or the reason of its dead letter. */
type RowImage = { readonly image: Pixels } | { readonly failure: Omit<RowFailure, "row"> };

/** Step that turns each row's image into the values of a tensor. */
export class ImageStep implements Step {
  readonly #column: string;
  readonly #op: ImagePlan;
  readonly #cells: FileCells;
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
    const cells = cellsOf(columnData(batch, this.#column));
    const values = imageArray(this.#op, batch.numRows);
    const failed: RowFailure[] = [];
    let row = 0;
    const images = mapInOrder(
      inTurn(cells),
      () => IN_FLIGHT,
      (cell) => this.#read(cell, signal),
    );
    for await (const found of images) {
      if ("failure" in found) failed.push({ row, ...found.failure });
      else this.#writer.write(found.image, values, row * valuesPerImage(this.#op));
      row += 1;
    }
    const child = itemData(values);
    const list = makeData({ type: listType(this.#op), length: batch.numRows, nullCount: 0, child });
    const made = this.#schema.fields.map(() => list);
    return { made: recordBatchOf(this.#schema, batch.numRows, made), sources: null, failed };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#storages[Symbol.asyncDispose]();
  }

  async #read(cell: unknown, signal: AbortSignal): Promise<RowImage> {
    if (cell === null)
      return { failure: { code: "ROW_NULL", message: `column \`${this.#column}\` is null` } };
    const bytes = await imageOfCell(cell, this.#cells, { storages: this.#storages, signal });
    if (bytes.kind === "refused") return this.#failure("ROW_VALUE", bytes.why);
    const decoded = await decodeImage(bytes.bytes, this.#op, signal);
    if (decoded.kind === "refused") return this.#failure("ROW_VALUE", decoded.why);
    const image = fitted(decoded.image, this.#op);
    if (image !== null) return { image };
    const { width, height } = this.#op;
    const own = `${decoded.image.width} x ${decoded.image.height}`;
    return this.#failure("ROW_LENGTH", `is ${own}, and the model needs ${width} x ${height}`);
  }

  #failure(code: RowFailure["code"], why: string): RowImage {
    return { failure: { code, message: `the image in column \`${this.#column}\` ${why}` } };
  }
}

async function* inTurn(cells: Iterable<unknown>): AsyncGenerator<unknown, void, undefined> {
  yield* cells;
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
