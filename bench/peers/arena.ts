import { execFileSync } from "node:child_process";
import { createReadStream } from "node:fs";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SHARDMILL_MAIN } from "../../test/support/processes.ts";
import {
  prepareWorkload,
  WORKLOADS_FOLDER,
  type Workload,
  type WorkloadName,
} from "../workloads/workload.ts";
import { ReferenceRows } from "./compare-rows.ts";
import { PEERS_FOLDER, type Pythons } from "./environment.ts";
import { runMeasured, type Usage } from "./measured-run.ts";
import type { PeerBucket } from "./peer-bucket.ts";
import { type ColumnKind, columnKinds, type PeerSettings, peerJobOf } from "./peer-job.ts";
import { PEER_TABLE, type PeerName } from "./tools.ts";

export interface ArenaOptions {
  readonly pythons: Pythons;
  readonly cores: number;
  /** Limit of a run. A longer run is killed and counts as failed. */
  readonly limitMs: number;
  /** Bucket of the input. Null: the disk. */
  readonly bucket: PeerBucket | null;
}

/** Input of a run. */
interface ArenaInput {
  /** Files of the input, in order. */
  readonly files: readonly string[];
  /** Settings of Shardmill for the input. */
  readonly settings: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Environment that turns off the peers' telemetry, and lets their workers find our modules and Python. */
const PEER_ENVIRONMENT = {
  PYTHONPATH: join(PEERS_FOLDER, "python"),
  PYTHONDONTWRITEBYTECODE: "1",
  RAY_USAGE_STATS_ENABLED: "0",
  DAFT_ANALYTICS_ENABLED: "0",
  DO_NOT_TRACK: "true",
  SPARK_LOCAL_IP: "127.0.0.1",
};

/**
 * One workload, which Shardmill and its peers run in turn over the same files. An earlier run of Shardmill
 * gives the reference rows for all others.
 */
export class Arena implements AsyncDisposable {
  readonly workload: Workload;
  readonly #options: ArenaOptions;
  readonly #folder: string;
  readonly #files: readonly string[];
  readonly #input: ArenaInput;
  readonly #reference: ReferenceRows;
  readonly #kinds: ReadonlyMap<string, ColumnKind>;

  private constructor(
    workload: Workload,
    options: ArenaOptions,
    place: {
      readonly folder: string;
      readonly files: readonly string[];
      readonly input: ArenaInput;
      readonly reference: ReferenceRows;
    },
  ) {
    this.workload = workload;
    this.#options = options;
    this.#folder = place.folder;
    this.#files = place.files;
    this.#input = place.input;
    this.#reference = place.reference;
    this.#kinds = columnKinds(workload, place.reference.columns);
  }

  static async open(name: WorkloadName, rows: number | undefined, options: ArenaOptions): Promise<Arena> {
    const workload = await prepareWorkload(name, rows === undefined ? {} : { rows });
    const folder = join(WORKLOADS_FOLDER, `peers-out-${name}`);
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    const names = (await readdir(workload.inputPath)).filter((file) => file.endsWith(".parquet")).sort();
    const files = names.map((file) => join(workload.inputPath, file));
    const out = join(folder, "reference");
    await runMeasured({
      ...options,
      command: shardmillCommand(workload, out),
      env: {},
    });
    const reference = await ReferenceRows.read(join(out, "rows"), folder);
    const input = await inputOf(workload, names, options.bucket);
    return new Arena(workload, options, { folder, files, input, reference });
  }

  /** @throws when the run fails, leaves processes behind, or gives other rows */
  async runShardmill(): Promise<Usage> {
    const out = join(this.#folder, "shardmill");
    const { settings, env } = this.#input;
    return this.#run(shardmillCommand(this.workload, out, settings), { out, rows: join(out, "rows"), env });
  }

  /** @throws as `runShardmill` */
  async runPeer(name: PeerName, settings: PeerSettings): Promise<Usage> {
    const { pythons, cores } = this.#options;
    const { environment, script } = PEER_TABLE[name];
    const python = pythons[environment];
    if (python === undefined) throw new Error(`${name} has no Python environment`);
    const out = join(this.#folder, name);
    const jobPath = join(this.#folder, `${name}.json`);
    const { columns } = this.#reference;
    const { workload } = this;
    const { files, env: storeEnv } = this.#input;
    const job = peerJobOf({ workload, files, columns, settings, cores, outputPath: out });
    await writeFile(jobPath, JSON.stringify(job));
    const command = [python, join(PEERS_FOLDER, "python", script), jobPath];
    const env = { ...PEER_ENVIRONMENT, ...storeEnv, PYSPARK_PYTHON: python };
    return this.#run(command, { out, rows: out, env });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reference[Symbol.asyncDispose]();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #run(
    command: readonly string[],
    { out, rows, env }: { out: string; rows: string; env: Readonly<Record<string, string>> },
  ): Promise<Usage> {
    await this.#warm();
    try {
      const usage = await runMeasured({ ...this.#options, command, env });
      const wrong = await this.#reference.differencesOf(rows, this.workload.key, this.#kinds);
      if (wrong !== null) throw new Error(`other rows than the reference: ${wrong}`);
      return usage;
    } finally {
      await rm(out, { recursive: true, force: true });
    }
  }

  /** Loads input and model into the page cache, and flushes the writes of the previous run. */
  async #warm(): Promise<void> {
    for (const path of [this.workload.modelPath, ...this.#files]) {
      for await (const _chunk of createReadStream(path, { highWaterMark: 1 << 20 }));
    }
    execFileSync("sync");
  }
}

async function inputOf(
  workload: Workload,
  names: readonly string[],
  bucket: PeerBucket | null,
): Promise<ArenaInput> {
  if (bucket === null)
    return { files: names.map((name) => join(workload.inputPath, name)), settings: [], env: {} };
  const folder = await bucket.put(workload);
  return {
    files: names.map((name) => `${folder}/${name}`),
    settings: ["--set", `input.path=${folder}/*.parquet`],
    env: bucket.env,
  };
}

/** Returns the command of a user: coordinator, workers and all. */
function shardmillCommand(
  workload: Workload,
  out: string,
  settings: readonly string[] = [],
): readonly string[] {
  return [
    process.execPath,
    SHARDMILL_MAIN,
    "run",
    workload.jobPath,
    "--fresh",
    "--json",
    "--set",
    `output.path=${out}`,
    ...settings,
  ];
}
