import { join } from "node:path";
import type { ShardmillError } from "../shared/core/errors.ts";
import type { JobStatus } from "../shared/domain/job-status.ts";
import { MANIFEST_NAME } from "../shared/domain/manifest.ts";
import { hasFired, type Peopled } from "./peopled.ts";
import type { SimProcess } from "./scheduler.ts";
import { SIM_SCHEDULE } from "./sim-coordinators.ts";
import { OUT } from "./sim-plan.ts";
import type { Troubles } from "./troubles.ts";

/** A job may fail and be run again so often; more, and something is wrong that no run mends. */
const MAX_RUNS = 25;
/** How much longer than the grace a job without workers may run: their silence must be noticed first. */
const NOTICE_MS = 30_000;
/** A shard that waits with nobody at work: longer than any back-off, exclusion or lost lease explains. */
const IDLE_MS = 60_000;

/** Judges whether what the coordinators do and say is right, given what went wrong in this world. */
export class Judge {
  readonly #world: Peopled;
  readonly #troubles: Troubles;
  #runs = 0;
  #idleSinceMs: number | null = null;

  constructor(world: Peopled, troubles: Troubles) {
    this.#world = world;
    this.#troubles = troubles;
  }

  /** L3: without workers the job fails in time. L2: with them, no shard waits for nothing. */
  look(): void {
    const { checker, scheduler, faults, workers } = this.#world;
    const holder = checker.holder();
    if (holder === null || holder.process.state !== "running") {
      this.#idleSinceMs = null;
      if (this.#troubles.absentSinceMs !== null) this.#troubles.absentSinceMs = scheduler.nowMs;
      return;
    }
    const { state } = holder;
    const revoked = state.shards.some(({ revocations }) => revocations > 0);
    const damaged = hasFired(this.#world, "partialDamaged", "diskError", "diskFull");
    checker.hold(!revoked || damaged, "I4", "a committed partial is gone, and nobody damaged one");
    if (this.#troubles.absentSinceMs !== null) {
      if (state.phase !== "running" && state.phase !== "planning") this.#troubles.bringWorkersBack();
      else {
        const overMs = scheduler.nowMs - this.#troubles.absentSinceMs - SIM_SCHEDULE.noWorkersGraceMs;
        if (overMs > NOTICE_MS) checker.broken("L3", "no worker for the grace time, and the job still runs");
      }
    }
    const waits =
      faults.healed &&
      state.phase === "running" &&
      state.counts.pending > 0 &&
      state.leases.size === 0 &&
      state.counts.committing === 0 &&
      [...state.workers.values()].some(({ name }) =>
        workers.processes().some((process) => process.name === name),
      );
    if (!waits) this.#idleSinceMs = null;
    else this.#idleSinceMs ??= scheduler.nowMs;
    const idleMs = this.#idleSinceMs === null ? 0 : scheduler.nowMs - this.#idleSinceMs;
    if (idleMs > IDLE_MS) checker.broken("L2", "a shard waits while nobody works");
  }

  /** A run of the job has come to an end of its own. */
  ended(process: SimProcess, { phase, failure }: JobStatus): void {
    const { job, checker } = this.#world;
    this.#runs += 1;
    if (phase === "published") {
      const bad = new Set([...job.failing, ...job.poison]).size;
      checker.hold(bad <= job.spec.errors.maxRows, "I1", "published with more bad rows than are allowed");
      checker.hold(this.#troubles.cancelledBy !== process, "I14", "the job was cancelled, and is published");
      // With others at work it is too early to look: each run that comes later finds it published, too.
      // And a run from the beginning may have thrown it away before this one could say so.
      const isThere = this.#world.image.lookUp(join(OUT, MANIFEST_NAME)) !== null;
      const alone = this.#world.coordinators.processes().length === 1;
      if (alone && (isThere || !hasFired(this.#world, "startedOver"))) this.#world.over("published");
      return;
    }
    if (phase === "cancelled") {
      checker.hold(this.#world.faults.fired.cancelled > 0, "I13", "nobody cancelled the job");
      // Else it is run again: that takes the commits up, and may publish.
      if (this.#world.random.chance(0.5)) this.#world.over("cancelled");
      return;
    }
    this.#judgeFailure(failure?.code ?? "", failure?.message ?? "");
  }

  #judgeFailure(code: string, message: string): void {
    const { job, checker, faults, workers, scheduler } = this.#world;
    const bad = new Set([...job.failing, ...job.poison]).size > job.spec.errors.maxRows;
    const died = workers.deaths + faults.fired.powerCut + faults.fired.poisonRow + faults.fired.workerPaused;
    const cutOff = faults.fired.cutOffBothWays + faults.fired.cutOffOneWay + faults.fired.callLost;
    const why: Partial<Record<string, boolean>> = {
      ERROR_BUDGET_EXCEEDED: bad || died + cutOff > 0,
      SHARD_FAILED:
        hasFired(this.#world, "modelBroke", "partialDamaged", "diskFull", "diskError", "powerCut") ||
        died + cutOff > 0,
      // Found after the intent to publish: then the next run maps the shard again.
      PARTIAL_INVALID: hasFired(this.#world, "partialDamaged", "diskFull", "diskError"),
      NO_WORKERS: scheduler.nowMs - checker.lastServedMs >= SIM_SCHEDULE.noWorkersGraceMs,
      OUTPUT_FAILED:
        hasFired(this.#world, "diskFull", "diskError", "foreignManifest") &&
        !message.includes("another output"),
      OUTPUT_OCCUPIED: hasFired(this.#world, "foreignManifest"),
    };
    checker.hold(
      why[code] ?? false,
      "L1",
      `the job failed without a reason in this world: ${message} (${code})`,
    );
    if (code === "NO_WORKERS") this.#troubles.bringWorkersBack();
    if (bad && code === "ERROR_BUDGET_EXCEEDED") this.#world.over("failed");
    if (hasFired(this.#world, "foreignManifest") && code.startsWith("OUTPUT_")) this.#world.over("failed");
    checker.hold(
      this.#runs < MAX_RUNS,
      "L1",
      `the job failed in each of ${this.#runs} runs, last: ${message}`,
    );
  }

  /** A coordinator could not take the job up, or had to let go of it. */
  refused(process: SimProcess, { code, message }: ShardmillError): void {
    const { checker, scheduler } = this.#world;
    scheduler.note(`${process.name} ends: ${code}, ${message}`);
    const others = this.#world.coordinators.processes().filter((other) => other !== process);
    const disk = hasFired(this.#world, "diskFull", "diskError");
    const why: Partial<Record<string, boolean>> = {
      OUTPUT_LOCKED: others.length > 0 || hasFired(this.#world, "secondCoordinator", "startedOver"),
      OUTPUT_FAILED: disk || hasFired(this.#world, "foreignManifest"),
      OUTPUT_OCCUPIED: hasFired(this.#world, "foreignManifest"),
      JOURNAL_FAILED: disk,
      STORE_FAILED: disk,
    };
    checker.hold(why[code] ?? false, "L1", `${process.name} cannot go on: ${message} (${code})`);
    if (hasFired(this.#world, "foreignManifest") && code.startsWith("OUTPUT_") && this.#isForeign())
      this.#world.over("failed");
  }

  /** Somebody else's manifest is where the job's would be: no run can publish there. */
  #isForeign(): boolean {
    const found = this.#world.image.lookUp(join(OUT, MANIFEST_NAME));
    return found?.kind === "file" && found.bytes.toString("utf8") === this.#troubles.foreignText;
  }
}
