import { setFlagsFromString } from "node:v8";

/** Size limit of WebAssembly's 32-bit memory. */
const MOST_BYTES = 2 ** 32;
const PAGE_BYTES = 2 ** 16;

/** Variable of the environment, which threads inherit. */
const PAGES = "SHARDMILL_DECODER_PAGES";

/**
 * Returns the environment that bounds the memory of every decoder in a process. A small file can make a
 * decoder ask for gigabytes, because a page declares its decoded size. The outcome must be an error about the
 * file, not the end of the process.
 */
export function decoderMemoryEnvironment(limitBytes: number): Readonly<Record<string, string>> {
  return { [PAGES]: String(Math.floor(Math.min(limitBytes, MOST_BYTES) / PAGE_BYTES)) };
}

const pages = pagesFrom(process.env[PAGES]);

/** Memory limit of a decoder in this process. */
export const decoderMemoryBytes: number = pages * PAGE_BYTES;

/**
 * Sets the limit of this process. Call it before a decoder is made, but after modules are loaded and threads
 * started. V8 compiles Node's own modules again after any change of its flags. That takes 35 ms of CPU time
 * for a process, and 20 for a thread.
 */
export function limitDecoderMemory(): void {
  setFlagsFromString(`--wasm-max-mem-pages=${pages}`);
}

function pagesFrom(text: string | undefined): number {
  const found = Number(text);
  return Number.isSafeInteger(found) && found > 0 ? found : MOST_BYTES / PAGE_BYTES;
}
