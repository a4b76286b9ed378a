import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Table } from "apache-arrow";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { planReductions } from "../../coordinator/plan/plan-reductions.ts";
import { bundleModule } from "../../extensions/code/plan/bundle-module.ts";
import type { ReductionMethods } from "../../extensions/code/threads/reduction-thread-client.ts";
import { UserThread } from "../../extensions/code/threads/user-thread.ts";
import { NEVER } from "../../shared/core/abort.ts";
import { present } from "../../shared/core/assert.ts";
import { digestFile, sha256 } from "../../shared/core/digest.ts";
import { isShardmillError } from "../../shared/core/errors.ts";
import { compiledUrl } from "../../shared/core/package-root.ts";
import { encodeParquet } from "../../shared/dataset/encode.ts";
import { fieldsOf } from "../../shared/dataset/fields.ts";
import { localPathOf, parseLocation } from "../../shared/domain/location.ts";
import { reduceByProgram } from "../../shared/reduce/by-program.ts";
import { createLocalStorage } from "../../shared/storage/local.ts";
import { Combiners } from "../../worker/write/combiners.ts";
import { JobFolder } from "../support/job-folder.ts";
import { query } from "../support/known-answer.ts";
import { runCli } from "../support/processes.ts";
import { smallTable } from "../support/sample-table.ts";

/** Reductions of a user's own code, where workers combine and the coordinator reduces. */

let root: string;
const storage = createLocalStorage();

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "shardmill-reduction-"));
});
afterAll(async () => {
  await storage[Symbol.asyncDispose]();
  await rm(root, { recursive: true });
});

/** Plans a reduction of the code over `id` (int64), `x` (float32) and `name` (every fifth is null). */
async function reductionOf(code: string) {
  const folder = await mkdtemp(join(root, "code-"));
  const source = join(folder, "reduce.ts");
  await writeFile(source, code);
  const bytes = await bundleModule(source, "reduce.own");
  const path = join(folder, "kept.mjs");
  await writeFile(path, bytes);
  const file = { location: parseLocation(path), bytes: bytes.length, sha256: sha256(bytes) };
  const own: object = { module: source };
  const reduce = { own };
  const fields = fieldsOf(smallTable(1).schema);
  const planned = await planReductions(reduce, { fields, files: new Map([[source, file]]), signal: NEVER });
  return {
    folder,
    job: { reduce, reductions: planned, tables: {} },
    reduction: present(planned.own, "the reduction is planned"),
  };
}

/** Combines, writes, reads and reduces the tables, each as a shard. */
async function reduce(code: string, shards: readonly Table[]) {
  const { folder, job, reduction } = await reductionOf(code);
  await using combiner = new Combiners(job, root);
  const scanned: { path: string; bytes: number }[] = [];
  for (const [index, rows] of shards.entries()) {
    const bytes = encodeParquet(await combiner.combine("own", rows, NEVER));
    const path = join(folder, `combined-${index}.parquet`);
    await writeFile(path, bytes);
    scanned.push({ path, bytes: bytes.length });
  }
  const options = { ...optionsIn(folder), scanned, signal: NEVER };
  const rows = await reduceByProgram(reduction, options);
  const { sha256: digest } = await digestFile(options.target, NEVER);
  return { path: options.target, rows, digest, combined: scanned };
}

function optionsIn(folder: string) {
  return { key: "module", target: join(folder, "own.parquet") };
}

const header = 'import { defineReduction, list, nullable, struct, vector } from "shardmill";';

