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

/** How often the world is asked whether something goes wrong. */
const EVERY_MS = 500;
/**
 * Coordinators that keep dying never see that there are no workers: at some time workers come back all the
 * same.
 */
const PATIENCE_MS = 90_000;

/** Of a journal on a disk: a new one is a new generation. */
const SEGMENT = /\/journal\/journal-[^/]*$/;

/** What a coordinator is done with when it has taken its lock. */
const OF_TAKING = /\/lock\.json(?:\.claim-\w+|\.\w+\.tmp)$/;
/** What one coordinator has staged, where itself or its successor names it. */
const OWN_STAGE = /\.own-[^/]+\/stage\b/;

/** What a coordinator is at behind a change on its disk. */
function stretchOf(call: DiskCall["call"], path: string): StopStretch | null {
  if (OF_TAKING.test(path) || (call === "names" && path.endsWith("/journal"))) return "taking";
  if (call === "sync" && path.endsWith("/partials")) return "commits";
  // It has staged, or written its intent.
  if (OWN_STAGE.test(path) || path.endsWith("/publishing.json")) return "stage";
  // It removes names that a successor gives anew, or is about to change one.
  return call === "removal" || path.includes(".own-") ? "removals" : null;
}

/** Whether a coordinator that starts a job over has committed a shard on its disk, or placed its rows. */
function isOfNewRun(call: DiskCall["call"], path: string): boolean {
  if (call === "sync") return path.endsWith("/partials");
  return call === "names" && path.endsWith(`/${OUTPUT_FOLDERS.rows}`);
}

/** How likely a coordinator is stopped there. In most worlds it gets far, and is stopped at one stretch. */
function stopChance(stretch: StopStretch | null, stops: StopStretch | "anywhere"): number {
  if (stops === "anywhere") return stretch === null ? 0.005 : 0.03;
  if (stretch !== stops) return 0.001;
  return stretch === "commits" ? 0.1 : 0.2;
}

