import type { TimedClock } from "../shared/core/clock.ts";
import { Heap } from "../shared/core/heap.ts";
import type { SeededRandom } from "./seeded-random.ts";

/**
 * A process of the simulated world. Everything reaches it as an event. So an exited process receives no more
 * events and its promises stay pending. A paused process receives its events late.
 */
export interface SimProcess {
  readonly name: string;
  readonly pid: number;
  /** Offset of its monotonic clock: arbitrary at first, and reduced by pauses in which the clock stops. */
  clockZeroMs: number;
  state: "running" | "paused" | "exited";
  /** Duration of its last pause. */
  lastPauseMs: number;
  /** Time when it resumed after that. -1: it was never paused. */
  wentOnMs: number;
  /** Time at which its clock stopped for a pause. Null: the clock runs. */
  stoppedMs: number | null;
  /** Events that arrived during a pause, in order. */
  backlog: (() => void)[];
  /** Called when it exits for any reason. */
  readonly onDeath: (() => void)[];
}

interface Happening {
  readonly atMs: number;
  readonly tie: number;
  readonly seq: number;
  /** The process that the event belongs to. Null: the world. */
  readonly process: SimProcess | null;
  readonly run: () => void;
  cancelled: boolean;
}

/**
 * Duration of the shortest timer. Clocks of processes begin at different numbers, so rounding may lose a
 * shorter one. A process that waits for a time would then set the same timer without end.
 */
const LEAST_MS = 0.001;
/** Limit of log lines that are kept: the end of a log matters most. */
const LOG_LINES = 4_000;

/** Shortest difference between clock times, because floating-point numbers lose smaller ones. */
const CLOCK_STEP_MS = 0.001;

/** Advances time and runs all steps of the world, in an order that the seed decides. */
export class Scheduler {
  nowMs = 0;
  steps = 0;
  /** Rolling hash of all notes: equal runs have equal traces. */
  trace = 0;
  readonly log: string[] = [];
  readonly #random: SeededRandom;
  readonly #happenings = new Heap<Happening>((a, b) => a.atMs - b.atMs || a.tie - b.tie || a.seq - b.seq);
  readonly #keepLog: boolean;
  #seq = 0;
  #pids = 100;

  constructor(random: SeededRandom, keepLog: boolean) {
    this.#random = random;
    this.#keepLog = keepLog;
  }

  /**
   * Calls `run` after `delayMs` unless the process has exited by then. Returns a function that cancels the
   * call.
   */
  after(delayMs: number, process: SimProcess | null, run: () => void): () => void {
    this.#seq += 1;
    const happening: Happening = {
      atMs: this.nowMs + Math.max(0, delayMs),
      tie: this.#random.unit(),
      seq: this.#seq,
      process,
      run,
      cancelled: false,
    };
    this.#happenings.push(happening);
    return () => {
      happening.cancelled = true;
    };
  }

  /** Runs steps until `done`, or until no event is left. Calls `afterStep` between two steps. */
  async run(done: () => boolean, afterStep: () => void): Promise<"done" | "idle"> {
    while (!done()) {
      const next = this.#happenings.pop();
      if (next === undefined) return "idle";
      if (next.cancelled || next.process?.state === "exited") continue;
      this.nowMs = next.atMs;
      if (next.process?.state === "paused") {
        next.process.backlog.push(() => {
          if (!next.cancelled) next.run();
        });
        continue;
      }
      this.steps += 1;
      next.run();
      // All consequences of the step happen now, so that no promise is left half way.
      await new Promise((resolve) => setImmediate(resolve));
      afterStep();
    }
    return "done";
  }

  start(name: string): SimProcess {
    this.#pids += 1;
    this.note(`${name} starts as process ${this.#pids}`);
    return {
      name,
      pid: this.#pids,
      clockZeroMs: Math.floor(this.#random.unit() * 1_000_000),
      state: "running",
      lastPauseMs: 0,
      wentOnMs: -1,
      stoppedMs: null,
      backlog: [],
      onDeath: [],
    };
  }

  kill(process: SimProcess, why: string): void {
    if (process.state === "exited") return;
    this.note(`${process.name} dies: ${why}`);
    process.state = "exited";
    process.backlog = [];
    for (const tell of process.onDeath.splice(0)) tell();
  }

  /**
   * Pauses a process.
   *
   * @param clockStops true when its clock stops, too, as the clock of a virtual machine may
   */
  pause(process: SimProcess, ms: number, clockStops = false): void {
    if (process.state !== "running") return;
    this.pauseBriefly(process, ms);
    process.lastPauseMs = ms;
    process.stoppedMs = clockStops ? this.nowMs : null;
  }

  /** Pauses a process for too short a time to be replaced. Its last long pause still counts. */
  pauseBriefly(process: SimProcess, ms: number): void {
    if (process.state !== "running") return;
    this.note(`${process.name} pauses for ${Math.round(ms)} ms`);
    process.state = "paused";
    process.stoppedMs = null;
    this.after(ms, null, () => this.goOn(process));
  }

  /** Resumes a paused process, when its pause ends or before. */
  goOn(process: SimProcess): void {
    if (process.state !== "paused") return;
    this.note(`${process.name} continues`);
    process.state = "running";
    process.clockZeroMs -= this.nowMs - (process.stoppedMs ?? this.nowMs);
    process.stoppedMs = null;
    process.wentOnMs = this.nowMs;
    for (const run of process.backlog.splice(0)) this.after(0, process, run);
  }

  clockOf(process: SimProcess): TimedClock {
    return {
      nowMs: () => this.#clockMs(process),
      wallMs: () => 1_700_000_000_000 + this.nowMs,
      after: (ms, call) => this.#afterByClock(process, Math.max(LEAST_MS, ms), call),
    };
  }

  /**
   * Returns the time of a process's clock. A call that ends may run code in a paused process, whose clock
   * stays stopped.
   */
  #clockMs({ stoppedMs, clockZeroMs }: SimProcess): number {
    return (stoppedMs ?? this.nowMs) + clockZeroMs;
  }

  /** Sets a timer by the clock of the process. After a stopped clock it continues with the remaining time. */
  #afterByClock(process: SimProcess, ms: number, call: () => void): () => void {
    const dueMs = this.#clockMs(process) + ms;
    const ring = () => {
      const leftMs = dueMs - this.#clockMs(process);
      if (leftMs > CLOCK_STEP_MS) callOff = this.after(leftMs, process, ring);
      else call();
    };
    let callOff = this.after(ms, process, ring);
    return () => callOff();
  }

  /** Adds a line to the trace. Keeps its text only when the log is wanted. */
  note(line: string): void {
    let hash = this.trace ^ Math.floor(this.nowMs * 1_000);
    for (let at = 0; at < line.length; at += 1) hash = (Math.imul(hash, 31) + line.charCodeAt(at)) | 0;
    this.trace = hash;
    if (!this.#keepLog) return;
    this.log.push(`${(this.nowMs / 1_000).toFixed(3).padStart(9)} s  ${line}`);
    if (this.log.length > LOG_LINES) this.log.shift();
  }
}
