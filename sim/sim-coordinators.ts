import { checkHere } from "../coordinator/commit/check-partials.ts";
import { type Coordinator, type CoordinatorSeams, startCoordinator } from "../coordinator/coordinator.ts";
import type { JobHandle } from "../coordinator/job/job-handle.ts";
import { SNAPSHOTS_OF_NO_USE } from "../coordinator/journal/snapshots.ts";
import { DEFAULT_SCHEDULE, type ScheduleConfig } from "../coordinator/schedule/state/config.ts";
import { NEVER, sleepBy } from "../shared/core/abort.ts";
import { present } from "../shared/core/assert.ts";
import { toShardmillError } from "../shared/core/errors.ts";
import { troubleLogger } from "../shared/core/log.ts";
import type { ProcessState } from "../shared/core/process-identity.ts";
import { createLocalStorage } from "../shared/storage/local.ts";
import type { DiskCall } from "./disk-operation.ts";
import { rootedDisk } from "./rooted-disk.ts";
import type { SimProcess } from "./scheduler.ts";
import { SimBucket } from "./sim-bucket.ts";
import { SimDisk } from "./sim-disk.ts";
import { simCountRows, simReduce, simWritePoisoned } from "./sim-files.ts";
import type { SimServer } from "./sim-network.ts";
import type { SimJob } from "./sim-plan.ts";
import type { Scenario, WorldBase } from "./world-base.ts";

/** The default times divided by five: a world is as eventful, and shorter. */
export const SIM_SCHEDULE: Omit<ScheduleConfig, "maxDeadLetters"> = {
  ...DEFAULT_SCHEDULE,
  leaseMs: 6_000,
  heartbeatMs: 2_000,
  workerLostMs: 18_000,
  disconnectGraceMs: 2_000,
  retryBackoffMs: 100,
  retryBackoffMaxMs: 2_000,
  noWorkersGraceMs: 30_000,
  refusedGraceMs: { device: 10_000, unfit: 30_000 },
  backup: { slowFactor: 3, minMs: 2_000, maxShare: 0.2 },
  exclusion: { strikes: 3, windowMs: 60_000, forMs: 5_000, forMaxMs: 20_000 },
  stallMs: 20_000,
};

/** Records between snapshots. A simulated job has about fifty records, so it leaves several snapshots. */
export const SIM_SNAPSHOT_RECORDS = 7;

const HOST = "sim";
/** Bytes of a task's tables. A simulated job has some tables of a few lines, so two to six tasks. */
const SIM_PART_BYTES = 100;
/** Longest time between the submission of jobs. */
const SUBMIT_WITHIN_MS = 8_000;

interface StartOptions {
  /** Discards the previous run, as `--fresh` does. */
  readonly fresh?: boolean;
  /** Runs the coordinator in a PID namespace or, with shared work, on a machine of its own. */
  readonly isElsewhere?: boolean;
}

interface Running {
  readonly process: SimProcess;
  readonly role: string;
  readonly isElsewhere: boolean;
  /** Machine that it runs on. Coordinators of other machines do not see the files on its disk. */
  readonly machine: number;
  server: SimServer | null;
  /** Handles of its jobs, in the order in which it resumed them. */
  readonly handles: Map<SimJob, JobHandle>;
}

/**
 * The coordinators of a world: real ones, in simulated processes. One is kept running. Others may start and
 * be refused.
 */
export class SimCoordinators {
  readonly #world: WorldBase;
  readonly #running: Running[] = [];
  #starting = false;
  #machines = 1;
  /** Number of coordinators that were started. */
  started = 0;

  constructor(world: WorldBase) {
    this.#world = world;
  }

  processes(): SimProcess[] {
    return this.#running.map(({ process }) => process);
  }

