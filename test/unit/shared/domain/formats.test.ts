import { expect, test } from "vitest";
import {
  anyFormat,
  DATASET_FORMATS,
  FORMATS,
  fileFormatOf,
  formatTitle,
  lakeFormatOf,
} from "../../../../shared/domain/formats.ts";
import { parseJobText } from "../../../../shared/job-file/read-job-file.ts";
import { FILE_INDEX_SCHEMA } from "../../../../shared/wire/file-index.ts";

const job = (input: string) => `
input: { path: ./data, ${input} }
model: { path: ./m.onnx }
map: { outputs: { y: {} } }
output: { path: ./out }
`;
const parse = (input: string) => () => parseJobText(job(input), { path: "/jobs/job.yaml", set: [], env: {} });

test("a format of no extension is refused with the known formats, and its options are unknown keys", () => {
  const problem = { where: expect.stringContaining("input.format"), found: '"avro"' };
  const expected = expect.stringContaining("`parquet`");
  expect(parse("format: avro")).toThrow(
    expect.objectContaining({
      code: "SPEC_INVALID",
      problems: [expect.objectContaining({ ...problem, expected })],
    }),
  );
  const key = expect.objectContaining({ what: "unknown key `avro`" });
  expect(parse("avro: {}")).toThrow(expect.objectContaining({ code: "SPEC_INVALID", problems: [key] }));
});

test("a file index of an unknown format is invalid", () => {
  expect(FILE_INDEX_SCHEMA.safeParse({ form: { kind: "avro", fields: [] } }).success).toBe(false);
});

test("each format has its own name, title and endings", () => {
  expect(new Set(DATASET_FORMATS).size).toBe(DATASET_FORMATS.length);
  const rows = DATASET_FORMATS.filter((name) => fileFormatOf(name) === null && lakeFormatOf(name) === null);
  for (const format of rows) expect(anyFormat()).toContain(formatTitle(format));
  const endings = FORMATS.flatMap((format) => (format.kind === "lake" ? [] : format.endings));
  expect(new Set(endings).size).toBe(endings.length);
});
