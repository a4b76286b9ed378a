import { closeSync, openSync, writeFileSync, writeSync } from "node:fs";
import { threadId } from "node:worker_threads";

/** Where in an operation the process dies. */
export type CrashWay =
  | "before"
  /** Half of it is done: half the bytes, half the entries. */
  | "torn"
  /** All bytes are handed to the operating system, nothing is synced. */
  | "written"
  /** It is done and durable, and nobody has been told. */
  | "done"
  /** It is done, and whoever waited for it has gone on a little. */
  | "acknowledged";

/** How a process is told to die, through its environment: see {@link readCrashPlan}. */
export interface CrashPlan {
  /** The number of the point at which it dies, from 1; 0: at none, the points are counted. */
  readonly at: number;
  /** `files`: points are operations on files; `calls`: a worker's calls to its coordinator. */
  readonly what: "files" | "calls";
  /** Only operations in this folder count. */
  readonly under: string;
  /**
   * Made, with the point's name in it, by the one process that dies: so it happens once, and can be told.
   * Counts are in files beside it, one a thread.
   */
  readonly report: string;
}

export function crashEnvironment(plan: CrashPlan): Record<string, string> {
  return { SHARDMILL_CRASH_AT: JSON.stringify(plan) };
}

/** Null in a process that is to live. */
export function readCrashPlan(): CrashPlan | null {
  const text = process.env.SHARDMILL_CRASH_AT;
  return text === undefined ? null : JSON.parse(text);
}

/** Long enough for an answer to leave the process, too short for much else. */
const ACKNOWLEDGED_MS = 15;

/** Counts the points that a process reaches, and ends it with SIGKILL at the one that its plan names. */
export class CrashCounter {
  readonly #plan: CrashPlan;
  #reached = 0;

  constructor(plan: CrashPlan) {
    this.#plan = plan;
  }

  /** True when this is the point: the caller does what belongs to it and then calls `die`. */
  isNext(): boolean {
    this.#reached += 1;
    if (this.#plan.at === 0) this.#tellReached();
    return this.#reached === this.#plan.at;
  }

  /** Dies here if this is the point. */
  point(name: string, way: CrashWay): void {
    if (!this.isNext()) return;
    if (way === "acknowledged") setTimeout(() => this.die(name, way), ACKNOWLEDGED_MS);
    else this.die(name, way);
  }

  /** After each point: how the process ends is not known. */
  #tellReached(): void {
    writeFileSync(`${this.#plan.report}.${process.pid}-${threadId}`, String(this.#reached));
  }

  die(name: string, way: CrashWay): void {
    try {
      const report = openSync(this.#plan.report, "wx");
      writeSync(report, `${way} ${name}`);
      closeSync(report);
    } catch {
      // Another process of this run has died: a plan is for one death.
      return;
    }
    process.kill(process.pid, "SIGKILL");
    // The signal may find this thread a few instructions later: nothing more may happen in it.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  }
}
