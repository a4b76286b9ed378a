import { LOCK_NAME } from "../coordinator/journal/lock-file.ts";
import type { DiskCall, DiskFault } from "./disk-operation.ts";
import { SeededRandom } from "./seeded-random.ts";
import type { StorageKind } from "./storage-kind.ts";

/** A fault of a request that changes a bucket. */
type StoreFault =
  | { readonly kind: "none" }
  /** The caller receives an error, and the change happens later, even if the caller has exited by then. */
  | { readonly kind: "late"; readonly afterMs: number }
  /** The change happens now, and again later. */
  | { readonly kind: "doubled"; readonly afterMs: number };

/** Kinds of faults that a world may have, and that are counted. */
export const FAULT_KINDS = [
  "callLost",
  "replyLost",
  "callDoubled",
  "callLate",
  "cutOffOneWay",
  "cutOffBothWays",
  "coordinatorKilled",
  "coordinatorKilledAtDisk",
  "coordinatorPaused",
  "powerCut",
  "secondCoordinator",
  "workerKilled",
  "workerPaused",
  "workerDrained",
  "workerSlow",
  "noWorkers",
  "modelBroke",
  "poisonRow",
  "failingRow",
  "partialDamaged",
  "diskFull",
  "diskError",
  "cancelled",
  "foreignManifest",
  "startedOver",
  "otherNamespace",
  "noHardLinks",
  "snapshotDamaged",
  "storeLate",
  "storeDoubled",
  "copyDamaged",
  "rivalPublished",
  "snapshotForeign",
] as const;

/** Stretch of a coordinator's work on a disk in which it is paused. */
export type StopStretch = "taking" | "commits" | "stage" | "removals";

export type FaultKind = (typeof FAULT_KINDS)[number];

/**
 * Faults of this world and their frequency. A world with few kinds of faults gets further and shows their
 * effects, so some shares are drawn twice.
 */
export class FaultPlan {
  readonly fired: Record<FaultKind, number>;
  /** Time after which no fault occurs, and the job must end. */
  readonly healMs: number;
  readonly #enabled: ReadonlySet<FaultKind>;
  readonly #random: SeededRandom;
  readonly #apart: SeededRandom;
  readonly #ofRelease: SeededRandom;
  readonly #isShared: boolean;
  readonly #intensity: number;
  /** Disk operations of a coordinator until it exits. Null: it does not. */
  #untilDeath: number | null = null;
  #untilDiskError: number | null = null;
  #diskFull = false;
  healed = false;
  /** Stretch in which coordinators on a disk are paused. */
  readonly stops: StopStretch | "anywhere";
  /**
   * Moment when a paused coordinator on a disk resumes: while its successor reads the journal, or stages, or
   * later.
   */
  readonly wakes: "atJournal" | "atStage" | "late";
  /** True when two coordinators wait through the same silence, and one of them is paused after it. */
  readonly comesInPairs: boolean;
  /**
   * True when a coordinator is paused with its clock while it stages. It resumes when one that starts over is
   * about to clear the output.
   */
  readonly stagesBesideClearing: boolean;
  /**
   * True when a coordinator is paused with its clock while it removes files. It resumes when one that starts
   * over commits.
   */
  readonly removesBesideRun: boolean;

