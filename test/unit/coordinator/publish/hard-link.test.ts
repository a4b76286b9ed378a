import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { lacksHardLinks, linkOrCopy } from "../../../../coordinator/publish/hard-link.ts";

/** Another file system than the temp folder's, on most Linux machines: there the bytes must be copied. */
const OTHER_DEVICE = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

let here: string;
let there: string;
beforeEach(async () => {
  here = await mkdtemp(join(tmpdir(), "shardmill-link-"));
  there = await mkdtemp(join(OTHER_DEVICE, "shardmill-link-"));
  await writeFile(join(here, "a"), "bytes");
});
afterEach(async () => {
  for (const folder of [here, there]) await rm(folder, { recursive: true, force: true });
});

test("on the same and on another file system the target has the bytes and the source stays", async () => {
  for (const target of [join(here, "b"), join(there, "b")]) {
    await linkOrCopy(join(here, "a"), target);
    expect(await readFile(target, "utf8")).toBe("bytes");
    expect(await readFile(join(here, "a"), "utf8")).toBe("bytes");
  }
});

test("a name that is taken is never overwritten", async () => {
  for (const target of [join(here, "b"), join(there, "b")]) {
    await writeFile(target, "mine");
    await expect(linkOrCopy(join(here, "a"), target)).rejects.toMatchObject({ code: "EEXIST" });
    expect(await readFile(target, "utf8")).toBe("mine");
  }
});

test("only errors that speak of links are taken for a lack of them", () => {
  expect(lacksHardLinks(Object.assign(new Error(), { code: "EXDEV" }))).toBe(true);
  expect(lacksHardLinks(Object.assign(new Error(), { code: "ENOSPC" }))).toBe(false);
  expect(lacksHardLinks("EXDEV")).toBe(false);
});
