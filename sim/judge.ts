import { join } from "node:path";
import type { ShardmillError } from "../shared/core/errors.ts";
import type { JobStatus } from "../shared/domain/job-status.ts";
import { MANIFEST_NAME } from "../shared/domain/manifest.ts";
import type { JobTroubles } from "./job-troubles.ts";
import { hasFired, type PeopledLot } from "./peopled.ts";
import type { SimProcess } from "./scheduler.ts";
import { SIM_SCHEDULE } from "./sim-coordinators.ts";
import type { Troubles } from "./troubles.ts";

/** A job may fail and be run again so often; more, and something is wrong that no run mends. */
const MAX_RUNS = 25;
/** How much longer than the grace a job without workers may run: their silence must be noticed first. */
const NOTICE_MS = 30_000;
/** A shard that waits with nobody at work: longer than any back-off, exclusion or lost lease explains. */
const IDLE_MS = 60_000;

/**
 * Judges whether what the coordinators do and say of one job is right, given what went wrong in this world.
 */
export class Judge {
  readonly #lot: PeopledLot;
  readonly #troubles: Troubles;
  readonly #own: JobTroubles;
  #runs = 0;
  #idleSinceMs: number | null = null;

  constructor(lot: PeopledLot, troubles: Troubles, own: JobTroubles) {
    this.#lot = lot;
    this.#troubles = troubles;
    this.#own = own;
  }

