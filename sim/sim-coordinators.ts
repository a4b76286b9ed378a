import { join } from "node:path";
import { seatHere } from "../coordinator/commit/check-seat.ts";
import { type CoordinatorSeams, startCoordinator } from "../coordinator/coordinator.ts";
import type { JobHandle } from "../coordinator/job/jobs-desk.ts";
import { DEFAULT_SCHEDULE, type ScheduleConfig } from "../coordinator/schedule/config.ts";
import { sleep } from "../shared/core/abort.ts";
import { type ShardmillError, toShardmillError } from "../shared/core/errors.ts";
import { errorLogger } from "../shared/core/log.ts";
import type { Life } from "../shared/core/process-identity.ts";
import type { JobStatus } from "../shared/domain/job-status.ts";
import type { Ground } from "./ground.ts";
import type { SimProcess } from "./scheduler.ts";
import { SimDisk } from "./sim-disk.ts";
import { simCountRows, simReduce, simWritePoisoned } from "./sim-files.ts";
import type { SimServer } from "./sim-network.ts";
import { OUT } from "./sim-plan.ts";

/** The usual times, a fifth of them: a world is as eventful, and shorter. */
export const SIM_SCHEDULE: Omit<ScheduleConfig, "maxDeadRows"> = {
  ...DEFAULT_SCHEDULE,
  leaseMs: 6_000,
  heartbeatMs: 2_000,
  disconnectGraceMs: 2_000,
  retryBackoffMs: 100,
  retryBackoffMaxMs: 2_000,
  noWorkersGraceMs: 30_000,
  backup: { slowFactor: 3, minMs: 2_000, maxShare: 0.2 },
  exclusion: { strikes: 3, windowMs: 60_000, forMs: 5_000, forMaxMs: 20_000 },
  stallMs: 20_000,
};

const HOST = "sim";

/** What a coordinator says before its process ends. */
export interface Sayings {
  ended(process: SimProcess, status: JobStatus): void;
  /** It could not take the job up, or had to let go of it. */
  refused(process: SimProcess, error: ShardmillError): void;
}

interface Running {
  readonly process: SimProcess;
  readonly role: string;
  server: SimServer | null;
  handle: JobHandle | null;
}

/** The coordinators of a world: real ones, in simulated processes. One is kept running; others may come and be refused. */
export class SimCoordinators {
  readonly #ground: Ground;
  readonly #sayings: Sayings;
  readonly #running: Running[] = [];
  #starting = false;

  constructor(ground: Ground, sayings: Sayings) {
    this.#ground = ground;
    this.#sayings = sayings;
  }

  processes(): SimProcess[] {
    return this.#running.map(({ process }) => process);
  }

  /** Who listens where the workers call: whoever holds the job, else the first that runs. */
  server(): SimServer | null {
    const holder = this.#ground.checker.holder();
    const held = this.#running.find(({ process }) => process === holder?.process);
    return held?.server ?? this.#running[0]?.server ?? null;
  }

  /** The job as the coordinator that holds it knows it. */
  handle(): { readonly process: SimProcess; readonly handle: JobHandle } | null {
    const holder = this.#ground.checker.holder();
    const held = this.#running.find(({ process }) => process === holder?.process);
    return held === undefined || held.handle === null ? null : { process: held.process, handle: held.handle };
  }

  /** @param fresh throws away what an earlier run left, as `--fresh` does */
  start(role: string, fresh = false): void {
    const { scheduler, faults } = this.#ground;
    const process = scheduler.start(role);
    const running: Running = { process, role, server: null, handle: null };
    this.#running.push(running);
    process.onDeath.push(() => this.#gone(running));
    faults.armDiskDeath();
    scheduler.after(0, process, () => void this.#serve(running, fresh));
  }

  #gone(running: Running): void {
    const { checker } = this.#ground;
    checker.letGo(running.process);
    this.#running.splice(this.#running.indexOf(running), 1);
    this.#keepRunning();
  }

  /** As an operator, or Kubernetes, would: one coordinator is always to run. */
  #keepRunning(): void {
    const { scheduler, random } = this.#ground;
    if (this.#running.length > 0 || this.#starting || this.#ground.isOver()) return;
    this.#starting = true;
    scheduler.after(random.between(50, 3_000), null, () => {
      this.#starting = false;
      if (!this.#ground.isOver()) this.start("coordinator");
    });
  }

  async #serve(running: Running, fresh: boolean): Promise<void> {
    const { process } = running;
    const { scheduler, job, random, checker } = this.#ground;
    const clock = scheduler.clockOf(process);
    const coordinator = await startCoordinator({
      listen: "sim:1",
      // The simulated network brings no strangers.
      guard: { secret: "", takesJobs: true },
      clock,
      log: this.#logOf(running),
      schedule: SIM_SCHEDULE,
      seams: this.#seamsOf(running),
    });
    try {
      running.handle = await coordinator.submit(job.spec, { fresh });
      const status = await running.handle.ended;
      checker.letGo(process);
      this.#sayings.ended(process, status);
      if (random.chance(0.3)) coordinator.dismiss("the job is over");
      await sleep(300, undefined, clock);
    } catch (error) {
      this.#sayings.refused(process, toShardmillError(error));
    }
    await coordinator.close();
    scheduler.kill(process, "it has nothing left to do");
  }

  /** An error that is logged and not raised is looked at all the same. */
  #logOf({ process }: Running) {
    const { checker } = this.#ground;
    const write = (line: string) => {
      if (line.includes("broken invariant")) checker.broken("state", `${process.name} logs ${line}`);
    };
    return errorLogger(write);
  }

  #lifeOf(pid: number): Life {
    return this.#running.some(({ process }) => process.pid === pid) ? "alive" : "dead";
  }

  #seamsOf(running: Running): CoordinatorSeams {
    const { process } = running;
    const { scheduler, image, faults, checker, job } = this.#ground;
    const random = this.#ground.random.fork();
    const clock = scheduler.clockOf(process);
    const pidNamespace = faults.strikes("otherNamespace", 0.5) ? "other" : "own";
    const disk = new SimDisk({
      image,
      scheduler,
      process,
      random: random.fork(),
      lacksHardLinks: faults.has("noHardLinks"),
      faultOf: (call) => faults.ofCoordinatorsDisk(call),
      die: (dying, why, power) => this.#ground.die(dying, why, power),
      onChange: (call) => this.#ground.changed(call),
    });
    return {
      disk,
      random,
      processes: {
        own: () => ({ host: HOST, bootId: null, pidNamespace, pid: process.pid, startTicks: null }),
        lifeOf: (other) => (other.pidNamespace === pidNamespace ? this.#lifeOf(other.pid) : "unknown"),
      },
      plan: async () => {
        await sleep(random.pick([0.1, 1, 10, 50]), undefined, clock);
        return job.planned;
      },
      digests: async () => job.planned.digests,
      openSeat: (place) => seatHere(place, { disk, countRows: simCountRows }),
      reduce: (options) => simReduce(options, disk),
      writePoisoned: (options) => simWritePoisoned(options, disk),
      loopTime: () => ({ activeMs: 0, idleMs: 0 }),
      watch: (state) => checker.takenUp(process, state),
      serve: async ({ services }) => {
        running.server = { process, work: services.work };
        return {
          address: join(HOST, OUT),
          setServing: () => {},
          close: async () => {
            running.server = null;
          },
        };
      },
    };
  }
}
