import { describe, expect, it } from "vitest";
import { type FileFooter, sealDataset } from "../../../../../coordinator/plan/footers/seal-dataset.ts";
import { isShardmillError, type ShardmillError } from "../../../../../shared/core/errors.ts";
import type { Field } from "../../../../../shared/domain/dataset.ts";
import { parseLocation } from "../../../../../shared/domain/location.ts";
import { aDigest } from "../../../../support/ids.ts";

const field = (name: string, type: "float32" | "int64" = "float32", nullable = false): Field => ({
  name,
  type: { kind: "numeric", type },
  nullable,
});

function footer(
  path: string,
  fields: readonly Field[],
  changes: Partial<FileFooter["file"]> = {},
): FileFooter {
  const known = {
    format: "parquet",
    bytes: 100,
    version: "5",
    rows: 10,
    footerSha256: aDigest("aa"),
  } as const;
  const file = { path: parseLocation(path), ...known };
  return {
    file: { ...file, ...changes },
    fields,
    rowGroups: [{ rows: 10, bytes: 400 }],
    statistics: null,
    layout: "",
    classes: {},
  };
}

function failure(footers: readonly FileFooter[]): ShardmillError {
  try {
    sealDataset(footers);
  } catch (error) {
    if (isShardmillError(error)) return error;
  }
  throw new Error("the dataset was sealed");
}

describe("a dataset", () => {
  it("is sealed with its files in order, one schema and a digest", () => {
    const footers = [footer("/a", [field("x")]), footer("/b", [field("x")])];
    const dataset = sealDataset(footers);
    expect(dataset.files).toEqual(footers.map(({ file }) => file));
    expect(dataset.fields).toEqual([field("x")]);
    expect(dataset.digest).toMatch(/^[0-9a-f]{64}$/);
    expect(sealDataset(footers).digest).toBe(dataset.digest);
  });

  it("has the same digest in another folder, and another digest in another order", () => {
    const files = (folder: string) => [
      footer(`${folder}/a`, [field("x")]),
      footer(`${folder}/b`, [field("x")], { bytes: 101 }),
    ];
    const { digest } = sealDataset(files("/then"));
    expect(sealDataset(files("/now")).digest).toBe(digest);
    expect(sealDataset(files("/then").reverse()).digest).not.toBe(digest);
  });

  it.each([
    ["size", { bytes: 101 }],
    ["version", { version: "6" }],
    ["footer", { footerSha256: aDigest("bb") }],
  ] as const)("has another digest if a file's %s differs", (_, changes) => {
    const digest = (file: FileFooter) => sealDataset([file]).digest;
    expect(digest(footer("/a", [field("x")], changes))).not.toBe(digest(footer("/a", [field("x")])));
  });

  it("allows nulls in a column if any file does, and accepts columns in any order", () => {
    const footers = [
      footer("/a", [field("x"), field("y")]),
      footer("/b", [field("y", "float32", true), field("x")]),
    ];
    expect(sealDataset(footers).fields).toEqual([field("x"), field("y", "float32", true)]);
  });

  it("is refused if schemas differ, with every difference from the most frequent schema", () => {
    const error = failure([
      footer("/odd", [field("x"), field("y", "int64"), field("z")]),
      footer("/b", [field("x"), field("y")]),
      footer("/c", [field("x"), field("y")]),
      footer("/short", [field("y")]),
    ]);
    expect(error.code).toBe("INPUT_SCHEMA_MIXED");
    expect(error.fields).toMatchObject({ files: 2, differences: 3, reference: "/b" });
    expect(error.problems).toEqual([
      { where: "/odd", what: "column y has another type", expected: "float32", found: "int64" },
      { where: "/odd", what: "column z is extra", expected: "none", found: "float32" },
      { where: "/short", what: "column x is missing", expected: "float32", found: "none" },
    ]);
  });

  it("lists the first twenty problems of a thousand odd files, and counts all of them", () => {
    const odd = Array.from({ length: 1_000 }, (_, index) => footer(`/odd-${index}`, [field(`x${index}`)]));
    const error = failure([footer("/a", [field("x")]), footer("/b", [field("x")]), ...odd]);
    expect(error.problems.length).toBe(20);
    expect(error.fields).toMatchObject({ files: 1_000, differences: 2_000 });
  });
});
