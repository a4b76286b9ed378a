import { readFile } from "node:fs/promises";
import type { InferenceSession, OnnxValue, Tensor } from "onnxruntime-node";
import { ShardmillError } from "../core/errors.ts";
import type { ConcreteDevice } from "../domain/device.ts";
import { DTYPE_ARRAYS, type ModelSignature, product, type TensorData } from "../domain/tensor.ts";
import { packTexts, unpackTexts } from "../domain/texts.ts";
import { classifyOnnxError } from "./classify-error.ts";
import { DEVICE_TRAITS } from "./devices.ts";
import { type ClassNames, isDtype, signatureOf } from "./signature.ts";

interface SessionOptions {
  readonly device: ConcreteDevice;
  /** Threads within one operator. Use one when several lanes share the cores. */
  readonly threads: number;
  /** Index of the device among its kind, without GPUs hidden by CUDA_VISIBLE_DEVICES. Default: 0. */
  readonly deviceId?: number;
  /** False: skip optimization and load faster, to inspect a model. Default: true. */
  readonly optimize?: boolean;
  /** True: fail to load rather than compute any part on the CPU (see `createSession`). Default: false. */
  readonly wholeOnDevice?: boolean;
  /** True: write ONNX Runtime's error log to stderr. A process's first session decides. Default: false. */
  readonly logErrors?: boolean;
  /** Beginning of the path of ONNX Runtime's profile, written when the session is disposed. Default: none. */
  readonly profilePrefix?: string;
}

/** Loaded model, as a lane runs it. Supports one call at a time. */
export interface LaneSession extends AsyncDisposable {
  /**
   * Runs one inference. Reads `feeds` in place, and the caller keeps them. The caller owns the result's
   * buffers, and may transfer them. Copies only the named `outputs`. ONNX Runtime still computes the others.
   *
   * @throws {OUT_OF_MEMORY} when the batch is too big
   * @throws {WORKER_LOST} when the device is lost, and nothing can run in this process any more
   * @throws {MODEL_FAILED} for any other failure
   */
  run(
    feeds: Readonly<Record<string, TensorData>>,
    outputs: readonly string[],
  ): Promise<Record<string, TensorData>>;
}

/** Loaded model with its inputs and outputs. */
export interface Session extends LaneSession {
  readonly signature: ModelSignature;
}

/**
 * Loads a model, from its path or its bytes. External data is found only from a path.
 *
 * Blocks the calling thread while it works, as does each `run`. Use it only in lane threads and in processes
 * that inspect a model.
 *
 * Loads the device's provider or throws, without a silent fallback. ONNX Runtime may still compute single
 * operators on the CPU: shape arithmetic, and operators that the provider lacks. Forbidding that
 * (`wholeOnDevice`) would refuse most real models. A probe forbids it, to verify that the device itself
 * computes.
 *
 * @throws {DEVICE_UNAVAILABLE} when the provider does not load or finds no device. The hint has what to
 * install.
 * @throws {MODEL_INVALID} when the file is no model, or this version cannot run it
 * @throws {OUT_OF_MEMORY} when the weights do not fit
 */
export async function createSession(model: string | Uint8Array, options: SessionOptions): Promise<Session> {
  const { device } = options;
  const context = typeof model === "string" ? { device, modelPath: model } : { device };
  try {
    // Imported here, so that a machine without the native binary gets a typed error, too.
    const ort = await import("onnxruntime-node");
    fixFloat16(ort.Tensor);
    ort.env.logLevel = options.logErrors === true ? "error" : "fatal";
    const settings = sessionSettings(options);
    const open = (from: string | Uint8Array) =>
      typeof from === "string"
        ? ort.InferenceSession.create(from, settings)
        : ort.InferenceSession.create(from, settings);
    const first = await open(model);
    const taken = await withTensorOutputs(first, model, open);
    const native = taken?.native ?? first;
    try {
      return new OnnxSession(native, { tensor: ort.Tensor, device, classes: taken?.classes ?? new Map() });
    } catch (error) {
      await native.release();
      throw error;
    }
  } catch (error) {
    throw classifyOnnxError(error, { stage: "load", ...context });
  }
}

/**
 * Makes the runtime keep Uint16Array for float16 data. On Node 24 and later, the runtime's JavaScript half
 * uses Float16Array, which its native half (1.30) does not support. The runtime decides once, at the first
 * tensor. So that tensor is made here, while the type is hidden.
 */
function fixFloat16(tensor: typeof Tensor): void {
  const float16Array = Object.getOwnPropertyDescriptor(globalThis, "Float16Array");
  if (float16Array === undefined) return;
  Reflect.deleteProperty(globalThis, "Float16Array");
  try {
    new tensor("uint8", new Uint8Array(1), [1]);
  } finally {
    Object.defineProperty(globalThis, "Float16Array", float16Array);
  }
}

