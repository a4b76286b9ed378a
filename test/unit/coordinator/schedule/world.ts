import type { ScheduleConfig } from "../../../../coordinator/schedule/state/config.ts";
import type { JobEffect } from "../../../../coordinator/schedule/state/effect.ts";
import type { JobEvent } from "../../../../coordinator/schedule/state/event.ts";
import { committedPartials, poisonedRows } from "../../../../coordinator/schedule/state/progress.ts";
import { sha256 } from "../../../../shared/core/digest.ts";
import { isEnded } from "../../../../shared/domain/job.ts";
import { assertLaw } from "../../../../shared/domain/laws.ts";
import { type PartialManifest, partialFolder } from "../../../../shared/domain/partial.ts";
import { shardRows } from "../../../../shared/domain/shard.ts";
import type { WorkerSession } from "../../../../shared/domain/worker.ts";
import { aDigest } from "../../../support/ids.ts";
import { aPartial, aPlan, aReason, decisionOf, type Granted, TestJob } from "./harness.ts";

/** Picks in [0, below): the only source of chance in a world. */
export type Pick = (below: number) => number;

const NAMES = ["w1", "w2", "w3"];

/**
 * An unreliable world around the core. Workers exit, paused ones resume late, and the network loses, repeats
 * and reorders. The store damages files. The coordinator crashes and loses records that were not durable.
 */
export class World {
  readonly job: TestJob;
  readonly #pick: Pick;
  readonly #rows: number;
  /** Number of records that are durable, so that they may have been acknowledged. */
  #durable = 0;
  readonly #sessions: WorkerSession[] = [];
  /** Every grant that a worker received, and may act on at any time. */
  readonly #grants: Granted[] = [];
  readonly #network: JobEvent[] = [];
  /** Partials with all files intact, by folder. */
  readonly #store = new Map<string, PartialManifest>();
  #verifying: PartialManifest[] = [];
  #reducing = false;
  #publishing: string | null = null;
  /** Output that readers see. Null: nothing is published. */
  output: string | null = null;
  faults = 0;
  /** Decisions of the core, by name. */
  readonly seen = new Set<string>();

  constructor(pick: Pick, config: ScheduleConfig, shards: number, rows: number) {
    this.#pick = pick;
    this.#rows = shards * rows;
    this.job = TestJob.running(aPlan(shards, rows), config);
    this.#durable = this.job.records.length;
  }

  get ended(): boolean {
    return isEnded(this.job.state.phase.kind);
  }

  // Possible acts. Each is possible at any time, and has no effect where it makes no sense.

  join(): void {
    this.#sessions.push(this.job.join(this.#one(NAMES) ?? "w1", 1 + this.#pick(2)));
  }

  request(): void {
    const worker = this.#one(this.#sessions);
    if (worker !== undefined) this.#run({ kind: "leaseRequested", worker });
  }

  /** Pauses the job, resumes it, or changes its priority. */
  steer(): void {
    const change =
      [{ paused: true }, { paused: false }, { priority: this.#pick(3) - 1 }][this.#pick(3)] ?? {};
    this.#run({ kind: "standingRequested", change });
  }

  /** Finishes a shard, perhaps on an expired lease: stores its files and sends the offer. */
  finish(): void {
    const grant = this.#one(this.#grants);
    if (grant === undefined) return;
    const partial = aPartial(grant.shard, grant.token);
    this.#store.set(partialFolder(partial), partial);
    this.#send({ kind: "partialOffered", worker: this.#one(this.#sessions) ?? grant.worker, partial });
  }

  sendFailure(): void {
    const grant = this.#one(this.#grants);
    const reason = aReason(this.#pick(3) === 0 ? "WORKER_LOST" : "MODEL_FAILED");
    if (grant !== undefined) this.#send({ kind: "attemptFailed", reason, ...attempted(grant) });
  }

  sendRelease(): void {
    const grant = this.#one(this.#grants);
    if (grant !== undefined) this.#send({ kind: "leaseReleased", ...attempted(grant) });
  }

  sendHeartbeat(): void {
    const worker = this.#one(this.#sessions);
    if (worker === undefined) return;
    const leases = this.#grants.map(({ shard, token }) => ({
      shard: shard.id,
      token,
      rowsDone: this.#pick(3),
    }));
    this.#send({ kind: "heartbeat", worker, leases });
  }

  deliver(): void {
    const [event] = this.#network.splice(this.#pick(this.#network.length || 1), 1);
    if (event !== undefined) this.#run(event);
  }

  deliverTwice(): void {
    const event = this.#one(this.#network);
    if (event === undefined) return;
    this.faults += 1;
    this.#run(event);
  }

