import { join } from "node:path";
import { LOCK_NAME } from "../coordinator/journal/lock-file.ts";
import { CLEARING_NAME } from "../coordinator/publish/output-folder.ts";
import { isShardmillError, messageOf } from "../shared/core/errors.ts";
import { below } from "../shared/domain/location.ts";
import { MANIFEST_NAME, WORK_FOLDER } from "../shared/domain/manifest.ts";
import { isCombined } from "../shared/domain/reduction-binding.ts";
import { checkVisible } from "./check-output.ts";
import type { DiskCall } from "./disk-operation.ts";
import { journalOf, keptPartials } from "./job-place.ts";
import { startRivalPublisher } from "./rival-publisher.ts";
import type { SimProcess } from "./scheduler.ts";
import { SIM_SNAPSHOT_RECORDS } from "./sim-coordinators.ts";
import { hasFired, type JudgedScenario } from "./sim-world.ts";
import { SnapshotFaults } from "./snapshot-faults.ts";

const MAX_DAMAGES = 2;
/** Path of a staged manifest. In a bucket, each attempt to stage has a folder of its own. */
const STAGED_MANIFEST = /\/stage\/(?:[^/]+\/)?_manifest\.json$/;
/** Time within which a holder is expected to write a snapshot. */
const SNAPSHOT_WITHIN_MS = 3_000;

/** Injects the faults of a single job. */
export class JobFaultInjector {
  readonly foreignText = '{"somebody":"else\'s"}';
  /** Number of cancellations. */
  cancels = 0;
  isForeign = false;
  /** The process that acknowledged a cancellation. Another run of the job may decide differently. */
  cancelledBy: SimProcess | null = null;
  readonly #scenario: JudgedScenario;
  readonly #snapshots: SnapshotFaults;
  #damages = 0;
  #startedOver = false;
  /** The published manifest. */
  #manifest: string | null = null;

  constructor(scenario: JudgedScenario) {
    this.#scenario = scenario;
    this.#snapshots = new SnapshotFaults(scenario);
  }