  /** Without workers the job fails in time; with them, no shard waits for nothing. */
  look(): void {
    const { checker, job, world } = this.#lot;
    const { scheduler, faults, workers, coordinators } = world;
    const holder = checker.holder();
    if (holder === null || holder.process.state !== "running") {
      this.#idleSinceMs = null;
      const isHeld = world.lots.some((lot) => lot.checker.holder()?.process.state === "running");
      if (this.#troubles.absentSinceMs !== null && !isHeld) this.#troubles.absentSinceMs = scheduler.nowMs;
      return;
    }
    const { state } = holder;
    const revoked = state.shards.some(({ revocations }) => revocations > 0);
    const damaged = hasFired(world, "partialDamaged", "diskError", "diskFull");
    checker.hold(
      !revoked || damaged,
      "commits-stay-whole",
      "a committed partial is gone, and nobody damaged one",
    );
    const blamed = state.shards.find(({ failures }) =>
      failures.some(({ died, message }) => died && message.startsWith("not heard of")),
    );
    checker.hold(
      blamed === undefined,
      "silence-is-not-death",
      `shard ${blamed?.shard.id} is blamed for a worker that was only silent`,
    );
    if (this.#troubles.absentSinceMs !== null) {
      if (state.phase.kind !== "running" && state.phase.kind !== "planning")
        this.#troubles.bringWorkersBack();
      else {
        const sinceMs = Math.max(this.#troubles.absentSinceMs, holder.sinceMs);
        const overMs = scheduler.nowMs - sinceMs - SIM_SCHEDULE.noWorkersGraceMs;
        if (overMs > NOTICE_MS)
          checker.broken("no-workers-is-said", "no worker for the grace time, and the job still runs");
      }
    }
    const waits =
      faults.healed &&
      state.phase.kind === "running" &&
      state.counts.pending > 0 &&
      state.leases.size === 0 &&
      state.counts.committing === 0 &&
      [...state.workers.values()].some(({ name }) =>
        workers.processes().some((process) => process.name === name),
      );
    // A job whose turn has not come waits for those before it, and for no other.
    const turn = world.lots.filter((lot) => coordinators.isBefore(lot.job, job));
    const isServed = turn.some((lot) => (lot.checker.holder()?.state.leases.size ?? 0) > 0);
    if (!waits || isServed) this.#idleSinceMs = null;
    else this.#idleSinceMs ??= scheduler.nowMs;
    const idleMs = this.#idleSinceMs === null ? 0 : scheduler.nowMs - this.#idleSinceMs;
    if (idleMs > IDLE_MS) checker.broken("no-shard-waits-in-vain", "a shard waits while nobody works");
  }

  /** A run of the job has come to an end of its own. */
  ended(process: SimProcess, { phase, failure }: JobStatus): void {
    const { job, checker, world } = this.#lot;
    this.#runs += 1;
    if (phase === "published") {
      const bad = new Set([...job.failing, ...job.poison]).size;
      checker.hold(
        bad <= job.spec.errors.maxRows,
        "dead-rows-in-budget",
        "published with more bad rows than are allowed",
      );
      checker.hold(
        this.#own.cancelledBy !== process,
        "cancelled-or-published",
        "the job was cancelled, and is published",
      );
      // With others at work it is too early to look: each run that comes later finds it published, too.
      // And a run from the beginning may have thrown it away before this one could say so.
      const isThere = world.image.lookUp(join(job.kept, MANIFEST_NAME)) !== null;
      const alone = world.coordinators.processes().length === 1;
      if (alone && (isThere || !hasFired(world, "startedOver"))) this.#lot.over("published");
      return;
    }
    if (phase === "cancelled") {
      checker.hold(this.#own.cancels > 0, "ends-are-final", "nobody cancelled the job");
      // Else it is run again: that takes the commits up, and may publish.
      if (world.random.chance(0.5)) this.#lot.over("cancelled");
      return;
    }
    this.#judgeFailure(failure?.code ?? "", failure?.message ?? "");
  }

  #judgeFailure(code: string, message: string): void {
    const { job, checker, world } = this.#lot;
    const { faults, workers, scheduler } = world;
    const bad = new Set([...job.failing, ...job.poison]).size > job.spec.errors.maxRows;
    const died = workers.deaths + faults.fired.powerCut + faults.fired.poisonRow + faults.fired.workerPaused;
    const cutOff = faults.fired.cutOffBothWays + faults.fired.cutOffOneWay + faults.fired.callLost;
    const why: Partial<Record<string, boolean>> = {
      ERROR_BUDGET_EXCEEDED: bad || died + cutOff > 0,
      SHARD_FAILED:
        hasFired(world, "modelBroke", "partialDamaged", "diskFull", "diskError", "powerCut") ||
        died + cutOff > 0,
      // Found after the intent to publish: then the next run maps the shard again.
      PARTIAL_INVALID: hasFired(world, "partialDamaged", "diskFull", "diskError"),
      // One that came after it was decided, and before it was on disk, came too late.
      NO_WORKERS: [scheduler.nowMs - checker.lastServedMs, checker.silence.ms].some(
        (silentMs) => silentMs >= SIM_SCHEDULE.noWorkersGraceMs,
      ),
      OUTPUT_FAILED:
        (this.#own.isForeign || hasFired(world, "diskFull", "diskError")) &&
        !message.includes("another output"),
      OUTPUT_OCCUPIED: this.#own.isForeign,
    };
    checker.hold(
      why[code] ?? false,
      "every-job-ends",
      `the job failed without a reason in this world: ${message} (${code})`,
    );
    if (code === "NO_WORKERS") this.#troubles.bringWorkersBack();
    if (bad && code === "ERROR_BUDGET_EXCEEDED") this.#lot.over("failed");
    if (this.#own.isForeign && code.startsWith("OUTPUT_")) this.#lot.over("failed");
    checker.hold(
      this.#runs < MAX_RUNS,
      "every-job-ends",
      `the job failed in each of ${this.#runs} runs, last: ${message}`,
    );
  }

  /** A coordinator could not take the job up, or had to let go of it. */
  refused(process: SimProcess, { code, message }: ShardmillError): void {
    const { checker, world } = this.#lot;
    const { scheduler } = world;
    scheduler.note(`${process.name} ends: ${code}, ${message}`);
    const others = world.coordinators.processes().filter((other) => other !== process);
    const disk = hasFired(world, "diskFull", "diskError");
    const why: Partial<Record<string, boolean>> = {
      OUTPUT_LOCKED: others.length > 0 || hasFired(world, "secondCoordinator", "startedOver"),
      OUTPUT_FAILED: disk || this.#own.isForeign,
      OUTPUT_OCCUPIED: this.#own.isForeign,
      JOURNAL_FAILED: disk,
      STORE_FAILED: disk,
    };
    checker.hold(why[code] ?? false, "every-job-ends", `${process.name} cannot go on: ${message} (${code})`);
    if (this.#own.isForeign && code.startsWith("OUTPUT_") && this.#isForeign()) this.#lot.over("failed");
  }

  /** Somebody else's manifest is where the job's would be: no run can publish there. */
  #isForeign(): boolean {
    const { job, world } = this.#lot;
    const found = world.image.lookUp(join(job.kept, MANIFEST_NAME));
    return found?.kind === "file" && found.bytes.toString("utf8") === this.#own.foreignText;
  }
}
