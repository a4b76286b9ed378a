import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { Binary, Int32, vectorFromArray } from "apache-arrow";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { packageRoot } from "../../shared/core/package-root.ts";
import { fieldsOf } from "../../shared/dataset/fields.ts";
import type { JobStores } from "../../shared/domain/job-stores.ts";
import type { Extension } from "../../shared/extension/extension.ts";
import { stepContract } from "../contract/step-contract.ts";
import { only, tableOf } from "../support/sample-table.ts";

const LENGTH = 4;
const SCRATCH = join(packageRoot, ".scratch");

let folder: string;
let sample: Extension;

/** Returns the files of the page, by name. */
async function filesOfPage(): Promise<ReadonlyMap<string, string>> {
  const page = await readFile(join(packageRoot, "docs", "extensions.md"), "utf8");
  const blocks = page.matchAll(/```ts\n\/\/ extensions\/vectors\/(\S+)\n(.*?)```/gs);
  return new Map([...blocks].map(([, name = "", text = ""]) => [name, text]));
}

beforeAll(async () => {
  await mkdir(SCRATCH, { recursive: true });
  // As deep as `extensions/vectors`, so that its relative imports resolve.
  folder = await mkdtemp(join(SCRATCH, "vectors-"));
  for (const [name, text] of await filesOfPage()) await writeFile(join(folder, name), text);
  const loaded = (await import(pathToFileURL(join(folder, "extension.ts")).href)) as { vectors: Extension };
  sample = loaded.vectors;
  vi.doMock("#extensions", () => ({ EXTENSIONS: [sample] }));
  vi.resetModules();
});
afterAll(async () => {
  vi.doUnmock("#extensions");
  await rm(folder, { recursive: true, force: true });
});

const vectorOf = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer);

function someRows() {
  const cells = Array.from({ length: 12 }, (_, row) => {
    if (row % 5 === 3) return null;
    return row % 4 === 2 ? new Uint8Array(row) : vectorOf(row, row / 2, -row, 0);
  });
  const [batch] = tableOf({
    id: only(vectorFromArray([...cells.keys()], new Int32())),
    file: only(vectorFromArray(cells, new Binary())),
  }).batches;
  if (batch === undefined) throw new Error("the table has no record batch");
  return batch;
}

/** Plans the key of a job file as the coordinator does, with only this extension. */
async function planned(vector: object, dims: readonly (string | number)[] = ["n", LENGTH]) {
  const { mapSpec } = await import("../../shared/domain/map-spec.ts");
  const { planInputSteps } = await import("../../coordinator/plan/input-steps/plan-input-steps.ts");
  const { inputs } = mapSpec.parse({ inputs: { x: { column: "file", vector } } });
  return await planInputSteps(inputs, {
    fields: fieldsOf(someRows().schema),
    signature: { inputs: [{ name: "x", dtype: "float32", dims }], outputs: [], unusable: [] },
    ...{ folder: null, files: new Map(), descriptions: new Map(), signal: new AbortController().signal },
  });
}

describe("the extension in docs/extensions.md", () => {
  test("compiles without errors", { timeout: 120_000 }, async () => {
    const config = join(folder, "tsconfig.json");
    const options = { noEmit: true, allowImportingTsExtensions: true };
    await writeFile(
      config,
      JSON.stringify({ extends: "../../tsconfig.json", compilerOptions: options, include: ["*.ts"] }),
    );
    const tsc = join(packageRoot, "node_modules", "typescript", "bin", "tsc");
    await promisify(execFile)(process.execPath, [tsc, "-p", config]);
  });

  test("plans a step and the input that the step feeds", async () => {
    const { steps, inputs } = await planned({ length: LENGTH });
    expect(steps[0]?.op).toEqual({
      ...{ kind: "feature", feature: "vector", cells: { kind: "bytes" } },
      data: { column: "shardmill:x", length: LENGTH },
    });
    expect(inputs.x).toMatchObject({ column: "shardmill:x", shape: [LENGTH] });
  });

  test("refuses an invalid option and names its key", async () => {
    await expect(planned({ length: 5 })).rejects.toMatchObject({
      code: "SPEC_INVALID",
      problems: [{ where: "map.inputs.x.vector.length", found: "5" }],
    });
    await expect(planned({ length: LENGTH, size: 1 })).rejects.toThrow("size");
  });

  test("names the rows that it cannot use, each with its reason", async () => {
    const { steps } = await planned({ length: LENGTH });
    const { openStep } = await import("../../shared/steps/open-step.ts");
    const [step] = steps;
    if (step === undefined) throw new Error("no step is planned");
    const stores: JobStores = { settings: {}, addresses: {}, isGuarded: false };
    await using opened = await openStep(step, { scratchPath: "unused", stores });
    const { failed = [] } = await opened.run(someRows(), new AbortController().signal);
    expect(failed.map(({ row, code }) => `${row} ${code}`)).toEqual([
      ...["2 ROW_VALUE", "3 ROW_NULL", "6 ROW_VALUE", "8 ROW_NULL", "10 ROW_VALUE"],
    ]);
    expect(failed[0]?.message).toBe("the vector in column `file` has 2 bytes, not 16");
  });

  stepContract("the sample extension", async () => {
    const { steps } = await planned({ length: LENGTH });
    const { openStep } = await import("../../shared/steps/open-step.ts");
    const [plan] = steps;
    if (plan === undefined) throw new Error("no step is planned");
    return { plan, open: (options) => openStep(plan, options), rows: someRows() };
  });
});

test("docs/extensions.md names exactly the files of the sample", async () => {
  expect([...(await filesOfPage()).keys()]).toEqual(["extension.ts", "plan.ts", "step.ts"]);
});
