import { randomBytes } from "node:crypto";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Location, parseLocation } from "../shared/domain/location.ts";
import { WORK_FOLDER } from "../shared/domain/manifest.ts";
import type { Storage } from "../shared/storage/storage.ts";
import { recordsInBucket } from "../test/support/bucket-journal.ts";
import { download, factsIn, filesBelow, workFolders } from "../test/support/bucket-output.ts";
import { type FaultyProxy, type ProxyFault, startFaultyProxy } from "../test/support/faulty-proxy.ts";
import { factsOf, type JournalFacts } from "../test/support/job-processes.ts";
import type { KnownJob } from "../test/support/known-job.ts";
import { lcg } from "../test/support/onnx-model.ts";
import { runCli } from "../test/support/processes.ts";
import type { S3Server } from "../test/support/s3-server.ts";
import { checkAnswer } from "./check-answer.ts";
import type { RoundPlace } from "./round-place.ts";

/** Place of the journal of a job whose output is in a bucket. */
type JournalIn = "disk" | "bucket";

/** Share of store requests that fail. The client tries each call up to six times. */
const FAULTY_SHARE = 0.02;
const LINE_FAULTS: readonly ProxyFault[] = ["busy", "lost", "twice", "late"];

/** Partials that a paused worker puts after the last sweep. A bucket cannot refuse them. */
const LATE_PARTIAL = /^_shardmill\/run-[0-9a-f]+\/(tasks-[A-Za-z0-9_-]+\/)?partials\/\d+-/;

/**
 * A bucket on a real server, over a connection that loses, doubles and delays. Each machine has a state
 * folder of its own. Coordinators on two machines share only the bucket.
 */
export class BucketPlace implements RoundPlace, AsyncDisposable {
  readonly spec: RoundPlace["spec"];
  readonly movesOn: boolean;
  // A paused coordinator is replaced after half a minute.
  readonly patienceSeconds = 180;
  readonly #out: Location;
  readonly #server: S3Server;
  readonly #storage: Storage;
  readonly #line: FaultyProxy;

  private constructor(server: S3Server, line: FaultyProxy, journal: JournalIn, bucket: string) {
    this.#server = server;
    this.#line = line;
    this.#out = parseLocation(`s3://${bucket}/results/out`);
    this.#storage = server.storage();
    this.movesOn = journal === "bucket";
    this.spec = { output: { path: this.#out }, ...(this.movesOn ? { work: { journal } } : {}) };
  }

  static async open(
    server: S3Server,
    { seed, journal }: { readonly seed: number; readonly journal: JournalIn },
  ): Promise<BucketPlace> {
    // A repeated test needs another bucket.
    const bucket = `chaos-${seed}-${randomBytes(4).toString("hex")}`;
    await server.makeBucket(bucket);
    const random = lcg(seed);
    const { endpoint } = server.settings;
    if (endpoint === null) throw new Error("broken invariant: a server of ours has an endpoint");
    const line = await startFaultyProxy(endpoint, () => {
      return random() < FAULTY_SHARE
        ? (LINE_FAULTS[Math.floor(random() * LINE_FAULTS.length)] ?? null)
        : null;
    });
    return new BucketPlace(server, line, journal, bucket);
  }

  env(job: KnownJob, machine: string): Readonly<Record<string, string>> {
    return {
      ...job.env,
      ...this.#server.env,
      AWS_ENDPOINT_URL: this.#line.endpoint,
      SHARDMILL_STATE: join(stateOf(job), machine),
    };
  }

  /** Returns facts of the job. For journals on disks: those of the machine with the most commits. */
  async facts(job: KnownJob): Promise<JournalFacts | null> {
    if (this.movesOn) return factsOf(await recordsInBucket(this.#storage, this.#out));
    const all = await Promise.all((await machinesOf(job)).map((path) => factsIn(path)));
    const found = all.filter((facts) => facts !== null);
    return found.sort((a, b) => b.committed.length - a.committed.length)[0] ?? null;
  }

  async problems(job: KnownJob): Promise<string[]> {
    const notEnded = await this.#endOnEachMachine(job);
    const left = (await filesBelow(this.#storage, this.#out)).filter((path) => path.startsWith(WORK_FOLDER));
    const rubbish = left.filter((path) => !LATE_PARTIAL.test(path));
    await download(this.#storage, this.#out, job.out);
    await rm(join(job.out, WORK_FOLDER), { recursive: true, force: true });
    return [
      ...notEnded,
      ...rubbish.map((path) => `${path} is left in the bucket`),
      ...(await checkAnswer(job)),
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#storage[Symbol.asyncDispose]();
    await this.#line[Symbol.asyncDispose]();
  }

  /** Runs the same command on each machine that has files of the job. The command finds the job published. */
  async #endOnEachMachine(job: KnownJob): Promise<string[]> {
    const problems: string[] = [];
    for (const path of await machinesOf(job)) {
      if ((await workFolders(path)).length === 0) continue;
      const machine = path.slice(stateOf(job).length + 1);
      const args = ["coordinator", job.path, "--listen", "127.0.0.1:0", "--json"];
      const { code, stderr } = await runCli(args, { env: this.env(job, machine) });
      if (code !== 0) problems.push(`run again on ${machine} it ends with ${code}: ${stderr.slice(-500)}`);
      for (const left of await workFolders(path)) problems.push(`${left} is left`);
    }
    return problems;
  }
}

function stateOf(job: KnownJob): string {
  return join(job.folder, "state");
}

async function machinesOf(job: KnownJob): Promise<string[]> {
  const names = await readdir(stateOf(job)).catch(() => []);
  return names.sort().map((name) => join(stateOf(job), name));
}
