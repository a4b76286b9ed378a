import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { NEVER } from "../../shared/core/abort.ts";
import { packageRoot } from "../../shared/core/package-root.ts";
import { below, type Location } from "../../shared/domain/location.ts";
import { sourceOfLocalFile } from "../../shared/storage/local-file.ts";
import { download } from "./bucket-output.ts";
import type { BucketServer } from "./bucket-server.ts";
import { runCli } from "./processes.ts";

/** A job whose files may all be elsewhere than beside its job file. */
export interface MovableJob {
  readonly name: string;
  /** Path of the job file. */
  readonly path: string;
  /** Folder of the job file and all other files. */
  readonly folder: string;
  /** Names to move: files, and folders with their contents. */
  readonly moved: readonly string[];
  /** Returns values of the job file, by dotted keys, for another place of these files. */
  settings(place: Location): Readonly<Record<string, string>>;
  /** Values that make two runs equal to the last bit on any machine. */
  readonly fixed: Readonly<Record<string, string>>;
}

const LIMIT_MS = 1_800_000;

/** The digits of `npm start`: real ones, with two reductions. */
export const digitsJob: MovableJob = {
  name: "digits",
  path: join(packageRoot, "examples", "digits", "job.yaml"),
  folder: join(packageRoot, "examples", "digits"),
  moved: ["data", "model.onnx"],
  settings: dataAndModel,
  fixed: { "model.device": "cpu", "map.batch.rows": "100" },
};

/** Returns a workload of the benchmarks, whose columns are tensors. */
export function workloadJob(workload: {
  readonly name: string;
  readonly folder: string;
  readonly jobPath: string;
}): MovableJob {
  return {
    name: workload.name,
    path: workload.jobPath,
    folder: workload.folder,
    moved: ["data", "model.onnx"],
    settings: dataAndModel,
    fixed: { "map.batch.rows": "1000" },
  };
}

function dataAndModel(place: Location): Record<string, string> {
  return { "input.path": `${place}/data/*.parquet`, "model.path": `${place}/model.onnx` };
}

/**
 * Runs a job unchanged, and publishes to a folder on this disk.
 *
 * @returns the seconds of the command
 */
export function runOnDisk(job: MovableJob, out: string): Promise<number> {
  return run(job, { "output.path": out }, {});
}

/**
 * Runs a job with all of its files in a bucket, and publishes to the same bucket. The output is then
 * downloaded to a folder on this disk.
 *
 * @param scratch folder for the job's lock and journal
 * @returns the seconds of the command
 */
export async function runInBucket(
  job: MovableJob,
  server: BucketServer,
  { out, scratch }: { readonly out: string; readonly scratch: string },
): Promise<number> {
  await using storage = server.storage();
  const place = below(server.bucket, "moved", job.name);
  const published = below(server.bucket, "published", job.name);
  for (const name of await filesOf(job))
    await storage.put(below(place, ...name.split("/")), await sourceOfLocalFile(join(job.folder, name)), {
      signal: NEVER,
    });
  await mkdir(scratch, { recursive: true });
  const env = { ...server.env, SHARDMILL_STATE: join(scratch, "state") };
  const seconds = await run(job, { ...job.settings(place), "output.path": published }, env);
  await download(storage, published, out);
  return seconds;
}

async function filesOf({ folder, moved }: MovableJob): Promise<string[]> {
  const all = await readdir(folder, { recursive: true, withFileTypes: true });
  const names = all
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
  return names.filter((name) => moved.some((each) => name === each || name.startsWith(`${each}/`))).sort();
}

async function run(
  { path, fixed }: MovableJob,
  settings: Readonly<Record<string, string>>,
  env: Readonly<Record<string, string>>,
): Promise<number> {
  const set = Object.entries({ ...fixed, ...settings }).flatMap(([key, value]) => [
    "--set",
    `${key}=${value}`,
  ]);
  const { code, stderr, seconds } = await runCli(["run", path, "--workers", "1", "--fresh", ...set], {
    env,
    limitMs: LIMIT_MS,
  });
  if (code !== 0) throw new Error(`${path} ended with ${code}: ${stderr}`);
  return seconds;
}
