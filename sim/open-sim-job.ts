import { NEVER, sleepBy } from "../shared/core/abort.ts";
import type { TimedClock } from "../shared/core/clock.ts";
import { ShardmillError } from "../shared/core/errors.ts";
import type { Location } from "../shared/domain/location.ts";
import type { SimJob } from "./sim-plan.ts";
import { taskPartials } from "./sim-tasks.ts";

export interface OpenSimJobOptions {
  /** Time that a job takes to open, and to close. */
  readonly openMs: number;
  /** Called when an open job is used against the rules. */
  readonly broken: (what: string) => void;
  readonly clock: TimedClock;
  /** Returns the folder of a job's partials, or null when the job has no run. */
  readonly partialsOf: (job: SimJob) => Location | null;
}

/**
 * An open job of a simulated worker. The rules are those of lanes and threads, which end when they are
 * closed.
 */
export class OpenSimJob implements AsyncDisposable {
  readonly job: SimJob;
  /** Partials of the run that it was opened for. A late shard still belongs to that run. */
  readonly partials: Location;
  readonly #options: OpenSimJobOptions;
  #running = 0;
  #isClosed = false;

  private constructor(job: SimJob, partials: Location, options: OpenSimJobOptions) {
    this.job = job;
    this.partials = partials;
    this.#options = options;
  }

  /** @param list tables of an inner job's tasks. Null: the lease is of a shard. */
  static async open(job: SimJob, list: Location | null, options: OpenSimJobOptions): Promise<OpenSimJob> {
    const partials = list === null ? options.partialsOf(job) : taskPartials(list);
    if (partials === null) throw new ShardmillError("JOB_ENDED", "there is no run of the simulated job");
    if (options.openMs > 0) await sleepBy(options.clock, options.openMs, NEVER);
    return new OpenSimJob(job, partials, options);
  }

  memoryBytes(): number {
    return 1;
  }

  async rest(): Promise<void> {
    const { broken } = this.#options;
    if (this.#isClosed) broken("a closed job gives up its threads");
    if (this.#running > 0) broken("a job gives up its threads while a shard runs");
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    const { broken } = this.#options;
    if (this.#isClosed) broken("a shard runs on a closed job");
    this.#running += 1;
    try {
      return await work();
    } finally {
      this.#running -= 1;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { broken, clock, openMs } = this.#options;
    if (this.#isClosed) broken("a job is closed twice");
    if (this.#running > 0) broken("a job is closed while a shard runs");
    this.#isClosed = true;
    if (openMs > 0) await sleepBy(clock, openMs / 10, NEVER);
  }
}
