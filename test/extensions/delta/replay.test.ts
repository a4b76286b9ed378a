import fc from "fast-check";
import { expect, test } from "vitest";
import { readAction } from "../../../extensions/delta/log/actions.ts";
import { Replay } from "../../../extensions/delta/log/replay.ts";
import { add, METADATA, PROTOCOL, remove } from "./delta-tables.ts";

const PLACE = { path: "/lake/table/_delta_log/0.json", where: "line 1" };
const replayed = (actions: readonly object[], replay = new Replay()) => {
  for (const value of actions) {
    const action = readAction(value, PLACE);
    if (action !== null) replay.take(action, PLACE);
  }
  return replay;
};
const filesOf = (replay: Replay) => [...replay.snapshot("/lake/table").files].map(({ path }) => path).sort();

test("a version has the files that were added and not removed since, in any history", () => {
  const path = fc.constantFrom("a", "b", "c", "d");
  const step = fc.record({ kind: fc.constantFrom("add", "remove"), path });
  const check = (steps: readonly { kind: string; path: string }[]) => {
    const model = new Set<string>();
    for (const { kind, path } of steps) {
      if (kind === "add") model.add(path);
      else model.delete(path);
    }
    const actions = steps.map(({ kind, path }) => (kind === "add" ? add(path) : remove(path)));
    expect(filesOf(replayed([PROTOCOL, METADATA, ...actions]))).toEqual([...model].sort());
  };
  fc.assert(fc.property(fc.array(step, { maxLength: 30 }), check));
});

test("a file is known by its path and its deletion vector", () => {
  const vector = (pathOrInlineDv: string) => ({
    deletionVector: { storageType: "u", pathOrInlineDv, offset: 1, sizeInBytes: 9, cardinality: 2 },
  });
  const removed = { remove: { path: "a", dataChange: true } };
  const replay = replayed([PROTOCOL, METADATA, add("a"), removed, add("a", vector("x"))]);
  const [file] = [...replay.snapshot("/lake/table").files];
  expect(file?.deletionVector).toEqual({ storage: "u", place: "x", offset: 1, bytes: 9, rows: 2 });
  // The order of an update within a commit does not matter.
  expect([
    ...replayed([PROTOCOL, METADATA, add("a"), add("a", vector("x")), removed]).snapshot("t").files,
  ]).toEqual([file]);
});

test("the last protocol and schema count, and both must be there", () => {
  const later = { protocol: { minReaderVersion: 3, minWriterVersion: 7, readerFeatures: ["x"] } };
  const { protocol } = replayed([PROTOCOL, METADATA, later]).snapshot("t");
  expect(protocol).toEqual({ minReaderVersion: 3, readerFeatures: ["x"] });
  expect(() => replayed([PROTOCOL]).snapshot("t")).toThrow(
    expect.objectContaining({ code: "INPUT_CORRUPT" }),
  );
  expect(() => replayed([METADATA]).snapshot("t")).toThrow(
    expect.objectContaining({ code: "INPUT_CORRUPT" }),
  );
});

test("unknown actions and keys are ignored, and known ones with other types are refused", () => {
  for (const value of [
    {},
    { commitInfo: {} },
    { txn: { appId: "a", version: 1 } },
    { cdc: {} },
    { domainMetadata: {} },
  ])
    expect(readAction(value, PLACE)).toBeNull();
  expect(readAction({ add: null, remove: null, protocol: null }, PLACE)).toBeNull();
  const wrong: readonly unknown[] = [
    null,
    [],
    "add",
    { add: [] },
    { add: { path: 1 } },
    add(""),
    add("x".repeat(5_000)),
    add("a", { size: -1 }),
    add("a", { size: 1.5 }),
    add("a", { size: "many" }),
    add("a", { partitionValues: { part: 1 } }),
    add("a", { partitionValues: null }),
    add("a", { deletionVector: { storageType: 1 } }),
    { remove: {} },
    { protocol: { minReaderVersion: "three" } },
    { protocol: { minReaderVersion: 3 } },
    { metaData: { schemaString: {} } },
    { metaData: { schemaString: "{}", partitionColumns: "part" } },
  ];
  for (const value of wrong)
    expect(() => readAction(value, PLACE), JSON.stringify(value)).toThrow(
      expect.objectContaining({ code: "INPUT_CORRUPT" }),
    );
});

test("more files than memory has room for are refused, and more actions are not", () => {
  const many = Array.from({ length: 100 }, (_, at) => [add(`${at}`), remove(`${at}`)]).flat();
  expect(filesOf(replayed([PROTOCOL, METADATA, ...many], new Replay(3)))).toEqual([]);
  const more = ["a", "b", "c", "d"].map((path) => add(path));
  expect(() => replayed(more, new Replay(3))).toThrow(expect.objectContaining({ code: "INPUT_UNSUPPORTED" }));
});
