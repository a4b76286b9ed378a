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

/** Those whose columns hold what tensors are made of. */
export const TENSOR_WORKLOADS = ["flights", "encoder", "vision"] as const;
export type TensorWorkloadName = (typeof TENSOR_WORKLOADS)[number];

export const WORKLOADS = [...TENSOR_WORKLOADS, "text", "photos"] as const;
export type WorkloadName = (typeof WORKLOADS)[number];

const RECIPES = { flights, encoder, vision, text, photos } as const satisfies Record<
  WorkloadName,
  WorkloadRecipe
>;

/**
 * A dataset, a model and a job on disk, which benches share: made once, then found. Nobody writes into its
 * folder but `out/`.
 */
export interface Workload<Name extends WorkloadName = WorkloadName> {
  readonly name: Name;
  readonly about: string;
  readonly folder: string;
  readonly jobPath: string;
  readonly modelPath: string;
  /** A folder of `part-*.parquet`, in order. */
  readonly inputPath: string;
  readonly rows: number;
  readonly inputs: readonly WorkloadInput[];
  /** The int64 column that names a row, in the input and in the output: 0, 1, 2, ... in the files' order. */
  readonly key: "id";
  /** The columns that the job carries over, `key` among them. */
  readonly kept: readonly string[];
  /** The columns that the job makes, beside those it keeps. */
  readonly outputs: readonly WorkloadOutput[];
}

/** Where workloads lie: git-ignored, a few hundred megabytes. */
export const WORKLOADS_FOLDER = join(packageRoot, "bench", ".data");

interface PrepareOptions {
  readonly rows?: number;
  /** Left out: `bench/.data`. */
  readonly folder?: string;
}

/**
 * The workload with so many rows, made if it is not there. It appears by one rename, so that one that was
 * half made when something broke is never taken for whole.
 *
 * @throws when it has fewer rows than asked for
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
    // On the CPU unless told otherwise: with `auto` the same command would measure something else on each
    // machine.
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
