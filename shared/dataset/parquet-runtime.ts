import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { compileFunction } from "node:vm";
import { decoderMemoryBytes } from "./parquet-memory.ts";

type ParquetWasm = typeof import("parquet-wasm");

/** The package, with what is added to it here. */
type ParquetGlue = ParquetWasm & { readonly reserve: (bytes: number) => void };

/**
 * How many unused instances a thread keeps. A shard thread has two files open (one decoded, one prefetched);
 * making an instance costs about 15 ms, which matters only for thousands of small files.
 */
const IDLE_INSTANCES = 2;

/**
 * A WebAssembly memory never shrinks. An instance that has grown beyond this is given to the garbage
 * collector rather than kept idle, so that one huge row group does not hold its memory for the thread's
 * lifetime.
 */
const IDLE_MEMORY_BYTES = 512 << 20;

/** A trap of an instance that has grown to this part of its bound is an allocation that failed. */
const FULL_SHARE = 0.75;

/** What is reserved at most, and of what is left of its bound: if it is not needed, it is gone for others. */
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
 * One instance of the Parquet decoder, lent to one open file at a time.
 *
 * The decoder panics on most corrupt pages and on a read that rejects. A panic is a WebAssembly trap: it
 * comes out of a microtask (so it would be an uncaught exception), the promise that it belongs to never
 * settles, and the instance is unusable from then on. Hence: the package's own glue code is loaded once an
 * instance, with a `queueMicrotask` that catches traps; the first failure breaks the instance, rejects
 * whatever runs on it, and the instance is never lent again.
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
   * Grows the memory once, by about what will be needed: page by page, as the decoder does by itself, a
   * hundred MiB take a second. Pages that nobody writes to take no memory of the machine.
   */
  reserve(bytes: number): void {
    const { byteLength } = this.wasm.wasmMemory().buffer;
    const left = Math.max(0, decoderMemoryBytes - byteLength);
    const missing = Math.min(bytes, RESERVED.bytes) - byteLength;
    if (missing > 0) this.call(() => this.#reserve(Math.floor(Math.min(missing, left * RESERVED.share))));
  }

  /** Rejects everything that runs on this instance, and everything that will. The first error stays. */
  break(error: unknown): void {
    this.#failure ??= { error };
    for (const reject of this.#running) reject(this.#failure.error);
    this.#running.clear();
  }

  get broken(): boolean {
    return this.#failure !== undefined;
  }

  /** True when the instance's memory is used up: then a trap says nothing about the file. */
  get full(): boolean {
    return this.wasm.wasmMemory().buffer.byteLength >= decoderMemoryBytes * FULL_SHARE;
  }

  /** An asynchronous call into the decoder, which settles even if the instance breaks under it. */
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

  /** A synchronous call into the decoder. */
  call<T>(call: () => T): T {
    if (this.#failure !== undefined) throw this.#failure.error;
    try {
      return call();
    } catch (error) {
      if (isTrap(error)) this.break(error);
      throw error;
    }
  }

  /** Gives the instance back to its thread. Everything made with it must have been freed. */
  [Symbol.dispose](): void {
    if (this.broken || this.#running.size > 0 || idle.length >= IDLE_INSTANCES) return;
    if (this.wasm.wasmMemory().buffer.byteLength > IDLE_MEMORY_BYTES) return;
    idle.push(this);
  }
}

/** An instance that nobody else uses; dispose it to give it back. */
export function borrowParquetRuntime(): ParquetRuntime {
  return idle.pop() ?? new ParquetRuntime();
}

/** A WebAssembly trap: the instance that raised it must not be used again. */
export function isTrap(error: unknown): boolean {
  // `WebAssembly.RuntimeError`, which TypeScript knows only with the browser's types.
  return error instanceof Error && error.name === "RuntimeError";
}

/**
 * A new instance of the package's Node build. Importing the package gives one instance a thread for good; its
 * glue is a CommonJS file that names the global `queueMicrotask`, so running it as a function puts ours in
 * that place. Its allocator is its own: a line more gives it to us.
 */
function instantiate(queue: (task: () => void) => void): ParquetGlue {
  const require = createRequire(import.meta.url);
  if (compiled === undefined) {
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

/** What the allocator is given back it keeps for what it is asked for next. */
const RESERVE = `exports.reserve = (bytes) => wasm.__wbindgen_free(wasm.__wbindgen_malloc(bytes, 8), bytes, 8);`;
