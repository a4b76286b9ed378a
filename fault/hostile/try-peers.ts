import { fork } from "node:child_process";
import { once } from "node:events";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { makeToken } from "../../coordinator/access/tokens.ts";
import { addTokenLine } from "../../coordinator/access/tokens-file.ts";
import { userCredential } from "../../shared/access/credential.ts";
import { NEVER, sleep } from "../../shared/core/abort.ts";
import { messageOf } from "../../shared/core/errors.ts";
import { compiledUrl } from "../../shared/core/package-root.ts";
import { formatBytes } from "../../shared/core/units.ts";
import { asJobId } from "../../shared/domain/job-id.ts";
import { readJobSource } from "../../shared/job-file/read-job-file.ts";
import { connectCoordinator } from "../../shared/wire/client.ts";
import { KnownJob } from "../../test/support/known-job.ts";
import { type CliProcess, startCli } from "../../test/support/processes.ts";
import { CostOfAttacks } from "./cost-of-attacks.ts";
import { Dice } from "./dice.ts";
import { HealthyJobs } from "./healthy-jobs.ts";
import { type Trial, trialSeed } from "./kinds.ts";
import { MemoryPeak } from "./memory-peak.ts";
import type { AttackOrder, AttackReport } from "./peer-attack-process.ts";
import { PEER_ATTACKS } from "./peer-attacks.ts";
import type { MeasuredOutcome } from "./trial-runner.ts";

/*
 * Limits of the cost of an attack for others. A call on a separate connection is answered within seconds, in
 * bounded memory. The healthy worker loses no lease, and commits shards during the attack or soon after. The
 * limits suit a machine on which attackers, worker and coordinator share two cores.
 */
const ANSWER_LIMIT_MS = 5_000;
const MEMORY_LIMIT_BYTES = 2 ** 30;
const PROGRESS_LIMIT_MS = 20_000;
const ATTACK_MS = 4_000;
const ASK_EVERY_MS = 50;
const LIFE_LIMIT_MS = 3_600_000;
/** Creation time of the attackers' token. */
const MADE_AT = "2026-01-01T00:00:00.000Z";
const NAMES = Object.keys(PEER_ATTACKS);

const NO_REPORT: AttackReport = {
  leasesTaken: 0,
  calls: 0,
  problem: "the attackers' process crashed, or did not end",
};

interface Started {
  readonly job: KnownJob;
  readonly coordinator: CliProcess;
  readonly worker: CliProcess;
  readonly healthy: HealthyJobs;
  /** Token of the attackers. */
  readonly token: string;
  readonly flight: string;
  readonly http: string;
}

/** Peers that make far too many calls to a coordinator with a healthy worker and a series of jobs. */
export class PeerTrials implements AsyncDisposable {
  readonly #job: KnownJob;
  readonly #coordinator: CliProcess;
  readonly #worker: CliProcess;
  readonly #healthy: HealthyJobs;
  readonly #attackers: Pick<AttackOrder, "address" | "flight" | "http" | "token">;
  readonly #beside = new CostOfAttacks();

  private constructor({ job, coordinator, worker, healthy, token, flight, http }: Started) {
    this.#job = job;
    this.#coordinator = coordinator;
    this.#worker = worker;
    this.#healthy = healthy;
    this.#attackers = { address: healthy.address, flight, http, token };
  }

  static async open(): Promise<PeerTrials> {
    const job = await KnownJob.make({
      rows: 4_000,
      rowGroupRows: 100,
      hidden: [900, 900],
      spec: { input: { shardRows: 100 }, map: { batch: { rows: 10 } } },
    });
    const options = { env: job.env, limitMs: LIFE_LIMIT_MS };
    const { text: token, line } = makeToken({ name: "peer", role: "submit", expiresAt: null }, MADE_AT);
    const tokens = join(job.folder, "tokens");
    await addTokenLine(tokens, line);
    const rights = ["--tokens-file", tokens, "--allow-locations", `submit=${job.at()}`];
    const places = ["--listen", "--flight", "--http"].flatMap((option) => [option, "127.0.0.1:0"]);
    const listens = ["coordinator", ...places, "--log-level", "warn", "--max-jobs", "8", ...rights];
    const coordinator = startCli(listens, options);
    const [, address = ""] = await coordinator.saw(/coordinator on ([\d.]+:\d+)/);
    const [, flight = ""] = await coordinator.saw(/Arrow Flight on ([\d.]+:\d+)/);
    const [, http = ""] = await coordinator.saw(/HTTP on http:\/\/([\d.]+:\d+)/);
    // Over gRPC, like a worker on another machine: its reads and uploads wait in the same queues.
    const args = ["worker", "--coordinator", address, "--device", "cpu", "--workers", "1"];
    const worker = startCli([...args, "--data", "coordinator"], options);
    const { spec } = await readJobSource(job.path, { set: [], env: {} });
    const healthy = await HealthyJobs.start(address, spec, job);
    return new PeerTrials({ job, coordinator, worker, healthy, token, flight, http });
  }

