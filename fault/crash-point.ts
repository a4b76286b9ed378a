import { closeSync, openSync, writeFileSync, writeSync } from "node:fs";
import { threadId } from "node:worker_threads";

/** Moment of an operation at which the process crashes. */
export type CrashWay =
  | "before"
  /** Half done: half the bytes, or half the entries. */
  | "torn"
  /** The operating system has all bytes, and no sync has begun. */
  | "written"
  /** The operation is done and durable, and its caller does not know yet. */
  | "done"
  /** The operation is done, and its caller has continued for a moment. */
  | "acknowledged";

/** Plan of a crash, which a process receives through its environment: see {@link readCrashPlan}. */
export interface CrashPlan {
  /** Number of the point at which the process crashes, from 1. 0: none, the points are counted. */
  readonly at: number;
  /** `files`: points are operations on files. `calls`: points are a worker's calls to its coordinator. */
  readonly what: "files" | "calls";
  /** Folder whose operations count. */
  readonly under: string;
  /**
   * File that the crashed process creates, with the name of the point. It proves the crash, and prevents a
   * second one. Counts are in files beside it, one per thread.
   */
  readonly report: string;
}

export function crashEnvironment(plan: CrashPlan): Record<string, string> {
  return { SHARDMILL_CRASH_AT: JSON.stringify(plan) };
}

/** Returns the plan of this process, or null for a process that must not crash. */
export function readCrashPlan(): CrashPlan | null {
  const text = process.env.SHARDMILL_CRASH_AT;
  return text === undefined ? null : JSON.parse(text);
}

/** Long enough for an answer to leave the process, and too short for much else. */
const ACKNOWLEDGED_MS = 15;

/** Counts the points that a process reaches, and ends it with SIGKILL at the planned one. */
export class CrashCounter {
  readonly #plan: CrashPlan;
  #reached = 0;

  constructor(plan: CrashPlan) {
    this.#plan = plan;
  }

  /** Returns true at the planned point. The caller then does the half operation and calls `die`. */
  isNext(): boolean {
    this.#reached += 1;
    if (this.#plan.at === 0) this.#tellReached();
    return this.#reached === this.#plan.at;
  }

  /** Crashes if this is the planned point. */
  point(name: string, way: CrashWay): void {
    if (!this.isNext()) return;
    if (way === "acknowledged") setTimeout(() => this.die(name, way), ACKNOWLEDGED_MS);
    else this.die(name, way);
  }

  /** Writes the count after each point, because the end of the process is unknown. */
  #tellReached(): void {
    writeFileSync(`${this.#plan.report}.${process.pid}-${threadId}`, String(this.#reached));
  }

  die(name: string, way: CrashWay): void {
    try {
      const report = openSync(this.#plan.report, "wx");
      writeSync(report, `${way} ${name}`);
      closeSync(report);
    } catch {
      // Another process of this run has crashed. A plan is for one crash.
      return;
    }
    process.kill(process.pid, "SIGKILL");
    // The signal may reach this thread a few instructions later, and nothing more may happen in it.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  }
}
