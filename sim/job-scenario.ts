import type { ShardmillError } from "../shared/core/errors.ts";
import type { JobStatus } from "../shared/domain/job-status.ts";
import { checkOutput } from "./check-output.ts";
import { Checker } from "./checker.ts";
import type { FaultInjector } from "./fault-injector.ts";
import { JobFaultInjector } from "./job-fault-injector.ts";
import { Oracle } from "./oracle.ts";
import type { SimProcess } from "./scheduler.ts";
import type { SimJob } from "./sim-plan.ts";
import { hasFired, type JudgedScenario, type SimWorld } from "./sim-world.ts";

/** A job of a world, with its own faults and the oracle that checks it. */
export class JobScenario implements JudgedScenario {
  readonly world: SimWorld;
  readonly job: SimJob;
  readonly checker: Checker;
  readonly injector: JobFaultInjector;
  /** Final end of the job. Null: it runs, or may run again. */
  end: string | null = null;
  #oracle: Oracle | null = null;
  #isChecked = false;

  constructor(world: SimWorld, job: SimJob, logsCalls: boolean) {
    const { image, scheduler } = world;
    this.world = world;
    this.job = job;
    this.checker = new Checker({
      image,
      job,
      nowMs: () => scheduler.nowMs,
      isLate: () => hasFired(world, "storeLate", "storeDoubled"),
      note: (line) => scheduler.note(line),
      logsCalls,
    });
    this.injector = new JobFaultInjector(this);
  }

  beginChecking(injector: FaultInjector): void {
    this.#oracle = new Oracle(this, injector, this.injector);
  }

  isOver(): boolean {
    return this.end !== null;
  }

  over(end: string): void {
    this.end = end;
  }

  ended(process: SimProcess, status: JobStatus): void {
    this.world.scheduler.note(`the job is ${status.phase}: ${status.failure?.message ?? ""}`);
    this.#oracle?.ended(process, status);
  }

  refused(process: SimProcess, error: ShardmillError): void {
    this.#oracle?.refused(process, error);
  }

  /** Checks the job between two steps of the world. */
  look(): void {
    const { checker } = this;
    const holder = checker.holder();
    if (holder !== null) checker.checkState(holder);
    checker.tasks.look();
    if (!this.isOver()) this.#oracle?.look();
    else if (!this.#isChecked && checker.violation === null) this.#checkEnd();
  }

  /**
   * Checks the output as soon as the job is over. Removed files may return by later power cuts, and the next
   * run of the job would remove them.
   */
  #checkEnd(): void {
    this.#isChecked = true;
    const { checker, job, world } = this;
    const { image, faults } = world;
    const { fired } = faults;
    const manifest = `${job.kept}/_manifest.json`;
    if (this.injector.isForeign) {
      const bytes = image.safeBytes(manifest);
      const isTheirs = bytes?.toString("utf8") === this.injector.foreignText;
      checker.hold(isTheirs, "published-once", "a foreign file was replaced");
    } else if (this.end === "published") {
      // The files of a rival in a bucket remain when it exits for good: others cannot detect that it did.
      const hadRivals =
        world.isShared && (world.coordinators.started > 1 || hasFired(world, "rivalPublished"));
      const died = fired.workerKilled + fired.powerCut + fired.workerPaused > 0 || world.workers.deaths > 0;
      // A late message from an earlier worker process looks like a restart of the worker.
      const blamed = died || (world.workers.restarts > 0 && hasFired(world, "callLate"));
      const diskFailed = hasFired(world, "diskError", "diskFull", "storeLate", "storeDoubled") || hadRivals;
      const living = world.coordinators.processes().map(({ pid }) => pid);
      checkOutput({ checker, image, job }, { blamed, diskFailed, living });
    } else {
      checker.hold(
        image.lookUp(manifest) === null || hasFired(world, "rivalPublished"),
        "cancelled-or-published",
        `the job is ${this.end}, and published`,
      );
    }
  }
}