/**
 * Opens another session, with the tensors that lead to outputs of other types. The runtime's JavaScript half
 * cannot return sequences and maps. Null: all outputs are tensors, or none can be replaced, which the
 * signature reports. Such models are small, and are loaded twice.
 */
async function withTensorOutputs(
  first: InferenceSession,
  model: string | Uint8Array,
  open: (model: Uint8Array) => Promise<InferenceSession>,
): Promise<{ readonly native: InferenceSession; readonly classes: ClassNames } | null> {
  if (first.outputMetadata.every(({ isTensor }) => isTensor)) return null;
  try {
    const { takeTensors } = await import("./tensor-outputs/take-tensors.ts");
    const taken = takeTensors(typeof model === "string" ? await readFile(model) : model);
    if (taken === null) return null;
    const native = await open(taken.model);
    await first.release();
    return { native, classes: taken.classes };
  } catch {
    // External weights are found only from a path. The model runs unchanged, without those outputs.
    return null;
  }
}

class OnnxSession implements Session {
  readonly signature: ModelSignature;
  readonly #native: InferenceSession;
  readonly #Tensor: typeof Tensor;
  readonly #device: ConcreteDevice;

  constructor(
    native: InferenceSession,
    {
      tensor,
      device,
      classes,
    }: { readonly tensor: typeof Tensor; readonly device: ConcreteDevice; readonly classes: ClassNames },
  ) {
    this.#native = native;
    this.#Tensor = tensor;
    this.#device = device;
    this.signature = signatureOf(native.inputMetadata, native.outputMetadata, classes);
  }

  async run(
    feeds: Readonly<Record<string, TensorData>>,
    outputs: readonly string[],
  ): Promise<Record<string, TensorData>> {
    try {
      // No prototype: a model may name an input anything, such as `__proto__`.
      const tensors: Record<string, Tensor> = Object.create(null);
      for (const [name, feed] of Object.entries(feeds)) {
        tensors[name] = this.#tensorOf(feed);
      }
      const values = await this.#native.run(tensors, [...outputs]);
      return Object.fromEntries(outputs.map((name) => [name, tensorData(name, values[name])]));
    } catch (error) {
      throw classifyOnnxError(error, { stage: "run", device: this.#device });
    }
  }

  #tensorOf({ dtype, dims, data }: TensorData): Tensor {
    if (dtype === "string") return new this.#Tensor(dtype, unpackTexts(data, product(dims)), dims);
    // In place: ONNX Runtime requires exactly as many elements as the dims have.
    return new this.#Tensor(dtype, new DTYPE_ARRAYS[dtype](data, 0, product(dims)), dims);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#native.release();
  }
}

function sessionSettings(options: SessionOptions): InferenceSession.SessionOptions {
  const { device, deviceId = 0, optimize = true, wholeOnDevice = false, profilePrefix } = options;
  const { provider, takesDeviceId } = DEVICE_TRAITS[device];
  return {
    executionProviders: [takesDeviceId ? { name: provider, deviceId } : { name: provider }],
    // By default, each session would start a thread for every core.
    intraOpNumThreads: options.threads,
    interOpNumThreads: 1,
    executionMode: "sequential",
    graphOptimizationLevel: optimize ? "all" : "disabled",
    // The exception has the failure. A log line for each row of a bisection would only repeat it.
    logSeverityLevel: options.logErrors === true ? 3 : 4,
    // DirectML refuses memory patterns. On the CPU they keep a block for each batch size, and make no run
    // faster.
    enableMemPattern: device !== "dml" && device !== "cpu",
    ...(profilePrefix === undefined ? {} : { enableProfiling: true, profileFilePrefix: profilePrefix }),
    extra: {
      session: {
        // Threads that spin while they wait take the cores from decoding and from other lanes.
        intra_op: { allow_spinning: "0" },
        ...(wholeOnDevice ? { disable_cpu_ep_fallback: "1" } : {}),
      },
    },
  };
}

function tensorData(name: string, value: OnnxValue | undefined): TensorData {
  if (value === undefined) throw new Error(`the model returned no output ${name}`);
  const { type, dims, data } = value;
  if (type === "string" && Array.isArray(data)) return { dtype: type, dims, data: packTexts(data) };
  if (!isDtype(type) || !ArrayBuffer.isView(data)) {
    throw new ShardmillError(
      "MODEL_INVALID",
      `model output ${name} is of type ${type}, which no column can hold`,
      {
        fields: { tensor: name },
      },
    );
  }
  return { dtype: type, dims, data: ownBuffer(data) };
}

/** Returns the array's bytes in a buffer that holds nothing else, so that it can be transferred. */
function ownBuffer(array: ArrayBufferView): ArrayBuffer {
  const { buffer, byteOffset, byteLength } = array;
  const whole = buffer instanceof ArrayBuffer && byteOffset === 0 && byteLength === buffer.byteLength;
  return whole ? buffer : new Uint8Array(new Uint8Array(buffer, byteOffset, byteLength)).buffer;
}