  /** Damages a partial at random. */
  strikeDamage(): void {
    if (this.#damages >= MAX_DAMAGES || !this.#scenario.world.faults.strikes("partialDamaged", 0.15)) return;
    this.#damages += 1;
    this.#damage();
  }

  /** Damages a snapshot of the journal at random, or replaces it by one of another run. */
  strikeSnapshot(): void {
    this.#snapshots.strikeDamage();
    this.#snapshots.strikeForeign();
  }

  /** Cancels the job at random. */
  strikeCancel(probability = 0.05): void {
    if (this.cancels > 0 || !this.#scenario.world.faults.strikes("cancelled", probability)) return;
    this.cancels += 1;
    this.#cancel();
  }

  /** Acts after each operation, at moments that a fault at a random time would hardly ever hit. */
  did(done: DiskCall): void {
    const { process, call, path, from } = done;
    const { checker, job, world } = this.#scenario;
    const work = below(job.out, WORK_FOLDER);
    const isLock = call === "names" && from === join(work, LOCK_NAME);
    if (isLock) checker.unlocked(process);
    const freed = call === "removal" ? path : from;
    if (freed === below(work, CLEARING_NAME)) {
      checker.cleared();
      this.#snapshots.cleared();
      // This includes a manifest that a power cut had already removed.
      this.#manifest = null;
      this.#cutPower();
    }
    if (call === "names") this.#snapshots.named(path);
    if (call === "names" && path === below(work, CLEARING_NAME)) checker.clears(process);
    // With several jobs, a fresh run would hold one and not the others: see `FaultInjector`.
    if (isLock && world.scenarios.length === 1 && world.faults.strikes("startedOver", 0.3)) {
      this.startOver();
      // Two fresh runs at once: one reads what the other clears.
      if (world.random.chance(0.3)) this.startOver(world.random.between(0, 40));
    }
    if (freed === below(job.out, MANIFEST_NAME)) this.#manifest = null;
    if (call === "write" && STAGED_MANIFEST.test(path)) this.#staged(process);
    if (call === "write") checker.put(process, path);
    this.#strikeTasks(done);
    if (call === "read" && path === job.out) this.#startOverBehindLook(process);
    // A name on a disk, or a whole file in a bucket.
    if (call !== "names" && call !== "write") return;
    if (path === below(job.out, MANIFEST_NAME)) {
      this.#manifestPlaced();
      this.#cutPower();
    }
    const rows = below(job.out, "rows");
    if (path !== rows && !path.startsWith(`${rows}/`)) return;
    this.strikeCancel(0.5);
    this.#publishForeign();
  }

  /** Acts when a manifest is staged. A rival may publish first, or the next coordinator must stage again. */
  #staged(process: SimProcess): void {
    const { faults, scheduler } = this.#scenario.world;
    this.strikeRival(0.7);
    if (faults.has("storeDoubled") && faults.strikes("coordinatorKilled", 0.3))
      scheduler.after(0, null, () => scheduler.kill(process, "SIGKILL"));
  }

  /** Cuts the power at random after a change that is not durable yet, or whose predecessor is not. */
  #cutPower(): void {
    const { faults, scheduler } = this.#scenario.world;
    if (faults.strikes("powerCut", 0.2)) scheduler.after(0, null, () => this.#scenario.world.cutPower());
  }

  /**
   * Starts another coordinator over, at random, when one saw the published job but has not read its manifest.
   */
  #startOverBehindLook(process: SimProcess): void {
    const { job, world } = this.#scenario;
    const { faults, image, random, scenarios, scheduler } = world;
    const isPublished = image.lookUp(join(job.kept, MANIFEST_NAME)) !== null;
    if (!isPublished || this.#startedOver || scenarios.length > 1) return;
    if (!faults.strikes("startedOver", 0.5)) return;
    // Once only: the coordinator that starts over reads that folder, too.
    this.#startedOver = true;
    this.startOver();
    const ms = random.between(20, 400);
    scheduler.after(0, null, () => scheduler.pauseBriefly(process, ms));
  }

  /** Checks a placed manifest. A repeated put, late or by a replaced coordinator, must be identical. */
  #manifestPlaced(): void {
    const { checker, job, world } = this.#scenario;
    const found = world.image.file(join(job.kept, MANIFEST_NAME), "look").bytes.toString("utf8");
    const before = this.#manifest;
    this.#manifest = found;
    if (before !== null) {
      checker.hold(before === found, "published-once", "the manifest was replaced by another");
      return;
    }
    checkVisible(checker, world.image, job);
    // A rival's decision is in no journal of this job.
    if (hasFired(world, "rivalPublished")) return;
    this.#checkSnapshots();
    checker.hold(
      checker.isInJournal('"publishIntent"'),
      "cancelled-or-published",
      "the output appeared without a durable intent",
    );
  }

