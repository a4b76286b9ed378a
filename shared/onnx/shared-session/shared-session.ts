import { DTYPE_ARRAYS, type Dtype, dtypeBytes, product, type TensorData } from "../../domain/tensor.ts";
import { classifyOnnxError } from "../classify-error.ts";
import type { LaneSession } from "../session.ts";
import { isDtype } from "../signature.ts";
import { type Address, madeBy, type OrtFunctions, openOrt } from "./ort-functions.ts";
import { type SessionAddresses, SharedHandle } from "./shared-handle.ts";

/** Numbers of `ONNXTensorElementDataType` in onnxruntime_c_api.h. */
const ELEMENT_NUMBERS = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
} as const satisfies Record<Dtype, number>;
const DTYPE_OF: ReadonlyMap<number, Dtype> = new Map(
  Object.entries(ELEMENT_NUMBERS).flatMap(([dtype, number]) => (isDtype(dtype) ? [[number, dtype]] : [])),
);

/** Values of onnxruntime_c_api.h. */
const LOG_FATAL = 4;
const OPTIMIZE_ALL = 99;
const ARENA_ALLOCATOR = 1;
const DEFAULT_MEMORY = 0;

/**
 * Opens a session on the CPU that the threads of one process share, with one copy of the weights. Each thread
 * runs it concurrently with the others, on its own core. Blocks as `createSession` does.
 *
 * Null: the model has inputs or outputs that are no tensors of numbers. `createSession` supports them.
 *
 * @param buffer memory from `SharedHandle.buffer`, the same for all threads
 * @throws {MODEL_INVALID | OUT_OF_MEMORY} as `createSession` does
 */
export async function openSharedSession(
  modelPath: string,
  buffer: SharedArrayBuffer,
): Promise<LaneSession | null> {
  const ort = await openOrt();
  try {
    const handle = new SharedHandle(buffer);
    const addresses = handle.take(() => open(ort, modelPath));
    return addresses === null ? null : new SharedSession(ort, handle, addresses.session);
  } catch (error) {
    throw classifyOnnxError(error, { stage: "load", device: "cpu", modelPath });
  }
}

/** Loads a model with the settings of `createSession`, for one thread a run. */
function open(ort: OrtFunctions, modelPath: string): SessionAddresses | null {
  const { calls, release } = ort;
  const env = madeBy<Address>(calls.createEnv, LOG_FATAL, "shardmill");
  try {
    const options = madeBy<Address>(calls.createSessionOptions);
    try {
      calls.setIntraOpNumThreads(options, 1);
      calls.setSessionGraphOptimizationLevel(options, OPTIMIZE_ALL);
      calls.setSessionLogSeverityLevel(options, LOG_FATAL);
      calls.disableMemPattern(options);
      calls.addSessionConfigEntry(options, "session.intra_op.allow_spinning", "0");
      const session = madeBy<Address>(calls.createSession, env, modelPath, options);
      if (hasOnlyNumbers(ort, session)) return { env, session };
      close(ort, { env, session });
      return null;
    } finally {
      release.sessionOptions(options);
    }
  } catch (error) {
    release.env(env);
    throw error;
  }
}

function close({ release }: OrtFunctions, { env, session }: SessionAddresses): void {
  release.session(session);
  release.env(env);
}

function hasOnlyNumbers({ calls, release }: OrtFunctions, session: Address): boolean {
  const typesOf = (count: unknown, typeInfoOf: OrtFunctions["calls"]["run"]) =>
    Array.from({ length: Number(count) }, (_, index) => {
      const info = madeBy<Address>(typeInfoOf, session, index);
      try {
        // The tensor's part belongs to `info`.
        const tensor = madeBy<Address | null>(calls.castTypeInfoToTensorInfo, info);
        return tensor === null ? 0 : madeBy<number>(calls.getTensorElementType, tensor);
      } finally {
        release.typeInfo(info);
      }
    });
  const types = [
    ...typesOf(madeBy(calls.sessionGetInputCount, session), calls.sessionGetInputTypeInfo),
    ...typesOf(madeBy(calls.sessionGetOutputCount, session), calls.sessionGetOutputTypeInfo),
  ];
  return types.every((type) => DTYPE_OF.has(type));
}

class SharedSession implements LaneSession {
  readonly #ort: OrtFunctions;
  readonly #handle: SharedHandle;
  readonly #session: Address;
  readonly #memory: Address;

  constructor(ort: OrtFunctions, handle: SharedHandle, session: Address) {
    this.#ort = ort;
    this.#handle = handle;
    this.#session = session;
    this.#memory = madeBy(ort.calls.createCpuMemoryInfo, ARENA_ALLOCATOR, DEFAULT_MEMORY);
  }

  async run(
    feeds: Readonly<Record<string, TensorData>>,
    outputs: readonly string[],
  ): Promise<Record<string, TensorData>> {
    const { calls, release } = this.#ort;
    const inputs: Address[] = [];
    const results: (Address | null)[] = outputs.map(() => null);
    try {
      for (const feed of Object.values(feeds)) inputs.push(this.#tensorOf(feed));
      const names = Object.keys(feeds);
      calls.run(this.#session, null, names, inputs, names.length, outputs, outputs.length, results);
      return Object.fromEntries(outputs.map((name, index) => [name, this.#dataOf(name, results[index])]));
    } catch (error) {
      throw classifyOnnxError(error, { stage: "run", device: "cpu" });
    } finally {
      for (const value of [...inputs, ...results]) if (value !== null) release.value(value);
    }
  }

  /** Makes a tensor over the caller's memory, without a copy. */
  #tensorOf({ dtype, dims, data }: TensorData): Address {
    if (dtype === "string") throw new Error("the model takes no texts");
    const values = new DTYPE_ARRAYS[dtype](data, 0, product(dims));
    const sizes = BigInt64Array.from(dims, BigInt);
    const { createTensorWithDataAsOrtValue: create } = this.#ort.calls;
    const type = ELEMENT_NUMBERS[dtype];
    return madeBy(create, this.#memory, values, values.byteLength, sizes, dims.length, type);
  }

  /** Copies a result, whose memory belongs to the session's arena. */
  #dataOf(name: string, value: Address | null | undefined): TensorData {
    if (value === null || value === undefined) throw new Error(`the model returned no output ${name}`);
    const { calls, release, copy } = this.#ort;
    const info = madeBy<Address>(calls.getTensorTypeAndShape, value);
    try {
      const dtype = DTYPE_OF.get(madeBy(calls.getTensorElementType, info));
      if (dtype === undefined) throw new Error(`the model returned no numbers as ${name}`);
      const sizes = new BigInt64Array(Number(madeBy(calls.getDimensionsCount, info)));
      calls.getDimensions(info, sizes, sizes.length);
      const dims = Array.from(sizes, Number);
      const bytes = product(dims) * dtypeBytes(dtype);
      const data = bytes === 0 ? new ArrayBuffer(0) : copy(madeBy(calls.getTensorMutableData, value), bytes);
      return { dtype, dims, data };
    } finally {
      release.tensorInfo(info);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ort.release.memoryInfo(this.#memory);
    this.#handle.release((addresses) => close(this.#ort, addresses));
  }
}
