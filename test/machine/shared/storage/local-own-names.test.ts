import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { present } from "../../../../shared/core/assert.ts";
import { ownNames } from "../../../../shared/storage/local-own-names.ts";

let folder = "";
let shared = "";
const NAMES = ["model.onnx", "data/weights.bin"];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-names-"));
  shared = join(folder, "model-1");
  await mkdir(join(shared, "data"), { recursive: true });
  for (const name of NAMES) await writeFile(join(shared, name), name);
});

afterEach(() => rm(folder, { recursive: true, force: true }));

async function names(process: string) {
  return present(await ownNames(shared, NAMES, join(folder, process)), "the shared folder is there");
}

async function textsOf(path: string | null): Promise<string[]> {
  return Promise.all(NAMES.map((name) => readFile(join(path ?? "", name), "utf8")));
}

test("the last user that releases the shared files removes them", async () => {
  const [one, other] = [await names("one"), await names("other")];
  await one.release();
  expect(await textsOf(other.path)).toEqual(NAMES);
  expect(await textsOf(shared)).toEqual(NAMES);
  await other.release();
  expect((await readdir(folder)).sort()).toEqual(["one", "other"]);
  expect(await readdir(join(folder, "other"))).toEqual([]);
});

test("one process may use the shared files twice", async () => {
  const [first, second] = [await names("one"), await names("one")];
  await first.release();
  expect(await textsOf(second.path)).toEqual(NAMES);
});

test("a killed process whose folder was removed does not count as a user", async () => {
  const [one, _killed] = [await names("one"), await names("killed")];
  await rm(join(folder, "killed"), { recursive: true });
  await one.release();
  expect(await readdir(folder)).toEqual(["one"]);
});

test("existing names keep the files after the shared folder is removed, and a later user gets null", async () => {
  const one = await names("one");
  await rm(shared, { recursive: true });
  expect(await textsOf(one.path)).toEqual(NAMES);
  expect(await ownNames(shared, NAMES, join(folder, "late"))).toBeNull();
  expect(await readdir(join(folder, "late"))).toEqual([]);
  await one.release();
});

test("on a disk without hard links, the shared files are used directly and kept", async () => {
  const noLinks = () => Promise.reject(Object.assign(new Error("no links"), { code: "EPERM" }));
  const own = present(
    await ownNames(shared, NAMES, join(folder, "one"), noLinks),
    "the shared files are there",
  );
  expect(own.path).toBeNull();
  await own.release();
  expect(await textsOf(shared)).toEqual(NAMES);
});
