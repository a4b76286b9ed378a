import { createHash, randomUUID } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Int64, makeData } from "apache-arrow";
import { encodeParquet } from "../shared/dataset/encode.ts";
import type { Lease } from "../shared/domain/job.ts";
import { type PartialFile, type PartialManifest, partialFolder } from "../shared/domain/partial.ts";
import { partialDigest } from "../shared/domain/partial-digest.ts";
import { shardRows } from "../shared/domain/shard.ts";
import { tableOf } from "../test/support/sample-table.ts";

/** Writes a real partial of a counting job, in one go: what it costs is not what a bench measures. */
export function writeCountingPartial(
  partialsPath: string,
  { shard, token }: Lease,
  executionId: string = randomUUID(),
): PartialManifest {
  const rows = shardRows(shard);
  const { bytes, file, digest } = countFile(rows);
  const name = { shard: shard.id, token, executionId };
  const folder = join(partialsPath, partialFolder(name));
  mkdirSync(folder);
  writeFileSync(join(folder, file.name), bytes);
  return { ...name, rowsIn: rows, rowsOut: rows, rowsDead: 0, firstDead: null, files: [file], digest };
}

interface CountFile {
  readonly bytes: Uint8Array;
  readonly file: PartialFile;
  readonly digest: string;
}

const counted = new Map<number, CountFile>();

/** The combined table of a shard of so many rows: all such shards have the same. */
function countFile(rows: number): CountFile {
  const known = counted.get(rows);
  if (known !== undefined) return known;
  const bytes = encodeParquet(
    tableOf({ n: makeData({ type: new Int64(), data: BigInt64Array.of(BigInt(rows)) }) }),
  );
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const name = "combined-rows.parquet";
  const file: PartialFile = { kind: "combined", name, rows: 1, bytes: bytes.length, sha256 };
  const made = { bytes, file, digest: partialDigest([file]) };
  counted.set(rows, made);
  return made;
}
