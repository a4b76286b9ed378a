import { LOCK_NAME } from "../coordinator/journal/lock-file.ts";
import type { DiskCall, DiskFault } from "./disk-operation.ts";
import { SeededRandom } from "./seeded-random.ts";
import type { StorageKind } from "./storage-kind.ts";

/** What goes wrong with a request that changes a bucket. */
type StoreFault =
  | { readonly kind: "none" }
  /** Whoever asks hears of a failure, and it is done later, whatever has become of them by then. */
  | { readonly kind: "late"; readonly afterMs: number }
  /** It is done, and once more later. */
  | { readonly kind: "doubled"; readonly afterMs: number };

/** Every kind of fault that the world knows, and what is counted of it. */
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

/** What a coordinator on a disk is at when it is stopped. */
export type StopStretch = "taking" | "commits" | "stage" | "removals";

export type FaultKind = (typeof FAULT_KINDS)[number];

/**
 * Which faults this world has, and how often. Not all in each: a world of few kinds gets further, and shows
 * what those do (that is why some are drawn twice).
 */
export class FaultPlan {
  readonly fired: Record<FaultKind, number>;
  /** From here on nothing goes wrong any more, and the job must come to its end. */
  readonly healMs: number;
  readonly #enabled: ReadonlySet<FaultKind>;
  readonly #random: SeededRandom;
  readonly #apart: SeededRandom;
  readonly #ofRelease: SeededRandom;
  readonly #isShared: boolean;
  readonly #intensity: number;
  /** Disk operations of a coordinator until it dies, or null. */
  #untilDeath: number | null = null;
  #untilDiskError: number | null = null;
  #diskFull = false;
  healed = false;
  /** Where coordinators on a disk are stopped. */
  readonly stops: StopStretch | "anywhere";
  /** When a stopped coordinator on a disk goes on: while its successor takes up the journal, or stages. */
  readonly wakes: "atJournal" | "atStage" | "late";
  /** Whether two coordinators wait out the same silence, and one of them is stopped behind that. */
  readonly comesInPairs: boolean;
  /**
   * Whether a coordinator is stopped with its clock as it stages, and wakes up as one that starts over is
   * about to clear the output.
   */
  readonly stagesBesideClearing: boolean;
  /**
   * Whether a coordinator is stopped with its clock as it removes, and wakes up as one that starts over
   * commits.
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
    // From a stream of their own: worlds without a bucket go the way that they went.
    this.#apart = new SeededRandom(Math.floor(this.healMs * 1_000));
    // From a stream of its own, too: only a world whose disks fail goes another way.
    this.#ofRelease = new SeededRandom(Math.floor(this.healMs * 999));
    this.#isShared = storage === "shared";
    const ofDoubles = new SeededRandom(Math.floor(this.healMs * 995));
    const startsOver = enabled.includes("startedOver");
    const isLate = !startsOver && this.#apart.chance(share * 1.5);
    // A request that fails excuses much that one which is only done twice does not.
    const isDoubled = isLate && ofDoubles.chance(0.4);
    // Of a coordinator that is stopped a request is under way, too.
    const fewer = enabled.filter((kind) => !(storage === "shared" && startsOver && OF_SLEEP.has(kind)));
    const hasSleepers =
      storage === "shared" && !isLate && !startsOver && share > 0 && this.#apart.chance(0.4);
    // From a stream of its own as well: worlds without such coordinators go the way that they went.
    const ofSleep = new SeededRandom(Math.floor(this.healMs * 997));
    const hasUnseen = storage === "disk" && share > 0 && ofSleep.chance(0.3);
    const stops = ofSleep.pick(["taking", "commits", "stage", "removals", "anywhere"] as const);
    const wakes = ofSleep.pick(["atJournal", "atJournal", "atStage", "late", "late"] as const);
    const isReplacedAnew = hasUnseen && ofSleep.chance(0.3);
    this.stagesBesideClearing = isReplacedAnew && ofSleep.chance(0.5);
    this.removesBesideRun = isReplacedAnew && !this.stagesBesideClearing && ofSleep.chance(0.5);
    this.stops = this.stagesBesideClearing ? "stage" : this.removesBesideRun ? "removals" : stops;
    this.wakes = this.stagesBesideClearing ? "atJournal" : wakes;
    // Of several that copy at once, one might damage what another has made sure of.
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

  /** Whether a coordinator that is stopped goes on beside one that starts over. */
  get meetsNewRun(): boolean {
    return this.stagesBesideClearing || this.removesBesideRun;
  }

  has(kind: FaultKind): boolean {
    return this.#enabled.has(kind);
  }

  /** Whether a fault strikes now; counts it if so. */
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

  /** A coordinator begins: on which of its disk operations will it die? */
  armDiskDeath(): void {
    const armed = this.has("coordinatorKilledAtDisk") && !this.healed && this.#random.chance(0.7);
    this.#untilDeath = armed ? Math.floor(this.#random.unit() ** 2 * 250) : null;
    this.#untilDiskError =
      this.has("diskError") && !this.healed && this.#random.chance(0.4) ? this.#random.int(0, 120) : null;
  }

  setDiskFull(full: boolean): void {
    this.#diskFull = full;
  }

  /** What is to happen to an operation of a coordinator. */
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
   * Whether a disk fails as its coordinator releases a lock. A fault at any operation would hardly ever hit
   * that one. Only on machines that share a bucket: there another one goes on.
   */
  #failsRelease({ call, from }: DiskCall): boolean {
    if (!this.#isShared || !this.has("diskError") || call !== "names") return false;
    return from?.endsWith(`/${LOCK_NAME}`) === true && this.#ofRelease.chance(0.2);
  }

  /** What becomes of a request that changes a bucket, on its way there. */
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

  /** Whether a bucket makes a copy of other bytes, and says that all went well. */
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

/** Those that decide the whole course of a world. */
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
 * Only where outputs are in a bucket. Not beside a run that starts over: whoever removes what is there must
 * not do it while a request may still come, as is said to people.
 */
const LATE: readonly FaultKind[] = ["storeLate", "storeDoubled"];
const DOUBLED: readonly FaultKind[] = ["storeDoubled"];
const TORN: readonly FaultKind[] = ["copyDamaged"];
const RIVALS: readonly FaultKind[] = ["rivalPublished"];
/** Where several machines share a bucket, the one that wakes up too late is the danger. */
const SLEEPERS: readonly FaultKind[] = ["coordinatorPaused"];
/** On a disk, one that is stopped and replaced by another that cannot see it. */
const UNSEEN: readonly FaultKind[] = ["otherNamespace"];
/** And that one may start the job over. */
const ANEW: readonly FaultKind[] = ["startedOver"];
const FOREIGN: readonly FaultKind[] = ["snapshotForeign"];
/** Drawn apart. */
const APART: ReadonlySet<FaultKind> = new Set([...LATE, ...TORN, ...RIVALS, ...FOREIGN]);
const OF_SLEEP: ReadonlySet<FaultKind> = new Set(["coordinatorPaused", "otherNamespace"]);
/** As long as the times of the simulated world are a fifth of the usual ones. */
const LATE_MS = 6_000;
/** Delay within which the sender makes its next requests. */
const SOON_MS = 300;

const NO_STORE_FAULT: StoreFault = { kind: "none" };

const NONE: DiskFault = { kind: "none" };
