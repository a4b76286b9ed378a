import { join } from "node:path";
import type { JobState } from "../coordinator/schedule/state/job-state.ts";
import type { ShardmillError } from "../shared/core/errors.ts";
import type { JobStatus } from "../shared/domain/job-status.ts";
import { MANIFEST_NAME } from "../shared/domain/manifest.ts";
import type { FaultInjector } from "./fault-injector.ts";
import type { JobFaultInjector } from "./job-fault-injector.ts";
import type { SimProcess } from "./scheduler.ts";
import { SIM_SCHEDULE } from "./sim-coordinators.ts";
import { hasFired, type JudgedScenario } from "./sim-world.ts";

/** Number of failed runs before the job counts as never ending: no further run would help. */
const MAX_FAILURES = 25;
/** Time that a job without workers may run beyond the grace, because their silence must be detected first. */
const NOTICE_MS = 30_000;
/** Longest time that a shard waits with idle workers: longer than any back-off, exclusion or lost lease. */
const IDLE_MS = 60_000;

/** Judges the acts and reports of coordinators for one job, given the faults of this world. */
export class Oracle {
  readonly #scenario: JudgedScenario;
  readonly #injector: FaultInjector;
  readonly #jobInjector: JobFaultInjector;
  #failures = 0;
  #idleSinceMs: number | null = null;

  constructor(scenario: JudgedScenario, injector: FaultInjector, jobInjector: JobFaultInjector) {
    this.#scenario = scenario;
    this.#injector = injector;
    this.#jobInjector = jobInjector;
  }

