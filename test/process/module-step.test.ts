import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type RecordBatch, Table } from "apache-arrow";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bundleModule } from "../../extensions/code/plan/bundle-module.ts";
import { planStep } from "../../extensions/code/plan/plan-module.ts";
import { openModuleStep } from "../../extensions/code/threads/module-step.ts";
import { NEVER } from "../../shared/core/abort.ts";
import { present } from "../../shared/core/assert.ts";
import { sha256 } from "../../shared/core/digest.ts";
import { isShardmillError } from "../../shared/core/errors.ts";
import { fieldsOf } from "../../shared/dataset/fields.ts";
import { parseLocation } from "../../shared/domain/location.ts";
import { applyStep } from "../../shared/steps/apply-step.ts";
import type { Step } from "../../shared/steps/step.ts";
import { type StepUnderTest, stepContract } from "../contract/step-contract.ts";
import { plainRows, smallTable } from "../support/sample-table.ts";

const WHERE = "map.prepare[0]";
let root: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "shardmill-modules-"));
});

afterAll(async () => {
  await rm(root, { recursive: true });
});

/** Plans a step of the code over `id` (int64), `x` (float32) and `name` (every fifth is null). */
async function stepOf(code: string, rowCount = 40, files: Readonly<Record<string, string>> = {}) {
  const folder = await mkdtemp(join(root, "step-"));
  for (const [name, text] of Object.entries({ "steps.ts": code, ...files })) {
    await writeFile(join(folder, name), text);
  }
  const bytes = await bundleModule(join(folder, "steps.ts"), WHERE);
  const path = join(folder, "kept.mjs");
  await writeFile(path, bytes);
  const file = { location: parseLocation(path), bytes: bytes.length, sha256: sha256(bytes) };
  const rows = present(smallTable(rowCount).batches[0], "one record batch");
  const fields = fieldsOf(rows.schema);
  const context = { where: WHERE, files: new Map([["./steps.ts", file]]), descriptions: new Map(), fields };
  const { data, ...rest } = await planStep("./steps.ts", { ...context, folder: null, signal: NEVER });
  const plan = { where: WHERE, op: { kind: "extension", step: "module", data }, ...rest } as const;
  const open = (options: { readonly scratchPath: string }) =>
    openModuleStep(plan, Number(data.timeoutSeconds), { ...options, paths: [path] });
  return { plan, open, rows } satisfies StepUnderTest;
}

async function run(code: string, rowCount = 10, files: Readonly<Record<string, string>> = {}) {
  const on = await stepOf(code, rowCount, files);
  const scratchPath = await mkdtemp(join(root, "scratch-"));
  await using step = await on.open({ scratchPath });
  return await runOn(step, on, on.rows);
}

async function runOn(step: Step, { plan }: StepUnderTest, rows: RecordBatch, signal = NEVER) {
  const { batch, sources, failed } = await applyStep(step, plan, rows, signal);
  const dead = new Set(failed.map(({ row }) => row));
  const made = plainRows(new Table([batch])) as Record<string, unknown>[];
  const of = (row: number) => (sources === null ? row : sources[row]);
  return {
    made: made.filter((_, row) => !dead.has(row)),
    failed: failed.map(({ row, code, message }) => ({ row: of(row), code, message })),
  };
}

const header = 'import { defineStep, fail, list } from "shardmill";';

stepContract("a module with a row function", () =>
  stepOf(`${header}
export default defineStep({
  reads: { id: "int64", x: "float32", name: "string?" },
  columns: { twice: "float64", letters: list("string"), name: "string?" },
  concurrency: 3,
  async row({ id, x, name }) {
    if (id % 7n === 3n) return null;
    if (id % 2n === 0n) await new Promise((resolve) => setTimeout(resolve, Number(id % 3n)));
    const made = { twice: x * 2, letters: [...(name ?? "")], name };
    return id % 5n === 1n ? [made, { ...made, name: "again" }] : made;
  },
});`),
);

