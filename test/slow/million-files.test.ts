import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { listFooters } from "../../coordinator/plan/footers/list-footers.ts";
import { discoverFiles } from "../../coordinator/plan/input/discover.ts";
import { findPartitions } from "../../coordinator/plan/input/partitions.ts";
import { planShards } from "../../coordinator/plan/plan-shards.ts";
import { NEVER } from "../../shared/core/abort.ts";
import type { Location } from "../../shared/domain/location.ts";
import { MemoryStorage } from "../../shared/storage/memory.ts";
import type { Entry } from "../../shared/storage/storage.ts";

const FILES = 1_000_000;
const PAGE = 1_000;
const BYTES = 40_000;

function entryOf(at: number): Entry {
  const stat = {
    bytes: BYTES,
    version: `"${at.toString(16).padStart(32, "0")}"`,
    modified: 1_700_000_000_000 + at,
  };
  return { name: `photo-${String(at).padStart(9, "0")}.jpg`, kind: "file", stat, unnameable: null };
}

/** Storage with a million objects in one folder, which it lists in pages, as a bucket does. */
class LargeStorage extends MemoryStorage {
  override async kindAt(location: Location): Promise<"folder" | null> {
    return location === "s3://bucket/photos" ? "folder" : null;
  }

  override async real(location: Location): Promise<Location> {
    return location;
  }

  override async *list(): AsyncGenerator<readonly Entry[]> {
    for (let at = 0; at < FILES; at += PAGE)
      yield Array.from({ length: PAGE }, (_, index) => entryOf(at + index));
  }
}

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

function heapBytes(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

test("a million files are listed with progress, in 640 bytes of memory each", async () => {
  const before = heapBytes();
  let listed = 0;
  const onFound = (files: number) => {
    listed += files;
  };
  const input = { path: ["s3://bucket/photos/*.jpg"], format: "auto" };
  const openers = { s3: async () => new LargeStorage() };
  const found = await discoverFiles(input, "/out", { openers, onFound, signal: NEVER });
  expect(listed).toBe(FILES);
  const lists = await listFooters(findPartitions(found.files, undefined), { types: {}, named: null });
  const footers = lists?.footers ?? [];
  expect(footers.reduce((rows, { file }) => rows + file.rows, 0)).toBe(FILES);
  expect((heapBytes() - before) / FILES).toBeLessThan(640);
  // A lease has a bounded list of names, and a shard a bounded number of bytes.
  const longest = footers.reduce((most, { file }) => Math.max(most, JSON.stringify(file.text).length), 0);
  expect(longest).toBeLessThan(256 << 10);
  const shards = planShards(footers, { shardRows: "auto" });
  expect(shards.length).toBeLessThan(2_000);
  for (const { rowStart, rowEnd } of shards) expect((rowEnd - rowStart) * BYTES).toBeLessThan(256 << 20);
}, 300_000);
