import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import { packageRoot } from "../../shared/core/package-root.ts";
import { encoder } from "./encoder.ts";
import { flights } from "./flights.ts";
import { photos } from "./photos.ts";
import type { WorkloadInput, WorkloadOutput, WorkloadRecipe } from "./recipe.ts";
import { text } from "./text.ts";
import { vision } from "./vision.ts";

/** Workloads whose columns hold numbers for tensors. */
export const TENSOR_WORKLOADS = ["flights", "encoder", "vision"] as const;
export type TensorWorkloadName = (typeof TENSOR_WORKLOADS)[number];

export const WORKLOADS = [...TENSOR_WORKLOADS, "text", "photos"] as const;
export type WorkloadName = (typeof WORKLOADS)[number];

const RECIPES = { flights, encoder, vision, text, photos } as const satisfies Record<
  WorkloadName,
  WorkloadRecipe
>;

/** Dataset, model and job on disk, made once and shared by benches, which write only into `out/`. */
export interface Workload<Name extends WorkloadName = WorkloadName> {
  readonly name: Name;
  readonly about: string;
  readonly folder: string;
  readonly jobPath: string;
  readonly modelPath: string;
  /** Folder of `part-*.parquet`, in order. */
  readonly inputPath: string;
  readonly rows: number;
  readonly inputs: readonly WorkloadInput[];
  /** Name of the int64 column that identifies a row, in input and output: 0, 1, 2, ... in file order. */
  readonly key: "id";
  /** Columns that the job keeps, `key` among them. */
  readonly kept: readonly string[];
  /** Columns that the job makes, besides the kept ones. */
  readonly outputs: readonly WorkloadOutput[];
}

/** Folder of all workloads: git-ignored, a few hundred megabytes. */
export const WORKLOADS_FOLDER = join(packageRoot, "bench", ".data");

interface PrepareOptions {
  readonly rows?: number;
  /** Parent folder. Default: `bench/.data`. */
  readonly folder?: string;
}

/**
 * Returns the workload with `rows` rows, and makes it if it does not exist. One rename publishes it, so that
 * an interrupted one never counts as complete.
 *
 * @throws when the workload supports fewer rows
 */
export async function prepareWorkload<Name extends WorkloadName>(
  name: Name,
  options: PrepareOptions = {},
): Promise<Workload<Name>> {
  const recipe: WorkloadRecipe = RECIPES[name];
  const { rows = recipe.defaultRows, folder: root = WORKLOADS_FOLDER } = options;
  if (!Number.isSafeInteger(rows) || rows < 1 || rows > recipe.maxRows)
    throw new Error(`${name} has 1 to ${recipe.maxRows} rows, not ${rows}`);
  const folder = join(root, `${name}-${rows}`);
  if (!(await isMade(folder, recipe))) await make(recipe, name, rows, folder);
  return {
    name,
    about: recipe.about,
    folder,
    jobPath: join(folder, "job.yaml"),
    modelPath: join(folder, "model.onnx"),
    inputPath: join(folder, "data"),
    rows,
    inputs: recipe.inputs,
    key: "id",
    kept: recipe.kept,
    outputs: recipe.outputs,
  };
}

const MARK = "workload.json";

async function isMade(folder: string, { version }: WorkloadRecipe): Promise<boolean> {
  const path = join(folder, MARK);
  return existsSync(path) && JSON.parse(await readFile(path, "utf8")).version === version;
}

async function make(recipe: WorkloadRecipe, name: string, rows: number, folder: string): Promise<void> {
  const draft = `${folder}.${process.pid}.tmp`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(join(draft, "data"), { recursive: true });
  try {
    await recipe.writeRows(join(draft, "data"), rows);
    await writeFile(join(draft, "model.onnx"), await recipe.model());
    const files = (await recipe.files?.()) ?? {};
    for (const [path, bytes] of Object.entries(files)) await writeFile(join(draft, path), bytes);
    await writeFile(join(draft, "job.yaml"), stringify(jobOf(recipe, name)));
    await writeFile(join(draft, MARK), JSON.stringify({ version: recipe.version }));
    await rm(folder, { recursive: true, force: true });
    await rename(draft, folder);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

function jobOf({ map, kept, outputs }: WorkloadRecipe, name: string): Record<string, unknown> {
  return {
    name,
    input: { path: "./data/*.parquet" },
    // The CPU by default: `auto` would measure another device on each machine.
    model: { path: "./model.onnx", device: "cpu" },
    map: {
      ...map,
      keep: kept,
      outputs: Object.fromEntries(
        outputs.map(({ column, tensor, op, keys }) => [column, { tensor, op, ...keys }]),
      ),
    },
    output: { path: "./out" },
  };
}
