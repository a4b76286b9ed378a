import { applyEvent } from "../../../../coordinator/schedule/events/apply.ts";
import type { JobEffect } from "../../../../coordinator/schedule/state/effect.ts";
import type { JobEvent } from "../../../../coordinator/schedule/state/event.ts";
import { createJobState, type JobState } from "../../../../coordinator/schedule/state/job-state.ts";
import type { FailureReason } from "../../../../coordinator/schedule/state/record.ts";
import type { PartialManifest } from "../../../../shared/domain/partial.ts";
import { type Shard, shardRows } from "../../../../shared/domain/shard.ts";
import type { WorkerSession } from "../../../../shared/domain/worker.ts";
import { workerSession } from "../../../../shared/domain/worker.ts";
import { aJobId } from "../../../support/ids.ts";
import { aConfig, aPartial, aPlan, DIGESTS, type Effect, filesOf } from "./harness.ts";

export interface FleetOptions {
  readonly workers: number;
  readonly shards: number;
  /** Rows per shard. */
  readonly rows: number;
  /** Row that kills each worker that maps it. */
  readonly poisonedRow: number;
  readonly maxDeadLetters: number;
}

export interface FleetResult {
  /** Reason of the job's failure. Null: every shard is done. */
  readonly failure: FailureReason | null;
  /** Share of the job that was committed by then. */
  readonly doneShare: number;
  readonly seconds: number;
}

interface FleetWorker {
  readonly name: string;
  session: WorkerSession;
  deaths: number;
  /** Time of its restart. Null: it runs. */
  backAtMs: number | null;
  /** Leases in the order of their grants. The first is mapped. */
  readonly leases: Effect<"grant">[];
  doneAtMs: number;
}

const STEP_MS = 10;
/** Duration of a shard, and the part that a lease needs before it can be mapped. */
const SHARD_MS = 1_000;
const READ_MS = 250;
/** Slots of a worker with one shard thread: one shard is read ahead, one mapped, and one written. */
const SLOTS = 3;
const START_MS = 1_500;
const GIVE_UP_MS = 3_600_000;

/** A fleet on the scheduling core, step by step. Workers prefetch, are killed, and are restarted. */
class Fleet {
  readonly state: JobState;
  readonly #options: FleetOptions;
  readonly #workers: FleetWorker[];
  nowMs = 0;
  #sessions = 0;
  #offered: PartialManifest[] = [];
  failure: FailureReason | null = null;

  constructor(options: FleetOptions) {
    this.#options = options;
    this.state = createJobState(aConfig({ maxDeadLetters: options.maxDeadLetters }), 1);
    this.#workers = Array.from({ length: options.workers }, (_, index) => ({
      name: `w${index}`,
      session: workerSession("none"),
      deaths: 0,
      backAtMs: index * 37,
      leases: [],
      doneAtMs: 0,
    }));
    const shards = aPlan(options.shards, options.rows);
    this.#apply({ kind: "jobAccepted", jobId: aJobId("j"), name: "n", digests: DIGESTS });
    this.#apply({ kind: "planSealed", files: filesOf(shards), shards });
  }

  run(): void {
    while (this.state.phase.kind === "running" && this.nowMs < GIVE_UP_MS) {
      this.nowMs += STEP_MS;
      for (const { shard, token, executionId } of this.#offered.splice(0)) {
        this.#apply({ kind: "partialStored", shard, token, executionId });
      }
      for (const worker of this.#workers) if (this.state.phase.kind === "running") this.#step(worker);
    }
  }

  #step(worker: FleetWorker): void {
    if (worker.backAtMs !== null) {
      if (this.nowMs < worker.backAtMs) return;
      this.#join(worker);
    }
    const [mapped] = worker.leases;
    if (mapped !== undefined && this.nowMs >= worker.doneAtMs) {
      if (this.#isPoisoned(mapped.shard)) {
        this.#die(worker);
        return;
      }
      worker.leases.shift();
      const [next] = worker.leases;
      if (next !== undefined) worker.doneAtMs = this.nowMs + this.#mapMs(next.shard);
      const partial = aPartial(mapped.shard, mapped.token);
      this.#apply({ kind: "partialOffered", worker: worker.session, partial });
    }
    if (worker.leases.length < SLOTS) this.#request(worker);
  }

  #request(worker: FleetWorker): void {
    for (const effect of this.#apply({ kind: "leaseRequested", worker: worker.session })) {
      if (effect.kind !== "grant") continue;
      worker.leases.push(effect);
      if (worker.leases.length === 1) worker.doneAtMs = this.nowMs + READ_MS + this.#mapMs(effect.shard);
    }
  }

  #join(worker: FleetWorker): void {
    this.#sessions += 1;
    worker.session = workerSession(`${worker.name}/${this.#sessions}`);
    worker.backAtMs = null;
    this.#apply({ kind: "workerJoined", worker: worker.session, name: worker.name, slots: SLOTS });
  }

  /** Kills a worker. It restarts as under a supervisor, later each time. */
  #die(worker: FleetWorker): void {
    worker.leases.splice(0);
    worker.backAtMs = this.nowMs + START_MS + Math.min(30_000, 250 * 2 ** worker.deaths);
    worker.deaths += 1;
    this.#apply({ kind: "workerLost", worker: worker.session, how: "exited", message: "killed" });
  }

  #apply(event: JobEvent): JobEffect[] {
    const effects = applyEvent(this.state, this.nowMs, event);
    for (const effect of effects) {
      if (effect.kind === "verify") this.#offered.push(effect.partial);
      if (effect.kind === "jobEnded") this.failure = effect.reason;
    }
    return effects;
  }

  #isPoisoned({ rowStart, rowEnd }: Shard): boolean {
    return rowStart <= this.#options.poisonedRow && this.#options.poisonedRow < rowEnd;
  }

  #mapMs(shard: Shard): number {
    const { rows, poisonedRow } = this.#options;
    const mapped = this.#isPoisoned(shard) ? poisonedRow - shard.rowStart + 1 : shardRows(shard);
    return (mapped * SHARD_MS) / rows;
  }
}

/** Plays a job until it fails or its shards are all done. */
export function runFleet(options: FleetOptions): FleetResult {
  const fleet = new Fleet(options);
  fleet.run();
  const { rowsCommitted, rows } = fleet.state.totals;
  return { failure: fleet.failure, doneShare: rowsCommitted / rows, seconds: fleet.nowMs / 1000 };
}
