import { sleepBy } from "../../shared/core/abort.ts";
import { systemClock, type Timers } from "../../shared/core/clock.ts";
import { Slots } from "../../shared/core/slots.ts";
import type { Device } from "../../shared/domain/device.ts";
import type { JobWork } from "../../shared/extension/face.ts";
import type { ScalerRequest } from "./scaler-request.ts";

/** Poll interval, short in comparison to the start of a worker. */
const LOOK_EVERY_MS = 500;
/** Limit of watchers. A few worker Deployments share one coordinator. */
const MOST_WATCHERS = 64;

/** Calculator of wanted workers, for programs that start and stop them. */
export class Scaler {
  readonly #work: () => readonly JobWork[];
  readonly #timers: Timers;
  readonly #watchers = new Slots("watchers of open work", { slots: MOST_WATCHERS, waiting: 0 });

  constructor(work: () => readonly JobWork[], timers: Timers = systemClock) {
    this.#work = work;
    this.#timers = timers;
  }

  workersWanted({ shardsPerWorker, maxWorkers, device }: ScalerRequest): number {
    let open = 0;
    for (const job of this.#work()) if (suits(job.description.device, device)) open += job.openShards;
    return Math.min(Math.ceil(open / shardsPerWorker), maxWorkers ?? Number.POSITIVE_INFINITY);
  }

  /** Yields whether any workers are wanted: first now, then at each change. */
  async *watch(ask: ScalerRequest, signal: AbortSignal): AsyncGenerator<boolean> {
    const release = await this.#watchers.take(signal);
    try {
      for (let last: boolean | null = null; ; await sleepBy(this.#timers, LOOK_EVERY_MS, signal)) {
        const isActive = this.workersWanted(ask) > 0;
        if (isActive !== last) yield isActive;
        last = isActive;
      }
    } finally {
      release();
    }
  }
}

function suits(wanted: Device, device: ScalerRequest["device"]): boolean {
  return device === null || wanted === "auto" || wanted === device;
}
