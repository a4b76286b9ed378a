import type { ShardmillError } from "../shared/core/errors.ts";
import type { JobStatus } from "../shared/domain/job-status.ts";
import { checkOutput } from "./check-output.ts";
import { Checker } from "./checker.ts";
import { DiskImage } from "./disk-image.ts";
import { FaultPlan } from "./faults.ts";
import { Judge } from "./judge.ts";
import type { Peopled } from "./peopled.ts";
import { Scheduler, type SimProcess } from "./scheduler.ts";
import { SeededRandom } from "./seeded-random.ts";
import { SimCoordinators } from "./sim-coordinators.ts";
import type { DiskCall } from "./sim-disk.ts";
import { SimNetwork } from "./sim-network.ts";
import { makeSimJob, OUT, type SimJob } from "./sim-plan.ts";
import { SimWorkers } from "./sim-workers.ts";
import { Troubles } from "./troubles.ts";

/** How long after the last fault the job may take to its end. */
const LIVENESS_MS = 240_000;
/** More turns than any sound world takes: one that loops without time passing is stopped here. */
const MAX_STEPS = 400_000;

/** A world of one job: its disk, its coordinators and workers, and what goes wrong in it. All of it follows from the seed. */
export class World implements Peopled {
  readonly random: SeededRandom;
  readonly scheduler: Scheduler;
  readonly image = new DiskImage();
  readonly faults: FaultPlan;
  readonly job: SimJob;
  readonly checker: Checker;
  readonly network: SimNetwork;
  readonly coordinators: SimCoordinators;
  readonly workers: SimWorkers;
  readonly troubles: Troubles;
  readonly #judge: Judge;
  /** How the job ended for good. */
  end: string | null = null;
  #healedAtMs: number | null = null;

  constructor(seed: number, tellStory: boolean) {
    this.random = new SeededRandom(seed);
    this.scheduler = new Scheduler(this.random.fork(), tellStory);
    this.faults = new FaultPlan(this.random.fork());
    this.job = makeSimJob(this.random.fork(), {
      failingRows: this.faults.has("failingRow"),
      poisonRows: this.faults.has("poisonRow"),
    });
    for (const _row of this.job.failing) this.faults.count("failingRow");
    if (this.faults.has("noHardLinks")) this.faults.count("noHardLinks");
    const { scheduler, image } = this;
    this.checker = new Checker(
      image,
      () => scheduler.nowMs,
      (line) => scheduler.note(line),
    );
    this.network = new SimNetwork({
      scheduler,
      random: this.random.fork(),
      faults: this.faults,
      server: () => this.coordinators.server(),
      onArrival: (call) => this.checker.arrived(call),
    });
    this.coordinators = new SimCoordinators(this, this);
    this.workers = new SimWorkers(this, this.network);
    this.troubles = new Troubles(this);
    this.#judge = new Judge(this, this.troubles);
  }

  /** Lets the world go its way until the job has ended for good, or a promise is broken. */
  async run(): Promise<void> {
    const { scheduler, checker, faults } = this;
    this.coordinators.start("coordinator");
    this.workers.startAll();
    this.troubles.begin();
    scheduler.after(faults.healMs, null, () => this.#heal());
    const over = () => this.end !== null || checker.violation !== null;
    const how = await scheduler.run(over, () => this.#look());
    if (how === "idle") checker.broken("L1", "nothing happens any more, and the job has not ended");
    if (checker.violation === null) this.#checkEnd();
  }

  /** A coordinator's process is over: what it says of the job. */
  ended(process: SimProcess, status: JobStatus): void {
    this.scheduler.note(`the job is ${status.phase}: ${status.failure?.message ?? ""}`);
    this.#judge.ended(process, status);
  }

  refused(process: SimProcess, error: ShardmillError): void {
    this.#judge.refused(process, error);
  }

  /** The machine that all processes run on loses its power. */
  cutPower(): void {
    this.scheduler.note("the power goes");
    for (const process of [...this.workers.processes(), ...this.coordinators.processes()]) {
      this.scheduler.kill(process, "no power");
    }
    this.image.cutPower(this.random);
  }

  die(process: SimProcess, why: string, power: boolean): void {
    this.scheduler.kill(process, why);
    if (power) this.cutPower();
  }

  changed(call: DiskCall): void {
    this.troubles.changed(call);
  }

  isOver(): boolean {
    return this.end !== null;
  }

  over(end: string): void {
    this.end = end;
  }

  #heal(): void {
    if (this.troubles.postponesHealing()) {
      this.scheduler.after(5_000, null, () => this.#heal());
      return;
    }
    this.scheduler.note("from here on nothing goes wrong");
    this.#healedAtMs = this.scheduler.nowMs;
    this.faults.heal();
    this.network.heal();
    this.troubles.bringWorkersBack();
  }

  #look(): void {
    const { scheduler, checker } = this;
    const holder = checker.holder();
    if (holder !== null) checker.checkState(holder);
    this.#judge.look();
    const sinceMs = this.#healedAtMs === null ? 0 : scheduler.nowMs - this.#healedAtMs;
    if (sinceMs > LIVENESS_MS)
      checker.broken("L1", `not ended ${LIVENESS_MS / 1_000} s after the last fault`);
    if (scheduler.steps > MAX_STEPS) checker.broken("L1", `not ended after ${MAX_STEPS} turns`);
  }

  #checkEnd(): void {
    const { checker, image, faults } = this;
    const { fired } = faults;
    if (this.end === "published" && fired.foreignManifest === 0) {
      const blamed = fired.workerKilled + fired.powerCut + fired.workerPaused > 0 || this.workers.deaths > 0;
      checkOutput(this, { blamed, diskFailed: fired.diskError + fired.diskFull > 0 });
    } else if (fired.foreignManifest === 0) {
      checker.hold(
        image.lookUp(`${OUT}/_manifest.json`) === null,
        "I14",
        `the job is ${this.end}, and published`,
      );
    } else {
      const bytes = image.safeBytes(`${OUT}/_manifest.json`);
      checker.hold(
        bytes?.toString("utf8") === this.troubles.foreignText,
        "I5",
        "somebody's file was replaced",
      );
    }
  }
}
