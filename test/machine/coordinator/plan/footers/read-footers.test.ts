import { mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { tableToIPC } from "apache-arrow";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readFooters } from "../../../../../coordinator/plan/footers/read-footers.ts";
import type { FoundFile } from "../../../../../coordinator/plan/input/discover.ts";
import { realDisk } from "../../../../../shared/core/disk.ts";
import { isShardmillError, type ShardmillError } from "../../../../../shared/core/errors.ts";
import { encodeParquet } from "../../../../../shared/dataset/encode.ts";
import { fieldsOf } from "../../../../../shared/dataset/fields.ts";
import { parseLocation } from "../../../../../shared/domain/location.ts";
import { smallTable } from "../../../../support/sample-table.ts";

let root: string;
const { signal } = new AbortController();
const table = smallTable(70);
const good = encodeParquet(table, { rowGroupRows: 50 });

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "shardmill-footers-"));
});

afterAll(() => rm(root, { recursive: true, force: true }));

async function file(name: string, content: Uint8Array): Promise<FoundFile> {
  const path = join(root, name);
  await writeFile(path, content);
  const { size: bytes, version } = await realDisk.stat(path);
  return { path: parseLocation(path), format: name.endsWith(".arrow") ? "arrow" : "parquet", bytes, version };
}

async function failure(reading: Promise<unknown>): Promise<ShardmillError> {
  const error = await reading.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isShardmillError(error)) throw new Error(`not a typed error: ${String(error)}`);
  return error;
}

describe("readFooters", () => {
  it("returns the footers in the order of the files", async () => {
    const files = [
      await file("a.parquet", good),
      await file("b.arrow", tableToIPC(table, "file")),
      await file("c.parquet", encodeParquet(smallTable(3))),
    ];
    const footers = await readFooters(files, { signal });
    expect(footers.map((footer) => footer.file.path)).toEqual(files.map(({ path }) => path));
    expect(footers.map((footer) => footer.file.rows)).toEqual([70, 70, 3]);
    expect(footers[0]?.rowGroups.map(({ rows }) => rows)).toEqual([50, 20]);
    for (const footer of footers) expect(footer.fields).toEqual(fieldsOf(table.schema));
    expect(new Set(footers.map((footer) => footer.file.footerSha256)).size).toBe(3);
  });

  it("reports all corrupt files together and lists the first twenty", async () => {
    const bad = await Promise.all(
      Array.from({ length: 30 }, (_, index) =>
        file(`bad-${index}.parquet`, good.slice(0, good.length - 1 - index)),
      ),
    );
    const error = await failure(
      readFooters([await file("good.parquet", good), ...bad], { signal, concurrency: 2 }),
    );
    expect(error).toMatchObject({ code: "INPUT_CORRUPT", fields: { files: 30 } });
    expect(error.problems.map(({ where }) => where)).toEqual(bad.slice(0, 20).map(({ path }) => path));
  });

  it("refuses a file that changed after it was found", async () => {
    const found = await file("changed.parquet", good);
    await utimes(found.path, new Date(), new Date(Date.now() - 60_000));
    expect(await failure(readFooters([found], { signal }))).toMatchObject({ code: "INPUT_CHANGED" });
    await writeFile(found.path, good.slice(0, 40));
    expect(await failure(readFooters([found], { signal }))).toMatchObject({ code: "INPUT_CHANGED" });
    await rm(found.path);
    expect(await failure(readFooters([found], { signal }))).toMatchObject({ code: "INPUT_CHANGED" });
  });

  it("rejects with the reason of an abort", async () => {
    const files = await Promise.all(
      Array.from({ length: 20 }, (_, index) => file(`many-${index}.parquet`, good)),
    );
    const controller = new AbortController();
    const reason = new Error("enough");
    const reading = readFooters(files, { signal: controller.signal });
    controller.abort(reason);
    await expect(reading).rejects.toBe(reason);
  });
});
