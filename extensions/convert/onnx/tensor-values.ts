import { ShardmillError } from "../../../shared/core/errors.ts";
import { encodeHalf } from "../../../shared/core/float16.ts";
import { ELEMENT_TYPE, type OnnxTensor, toNumber } from "./onnx-model.ts";

/** Largest finite float16. */
const HALF_MAX = 65_504;

/** Half of the smallest positive float16. Values up to this become zero. */
export const HALF_TINY = 2 ** -25;

export function dimsOf({ dims }: OnnxTensor): number[] {
  return dims.map(toNumber);
}

/**
 * Returns the values of a float32 tensor whose data is in the model.
 *
 * @throws {MODEL_INVALID} when the number of values does not match the dims
 */
export function floatsOf(tensor: OnnxTensor): Float32Array {
  const { rawData, floatData = [] } = tensor;
  const count = dimsOf(tensor).reduce((total, dim) => total * dim, 1);
  const found = rawData?.length ? rawData.length / 4 : floatData.length;
  if (found !== count) {
    throw new ShardmillError(
      "MODEL_INVALID",
      `the model's tensor ${JSON.stringify(tensor.name ?? "")} has ${found} values for ${count}`,
      {
        fields: { tensor: tensor.name ?? "", expected: count, found },
      },
    );
  }
  // A copy, because the data in the file may be unaligned.
  return rawData?.length ? new Float32Array(Uint8Array.from(rawData).buffer) : Float32Array.from(floatData);
}

/** Makes a tensor with raw data. */
export function rawTensor(
  name: string,
  dataType: number,
  dims: readonly number[],
  data: Int8Array | Uint8Array | Uint16Array | Float32Array,
): OnnxTensor {
  return { name, dataType, dims, rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) };
}

interface HalfTensor {
  readonly tensor: OnnxTensor;
  /** Number of finite values beyond float16's range, which are set to its limit. */
  readonly clamped: number;
}

/** Converts float32 values to a float16 tensor, rounded to nearest. Finite values stay finite. */
export function halfTensor(name: string, dims: readonly number[], values: Float32Array): HalfTensor {
  const halves = new Uint16Array(values.length);
  let clamped = 0;
  for (let index = 0; index < values.length; index += 1) {
    let value = values[index] ?? 0;
    if (Number.isFinite(value) && Math.abs(value) > HALF_MAX) {
      // Up to 65,520 the nearest float16 is the largest one, so this is ordinary rounding.
      if (Math.abs(value) >= 65_520) clamped += 1;
      value = Math.sign(value) * HALF_MAX;
    }
    halves[index] = encodeHalf(value);
  }
  return { tensor: rawTensor(name, ELEMENT_TYPE.float16, dims, halves), clamped };
}