  constructor(random: SeededRandom, storage: StorageKind) {
    this.#random = random;
    this.fired = Object.fromEntries(FAULT_KINDS.map((kind) => [kind, 0])) as Record<FaultKind, number>;
    const share = random.pick([0, 0.15, 0.15, 0.3, 0.6]);
    const enabled = FAULT_KINDS.filter(
      (kind) => !APART.has(kind) && random.chance(RARE.has(kind) ? share / 3 : share),
    );
    this.#intensity = random.pick([0.5, 1, 1, 3]);
    this.healMs = random.between(2_000, 40_000);
    // A separate stream: worlds without a bucket keep their course.
    this.#apart = new SeededRandom(Math.floor(this.healMs * 1_000));
    // A separate stream, too: only worlds with failing disks change their course.
    this.#ofRelease = new SeededRandom(Math.floor(this.healMs * 999));
    this.#isShared = storage === "shared";
    const ofDoubles = new SeededRandom(Math.floor(this.healMs * 995));
    const startsOver = enabled.includes("startedOver");
    const isLate = !startsOver && this.#apart.chance(share * 1.5);
    // A failed request excuses many violations that a doubled one does not.
    const isDoubled = isLate && ofDoubles.chance(0.4);
    // A paused coordinator also has a request in progress.
    const fewer = enabled.filter((kind) => !(storage === "shared" && startsOver && OF_SLEEP.has(kind)));
    const hasSleepers =
      storage === "shared" && !isLate && !startsOver && share > 0 && this.#apart.chance(0.4);
    // A separate stream as well: worlds without such coordinators keep their course.
    const ofSleep = new SeededRandom(Math.floor(this.healMs * 997));
    const hasUnseen = storage === "disk" && share > 0 && ofSleep.chance(0.3);
    const stops = ofSleep.pick(["taking", "commits", "stage", "removals", "anywhere"] as const);
    const wakes = ofSleep.pick(["atJournal", "atJournal", "atStage", "late", "late"] as const);
    const isReplacedAnew = hasUnseen && ofSleep.chance(0.3);
    this.stagesBesideClearing = isReplacedAnew && ofSleep.chance(0.5);
    this.removesBesideRun = isReplacedAnew && !this.stagesBesideClearing && ofSleep.chance(0.5);
    this.stops = this.stagesBesideClearing ? "stage" : this.removesBesideRun ? "removals" : stops;
    this.wakes = this.stagesBesideClearing ? "atJournal" : wakes;
    // With several coordinators that copy, one might damage a copy that another has verified.
    const isAlone = !isLate && !startsOver && !hasSleepers && !enabled.some((kind) => OF_SLEEP.has(kind));
    const isTorn = isAlone && share > 0 && this.#apart.chance(0.5);
    const isRivalled = !isTorn && !startsOver && !enabled.includes("foreignManifest");
    const hasRival = storage === "shared" && isRivalled && this.#apart.chance(share);
    const ofStores = [
      isLate ? (isDoubled ? DOUBLED : LATE) : [],
      isTorn ? TORN : [],
      hasRival ? RIVALS : [],
      hasSleepers ? SLEEPERS : [],
      hasUnseen ? UNSEEN : [],
      isReplacedAnew ? ANEW : [],
      this.#apart.chance(share) ? FOREIGN : [],
    ].flat();
    this.#enabled = new Set([...fewer, ...ofStores]);
    const ofPairs = new SeededRandom(Math.floor(this.healMs * 993));
    this.comesInPairs = storage === "shared" && this.has("coordinatorPaused") && ofPairs.chance(0.3);
  }

  /** True when a paused coordinator resumes while another starts over. */
  get meetsNewRun(): boolean {
    return this.stagesBesideClearing || this.removesBesideRun;
  }

  has(kind: FaultKind): boolean {
    return this.#enabled.has(kind);
  }

