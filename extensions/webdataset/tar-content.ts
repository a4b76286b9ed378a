import { inputUnsupported } from "../../shared/dataset/input-errors.ts";
import { readPieces, unpackFile, unpackGzip } from "../../shared/dataset/read-packed.ts";
import { unpackZstd } from "../../shared/dataset/unpack-zstd.ts";
import type { ByteSource } from "../../shared/storage/storage.ts";
import type { Packing } from "./op.ts";

/** First bytes of compressed files. */
const MAGICS: readonly (readonly [magic: string, packing: Packing | "bzip2" | "xz"])[] = [
  ["1f8b", "gzip"],
  ["28b52ffd", "zstd"],
  ["425a68", "bzip2"],
  ["fd377a585a00", "xz"],
];

/**
 * Finds how a tar is compressed, regardless of its name.
 *
 * @throws {INPUT_UNSUPPORTED} for bzip2 and xz, which the webdataset library reads
 */
export async function packingOf(source: ByteSource, signal: AbortSignal): Promise<Packing> {
  const head = Buffer.from(await source.read(0, Math.min(6, source.bytes), signal)).toString("hex");
  const packing = MAGICS.find(([magic]) => head.startsWith(magic))?.[1] ?? "none";
  if (packing === "bzip2" || packing === "xz")
    throw inputUnsupported(source.path, `compression by ${packing}`, "compress the tar by gzip or zstd");
  return packing;
}

/** Reads the content of a tar, unpacked, in pieces. */
export async function* contentOf(
  source: ByteSource,
  packing: Packing,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void> {
  if (packing === "none") return yield* readPieces(source, 0, signal);
  if (packing === "gzip") return yield* unpackGzip(source, signal);
  yield* unpackFile(source, { packing, unpack: unpackZstd, signal });
}
