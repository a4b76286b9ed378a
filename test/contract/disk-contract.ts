import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Disk, type DiskFile, type OpenFlags, realDisk } from "../../shared/core/disk.ts";
import { errorCode } from "../../shared/core/errno.ts";

/** One disk to test. */
export interface DiskUnderTest extends AsyncDisposable {
  readonly disk: Disk;
  /** An existing empty folder. */
  readonly root: string;
  /** Makes a call and advances time until its answer. */
  settle<T>(call: () => Promise<T>): Promise<T>;
}

/** Returns the real disk, with a folder of its own. */
export async function aRealDisk(changes: Partial<Disk> = {}): Promise<DiskUnderTest> {
  const root = await mkdtemp(join(tmpdir(), "shardmill-disk-"));
  return {
    disk: { ...realDisk, ...changes },
    root,
    settle: (call) => call(),
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
}

/** Checks the promises of every disk, call by call. */
export function diskContract(name: string, makeDisk: () => Promise<DiskUnderTest>): void {
  describe(`${name} as a disk`, () => {
    test.each(KNOWN_ROWS)("%s", async (_law, steps, answers) => {
      expect(await answersOf(makeDisk, steps)).toEqual(answers);
    });
  });
}

/**
 * Checks the promises of a disk that replaces the real one. Its answers and error codes must be equal, for
 * any calls in any order. The effects of a power cut are not compared, because no test can show them on the
 * real disk.
 */
export function realDiskContract(name: string, makeDisk: () => Promise<DiskUnderTest>): void {
  test(`${name} gives the same answers and errors as the real disk for any calls`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30 }), async (steps) => {
        expect(await answersOf(makeDisk, steps)).toEqual(await answersOf(aRealDisk, steps));
      }),
      { numRuns: 200 },
    );
  });
}

/** Paths in the root. They are few, so that calls meet each other's files. */
const PATHS = ["a", "b", "a/x", "a/y", "b/x", "a/x/z"] as const;
type Path = (typeof PATHS)[number];

/** Calls with one path, with two, and on the file that was opened last. */
type Step =
  | readonly ["open", Path, OpenFlags]
  | readonly ["readFile" | "readChunks" | "readdir" | "entries" | "lstat" | "stat" | "realpath", Path]
  | readonly ["mkdir" | "unlink" | "rmdir" | "remove", Path]
  | readonly ["link" | "rename" | "copyFile", Path, Path]
  | readonly ["write", string]
  | readonly ["readInto", number, number]
  | readonly ["sync" | "datasync" | "close"];

const path = fc.constantFrom(...PATHS);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.constant("open"), path, fc.constantFrom("r", "w", "wx")) },
  {
    weight: 4,
    arbitrary: fc.tuple(
      fc.constantFrom("readFile", "readChunks", "readdir", "entries", "lstat", "stat", "realpath"),
      path,
    ),
  },
  { weight: 3, arbitrary: fc.tuple(fc.constantFrom("mkdir", "mkdir", "unlink", "rmdir", "remove"), path) },
  { weight: 4, arbitrary: fc.tuple(fc.constantFrom("link", "rename", "copyFile"), path, path) },
  { weight: 4, arbitrary: fc.tuple(fc.constant("write"), fc.constantFrom("", "one", "two and three")) },
  { weight: 2, arbitrary: fc.tuple(fc.constant("readInto"), fc.nat({ max: 8 }), fc.nat({ max: 20 })) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom("sync", "datasync", "close")) },
);

