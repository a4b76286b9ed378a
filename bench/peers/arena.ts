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
import { PEERS_FOLDER } from "./environment.ts";
import { runMeasured, type Usage } from "./measured-run.ts";
import { type ColumnKind, columnKinds, type PeerSettings, peerJobOf } from "./peer-job.ts";
import { PEER_TABLE, type PeerName } from "./tools.ts";

export interface ArenaOptions {
  readonly python: string;
  readonly cores: number;
  /** A run that takes longer is killed and counts as failed. */
  readonly limitMs: number;
}

/**
 * What keeps the peers from speaking to anybody, and lets their workers find our modules and their Python.
 */
const PEER_ENVIRONMENT = {
  PYTHONPATH: join(PEERS_FOLDER, "python"),
  PYTHONDONTWRITEBYTECODE: "1",
  RAY_USAGE_STATS_ENABLED: "0",
  DAFT_ANALYTICS_ENABLED: "0",
  DO_NOT_TRACK: "true",
  SPARK_LOCAL_IP: "127.0.0.1",
};

/**
 * One workload, which Shardmill and its peers run one after the other over the same files. Shardmill has run
 * it once before: those rows are what all others have to be equal to.
 */
export class Arena implements AsyncDisposable {
  readonly workload: Workload;
  readonly #options: ArenaOptions;
  readonly #folder: string;
  readonly #files: readonly string[];
  readonly #reference: ReferenceRows;
  readonly #kinds: ReadonlyMap<string, ColumnKind>;

  private constructor(
    workload: Workload,
    options: ArenaOptions,
    place: { readonly folder: string; readonly files: readonly string[]; readonly reference: ReferenceRows },
  ) {
    this.workload = workload;
    this.#options = options;
    this.#folder = place.folder;
    this.#files = place.files;
    this.#reference = place.reference;
    this.#kinds = columnKinds(workload, place.reference.columns);
  }

  static async open(name: WorkloadName, rows: number | undefined, options: ArenaOptions): Promise<Arena> {
    const workload = await prepareWorkload(name, rows === undefined ? {} : { rows });
    const folder = join(WORKLOADS_FOLDER, `peers-out-${name}`);
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    const files = (await readdir(workload.inputPath)).filter((file) => file.endsWith(".parquet")).sort();
    const out = join(folder, "reference");
    await runMeasured({
      ...options,
      command: shardmillCommand(workload, out),
      env: {},
    });
    const reference = await ReferenceRows.read(join(out, "rows"), folder);
    return new Arena(workload, options, { folder, files, reference });
  }

  /** @throws when the run fails, leaves processes behind, or gives other rows */
  async runShardmill(): Promise<Usage> {
    const out = join(this.#folder, "shardmill");
    return this.#run(shardmillCommand(this.workload, out), { out, rows: join(out, "rows"), env: {} });
  }

  /** @throws as `runShardmill` */
  async runPeer(name: PeerName, settings: PeerSettings): Promise<Usage> {
    const { python, cores } = this.#options;
    const out = join(this.#folder, name);
    const jobPath = join(this.#folder, `${name}.json`);
    const { columns } = this.#reference;
    const { workload } = this;
    const job = peerJobOf({ workload, files: this.#files, columns, settings, cores, outputPath: out });
    await writeFile(jobPath, JSON.stringify(job));
    const command = [python, join(PEERS_FOLDER, "python", PEER_TABLE[name].script), jobPath];
    const env = { ...PEER_ENVIRONMENT, PYSPARK_PYTHON: python };
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

  /** The input and the model in the page cache, and nothing of the run before still to be written. */
  async #warm(): Promise<void> {
    const { inputPath, modelPath } = this.workload;
    for (const path of [modelPath, ...this.#files.map((name) => join(inputPath, name))]) {
      for await (const _chunk of createReadStream(path, { highWaterMark: 1 << 20 }));
    }
    execFileSync("sync");
  }
}

/** As a user runs it: coordinator, workers and all. */
function shardmillCommand(workload: Workload, out: string): readonly string[] {
  return [
    process.execPath,
    SHARDMILL_MAIN,
    "run",
    workload.jobPath,
    "--fresh",
    "--json",
    "--set",
    `output.path=${out}`,
  ];
}
