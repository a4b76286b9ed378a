import { existsSync } from "node:fs";
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { userCredential } from "../shared/access/credential.ts";
import { NEVER, sleep } from "../shared/core/abort.ts";
import { isShardmillError, messageOf } from "../shared/core/errors.ts";
import { silentLogger } from "../shared/core/log.ts";
import { compiledUrl } from "../shared/core/package-root.ts";
import { asJobId } from "../shared/domain/job-id.ts";
import type { JobStatus } from "../shared/domain/job-status.ts";
import { MANIFEST_NAME, type OutputManifest } from "../shared/domain/manifest.ts";
import { readJobFile } from "../shared/job-file/read-job-file.ts";
import { type CoordinatorClient, connectCoordinator } from "../shared/wire/client.ts";
import { digestsOf } from "../test/support/job-processes.ts";
import { KEYED_REDUCE, KnownJob } from "../test/support/known-job.ts";
import { type CliProcess, startCli } from "../test/support/processes.ts";
import { layOutProcesses } from "../worker/process/process-layout.ts";
import { makeScratch } from "../worker/process/scratch.ts";
import { Supervisor } from "../worker/process/supervisor.ts";
import { type CrashPlan, crashEnvironment } from "./crash-point.ts";
import { freePort } from "./free-port.ts";

export interface CrashResult {
  /** Point of the crash, e.g. `written write _shardmill/journal/...`. Null: the run met no such point. */
  readonly point: string | null;
  /** Number of executions beyond one for each shard. */
  readonly again: number;
  readonly problems: readonly string[];
}

/** Places of the outputs: a folder with all abilities of a disk, or one that behaves like a bucket. */
export const CRASH_STORAGES = ["disk", "bucket"] as const;
export type CrashStorage = (typeof CRASH_STORAGES)[number];

const SHARDS = 4;
/** Snapshots are written after few of the job's twelve records. Its reductions have several tasks. */
const MANY_SNAPSHOTS = { SHARDMILL_SNAPSHOT_RECORDS: "4", SHARDMILL_PART_BYTES: "2000" };
const ROWS_PER_SHARD = 10;
/** Rows with a null input: dead letters, so that all three folders of an output are published. */
const DEAD_ROWS = [3, 17];
/** Limit of a resumed run. It takes a second or two, and many times that on a busy machine. */
const RUN_LIMIT_MS = 120_000;
/** Limit of a process. A series takes an hour, and several times that on a busy machine. */
const PROCESS_LIMIT_MS = 86_400_000;

/** Undisturbed run: each file's digest, and the manifest without fields that vary. */
type Output = Readonly<Record<string, string>>;

interface BenchParts {
  readonly job: KnownJob;
  readonly storage: CrashStorage;
  readonly port: number;
  readonly worker: CliProcess;
  readonly expected: Output;
}

/**
 * A tiny job that is run repeatedly, with one of its processes killed at another point each time. Its
 * processes are real: `shardmill coordinator`, `shardmill worker`, and workers under the supervisor. Batches
 * and shards are fixed, so every run must publish the same bytes.
 */
export class CrashBench implements AsyncDisposable {
  readonly #job: KnownJob;
  readonly #storage: CrashStorage;
  readonly #port: number;
  /** Worker of the coordinator's series. In the other series a supervisor has the only worker. */
  #worker: CliProcess;
  readonly #expected: Output;

  private constructor({ job, storage, port, worker, expected }: BenchParts) {
    this.#job = job;
    this.#storage = storage;
    this.#port = port;
    this.#worker = worker;
    this.#expected = expected;
  }

