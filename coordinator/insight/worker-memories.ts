import type { RunHistory } from "../../shared/domain/run-history.ts";
import type { WorkerSession } from "../../shared/domain/worker.ts";
import { WorkerMemory } from "./worker-memory.ts";

/**
 * Workers remembered. Names may be new with each pod: those that are gone longest are forgotten, and only
 * their time counts.
 */
const MOST_WORKERS = 4_096;

/** How much is told of workers. */
export interface WorkerMeasure {
  readonly workers: number;
  /** Of one worker, and of all: of many workers each has fewer. */
  readonly spans: number;
  readonly allSpans: number;
}

type ToldOfWorkers = Pick<RunHistory, "workerSeconds" | "deviceSeconds" | "workers" | "workersLeftOut">;

/** The workers of one run, by their names. Pure: time comes in. */
export class WorkerMemories {
  readonly #workers = new Map<string, WorkerMemory>();
  readonly #names = new Map<WorkerSession, string>();
  #forgotten = { workers: 0, connectedMs: 0, deviceMs: 0 };

  get size(): number {
    return this.#workers.size;
  }

  /** Those that have something to do. */
  get busy(): number {
    return [...this.#workers.values()].filter(({ line }) => !line.isIdle).length;
  }

  known(name: string): WorkerMemory | undefined {
    return this.#workers.get(name);
  }

  /** New, where it is not known: then another may be forgotten for it. */
  of(name: string, nowMs: number): WorkerMemory {
    const known = this.#workers.get(name);
    if (known !== undefined) return known;
    if (this.#workers.size >= MOST_WORKERS) this.#forgetOne(nowMs);
    const worker = new WorkerMemory(name);
    this.#workers.set(name, worker);
    return worker;
  }

  joined(nowMs: number, session: WorkerSession, name: string): void {
    if (this.#names.has(session)) return;
    this.#names.set(session, name);
    this.of(name, nowMs).joined(nowMs);
  }

  left(nowMs: number, session: WorkerSession): void {
    const name = this.#names.get(session);
    if (name === undefined) return;
    this.#names.delete(session);
    this.#workers.get(name)?.left(nowMs);
  }

  /** As {@link told} told of them. */
  restore({ workers, workersLeftOut, workerSeconds, deviceSeconds }: ToldOfWorkers, sinceMs: number): void {
    for (const told of workers) this.of(told.name, sinceMs).restore(told, sinceMs);
    const all = [...this.#workers.values()];
    this.#forgotten = {
      workers: workersLeftOut,
      connectedMs: Math.max(0, 1000 * workerSeconds - connected(all, sinceMs)),
      deviceMs: Math.max(0, 1000 * deviceSeconds - connected(all.filter(isAccelerator), sinceMs)),
    };
  }

  told(nowMs: number, sinceMs: number, measure: WorkerMeasure): ToldOfWorkers {
    const all = [...this.#workers.values()].sort((a, b) => weightOf(b) - weightOf(a));
    const shown = all.slice(0, measure.workers);
    const spans = Math.min(measure.spans, Math.floor(measure.allSpans / Math.max(1, shown.length)));
    const { workers, connectedMs, deviceMs } = this.#forgotten;
    return {
      workerSeconds: Math.round(connected(all, nowMs) + connectedMs) / 1000,
      deviceSeconds: Math.round(connected(all.filter(isAccelerator), nowMs) + deviceMs) / 1000,
      workers: shown.map((worker) => worker.history(nowMs, sinceMs, spans)),
      workersLeftOut: all.length - shown.length + workers,
    };
  }

  #forgetOne(nowMs: number): void {
    for (const worker of this.#workers.values()) {
      if (!worker.isGone) continue;
      const ms = worker.connectedMs(nowMs);
      const { workers, connectedMs, deviceMs } = this.#forgotten;
      this.#forgotten = {
        workers: workers + 1,
        connectedMs: connectedMs + ms,
        deviceMs: deviceMs + (isAccelerator(worker) ? ms : 0),
      };
      this.#workers.delete(worker.name);
      return;
    }
  }
}

function connected(workers: readonly WorkerMemory[], nowMs: number): number {
  return workers.reduce((sum, worker) => sum + worker.connectedMs(nowMs), 0);
}

function isAccelerator({ device }: WorkerMemory): boolean {
  return device !== null && device !== "cpu";
}

/** Those with whom something went wrong have most to tell; then those that did most. */
function weightOf({ ends, rows }: WorkerMemory): number {
  const wrong = ends.died + ends.failed + ends.rejected + ends.expired;
  return wrong * 1e12 + rows;
}
