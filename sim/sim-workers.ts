import { NEVER, sleepBy } from "../shared/core/abort.ts";
import { isShardmillError, messageOf } from "../shared/core/errors.ts";
import { silentLogger } from "../shared/core/log.ts";
import { below } from "../shared/domain/location.ts";
import { createLocalStorage } from "../shared/storage/local.ts";
import { makeOwnFolder } from "../shared/storage/local-paths.ts";
import { ownVersions } from "../shared/wire/protocol.ts";
import type { Registration } from "../shared/wire/services.ts";
import { LeaseLoop } from "../worker/lease/lease-loop.ts";
import { openSink } from "../worker/write/partial-sink.ts";
import { openBucketSink } from "./bucket-sink.ts";
import type { DiskCall } from "./disk-operation.ts";
import { partialsOf } from "./job-place.ts";
import type { SimProcess } from "./scheduler.ts";
import { SimBucket } from "./sim-bucket.ts";
import { SimDisk } from "./sim-disk.ts";
import type { SimNetwork } from "./sim-network.ts";
import { SimRunner } from "./sim-runner.ts";
import type { WorldBase } from "./world-base.ts";

interface Running {
  readonly process: SimProcess;
  readonly drain: AbortController;
}

/** Time after which a worker stops waiting for an unreachable coordinator. It is then restarted. */
const GIVE_UP_MS = 30_000;
const DRAIN_MS = 4_000;

/** The workers of a world: real lease loops in simulated processes, which map rows in simulated time. */
export class SimWorkers {
  readonly #world: WorldBase;
  readonly #network: SimNetwork;
  readonly #names: readonly string[];
  readonly #running = new Map<string, Running>();
  readonly #slow: ReadonlySet<string>;
  readonly #started = new Set<string>();
  readonly #rowMs: number;
  /** Time that a model takes to load. 0 in a world of one job. */
  readonly #openMs: number;
  /** Number of processes that replaced an exited one. */
  restarts = 0;
  /** Number of exits that the coordinator may have blamed on a shard. */
  deaths = 0;
  /** True while no worker is started again. */
  absent = false;

  constructor(world: WorldBase, network: SimNetwork) {
    this.#world = world;
    this.#network = network;
    const { random, faults } = world;
    this.#names = Array.from({ length: random.int(1, 4) }, (_, index) => `worker-${index + 1}`);
    this.#rowMs = random.pick([5, 30, 200]);
    this.#openMs = world.scenarios.length === 1 ? 0 : random.pick([1, 500, 5_000]);
    this.#slow = new Set(this.#names.filter(() => faults.strikes("workerSlow", 0.4)));
  }

  processes(): SimProcess[] {
    return [...this.#running.values()].map(({ process }) => process);
  }

  startAll(): void {
    for (const name of this.#names) this.#startSoon(name, 1_000);
  }

  drain(process: SimProcess): void {
    for (const running of this.#running.values()) {
      if (running.process !== process) continue;
      // A signal arrives as an event of the process.
      this.#world.scheduler.after(0, process, () => running.drain.abort(new Error("SIGTERM")));
    }
  }

  heal(): void {
    this.absent = false;
    for (const name of this.#names) if (!this.#running.has(name)) this.#startSoon(name, 1_000);
  }

  #startSoon(name: string, withinMs: number): void {
    const { scheduler, random } = this.#world;
    scheduler.after(random.between(0, withinMs), null, () => {
      if (!this.absent && !this.#running.has(name)) this.#start(name);
    });
  }

  #start(name: string): void {
    const { scheduler } = this.#world;
    const process = scheduler.start(name);
    if (this.#started.has(name)) this.restarts += 1;
    this.#started.add(name);
    const running: Running = { process, drain: new AbortController() };
    this.#running.set(name, running);
    process.onDeath.push(() => {
      this.#running.delete(name);
      this.#startSoon(name, 4_000);
    });
    scheduler.after(0, process, () => void this.#work(running));
  }

  async #work({ process, drain }: Running): Promise<void> {
    const { scheduler } = this.#world;
    const clock = scheduler.clockOf(process);
    try {
      const how = await this.#loopOf(process).run(drain.signal, new AbortController().signal);
      scheduler.note(`${process.name} is ${how}`);
    } catch (error) {
      scheduler.note(`${process.name} gives up: ${messageOf(error)}`);
      if (!isShardmillError(error)) this.#world.broken("legal-moves", `${process.name}: ${messageOf(error)}`);
    }
    await sleepBy(clock, 10, NEVER);
    scheduler.kill(process, "it has nothing left to do");
  }

  #loopOf(process: SimProcess): LeaseLoop {
    const { scheduler, faults, image, scenarios, bucket } = this.#world;
    const random = this.#world.random.fork();
    const clock = scheduler.clockOf(process);
    const operations = {
      image,
      scheduler,
      process,
      random: random.fork(),
      faultOf: (call: DiskCall) => faults.ofWorkersDisk(call),
      die: (dying: SimProcess, why: string, power: boolean) => this.#world.die(dying, why, power),
      onDone: (call: DiskCall) => this.#world.did(call),
    };
    const disk = new SimDisk({ ...operations, lacksHardLinks: faults.has("noHardLinks") });
    const storage = bucket === null ? null : new SimBucket({ ...operations, root: bucket, faults });
    const scratch = `/scratch-${process.pid}`;
    const local = createLocalStorage({ disk });
    const runner = new SimRunner({
      jobs: scenarios.map(({ job }) => job),
      openMs: this.#openMs,
      broken: (what) => this.#world.broken("leases-in-bounds", `${process.name}: ${what}`),
      clock,
      disk,
      partialsOf: (job) => partialsOf(job, image),
      storage: storage ?? local,
      openSink: (partials, folder) =>
        storage === null
          ? openSink({
              storage: local,
              partials,
              folder,
              scratchPath: "/nowhere",
              makeFolder: (path) => makeOwnFolder(path, disk),
            })
          : openBucketSink(below(partials, folder), { storage, disk, scratch }),
      random: random.fork(),
      rowMs: this.#rowMs * (this.#slow.has(process.name) ? 10 : 1),
      breaks: () => faults.strikes("modelBroke", 0.1),
      die: (why) => {
        faults.count("poisonRow");
        scheduler.kill(process, why);
      },
    });
    return new LeaseLoop({
      work: this.#network.clientOf(process),
      registration: registrationOf(process),
      runner,
      takeBusy: () => ({}),
      takePadding: () => null,
      clock,
      random,
      log: silentLogger,
      giveUpMs: GIVE_UP_MS,
      drainMs: DRAIN_MS,
      onSession: () => runner.useSession(),
    });
  }
}

function registrationOf({ name, pid }: SimProcess): Registration {
  return {
    ...ownVersions(),
    name,
    hostname: "sim",
    pid,
    instance: String(pid),
    device: "cpu",
    slots: 2,
    lanes: 1,
    threadsPerLane: 1,
    onnxruntimeVersion: "sim",
  };
}
