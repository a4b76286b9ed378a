import { expect, test } from "vitest";
import { type AdviceFacts, adviceFor } from "../../../../coordinator/insight/advice.ts";
import { BOTTLENECKS } from "../../../../shared/domain/bottleneck.ts";
import { aTaskRun } from "../../../support/job-status.ts";
import { needs } from "../../../support/needs.ts";
import { aRate } from "../../../support/store-counts.ts";

function facts(changes: Partial<AdviceFacts> = {}, usage: Partial<AdviceFacts["usage"]> = {}): AdviceFacts {
  return {
    usage: {
      stages: { infer: 0.95 },
      absentMs: 0,
      doingMs: { starting: 0, working: 1, awaitingCoordinator: 0, awaitingShards: 0 },
      shards: 100,
      slots: 8,
      ...usage,
    },
    rows: 1_000_000,
    files: 10,
    padding: null,
    batch: null,
    workers: 4,
    workersHere: 4,
    device: "cuda",
    isConverted: false,
    stores: [],
    tasks: [],
    ...changes,
  };
}

test("every bottleneck has its own advice of one line", () => {
  const all = BOTTLENECKS.map((bottleneck) => adviceFor(bottleneck, facts()));
  expect(new Set(all).size).toBe(BOTTLENECKS.length);
  for (const text of all) expect(text).toMatch(/^[^\n]+[^.]$/);
});

test("the advice for a read or decode bottleneck names an input of tiny files", () => {
  const tiny = facts({ rows: 400_000, files: 100_000 });
  for (const bottleneck of ["read", "decode"] as const)
    expect(adviceFor(bottleneck, tiny)).toContain("100,000 files of 4 rows");
  expect(adviceFor("infer", tiny)).toBe(adviceFor("infer", facts()));
  expect(adviceFor("decode", facts({ rows: 4, files: 1 }))).toBe(adviceFor("decode", facts()));
});

needs("convert")(
  "the advice is fp16 for a busy GPU and int8 for a busy CPU, unless the model is converted already",
  () => {
    expect(adviceFor("infer", facts())).toContain("fp16");
    expect(adviceFor("infer", facts({ device: "cpu" }))).toContain("int8");
    expect(adviceFor("infer", facts({ isConverted: true }))).toBe(
      "the model is the bottleneck: use more devices, or a smaller model",
    );
  },
);

test("the advice for a CPU mentions other stages that use much of its cores", () => {
  const cpu = facts({ device: "cpu" }, { stages: { infer: 0.95, decode: 0.2, encode: 0.2 } });
  expect(adviceFor("infer", cpu)).toContain("other stages share its cores");
  expect(adviceFor("infer", facts({ device: "cpu" }))).not.toContain("cores");
});

test("the advice for a long reduction names the heaviest key of uneven tasks", () => {
  const heavyKeys = [{ key: "user_id = 17", rows: 340 }];
  const tasks = [aTaskRun(), aTaskRun({ reduction: "pages", heavyKeys })];
  expect(adviceFor("reduce", facts({ tasks }))).toContain(
    "in reduce.pages user_id = 17 has 34 % of the rows: ",
  );
  expect(adviceFor("reduce", facts({ tasks: [aTaskRun()] }))).toContain("`by` divides it");
});

test("the advice for a job without workers is to start one, whatever the bottleneck", () => {
  for (const bottleneck of BOTTLENECKS)
    expect(adviceFor(bottleneck, facts({ workersHere: 0 }))).toContain("shardmill worker --coordinator");
});

test("advice about tiny shards precedes other advice, unless the job is starting or has few shards", () => {
  const tiny = facts({ rows: 6_000 }, { shards: 3_000, slots: 2 });
  for (const bottleneck of ["store", "encode", "infer", "coordinator"] as const)
    expect(adviceFor(bottleneck, tiny)).toBe(
      "3,000 shards of 2 rows cost more to assign and commit than to map: raise input.shardRows to about 370, or remove it",
    );
  expect(adviceFor("start", tiny)).not.toContain("shardRows");
  expect(adviceFor("store", facts({ rows: 20 }, { shards: 10, slots: 2 }))).not.toContain("shardRows");
});

test("advice about much padding precedes advice about devices", () => {
  expect(adviceFor("infer", facts({ padding: 0.4 }))).toContain("40 % of its input is padding");
  expect(adviceFor("infer", facts({ padding: 0.1 }))).not.toContain("padding");
});

test("advice about too few shards states their number, and how many rows a shard should have", () => {
  expect(adviceFor("shards", facts({}, { shards: 5 }))).toBe(
    "5 shards are too few for 4 workers: set input.shardRows to about 15000, or use fewer workers",
  );
  expect(adviceFor("shards", facts({ rows: 3, workers: 1 }, { shards: 1, slots: 2 }))).toBe(
    "1 shard is too few for 1 worker: set input.shardRows to about 1",
  );
  expect(adviceFor("shards", facts({ rows: 1, workers: 1 }, { shards: 1, slots: 2 }))).toBe(
    "1 shard is too few for 1 worker: with more rows, this matters less",
  );
  // A shard of one row cannot be cut.
  expect(adviceFor("shards", facts({ rows: 5 }, { shards: 5 }))).toBe(
    "5 shards are too few for 4 workers: use fewer workers",
  );
});

test("the advice for a slow start depends on whether workers were connected", () => {
  expect(adviceFor("start", facts({}, { absentMs: 10 }))).toContain("no worker was connected");
  expect(adviceFor("start", facts())).toContain("the workers were starting");
});

test("advice about a small fixed batch comes first if the model or its thread is the bottleneck", () => {
  const fixed = (rows: number) => facts({ batch: { rows, length: null, bound: "model" } });
  for (const limit of ["infer", "tensorize", "collect"] as const) {
    expect(adviceFor(limit, fixed(1))).toMatch(
      /^the model's batch is fixed to 1 row: export it with an open batch/,
    );
    expect(adviceFor(limit, fixed(8))).toContain("fixed to 8 rows");
    expect(adviceFor(limit, fixed(64))).toBe(adviceFor(limit, facts()));
    const bySpeed = facts({ batch: { rows: 1, length: null, bound: "speed" } });
    expect(adviceFor(limit, bySpeed)).toBe(adviceFor(limit, facts()));
  }
  expect(adviceFor("decode", fixed(1))).toBe(adviceFor("decode", facts()));
});

test("the advice for a wait on a store names the store and its speed", () => {
  const stores = [aRate("s3://photos", { readBytesPerSecond: 90 << 20, writtenBytesPerSecond: 1 })];
  expect(adviceFor("read", facts({ stores }))).toMatch(
    /^reading s3:\/\/photos \(90.0 MiB\/s in .*use more workers/,
  );
  expect(adviceFor("store", facts({ stores }))).toMatch(/^writing to s3:\/\/photos \(1 B\/s in /);
  expect(adviceFor("infer", facts({ stores }))).toBe(adviceFor("infer", facts()));
  const tiny = facts({ rows: 400_000, files: 100_000, stores });
  expect(adviceFor("read", tiny)).toMatch(/^opening 100,000 files of 4 rows of s3:\/\/photos \(90/);
});