/** Brings the faults of the plan into the world. */
export class FaultInjector {
  readonly #world: SimWorld;
  /** Coordinators that let go of their lock. */
  readonly #lettingGo = new WeakSet<SimProcess>();
  /** Coordinators that have shown that they are at work, in a bucket. */
  readonly #shown = new WeakSet<SimProcess>();
  readonly #jobInjectors: readonly JobFaultInjector[];
  /** Since when there has been a coordinator to see that nobody works; null while workers may come. */
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
      // One that is stopped does most harm when it goes on.
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
   * A coordinator that puts into the journal that it shares, or stages, may be stopped now, and replaced: the
   * put is on its way, and comes when it goes on.
   */
  asked({ process, call, path }: DiskCall): void {
    const { faults, isShared, scheduler } = this.#world;
    if (!isShared || call !== "write") return;
    if (faults.comesInPairs && path.endsWith("/holder.json")) this.#stopFirst(process);
    // A successor of one that has staged ends the job before long.
    if (!path.includes(faults.comesInPairs ? "/stage/" : "/journal/")) return;
    if (this.#alone() === process && faults.strikes("coordinatorPaused", faults.comesInPairs ? 0.5 : 0.1))
      scheduler.after(0, null, () => this.#replaceCoordinator(process));
  }

  /**
   * Of two coordinators that have waited out the same silence, the first may be stopped before it reads the
   * journal: when it goes on, the second has taken the job up, and it takes that over.
   */
  #stopFirst(process: SimProcess): void {
    const { coordinators, faults, random, scheduler } = this.#world;
    if (this.#shown.has(process)) return;
    this.#shown.add(process);
    const others = coordinators.processes().filter((other) => other !== process && other.state === "running");
    // Faults may have ended while they waited.
    if (others.length === 0 || others.some((other) => this.#shown.has(other)) || !random.chance(0.7)) return;
    faults.count("coordinatorPaused");
    const ms = random.between(BUCKET_SILENCE_MS, 2 * BUCKET_SILENCE_MS);
    scheduler.after(0, null, () => scheduler.pause(process, ms));
  }

  /** After each operation of a process. */
  did(call: DiskCall): void {
    this.#stopBehind(call);
    this.#wakeSleepers(call);
  }

  /**
   * A coordinator on a disk may be stopped behind any change that it makes there, and replaced: what it was
   * about to do, it does when it goes on.
   */
  #stopBehind({ process, call, path }: DiskCall): void {
    const { bucket, faults, scheduler } = this.#world;
    const isShown = call === "names" || call === "removal" || call === "sync";
    if (call === "removal" && path.endsWith(`/${BEAT_NAME}`)) this.#lettingGo.add(process);
    const isLook = call === "read" && this.#looksAtLock(process, path);
    if (bucket !== null || !(isShown || isLook)) return;
    if (!faults.has("otherNamespace") || this.#alone() !== process) return;
    const stretch = isLook ? "taking" : stretchOf(call, path);
    // Names and folders of its own are no removals of what others use.
    const isPassed = faults.removesBesideRun && call !== "removal";
    // One that lets go has ended a run, which few do before they are replaced.
    const probability =
      isLook && this.#lettingGo.has(process) ? 0.3 : stopChance(isPassed ? null : stretch, faults.stops);
    if (faults.strikes("otherNamespace", probability))
      scheduler.after(0, null, () => this.#replaceCoordinator(process));
  }

  /** A coordinator has looked at its lock, and is about to make its journal, or to remove the lock. */
  #looksAtLock(process: SimProcess, path: string): boolean {
    if (!path.endsWith(`/${LOCK_NAME}`)) return false;
    if (this.#lettingGo.has(process)) return true;
    return this.#world.image.lookUp(join(dirname(path), "journal")) === null;
  }

  /**
   * Wakes coordinators that were stopped, in the midst of what their successor does: there they do most harm.
   * Mostly the successor is stopped for a moment, so that they get on with it.
   */
  #wakeSleepers(call: DiskCall): void {
    const { coordinators, faults, random, scheduler } = this.#world;
    const processes = coordinators.processes();
    if (!processes.includes(call.process)) return;
    const probability = this.#wakeChance(call);
    for (const process of processes) {
      if (process.state !== "paused" || !random.chance(probability)) continue;
      // Of a pair, the one that was stopped before it had taken the job up.
      if (faults.comesInPairs && process.lastPauseMs < BUCKET_SILENCE_MS) continue;
      scheduler.goOn(process);
      const ms = random.between(5, faults.meetsNewRun ? 3_000 : 500);
      if (random.chance(0.8)) scheduler.after(0, null, () => scheduler.pauseBriefly(call.process, ms));
    }
  }

  #wakeChance({ call, path }: DiskCall): number {
    const { bucket, faults, isShared } = this.#world;
    // While a run is removed its journal's numbers are free. The sign of its holder goes first.
    if (isShared && call === "removal" && path.includes("/run-"))
      return path.endsWith("/holder.json") ? 0.5 : 0.05;
    if (faults.comesInPairs && call === "write" && path.includes("/stage/")) return 0.3;
    if (bucket !== null) return 0;
    // The one that starts over has committed a shard, or published its rows.
    if (faults.removesBesideRun) return isOfNewRun(call, path) ? 0.2 : 0;
    if (faults.wakes === "late") return 0;
    // The coordinator that clears has removed the manifest, and is about to remove the rows.
    if (faults.stagesBesideClearing) return call === "sync" && this.#isBeingCleared(path) ? 0.7 : 0;
    const isStep = call === "names" || call === "removal" || call === "sync";
    if (faults.wakes === "atStage") return isStep && OWN_STAGE.test(path) ? 0.1 : 0;
    if ((call === "open" || call === "read") && SEGMENT.test(path)) return 0.2;
    // It is about to give a name, such as that which says that it clears the output.
    if (call === "sync" && path.includes(".own-")) return 0.1;
    // What a coordinator that was replaced has staged goes before the journal tells of its successor.
    if (call === "removal" && OWN_STAGE.test(path)) return path.includes("/rows/") ? 0.4 : 0.1;
    return isStep ? 0.005 : 0;
  }

  /** Returns whether an output is being cleared, and no sleeper has placed rows in it. */
  #isBeingCleared(path: string): boolean {
    const isThere = (...names: readonly string[]) => this.#world.image.lookUp(join(path, ...names)) !== null;
    return isThere(WORK_FOLDER, CLEARING_NAME) && !isThere(OUTPUT_FOLDERS.rows);
  }

  /** The only coordinator of the only job, if it runs. */
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
   * A coordinator is stopped for longer than the silence that its lock outlasts, and one elsewhere, which
   * cannot see it, takes its place: what of it is under way ends when it goes on.
   */
  #replaceCoordinator(process: SimProcess): void {
    const { coordinators, faults, isShared, scheduler, random } = this.#world;
    for (const kind of ["coordinatorPaused", "secondCoordinator"] as const) faults.count(kind);
    const silenceMs = isShared ? BUCKET_SILENCE_MS : SILENCE_MS;
    // Often beyond the end of the job. Where work is shared, its removal wakes the sleeper up.
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

  /** Where others can tell a coordinator's place in time by its journal alone. */
  #stopsClock(): boolean {
    const { bucket, faults, random } = this.#world;
    return bucket === null && (faults.meetsNewRun || random.chance(0.5));
  }

  /**
   * Only in a world of one job. Of several a rival might take up one and not the others, and the workers call
   * one coordinator alone. So `secondCoordinator` and `startedOver` never fire in a world of several jobs.
   */
  #strikeRival(): void {
    const { faults, coordinators, isShared } = this.#world;
    const [only, ...others] = this.#jobInjectors;
    // Two that wait out the same silence, one of them to start over: that is what people are asked not to do.
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
    for (const process of workers.processes()) scheduler.kill(process, "nobody works any more");
  }

  bringWorkersBack(): void {
    this.absentSinceMs = null;
    this.#world.workers.heal();
  }
}
