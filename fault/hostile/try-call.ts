import { NEVER } from "../../shared/core/abort.ts";
import { asDigest } from "../../shared/core/digest.ts";
import { errorToData, isShardmillError, messageOf, ShardmillError } from "../../shared/core/errors.ts";
import { asExecutionId } from "../../shared/domain/execution-id.ts";
import type { Lease } from "../../shared/domain/job.ts";
import { asJobId, type JobId } from "../../shared/domain/job-id.ts";
import { shardId } from "../../shared/domain/shard.ts";
import { type WorkerSession, workerSession } from "../../shared/domain/worker.ts";
import { JobFolder } from "../../test/support/job-folder.ts";
import { type CliProcess, startCli } from "../../test/support/processes.ts";
import { type RawPartial, RawWorker, rawPartial, refOf } from "../../test/support/raw-worker.ts";
import { Dice } from "./dice.ts";
import { type Trial, trialSeed } from "./kinds.ts";
import { MemoryPeak } from "./memory-peak.ts";
import type { MeasuredOutcome } from "./trial-runner.ts";

/** Calls per trial. */
const CALLS = 12;
const LIFE_LIMIT_MS = 1_800_000;

/** Values that a caller may use instead of a valid one. */
const TEXTS = [
  "",
  "x",
  "..",
  "../../e1",
  "e/1",
  "e\0",
  "constructor",
  "__proto__",
  "9".repeat(400),
  "é",
  "x".repeat(70_000),
];
const NUMBERS = [0, 1, 2, 50, 2 ** 31 - 1, 2 ** 32 - 1];

/**
 * Well-formed calls with harmful content. Sessions, leases, partials, names and numbers are mixed up,
 * unknown, repeated or late. The coordinator must answer each with a typed error or a reply of the protocol.
 * Its job may also fail with an error of the protocol, and is then replaced.
 */
export class CallTrials implements AsyncDisposable {
  #scene: Scene | null = null;

  async attempt(trial: Trial): Promise<MeasuredOutcome> {
    const scene = await this.#open();
    const dice = new Dice(trialSeed(trial));
    using peak = new MemoryPeak(scene.coordinator.pid);
    const startMs = performance.now();
    const ends = new Map<string, number>();
    let broken: string | null = null;
    for (let call = 0; call < CALLS && broken === null; call += 1) {
      const end = await scene.call(dice);
      ends.set(end.how, (ends.get(end.how) ?? 0) + 1);
      broken = end.broken;
    }
    broken ??= await this.#health(scene);
    const measured = { ms: performance.now() - startMs, peakBytes: await peak.take() };
    const what = [...ends].map(([how, count]) => `${how} ${count}`).join(", ");
    return { what, how: broken === null ? "survived" : "broken", broken, ...measured };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scene?.[Symbol.asyncDispose]();
  }

  async #open(): Promise<Scene> {
    this.#scene ??= await Scene.open();
    return this.#scene;
  }

  /** Checks the job, and replaces one that ended for a valid reason. */
  async #health(scene: Scene): Promise<string | null> {
    const { phase, failure } = await scene.raw.client.jobs
      .getJob(asJobId(""), AbortSignal.timeout(10_000))
      .catch((error: unknown) => ({ phase: "gone" as const, failure: errorToData(error) }));
    if (phase === "running") return null;
    if (phase !== "gone") {
      await this.#scene?.[Symbol.asyncDispose]();
      this.#scene = null;
    }
    const isReason = phase === "failed" && failure !== null && failure.code !== "INTERNAL";
    return isReason ? null : `the job is ${phase}: ${failure?.message ?? ""} ${scene.coordinator.stderr}`;
  }
}

class Scene implements AsyncDisposable {
  readonly coordinator: CliProcess;
  readonly raw: RawWorker;
  readonly #job: JobFolder;
  readonly #sessions: WorkerSession[] = [workerSession("none")];
  readonly #leases: Lease[] = [];
  readonly #partials: RawPartial[] = [];

  private constructor(job: JobFolder, coordinator: CliProcess, raw: RawWorker) {
    this.#job = job;
    this.coordinator = coordinator;
    this.raw = raw;
  }

  static async open(): Promise<Scene> {
    const job = await JobFolder.make({ rowsPerFile: 2_000, spec: { reduce: {} } });
    const args = ["coordinator", job.job, "--listen", "127.0.0.1:0", "--log-level", "error"];
    const coordinator = startCli(args, { limitMs: LIFE_LIMIT_MS });
    const [, address = ""] = await coordinator.saw(/coordinator on ([\d.]+:\d+)/);
    const scene = new Scene(job, coordinator, new RawWorker(address));
    await scene.#join();
    return scene;
  }

