import type { Law } from "../shared/domain/laws.ts";
import { parseLocation } from "../shared/domain/location.ts";
import type { WorkerSession } from "../shared/domain/worker.ts";
import { DiskImage } from "./disk-image.ts";
import type { DiskCall } from "./disk-operation.ts";
import { FaultInjector } from "./fault-injector.ts";
import { FaultPlan } from "./fault-plan.ts";
import { JobScenario } from "./job-scenario.ts";
import { Scheduler, type SimProcess } from "./scheduler.ts";
import { SeededRandom } from "./seeded-random.ts";
import { keptAt } from "./sim-bucket.ts";
import { SimCoordinators } from "./sim-coordinators.ts";
import { type ArrivedCall, SimNetwork, type Witness } from "./sim-network.ts";
import { makeSimJob } from "./sim-plan.ts";
import { SimWorkers } from "./sim-workers.ts";
import { hasFired, type SimWorld } from "./sim-world.ts";
import type { StorageKind } from "./storage-kind.ts";
import type { Violation } from "./violation.ts";

/** Time within which each job must end after the last fault. */
const LIVENESS_MS = 240_000;
/** Limit of steps: more than any sound world takes. It stops a world that loops without time passing. */
const MAX_STEPS = 400_000;
/** Shares of worlds with two jobs, and with three. */
const SHARES = { two: 0.25, three: 0.1 } as const;

/**
 * Returns the number of jobs in the world of a seed. A separate stream keeps the course of the first job
 * independent of the others.
 */
export function jobsOf(seed: number): number {
  const drawn = new SeededRandom(seed ^ 0x5f37_59df).unit();
  if (drawn < SHARES.three) return 3;
  return drawn < SHARES.three + SHARES.two ? 2 : 1;
}

/** Returns whether the jobs in the world of a seed have reductions by key, in a third of the worlds. */
export function tasksOf(seed: number): boolean {
  return new SeededRandom(seed ^ 0x27d4_eb2f).chance(1 / 3);
}

interface WorldOptions {
  readonly keepLog: boolean;
  /** The first job has a reduction by key, and so has half of the others. */
  readonly tasks: boolean;
  readonly jobs: number;
  readonly storage: StorageKind;
}

/**
 * A world of one job or several: its disk, coordinators, workers and faults. All of it follows from the seed.
 */
export class World implements SimWorld {
  readonly random: SeededRandom;
  readonly scheduler: Scheduler;
  readonly image = new DiskImage();
  readonly faults: FaultPlan;
  readonly bucket: string | null;
  readonly isShared: boolean;
  readonly scenarios: readonly JobScenario[];
  readonly network: SimNetwork;
  readonly coordinators: SimCoordinators;
  readonly workers: SimWorkers;
  readonly injector: FaultInjector;
  #broken: Violation | null = null;
  #healedAtMs: number | null = null;

