import { expect, test } from "vitest";
import type { DeltaIndex } from "../../../extensions/delta/op.ts";
import { readTable } from "../../../extensions/delta/read-table.ts";
import type { DeltaSpec } from "../../../extensions/delta/spec.ts";
import { NEVER } from "../../../shared/core/abort.ts";
import {
  add,
  commitName,
  type Log,
  METADATA,
  metadata,
  PROTOCOL,
  putCommit,
  remove,
  SIZE,
  storeTable,
  TABLE,
} from "./delta-tables.ts";

const read = async (log: Log, files: readonly string[] = [], options: DeltaSpec = {}) =>
  await readTable(TABLE, { storage: await storeTable(log, files), options, signal: NEVER });

const FIRST = [PROTOCOL, METADATA];
const one = (...actions: readonly object[]): Log => ({ [commitName(0)]: [...FIRST, ...actions] });

/** Reads a table that must be refused, and returns the error. */
async function refusal(log: Log, files: readonly string[] = [], options: DeltaSpec = {}) {
  const error: unknown = await read(log, files, options).then(
    () => null,
    (reason: unknown) => reason,
  );
  return error as {
    readonly code: string;
    readonly message: string;
    readonly fields: Readonly<Record<string, unknown>>;
  };
}

test("each version has its own files, with values of their partition columns", async () => {
  const log: Log = {
    [commitName(0)]: [...FIRST, add("part=a/1"), add("part=b/2", { partitionValues: { part: "b" } })],
    [commitName(1)]: [
      remove("part=a/1"),
      add("part=__HIVE_DEFAULT_PARTITION__/3", { partitionValues: { part: null } }),
    ],
    [commitName(2)]: [add("4", { partitionValues: { part: "" } })],
  };
  const files = ["part=a/1", "part=b/2", "part=__HIVE_DEFAULT_PARTITION__/3", "4"];
  const found = async (options: DeltaSpec) => {
    const table = await read(log, files, options);
    return table.files.map(({ path, index }) => [
      path.slice(TABLE.length + 1),
      ...(index as DeltaIndex).values,
    ]);
  };
  expect(await found({ version: 0 })).toEqual([
    ["part=a/1", "a"],
    ["part=b/2", "b"],
  ]);
  expect(await found({})).toEqual([
    ["4", null],
    ["part=__HIVE_DEFAULT_PARTITION__/3", null],
    ["part=b/2", "b"],
  ]);
  const { files: newest } = await read(log, files);
  expect(newest[0]?.index.form).toMatchObject({ kind: "delta", version: 2, partitionColumns: ["part"] });
});

test("a path in the log is decoded once", async () => {
  const names = ["part=a%2Fb/x y.parquet", "é/50%25"];
  const paths = names.map((name) => encodeURI(name));
  const { files } = await read(one(...paths.map((path) => add(path))), names);
  expect(files.map(({ path }) => path.slice(TABLE.length + 1))).toEqual(names);
});

test("an absolute path is read in the folder of the table, and refused elsewhere", async () => {
  for (const path of [`${TABLE}/x`, `file:${TABLE}/x`, `file://${TABLE}/x`]) {
    const { files } = await read(one(add(path)), ["x"]);
    expect(files.map((file) => file.path)).toEqual([`${TABLE}/x`]);
  }
  const outside = [
    "/etc/passwd",
    "/lake/table2/x",
    "file:///etc/passwd",
    "s3://other/x",
    "https://host/x",
    "hdfs://a/b",
  ];
  const ways = [
    "../x",
    "a/../../x",
    "%2e%2e/x",
    "a/%2E%2E/%2E%2E/x",
    "./x",
    "a//x",
    "a/",
    `${TABLE}/../x`,
    "x%00",
    "%zz",
  ];
  for (const path of [...outside, ...ways])
    expect(await refusal(one(add(path)), ["x"]), path).toMatchObject({ code: "INPUT_CORRUPT" });
});

test.each([
  { name: "no commit", log: { _last_checkpoint: "{}" }, code: "INPUT_CORRUPT" },
  { name: "a gap", log: { [commitName(0)]: FIRST, [commitName(2)]: [] }, code: "INPUT_CORRUPT" },
  { name: "no first commit", log: { [commitName(1)]: FIRST }, code: "INPUT_CORRUPT" },
  { name: "no protocol", log: { [commitName(0)]: [METADATA] }, code: "INPUT_CORRUPT" },
  { name: "no schema", log: { [commitName(0)]: [PROTOCOL] }, code: "INPUT_CORRUPT" },
  { name: "a cut line", log: { [commitName(0)]: '{"protocol":{"minReader' }, code: "INPUT_CORRUPT" },
  { name: "bytes that are no text", log: { [commitName(0)]: "\u0000\u0001" }, code: "INPUT_CORRUPT" },
  { name: "no files", log: one(), code: "INPUT_NOT_FOUND" },
  { name: "a missing file", log: one(add("gone")), code: "INPUT_NOT_FOUND" },
  { name: "a file of another size", log: one(add("x", { size: SIZE + 1 })), code: "INPUT_CORRUPT" },
  {
    name: "a file without its partition",
    log: one(add("x", { partitionValues: {} })),
    code: "INPUT_CORRUPT",
  },
  { name: "a sidecar in a commit", log: one({ sidecar: { path: "x" } }), code: "INPUT_CORRUPT" },
  {
    name: "a partition column that is none",
    log: { [commitName(0)]: [PROTOCOL, metadata([{ name: "id", type: "long" }], ["other"])] },
    code: "INPUT_CORRUPT",
  },
  {
    name: "a partition column of binary",
    log: { [commitName(0)]: [PROTOCOL, metadata([{ name: "id", type: "binary" }], ["id"])] },
    code: "INPUT_UNSUPPORTED",
  },
])("a table with $name is refused", async ({ log, code }) => {
  expect(await refusal(log as Log, ["x"])).toMatchObject({ code });
});