describe("a reduction module", () => {
  it("keeps the types and values of combine's rows for final and for the result", async () => {
    const types = `{
  b: "bool", i8: "int8", i16: "int16?", i32: "int32", i64: "int64", u8: "uint8", u16: "uint16", u32: "uint32?",
  u64: "uint64", h: "float16", f: "float32", d: "float64?", s: "string?", bin: "binary", day: "date",
  at: "timestamp?", l: list("string?"), v: vector("float32", 3), n: nullable(struct({ a: "int32?", b: list("int64") })),
}`;
    const code = `${header}
const types = ${types} as const;
const rows = [
  { b: true, i8: -128, i16: null, i32: 7, i64: 9007199254740993n, u8: 255, u16: 65535, u32: 4294967295,
    u64: 18446744073709551615n, h: 0.5, f: 1.5, d: null, s: "é", bin: Uint8Array.of(0, 255), day: new Date(86400000),
    at: new Date(-1), l: ["a", null], v: [1, 2, 3], n: null },
  { b: false, i8: 127, i16: -5, i32: -7, i64: -1n, u8: 0, u16: 0, u32: null, u64: 0n, h: -2, f: NaN, d: 0.1, s: null,
    bin: new Uint8Array(), day: new Date(0), at: null, l: [], v: [0, -1, 0.5], n: { a: null, b: [1n, 2n] } },
];
export default defineReduction({
  reads: {}, combined: types, columns: types,
  combine: () => rows,
  async final({ rows }) {
    const all = [];
    for await (const row of rows) all.push(row);
    return all;
  },
});`;
    const { path, rows } = await reduce(code, [smallTable(3), smallTable(1)]);
    expect(rows).toBe(4);
    const found = await query(
      `SELECT b, i8, i16, i32, i64, u8, u16, u32, u64, h::FLOAT, f, d, s, bin::VARCHAR, day::VARCHAR, epoch_ms("at"), l, v::FLOAT[3], n
       FROM read_parquet('${path}') LIMIT 2`,
    );
    expect(
      JSON.stringify(found, (_, value) => (typeof value === "bigint" ? `${value}n` : value)),
    ).toMatchInlineSnapshot(
      `"[[true,-128,null,7,"9007199254740993n",255,65535,4294967295,"18446744073709551615n",0.5,1.5,null,"é","\\\\x00\\\\xFF","1970-01-02","-1n",["a",null],[1,2,3],null],[false,127,-5,-7,"-1n",0,0,null,"0n",-2,null,0.1,null,"","1970-01-01",null,[],[0,-1,0.5],{"entries":{"a":null,"b":{"items":["1n","2n"]}}}]]"`,
    );
  });

  it("gives the same bytes in plan order for any record batches", async () => {
    const code = `${header}
export default defineReduction({
  reads: { x: "float32", name: "string?" },
  combined: { sum: "float64", names: list("string?") },
  columns: { at: "int32", sum: "float64", names: "int32" },
  async combine({ batches }) {
    let sum = 0;
    const names = [];
    for await (const batch of batches) {
      let part = 0;
      for (const x of batch.getChild("x")) part += Math.sqrt(x);
      sum += part;
      for (const name of batch.getChild("name")) names.push(name);
    }
    return [{ sum, names }];
  },
  async final({ rows }) {
    const all = [];
    for await (const { sum, names } of rows) all.push({ at: all.length, sum, names: names.length });
    return all;
  },
});`;
    const whole = smallTable(40_000);
    const inPieces = new Table(
      [whole.slice(0, 123), whole.slice(123, 20_000), whole.slice(20_000)].flatMap(({ batches }) => batches),
    );
    const once = await reduce(code, [whole, smallTable(7), smallTable(0)]);
    const again = await reduce(code, [inPieces, smallTable(7), smallTable(0)]);
    expect(again.digest).toBe(once.digest);
    expect(await query(`SELECT "at", names FROM read_parquet('${once.path}')`)).toEqual([
      [0, 40_000],
      [1, 7],
      [2, 0],
    ]);
  });

  const failing = (combine: string, final = "() => []", more = "") => `${header}
export default defineReduction({
  reads: { name: "string" }, combined: { n: "int32" }, columns: { n: "int32" }, ${more}
  combine: ${combine},
  final: ${final},
});`;
  it.each([
    [
      "throws",
      'async () => { throw new RangeError("no"); }',
      "STEP_FAILED",
      "reduce.own.combine: RangeError: no (reduce.ts:4:32)",
    ],
    [
      "ends its thread",
      "() => process.exit(3)",
      "STEP_FAILED",
      "reduce.own.combine ended its thread with exit code 3",
    ],
    ["hangs", "() => { for (;;) {} }", "STEP_FAILED", "reduce.own.combine took longer than 0.5 s"],
    [
      "reads a null that its type does not allow",
      "async ({ rows }) => { for await (const row of rows); return []; }",
      "STEP_INVALID",
      "reduce.own.combine: `name` is null. A type that ends in ? allows nulls",
    ],
  ])(
    "fails with the reason when combine %s",
    async (kind, combine, code, message) => {
      const limit = kind === "hangs" ? "timeoutSeconds: 0.5," : "";
      const { job } = await reductionOf(failing(combine, undefined, limit));
      await using combiner = new Combiners(job, root);
      const error: unknown = await combiner.combine("own", smallTable(9), NEVER).catch((thrown) => thrown);
      expect(error).toMatchObject({ code, message: expect.stringContaining(message) });
    },
    300_000,
  );

  it("combines the next shard in a new thread after its code has ended the thread", async () => {
    const exits = `async ({ batches }) => {
  for await (const { numRows } of batches) if (numRows > 5) process.exit(3);
  return [{ n: 1 }];
}`;
    const { job } = await reductionOf(failing(exits));
    await using combiner = new Combiners(job, root);
    await expect(combiner.combine("own", smallTable(9), NEVER)).rejects.toThrow("ended its thread");
    expect((await combiner.combine("own", smallTable(1), NEVER)).numRows).toBe(1);
  });

  it("fails when it takes more memory than its thread may use, and the process continues", async () => {
    const leaks = failing("() => { const all = []; for (;;) all.push(new Array(1e5).fill({})); }");
    const { reduction } = await reductionOf(leaks);
    const script = compiledUrl("extensions/code/reduction-thread.ts");
    const path = localPathOf(reduction.file.location);
    const thread = new UserThread<ReductionMethods>(script, { path, where: "reduce.own", heapMib: 64 });
    const running = thread.remote.call("run", "combine", { signal: NEVER });
    await expect(running).rejects.toThrow("took more than 64 MiB of memory");
    expect(thread.isLost).toBe(true);
  });

  it("fails with the reason when final throws, and is stopped when the job is aborted", async () => {
    const throws = failing("() => [{ n: 1 }]", 'async () => { throw new Error("not today"); }');
    await expect(reduce(throws, [smallTable(1)])).rejects.toMatchObject({
      code: "STEP_FAILED",
      message: "reduce.own.final: not today (reduce.ts:5:30)",
    });
    const { folder, reduction } = await reductionOf(failing("() => []", "() => { for (;;) {} }"));
    const abort = new AbortController();
    const running = reduceByProgram(reduction, { ...optionsIn(folder), scanned: [], signal: abort.signal });
    setTimeout(() => abort.abort(new Error("called off")), 400);
    await expect(running).rejects.toThrow("called off");
  });

  it.each([
    ["reads an unknown column", failing("() => []").replace("name:", "nam:"), "no column `nam`"],
    [
      "is a step",
      'import { defineStep } from "shardmill"; export default defineStep({ reads: {}, columns: {}, row: () => null });',
      "is not a key of a reduction",
    ],
    [
      "makes columns that differ in case only",
      failing("() => []").replace('columns: { n: "int32" }', 'columns: { n: "int32", N: "int32" }'),
      "differ in case only",
    ],
  ])("is refused while planning when it %s", async (_, code, what) => {
    const error: unknown = await reductionOf(code).catch((thrown: unknown) => thrown);
    if (!isShardmillError(error, "STEP_INVALID")) throw error;
    expect(error.problems[0]?.what).toContain(what);
  });
});

