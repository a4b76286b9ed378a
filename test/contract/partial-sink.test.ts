import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { below, type Location, parseLocation } from "../../shared/domain/location.ts";
import { MemoryStorage } from "../../shared/storage/memory.ts";
import { readTextIfThere } from "../../shared/storage/whole-file.ts";
import { openSharedSink, openUploadSink, type PartialSink } from "../../worker/write/partial-sink.ts";

const { signal } = new AbortController();
const FOLDER = "3-1.7-e1";

/** One place for partials to try: sinks into it, and what is found there. */
interface SinkUnderTest {
  open(): Promise<PartialSink>;
  textOf(name: string): Promise<string | null>;
}

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "shardmill-sink-"));
  await mkdir(join(root, "partials"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

function sharedSink(): SinkUnderTest {
  const partials = join(root, "partials");
  return {
    open: () => openSharedSink(partials, FOLDER),
    textOf: (name) => readFile(join(partials, FOLDER, name), "utf8").catch(() => null),
  };
}

function uploadSink(): SinkUnderTest {
  const storage = new MemoryStorage();
  const partials: Location = parseLocation("s3://bucket/out/_shardmill/partials");
  let opened = 0;
  return {
    async open() {
      opened += 1;
      const scratch = join(root, `scratch${opened}`);
      await mkdir(scratch);
      return await openUploadSink(storage, partials, FOLDER, scratch);
    },
    textOf: (name) => readTextIfThere(storage, below(partials, FOLDER, name)),
  };
}

describe.each([
  ["on a disk that is shared", sharedSink],
  ["of files that are put", uploadSink],
])("a partial %s", (_name, make) => {
  let place: SinkUnderTest;
  beforeEach(() => {
    place = make();
  });

  test("is where it belongs, whole, once it is sealed", async () => {
    const sink = await place.open();
    expect(await readdir(sink.path)).toEqual([]);
    await writeFile(join(sink.path, "rows.parquet"), "the rows");
    await writeFile(join(sink.path, "dead.parquet"), "");
    await sink.seal(["rows.parquet", "dead.parquet"], signal);
    expect(await place.textOf("rows.parquet")).toBe("the rows");
    expect(await place.textOf("dead.parquet")).toBe("");
    expect(await place.textOf("scan.parquet")).toBeNull();
  });

  test("that is discarded before it is sealed is nowhere", async () => {
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
    await expect(sink.seal(["rows.parquet"], AbortSignal.abort(reason))).rejects.toBe(reason);
  });

  test("never takes the place of another under the same name", async () => {
    const first = await place.open();
    await writeFile(join(first.path, "rows.parquet"), "first");
    await first.seal(["rows.parquet"], signal);
    const second = async () => {
      const sink = await place.open();
      await writeFile(join(sink.path, "rows.parquet"), "other");
      await sink.seal(["rows.parquet"], signal);
    };
    await expect(second()).rejects.toMatchObject({ code: "STORE_EXISTS" });
    expect(await place.textOf("rows.parquet")).toBe("first");
  });

  test("of a file that was never made is not sealed", async () => {
    const sink = await place.open();
    await expect(sink.seal(["rows.parquet"], signal)).rejects.toMatchObject({
      code: expect.stringMatching(/^STORE_/),
    });
  });
});