test("features of other readers are refused by name, each with what to do", async () => {
  const requiring = (readerFeatures: readonly string[], configuration = {}) => [
    { protocol: { minReaderVersion: 3, minWriterVersion: 7, readerFeatures, writerFeatures: [] } },
    metadata([{ name: "id", type: "long" }], [], configuration),
    add("x", { partitionValues: {} }),
  ];
  const known = ["timestampNtz", "v2Checkpoint", "vacuumProtocolCheck", "deletionVectors", "columnMapping"];
  expect((await read({ [commitName(0)]: requiring(known) }, ["x"])).files).toHaveLength(1);
  const unknown = await refusal(
    { [commitName(0)]: requiring(["typeWidening", "v2Checkpoint", "variantType"]) },
    ["x"],
  );
  expect(unknown).toMatchObject({ code: "INPUT_UNSUPPORTED", problems: [{}, {}] });
  expect(unknown.message).toContain("`typeWidening`, the feature `variantType`");
  const newer = {
    [commitName(0)]: [{ protocol: { minReaderVersion: 4, readerFeatures: [] } }, METADATA, add("x")],
  };
  expect(await refusal(newer, ["x"])).toMatchObject({ code: "INPUT_UNSUPPORTED" });
  const mapped = { [commitName(0)]: requiring(["columnMapping"], { "delta.columnMapping.mode": "order" }) };
  expect((await refusal(mapped, ["x"])).message).toContain("mapped by `order`");
});

test("a version or time that the table does not have is refused", async () => {
  const log = one(add("x"));
  for (const options of [
    { version: 1 },
    { version: 0, asOf: "2026-01-01" },
    { asOf: "1970-01-01" },
    { asOf: "2026-13-01" },
  ])
    expect(await refusal(log, ["x"], options), JSON.stringify(options)).toMatchObject({
      code: "SPEC_INVALID",
    });
});

test("a time means the newest version that was committed until then", async () => {
  const log: Log = {
    [commitName(0)]: [...FIRST, add("x")],
    [commitName(1)]: [add("y")],
    [commitName(2)]: [add("z")],
  };
  const storage = await storeTable(log, ["x", "y", "z"]);
  const times = [1_000, 5_000, 9_000];
  const timed = {
    ...{ can: storage.can, list: storage.list.bind(storage), read: storage.read.bind(storage) },
    stat: async (...args: Parameters<typeof storage.stat>) => {
      const version = /(\d{20})\.json$/.exec(args[0])?.[1];
      const stat = await storage.stat(...args);
      return version === undefined ? stat : { ...stat, modified: times[Number(version)] };
    },
  };
  const filesAt = async (ms: number) => {
    const options = { asOf: new Date(ms).toISOString() };
    return (await readTable(TABLE, { storage: timed as never, options, signal: NEVER })).files.length;
  };
  expect([await filesAt(1_000), await filesAt(4_999), await filesAt(5_000), await filesAt(60_000)]).toEqual([
    1, 1, 2, 3,
  ]);
  await expect(filesAt(999)).rejects.toMatchObject({ code: "SPEC_INVALID" });
  const own = metadata([{ name: "id", type: "long" }], [], { "delta.enableInCommitTimestamps": "true" });
  await putCommit(storage, 2, [own]);
  await expect(filesAt(60_000)).rejects.toMatchObject({ code: "INPUT_UNSUPPORTED" });
});

test("a hundred thousand actions of few files are replayed, and a line without an end is refused", async () => {
  const actions = Array.from({ length: 50_000 }, (_, at) => [add(`f${at % 7}`), remove(`f${at % 7}`)]).flat();
  const { files } = await read(one(...actions, add("x")), ["x"]);
  expect(files).toHaveLength(1);
  const long = { [commitName(0)]: `{"add":"${"x".repeat(17 << 20)}"}` };
  expect(await refusal(long)).toMatchObject({ code: "INPUT_CORRUPT", fields: { where: "lines" } });
});

test("a damaged checkpoint is refused by its name", async () => {
  const name = "00000000000000000000.checkpoint.parquet";
  for (const content of ["PAR1", "nothing", ""]) {
    const error = await refusal({ [name]: content, [commitName(1)]: [add("x")] }, ["x"]);
    expect(error).toMatchObject({ code: "INPUT_CORRUPT", fields: { path: `${TABLE}/_delta_log/${name}` } });
  }
});
