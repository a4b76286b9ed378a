import { expect, test } from "vitest";
import {
  buildManifest,
  deadLettersPath,
  layOutParts,
  type ManifestFacts,
  outputDigest,
  reducedPath,
} from "../../../../coordinator/publish/layout.ts";
import { manifestText, parseManifest } from "../../../../coordinator/publish/read-manifest.ts";
import { asExecutionId } from "../../../../shared/domain/execution-id.ts";
import type { OutputFile } from "../../../../shared/domain/manifest.ts";
import type { PartialFile, PartialManifest } from "../../../../shared/domain/partial.ts";
import { NO_ROWS } from "../../../../shared/domain/row-counts.ts";
import { NO_RUN, type RunFacts } from "../../../../shared/domain/run-facts.ts";
import { shardId } from "../../../../shared/domain/shard.ts";
import { manifestRows, rowCounts } from "../../../support/builders.ts";
import { aDigest, aJobId } from "../../../support/ids.ts";
import { HISTORY } from "../../../support/run-history.ts";

function aPartial(shard: number, rowsOut: number, rowsDeadLettered = 0): PartialManifest {
  const file = (kind: PartialFile["kind"], name: string, rows: number): PartialFile => ({
    kind,
    name,
    rows,
    bytes: 100 + shard,
    sha256: aDigest(String(shard).padStart(64, "0")),
  });
  return {
    shard: shardId(shard),
    token: { generation: 1, sequence: shard },
    executionId: asExecutionId(`e${shard}`),
    ...rowCounts(rowsOut, { rowsIn: rowsOut + rowsDeadLettered, rowsDeadLettered }),
    firstDeadLetter: null,
    files: [
      file("rows", "rows.arrow", rowsOut),
      ...(rowsDeadLettered > 0 ? [file("errors", "errors.parquet", rowsDeadLettered)] : []),
      file("combined", "combined-a.parquet", 1),
    ],
    digest: aDigest("d"),
  };
}

function aRun(changes: Partial<RunFacts>): RunFacts {
  return { ...NO_RUN, shardsCommitted: 3, ...changes };
}

const FACTS: ManifestFacts = {
  job: { id: aJobId("j"), name: "digits" },
  digests: { spec: aDigest("s"), input: aDigest("i"), model: aDigest("m") },
  run: aRun({ rowsTotal: 9, attempts: 4, bottleneck: "infer", stages: { infer: 0.9 } }),
  counts: rowCounts(7),
  builds: ["1"],
  versions: { shardmill: "1" },
};

test("parts are numbered in plan order, whatever the shards' ids, and parts without rows are excluded", () => {
  const placed = layOutParts([aPartial(4, 3), aPartial(0, 0), aPartial(7, 4, 2)], 1);
  expect(placed.map(({ output, partial }) => [output.path, output.rows, Number(partial.shard)])).toEqual([
    ["rows/part-00000.arrow", 3, 4],
    ["rows/part-00001.arrow", 4, 7],
    ["_errors/part-00000.pq", 2, 7],
  ]);
});

test("if no part has rows, the first part is kept for its schema", () => {
  const placed = layOutParts([aPartial(0, 0), aPartial(1, 0)], 0);
  expect(placed.map(({ output, partial }) => [output.path, Number(partial.shard)])).toEqual([
    ["rows/part-00000.arrow", 0],
  ]);
});

test("names sort in the order of their numbers, however many there are", () => {
  expect(deadLettersPath(0, 100_000)).toBe("_errors/part-00000.pq");
  const many = [0, 9, 10, 99_999, 100_000].map((index) => deadLettersPath(index, 100_001));
  expect(many[0]).toBe("_errors/part-000000.pq");
  expect([...many].sort()).toEqual(many);
});

test("only files of rows have paths that do not start with `_` and that end in .parquet or .arrow", () => {
  const files = layOutParts([aPartial(0, 3, 1)], 0).map(({ output }) => output);
  for (const { kind, path } of [...files, { kind: "reduced", path: reducedPath("sums") }]) {
    expect(path.startsWith("_"), path).toBe(kind !== "rows");
    expect(/\.(parquet|arrow)$/.test(path), path).toBe(kind === "rows");
  }
});

