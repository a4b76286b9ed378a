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
  /** Threads inside one operator. One where several lanes share the cores. */
  readonly threads: number;
  /** Which device of its kind; GPUs hidden by CUDA_VISIBLE_DEVICES are not counted. Zero when left out. */
  readonly deviceId?: number;
  /** `false`: load faster, to look at the model only. */
  readonly optimize?: boolean;
  /** `true`: fail to load rather than compute any part on the CPU (see `createSession`). */
  readonly wholeOnDevice?: boolean;
  /** `true`: ONNX Runtime's own error log goes to stderr. The first session of a process decides. */
  readonly logErrors?: boolean;
}

/** A loaded model. Not for two calls at once. */
export interface Session extends AsyncDisposable {
  readonly signature: ModelSignature;
  /**
   * One inference. `feeds` are read in place and stay the caller's; the buffers of the answer are the
   * caller's to transfer. Only the named `outputs` are copied out; ONNX Runtime computes the others all the
   * same.
   *
   * @throws {OUT_OF_MEMORY} the batch is too big
   * @throws {WORKER_DIED} the device is lost: nothing runs in this process any more
   * @throws {MODEL_FAILED} anything else
   */
  run(
    feeds: Readonly<Record<string, TensorData>>,
    outputs: readonly string[],
  ): Promise<Record<string, TensorData>>;
}

/**
 * Loads a model, from its path or its bytes (external data is found only from a path).
 *
 * Blocks the calling thread, and so does each `run`, for as long as the work takes: only for lane threads and
 * for processes made to look at a model.
 *
 * The device's provider loads or this throws; there is no silent fall-back. Within a model ONNX Runtime may
 * still give single operators to the CPU: shape arithmetic always, operators that the provider lacks. That is
 * left to it, because forbidding it (`wholeOnDevice`) refuses most real models; a probe forbids it, so as to
 * see the device itself compute.
 *
 * @throws {DEVICE_UNAVAILABLE} the provider does not load or finds no device; the hint says what to install
 * @throws {MODEL_INVALID} the file is no model, or not one that this version can run
 * @throws {OUT_OF_MEMORY} the weights do not fit
 */
export async function createSession(model: string | Uint8Array, options: SessionOptions): Promise<Session> {
  const { device } = options;
  const context = typeof model === "string" ? { device, modelPath: model } : { device };
  try {
    // Imported here, so that a machine without the native binary gets a typed error too.
    const ort = await import("onnxruntime-node");
    settleFloat16(ort.Tensor);
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
 * Where the engine has a Float16Array (Node 24 and later), the runtime's JavaScript half makes one of float16
 * data, and its native half (1.30) does not know that type. It looks once, when the first tensor is made:
 * made here, with the type out of sight, it stays with Uint16Array for ever.
 */
function settleFloat16(tensor: typeof Tensor): void {
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
 * Another session, of the tensors before those outputs that are none: the runtime's JavaScript half cannot
 * hand over sequences and maps. Null where all are tensors, or there is nothing to take: the signature then
 * says so. Models of this kind are small, and loaded twice.
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
    // Weights in files of their own are found from a path only. The model runs as it is, without the outputs.
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
      // Without a prototype: a model may call an input anything, `__proto__` too.
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
    // In place: ONNX Runtime wants an array of exactly as many elements as the dims say.
    return new this.#Tensor(dtype, new DTYPE_ARRAYS[dtype](data, 0, product(dims)), dims);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#native.release();
  }
}

function sessionSettings(options: SessionOptions): InferenceSession.SessionOptions {
  const { device, deviceId = 0, optimize = true, wholeOnDevice = false } = options;
  const { provider, takesDeviceId } = DEVICE_TRAITS[device];
  return {
    executionProviders: [takesDeviceId ? { name: provider, deviceId } : { name: provider }],
    // Left out, each session would start a thread for every core of the machine.
    intraOpNumThreads: options.threads,
    interOpNumThreads: 1,
    executionMode: "sequential",
    graphOptimizationLevel: optimize ? "all" : "disabled",
    // What fails is in the exception; printing it too would write a line for each row that a bisection meets.
    logSeverityLevel: options.logErrors === true ? 3 : 4,
    // DirectML refuses sessions with memory patterns. On the CPU they keep a block for each size of batch
    // that came, and no run is faster for it.
    enableMemPattern: device !== "dml" && device !== "cpu",
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
  if (value === undefined) throw new Error(`the model gave no output ${name}`);
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

/**
 * The array's bytes in a buffer of their own, which can be transferred without taking anything else along.
 */
function ownBuffer(array: ArrayBufferView): ArrayBuffer {
  const { buffer, byteOffset, byteLength } = array;
  const whole = buffer instanceof ArrayBuffer && byteOffset === 0 && byteLength === buffer.byteLength;
  return whole ? buffer : new Uint8Array(new Uint8Array(buffer, byteOffset, byteLength)).buffer;
}
