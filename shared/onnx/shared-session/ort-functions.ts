import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** Releases of ONNX Runtime with which the functions below were tested. */
const TESTED = /^1\.30\./;

/** API version of the indexes below. Later releases only append functions. */
const API_VERSION = 20;

/**
 * Functions that return a status: their index in `OrtApi`, and their parameters.
 *
 * Source: `struct OrtApi` in include/onnxruntime/core/session/onnxruntime_c_api.h of ONNX Runtime 1.30
 */
const CALLS = {
  createEnv: [3, "int, const char *, _Out_ void **"],
  createSession: [7, "void *, const char *, void *, _Out_ void **"],
  run: [9, "void *, void *, const char **, void **, size_t, const char **, size_t, _Inout_ void **"],
  createSessionOptions: [10, "_Out_ void **"],
  disableMemPattern: [17, "void *"],
  setSessionLogSeverityLevel: [22, "void *, int"],
  setSessionGraphOptimizationLevel: [23, "void *, int"],
  setIntraOpNumThreads: [24, "void *, int"],
  sessionGetInputCount: [30, "void *, _Out_ size_t *"],
  sessionGetOutputCount: [31, "void *, _Out_ size_t *"],
  sessionGetInputTypeInfo: [33, "void *, size_t, _Out_ void **"],
  sessionGetOutputTypeInfo: [34, "void *, size_t, _Out_ void **"],
  createTensorWithDataAsOrtValue: [49, "void *, void *, size_t, void *, size_t, int, _Out_ void **"],
  getTensorMutableData: [51, "void *, _Out_ void **"],
  castTypeInfoToTensorInfo: [55, "void *, _Out_ void **"],
  getTensorElementType: [60, "void *, _Out_ int *"],
  getDimensionsCount: [61, "void *, _Out_ size_t *"],
  getDimensions: [62, "void *, void *, size_t"],
  getTensorTypeAndShape: [65, "void *, _Out_ void **"],
  createCpuMemoryInfo: [69, "int, int, _Out_ void **"],
  addSessionConfigEntry: [130, "void *, const char *, const char *"],
} as const satisfies Record<string, readonly [index: number, parameters: string]>;

/** Functions that free an object, with their index. */
const RELEASES = {
  env: 92,
  status: 93,
  memoryInfo: 94,
  session: 95,
  value: 96,
  typeInfo: 98,
  tensorInfo: 99,
  sessionOptions: 100,
} as const;
const GET_ERROR_MESSAGE = 2;

/** Address of an object of the library. */
export type Address = bigint;

/** Functions of the C API that onnxruntime-node ships. All of them block. */
export interface OrtFunctions {
  /** Calls that throw the message of a failed status. */
  readonly calls: Readonly<Record<keyof typeof CALLS, (...args: readonly unknown[]) => void>>;
  readonly release: Readonly<Record<keyof typeof RELEASES, (address: Address) => void>>;
  /** Copies `bytes` bytes of the library's memory. */
  copy(from: Address, bytes: number): ArrayBuffer;
  /** Keeps the library loaded, as long as this object is used. */
  readonly library: object;
}

/**
 * Opens the C API in this thread.
 *
 * @throws when the platform or the release of ONNX Runtime is untested, or a library is missing
 */
export async function openOrt(): Promise<OrtFunctions> {
  if (process.platform !== "linux") throw new Error(`not tested on ${process.platform}`);
  const koffi = (await import("koffi")).default;
  const entry = createRequire(import.meta.url).resolve("onnxruntime-node/package.json");
  const folder = join(dirname(entry), "bin", "napi-v6", process.platform, process.arch);
  const library = koffi.load(join(folder, "libonnxruntime.so.1"));
  const base = library.func("void *OrtGetApiBase()")();
  const [getApi, getVersion] = koffi.decode(base, koffi.array("void *", 2));
  const version: string = koffi.call(getVersion, koffi.proto("const char *()"));
  if (!TESTED.test(version)) throw new Error(`not tested with ONNX Runtime ${version}`);
  const api = koffi.call(getApi, koffi.proto("void *(uint32_t)"), API_VERSION);
  const last = Math.max(...Object.values(CALLS).map(([index]) => index), ...Object.values(RELEASES));
  const table = koffi.decode(api, koffi.array("void *", last + 1));
  const release = mapValues(RELEASES, (index) => koffi.decode(table[index], koffi.proto("void (void *)")));
  const errorMessage = koffi.decode(table[GET_ERROR_MESSAGE], koffi.proto("const char *(void *)"));
  const calls = mapValues(CALLS, ([index, parameters]) => {
    const call = koffi.decode(table[index], koffi.proto(`void *(${parameters})`));
    return (...args: readonly unknown[]) => {
      const status = call(...args);
      if (status === null) return;
      const message: string = errorMessage(status);
      release.status(status);
      throw new Error(message);
    };
  });
  const copy = (from: Address, bytes: number) => koffi.view(from, bytes).slice(0);
  return { calls, release, copy, library };
}

/** Returns what a call stores in its last parameter: an address, or a number. */
export function madeBy<T>(call: (...args: readonly unknown[]) => void, ...args: readonly unknown[]): T {
  const out: [T | null] = [null];
  call(...args, out);
  return out[0] as T;
}

function mapValues<K extends string, V, R>(
  from: Readonly<Record<K, V>>,
  make: (value: V) => R,
): Record<K, R> {
  return Object.fromEntries(Object.entries<V>(from).map(([name, value]) => [name, make(value)])) as Record<
    K,
    R
  >;
}
