/** Size limit of WebAssembly's 32-bit memory. */
const MOST_BYTES = 2 ** 32;
const PAGE_BYTES = 2 ** 16;

const FLAG = "--wasm-max-mem-pages=";

/**
 * Returns the argument of `node` that bounds the memory of every decoder in a process. A small file can make
 * a decoder ask for gigabytes, because a page declares its decoded size. The outcome must be an error about
 * the file, not the end of the process.
 */
export function decoderMemoryArgument(limitBytes: number): string {
  return `${FLAG}${Math.floor(Math.min(limitBytes, MOST_BYTES) / PAGE_BYTES)}`;
}

/** Memory limit of a decoder in this process. */
export const decoderMemoryBytes: number = pagesFrom(process.execArgv) * PAGE_BYTES;

function pagesFrom(args: readonly string[]): number {
  const flag = args.find((argument) => argument.startsWith(FLAG));
  const pages = flag === undefined ? Number.NaN : Number(flag.slice(FLAG.length));
  return Number.isSafeInteger(pages) && pages > 0 ? pages : MOST_BYTES / PAGE_BYTES;
}