const file = (path: string, kind: OutputFile["kind"], rows: number): OutputFile => ({
  path,
  kind,
  rows,
  bytes: 1,
  sha256: aDigest("0".repeat(64)),
});
const FILES = [file("rows/part-00000.parquet", "rows", 7), file("_errors/part-00000.pq", "errors", 2)];

test("the output digest depends only on the files and their order", () => {
  const other = {
    ...FACTS,
    run: aRun({ rowsTotal: 9, attempts: 99, bottleneck: "read", stages: { read: 1 } }),
  };
  expect(outputDigest(FILES)).toBe(buildManifest(other, FILES).outputDigest);
  expect(outputDigest([...FILES].reverse())).not.toBe(outputDigest(FILES));
});

test("an output with a lost or duplicate row is refused", () => {
  expect(() => buildManifest({ ...FACTS, run: aRun({ rowsTotal: 10 }) }, FILES)).toThrow("broken invariant");
  const counted = (counts: ManifestFacts["counts"], rowsInput = 9) =>
    buildManifest({ ...FACTS, run: aRun({ rowsTotal: rowsInput }), counts }, FILES);
  expect(() => counted({ ...NO_ROWS, rowsMapped: 6, rowsOut: 6 }, 8)).toThrow("broken invariant");
  expect(() => counted({ ...NO_ROWS, rowsMapped: 7, rowsFiltered: 1, rowsOut: 7 })).toThrow(
    "broken invariant",
  );
  expect(() => counted({ ...NO_ROWS, rowsMapped: 7, rowsOut: 8 })).toThrow("broken invariant");
});

test("an output without rows files still counts its rows", () => {
  const { rows } = buildManifest({ ...FACTS, run: aRun({ rowsTotal: 7 }) }, [
    file("_reduced/a.pq", "reduced", 1),
  ]);
  expect(rows).toEqual(manifestRows(7));
});

test("filtered, truncated, filled and output rows are counted separately", () => {
  const counts = rowCounts(5, { rowsFiltered: 20, rowsTruncated: 4, rowsFilled: 3, rowsOut: 7 });
  const { rows } = buildManifest({ ...FACTS, run: aRun({ rowsTotal: 27 }), counts }, FILES);
  expect(rows).toEqual(
    manifestRows(27, { filtered: 20, truncated: 4, filled: 3, deadLetters: 2, output: 7 }),
  );
});

const TEXT = manifestText(buildManifest(FACTS, FILES));

test("a manifest is read as it was written", () => {
  expect(parseManifest(TEXT, "/out/_manifest.json")).toEqual(buildManifest(FACTS, FILES));
});

test("the history of a run is read as it was written, with one line for each column", () => {
  const manifest = buildManifest({ ...FACTS, history: HISTORY }, FILES);
  const text = manifestText(manifest);
  expect(text).toContain('"at": [ 1, 2.5 ],');
  expect(text).toContain('"end": [ "committed" ],');
  expect(parseManifest(text, "/out/_manifest.json")).toEqual(manifest);
});

test.for([
  ["has columns of unequal lengths", { ...HISTORY, pace: { ...HISTORY.pace, at: [1] } }],
  ["is of another version", { text: "later" }],
  ["is missing", undefined],
])("a manifest whose history %s is read without its history", ([, history]) => {
  const manifest = buildManifest(FACTS, FILES);
  const text = JSON.stringify({ ...manifest, history });
  expect(parseManifest(text, "/out/_manifest.json")).toEqual({ ...manifest, history: null });
});

test.for([
  ["with an unknown stage", TEXT.replace('"infer": 0.9', '"think": 0.9')],
  ["that is cut off", TEXT.slice(0, 100)],
  ["of another version", TEXT.replace('"formatVersion": 1', '"formatVersion": 2')],
  ["with a changed file", TEXT.replace('"bytes": 1', '"bytes": 2')],
  ["with a path outside the output", TEXT.replace("rows/part-00000", "rows/../../x")],
  ["that is empty", ""],
] as const)("a manifest %s is refused with its path", ([, text]) => {
  expect(() => parseManifest(text, "/out/_manifest.json")).toThrow(
    expect.objectContaining({ code: "OUTPUT_FAILED", fields: { path: "/out/_manifest.json" } }),
  );
});
