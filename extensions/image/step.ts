import {
  Field as ArrowField,
  type Data,
  FixedSizeList,
  Float16,
  Float32,
  Float64,
  makeData,
  type RecordBatch,
  Schema,
  Uint8,
} from "apache-arrow";
import { PLACE_LENGTH, placeNumbers } from "../../shared/boxes/place.ts";
import { present } from "../../shared/core/assert.ts";
import { mapInOrder } from "../../shared/core/map-in-order.ts";
import { cellsOf } from "../../shared/dataset/cell-reader.ts";
import { columnData, recordBatchOf } from "../../shared/dataset/record-batch.ts";
import type { FieldType } from "../../shared/domain/dataset.ts";
import type { FileCells } from "../../shared/domain/file-cells.ts";
import type { JobStores } from "../../shared/domain/job-stores.ts";
import { madeColumns, type StepColumns } from "../../shared/domain/step-binding.ts";
import type { RowFailure, Step, StepResult } from "../../shared/steps/step.ts";
import type { Storages } from "../../shared/storage/open-storage.ts";
import { openRowStorages, type RowFile, readFileCell } from "../../shared/storage/row-file.ts";
import { ImageDecoder } from "./decode.ts";
import { placeOf } from "./fit.ts";
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
  /** Made columns that have places, not values. */
  readonly #isPlace: readonly boolean[];
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
    const made = madeColumns(columns).map(({ name, type }) => ({ name, isPlace: isPlace(type) }));
    this.#isPlace = made.map((column) => column.isPlace);
    const typeOf = (isPlace: boolean) => (isPlace ? PLACE_TYPE : listType(op));
    this.#schema = new Schema(made.map(({ name, isPlace }) => new ArrowField(name, typeOf(isPlace), false)));
  }

  /** @throws {STORE_FAILED} when the store of an image fails, rather than the image itself */
  async run(batch: RecordBatch, signal: AbortSignal): Promise<StepResult> {
    signal.throwIfAborted();
    const values = imageArray(this.#op, batch.numRows);
    const places = new Float64Array(batch.numRows * PLACE_LENGTH);
    const failed: RowFailure[] = [];
    const failures = mapInOrder(
      rowsOf(cellsOf(columnData(batch, this.#column))),
      () => IN_FLIGHT,
      (row) => this.#read(row, { values, places }, signal),
    );
    for await (const failure of failures) if (failure !== null) failed.push(failure);
    const child = itemData(values);
    const list = makeData({ type: listType(this.#op), length: batch.numRows, nullCount: 0, child });
    const placeItems = makeData({ type: new Float64(), data: places });
    const place = makeData({ type: PLACE_TYPE, length: batch.numRows, nullCount: 0, child: placeItems });
    const made = this.#isPlace.map((isPlace): Data => (isPlace ? place : list));
    return { made: recordBatchOf(this.#schema, batch.numRows, made), sources: null, failed };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#decoder[Symbol.asyncDispose]();
    await this.#storages[Symbol.asyncDispose]();
  }

  /** Writes the values of a row's image. Returns the reason of its dead letter, or null. */
  async #read({ row, cell }: RowCell, made: MadeValues, signal: AbortSignal): Promise<RowFailure | null> {
    const failure = (code: RowFailure["code"], message: string): RowFailure => ({ row, code, message });
    if (cell === null) return failure("ROW_NULL", `column \`${this.#column}\` is null`);
    const bytes = await imageOfCell(cell, this.#cells, { storages: this.#storages, signal });
    const refused = (code: RowFailure["code"], why: string) =>
      failure(code, `the image in column \`${this.#column}\` ${why}`);
    if (bytes.kind === "refused") return refused("ROW_VALUE", bytes.why);
    const write = (image: Pixels) => this.#write(image, made, row);
    const decoded = await this.#decoder.decode(bytes.bytes, this.#op, write, signal);
    if (decoded.kind === "refused") return refused("ROW_VALUE", decoded.why);
    return decoded.image === null ? null : refused("ROW_LENGTH", decoded.image);
  }

  /** Scales an image and writes its values. Returns why its size is wrong, or null. */
  #write(image: Pixels, { values, places }: MadeValues, row: number): string | null {
    const { width, height } = this.#op;
    const part = fitted(image, this.#op);
    if (part === null) return `is ${image.width} x ${image.height}, and the model needs ${width} x ${height}`;
    this.#writer.write(part, values, row * valuesPerImage(this.#op));
    places.set(placeNumbers(placeOf(image, this.#op)), row * PLACE_LENGTH);
    return null;
  }
}

/** Type of places. */
const PLACE_TYPE = new FixedSizeList(PLACE_LENGTH, new ArrowField("item", new Float64(), false));

function isPlace(type: FieldType): boolean {
  return type.kind === "fixedList" && type.item.kind === "numeric" && type.item.type === "float64";
}

/** Memory of a batch's values and places. */
interface MadeValues {
  readonly values: ImageValues;
  readonly places: Float64Array;
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
