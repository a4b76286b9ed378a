import { dirname, join } from "node:path";
import { SILENCE_MS as BUCKET_SILENCE_MS } from "../coordinator/journal/await-still.ts";
import { SILENCE_MS } from "../coordinator/journal/held-lock.ts";
import { BEAT_NAME, LOCK_NAME } from "../coordinator/journal/lock-file.ts";
import { CLEARING_NAME } from "../coordinator/publish/output-folder.ts";
import { OUTPUT_FOLDERS, WORK_FOLDER } from "../shared/domain/manifest.ts";
import type { DiskCall } from "./disk-operation.ts";
import type { StopStretch } from "./fault-plan.ts";
import type { JobFaultInjector } from "./job-fault-injector.ts";
import type { SimProcess } from "./scheduler.ts";
import type { SimWorld } from "./sim-world.ts";

/** Interval at which the world draws faults. */
const EVERY_MS = 500;
/** Time without workers after which they return, so that coordinators can detect their lack. */
const PATIENCE_MS = 90_000;

/** Path of a journal segment on a disk. Each segment is a new generation. */
const SEGMENT = /\/journal\/journal-[^/]*$/;

/** Paths that a coordinator removes or renames once it has taken its lock. */
const OF_TAKING = /\/lock\.json(?:\.claim-\w+|\.\w+\.tmp)$/;
/** Paths of staged files in a coordinator's own folder, which the coordinator or its successor renames. */
const OWN_STAGE = /\.own-[^/]+\/stage\b/;

/** Returns what a coordinator is doing when it changes its disk. */
function stretchOf(call: DiskCall["call"], path: string): StopStretch | null {
  if (OF_TAKING.test(path) || (call === "names" && path.endsWith("/journal"))) return "taking";
  if (call === "sync" && path.endsWith("/partials")) return "commits";
  // The coordinator has staged its output, or written its intent.
  if (OWN_STAGE.test(path) || path.endsWith("/publishing.json")) return "stage";
  // The coordinator removes names that a successor creates again, or is about to change one.
  return call === "removal" || path.includes(".own-") ? "removals" : null;
}

/** Returns true when a coordinator that starts over has committed a shard on its disk, or placed its rows. */
function isOfNewRun(call: DiskCall["call"], path: string): boolean {
  if (call === "sync") return path.endsWith("/partials");
  return call === "names" && path.endsWith(`/${OUTPUT_FOLDERS.rows}`);
}

/** Returns the probability of a pause there. Most worlds pause in one stretch only. */
function stopChance(stretch: StopStretch | null, stops: StopStretch | "anywhere"): number {
  if (stops === "anywhere") return stretch === null ? 0.005 : 0.03;
  if (stretch !== stops) return 0.001;
  return stretch === "commits" ? 0.1 : 0.2;
}

/** Injects the faults of the plan into the world. */
export class FaultInjector {
  readonly #world: SimWorld;
  /** Coordinators that are releasing their lock. */
  readonly #lettingGo = new WeakSet<SimProcess>();
  /** Coordinators that have written a holder file into a bucket. */
  readonly #shown = new WeakSet<SimProcess>();
  readonly #jobInjectors: readonly JobFaultInjector[];
  /** Time since which a coordinator could have detected that workers are missing. Null: workers may run. */
  absentSinceMs: number | null = null;

  constructor(world: SimWorld, jobInjectors: readonly JobFaultInjector[]) {
    this.#world = world;
    this.#jobInjectors = jobInjectors;
  }

  begin(): void {
    const { scheduler, random } = this.#world;
    scheduler.after(random.between(0, EVERY_MS), null, () => {
      this.#strike();
      if (!this.#world.faults.healed) this.begin();
    });
  }

  /** Returns true while the job is expected to fail for lack of workers. Healing waits for that. */
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
      // A paused coordinator does most harm when it resumes.
      if (faults.strikes("coordinatorKilled", process.state === "paused" ? 0.005 : 0.03))
        scheduler.kill(process, "SIGKILL");
      else if (faults.strikes("coordinatorPaused", 0.02)) this.#pauseCoordinator(process);
    }
    const alone = this.#alone();
    if (alone !== null && faults.strikes("otherNamespace", 0.05)) this.#replaceCoordinator(alone);
    if (faults.strikes("powerCut", 0.02)) this.#world.cutPower();
    this.#strikeRival();
    for (const job of this.#jobInjectors) {
      job.strikeDamage();
      job.strikeSnapshot();
      job.strikeRival();
    }
    if (faults.has("diskFull") && !faults.healed) faults.setDiskFull(random.chance(0.05));
    for (const job of this.#jobInjectors) job.strikeCancel();
    if (faults.fired.noWorkers === 0 && faults.strikes("noWorkers", 0.05)) this.#removeWorkers();
  }

