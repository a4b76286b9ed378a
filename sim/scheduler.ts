import type { TimedClock } from "../shared/core/clock.ts";
import { Heap } from "../shared/core/heap.ts";
import type { SeededRandom } from "./seeded-random.ts";

/**
 * A process of the simulated world. Whatever happens to it comes as an event: so a dead one simply gets no
 * more of them (its promises stay open for ever), and a paused one gets them late.
 */
export interface SimProcess {
  readonly name: string;
  readonly pid: number;
  /** Its monotonic clock starts anywhere, and falls behind where it stands still in a pause. */
  clockZeroMs: number;
  state: "running" | "paused" | "dead";
  /** How long it was paused for, the last time. */
  lastPauseMs: number;
  /** When it went on after that; -1: it never was paused. */
  wentOnMs: number;
  /** Since when its clock stands still, in a pause; null: it goes on. */
  stoppedMs: number | null;
  /** What came in while it was paused, in order. */
  backlog: (() => void)[];
  /** Told when it dies, by whatever hand. */
  readonly onDeath: (() => void)[];
}

interface Happening {
  readonly atMs: number;
  readonly tie: number;
  readonly seq: number;
  /** Null: it happens to the world. */
  readonly process: SimProcess | null;
  readonly run: () => void;
  cancelled: boolean;
}

/**
 * Duration of the shortest timer. Clocks of processes begin at other numbers, so rounding may lose a shorter
 * one. A process that waits for a time would then set the same timer without end.
 */
const LEAST_MS = 0.001;
/** How many lines of the log are kept: the end of it is what matters. */
const LOG_LINES = 4_000;

/** Less is no time at all: what floating-point numbers lose. */
const CLOCK_STEP_MS = 0.001;

/**
 * The one place where time passes and steps are run: all that happens, happens here, in an order that the
 * seed decides.
 */
export class Scheduler {
  nowMs = 0;
  steps = 0;
  /** A rolling hash of everything that was noted: equal runs have equal traces. */
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

  /** Calls `run` after `delayMs`, unless the process is dead by then; returns what calls it off. */
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

  /**
   * Runs steps until `done`, or until nothing is left to happen. `afterStep` looks at the world between two
   * steps.
   */
  async run(done: () => boolean, afterStep: () => void): Promise<"done" | "idle"> {
    while (!done()) {
      const next = this.#happenings.pop();
      if (next === undefined) return "idle";
      if (next.cancelled || next.process?.state === "dead") continue;
      this.nowMs = next.atMs;
      if (next.process?.state === "paused") {
        next.process.backlog.push(() => {
          if (!next.cancelled) next.run();
        });
        continue;
      }
      this.steps += 1;
      next.run();
      // Everything that follows from it, follows now: no promise is left half way.
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
    if (process.state === "dead") return;
    this.note(`${process.name} dies: ${why}`);
    process.state = "dead";
    process.backlog = [];
    for (const tell of process.onDeath.splice(0)) tell();
  }

  /** @param clockStops its clock stands still, as that of a virtual machine may */
  pause(process: SimProcess, ms: number, clockStops = false): void {
    if (process.state !== "running") return;
    this.pauseBriefly(process, ms);
    process.lastPauseMs = ms;
    process.stoppedMs = clockStops ? this.nowMs : null;
  }

  /** Stops a process for too short a time to be taken for dead. Its last long pause still counts. */
  pauseBriefly(process: SimProcess, ms: number): void {
    if (process.state !== "running") return;
    this.note(`${process.name} pauses for ${Math.round(ms)} ms`);
    process.state = "paused";
    process.stoppedMs = null;
    this.after(ms, null, () => this.goOn(process));
  }

  /** A paused process goes on, when its time comes or before. */
  goOn(process: SimProcess): void {
    if (process.state !== "paused") return;
    this.note(`${process.name} goes on`);
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

  /** A call that ends wakes who serves it, even in a stopped process: its clock stands still all the same. */
  #clockMs({ stoppedMs, clockZeroMs }: SimProcess): number {
    return (stoppedMs ?? this.nowMs) + clockZeroMs;
  }

  /** By the clock of the process: one that stood still has to go on for as long as was left. */
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

  /** Part of the trace; kept as text only when somebody wants to read it. */
  note(line: string): void {
    let hash = this.trace ^ Math.floor(this.nowMs * 1_000);
    for (let at = 0; at < line.length; at += 1) hash = (Math.imul(hash, 31) + line.charCodeAt(at)) | 0;
    this.trace = hash;
    if (!this.#keepLog) return;
    this.log.push(`${(this.nowMs / 1_000).toFixed(3).padStart(9)} s  ${line}`);
    if (this.log.length > LOG_LINES) this.log.shift();
  }
}
