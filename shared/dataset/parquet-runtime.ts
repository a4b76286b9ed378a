import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { setFlagsFromString } from "node:v8";
import { compileFunction } from "node:vm";
import { decoderMemoryBytes, limitDecoderMemory } from "./parquet-memory.ts";

type ParquetWasm = typeof import("parquet-wasm");

/** Package with the function that is added to it here. */
type ParquetGlue = ParquetWasm & { readonly reserve: (bytes: number) => void };

/**
 * Unused instances that a thread keeps. A shard thread has two files open (one decoded, one prefetched).
 * Making an instance takes about 15 ms, which matters only for thousands of small files.
 */
const IDLE_INSTANCES = 2;

/**
 * Memory limit of an idle instance. WebAssembly memory never shrinks, so larger instances go to the garbage
 * collector. One huge row group then does not hold its memory for the thread's lifetime.
 */
const IDLE_MEMORY_BYTES = 512 << 20;

/** Share of the memory limit above which a trap counts as a failed allocation. */
const FULL_SHARE = 0.75;

/** Limits of a reservation: bytes, and share of the remaining memory. Unused reservations are wasted. */
const RESERVED = { bytes: 256 << 20, share: 1 / 8 };

const idle: ParquetRuntime[] = [];
let compiled: { readonly run: Glue; readonly folder: string } | undefined;

type Glue = (
  exports: object,
  require: NodeJS.Require,
  __dirname: string,
  queueMicrotask: (task: () => void) => void,
) => void;

/**
 * Instance of the Parquet decoder, lent to one open file at a time.
 *
 * The decoder panics on most corrupt pages and on a read that rejects. A panic is a WebAssembly trap in a
 * microtask, which would be an uncaught exception. The promise that it belongs to never resolves, and the
 * instance is unusable from then on. So each instance loads the package's glue code with a `queueMicrotask`
 * that catches traps. The first failure breaks the instance and rejects whatever runs on it. A broken
 * instance is never lent again.
 */
export class ParquetRuntime implements Disposable {
  readonly wasm: ParquetWasm;
  readonly #reserve: ParquetGlue["reserve"];
  readonly #running = new Set<(error: unknown) => void>();
  #failure: { readonly error: unknown } | undefined;

  constructor() {
    const glue = instantiate((task) => {
      queueMicrotask(() => {
        try {
          task();
        } catch (error) {
          this.break(error);
        }
      });
    });
    this.wasm = glue;
    this.#reserve = glue.reserve;
  }

  /**
   * Grows the memory once, by about the needed size. The decoder itself grows page by page, which takes a
   * second for a hundred MiB. Pages that are never written take no memory of the machine.
   */
  reserve(bytes: number): void {
    const { byteLength } = this.wasm.wasmMemory().buffer;
    const left = Math.max(0, decoderMemoryBytes - byteLength);
    const missing = Math.min(bytes, RESERVED.bytes) - byteLength;
    if (missing > 0) this.call(() => this.#reserve(Math.floor(Math.min(missing, left * RESERVED.share))));
  }

  /** Rejects all current and later calls on this instance. Keeps the first error. */
  break(error: unknown): void {
    this.#failure ??= { error };
    for (const reject of this.#running) reject(this.#failure.error);
    this.#running.clear();
  }

  get broken(): boolean {
    return this.#failure !== undefined;
  }

  /** True when the instance's memory is nearly used up: a trap then does not prove a fault of the file. */
  get full(): boolean {
    return this.wasm.wasmMemory().buffer.byteLength >= decoderMemoryBytes * FULL_SHARE;
  }

  /** Calls the decoder asynchronously. The promise resolves or rejects even if the instance breaks. */
  run<T>(call: () => Promise<T>): Promise<T> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error);
    return new Promise<T>((resolve, reject) => {
      this.#running.add(reject);
      const started = async () => this.call(call);
      started()
        .then(resolve, reject)
        .finally(() => this.#running.delete(reject));
    });
  }

  /** Calls the decoder synchronously. */
  call<T>(call: () => T): T {
    if (this.#failure !== undefined) throw this.#failure.error;
    try {
      return call();
    } catch (error) {
      if (isTrap(error)) this.break(error);
      throw error;
    }
  }

  /** Returns the instance to its thread. Free everything made with it first. */
  [Symbol.dispose](): void {
    if (this.broken || this.#running.size > 0 || idle.length >= IDLE_INSTANCES) return;
    if (this.wasm.wasmMemory().buffer.byteLength > IDLE_MEMORY_BYTES) return;
    idle.push(this);
  }
}

/** Borrows an instance that no other file uses. Dispose it to return it. */
export function borrowParquetRuntime(): ParquetRuntime {
  return idle.pop() ?? new ParquetRuntime();
}

/** Checks for a WebAssembly trap. The instance that raised it must not be used again. */
export function isTrap(error: unknown): boolean {
  // `WebAssembly.RuntimeError`, which TypeScript declares only in the browser's types.
  return error instanceof Error && error.name === "RuntimeError";
}

/**
 * Makes an instance of the package's Node build. An import would give one instance per thread for good. The
 * glue is a CommonJS file that uses the global `queueMicrotask`, so running it as a function substitutes
 * ours. One added line exposes its private allocator.
 */
function instantiate(queue: (task: () => void) => void): ParquetGlue {
  const require = createRequire(import.meta.url);
  if (compiled === undefined) {
    limitDecoderMemory();
    // V8 then checks a function when it compiles it, instead of all 5 MB first: 11 ms of CPU time, not 29.
    setFlagsFromString("--wasm-lazy-validation");
    const filename = require.resolve("parquet-wasm");
    const parameters = ["exports", "require", "__dirname", "queueMicrotask"];
    const source = `${readFileSync(filename, "utf8")}\n${RESERVE}`;
    const run = compileFunction(source, parameters, { filename }) as Glue;
    compiled = { run, folder: dirname(filename) };
  }
  const exports = {};
  compiled.run(exports, require, compiled.folder, queue);
  return exports as ParquetGlue;
}

/** Reserves memory: the allocator keeps freed bytes for later requests. */
const RESERVE = `exports.reserve = (bytes) => wasm.__wbindgen_free(wasm.__wbindgen_malloc(bytes, 8), bytes, 8);`;
