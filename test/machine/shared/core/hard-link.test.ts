import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Disk, realDisk } from "../../../../shared/core/disk.ts";
import { lacksHardLinks, placeAlone, placeOnce } from "../../../../shared/core/hard-link.ts";

let here: string;
beforeEach(async () => {
  here = await mkdtemp(join(tmpdir(), "shardmill-link-"));
  await writeFile(join(here, "a"), "bytes");
});
afterEach(() => rm(here, { recursive: true, force: true }));

test("only error codes about links count as a lack of hard links", () => {
  expect(lacksHardLinks(Object.assign(new Error(), { code: "EXDEV" }))).toBe(true);
  expect(lacksHardLinks(Object.assign(new Error(), { code: "ENOSPC" }))).toBe(false);
  expect(lacksHardLinks("EXDEV")).toBe(false);
});

const LINKLESS: Disk = {
  ...realDisk,
  link: () => Promise.reject(Object.assign(new Error("no links"), { code: "ENOTSUP" })),
};

describe.each([
  ["with hard links", realDisk],
  ["without hard links", LINKLESS],
])("a file name that is assigned once, %s", (_which, disk) => {
  test.each([placeOnce, placeAlone])("gets the whole file (%o)", async (place) => {
    await place(join(here, "a"), join(here, "b"), disk);
    expect(await readFile(join(here, "b"), "utf8")).toBe("bytes");
  });

  test.each([placeOnce, placeAlone])("does not replace an existing file (%o)", async (place) => {
    await writeFile(join(here, "b"), "mine");
    await expect(place(join(here, "a"), join(here, "b"), disk)).rejects.toMatchObject({ code: "EEXIST" });
    expect(await readFile(join(here, "b"), "utf8")).toBe("mine");
    expect(await readFile(join(here, "a"), "utf8")).toBe("bytes");
  });

  test("is assigned to only one of many concurrent files, and that file is complete", async () => {
    const names = ["c", "d", "e", "f"];
    for (const name of names) await writeFile(join(here, name), name);
    const tries = await Promise.allSettled(
      names.map((name) => placeOnce(join(here, name), join(here, "b"), disk)),
    );
    const won = names.filter((_, index) => tries[index]?.status === "fulfilled");
    expect(won).toEqual([await readFile(join(here, "b"), "utf8")]);
  });
});