  /** Draws whether a fault strikes now, and counts it if so. */
  strikes(kind: FaultKind, probability: number): boolean {
    if (this.healed || !this.#enabled.has(kind)) return false;
    if (!this.#random.chance(Math.min(0.9, probability * this.#intensity))) return false;
    this.fired[kind] += 1;
    return true;
  }

  count(kind: FaultKind): void {
    this.fired[kind] += 1;
  }

  heal(): void {
    this.healed = true;
    this.#untilDeath = null;
    this.#diskFull = false;
  }

  /** Draws at which disk operation a new coordinator exits or fails. */
  armDiskDeath(): void {
    const armed = this.has("coordinatorKilledAtDisk") && !this.healed && this.#random.chance(0.7);
    this.#untilDeath = armed ? Math.floor(this.#random.unit() ** 2 * 250) : null;
    this.#untilDiskError =
      this.has("diskError") && !this.healed && this.#random.chance(0.4) ? this.#random.int(0, 120) : null;
  }

  setDiskFull(full: boolean): void {
    this.#diskFull = full;
  }

  /** Draws the fault of a coordinator's operation. */
  ofCoordinatorsDisk(operation: DiskCall): DiskFault {
    if (this.healed) return NONE;
    if (this.#failsRelease(operation)) {
      this.count("diskError");
      return { kind: "error", code: "EIO" };
    }
    const { call } = operation;
    if (this.#diskFull && (call === "write" || call === "names")) {
      this.count("diskFull");
      return { kind: "error", code: "ENOSPC" };
    }
    if (this.#untilDiskError !== null && call !== "close") {
      this.#untilDiskError -= 1;
      if (this.#untilDiskError < 0) {
        this.#untilDiskError = null;
        this.count("diskError");
        return { kind: "error", code: "EIO" };
      }
    }
    if (this.#untilDeath === null) return NONE;
    this.#untilDeath -= 1;
    if (this.#untilDeath >= 0) return NONE;
    this.#untilDeath = null;
    this.count("coordinatorKilledAtDisk");
    const power = this.has("powerCut") || this.#random.chance(0.3);
    if (power) this.count("powerCut");
    return { kind: "die", when: this.#random.pick(["before", "torn", "after"] as const), power };
  }

  /**
   * Draws whether a disk fails while its coordinator releases a lock. A fault at a random operation would
   * hardly ever hit that. It applies only where machines share a bucket: there another coordinator continues.
   */
  #failsRelease({ call, from }: DiskCall): boolean {
    if (!this.#isShared || !this.has("diskError") || call !== "names") return false;
    return from?.endsWith(`/${LOCK_NAME}`) === true && this.#ofRelease.chance(0.2);
  }

  /** Draws the fault of a request that changes a bucket. */
  ofStoreRequest(): StoreFault {
    const random = this.#apart;
    const afterMs = random.between(1, random.chance(0.5) ? SOON_MS : LATE_MS);
    const drawn = random.unit();
    if (this.healed || !this.has("storeDoubled")) return NO_STORE_FAULT;
    const share = 0.06 * this.#intensity;
    if (drawn > share) return NO_STORE_FAULT;
    const kind = this.has("storeLate") && drawn < share / 2 ? "late" : "doubled";
    this.count(kind === "late" ? "storeLate" : "storeDoubled");
    return { kind, afterMs };
  }

  /** Draws whether a bucket stores wrong bytes for a copy, and reports success. */
  damagesCopy(): boolean {
    if (this.healed || !this.has("copyDamaged")) return false;
    const strikes = this.#apart.chance(0.2);
    if (strikes) this.count("copyDamaged");
    return strikes;
  }

  ofWorkersDisk({ call }: DiskCall): DiskFault {
    if (this.#diskFull && !this.healed && call === "write") {
      this.count("diskFull");
      return { kind: "error", code: "ENOSPC" };
    }
    return this.strikes("diskError", 0.002) ? { kind: "error", code: "EIO" } : NONE;
  }
}

/** Kinds that decide the whole course of a world. */
const RARE: ReadonlySet<FaultKind> = new Set([
  "cancelled",
  "noWorkers",
  "foreignManifest",
  "poisonRow",
  "startedOver",
  "otherNamespace",
  "noHardLinks",
]);

/**
 * Kinds for outputs in a bucket. They exclude a run that starts over. As documented, users must not remove an
 * output while a request may still arrive.
 */
const LATE: readonly FaultKind[] = ["storeLate", "storeDoubled"];
const DOUBLED: readonly FaultKind[] = ["storeDoubled"];
const TORN: readonly FaultKind[] = ["copyDamaged"];
const RIVALS: readonly FaultKind[] = ["rivalPublished"];
/** Kinds for machines that share a bucket, where a coordinator that resumes too late is the danger. */
const SLEEPERS: readonly FaultKind[] = ["coordinatorPaused"];
/** Kinds for a disk: a coordinator is paused, and replaced by another that cannot see it. */
const UNSEEN: readonly FaultKind[] = ["otherNamespace"];
/** The kind that lets the replacement start the job over. */
const ANEW: readonly FaultKind[] = ["startedOver"];
const FOREIGN: readonly FaultKind[] = ["snapshotForeign"];
/** Kinds that are not drawn with the others. */
const APART: ReadonlySet<FaultKind> = new Set([...LATE, ...TORN, ...RIVALS, ...FOREIGN]);
const OF_SLEEP: ReadonlySet<FaultKind> = new Set(["coordinatorPaused", "otherNamespace"]);
/** Longest delay of a late request. The times of the simulated world are a fifth of the usual ones. */
const LATE_MS = 6_000;
/** Delay within which the sender makes its next requests. */
const SOON_MS = 300;

const NO_STORE_FAULT: StoreFault = { kind: "none" };

const NONE: DiskFault = { kind: "none" };