  /** Checks that the job fails in time without workers, and that no shard waits in vain with them. */
  look(): void {
    const { checker, job, world } = this.#scenario;
    const { scheduler, faults, workers, coordinators } = world;
    const holder = checker.holder();
    if (holder === null || holder.process.state !== "running") {
      this.#idleSinceMs = null;
      const isHeld = world.scenarios.some(
        (scenario) => scenario.checker.holder()?.process.state === "running",
      );
      if (this.#injector.absentSinceMs !== null && !isHeld) this.#injector.absentSinceMs = scheduler.nowMs;
      return;
    }
    const { state } = holder;
    const revoked = state.shards.some(({ revocations }) => revocations > 0);
    // Other coordinators remove the partials of a job that a rival published, so a resumed holder finds none.
    const damaged = hasFired(world, "partialDamaged", "diskError", "diskFull", "rivalPublished");
    checker.hold(
      !revoked || damaged,
      "commits-stay-whole",
      "a committed partial is missing, and no fault damaged one",
    );
    this.#checkBlame(state);
    if (this.#injector.absentSinceMs !== null) {
      // Without workers, the coordinator reduces by itself, and its job must end, too.
      const isReducing = state.phase.kind === "reducing" && job.spec.reduce.sums?.by !== undefined;
      if (isReducing) this.#idleSinceMs = null;
      else if (state.phase.kind !== "running" && state.phase.kind !== "planning")
        this.#injector.bringWorkersBack();
      else {
        // A late call of an exited worker counts as a call of a worker.
        const sinceMs = Math.max(this.#injector.absentSinceMs, holder.sinceMs, checker.silence.lastHeardMs);
        const overMs = scheduler.nowMs - sinceMs - SIM_SCHEDULE.noWorkersGraceMs;
        if (overMs > NOTICE_MS)
          checker.broken("no-workers-is-said", "the job still runs after the grace time without workers");
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
    // A job that is not served yet waits only for the jobs before it.
    const earlier = world.scenarios.filter((scenario) => coordinators.isBefore(scenario.job, job));
    const isServed = earlier.some((scenario) => (scenario.checker.holder()?.state.leases.size ?? 0) > 0);
    if (!waits || isServed) this.#idleSinceMs = null;
    else this.#idleSinceMs ??= scheduler.nowMs;
    const idleMs = this.#idleSinceMs === null ? 0 : scheduler.nowMs - this.#idleSinceMs;
    if (idleMs > IDLE_MS) checker.broken("no-shard-waits-in-vain", "a shard waits while no worker works");
  }

  /**
   * Checks that no shard is blamed for a worker that was silent, or that registered again as the same
   * process.
   */
  #checkBlame(state: JobState): void {
    const { checker, world } = this.#scenario;
    const blamed = state.shards.find(({ failures }) =>
      failures.some(({ lostWorker, message }) => lostWorker && message.startsWith("not heard from")),
    );
    checker.hold(
      blamed === undefined,
      "silence-is-not-loss",
      `shard ${blamed?.shard.id} has a failure, although its worker was only silent`,
    );
    const restarted = state.shards.find(({ failures }) =>
      failures.some(({ lostWorker, message }) => lostWorker && message === "the worker started again"),
    );
    checker.hold(
      restarted === undefined || world.workers.restarts > 0,
      "silence-is-not-loss",
      `shard ${restarted?.shard.id} has a failure, although its worker only registered again`,
    );
  }

  /** Judges the end of a run of the job. */
  ended(process: SimProcess, { phase, failure }: JobStatus): void {
    const { job, checker, world } = this.#scenario;
    if (phase === "published") {
      const bad = new Set([...job.failing, ...job.poison]).size;
      checker.hold(
        bad <= job.spec.errors.maxRows,
        "dead-letters-in-budget",
        "the job is published with more bad rows than allowed",
      );
      checker.hold(
        this.#jobInjector.cancelledBy !== process,
        "cancelled-or-published",
        "the job was cancelled, and is published",
      );
      // Other running coordinators make it too early to check: each of them also finds the job published. A
      // fresh run may also have discarded the output before this run could report it.
      const isThere = world.image.lookUp(join(job.kept, MANIFEST_NAME)) !== null;
      const alone = world.coordinators.processes().length === 1;
      if (alone && (isThere || !hasFired(world, "startedOver"))) this.#scenario.over("published");
      return;
    }
    if (phase === "cancelled") {
      checker.hold(this.#jobInjector.cancels > 0, "ends-are-final", "no fault cancelled the job");
      // Otherwise the job runs again, resumes the commits, and may publish. So may the successor of this
      // process.
      if (world.random.chance(0.5) && !checker.wasDeposed(process)) this.#scenario.over("cancelled");
      return;
    }
    this.#checkFailure(process, failure?.code ?? "", failure?.message ?? "");
  }

  #checkFailure(process: SimProcess, code: string, message: string): void {
    this.#failures += 1;
    const { job, checker, world } = this.#scenario;
    const { faults, workers, scheduler } = world;
    const bad = new Set([...job.failing, ...job.poison]).size > job.spec.errors.maxRows;
    const died = workers.deaths + faults.fired.powerCut + faults.fired.poisonRow + faults.fired.workerPaused;
    const cutOff = faults.fired.cutOffBothWays + faults.fired.cutOffOneWay + faults.fired.callLost;
    const why: Partial<Record<string, boolean>> = {
      ERROR_BUDGET_EXCEEDED: bad || died + cutOff > 0,
      SHARD_FAILED:
        hasFired(world, "modelBroke", "partialDamaged", "diskFull", "diskError", "powerCut", "storeLate") ||
        died + cutOff > 0,
      // Detected after the intent to publish. The next run maps the shard again.
      PARTIAL_INVALID: hasFired(world, "partialDamaged", "diskFull", "diskError"),
      NO_WORKERS: checker.silence.toldMs(scheduler.nowMs, process.wentOnMs) >= SIM_SCHEDULE.noWorkersGraceMs,
      // A record of the tasks' own journal.
      JOURNAL_FAILED: hasFired(world, "diskFull", "diskError"),
      OUTPUT_FAILED:
        (this.#jobInjector.isForeign ||
          hasFired(world, "diskFull", "diskError", "storeLate", "copyDamaged")) &&
        !message.includes("another output"),
      OUTPUT_OCCUPIED: this.#jobInjector.isForeign || hasFired(world, "rivalPublished"),
    };
    checker.hold(
      why[code] ?? false,
      "every-job-ends",
      `the job failed without a reason in this world: ${message} (${code})`,
    );
    if (code === "NO_WORKERS") this.#injector.bringWorkersBack();
    if (bad && code === "ERROR_BUDGET_EXCEEDED") this.#scenario.over("failed");
    if (this.#jobInjector.isForeign && code.startsWith("OUTPUT_")) this.#scenario.over("failed");
    checker.hold(
      this.#failures < MAX_FAILURES,
      "every-job-ends",
      `the job failed in ${this.#failures} runs, last: ${message}`,
    );
  }

  /** Judges an error of a coordinator that could not resume the job, or had to release it. */
  refused(process: SimProcess, { code, message }: ShardmillError): void {
    const { checker, world } = this.#scenario;
    const { scheduler } = world;
    scheduler.note(`${process.name} ends: ${code}, ${message}`);
    const others = world.coordinators.processes().filter((other) => other !== process);
    const disk = hasFired(world, "diskFull", "diskError");
    const store = hasFired(world, "storeLate");
    // A request of an exited coordinator that is still in progress looks like a running coordinator.
    const seenLate = world.isShared && hasFired(world, "storeLate", "storeDoubled");
    const why: Partial<Record<string, boolean>> = {
      OUTPUT_LOCKED: others.length > 0 || hasFired(world, "secondCoordinator", "startedOver") || seenLate,
      OUTPUT_FAILED: disk || store || hasFired(world, "copyDamaged") || this.#jobInjector.isForeign,
      OUTPUT_OCCUPIED: this.#jobInjector.isForeign || hasFired(world, "rivalPublished"),
      JOURNAL_FAILED: disk,
      STORE_FAILED: disk || store,
    };
    checker.hold(why[code] ?? false, "every-job-ends", `${process.name} cannot go on: ${message} (${code})`);
    if (this.#jobInjector.isForeign && code.startsWith("OUTPUT_") && this.#isForeign())
      this.#scenario.over("failed");
  }

  /** Returns true when a manifest of somebody else's is in place, so that no run can publish. */
  #isForeign(): boolean {
    const { job, world } = this.#scenario;
    const found = world.image.lookUp(join(job.kept, MANIFEST_NAME));
    return found?.kind === "file" && found.bytes.toString("utf8") === this.#jobInjector.foreignText;
  }
}
