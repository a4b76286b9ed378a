import { userCredential } from "../../shared/access/credential.ts";
import { asJobId } from "../../shared/domain/job-id.ts";
import { parseAddress } from "../../shared/wire/address.ts";
import { connectCoordinator } from "../../shared/wire/client.ts";
import { KnownJob } from "../../test/support/known-job.ts";
import { type CliProcess, startCli } from "../../test/support/processes.ts";
import { checkAnswer } from "../check-answer.ts";
import { Dice } from "./dice.ts";
import { withSecret } from "./http2.ts";
import { type Trial, trialSeed } from "./kinds.ts";
import { MemoryPeak } from "./memory-peak.ts";
import type { MeasuredOutcome } from "./trial-runner.ts";
import { attack, wireAttack } from "./wire-attacks.ts";

/** Limit for an answer. A healthy coordinator takes milliseconds, but the machine may be busy. */
const ANSWER_LIMIT_MS = 10_000;
const MEMORY_LIMIT_BYTES = 2 ** 30;
const LIFE_LIMIT_MS = 1_800_000;

/**
 * Sends bytes to the port of a real coordinator with a job. It must answer after each attack, and complete
 * the job.
 */
export class WireTrials implements AsyncDisposable {
  readonly #job: KnownJob;
  readonly #coordinator: CliProcess;
  readonly #address: string;
  readonly #secret = userCredential().secret ?? "";

  private constructor(job: KnownJob, coordinator: CliProcess, address: string) {
    this.#job = job;
    this.#coordinator = coordinator;
    this.#address = address;
  }

  static async open(): Promise<WireTrials> {
    const job = await KnownJob.make({ rows: 1_000 });
    const args = ["coordinator", job.path, "--listen", "127.0.0.1:0", "--log-level", "warn"];
    const coordinator = startCli(args, { env: job.env, limitMs: LIFE_LIMIT_MS });
    const [, address = ""] = await coordinator.saw(/coordinator on ([\d.]+:\d+)/);
    return new WireTrials(job, coordinator, address);
  }

  async attempt(trial: Trial): Promise<MeasuredOutcome> {
    const plan = wireAttack(trial.index, new Dice(trialSeed(trial)));
    using peak = new MemoryPeak(this.#coordinator.pid);
    const startMs = performance.now();
    await attack(parseAddress(this.#address, "listen"), {
      ...plan,
      bytes: trial.index % 5 === 0 ? plan.bytes : withSecret(plan.bytes, this.#secret),
    });
    const silent = await this.#isSilent();
    const measured = { ms: performance.now() - startMs, peakBytes: await peak.take() };
    const isOver = measured.peakBytes > MEMORY_LIMIT_BYTES;
    const broken =
      silent ?? this.#complaint() ?? (isOver ? "the coordinator took over 1 GiB of memory" : null);
    return { what: plan.what, how: broken === null ? "survived" : "broken", broken, ...measured };
  }

  /** Starts a worker, with which the job must end as if it were alone. */
  async finish(): Promise<MeasuredOutcome> {
    const args = ["worker", "--coordinator", this.#address, "--device", "cpu", "--workers", "1"];
    const startMs = performance.now();
    await using worker = startCli(args, { env: this.#job.env, limitMs: 60_000 });
    const { code, stderr } = await this.#coordinator.ended;
    await worker.ended;
    const problems =
      code === 0 ? await checkAnswer(this.#job) : [`the coordinator ended with ${code}: ${stderr}`];
    const broken = problems.length === 0 ? null : problems.join("; ");
    return {
      what: "the job after the attacks",
      how: "published",
      broken,
      ms: performance.now() - startMs,
      peakBytes: 0,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#coordinator[Symbol.asyncDispose]();
    await this.#job[Symbol.asyncDispose]();
  }

  async #isSilent(): Promise<string | null> {
    const client = connectCoordinator(this.#address, userCredential());
    try {
      const status = await client.jobs.getJob(asJobId(""), AbortSignal.timeout(ANSWER_LIMIT_MS));
      return status.phase === "running" ? null : `the job is ${status.phase}`;
    } catch (error) {
      return `the coordinator does not answer: ${error instanceof Error ? error.message : String(error)}`;
    } finally {
      client.close();
    }
  }

  /** Finds a logged internal error, which no bytes from outside may cause. */
  #complaint(): string | null {
    const line = this.#coordinator.stderr
      .split("\n")
      .find((text) => /ERROR|"level":50|uncaught|unhandled/i.test(text));
    return line === undefined ? null : `the coordinator logged: ${line}`;
  }
}
