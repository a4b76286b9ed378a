import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { sha256 } from "../../shared/core/digest.ts";
import { below, type Location, parseLocation } from "../../shared/domain/location.ts";
import { asBucket } from "../../shared/storage/as-bucket.ts";
import { createLocalStorage } from "../../shared/storage/local.ts";
import { MemoryStorage } from "../../shared/storage/memory.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { readTextIfThere } from "../../shared/storage/whole-file.ts";
import { openSink, type PartialSink } from "../../worker/write/partial-sink.ts";
import { aDigest } from "../support/ids.ts";

const { signal } = new AbortController();
const FOLDER = "3-1.7-e1";

/** A place for partials to test: opens sinks, and reads their files. */
interface SinkUnderTest {
  open(): Promise<PartialSink>;
  textOf(name: string): Promise<string | null>;
}

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "shardmill-sink-"));
  await mkdir(join(root, "partials"));
});
const storages: Storage[] = [];
afterEach(async () => {
  for (const each of storages.splice(0)) await each[Symbol.asyncDispose]();
  await rm(root, { recursive: true, force: true });
});

function sinkInto(storage: Storage, partials: Location): SinkUnderTest {
  storages.push(storage);
  let opened = 0;
  return {
    async open() {
      opened += 1;
      const scratchPath = join(root, `scratch${opened}`);
      await mkdir(scratchPath);
      return await openSink({ storage, partials, folder: FOLDER, scratchPath });
    },
    textOf: (name) => readTextIfThere(storage, below(partials, FOLDER, name), signal),
  };
}

const onDisk = () => sinkInto(createLocalStorage(), parseLocation(join(root, "partials")));
const onDiskAsBucket = () => sinkInto(asBucket(createLocalStorage()), parseLocation(join(root, "partials")));
const inBucket = () => sinkInto(new MemoryStorage(), parseLocation("s3://bucket/out/_shardmill/partials"));

/** Describes a file of a sink for its seal. */
async function made({ path }: PartialSink, name: string) {
  return { name, sha256: sha256(await readFile(join(path, name))) };
}

describe.each([
  ["on a shared disk", onDisk],
  ["on a disk that only takes whole files", onDiskAsBucket],
  ["in a bucket", inBucket],
])("a partial %s", (_name, make) => {
  let place: SinkUnderTest;
  beforeEach(() => {
    place = make();
  });

  test("is complete in its final place once it is sealed", async () => {
    const sink = await place.open();
    expect(await readdir(sink.path)).toEqual([]);
    await writeFile(join(sink.path, "rows.parquet"), "the rows");
    await writeFile(join(sink.path, "errors.parquet"), "");
    await sink.seal([await made(sink, "rows.parquet"), await made(sink, "errors.parquet")], signal);
    expect(await place.textOf("rows.parquet")).toBe("the rows");
    expect(await place.textOf("errors.parquet")).toBe("");
    expect(await place.textOf("scan.parquet")).toBeNull();
  });

  test("leaves no file when it is discarded before it is sealed", async () => {
    const sink = await place.open();
    await writeFile(join(sink.path, "rows.parquet"), "the rows");
    await sink.discard();
    await sink.discard();
    expect(await place.textOf("rows.parquet")).toBeNull();
  });

  test("is not sealed once its signal has aborted", async () => {
    const sink = await place.open();
    await writeFile(join(sink.path, "rows.parquet"), "the rows");
    const reason = new Error("enough");
    const files = [await made(sink, "rows.parquet")];
    await expect(sink.seal(files, AbortSignal.abort(reason))).rejects.toBe(reason);
  });

  test("never replaces another partial of the same name", async () => {
    const first = await place.open();
    await writeFile(join(first.path, "rows.parquet"), "first");
    await first.seal([await made(first, "rows.parquet")], signal);
    const second = async () => {
      const sink = await place.open();
      await writeFile(join(sink.path, "rows.parquet"), "other");
      await sink.seal([await made(sink, "rows.parquet")], signal);
    };
    await expect(second()).rejects.toMatchObject({ code: "STORE_EXISTS" });
    expect(await place.textOf("rows.parquet")).toBe("first");
  });

  test("is not sealed when one of its files is missing", async () => {
    const sink = await place.open();
    await expect(
      sink.seal([{ name: "rows.parquet", sha256: aDigest("0".repeat(64)) }], signal),
    ).rejects.toMatchObject({
      code: expect.stringMatching(/^STORE_/),
    });
  });
});

test("a partial on a disk with renames is written in its final place, and its seal writes no byte again", async () => {
  const storage = createLocalStorage();
  const put = vi.spyOn(storage, "put");
  const sink = await sinkInto(storage, parseLocation(join(root, "partials"))).open();
  expect(sink.path).toBe(join(root, "partials", FOLDER));
  const path = join(sink.path, "rows.parquet");
  await writeFile(path, "the rows");
  const { ino, mtimeNs } = await stat(path, { bigint: true });
  await sink.seal([await made(sink, "rows.parquet")], signal);
  expect(put).not.toHaveBeenCalled();
  expect(await stat(path, { bigint: true })).toMatchObject({ ino, mtimeNs });
});

test.each([
  ["on a disk", onDisk],
  ["on a disk that only takes whole files", onDiskAsBucket],
])("a partial %s fails with STORE_NOT_FOUND once the folder of its job is removed", async (_name, make) => {
  const place = make();
  await rm(join(root, "partials"), { recursive: true });
  const late = async () => {
    const sink = await place.open();
    await writeFile(join(sink.path, "rows.parquet"), "the rows");
    await sink.seal([await made(sink, "rows.parquet")], signal);
  };
  await expect(late()).rejects.toMatchObject({ code: "STORE_NOT_FOUND" });
  expect(await readdir(root)).not.toContain("partials");
});