  /** Makes one attack in each of the first trials, and then two concurrently at random. */
  async attempt(trial: Trial): Promise<MeasuredOutcome> {
    const dice = new Dice(trialSeed(trial));
    const named = NAMES[trial.index];
    const attacks = named === undefined ? [dice.pick(NAMES), dice.pick(NAMES)] : [named];
    const alone = await this.#rowsIn(sleep(ATTACK_MS, NEVER));
    using peak = new MemoryPeak(this.#coordinator.pid);
    const startMs = performance.now();
    const rowsBefore = this.#healthy.rowsDone;
    const over = new AbortController();
    const answers = this.#askAllTheTime(over.signal);
    let report = NO_REPORT;
    const attacking = this.#attack(attacks).then((made) => {
      report = made;
    });
    this.#beside.add(attacks.join(" and "), alone, await this.#rowsIn(attacking));
    over.abort();
    const { longestMs, silent } = await answers;
    this.#healthy.leasesTaken += report.leasesTaken;
    const peakBytes = await peak.take();
    const stuck = await this.#healthy.until(rowsBefore + 1, PROGRESS_LIMIT_MS);
    const tooMuch = `the coordinator took ${formatBytes(peakBytes)} of memory`;
    const broken =
      report.problem ??
      silent ??
      stuck ??
      this.#healthy.problem ??
      this.#complaint() ??
      (peakBytes > MEMORY_LIMIT_BYTES ? tooMuch : null);
    const what = `${attacks.join(" and ")}, ${report.calls} calls: an answer in ${Math.round(longestMs)} ms at most`;
    const how = broken === null ? "survived" : "broken";
    return { what, how, broken, ms: performance.now() - startMs, peakBytes };
  }

  /** Returns the cost of the attacks for the healthy jobs. */
  get cost(): string {
    return this.#beside.line();
  }

  /** Checks that the last job ends as if it were alone. */
  async finish(): Promise<MeasuredOutcome> {
    const startMs = performance.now();
    const broken = await this.#healthy.finish();
    const how = broken === null ? "published" : "broken";
    return {
      what: "the jobs during the attacks",
      how,
      broken,
      ms: performance.now() - startMs,
      peakBytes: 0,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#healthy[Symbol.asyncDispose]();
    await this.#worker[Symbol.asyncDispose]();
    await this.#coordinator[Symbol.asyncDispose]();
    await this.#job[Symbol.asyncDispose]();
  }

  /** Returns the rows per second that are committed meanwhile. */
  async #rowsIn(meanwhile: Promise<unknown>): Promise<number> {
    const [startMs, before] = [performance.now(), this.#healthy.rowsDone];
    await meanwhile;
    return ((this.#healthy.rowsDone - before) / (performance.now() - startMs)) * 1_000;
  }

  async #attack(attacks: readonly string[]): Promise<AttackReport> {
    const inputPath = this.#job.at("data", "part-0000.parquet");
    const order: AttackOrder = {
      ...this.#attackers,
      jobId: asJobId(this.#healthy.jobId),
      inputPath,
      inputBytes: (await stat(inputPath)).size,
      spec: this.#healthy.spec,
      attacks,
      ms: ATTACK_MS,
    };
    const child = fork(fileURLToPath(compiledUrl("fault/hostile/peer-attack-process.ts")), {
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    const exited = once(child, "exit");
    try {
      child.send(order);
      const answer = once(child, "message").then(([report]: AttackReport[]) => report ?? null);
      const report = await Promise.race([
        answer,
        exited.then(() => null),
        sleep(ATTACK_MS * 10, NEVER).then(() => null),
      ]);
      return report ?? NO_REPORT;
    } finally {
      child.kill("SIGKILL");
      await exited;
    }
  }

  async #askAllTheTime(signal: AbortSignal): Promise<{ longestMs: number; silent: string | null }> {
    const client = connectCoordinator(this.#healthy.address, userCredential());
    let longestMs = 0;
    try {
      while (!signal.aborted) {
        const startMs = performance.now();
        await client.jobs.getJob(asJobId(""), AbortSignal.timeout(ANSWER_LIMIT_MS));
        longestMs = Math.max(longestMs, performance.now() - startMs);
        await sleep(ASK_EVERY_MS, NEVER);
      }
      return { longestMs, silent: null };
    } catch (error) {
      return { longestMs, silent: `the coordinator does not answer: ${messageOf(error)}` };
    } finally {
      client.close();
    }
  }

  /** Finds a logged internal error, which no peer may cause. */
  #complaint(): string | null {
    const line = this.#coordinator.stderr
      .split("\n")
      .find((text) => /"level":50|uncaught|unhandled/i.test(text));
    return line === undefined ? null : `the coordinator logged: ${line}`;
  }
}