stepContract("a module with a batch function", () =>
  stepOf(`${header}
import { type Vector } from "apache-arrow";
export default defineStep({
  reads: { id: "int64", x: "float32" },
  columns: { x: "float32", twice: "float32" },
  batch(batch) {
    const ids = Array.from(batch.getChild("id") as Vector, Number);
    const xs = Array.from(batch.getChild("x") as Vector, Number);
    const sources = ids.flatMap((id, row) => (id % 3 === 0 ? [] : id % 3 === 1 ? [row] : [row, row]));
    return { columns: { x: sources.map((row) => xs[row] ?? 0), twice: sources.map((row) => (xs[row] ?? 0) * 2) }, sources };
  },
});`),
);

describe("a module", () => {
  it("reports where in the user's files it threw, and only that row fails", async () => {
    const { made, failed } = await run(
      `${header}
import { check } from "./lib.ts";
export default defineStep({
  reads: { id: "int64" },
  columns: { n: "int32" },
  row: ({ id }) => ({ n: check(Number(id)) }),
});`,
      5,
      {
        "lib.ts": `import { fail } from "shardmill";
type Whole = number;

export function check(n: Whole): number {
  if (n === 1) fail("one is refused");
  if (n === 3) throw new RangeError("three");
  return n * 10;
}`,
      },
    );
    expect(made.map(({ n }) => n)).toEqual([0, 20, 40]);
    expect(failed).toEqual([
      { row: 1, code: "ROW_FAILED", message: `${WHERE}: one is refused (lib.ts:5:16)` },
      { row: 3, code: "ROW_FAILED", message: `${WHERE}: RangeError: three (lib.ts:6:22)` },
    ]);
  });

  it.each([
    ["hangs", 0.5, "for (;;) {}", "took longer than 0.5 s"],
    ["ends its thread", 60, "process.exit(3)", "ended its thread with exit code 3"],
  ])(
    "fails only the row for which it %s",
    async (_, timeoutSeconds, statement, message) => {
      const { made, failed } = await run(`${header}
export default defineStep({
  reads: { id: "int64" },
  columns: { n: "int64" },
  timeoutSeconds: ${timeoutSeconds},
  concurrency: 4,
  async row({ id }) {
    await null;
    if (id === 2n) { ${statement} }
    return { n: id };
  },
});`);
      expect(made.map(({ n }) => n)).toEqual(["0n", "1n", "3n", "4n", "5n", "6n", "7n", "8n", "9n"]);
      expect(failed).toMatchObject([{ row: 2, code: "ROW_FAILED" }]);
      expect(failed[0]?.message).toContain(`${WHERE} ${message}`);
    },
    300_000,
  );

  it("fails the rows of the record batch in which it hangs", async () => {
    const { made, failed } = await run(`${header}
export default defineStep({ reads: {}, columns: {}, timeoutSeconds: 0.5, batch() { for (;;) {} } });`);
    expect(made).toEqual([]);
    expect(failed).toHaveLength(10);
  });

  it("opens once for all record batches, and closes what it opened", async () => {
    const path = join(root, "told.txt");
    const on = await stepOf(`${header}
import { appendFileSync } from "node:fs";
export default defineStep({
  reads: {},
  columns: { opened: "int32" },
  async open({ where }) {
    appendFileSync(${JSON.stringify(path)}, \`open \${where}\\n\`);
    return { rows: 0 };
  },
  close: ({ rows }) => appendFileSync(${JSON.stringify(path)}, \`close after \${rows}\\n\`),
  row: (_, { state }) => ({ opened: ++state.rows }),
});`);
    const scratchPath = await mkdtemp(join(root, "scratch-"));
    const step = await on.open({ scratchPath });
    await runOn(step, on, on.rows.slice(0, 3));
    const { made } = await runOn(step, on, on.rows.slice(3, 5));
    expect(made.map(({ opened }) => opened)).toEqual([4, 5]);
    await step[Symbol.asyncDispose]();
    expect(await readFile(path, "utf8")).toBe(`open ${WHERE}\nclose after 5\n`);
    expect(await readdir(scratchPath)).toEqual([]);
  });

  it("fails with STEP_FAILED and the reason when it cannot open", async () => {
    const code = `${header}
export default defineStep({ reads: {}, columns: {}, async open() { throw new Error("no such host"); }, row: () => ({}) });`;
    const error: unknown = await run(code).catch((thrown: unknown) => thrown);
    expect(isShardmillError(error, "STEP_FAILED")).toBe(true);
    expect(String(error)).toContain(`${WHERE}: \`open\` failed: no such host (steps.ts:2:`);
  });

  it("is stopped when its rows are aborted, and then runs other rows", async () => {
    const on = await stepOf(`${header}
export default defineStep({
  reads: { id: "int64" },
  columns: { n: "int64" },
  row({ id }) {
    if (id === 0n) for (;;) {}
    return { n: id };
  },
});`);
    await using step = await on.open({ scratchPath: await mkdtemp(join(root, "scratch-")) });
    const abort = new AbortController();
    const running = runOn(step, on, on.rows, abort.signal);
    setTimeout(() => abort.abort(new Error("enough")), 500);
    await expect(running).rejects.toThrow("enough");
    const { made } = await runOn(step, on, on.rows.slice(1, 3));
    expect(made.map(({ n }) => n)).toEqual(["1n", "2n"]);
  });
});

