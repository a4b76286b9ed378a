import { type Clock, systemClock } from "../../shared/core/clock.ts";
import type { BatchInUse } from "../../shared/domain/batch-in-use.ts";
import type { ConcreteDevice } from "../../shared/domain/device.ts";
import type { StoreCounts } from "../../shared/domain/store-counts.ts";
import type { StageShares } from "../../shared/domain/worker.ts";

/** Report of a worker process to its supervisor, at the interval of its heartbeats to the coordinator. */
export interface WorkerBeat {
  readonly leases: number;
  readonly busy: StageShares;
  readonly padding: number | null;
  readonly batch: BatchInUse | null;
  /** Counts since the process joined the coordinator. */
  readonly stores: readonly StoreCounts[];
}

/** Facts about one worker of a supervisor, across restarts of its process. */
export interface WorkerFigures {
  readonly name: string;
  readonly device: ConcreteDevice;
  /** True when the worker has a process that has joined the coordinator. */
  readonly hasJoined: boolean;
  /** Number of processes that exited unexpectedly. */
  readonly exits: number;
  /** Last report. Null: the current process has sent none. */
  readonly beat: WorkerBeat | null;
  /** Time since the last report. Null: no process has joined. */
  readonly silentMs: number | null;
}

interface Known extends Omit<WorkerFigures, "silentMs"> {
  readonly heardMs: number;
}

/** Records a supervisor's processes. */
export class ProcessFigures {
  readonly #workers = new Map<string, Known>();
  readonly #clock: Clock;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  get all(): readonly WorkerFigures[] {
    const nowMs = this.#clock.nowMs();
    return [...this.#workers.values()].map(({ heardMs, ...worker }) => {
      return { ...worker, silentMs: worker.hasJoined ? nowMs - heardMs : null };
    });
  }

  began(name: string, device: ConcreteDevice): void {
    const exits = this.#workers.get(name)?.exits ?? 0;
    const heardMs = this.#clock.nowMs();
    this.#workers.set(name, { name, device, hasJoined: false, exits, beat: null, heardMs });
  }

  joined(name: string): void {
    this.#change(name, { hasJoined: true, heardMs: this.#clock.nowMs() });
  }

  beat(name: string, beat: WorkerBeat): void {
    this.#change(name, { beat, heardMs: this.#clock.nowMs() });
  }

  ended(name: string, how: "exited" | "ended"): void {
    const exits = (this.#workers.get(name)?.exits ?? 0) + (how === "exited" ? 1 : 0);
    this.#change(name, { hasJoined: false, beat: null, exits });
  }

  #change(name: string, change: Partial<Known>): void {
    const known = this.#workers.get(name);
    if (known !== undefined) this.#workers.set(name, { ...known, ...change });
  }
}

/**
 * Limit of silence. A joined process reports every ten seconds, even without its coordinator and while a
 * model loads. After longer silence the process hangs, and must be ended.
 */
const HANGS_MS = 120_000;

/** Returns a line for each worker whose process hangs. */
export function hangingIn(workers: readonly WorkerFigures[]): readonly string[] {
  return workers.flatMap(({ name, silentMs }) =>
    silentMs !== null && silentMs > HANGS_MS
      ? [`the process of ${name} has not reported for ${Math.round(silentMs / 1_000)} s`]
      : [],
  );
}