  /** Checks that a publishing coordinator has left snapshots if it had the time and no fault interfered. */
  #checkSnapshots(): void {
    const { checker, job, world } = this.#scenario;
    const holder = checker.holder();
    const hindered = hasFired(
      world,
      "diskError",
      "diskFull",
      "snapshotDamaged",
      "snapshotForeign",
      "startedOver",
      "otherNamespace",
      "storeLate",
    );
    if (holder === null || hindered || world.scheduler.nowMs - holder.sinceMs < SNAPSHOT_WITHIN_MS) return;
    const journal = journalOf(job, world.image);
    checker.hold(
      this.#snapshots.names().length > 0 || journal.records().length < 4 * SIM_SNAPSHOT_RECORDS,
      "replay-is-the-state",
      "the job is published, and there is no snapshot of its many records",
    );
  }

  /** Publishes the same job from a rival, at random. */
  strikeRival(probability = 0.005): void {
    const { job, world } = this.#scenario;
    const { bucket, faults, scenarios } = world;
    const hasTooManyDead = new Set([...job.failing, ...job.poison]).size > job.spec.errors.maxRows;
    if (bucket === null || faults.fired.rivalPublished > 0 || scenarios.length > 1 || hasTooManyDead) return;
    if (faults.strikes("rivalPublished", probability)) startRivalPublisher(world, bucket, job);
  }

  startOver(afterMs = 0, { isElsewhere = false } = {}): void {
    const { checker, world } = this.#scenario;
    checker.mayStartOver = true;
    world.scheduler.after(afterMs, null, () =>
      world.coordinators.start("fresh coordinator", { fresh: true, isElsewhere }),
    );
  }

  /** Places a manifest of somebody else's output in the folder. */
  #publishForeign(): void {
    const { job, world } = this.#scenario;
    const { faults, image } = world;
    const target = join(job.kept, "_manifest.json");
    if (this.isForeign || image.lookUp(target) !== null) return;
    if (!faults.strikes("foreignManifest", 0.5)) return;
    this.isForeign = true;
    const file = image.createFile(target);
    image.write(file, Buffer.from(this.foreignText, "utf8"));
    image.sync(file);
    image.sync(image.folder(job.kept, "sync"));
  }

  /** Ends a coordinator at random once a record of its tasks is on the disk, or damages a partial then. */
  #strikeTasks({ process, call, path }: DiskCall): void {
    const { checker, world } = this.#scenario;
    const { faults, scheduler } = world;
    const journal = checker.tasks.running()?.places.journal;
    if (call !== "sync" || journal === undefined || !path.includes(`${journal}/`)) return;
    this.strikeDamage();
    if (faults.strikes("coordinatorKilled", 0.05))
      scheduler.after(0, null, () => scheduler.kill(process, "SIGKILL"));
  }

  /**
   * Flips a bit of a partial's file, or cuts its end. It does so only while the job runs: later the file is
   * not read again. While tasks run, it damages their results, or cuts a table, whose size workers check.
   */
  #damage(): void {
    const { checker, job, world } = this.#scenario;
    const { image, random, scheduler } = world;
    const tasks = checker.tasks.running();
    if (checker.holder()?.state.phase.kind !== "running" && tasks === null) return;
    const ofTask = tasks !== null && random.chance(0.6);
    const partials = ofTask
      ? `${job.kept}${tasks.places.partials.slice(job.out.length)}`
      : keptPartials(job, image);
    const folders = [...(this.#namesIn(partials) ?? [])].filter((name) => name !== "beacon");
    if (folders.length === 0) return;
    const folder = join(partials, random.pick(folders));
    const isTable = (name: string) => tasks === null || ofTask || name.startsWith("combined-");
    const names = (this.#namesIn(folder) ?? []).filter(isTable);
    if (names.length === 0) return;
    const isKeyed = !ofTask && Object.values(job.spec.reduce).some(isCombined);
    const read = isKeyed ? "combined-" : "rows.";
    const path = join(folder, random.pick(names));
    const file = image.file(path, "damage");
    if (file.bytes.length === 0) return;
    const bytes = Buffer.from(file.bytes);
    const mayFlip = tasks === null || ofTask;
    const flips = path.includes(read) && random.chance(0.6) && mayFlip;
    const at = random.int(0, bytes.length - 1);
    bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << random.int(0, 7)), at);
    scheduler.note(`${path} is damaged: ${flips ? "a bit" : "its end"}`);
    checker.damaged.add(path);
    image.write(file, flips ? bytes : bytes.subarray(0, -1));
    image.sync(file);
  }

  #cancel(): void {
    const { job, checker, world } = this.#scenario;
    const { coordinators, scheduler } = world;
    const held = coordinators.handle(job);
    if (held === null) return;
    scheduler.after(0, held.process, () => {
      scheduler.note("a user cancels the job");
      held.handle.cancel("enough").then(
        () => {
          scheduler.note("the cancellation is acknowledged");
          checker.hold(
            checker.isRecorded('"jobCancelled"'),
            "record-before-answer",
            "a cancellation was acknowledged and is not durable",
          );
          this.cancelledBy = held.process;
        },
        (error: unknown) =>
          checker.hold(
            isShardmillError(error),
            "cancelled-or-published",
            `cancelling fails: ${messageOf(error)}`,
          ),
      );
    });
  }

  #namesIn(path: string): string[] | null {
    const node = this.#scenario.world.image.lookUp(path);
    return node?.kind === "folder" ? [...node.names.keys()].sort() : null;
  }
}
