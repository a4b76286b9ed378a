import { join } from "node:path";
import { LOCK_NAME } from "../coordinator/journal/lock-file.ts";
import { CLEARING_NAME } from "../coordinator/publish/output-folder.ts";
import { workPaths } from "../coordinator/publish/work-paths.ts";
import { isShardmillError, messageOf } from "../shared/core/errors.ts";
import type { Peopled } from "./peopled.ts";
import type { SimProcess } from "./scheduler.ts";
import type { DiskCall } from "./sim-disk.ts";
import { OUT } from "./sim-plan.ts";

/** How often the world is asked whether something goes wrong. */
const EVERY_MS = 500;
const MAX_DAMAGES = 2;
/** Coordinators that keep dying never see that there are no workers: at some time workers come back all the same. */
const PATIENCE_MS = 90_000;

const { partials: PARTIALS, work: WORK } = workPaths(OUT);
const LOCK = join(WORK, LOCK_NAME);
const CLEARING = join(WORK, CLEARING_NAME);

/** Brings the faults of the plan into the world. */
export class Troubles {
  readonly foreignText = '{"somebody":"else\'s"}';
  readonly #world: Peopled;
  /** The process that acknowledged a cancellation: another run of the job is another decision. */
  cancelledBy: SimProcess | null = null;
  /** Since when there has been a coordinator to see that nobody works; null while workers may come. */
  absentSinceMs: number | null = null;

  constructor(world: Peopled) {
    this.#world = world;
  }

  begin(): void {
    const { scheduler, random } = this.#world;
    scheduler.after(random.between(0, EVERY_MS), null, () => {
      this.#strike();
      if (!this.#world.faults.healed) this.begin();
    });
  }

  /** Without workers the job must fail with that reason: that is waited for. */
  postponesHealing(): boolean {
    const { scheduler, faults } = this.#world;
    return this.absentSinceMs !== null && scheduler.nowMs < faults.healMs + PATIENCE_MS;
  }

  #strike(): void {
    const { faults, workers, coordinators, scheduler, network, random } = this.#world;
    for (const process of workers.processes()) {
      if (faults.strikes("workerKilled", 0.02)) {
        workers.deaths += 1;
        scheduler.kill(process, "SIGKILL");
      } else if (faults.strikes("workerPaused", 0.02)) scheduler.pause(process, random.between(500, 20_000));
      else if (faults.strikes("workerDrained", 0.02)) workers.drain(process);
      else if (faults.strikes("cutOffOneWay", 0.02)) {
        network.cutOff(process.name, random.pick(["to", "from"] as const), random.between(500, 20_000));
      } else if (faults.strikes("cutOffBothWays", 0.02)) {
        network.cutOff(process.name, "both", random.between(500, 20_000));
      }
    }
    for (const process of coordinators.processes()) {
      if (faults.strikes("coordinatorKilled", 0.03)) scheduler.kill(process, "SIGKILL");
      else if (faults.strikes("coordinatorPaused", 0.02)) {
        // Long enough that one elsewhere takes it for dead.
        scheduler.pause(process, random.between(500, faults.has("otherNamespace") ? 45_000 : 12_000));
      }
    }
    if (faults.strikes("powerCut", 0.02)) this.#world.cutPower();
    if (faults.strikes("secondCoordinator", 0.05)) {
      if (faults.strikes("startedOver", 0.3)) this.#startOver();
      else coordinators.start("second coordinator");
    }
    if (faults.fired.partialDamaged < MAX_DAMAGES && faults.strikes("partialDamaged", 0.15)) this.#damage();
    if (faults.has("diskFull") && !faults.healed) faults.setDiskFull(random.chance(0.05));
    if (faults.fired.cancelled === 0 && faults.strikes("cancelled", 0.05)) this.#cancel();
    if (faults.fired.noWorkers === 0 && faults.strikes("noWorkers", 0.05)) this.#removeWorkers();
  }

