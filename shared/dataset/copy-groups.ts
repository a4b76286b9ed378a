import { open } from "node:fs/promises";
import { readAhead } from "../core/read-ahead.ts";
import { asStorageErrors } from "../storage/errors.ts";
import { planRanges } from "../storage/plan-ranges.ts";
import type { ByteSource } from "../storage/storage.ts";
import type { ParquetTail } from "./parquet-footer.ts";
import type { GroupsCut } from "./parquet-groups.ts";

/** Requests of a file that are read while another is written. */
const READ_AHEAD = 1;

const MAGIC = Buffer.from("PAR1");

interface Copied {
  readonly source: ByteSource;
  readonly tail: ParquetTail;
  readonly cut: GroupsCut;
}

/**
 * Copies some row groups of a Parquet file to a new file, without decoding them. The copy has the size of the
 * file, and holes in place of the rest. Its footer describes only what it has. With the file's footer, DuckDB
 * would read the holes for some ORDER BY with a LIMIT.
 */
export async function copyGroups(
  path: string,
  { source, tail, cut }: Copied,
  signal: AbortSignal,
): Promise<void> {
  const missing = cut.ranges.map(({ start, end }) => ({ start, end: Math.min(end, tail.start) }));
  const pieces = readAhead(planRanges(missing), READ_AHEAD, async ({ start, end }) => ({
    start,
    bytes: await source.read(start, end, signal),
  }));
  const data = tail.bytes.subarray(0, tail.footer.byteOffset - tail.bytes.byteOffset);
  const end = Buffer.concat([cut.footer, Buffer.alloc(4), MAGIC]);
  end.writeUInt32LE(cut.footer.length, cut.footer.length);

  const file = await asStorageErrors("make", path, () => open(path, "wx"));
  const write = async (bytes: Uint8Array, at: number) => {
    for (let done = 0; done < bytes.length; )
      done += (await file.write(bytes, done, bytes.length - done, at + done)).bytesWritten;
  };
  try {
    await asStorageErrors("write", path, async () => {
      await write(MAGIC, 0);
      for await (const { start, bytes } of pieces) await write(bytes, start);
      await write(data, tail.start);
      // The footer is no longer than the file's.
      await write(end, source.bytes - end.length);
    });
  } finally {
    await file.close();
  }
}
