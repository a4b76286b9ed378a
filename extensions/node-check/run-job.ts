import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readManifest } from "../../coordinator/publish/read-manifest.ts";
import { readCredential } from "../../shared/access/credential.ts";
import { NEVER, sleep } from "../../shared/core/abort.ts";
import { cacheFolder } from "../../shared/core/user-folder.ts";
import type { BatchInUse } from "../../shared/domain/batch-in-use.ts";
import { parseLocation } from "../../shared/domain/location.ts";
import { MANIFEST_NAME, type OutputManifest } from "../../shared/domain/manifest.ts";
import type { WorkerStatus } from "../../shared/domain/worker.ts";
import type { GpuReader } from "../../shared/extension/gpu-driver.ts";
import { createLocalStorage } from "../../shared/storage/local.ts";
import { connectCoordinator } from "../../shared/wire/client.ts";
import { type LearnedBatch, NOTHING_LEARNED } from "../../worker/batch/batch-sizer.ts";
import { meanOf, steadyRate } from "./figures.ts";
import { type CommandLine, runCommand } from "./run-command.ts";

/** GPU with its driver. */
export interface WatchedGpu {
  readonly driver: GpuReader;
  readonly uuid: string;
}

interface JobOptions {
  /** Folder for the job file and the output, which does not exist yet. */
  readonly folder: string;
  readonly job: object;
  /** Options of `shardmill run`. */
  readonly args?: readonly string[];
  /** GPU of the job. Null: unknown to a driver. */
  readonly gpu: WatchedGpu | null;
  /** Called with the job's workers several times a second. */
  readonly onWorkers?: (workers: readonly WorkerStatus[]) => void;
  readonly signal: AbortSignal;
}

/** Run of a job that was published. */
export interface JobRun {
  readonly manifest: OutputManifest;
  readonly outputPath: string;
  /** Null: too few shards. */
  readonly rowsPerSecond: number | null;
  readonly lanes: number;
  /** Size of the last batches that was seen. Null: the run was too short. */
  readonly batch: BatchInUse | null;
  /** Batch size that the run found, and its limits after a lack of memory. */
  readonly learned: LearnedBatch;
  /** Process ids of the workers, restarted ones included. */
  readonly pids: readonly number[];
  /** Peak memory of the largest worker process. Null: unknown on this system. */
  readonly peakBytes: number | null;
  /** Mean busy share of the GPU while the model ran. Null: unknown. */
  readonly gpuBusy: number | null;
  /** Most memory in use on the GPU, that of other programs included. Null: unknown. */
  readonly gpuBytes: number | null;
}

const LOOK_MS = 150;

/** Runs a job with `shardmill run` in processes of its own, and watches its workers. */
export async function runJob(line: CommandLine, options: JobOptions): Promise<JobRun> {
  const { folder, job, args = [], signal } = options;
  // A cache of its own: no size is remembered from another run, and the found one can be read.
  const env = { ...line.env, SHARDMILL_CACHE: join(folder, "cache") };
  await mkdir(folder, { recursive: true });
  const [jobPath, outputPath] = [join(folder, "job.yaml"), join(folder, "out")];
  // JSON is YAML.
  await writeFile(jobPath, JSON.stringify({ ...job, output: { path: outputPath } }));
  const watch = new JobWatch(options, line);
  const over = new AbortController();
  let watching: Promise<void> | null = null;
  const onStderr = (text: string) => {
    // The port is any free one, and is printed when the job begins.
    const [, address] = /coordinator on (\S+)\n/.exec(text) ?? [];
    if (address === undefined || watching !== null) return;
    watching = watch.until(address, over.signal);
    // Its failure is thrown below, when the run has ended.
    watching.catch(() => {});
  };
  try {
    const common = ["--workers", "1", "--log-level", "error"];
    await runCommand({ ...line, env }, ["run", jobPath, ...common, ...args], { onStderr, signal });
  } finally {
    over.abort();
    await watching;
  }
  await using storage = createLocalStorage();
  const manifest = await readManifest(parseLocation(join(outputPath, MANIFEST_NAME)), storage, signal);
  const files = manifest.files.filter(({ kind }) => kind === "rows");
  // Publishing renames files, so a file's time is that of its shard's end.
  const ends = await Promise.all(
    files.map(async ({ path, rows }) => ({ atMs: (await stat(join(outputPath, path))).mtimeMs, rows })),
  );
  const learned = await readLearned(cacheFolder("tuning", env));
  return { manifest, outputPath, rowsPerSecond: steadyRate(ends), learned, ...watch.seen() };
}

/** Reads what the job's workers learned about batch sizes. */
async function readLearned(folder: string): Promise<LearnedBatch> {
  for (const name of await readdir(folder).catch(() => [])) {
    const { key, value } = JSON.parse(await readFile(join(folder, name), "utf8"));
    if (key.kind === "batch") return value;
  }
  return NOTHING_LEARNED;
}

/** Looks at the workers of a job while it runs. */
class JobWatch {
  readonly #options: JobOptions;
  readonly #secretPath: string | undefined;
  readonly #pids = new Set<number>();
  readonly #busy: number[] = [];
  #lanes = 0;
  #batch: BatchInUse | null = null;
  #peakBytes: number | null = null;
  #gpuBytes: number | null = null;

  constructor(options: JobOptions, { env }: CommandLine) {
    this.#options = options;
    this.#secretPath = env.SHARDMILL_SECRET_FILE;
  }

  async until(address: string, over: AbortSignal): Promise<void> {
    const client = connectCoordinator(address, readCredential(this.#secretPath ?? ""));
    try {
      while (!over.aborted) {
        const workers = await client.workers.listWorkers(NEVER).catch(() => []);
        for (const worker of workers) await this.#look(worker);
        this.#options.onWorkers?.(workers);
        await sleep(LOOK_MS, over).catch(() => {});
      }
    } finally {
      client.close();
    }
  }

  seen(): Omit<JobRun, "manifest" | "outputPath" | "rowsPerSecond" | "learned"> {
    return {
      lanes: this.#lanes,
      batch: this.#batch,
      pids: [...this.#pids],
      peakBytes: this.#peakBytes,
      gpuBusy: meanOf(this.#busy),
      gpuBytes: this.#gpuBytes,
    };
  }

  async #look({ pid, lanes, batch }: WorkerStatus): Promise<void> {
    this.#pids.add(pid);
    this.#lanes = lanes;
    this.#batch = batch ?? this.#batch;
    const bytes = await peakBytes(pid);
    if (bytes !== null) this.#peakBytes = Math.max(this.#peakBytes ?? 0, bytes);
    const { gpu } = this.#options;
    const look = (await gpu?.driver.look(gpu.uuid)) ?? null;
    if (look?.kind !== "read") return;
    const { utilisation, memoryUsedBytes } = look.reading;
    if (memoryUsedBytes !== null) this.#gpuBytes = Math.max(this.#gpuBytes ?? 0, memoryUsedBytes);
    // Before the first batch, the model is loaded.
    if (batch !== null && utilisation !== null) this.#busy.push(utilisation);
  }
}

/** Returns the peak memory of a process. Null: it has ended, or the system is not Linux. */
async function peakBytes(pid: number): Promise<number | null> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(status) ?? [];
  return kibibytes === undefined ? null : Number(kibibytes) * 1024;
}