  /** Runs the job once, undisturbed. Its worker stays for later runs and joins each new coordinator. */
  static async open(storage: CrashStorage): Promise<CrashBench> {
    const job = await KnownJob.make({
      rows: SHARDS * ROWS_PER_SHARD,
      rowGroupRows: ROWS_PER_SHARD,
      nullRows: DEAD_ROWS,
      spec: {
        input: { shardRows: ROWS_PER_SHARD },
        map: { batch: { rows: 4 } },
        errors: { maxRows: DEAD_ROWS.length },
        reduce: KEYED_REDUCE,
      },
    });
    const port = await freePort();
    const parts = { job, storage, port, worker: startWorker(job, port, storage) };
    const bench = new CrashBench({ ...parts, expected: {} });
    try {
      await using coordinator = bench.#startCoordinator(null);
      await bench.#runToEnd(coordinator);
      return new CrashBench({ ...parts, expected: await outputOf(job) });
    } catch (error) {
      await bench[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Kills the coordinator at its point `at`, and resumes with the same command. */
  async coordinatorDiesAt(at: number): Promise<CrashResult> {
    const plan = await this.#plan({ at, what: "files", under: this.#job.out });
    if (!this.#worker.groupLives()) this.#worker = startWorker(this.#job, this.#port, this.#storage);
    await using dying = this.#startCoordinator(plan);
    try {
      await Promise.race([this.#runToEnd(dying).then(() => sleep(100, NEVER)), dying.ended]);
    } catch (error) {
      if (!(await died(plan))) return { point: null, again: 0, problems: [messageOf(error)] };
    }
    if (!(await died(plan))) return { point: null, again: 0, problems: await this.#differences() };
    await dying.ended;
    return this.#judge(plan, async () => {
      await using resumed = this.#startCoordinator(null);
      await this.#runToEnd(resumed);
    });
  }

  /** Kills the only worker at its point `at`. Its supervisor starts it again. */
  async workerDiesAt(at: number, what: CrashPlan["what"]): Promise<CrashResult> {
    const plan = await this.#plan({ at, what, under: join(this.#job.out, "_shardmill", "partials") });
    if (this.#worker.groupLives()) this.#worker.killGroup("SIGKILL");
    await using coordinator = this.#startCoordinator(null);
    const supervisor = await this.#supervise(plan);
    try {
      const result = await this.#judge(plan, () => this.#runToEnd(coordinator));
      return (await died(plan)) ? result : { ...result, point: null };
    } finally {
      await supervisor.stop();
    }
  }

  /**
   * Returns how many points the busiest thread met in the previous run, which was not killed (`at` was 0).
   */
  async countPoints(): Promise<number> {
    const counts = await Promise.all((await this.#countFiles()).map((path) => readFile(path, "utf8")));
    return Math.max(0, ...counts.map(Number));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker[Symbol.asyncDispose]();
    await this.#job[Symbol.asyncDispose]();
  }

  async #judge(plan: CrashPlan, run: () => Promise<void>): Promise<CrashResult> {
    const point = await readFile(plan.report, "utf8").catch(() => null);
    try {
      await run();
      const { attempts } = await manifestOf(this.#job);
      const found = point ?? (await readFile(plan.report, "utf8").catch(() => null));
      return { point: found, again: attempts - SHARDS, problems: await this.#differences() };
    } catch (error) {
      return { point, again: 0, problems: [messageOf(error)] };
    }
  }

  async #plan(plan: Omit<CrashPlan, "report">): Promise<CrashPlan> {
    const report = join(this.#job.folder, "lost");
    for (const left of [report, ...(await this.#countFiles())]) await rm(left, { force: true });
    await rm(this.#job.out, { recursive: true, force: true });
    return { ...plan, report };
  }

  #startCoordinator(plan: CrashPlan | null): CliProcess {
    const args = ["coordinator", "--listen", `127.0.0.1:${this.#port}`, "--log-level", "warn"];
    return startCli(args, {
      env: { ...this.#job.env, ...MANY_SNAPSHOTS, ...faultEnvironment(this.#storage, plan) },
      ...mainOf(this.#storage),
      limitMs: PROCESS_LIMIT_MS,
    });
  }

  async #supervise(plan: CrashPlan): Promise<Supervisor> {
    const processes = await layOutProcesses({
      device: "cpu",
      workers: 1,
      lanes: 1,
      threads: 1,
      shardThreads: 1,
      access: "shared",
      allowsModules: false,
      logLevel: "error",
      giveUpMs: RUN_LIMIT_MS,
    });
    return new Supervisor({
      processes: processes.map(({ options }) => ({ options, env: faultEnvironment(this.#storage, plan) })),
      joins: { coordinator: `127.0.0.1:${this.#port}`, credential: userCredential() },
      scratchPath: await makeScratch(this.#job.tmp),
      log: silentLogger,
      entry: compiledUrl("fault/crash-worker-process.ts"),
    });
  }

  /**
   * Submits the job and waits until it is published.
   *
   * @throws {Error} when it ends otherwise, or not in time
   */
  async #runToEnd(coordinator: CliProcess): Promise<void> {
    await coordinator.saw(/waiting for jobs/);
    const client = connectCoordinator(`127.0.0.1:${this.#port}`, userCredential());
    try {
      const limit = sleep(RUN_LIMIT_MS, NEVER).then(() => null);
      const status = await Promise.race([submitAndWatch(this.#job, client), limit]);
      if (status?.phase === "published") return;
      const how = status === null ? `not ended after ${RUN_LIMIT_MS / 1000} s` : status.phase;
      throw new Error(`the job is ${how}: ${status?.failure?.message ?? coordinator.stderr.slice(-500)}`);
    } finally {
      client.close();
    }
  }

  async #countFiles(): Promise<string[]> {
    const names = await readdir(this.#job.folder);
    return names.filter((name) => name.startsWith("died.")).map((name) => join(this.#job.folder, name));
  }

  async #differences(): Promise<string[]> {
    const found = await outputOf(this.#job);
    const paths = new Set([...Object.keys(found), ...Object.keys(this.#expected)]);
    return [...paths]
      .filter((path) => found[path] !== this.#expected[path])
      .map((path) => `${path} is ${found[path] ?? "not there"}, not ${this.#expected[path] ?? "absent"}`);
  }
}

/**
 * Starts a worker that exchanges all files with the coordinator, so that the coordinator has more crash
 * points.
 */
function startWorker(job: KnownJob, port: number, storage: CrashStorage): CliProcess {
  const fixed = ["--device", "cpu", "--workers", "1", "--lanes", "1", "--threads", "1"];
  const from = ["--coordinator", `127.0.0.1:${port}`, "--data", "coordinator", "--patience", "86400"];
  const args = ["worker", ...from, ...fixed];
  const env = { ...job.env, ...faultEnvironment(storage, null) };
  return startCli([...args, "--log-level", "error"], { env, ...mainOf(storage), limitMs: PROCESS_LIMIT_MS });
}

/** Returns the module to run. The installed command does not work with replaced modules. */
function mainOf(storage: CrashStorage): { readonly main?: string } {
  return storage === "bucket" ? { main: fileURLToPath(compiledUrl("cli/main.ts")) } : {};
}

/** Returns the environment of a process on such a storage, which crashes as planned, if at all. */
export function faultEnvironment(storage: CrashStorage, plan: CrashPlan | null): Record<string, string> {
  const preloads = [
    ...(plan === null ? [] : ["fault/crash-preload.ts"]),
    ...(storage === "bucket" ? ["fault/bucket-preload.ts"] : []),
  ];
  return {
    ...(plan === null ? {} : crashEnvironment(plan)),
    NODE_OPTIONS: preloads.map((script) => `--import=${compiledUrl(script).href}`).join(" "),
  };
}

async function submitAndWatch(job: KnownJob, client: CoordinatorClient): Promise<JobStatus> {
  const spec = await readJobFile(job.path, { set: [], env: {} });
  let last = await client.jobs.submitJob(spec, { fresh: false }, NEVER).then(
    ({ job: submitted }) => submitted,
    (error: unknown) => {
      // The job was accepted, or at least recorded, before the crash. The coordinator resumes it without
      // help.
      if (!isShardmillError(error, "OUTPUT_LOCKED")) throw error;
      return client.jobs.getJob(asJobId(String(error.fields.jobId)), NEVER);
    },
  );
  for await (const status of client.jobs.watchJob(last.jobId, NEVER)) last = status;
  return last;
}

async function died(plan: CrashPlan): Promise<boolean> {
  return existsSync(plan.report);
}

function manifestOf(job: KnownJob): Promise<OutputManifest> {
  return readFile(join(job.out, MANIFEST_NAME), "utf8").then((text) => JSON.parse(text));
}

/** Temporary file of an interrupted copy, on a disk that behaves like a bucket. */
const BROKEN_OFF = /(^|\/)\.[^/]*\.tmp$/;

async function outputOf(job: KnownJob): Promise<Output> {
  const { [MANIFEST_NAME]: _digest, ...found } = await digestsOf(job.out);
  const files = Object.fromEntries(Object.entries(found).filter(([path]) => !BROKEN_OFF.test(path)));
  const {
    job: _job,
    attempts: _attempts,
    bottleneck: _limit,
    stages: _stages,
    history: _history,
    tasks: _tasks,
    ...same
  } = await manifestOf(job);
  return { ...files, [MANIFEST_NAME]: JSON.stringify(same) };
}
