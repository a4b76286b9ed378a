import {
  type Data,
  Field,
  FixedSizeBinary,
  FixedSizeList,
  Float32,
  Int64,
  List,
  makeData,
} from "apache-arrow";
import { seededRandom } from "../../shared/onnx/graph.ts";
import { classifierModel, digitsModel, PIXELS } from "./models/classifier.ts";
import { CLIFF_WIDTH } from "./models/cliff.ts";
import { ENCODER_VOCABULARY, encoderModel } from "./models/encoder.ts";

/** Tensor of the bare loop, with random values. Plain JSON. */
export interface FeedSpec {
  readonly tensor: string;
  readonly dtype: "float32" | "int64";
  /** Dims after the batch. Null: the length of the batch's rows. */
  readonly rowDims: readonly (number | null)[];
  /** Upper limit of the values, which begin at 0. Null: all are 1. */
  readonly below: number | null;
}

/** A model with generated rows, as a job and as tensors for the bare loop. */
interface Workload {
  readonly says: string;
  model(): Uint8Array;
  readonly feeds: readonly FeedSpec[];
  /** Lengths of uneven rows, in turn. Null: rows are even. */
  readonly lengths: readonly number[] | null;
  /** Inputs in the job file. */
  readonly inputs: object;
  /** Output tensor, whose values are compared. */
  readonly output: string;
  /** Rows that are generated. A job with more rows reads them several times. */
  readonly fileRows: number;
  /** First rows that are compared with the CPU. */
  readonly comparedRows: number;
  /** Returns the columns of the first rows, besides their id. */
  columns(rows: number): Promise<Readonly<Record<string, Data>>>;
}

export const WORKLOAD_NAMES = ["digits", "encoder", "classifier", "photographs"] as const;
export type WorkloadName = (typeof WORKLOAD_NAMES)[number];

/** Lengths of texts in tokens, in turn. */
const LENGTHS = [64, 16, 112, 48, 96, 32, 80];
const [SMALL_SIDE, SIDE] = [64, 224];

export const WORKLOADS: Readonly<Record<WorkloadName, Workload>> = {
  digits: {
    says: "perceptron 784-256-10",
    model: digitsModel,
    feeds: [{ tensor: "image", dtype: "float32", rowDims: [PIXELS], below: 1 }],
    lengths: null,
    inputs: { image: { column: "pixels", scale: 1 / 255 } },
    output: "logits",
    fileRows: 20_000,
    comparedRows: 256,
    columns: async (rows) => ({ pixels: bytesColumn(rows, PIXELS) }),
  },
  encoder: {
    says: "text encoder of MiniLM's shape, random weights, 16 to 112 tokens",
    model: encoderModel,
    feeds: [
      { tensor: "input_ids", dtype: "int64", rowDims: [null], below: ENCODER_VOCABULARY },
      { tensor: "attention_mask", dtype: "int64", rowDims: [null], below: null },
    ],
    lengths: LENGTHS,
    inputs: { input_ids: "input_ids", attention_mask: { mask: "input_ids" } },
    output: "embedding",
    fileRows: 5_000,
    comparedRows: 14,
    columns: async (rows) => ({ input_ids: tokensColumn(rows) }),
  },
  classifier: {
    says: "residual network, 3 x 64 x 64",
    model: () => classifierModel(SMALL_SIDE),
    feeds: [{ tensor: "image", dtype: "float32", rowDims: [3, SMALL_SIDE, SMALL_SIDE], below: 1 }],
    lengths: null,
    inputs: { image: { column: "image", scale: 1 / 255 } },
    output: "logits",
    fileRows: 5_000,
    comparedRows: 32,
    columns: async (rows) => ({ image: bytesColumn(rows, 3 * SMALL_SIDE ** 2) }),
  },
  photographs: {
    says: "JPEGs of 640 x 480 through a residual network, 3 x 224 x 224",
    model: () => classifierModel(SIDE),
    feeds: [{ tensor: "image", dtype: "float32", rowDims: [3, SIDE, SIDE], below: 1 }],
    lengths: null,
    inputs: {
      image: {
        column: "photo",
        image: { resize: { width: 256, height: 256 }, crop: { width: SIDE, height: SIDE } },
      },
    },
    output: "logits",
    fileRows: 1_000,
    comparedRows: 8,
    columns: async (rows) => ({ photo: await (await import("./photographs.ts")).photosColumn(rows) }),
  },
};

/** Returns the column of the job whose batches do not fit in memory. */
export function cliffColumn(rows: number): Data {
  const values = Float32Array.from({ length: rows * CLIFF_WIDTH }, (_, index) => index);
  const item = new Field("item", new Float32(), false);
  const child = makeData({ type: item.type, data: values });
  return makeData({ type: new FixedSizeList(CLIFF_WIDTH, item), length: rows, nullCount: 0, child });
}

function bytesColumn(rows: number, width: number): Data {
  const random = seededRandom(9);
  const data = Uint8Array.from({ length: rows * width }, () => 256 * random());
  return makeData({ type: new FixedSizeBinary(width), length: rows, nullCount: 0, data });
}

function tokensColumn(rows: number): Data {
  const random = seededRandom(11);
  const valueOffsets = new Int32Array(rows + 1);
  for (let row = 0; row < rows; row += 1)
    valueOffsets[row + 1] = (valueOffsets[row] ?? 0) + (LENGTHS[row % LENGTHS.length] ?? 0);
  const values = BigInt64Array.from({ length: valueOffsets[rows] ?? 0 }, () =>
    BigInt(Math.floor(ENCODER_VOCABULARY * random())),
  );
  const child = makeData({ type: new Int64(), data: values });
  const type = new List(new Field("item", new Int64(), false));
  return makeData({ type, length: rows, nullCount: 0, valueOffsets, child });
}