test("a job with a reduction module gives the same result as SQL, and its plan shows the module", async () => {
  await using job = await JobFolder.make({
    spec: {
      output: { path: "./out", rows: "none" },
      reduce: {
        own: { module: "./counts.ts" },
        counts: {
          combine: "SELECT best, count(*) AS n FROM rows GROUP BY best",
          final: "SELECT best, sum(n)::INTEGER AS n FROM partials GROUP BY best ORDER BY best",
        },
      },
    },
  });
  await job.write(
    "counts.ts",
    `import { defineReduction } from "shardmill";
type Count = { best: number; n: number };
async function add(rows: AsyncIterable<{ best: number; n?: number }>): Promise<Count[]> {
  const counts = new Map<number, number>();
  for await (const { best, n = 1 } of rows) counts.set(best, (counts.get(best) ?? 0) + n);
  return [...counts].map(([best, n]) => ({ best, n })).sort((a, b) => a.best - b.best);
}
export default defineReduction({
  reads: { best: "int32" },
  combined: { best: "int32", n: "int32" },
  columns: { best: "int32", n: "int32" },
  combine: ({ rows }) => add(rows),
  final: ({ rows }) => add(rows),
});`,
  );
  const planned = await runCli(["plan", job.job]);
  expect(planned.stdout).toMatch(/reduce\.own +best +best, n +best, n/);
  expect(planned.stdout).toMatch(/reduce\.own: module \S+counts\.ts \(\S+ KiB, sha256 [0-9a-f]{12}\)/);
  const run = await runCli(["run", job.job, "--workers", "2", "--json"]);
  expect(run).toMatchObject({ code: 0 });
  const rowsOf = (name: string) =>
    query(`SELECT best, n FROM read_parquet('${job.out}/_reduced/${name}.pq')`);
  expect(await rowsOf("own")).toEqual(await rowsOf("counts"));
  const manifest = JSON.parse(await readFile(join(job.out, "_manifest.json"), "utf8"));
  expect(manifest.files.map(({ path }: { path: string }) => path)).toEqual([
    "_reduced/own.pq",
    "_reduced/counts.pq",
  ]);
});
