import type { RunHistory } from "../../shared/domain/run-history.ts";
import type { WorkerSession } from "../../shared/domain/worker.ts";
import { WorkerMemory } from "./worker-memory.ts";

/**
 * Limit of workers. Each new pod may bring a new name. At the limit, the first disconnected worker is
 * dropped, and only its time counts.
 */
const MOST_WORKERS = 4_096;

/** Limits of the returned history. */
export interface WorkerMeasure {
  readonly workers: number;
  /** Limits for one worker, and for all of them together. */
  readonly spans: number;
  readonly allSpans: number;
}

type WorkersHistory = Pick<RunHistory, "workerSeconds" | "deviceSeconds" | "workers" | "workersOmitted">;

/** Workers of one run, by name. The caller passes the time. */
export class WorkerMemories {
  readonly #workers = new Map<string, WorkerMemory>();
  readonly #names = new Map<WorkerSession, string>();
  #forgotten = { workers: 0, connectedMs: 0, deviceMs: 0 };

  get size(): number {
    return this.#workers.size;
  }

  /** Number of workers with open attempts. */
  get busy(): number {
    return [...this.#workers.values()].filter(({ line }) => !line.isIdle).length;
  }

  known(name: string): WorkerMemory | undefined {
    return this.#workers.get(name);
  }

  /** Returns a worker, and creates it when unknown. At the limit, another one is dropped. */
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

  /** Restores the result of {@link recorded}. */
  restore({ workers, workersOmitted, workerSeconds, deviceSeconds }: WorkersHistory, sinceMs: number): void {
    for (const recorded of workers) this.of(recorded.name, sinceMs).restore(recorded, sinceMs);
    const all = [...this.#workers.values()];
    this.#forgotten = {
      workers: workersOmitted,
      connectedMs: Math.max(0, 1000 * workerSeconds - connected(all, sinceMs)),
      deviceMs: Math.max(0, 1000 * deviceSeconds - connected(all.filter(isAccelerator), sinceMs)),
    };
  }

  recorded(nowMs: number, sinceMs: number, measure: WorkerMeasure): WorkersHistory {
    const all = [...this.#workers.values()].sort((a, b) => weightOf(b) - weightOf(a));
    const shown = all.slice(0, measure.workers);
    const spans = Math.min(measure.spans, Math.floor(measure.allSpans / Math.max(1, shown.length)));
    const { workers, connectedMs, deviceMs } = this.#forgotten;
    return {
      workerSeconds: Math.round(connected(all, nowMs) + connectedMs) / 1000,
      deviceSeconds: Math.round(connected(all.filter(isAccelerator), nowMs) + deviceMs) / 1000,
      workers: shown.map((worker) => worker.history(nowMs, sinceMs, spans)),
      workersOmitted: all.length - shown.length + workers,
    };
  }

  #forgetOne(nowMs: number): void {
    for (const worker of this.#workers.values()) {
      if (!worker.hasLeft) continue;
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

/** Sorts workers with failures first, then by rows. */
function weightOf({ ends, rows }: WorkerMemory): number {
  const wrong = ends.lost + ends.failed + ends.rejected + ends.expired;
  return wrong * 1e12 + rows;
}
