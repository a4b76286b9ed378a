import { ZSTDDecoder } from "zstddec/stream";
import { assert } from "../core/assert.ts";

/** Functions of libzstd in WebAssembly. Pointers and sizes are numbers of 32 bits. */
interface Zstd {
  readonly memory: { readonly buffer: ArrayBuffer };
  malloc(bytes: number): number;
  free(pointer: number): void;
  ZSTD_createDCtx(): number;
  ZSTD_freeDCtx(context: number): number;
  ZSTD_decompressStream(context: number, output: number, input: number): number;
}

/** Sizes of the buffers, as libzstd recommends: a block, and its header. */
const INPUT_BYTES = (128 << 10) + 3;
const OUTPUT_BYTES = 128 << 10;

/** Results of libzstd above this are codes of errors, negated. */
const LEAST_ERROR = 2 ** 32 - 120;

const ERRORS: Readonly<Record<number, string>> = {
  10: "bytes that are no zstd frame",
  16: "a window above 128 MiB, the limit: compress it without --long or --ultra",
  20: "damaged data",
  22: "data with another checksum",
};

/**
 * The library's class, which keeps what was loaded. The library loads once in a thread, and a second load
 * would never call back. So this must live as long as the library does, and not as long as this module.
 */
const library = ZSTDDecoder as { zstd?: Promise<Zstd> };

/** Loads libzstd. The package's own streaming repeats a failed call forever, so only its module is used. */
function loadZstd(): Promise<Zstd> {
  const decoder = new ZSTDDecoder();
  const own = decoder._init;
  return new Promise((resolve, reject) => {
    decoder._init = (result) => {
      own(result);
      resolve(result.instance.exports as unknown as Zstd);
    };
    decoder.init().catch(reject);
  });
}

/**
 * Unpacks zstd frames, and checks their checksums.
 *
 * @throws {Error} when the data is damaged or incomplete
 */
export async function* unpackZstd(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  library.zstd ??= loadZstd();
  const zstd = await library.zstd;
  const context = zstd.ZSTD_createDCtx();
  // Two structs of libzstd (pointer, size, position), and the buffers that they point to.
  const output = zstd.malloc(24 + OUTPUT_BYTES + INPUT_BYTES);
  assert(context !== 0 && output !== 0, "there is memory for the buffers of zstd");
  const input = output + 12;
  const from = output + 24;
  const into = from + INPUT_BYTES;
  // Memory that grew has another buffer.
  const view = () => new DataView(zstd.memory.buffer);
  const bytes = () => Buffer.from(zstd.memory.buffer);
  let missing = 0;
  try {
    for await (const piece of pieces)
      for (let at = 0; at < piece.length; at += INPUT_BYTES) {
        const part = piece.subarray(at, at + INPUT_BYTES);
        bytes().set(part, from);
        setStruct(view(), input, from, part.length);
        let made: number;
        do {
          setStruct(view(), output, into, OUTPUT_BYTES);
          missing = zstd.ZSTD_decompressStream(context, output, input) >>> 0;
          if (missing > LEAST_ERROR) throw new Error(errorText(2 ** 32 - missing));
          made = view().getUint32(output + 8, true);
          if (made > 0) yield Buffer.from(bytes().subarray(into, into + made));
        } while (view().getUint32(input + 8, true) < part.length || (made === OUTPUT_BYTES && missing > 0));
      }
    if (missing > 0) throw new Error("an end within a frame");
  } finally {
    zstd.free(output);
    zstd.ZSTD_freeDCtx(context);
  }
}

function setStruct(view: DataView, at: number, pointer: number, bytes: number): void {
  view.setUint32(at, pointer, true);
  view.setUint32(at + 4, bytes, true);
  view.setUint32(at + 8, 0, true);
}

function errorText(code: number): string {
  return ERRORS[code] ?? `error ${code} of libzstd`;
}
