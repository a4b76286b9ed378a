import {
  Field as ArrowField,
  type Data,
  FixedSizeList,
  Float64,
  makeData,
  type RecordBatch,
  Schema,
} from "apache-arrow";
import { PLACE_LENGTH, placeNumbers } from "../../shared/boxes/place.ts";
import { present } from "../../shared/core/assert.ts";
import { recordBatchOf } from "../../shared/dataset/record-batch.ts";
import type { FieldType } from "../../shared/domain/dataset.ts";
import type { FileCells } from "../../shared/domain/file-cells.ts";
import type { JobStores } from "../../shared/domain/job-stores.ts";
import { madeColumns, type StepColumns } from "../../shared/domain/step-binding.ts";
import type { Step, StepResult } from "../../shared/steps/step.ts";
import { placeOf } from "./fit.ts";
import { fitted } from "./fitted.ts";
import { ImageReader } from "./image-reader.ts";
import type { ImagePlan } from "./op.ts";
import type { Pixels } from "./pixels.ts";
import { type ImageValues, imageArray, itemData, itemType, ValueWriter, valuesPerImage } from "./values.ts";

/** Step that turns each row's image into the values of a tensor. */
export class ImageStep implements Step {
  readonly #op: ImagePlan;
  readonly #reader: ImageReader;
  readonly #writer: ValueWriter;
  readonly #schema: Schema;
  /** Made columns that have places, not values. */
  readonly #isPlace: readonly boolean[];

  constructor(
    columns: StepColumns,
    { op, cells }: { readonly op: ImagePlan; readonly cells: FileCells },
    stores: JobStores,
  ) {
    const column = present(columns.reads[0], "an image step reads a column");
    this.#op = op;
    this.#reader = new ImageReader({ column, cells, plan: op, stores });
    this.#writer = new ValueWriter(op);
    const made = madeColumns(columns).map(({ name, type }) => ({ name, isPlace: isPlace(type) }));
    this.#isPlace = made.map((each) => each.isPlace);
    const typeOf = (isPlace: boolean) => (isPlace ? PLACE_TYPE : listType(op));
    this.#schema = new Schema(made.map(({ name, isPlace }) => new ArrowField(name, typeOf(isPlace), false)));
  }

  /** @throws {STORE_FAILED} when the store of an image fails, rather than the image itself */
  async run(batch: RecordBatch, signal: AbortSignal): Promise<StepResult> {
    signal.throwIfAborted();
    const values = imageArray(this.#op, batch.numRows);
    const places = new Float64Array(batch.numRows * PLACE_LENGTH);
    const write = (row: number, image: Pixels) => this.#write(image, { values, places }, row);
    const failed = await this.#reader.read(batch, write, signal);
    const child = itemData(values);
    const list = makeData({ type: listType(this.#op), length: batch.numRows, nullCount: 0, child });
    const placeItems = makeData({ type: new Float64(), data: places });
    const place = makeData({ type: PLACE_TYPE, length: batch.numRows, nullCount: 0, child: placeItems });
    const made = this.#isPlace.map((isPlace): Data => (isPlace ? place : list));
    return { made: recordBatchOf(this.#schema, batch.numRows, made), sources: null, failed };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader[Symbol.asyncDispose]();
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

function listType(op: ImagePlan): FixedSizeList {
  return new FixedSizeList(valuesPerImage(op), new ArrowField("item", itemType(op), false));
}
