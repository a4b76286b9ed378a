import { expect, test } from "vitest";
import { FILES_PLANNER } from "../../../extensions/files/plan-files.ts";
import { openFiles } from "../../../extensions/files/read-files.ts";
import { NEVER } from "../../../shared/core/abort.ts";
import { cellsOf } from "../../../shared/dataset/cell-reader.ts";
import type { BadRow } from "../../../shared/dataset/dataset-file.ts";
import { fieldsOf } from "../../../shared/dataset/fields.ts";
import { columnData } from "../../../shared/dataset/record-batch.ts";
import type { InputFile } from "../../../shared/domain/dataset.ts";
import { below, parseLocation } from "../../../shared/domain/location.ts";
import type { FetchListed } from "../../../shared/storage/row-file.ts";

const ROOT = parseLocation("/data");
const MIB = 1 << 20;

interface Listed {
  readonly name: string;
  readonly bytes?: number;
}

function planned(files: readonly Listed[]): InputFile {
  const listed = files.map(({ name, bytes = 3 }, at) => ({
    path: below(ROOT, name),
    root: ROOT,
    bytes,
    version: `v${at}`,
    modified: at === 1 ? null : 1_700_000_000_000 + at,
  }));
  const { index, sha256 } = FILES_PLANNER.indexFiles(listed, FILES_PLANNER.findForm(listed, {}));
  const facts = { path: below(ROOT, "first"), format: "files", bytes: 0, version: "" };
  return { ...facts, rows: files.length, footerSha256: sha256, text: index };
}

/** Reads columns as one list of cells each. */
async function read(files: readonly Listed[], columns: readonly string[], fetch: FetchListed) {
  const plan = planned(files);
  using file = openFiles(plan, fetch);
  const bad: BadRow[] = [];
  const cells: unknown[][] = columns.map(() => []);
  const batches: number[] = [];
  const rows = { rowStart: 0, rowEnd: files.length, onBadRow: (row: BadRow) => void bad.push(row) };
  for await (const batch of file.read({ ...rows, columns, signal: NEVER })) {
    batches.push(batch.numRows);
    for (const [at, name] of columns.entries()) cells[at]?.push(...cellsOf(columnData(batch, name)));
  }
  return { cells, bad, batches };
}

const bytesOf = (text: string) => ({ kind: "bytes", bytes: new Uint8Array(Buffer.from(text)) }) as const;
const noFetch: FetchListed = () => Promise.reject(new Error("no content is needed"));
const numbered = (count: number, ending: string, bytes = 3): Listed[] =>
  Array.from({ length: count }, (_, at) => ({ name: `${at}${ending}`, bytes }));

test("columns without content are read without fetching a file", async () => {
  const columns = ["path", "folder", "location", "size", "modified", "version"];
  const files = [{ name: "a.jpg" }, { name: "cats/b ü.jpg", bytes: 7 }];
  const { cells, bad } = await read(files, columns, noFetch);
  const times = cells[4] ?? [];
  expect([...cells.slice(0, 4), cells[5]]).toEqual([
    ["a.jpg", "cats/b ü.jpg"],
    ["", "cats"],
    ["/data/a.jpg", "/data/cats/b ü.jpg"],
    [3n, 7n],
    ["v0", "v1"],
  ]);
  expect([Number(times[0]), times[1]]).toEqual([1_700_000_000_000, null]);
  expect(bad).toEqual([]);
});

test("the schema is that of the plan", () => {
  const plan = planned([{ name: "a.txt" }]);
  using file = openFiles(plan, noFetch);
  expect(fieldsOf(file.schema)).toEqual(plan.text?.form.fields);
});

test("contents come in the order of the rows, whatever the order of their arrival", async () => {
  const files = numbered(40, ".jpg");
  const fetch: FetchListed = async ({ path }) => {
    for (let turn = 0; turn < 40 - Number.parseInt(path.slice(6), 10); turn += 1) await Promise.resolve();
    return bytesOf(path);
  };
  const { cells } = await read(files, ["content", "path"], fetch);
  expect(cells[0]?.map((cell) => Buffer.from(cell as Uint8Array).toString())).toEqual(
    files.map(({ name }) => `/data/${name}`),
  );
});

test("files are fetched concurrently, and no more ahead than a bound of bytes", async () => {
  let now = 0;
  let most = 0;
  const fetch: FetchListed = async () => {
    now += 1;
    most = Math.max(most, now);
    for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
    now -= 1;
    return bytesOf("abc");
  };
  await read(numbered(100, ".jpg"), ["content"], fetch);
  expect(most).toBeGreaterThan(8);
  expect(most).toBeLessThanOrEqual(32);
  most = 0;
  await read(numbered(20, ".jpg", 60 * MIB), ["content"], fetch);
  expect(most).toBeLessThanOrEqual(2);
});

test("batches end at a bound of bytes, so that a step holds few large files", async () => {
  const large = new Uint8Array(3 * MIB);
  const fetch: FetchListed = async () => ({ kind: "bytes", bytes: large });
  const { batches } = await read(numbered(5, ".jpg", 3 * MIB), ["content"], fetch);
  expect(batches).toEqual([2, 2, 1]);
});

test("a file that is gone or too large is a bad row with its reason, and the others are read", async () => {
  const files = [
    { name: "0.jpg" },
    { name: "1.jpg" },
    { name: "2.jpg", bytes: 300 * MIB },
    { name: "3.jpg" },
  ];
  const fetch: FetchListed = async ({ path }) =>
    path.endsWith("1.jpg") ? { kind: "refused", why: "was removed" } : bytesOf("abc");
  const { cells, bad } = await read(files, ["content"], fetch);
  expect(cells[0]?.map((cell) => cell === null)).toEqual([false, true, true, false]);
  expect(bad).toEqual([
    { row: 1, message: "the file was removed" },
    { row: 2, message: expect.stringMatching(/^the file has 300.* more than 256/) },
  ]);
});

test("a text is decoded without its mark, and bytes that are no text are a bad row", async () => {
  const files = numbered(3, ".txt");
  const contents = [Buffer.from("\ufeffGrüße"), Buffer.from([0xff, 0xfe]), Buffer.from("")];
  const fetch: FetchListed = async ({ path }) => {
    const bytes = contents[Number.parseInt(path.slice(6), 10)];
    return { kind: "bytes", bytes: new Uint8Array(bytes ?? Buffer.from("?")) };
  };
  const { cells, bad } = await read(files, ["content"], fetch);
  expect(cells[0]).toEqual(["Grüße", null, ""]);
  expect(bad).toEqual([{ row: 1, message: "the file is not text in UTF-8" }]);
});

test("without a receiver of bad rows, one fails the read with the place", async () => {
  using file = openFiles(planned([{ name: "a.jpg" }]), async () => ({ kind: "refused", why: "was removed" }));
  const rows = file.read({ rowStart: 0, rowEnd: 1, columns: ["content"], signal: NEVER });
  const failed = expect.objectContaining({
    code: "INPUT_CORRUPT",
    message: expect.stringContaining("/data/a.jpg"),
  });
  await expect(rows[Symbol.asyncIterator]().next()).rejects.toEqual(failed);
});