  /**
   * Pauses and replaces, at random, a coordinator that puts into the shared journal, or stages. Its put is on
   * its way and arrives when the coordinator resumes.
   */
  requested({ process, call, path }: DiskCall): void {
    const { faults, isShared, scheduler } = this.#world;
    if (!isShared || call !== "write") return;
    if (faults.comesInPairs && path.endsWith("/holder.json")) this.#stopFirst(process);
    // The successor of a coordinator that has staged ends the job soon.
    if (!path.includes(faults.comesInPairs ? "/stage/" : "/journal/")) return;
    if (this.#alone() === process && faults.strikes("coordinatorPaused", faults.comesInPairs ? 0.5 : 0.1))
      scheduler.after(0, null, () => this.#replaceCoordinator(process));
  }

  /**
   * Pauses, at random, the first of two coordinators that waited through the same silence, before it reads
   * the journal. When it resumes, the second holds the job, and the first takes the job over.
   */
  #stopFirst(process: SimProcess): void {
    const { coordinators, faults, random, scheduler } = this.#world;
    if (this.#shown.has(process)) return;
    this.#shown.add(process);
    const others = coordinators.processes().filter((other) => other !== process && other.state === "running");
    // Faults may have ended while the coordinators waited.
    if (others.length === 0 || others.some((other) => this.#shown.has(other)) || !random.chance(0.7)) return;
    faults.count("coordinatorPaused");
    const ms = random.between(BUCKET_SILENCE_MS, 2 * BUCKET_SILENCE_MS);
    scheduler.after(0, null, () => scheduler.pause(process, ms));
  }

  /** Acts after each operation of a process. */
  did(call: DiskCall): void {
    this.#stopBehind(call);
    this.#wakeSleepers(call);
  }

  /** Pauses and replaces, at random, a coordinator on a disk, after one of its changes. */
  #stopBehind({ process, call, path }: DiskCall): void {
    const { bucket, faults, scheduler } = this.#world;
    const isShown = call === "names" || call === "removal" || call === "sync";
    if (call === "removal" && path.endsWith(`/${BEAT_NAME}`)) this.#lettingGo.add(process);
    const isLook = call === "read" && this.#looksAtLock(process, path);
    if (bucket !== null || !(isShown || isLook)) return;
    if (!faults.has("otherNamespace") || this.#alone() !== process) return;
    const stretch = isLook ? "taking" : stretchOf(call, path);
    // Names and folders of the coordinator's own are not used by others, so their changes are no removals.
    const isPassed = faults.removesBesideRun && call !== "removal";
    // Few coordinators end a run before they are replaced, so one that releases its lock is paused more
    // often.
    const probability =
      isLook && this.#lettingGo.has(process) ? 0.3 : stopChance(isPassed ? null : stretch, faults.stops);
    if (faults.strikes("otherNamespace", probability))
      scheduler.after(0, null, () => this.#replaceCoordinator(process));
  }

  /** Returns true when a coordinator that has read its lock is about to create its journal, or to unlock. */
  #looksAtLock(process: SimProcess, path: string): boolean {
    if (!path.endsWith(`/${LOCK_NAME}`)) return false;
    if (this.#lettingGo.has(process)) return true;
    return this.#world.image.lookUp(join(dirname(path), "journal")) === null;
  }

  /**
   * Resumes paused coordinators in the midst of their successor's work, where they do most harm. The
   * successor is mostly paused for a moment, so that they make progress.
   */
  #wakeSleepers(call: DiskCall): void {
    const { coordinators, faults, random, scheduler } = this.#world;
    const processes = coordinators.processes();
    if (!processes.includes(call.process)) return;
    const probability = this.#wakeChance(call);
    for (const process of processes) {
      if (process.state !== "paused" || !random.chance(probability)) continue;
      // Of a pair, only the coordinator that was paused before it held the job resumes early.
      if (faults.comesInPairs && process.lastPauseMs < BUCKET_SILENCE_MS) continue;
      scheduler.goOn(process);
      const ms = random.between(5, faults.meetsNewRun ? 3_000 : 500);
      if (random.chance(0.8)) scheduler.after(0, null, () => scheduler.pauseBriefly(call.process, ms));
    }
  }

  #wakeChance({ call, path }: DiskCall): number {
    const { bucket, faults, isShared } = this.#world;
    // The journal's numbers are free while a run is removed. Its holder file is removed first.
    if (isShared && call === "removal" && path.includes("/run-"))
      return path.endsWith("/holder.json") ? 0.5 : 0.05;
    if (faults.comesInPairs && call === "write" && path.includes("/stage/")) return 0.3;
    if (bucket !== null) return 0;
    // The coordinator that starts over has committed a shard, or published its rows.
    if (faults.removesBesideRun) return isOfNewRun(call, path) ? 0.2 : 0;
    if (faults.wakes === "late") return 0;
    // The coordinator that clears has removed the manifest, and is about to remove the rows.
    if (faults.stagesBesideClearing) return call === "sync" && this.#isBeingCleared(path) ? 0.7 : 0;
    const isStep = call === "names" || call === "removal" || call === "sync";
    if (faults.wakes === "atStage") return isStep && OWN_STAGE.test(path) ? 0.1 : 0;
    if ((call === "open" || call === "read") && SEGMENT.test(path)) return 0.2;
    // The coordinator is about to make a name visible, such as the marker that it clears the output.
    if (call === "sync" && path.includes(".own-")) return 0.1;
    // The staged files of a replaced coordinator are removed before the journal names its successor.
    if (call === "removal" && OWN_STAGE.test(path)) return path.includes("/rows/") ? 0.4 : 0.1;
    return isStep ? 0.005 : 0;
  }

  /** Returns true while an output is being cleared and no resumed coordinator has placed rows in it. */
  #isBeingCleared(path: string): boolean {
    const isThere = (...names: readonly string[]) => this.#world.image.lookUp(join(path, ...names)) !== null;
    return isThere(WORK_FOLDER, CLEARING_NAME) && !isThere(OUTPUT_FOLDERS.rows);
  }

  /** Returns the only coordinator of the only job if it runs, otherwise null. */
  #alone(): SimProcess | null {
    const [first, ...others] = this.#world.coordinators.processes();
    const isAlone = first?.state === "running" && others.length === 0 && this.#jobInjectors.length === 1;
    return isAlone ? first : null;
  }

  #pauseCoordinator(process: SimProcess): void {
    const { faults, scheduler, random } = this.#world;
    const ms = random.between(500, faults.has("otherNamespace") ? 45_000 : 12_000);
    scheduler.pause(process, ms, this.#stopsClock());
  }

  /**
   * Pauses a coordinator for longer than its lock is respected without a beat, and starts another in its
   * place. The other cannot see the process. Operations that are in progress end when the paused coordinator
   * resumes.
   */
  #replaceCoordinator(process: SimProcess): void {
    const { coordinators, faults, isShared, scheduler, random } = this.#world;
    for (const kind of ["coordinatorPaused", "secondCoordinator"] as const) faults.count(kind);
    const silenceMs = isShared ? BUCKET_SILENCE_MS : SILENCE_MS;
    // The pause often ends after the job does. The removal of shared work resumes the coordinator, too.
    const sleepsOn = (isShared || faults.wakes === "late") && random.chance(0.5);
    const ms = sleepsOn
      ? random.between(4 * silenceMs, 5 * silenceMs)
      : random.between(silenceMs + 3_000, 2 * silenceMs);
    scheduler.pause(process, ms, this.#stopsClock());
    const [only] = this.#jobInjectors;
    // On machines that share a bucket, a coordinator that starts over must be alone.
    const startsOver = !isShared && faults.strikes("startedOver", faults.meetsNewRun ? 0.9 : 0.5);
    if (startsOver) only?.startOver(0, { isElsewhere: true });
    else coordinators.start("replacement", { isElsewhere: true });
    if (faults.comesInPairs) {
      faults.count("secondCoordinator");
      coordinators.start("second coordinator", { isElsewhere: true });
    }
  }

  /** Returns true when the clock of a paused coordinator stops, too. */
  #stopsClock(): boolean {
    const { bucket, faults, random } = this.#world;
    return bucket === null && (faults.meetsNewRun || random.chance(0.5));
  }

  /**
   * Starts a second coordinator at random, in a world of one job only. With several jobs, a rival might hold
   * some of them, while the workers call one coordinator only. So `secondCoordinator` and `startedOver` never
   * fire in a world of several jobs.
   */
  #strikeRival(): void {
    const { faults, coordinators, isShared } = this.#world;
    const [only, ...others] = this.#jobInjectors;
    // The documentation forbids two coordinators that wait through the same silence, one of them to start
    // over.
    if (isShared && faults.has("startedOver")) return;
    if (only === undefined || others.length > 0 || !faults.strikes("secondCoordinator", 0.05)) return;
    if (faults.strikes("startedOver", 0.3)) only.startOver();
    else coordinators.start("second coordinator", { isElsewhere: this.#world.isShared });
  }

  #removeWorkers(): void {
    const { workers, scheduler } = this.#world;
    this.absentSinceMs = scheduler.nowMs;
    workers.absent = true;
    workers.deaths += workers.processes().length;
    for (const process of workers.processes()) scheduler.kill(process, "no worker works any more");
  }

  bringWorkersBack(): void {
    this.absentSinceMs = null;
    this.#world.workers.heal();
  }
}