  /** Returns the server that workers reach: a coordinator that holds a job, otherwise the first that runs. */
  server(): SimServer | null {
    const holders = this.#world.scenarios.map(({ checker }) => checker.holder()?.process);
    const { isShared, random } = this.#world;
    // Workers are not notified when another coordinator takes a job over.
    if (isShared && this.#running.length > 1 && random.chance(0.2)) return random.pick(this.#running).server;
    const held = this.#running.find(({ process }) => holders.includes(process));
    return held?.server ?? this.#running[0]?.server ?? null;
  }

  /** Returns true when the running coordinator resumed one job before another. */
  isBefore(first: SimJob, second: SimJob): boolean {
    const order = [...(this.#running[0]?.handles.keys() ?? [])];
    const [a, b] = [order.indexOf(first), order.indexOf(second)];
    return a >= 0 && a < b;
  }

  /** Returns the handle of a job from the coordinator that holds it. */
  handle(job: SimJob): { readonly process: SimProcess; readonly handle: JobHandle } | null {
    const holder = this.#world.scenarios.find((scenario) => scenario.job === job)?.checker.holder();
    const held = this.#running.find(({ process }) => process === holder?.process);
    const handle = held?.handles.get(job);
    return held === undefined || handle === undefined ? null : { process: held.process, handle };
  }

  start(role: string, { fresh = false, isElsewhere = false }: StartOptions = {}): void {
    const { scheduler, faults } = this.#world;
    const process = scheduler.start(role);
    this.started += 1;
    if (this.#world.isShared && isElsewhere) this.#machines += 1;
    const machine = this.#machines;
    const running: Running = { process, role, isElsewhere, machine, server: null, handles: new Map() };
    this.#running.push(running);
    process.onDeath.push(() => this.#gone(running));
    faults.armDiskDeath();
    scheduler.after(0, process, () => void this.#serve(running, fresh));
  }

  #gone(running: Running): void {
    for (const { checker } of this.#world.scenarios) checker.letGo(running.process);
    this.#running.splice(this.#running.indexOf(running), 1);
    this.#keepRunning();
  }

  /** Restarts a coordinator when none runs, as an operator or Kubernetes would. */
  #keepRunning(): void {
    const { scheduler, random } = this.#world;
    if (this.#running.length > 0 || this.#starting || this.#world.isOver()) return;
    this.#starting = true;
    scheduler.after(random.between(50, 3_000), null, () => {
      this.#starting = false;
      if (this.#world.isOver()) return;
      const isElsewhere = this.#world.isShared && random.chance(0.5);
      this.start("coordinator", { isElsewhere, fresh: this.#startsOver() });
    });
  }

  /**
   * Draws whether the next coordinator starts over. With shared work it must be alone: see `FaultInjector`.
   */
  #startsOver(): boolean {
    const { faults, isShared, scenarios } = this.#world;
    const [only, ...others] = scenarios;
    if (!isShared || only === undefined || others.length > 0) return false;
    if (!faults.strikes("startedOver", 0.3)) return false;
    only.checker.mayStartOver = true;
    return true;
  }

  async #serve(running: Running, fresh: boolean): Promise<void> {
    const { process } = running;
    const { scheduler, random } = this.#world;
    const clock = scheduler.clockOf(process);
    const coordinator = await startCoordinator({
      listen: "sim:1",
      // The simulated network has no strangers.
      guard: { secret: "", tokensPath: null, auditPath: null, takesJobs: true },
      clock,
      log: this.#logOf(running),
      schedule: SIM_SCHEDULE,
      seams: this.#seamsOf(running),
    });
    const scenarios = this.#world.scenarios.filter((scenario) => !scenario.isOver());
    const ends = await Promise.all(
      scenarios.map((scenario, place) => this.#runJob(scenario, running, { coordinator, fresh, place })),
    );
    if (ends.includes("ended")) {
      if (random.chance(0.3)) coordinator.dismiss("the job is over");
      await sleepBy(clock, 300, NEVER);
    }
    await coordinator.close();
    scheduler.kill(process, "it has nothing left to do");
  }

  async #runJob(
    scenario: Scenario,
    { process, handles }: Running,
    {
      coordinator,
      fresh,
      place,
    }: { readonly coordinator: Coordinator; readonly fresh: boolean; readonly place: number },
  ): Promise<"ended" | "refused"> {
    const { scheduler, random } = this.#world;
    const { job, checker } = scenario;
    try {
      if (place > 0) await sleepBy(scheduler.clockOf(process), random.between(0, SUBMIT_WITHIN_MS), NEVER);
      const handle = await coordinator.submit(job.spec, { fresh, signal: NEVER });
      handles.set(job, handle);
      const status = await handle.ended;
      checker.letGo(process);
      scenario.ended(process, status);
      return "ended";
    } catch (error) {
      checker.letGo(process);
      scenario.refused(process, toShardmillError(error));
      return "refused";
    }
  }

  /** Checks errors that are logged and not thrown. */
  #logOf({ process }: Running) {
    const write = (line: string) => {
      if (line.includes(SNAPSHOTS_OF_NO_USE)) this.#snapshotsDropped(line);
      else if (line.includes("broken invariant"))
        this.#world.broken("legal-moves", `${process.name} logs ${line}`);
    };
    return troubleLogger(write);
  }

  /**
   * Reports useless snapshots. Damage never makes all of them useless, unless the disk failed or the folder
   * was cleared.
   */
  #snapshotsDropped(line: string): void {
    const { diskError, startedOver, otherNamespace } = this.#world.faults.fired;
    if (diskError + startedOver + otherNamespace === 0) this.#world.broken("replay-is-the-state", line);
  }

  #lifeOf(pid: number): ProcessState {
    return this.#running.some(({ process }) => process.pid === pid) ? "running" : "exited";
  }

  #namespaceOf({ process, isElsewhere, machine }: Running): string {
    const { faults, isShared } = this.#world;
    const drawn = faults.strikes("otherNamespace", 0.5) ? "other" : "own";
    if (isShared) return `of machine ${machine}`;
    return isElsewhere ? `of ${process.pid}` : drawn;
  }

  #scenarioAt(path: string) {
    const found = this.#world.scenarios.find(({ job }) => job.out === path);
    return present(found, "a job of this world");
  }

  #seamsOf(running: Running): CoordinatorSeams {
    const { process } = running;
    const { scheduler, image, faults, bucket, isShared } = this.#world;
    const random = this.#world.random.fork();
    const clock = scheduler.clockOf(process);
    const pidNamespace = this.#namespaceOf(running);
    const operations = {
      image,
      scheduler,
      process,
      random: random.fork(),
      faultOf: (call: DiskCall) => faults.ofCoordinatorsDisk(call),
      die: (dying: SimProcess, why: string, power: boolean) => this.#world.die(dying, why, power),
      onDone: (call: DiskCall) => this.#world.did(call),
    };
    const oneDisk = new SimDisk({ ...operations, lacksHardLinks: faults.has("noHardLinks") });
    const disk = isShared ? rootedDisk(oneDisk, `/machine-${running.machine}`) : oneDisk;
    const onAsk = (call: DiskCall) => this.#world.requested(call);
    const storage =
      bucket === null
        ? createLocalStorage({ disk, random: random.fork() })
        : new SimBucket({ ...operations, root: bucket, faults, onAsk });
    return {
      disk,
      openStorage: async () => storage,
      random,
      snapshotRecords: SIM_SNAPSHOT_RECORDS,
      partBytes: SIM_PART_BYTES,
      processes: {
        own: () => ({ host: HOST, bootId: null, pidNamespace, pid: process.pid, startTicks: null }),
        processState: (other) => (other.pidNamespace === pidNamespace ? this.#lifeOf(other.pid) : "unknown"),
      },
      plan: async ({ output }) => {
        await sleepBy(clock, random.pick([0.1, 1, 10, 50]), NEVER);
        return this.#scenarioAt(output.path).job.planned;
      },
      identify: async ({ output }) => this.#scenarioAt(output.path).job.planned,
      openChecker: (place) => checkHere(place, { storage, countRows: simCountRows }),
      reduce: simReduce,
      writePoisoned: simWritePoisoned,
      loopTime: () => ({ activeMs: 0, idleMs: 0 }),
      storeCounts: () => [],
      watchTasks: (state, places) =>
        this.#scenarioAt(places.output).checker.tasks.takenUp(process, state, places),
      watch: (state, outputPath) => this.#scenarioAt(outputPath).checker.takenUp(process, state),
      serve: async ({ services }) => {
        running.server = { process, work: services.work };
        return {
          address: `${HOST}:1`,
          ownAddress: `${HOST}:1`,
          setServing: () => {},
          close: async () => {
            running.server = null;
          },
        };
      },
    };
  }
}
