/** WebAssembly's 32-bit memory ends here. */
const MOST_BYTES = 2 ** 32;
const PAGE_BYTES = 2 ** 16;

const FLAG = "--wasm-max-mem-pages=";

/**
 * The argument of `node` that bounds the memory of every decoder in a process: a small file can make a
 * decoder ask for gigabytes (a page that says, truly or not, how large it becomes), which must end as an
 * error about that file and not as the process's death.
 */
export function decoderMemoryArgument(limitBytes: number): string {
  return `${FLAG}${Math.floor(Math.min(limitBytes, MOST_BYTES) / PAGE_BYTES)}`;
}

/** What a decoder's memory is bounded to in this process. */
export const decoderMemoryBytes: number = pagesFrom(process.execArgv) * PAGE_BYTES;

function pagesFrom(args: readonly string[]): number {
  const flag = args.find((argument) => argument.startsWith(FLAG));
  const pages = flag === undefined ? Number.NaN : Number(flag.slice(FLAG.length));
  return Number.isSafeInteger(pages) && pages > 0 ? pages : MOST_BYTES / PAGE_BYTES;
}
