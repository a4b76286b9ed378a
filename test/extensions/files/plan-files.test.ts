import fc from "fast-check";
import { expect, test } from "vitest";
import { cutFiles, type FilesIndex, fileAt } from "../../../extensions/files/op.ts";
import { FILES_PLANNER } from "../../../extensions/files/plan-files.ts";
import { below, parseLocation } from "../../../shared/domain/location.ts";
import { FILE_INDEX_SCHEMA } from "../../../shared/wire/file-index.ts";

const ROOT = parseLocation("s3://bucket/photos");
const listed = (...names: readonly string[]) =>
  names.map((name, at) => ({
    path: below(ROOT, name),
    root: ROOT,
    bytes: 10 * at,
    version: `"v${at}"`,
    modified: at === 0 ? null : 1_000 * at,
  }));
const contentOf = (names: readonly string[], types = {}) =>
  FILES_PLANNER.findForm(listed(...names), types).fields.at(-1);

test("files have seven columns, and their content is bytes", () => {
  const { fields } = FILES_PLANNER.findForm(listed("a.jpg", "notes.txt"), {});
  expect(fields.map(({ name }) => name)).toEqual([
    ...["path", "folder", "location", "size", "modified", "version", "content"],
  ]);
  expect(fields.at(-1)).toEqual({ name: "content", type: { kind: "binary" }, nullable: true });
});

test("content is text where all files are texts, or where the job says so", () => {
  const text = { name: "content", type: { kind: "string" } };
  expect(contentOf(["a.txt", "b.MD"])).toMatchObject(text);
  expect(contentOf(["a.txt", "b.log2"])).toMatchObject({ type: { kind: "binary" } });
  expect(contentOf(["a.py"], { content: "string" })).toMatchObject(text);
});

test("other types are refused with their key, and documents are refused by name", () => {
  expect(() => contentOf(["a.jpg"], { size: "float32" })).toThrow(
    expect.objectContaining({
      code: "SPEC_INVALID",
      problems: [expect.objectContaining({ where: "input.types.size", found: "float32" })],
    }),
  );
  expect(() => contentOf(["a.txt", "deep/b.PDF"], { content: "string" })).toThrow(
    expect.objectContaining({
      code: "INPUT_UNSUPPORTED",
      message: expect.stringMatching(/s3:\/\/bucket\/photos\/deep\/b\.PDF.*a PDF/),
    }),
  );
});

test("an index is JSON that its schema accepts, and names each file below its root", () => {
  const files = listed("a.jpg", "deep/b.jpg", "ü c.jpg");
  const form = FILES_PLANNER.findForm(files, {});
  const { index } = FILES_PLANNER.indexFiles(files, form);
  expect(FILE_INDEX_SCHEMA.parse(JSON.parse(JSON.stringify(index)))).toEqual(index);
  expect((index as FilesIndex).paths).toEqual(["a.jpg", "deep/b.jpg", "ü c.jpg"]);
  const found = files.map((_, row) => fileAt(index as FilesIndex, row));
  expect(found).toEqual(files.map(({ path, bytes, version }) => ({ path, bytes, version })));
});

test("a file at the root of a disk keeps its name", () => {
  const root = parseLocation("/");
  const files = [{ path: parseLocation("/a.jpg"), root, bytes: 1, version: "1", modified: null }];
  const { index } = FILES_PLANNER.indexFiles(files, FILES_PLANNER.findForm(files, {}));
  expect((index as FilesIndex).paths).toEqual(["a.jpg"]);
  expect(fileAt(index as FilesIndex, 0).path).toBe("/a.jpg");
});

test("the digest changes with a location, a version or a time", () => {
  const form = FILES_PLANNER.findForm([], {});
  const digestOf = (files: ReturnType<typeof listed>) => FILES_PLANNER.indexFiles(files, form).sha256;
  const [file] = listed("a.jpg");
  if (file === undefined) throw new Error("there is a file");
  const others = [{ path: below(ROOT, "b.jpg") }, { version: "2" }, { modified: 5 }, { bytes: 7 }];
  const digests = [{}, ...others].map((other) => digestOf([{ ...file, ...other }]));
  expect(new Set(digests).size).toBe(digests.length);
  expect(digestOf([file])).toBe(digests[0]);
});

test("a cut index has the same files at the same rows, however often it is cut", () => {
  const names = Array.from({ length: 20 }, (_, at) => `${at}.jpg`);
  const files = listed(...names);
  const index = FILES_PLANNER.indexFiles(files, FILES_PLANNER.findForm(files, {})).index as FilesIndex;
  const range = fc
    .array(fc.nat(20), { minLength: 4, maxLength: 4 })
    .map((ends) => ends.sort((a, b) => a - b));
  fc.assert(
    fc.property(range, ([a = 0, b = 0, c = 0, d = 0]) => {
      const cut = cutFiles(cutFiles(index, a, d), b, c);
      const rows = Array.from({ length: c - b }, (_, at) => b + at);
      expect(rows.map((row) => fileAt(cut, row))).toEqual(rows.map((row) => fileAt(index, row)));
      expect(cut.paths).toHaveLength(c - b);
    }),
  );
});