  loseMessage(): void {
    if (this.#network.splice(this.#pick(this.#network.length || 1), 1).length > 0) this.faults += 1;
  }

  loseWorker(): void {
    const worker = this.#one(this.#sessions);
    if (worker === undefined) return;
    this.faults += 1;
    const how = this.#pick(3) === 0 ? "left" : "exited";
    this.#run({ kind: "workerLost", worker, how, message: "killed" });
  }

  wait(): void {
    this.job.nowMs += [100, 2000, 15_000, 40_000][this.#pick(4)] ?? 0;
    this.#run({ kind: "tick" });
  }

  answerVerify(): void {
    const [partial] = this.#verifying.splice(this.#pick(this.#verifying.length || 1), 1);
    if (partial === undefined) return;
    const { shard, token, executionId } = partial;
    const whole = this.#store.has(partialFolder(partial));
    if (whole) this.#run({ kind: "partialStored", shard, token, executionId });
    else
      this.#run({ kind: "partialRejected", shard, token, executionId, reason: aReason("PARTIAL_INVALID") });
  }

  damageFile(): void {
    const folder = this.#one([...this.#store.keys()]);
    if (folder === undefined || this.output !== null) return;
    this.faults += 1;
    this.#store.delete(folder);
  }

  answerReduce(): void {
    if (!this.#reducing) return;
    this.#reducing = false;
    const damaged = this.#damaged();
    if (damaged === undefined) this.#run({ kind: "reduced", outputDigest: aDigest(this.#digest()) });
    else {
      const { shard, digest } = damaged;
      this.#run({ kind: "partialDamaged", shard, digest, reason: "missing" });
    }
  }

  /** Publishes the output permanently. The coordinator may not learn of it. */
  answerPublish(heard = true): void {
    const digest = this.#publishing;
    if (digest === null) return;
    const isFirst = this.output === null || this.output === digest;
    assertLaw("published-once", isFirst, "the output is written once");
    if (this.output === null && this.#damaged() !== undefined) {
      this.#publishing = null;
      this.#run({ kind: "jobBroken", reason: aReason("OUTPUT_FAILED") });
      return;
    }
    this.output = digest;
    if (!heard) return;
    this.#publishing = null;
    this.#run({ kind: "publishDone", outputDigest: aDigest(digest) });
  }

  cancel(): void {
    this.#run({ kind: "cancelRequested", reason: "enough" });
  }

  /** Crashes the coordinator, perhaps during a message, and starts another. */
  crash(): void {
    this.faults += 1;
    const [event] = this.#network.splice(this.#pick(this.#network.length + 1), 1);
    if (event !== undefined) this.job.apply(event);
    const kept = this.#durable + this.#pick(this.job.records.length - this.#durable + 1);
    this.#verifying = [];
    this.#reducing = false;
    this.#publishing = null;
    this.#perform(this.job.restart(this.job.records.slice(0, kept)));
    // A new generation is durable before any worker is served.
    this.#durable = this.job.records.length;
  }

  /** Stops faults and leaves one healthy worker. Messages of earlier workers still arrive. */
  heal(): void {
    while (this.#network.length > 0 && !this.ended) this.deliver();
    for (const worker of this.#sessions.splice(0))
      this.#run({ kind: "workerLost", worker, how: "left", message: "" });
    this.#run({ kind: "standingRequested", change: { paused: false } });
    this.#sessions.push(this.job.join("healthy", 2));
  }

  /** Does one round of a world without faults. */
  healthyRound(): void {
    this.job.nowMs += 5000;
    this.#run({ kind: "tick" });
    this.#grants.length = 0;
    this.request();
    this.request();
    for (const { worker, shard, token } of this.#grants.splice(0)) {
      const partial = aPartial(shard, token);
      this.#store.set(partialFolder(partial), partial);
      this.#run({ kind: "partialOffered", worker, partial });
    }
    while (this.#verifying.length > 0) this.answerVerify();
    this.answerReduce();
    this.answerPublish();
  }

  /** Checks the laws of the output, as readers and auditors would. */
  audit(): void {
    const { phase } = this.job.state;
    const seen = !this.ended || (this.output !== null) === (phase.kind === "published");
    assertLaw("cancelled-or-published", seen, `the job is ${phase.kind}, the output ${this.output}`);
    if (phase.kind !== "published") return;
    const isIntent = this.output === phase.outputDigest && this.output === this.#digest();
    assertLaw("published-once", isIntent, "the output is the intent");
    const rows = new Set<number>();
    const count = (row: number) => {
      assertLaw("every-row-once", !rows.has(row), `row ${row} is there twice`);
      rows.add(row);
    };
    for (const partial of committedPartials(this.job.state)) {
      assertLaw("commits-stay-whole", this.#store.has(partialFolder(partial)), "a committed partial is gone");
      const shard = this.job.state.shards[partial.shard]?.shard;
      assertLaw("every-row-once", shard !== undefined, "a partial is of a shard");
      for (let row = 0; row < shardRows(shard); row += 1) count(shard.rowStart + row);
    }
    for (const { row } of poisonedRows(this.job.state)) count(row);
    assertLaw("every-row-once", rows.size === this.#rows, `${this.#rows - rows.size} rows are lost`);
  }

  #run(event: JobEvent): void {
    this.#perform(this.job.apply(event));
  }

  #perform(effects: readonly JobEffect[]): void {
    if (effects.some((effect) => effect.kind === "append" && effect.durable))
      this.#durable = this.job.records.length;
    for (const effect of effects) {
      this.seen.add(decisionOf(effect));
      this.#do(effect);
    }
  }

  #do(effect: JobEffect): void {
    if (effect.kind === "grant") this.#grants.push(effect);
    else if (effect.kind === "verify") this.#verifying.push(effect.partial);
    else if (effect.kind === "discard") this.#discard(effect.partial);
    else if (effect.kind === "publish") this.#publishing = effect.outputDigest;
    else if (effect.kind === "startReduce") {
      if (this.#reducing) throw new Error("one reduce at a time");
      this.#reducing = true;
    }
  }

  #discard(partial: PartialManifest): void {
    const folder = partialFolder(partial);
    const kept = committedPartials(this.job.state).some((other) => partialFolder(other) === folder);
    assertLaw("commits-stay-whole", !kept, "a committed partial is never discarded");
    this.#store.delete(folder);
  }

  #send(event: JobEvent): void {
    this.#network.push(event);
  }

  #damaged(): PartialManifest | undefined {
    return committedPartials(this.job.state).find((partial) => !this.#store.has(partialFolder(partial)));
  }

  #digest(): string {
    return sha256(committedPartials(this.job.state).map(partialFolder).join());
  }

  #one<T>(values: readonly T[]): T | undefined {
    return values[this.#pick(values.length || 1)];
  }
}

function attempted({ worker, shard, token }: Granted) {
  return { worker, shard: shard.id, token };
}