  async call(dice: Dice): Promise<{ how: string; broken: string | null }> {
    try {
      const how = await dice.pick(this.#calls(dice))();
      return { how, broken: null };
    } catch (error) {
      if (isShardmillError(error) && error.code !== "INTERNAL" && error.code !== "COORDINATOR_UNREACHABLE") {
        return { how: error.code, broken: null };
      }
      return { how: "untyped", broken: messageOf(error) };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.raw[Symbol.asyncDispose]();
    await this.coordinator[Symbol.asyncDispose]();
    await this.#job[Symbol.asyncDispose]();
  }

  async #join(): Promise<string> {
    this.#sessions.push(await this.raw.register());
    return "registered";
  }

  #calls(dice: Dice): readonly (() => Promise<string>)[] {
    const { work, data } = this.raw.client;
    const session =
      dice.int(4) === 0 ? dice.pick(this.#sessions) : (this.#sessions.at(-1) ?? workerSession("x"));
    const lease = this.#leases.length === 0 ? null : dice.pick(this.#leases);
    const jobId = lease?.jobId ?? asJobId("none");
    const ref = lease === null || dice.int(3) === 0 ? aRef(jobId, dice) : refOf(lease);
    const partial = this.#partials.length === 0 ? null : dice.pick(this.#partials);
    const failed = errorToData(new ShardmillError("STORE_FAILED", dice.pick(TEXTS)));
    const done = (call: Promise<unknown>, how: string) => call.then(() => how);
    const calls = [
      () => (this.#sessions.length > 50 ? Promise.resolve("enough") : this.#join()),
      () => this.#take(session),
      () => this.#take(session),
      () => done(work.releaseLease(session, ref), "released"),
      () => done(work.failAttempt(session, ref, failed), "failed"),
      () =>
        done(
          work.heartbeat(
            {
              session,
              leases: Array(dice.pick([1, 3, 5_000])).fill({ lease: ref, rowsDone: dice.pick(NUMBERS) }),
              busy: {},
              padding: null,
              stores: [],
            },
            NEVER,
          ),
          "beat",
        ),
      () => done(work.describeJob(session, asJobId(dice.pick([jobId, ...TEXTS]))), "described"),
      () =>
        done(
          data.statFile(
            session,
            jobId,
            dice.pick(["/etc/passwd", this.#job.job, lease?.slices[0]?.file.path ?? "", ...TEXTS]),
            NEVER,
          ),
          "stat",
        ),
    ];
    if (partial === null || lease === null) return calls;
    const manifest = twist(partial.manifest, dice);
    return [
      ...calls,
      () => done(this.raw.put(session, jobId, { manifest, bytes: partial.bytes }), "put"),
      async () =>
        (await work.offerPartial(session, asJobId(dice.int(8) === 0 ? dice.pick(TEXTS) : jobId), manifest))
          .kind,
      async () => (await work.offerPartial(session, jobId, partial.manifest)).kind,
    ];
  }

  async #take(session: WorkerSession): Promise<string> {
    const answer = await this.raw.client.work.requestLease(session, 0, [], NEVER);
    if (answer.kind !== "lease") return answer.kind;
    this.#leases.push(answer.lease);
    const partial = await rawPartial(answer.lease, `e${this.#leases.length}`);
    this.#partials.push(partial);
    await this.raw.put(session, answer.lease.jobId, partial);
    return "leased";
  }
}

function aRef(jobId: JobId, dice: Dice) {
  const token = { generation: dice.pick(NUMBERS), sequence: dice.pick(NUMBERS) };
  return { jobId, shard: shardId(dice.pick(NUMBERS)), token };
}

function twist(manifest: RawPartial["manifest"], dice: Dice): RawPartial["manifest"] {
  const file = manifest.files[0];
  const twists: readonly Partial<RawPartial["manifest"]>[] = [
    { executionId: asExecutionId(dice.pick(TEXTS)) },
    { shard: shardId(dice.pick(NUMBERS)) },
    { token: { generation: dice.pick(NUMBERS), sequence: dice.pick(NUMBERS) } },
    { rowsIn: dice.pick(NUMBERS) },
    { rowsOut: dice.pick(NUMBERS), rowsIn: dice.pick(NUMBERS) },
    { rowsDeadLettered: dice.pick(NUMBERS) },
    { rowsMapped: dice.pick(NUMBERS), rowsFiltered: dice.pick(NUMBERS) },
    { rowsTruncated: dice.pick(NUMBERS) },
    { digest: asDigest(dice.pick(TEXTS)) },
    { files: file === undefined ? [] : [{ ...file, name: dice.pick(TEXTS) || "x" }] },
    { files: file === undefined ? [] : Array(dice.pick([0, 2, 2_000])).fill(file) },
    {
      firstDeadLetter: {
        file: dice.pick(TEXTS),
        row: dice.pick(NUMBERS),
        stage: "infer",
        code: dice.pick(TEXTS),
        message: dice.pick(TEXTS),
      },
    },
  ];
  return { ...manifest, ...dice.pick(twists) };
}
