import { expect, test } from "vitest";
import { checkPartial } from "../../../../coordinator/commit/check-partial.ts";
import { NEVER } from "../../../../shared/core/abort.ts";
import { sha256 } from "../../../../shared/core/digest.ts";
import type { ErrorCode } from "../../../../shared/core/error-codes.ts";
import { ShardmillError } from "../../../../shared/core/errors.ts";
import { asExecutionId } from "../../../../shared/domain/execution-id.ts";
import { below, parseLocation } from "../../../../shared/domain/location.ts";
import { type PartialManifest, partialFolder } from "../../../../shared/domain/partial.ts";
import { partialDigest } from "../../../../shared/domain/partial-digest.ts";
import { shardId } from "../../../../shared/domain/shard.ts";
import { MemoryStorage, type StorageCall } from "../../../../shared/storage/memory.ts";
import { sourceOfBytes } from "../../../../shared/storage/put-source.ts";
import { rowCounts } from "../../../support/builders.ts";

const PARTIALS = parseLocation("s3://bucket/out/_shardmill/run-0/partials");
const TEXT = "one row";
const PLACE = {
  partials: PARTIALS,
  shape: { reduce: {}, rowsFormat: "parquet", hasSteps: false, hasMadeInputs: false },
} as const;

function aPartial(): PartialManifest {
  const facts = { rows: 1, bytes: TEXT.length, sha256: sha256(TEXT) };
  const files = [{ kind: "rows", name: "rows.parquet", ...facts }] as const;
  return {
    ...{ shard: shardId(0), token: { generation: 1, sequence: 1 }, executionId: asExecutionId("e0") },
    ...rowCounts(1),
    ...{ firstDeadLetter: null, files, digest: partialDigest(files) },
  };
}

async function check(before: (call: StorageCall["call"]) => void, text: string | null = TEXT): Promise<void> {
  const storage = new MemoryStorage({ before: async ({ call }) => before(call) });
  const partial = aPartial();
  const location = below(PARTIALS, partialFolder(partial), "rows.parquet");
  if (text !== null) await storage.put(location, sourceOfBytes(text), { signal: NEVER });
  const countRows = async () => {
    await storage.read(location, 0, 1, { signal: NEVER });
    return 1;
  };
  await checkPartial(partial, PLACE, { storage, countRows });
}

/** Fails one call of a check: a stat, a read of all bytes, or a read that counts rows. */
function failing(code: ErrorCode, call: StorageCall["call"], at: number): (call: string) => void {
  let left = at;
  return (made) => {
    if (made === call && --left === 0) throw new ShardmillError(code, "a planted error");
  };
}

test.each([
  ["STORE_FAILED", "STORE_FAILED", "stat", 1],
  ["STORE_REFUSED", "STORE_REFUSED", "stat", 1],
  ["STORE_FAILED", "STORE_FAILED", "read", 1],
  ["STORE_REFUSED", "STORE_REFUSED", "read", 2],
  ["STORE_NOT_FOUND", "PARTIAL_INVALID", "stat", 1],
  ["STORE_CHANGED", "PARTIAL_INVALID", "read", 1],
  ["STORE_CHANGED", "PARTIAL_INVALID", "read", 2],
] as const)("in a bucket, the error %s is reported as %s at %s call %i", async (code, expected, call, at) => {
  await expect(check(failing(code, call, at))).rejects.toMatchObject({ code: expected });
});

test.each([
  ["nothing", null],
  ["fewer bytes", "one"],
  ["other bytes", "two row"],
])("in a bucket, a partial with %s in place of its file is refused", async (_what, text) => {
  await expect(check(() => {}, text)).rejects.toMatchObject({ code: "PARTIAL_INVALID" });
});

test("in a bucket, a complete partial passes the check", async () => {
  await check(() => {});
});