  constructor(seed: number, { keepLog, jobs, storage, tasks }: WorldOptions) {
    this.bucket = storage === "disk" ? null : "/bucket";
    this.isShared = storage === "shared";
    this.random = new SeededRandom(seed);
    this.scheduler = new Scheduler(this.random.fork(), keepLog);
    this.faults = new FaultPlan(this.random.fork(), storage);
    if (this.faults.has("noHardLinks")) this.faults.count("noHardLinks");
    const others = new SeededRandom(~seed);
    const keyed = new SeededRandom(seed ^ 0x1656_67b1);
    this.scenarios = Array.from({ length: jobs }, (_, place) =>
      this.#makeScenario(
        place === 0 ? this.random.fork() : others.fork(),
        place,
        tasks && (place === 0 || keyed.chance(0.5)),
      ),
    );
    this.network = new SimNetwork({
      scheduler: this.scheduler,
      random: this.random.fork(),
      faults: this.faults,
      server: () => this.coordinators.server(),
      onArrival: (call) => this.#arrived(call),
    });
    this.coordinators = new SimCoordinators(this);
    this.workers = new SimWorkers(this, this.network);
    this.injector = new FaultInjector(
      this,
      this.scenarios.map(({ injector }) => injector),
    );
    for (const scenario of this.scenarios) scenario.beginChecking(this.injector);
  }

  /** The first broken law. The world stops there. */
  get violation(): Violation | null {
    const broken = this.scenarios.map(({ checker }) => checker.violation).find((found) => found !== null);
    return this.#broken ?? broken ?? null;
  }

  /** Final ends of all jobs. Null: a job has not ended. */
  get end(): string | null {
    return this.isOver() ? [...new Set(this.scenarios.map(({ end }) => end))].sort().join(" and ") : null;
  }

  /** Runs the world until all jobs have ended for good, or a law is broken. */
  async run(): Promise<void> {
    const { scheduler, faults } = this;
    this.coordinators.start("coordinator");
    this.workers.startAll();
    this.injector.begin();
    scheduler.after(faults.healMs, null, () => this.#heal());
    const over = () => this.isOver() || this.violation !== null;
    const how = await scheduler.run(over, () => this.#look());
    if (how === "idle") this.broken("every-job-ends", "no event is left, and the job has not ended");
  }

  broken(law: Law, message: string): void {
    this.#broken ??= { law, message };
  }

  /** Cuts the power of the machine that all processes run on. */
  cutPower(): void {
    this.scheduler.note("the power fails");
    for (const process of [...this.workers.processes(), ...this.coordinators.processes()]) {
      this.scheduler.kill(process, "no power");
    }
    this.image.cutPower(this.random);
  }

  die(process: SimProcess, why: string, power: boolean): void {
    this.scheduler.kill(process, why);
    if (power) this.cutPower();
  }

  requested(call: DiskCall): void {
    this.injector.requested(call);
  }

  did(call: DiskCall): void {
    for (const scenario of this.scenarios) scenario.injector.did(call);
    this.injector.did(call);
  }

  isOver(): boolean {
    return this.scenarios.every((scenario) => scenario.isOver());
  }

  #makeScenario(random: SeededRandom, place: number, hasTasks: boolean): JobScenario {
    const { faults } = this;
    const job = makeSimJob(random, {
      failingRows: faults.has("failingRow"),
      poisonRows: faults.has("poisonRow"),
      hasTasks,
      place,
      ...this.#output(),
    });
    for (const _row of job.failing) faults.count("failingRow");
    return new JobScenario(this, job, place === 0);
  }

  #output(): Pick<Parameters<typeof makeSimJob>[1], "output"> {
    const { bucket, isShared } = this;
    if (bucket === null) return {};
    const folder = parseLocation(isShared ? "s3://bucket/results" : "/");
    return { output: { folder, kept: isShared ? keptAt(bucket, folder) : bucket, isShared } };
  }

  #arrived(call: ArrivedCall): Witness {
    const witnesses = this.scenarios.map(({ checker }) => checker.arrived(call));
    return {
      taken: () => {
        for (const witness of witnesses) witness.taken();
      },
      answered: (answer) => {
        for (const witness of witnesses) witness.answered(answer);
      },
    };
  }

  #heal(): void {
    if (this.injector.postponesHealing()) {
      this.scheduler.after(5_000, null, () => this.#heal());
      return;
    }
    this.scheduler.note("from here on there are no faults");
    this.#healedAtMs = this.scheduler.nowMs;
    this.faults.heal();
    this.network.heal();
    this.injector.bringWorkersBack();
  }

  #look(): void {
    const { scheduler, scenarios } = this;
    for (const scenario of scenarios) scenario.look();
    this.#checkWorkers();
    const limitMs = LIVENESS_MS * scenarios.length;
    const sinceMs = this.#healedAtMs === null ? 0 : scheduler.nowMs - this.#healedAtMs;
    if (sinceMs > limitMs)
      this.broken("every-job-ends", `not ended ${limitMs / 1_000} s after the last fault`);
    const steps = MAX_STEPS * scenarios.length;
    if (scheduler.steps > steps) this.broken("every-job-ends", `not ended after ${steps} steps`);
  }

  /** Checks that a worker holds no more leases than it has slots, and leases of one job only. */
  #checkWorkers(): void {
    // A job whose journal failed is released with its leases, which are void. The checker cannot see when.
    if (this.scenarios.length === 1 || hasFired(this, "diskFull", "diskError")) return;
    const held = new Map<WorkerSession, { leases: number; jobs: number }>();
    for (const { checker } of this.scenarios) {
      for (const { session, name, slots, leases } of checker.holder()?.state.workers.values() ?? []) {
        if (leases.size === 0) continue;
        const so = held.get(session) ?? { leases: 0, jobs: 0 };
        const now = { leases: so.leases + leases.size, jobs: so.jobs + 1 };
        held.set(session, now);
        if (now.leases > slots)
          this.broken(
            "leases-in-bounds",
            `${name} holds ${now.leases} leases over all jobs, in ${slots} slots`,
          );
        if (now.jobs > 1) this.broken("leases-in-bounds", `${name} holds leases of ${now.jobs} jobs at once`);
      }
    }
  }
}
