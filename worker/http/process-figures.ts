import { type Clock, systemClock } from "../../shared/core/clock.ts";
import type { BatchInUse } from "../../shared/domain/batch-in-use.ts";
import type { ConcreteDevice } from "../../shared/domain/device.ts";
import type { StoreCounts } from "../../shared/domain/store-counts.ts";
import type { StageShares } from "../../shared/domain/worker.ts";

/** What a worker's process tells its supervisor of itself, as often as it tells the coordinator. */
export interface WorkerBeat {
  readonly leases: number;
  readonly busy: StageShares;
  readonly padding: number | null;
  readonly batch: BatchInUse | null;
  /** Since the process joined the coordinator. */
  readonly stores: readonly StoreCounts[];
}

/** What is known of one of a supervisor's workers, however often its process was started. */
export interface WorkerFigures {
  readonly name: string;
  readonly device: ConcreteDevice;
  /** Whether it has a process that has joined the coordinator. */
  readonly hasJoined: boolean;
  /** Processes that ended, and were not told to. */
  readonly deaths: number;
  /** Null where there is none of the process that runs. */
  readonly beat: WorkerBeat | null;
  /** Since its process told anything; null while none runs that has joined. */
  readonly silentMs: number | null;
}

interface Known extends Omit<WorkerFigures, "silentMs"> {
  readonly heardMs: number;
}

/** What a supervisor knows of its processes. */
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
    const deaths = this.#workers.get(name)?.deaths ?? 0;
    const heardMs = this.#clock.nowMs();
    this.#workers.set(name, { name, device, hasJoined: false, deaths, beat: null, heardMs });
  }

  joined(name: string): void {
    this.#change(name, { hasJoined: true, heardMs: this.#clock.nowMs() });
  }

  beat(name: string, beat: WorkerBeat): void {
    this.#change(name, { beat, heardMs: this.#clock.nowMs() });
  }

  ended(name: string, how: "died" | "ended"): void {
    const deaths = (this.#workers.get(name)?.deaths ?? 0) + (how === "died" ? 1 : 0);
    this.#change(name, { hasJoined: false, beat: null, deaths });
  }

  #change(name: string, change: Partial<Known>): void {
    const known = this.#workers.get(name);
    if (known !== undefined) this.#workers.set(name, { ...known, ...change });
  }
}

/**
 * A process that has joined tells what it is at every ten seconds, also while its coordinator is away and
 * while a model is loaded: one that was silent for so long hangs, and only its end helps.
 */
const HANGS_MS = 120_000;

/** A line for each worker whose process hangs. */
export function hangingIn(workers: readonly WorkerFigures[]): readonly string[] {
  return workers.flatMap(({ name, silentMs }) =>
    silentMs !== null && silentMs > HANGS_MS
      ? [`the process of ${name} has told nothing for ${Math.round(silentMs / 1_000)} s`]
      : [],
  );
}