describe("a module that is planned", () => {
  const problemsOf = async (code: string, files: Readonly<Record<string, string>> = {}) => {
    const error: unknown = await stepOf(code, 1, files).catch((thrown: unknown) => thrown);
    if (!isShardmillError(error, "STEP_INVALID")) throw error;
    return error.problems;
  };
  const step = (rest: string) => `${header} export default defineStep({ ${rest} });`;

  it("is the same bundle in any folder", async () => {
    const code = step("reads: {}, columns: {}, row: () => ({})");
    const digests = await Promise.all([stepOf(code), stepOf(code)]);
    expect(digests[0].plan.files[0]?.sha256).toBe(digests[1].plan.files[0]?.sha256);
    expect(digests[0].plan.files[0]?.location).not.toBe(digests[1].plan.files[0]?.location);
  });

  it.each([
    ["does not compile", "const a = ;", { where: "steps.ts:1:11", what: 'unexpected ";"\n  const a = ;' }],
    [
      "imports a missing file",
      'import { x } from "./nope.ts"; x();',
      { where: "steps.ts:1:19", what: expect.stringContaining('could not resolve "./nope.ts"') },
    ],
    [
      "imports native code",
      'import "./addon.node";',
      {
        where: "steps.ts:1:8",
        what: expect.stringContaining("addon.node is native code, which is not bundled"),
      },
    ],
    [
      "imports a package with native code",
      `import { InferenceSession } from ${JSON.stringify(join(process.cwd(), "node_modules/onnxruntime-node/dist/index.js"))}; InferenceSession.create("");`,
      {
        where: expect.stringContaining("onnxruntime-node/dist/binding.js"),
        what: expect.stringContaining("onnxruntime-node is native code"),
      },
    ],
    [
      "names a file next to it",
      'export const a = new URL("./a.bin", import.meta.url);',
      {
        where: "steps.ts:1:37",
        what: expect.stringContaining("import.meta.url refers to a place on this machine"),
      },
    ],
    [
      "throws when it is loaded",
      'const a = 1;\nthrow new Error("no");',
      { what: "cannot be loaded: no (steps.ts:2:7)" },
    ],
    ["has no default export", "export const a = 1;", { what: expect.stringContaining("no default export") }],
    [
      "has neither row nor batch",
      step("reads: {}, columns: {}"),
      { what: "a step needs either `row` or `batch`" },
    ],
    [
      "does not declare what it reads",
      step("columns: {}, row: () => ({})"),
      { what: expect.stringContaining("`reads` is missing") },
    ],
    [
      "declares an invalid type",
      step('reads: { x: "float23" }, columns: {}, row: () => ({})'),
      { what: expect.stringContaining("reads: `x`: expected one of") },
    ],
    [
      "reads a missing column",
      step('reads: { nam: "string" }, columns: {}, row: () => ({})'),
      { what: "no column `nam`", hint: "did you mean `name`?" },
    ],
    [
      "reads a column as another type",
      step('reads: { x: "float64" }, columns: {}, row: () => ({})'),
      { what: '`x` cannot be read as "float64"', expected: '"float32"', found: "float32" },
    ],
    [
      "makes a column whose name differs only in case",
      step('reads: {}, columns: { Name: "string" }, row: () => ({ Name: "" })'),
      { what: "`Name` and `name` differ in case only" },
    ],
  ])("is refused with the problem when it %s", async (_, code, problem) => {
    const problems = await problemsOf(code, { "addon.node": "" });
    expect(problems[0]).toMatchObject(problem);
  });
});