  /** After each step of a disk: the moments that a fault at any time would hardly ever hit. */
  changed({ process, call, path }: DiskCall): void {
    const { faults, checker } = this.#world;
    if (call === "removal" && path === LOCK) checker.unlocked(process);
    if (call === "removal" && path === CLEARING) checker.cleared();
    if (call === "removal" && path === LOCK && faults.strikes("startedOver", 0.3)) this.#startOver();
    if (call !== "names") return;
    if (path === join(OUT, "_manifest.json")) {
      checker.hold(
        checker.isInJournal('"publishIntent"'),
        "I14",
        "the output appeared without a durable intent",
      );
    }
    if (path !== join(OUT, "rows")) return;
    if (faults.fired.cancelled === 0 && faults.strikes("cancelled", 0.5)) this.#cancel();
    this.#publishForeign();
  }

  #startOver(): void {
    const { checker, coordinators, scheduler } = this.#world;
    checker.mayStartOver = true;
    scheduler.after(0, null, () => coordinators.start("fresh coordinator", true));
  }

  /** Somebody else publishes to the same folder. */
  #publishForeign(): void {
    const { faults, image } = this.#world;
    const target = join(OUT, "_manifest.json");
    if (faults.fired.foreignManifest > 0 || image.lookUp(target) !== null) return;
    if (!faults.strikes("foreignManifest", 0.5)) return;
    const file = image.createFile(target);
    image.write(file, Buffer.from(this.foreignText, "utf8"));
    image.sync(file);
    image.sync(image.folder(OUT, "sync"));
  }

  /** A bit, or the end, of a partial's file is lost; only while the job runs, for only until then is it looked at again. */
  #damage(): void {
    const { checker, image, random, job, scheduler } = this.#world;
    if (checker.holder()?.state.phase !== "running") return;
    const folders = [...(namesIn(this.#world, PARTIALS) ?? [])].filter((name) => name !== "beacon");
    if (folders.length === 0) return;
    const folder = join(PARTIALS, random.pick(folders));
    const names = namesIn(this.#world, folder) ?? [];
    if (names.length === 0) return;
    const read = job.spec.reduce.sums?.combine === undefined ? "rows." : "combined-";
    const path = join(folder, random.pick(names));
    const file = image.file(path, "damage");
    if (file.bytes.length === 0) return;
    const bytes = Buffer.from(file.bytes);
    const flips = path.includes(read) && random.chance(0.6);
    const at = random.int(0, bytes.length - 1);
    bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << random.int(0, 7)), at);
    scheduler.note(`${path} is damaged: ${flips ? "a bit" : "its end"}`);
    checker.damaged.add(path);
    image.write(file, flips ? bytes : bytes.subarray(0, -1));
    image.sync(file);
  }

  #cancel(): void {
    const { coordinators, scheduler, checker } = this.#world;
    const held = coordinators.handle();
    if (held === null) return;
    scheduler.after(0, held.process, () => {
      scheduler.note("somebody cancels the job");
      held.handle.cancel("enough").then(
        () => {
          scheduler.note("the job is cancelled, it is said");
          checker.hold(
            checker.isRecorded('"jobCancelled"'),
            "I7",
            "a cancellation was acknowledged and is not durable",
          );
          this.cancelledBy = held.process;
        },
        (error: unknown) =>
          checker.hold(isShardmillError(error), "I14", `cancelling fails: ${messageOf(error)}`),
      );
    });
  }

  #removeWorkers(): void {
    const { workers, scheduler } = this.#world;
    this.absentSinceMs = scheduler.nowMs;
    workers.absent = true;
    workers.deaths += workers.processes().length;
    for (const process of workers.processes()) scheduler.kill(process, "nobody works any more");
  }

  bringWorkersBack(): void {
    this.absentSinceMs = null;
    this.#world.workers.heal();
  }
}

function namesIn({ image }: Peopled, path: string): string[] | null {
  const node = image.lookUp(path);
  return node?.kind === "folder" ? [...node.names.keys()].sort() : null;
}