/** Laws that the code above a disk relies on, each with calls that show it, and their answers. */
const KNOWN_ROWS: readonly (readonly [law: string, steps: readonly Step[], answers: readonly unknown[]])[] = [
  [
    "each write is appended to the previous one, and all are read back",
    [
      ["open", "a", "wx"],
      ["write", "one"],
      ["write", "two"],
      ["readFile", "a"],
    ],
    ["opened", "done", "done", "onetwo"],
  ],
  [
    "creating an existing name, or linking or copying to it, fails with EEXIST",
    [
      ["open", "a", "w"],
      ["mkdir", "b"],
      ["open", "a", "wx"],
      ["mkdir", "a"],
      ["link", "a", "b"],
      ["copyFile", "a", "b"],
    ],
    ["opened", "done", "EEXIST", "EEXIST", "EEXIST", "EEXIST"],
  ],
  [
    "a copy of a missing file creates no file",
    [
      ["copyFile", "a", "b"],
      ["lstat", "b"],
    ],
    ["ENOENT", "ENOENT"],
  ],
  [
    "a rename replaces a file or an empty folder, but not a folder with files",
    [
      ["mkdir", "a"],
      ["mkdir", "b"],
      ["open", "a/x", "w"],
      ["write", "new"],
      ["open", "b/x", "w"],
      ["rename", "a", "b"],
      ["rename", "a/x", "b/x"],
      ["readFile", "b/x"],
      ["rename", "b", "a"],
      ["readdir", "a"],
      ["lstat", "b"],
    ],
    ["done", "done", "opened", "done", "opened", "ENOTEMPTY", "done", "new", "done", ["x"], "ENOENT"],
  ],
  [
    "a removed file can still be written through its open handle",
    [
      ["open", "a", "w"],
      ["unlink", "a"],
      ["write", "late"],
      ["lstat", "a"],
    ],
    ["opened", "done", "done", "ENOENT"],
  ],
];

/** Returns the answer of each step: a value, or the code of its error. */
async function answersOf(
  makeDisk: () => Promise<DiskUnderTest>,
  steps: readonly Step[],
): Promise<readonly unknown[]> {
  await using on = await makeDisk();
  const files: DiskFile[] = [];
  const answers: unknown[] = [];
  for (const each of steps) {
    answers.push(await on.settle(() => take(each, on, files)).catch(codeOf));
  }
  for (const file of files) await on.settle(() => file.close());
  return answers;
}

function codeOf(error: unknown): string {
  const code = errorCode(error);
  if (code === null) throw error;
  return code;
}

async function take(each: Step, { disk, root }: DiskUnderTest, files: DiskFile[]): Promise<unknown> {
  const at = (inRoot: Path) => join(root, inRoot);
  const file = files.at(-1);
  switch (each[0]) {
    case "open":
      files.push(await disk.open(at(each[1]), each[2]));
      return "opened";
    case "readFile":
      return (await disk.readFile(at(each[1]))).toString("utf8");
    case "readChunks":
      return await textOf(disk.readChunks(at(each[1])));
    case "readdir":
      return (await disk.readdir(at(each[1]))).toSorted();
    case "entries":
      return (await disk.entries(at(each[1]))).map(({ name, kind }) => `${kind} ${name}`).toSorted();
    case "lstat":
      return sizeOf(await disk.lstat(at(each[1])));
    case "stat":
      return sizeOf(await disk.stat(at(each[1])));
    case "realpath":
      return (await disk.realpath(at(each[1]))).slice((await disk.realpath(root)).length);
    case "mkdir":
    case "unlink":
    case "rmdir":
    case "remove":
      await disk[each[0]](at(each[1]));
      return "done";
    case "link":
    case "rename":
    case "copyFile":
      await disk[each[0]](at(each[1]), at(each[2]));
      return "done";
    case "write":
      await file?.write(Buffer.from(each[1]));
      return "done";
    case "readInto": {
      const bytes = Buffer.alloc(each[1]);
      const filled = await file?.readInto(bytes, each[2]);
      return bytes.subarray(0, filled).toString("utf8");
    }
    case "close":
      await files.pop()?.close();
      return "done";
    case "sync":
    case "datasync":
      await file?.[each[0]]();
      return "done";
  }
}

async function textOf(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const read: Uint8Array[] = [];
  for await (const chunk of chunks) read.push(chunk);
  return Buffer.concat(read).toString("utf8");
}

/** Describes a size. A folder's size depends on the file system. */
function sizeOf({ kind, size }: { readonly kind: string; readonly size: number }): string {
  return kind === "file" ? `file of ${size}` : kind;
}
