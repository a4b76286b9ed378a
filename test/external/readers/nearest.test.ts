import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { Table } from "apache-arrow";
import { expect, test } from "vitest";
import { findSet } from "../../../extensions/nearest/find-set.ts";
import { type Metric, madeTypes, type NearestOp } from "../../../extensions/nearest/op.ts";
import { packSet } from "../../../extensions/nearest/pack-set.ts";
import { PackedSet } from "../../../extensions/nearest/packed-set.ts";
import { digestFile } from "../../../shared/core/digest.ts";
import { packageRoot } from "../../../shared/core/package-root.ts";
import { withTempFolder } from "../../../shared/core/temp-folder.ts";
import { openDatasetFile } from "../../../shared/dataset/open-dataset-file.ts";
import { NO_STORES } from "../../../shared/domain/job-stores.ts";
import { parseLocation } from "../../../shared/domain/location.ts";
import { openStep } from "../../../shared/steps/open-step.ts";
import { createLocalStorage } from "../../../shared/storage/local.ts";
import { byteSource } from "../../../shared/storage/storage.ts";
import { fieldOfType } from "../../../shared/values/value-type.ts";
import { plainRows } from "../../support/sample-table.ts";

/** Neighbours in generated sets, judged by NumPy. `npm run readers` installs it. */

const SCRIPT = join(packageRoot, "test", "external", "readers", "nearest.py");
const PYTHON = join(process.env.SHARDMILL_FOREIGN ?? "", "python", "bin", "python");
const { signal } = new AbortController();

const numpy = async (...args: string[]) => (await promisify(execFile)(PYTHON, [SCRIPT, ...args])).stdout;

interface Case {
  readonly name: string;
  readonly k: number;
  readonly metric: Metric;
}

/** Packs the set of a case, and returns the neighbours of its rows. */
async function neighbours(folder: string, { name, k, metric }: Case): Promise<readonly unknown[]> {
  const place = (end: string) => join(folder, `${name}-${end}`);
  const [target, stores] = [place("set.arrow"), NO_STORES];
  const columns = { vector: "vector", id: "id" };
  const named = { where: "step", path: place("set.parquet"), stores, ...columns };
  const found = await findSet(named, { ownInput: true, signal });
  if ("problems" in found) throw new Error(JSON.stringify(found));
  const question = { ...columns, ...found, where: "step.among", metric, target, mostBytes: 2 ** 30 };
  expect(await packSet(question, signal)).toEqual([]);
  await using set = await PackedSet.open(target);
  const file = { location: parseLocation(target), ...(await digestFile(target, signal)) };
  const op: NearestOp = { ...set.facts, column: "vector", as: "nearest", k, metric };
  const made = madeTypes(op).map((type) => ({ ...fieldOfType(type), from: null }));
  const binding = { kind: "extension", step: "nearest", data: { ...op } } as const;
  const plan = { where: "step", op: binding, files: [file], reads: ["vector"], columns: made };
  await using step = await openStep(plan, { scratchPath: folder, stores });
  await using storage = createLocalStorage();
  const path = parseLocation(place("rows.parquet"));
  const { bytes } = await storage.stat(path, signal);
  using opened = await openDatasetFile(byteSource(storage, path, bytes), "parquet", signal);
  const rows: unknown[] = [];
  for await (const batch of opened.read({ rowStart: 0, rowEnd: opened.rows, columns: ["vector"], signal }))
    rows.push(...plainRows(new Table([(await step.run(batch, signal)).made])));
  return rows;
}

test.each([1, 2])("NumPy finds the same neighbours, seed %i", (seed) =>
  withTempFolder("nearest", async (folder) => {
    await numpy("make", folder, String(seed));
    const cases: readonly Case[] = JSON.parse(await readFile(join(folder, "cases.json"), "utf8"));
    for (const each of cases) {
      const found = JSON.stringify(await neighbours(folder, each)).replace(/"(\d+)n"/g, "$1");
      await writeFile(join(folder, `${each.name}.json`), found);
    }
    const { wrong, compared, near } = JSON.parse(await numpy("judge", folder));
    expect(wrong).toEqual([]);
    expect(near).toBeLessThan(compared / 50);
    expect(compared).toBe(20 * cases.length);
  }),
);
