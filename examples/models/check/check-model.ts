import { execFileSync } from "node:child_process";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { packageRoot } from "../../../shared/core/package-root.ts";
import { linkFetched } from "../run-job.ts";
import type { RealModel } from "./real-model.ts";
import { spread, writeSample } from "./sample.ts";

/** Difference of a column from the reference. */
type ColumnDistance =
  | { readonly kind: "labels"; readonly different: number }
  | { readonly kind: "numbers"; readonly largest: number; readonly leastCosine: number };

/** Result of a comparison. */
export interface Comparison {
  readonly rows: number;
  readonly columns: Readonly<Record<string, ColumnDistance>>;
}

const MOST_APART = 1e-4;
const LEAST_COSINE = 0.9999;

/** Folder of the Python scripts and the models, which are used from the sources and not from dist/. */
export const MODELS_FOLDER = join(packageRoot, "examples", "models");

/** Makes the Python environment of the reference programs if it is missing. Returns its interpreter. */
export function preparePython(): string {
  const folder = join(packageRoot, ".scratch", "models", "python");
  execFileSync("sh", [join(MODELS_FOLDER, "check", "setup.sh"), folder], { stdio: ["ignore", 2, 2] });
  return join(folder, "bin", "python");
}

/**
 * Runs the model's job and its reference program over `rows` rows of its natural data.
 *
 * @throws {Error} when the job fails or drops rows, or the reference cannot run. The reason is on stderr by
 * then
 */
export async function checkModel(model: RealModel, rows: number, python: string): Promise<Comparison> {
  const folder = join(MODELS_FOLDER, model.source.name);
  const made = join(folder, "model");
  if (model.trainedOn === undefined) await linkFetched(model.source, made);
  else await exportModel({ python, folder, data: model.trainedOn, made });
  await writeSample(join(folder, "data"), spread(await model.readRows(), rows));
  const main = join(packageRoot, "dist/bundle/cli/main.js");
  execFileSync(process.execPath, [main, "run", join(folder, "job.yaml"), "--fresh"], {
    stdio: ["ignore", "ignore", 2],
  });
  const compare = ["-B", join(MODELS_FOLDER, "check", "compare.py"), folder];
  return JSON.parse(
    execFileSync(python, compare, {
      encoding: "utf8",
      stdio: ["ignore", "pipe", 2],
      env: { ...process.env, OMP_NUM_THREADS: "1" },
    }),
  );
}

interface Export {
  readonly python: string;
  /** Folder of `export.py`. */
  readonly folder: string;
  /** Data for training the model. */
  readonly data: string;
  /** Folder of the exported model. */
  readonly made: string;
}

export async function exportModel({ python, folder, data, made }: Export): Promise<void> {
  await rm(made, { recursive: true, force: true });
  await mkdir(made);
  execFileSync(python, ["-B", join(folder, "export.py"), data, made], { stdio: ["ignore", 2, 2] });
}

/** Describes columns of a comparison that exceed their bounds. */
export function brokenBounds({ columns }: Comparison, embeddings: readonly string[]): string[] {
  return Object.entries(columns).flatMap(([name, found]) => {
    if (found.kind === "labels")
      return found.different === 0 ? [] : [`${name}: ${found.different} rows have another value`];
    if (embeddings.includes(name))
      return found.leastCosine > LEAST_COSINE ? [] : [`${name}: a cosine of ${found.leastCosine}`];
    return found.largest <= MOST_APART ? [] : [`${name}: ${found.largest} apart`];
  });
}
