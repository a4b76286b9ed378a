import type { ShardmillError } from "../shared/core/errors.ts";
import type { JobStatus } from "../shared/domain/job-status.ts";
import { checkOutput } from "./check-output.ts";
import { Checker } from "./checker.ts";
import { JobTroubles } from "./job-troubles.ts";
import { Judge } from "./judge.ts";
import type { Peopled, PeopledLot } from "./peopled.ts";
import type { SimProcess } from "./scheduler.ts";
import type { SimJob } from "./sim-plan.ts";
import type { Troubles } from "./troubles.ts";

/** One job of a world: what goes wrong with it, and who judges it. */
export class LotInWorld implements PeopledLot {
  readonly world: Peopled;
  readonly job: SimJob;
  readonly checker: Checker;
  readonly troubles: JobTroubles;
  /** How the job ended for good. */
  end: string | null = null;
  #judge: Judge | null = null;
  #isChecked = false;

  constructor(world: Peopled, job: SimJob, tellsCalls: boolean) {
    const { image, scheduler } = world;
    this.world = world;
    this.job = job;
    this.checker = new Checker({
      image,
      job,
      nowMs: () => scheduler.nowMs,
      note: (line) => scheduler.note(line),
      tellsCalls,
    });
    this.troubles = new JobTroubles(this);
  }

  beginJudging(troubles: Troubles): void {
    this.#judge = new Judge(this, troubles, this.troubles);
  }

  isOver(): boolean {
    return this.end !== null;
  }

  over(end: string): void {
    this.end = end;
  }

  ended(process: SimProcess, status: JobStatus): void {
    this.world.scheduler.note(`the job is ${status.phase}: ${status.failure?.message ?? ""}`);
    this.#judge?.ended(process, status);
  }

  refused(process: SimProcess, error: ShardmillError): void {
    this.#judge?.refused(process, error);
  }

  /** Between two turns of the world. */
  look(): void {
    const { checker } = this;
    const holder = checker.holder();
    if (holder !== null) checker.checkState(holder);
    if (!this.isOver()) this.#judge?.look();
    else if (!this.#isChecked && checker.violation === null) this.#checkEnd();
  }

  /**
   * As soon as it is over: what later power cuts bring back of what was removed, its next run would remove.
   */
  #checkEnd(): void {
    this.#isChecked = true;
    const { checker, job, world } = this;
    const { image, faults } = world;
    const { fired } = faults;
    const manifest = `${job.kept}/_manifest.json`;
    if (this.troubles.isForeign) {
      const bytes = image.safeBytes(manifest);
      const isTheirs = bytes?.toString("utf8") === this.troubles.foreignText;
      checker.hold(isTheirs, "published-once", "somebody's file was replaced");
    } else if (this.end === "published") {
      const blamed = fired.workerKilled + fired.powerCut + fired.workerPaused > 0 || world.workers.deaths > 0;
      checkOutput({ checker, image, job }, { blamed, diskFailed: fired.diskError + fired.diskFull > 0 });
    } else {
      checker.hold(
        image.lookUp(manifest) === null,
        "cancelled-or-published",
        `the job is ${this.end}, and published`,
      );
    }
  }
}
