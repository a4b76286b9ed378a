import { NEVER } from "../shared/core/abort.ts";
import { present } from "../shared/core/assert.ts";
import type { TimedClock } from "../shared/core/clock.ts";
import { ShardmillError } from "../shared/core/errors.ts";
import type { Logger, LogLevel } from "../shared/core/log.ts";
import { Slots } from "../shared/core/slots.ts";
import type { JobSpec } from "../shared/domain/job-spec.ts";
import type { CoordinatorServices } from "../shared/wire/services.ts";
import type { Guard } from "./access/judge.ts";
import { type Listening, LOCAL } from "./access/listening.ts";
import { DataServer } from "./data/data-server.ts";
import { type FlightThread, startFlightThread } from "./grpc/flight-thread-client.ts";
import { type RunningServer, startServer } from "./grpc/server.ts";
import type { ActiveJob } from "./job/active-job.ts";
import { handleOf, type JobHandle, publishedHandle } from "./job/job-handle.ts";
import { type JobSeams, realSeams } from "./job/job-seams.ts";
import { openJob } from "./job/open-job.ts";
import type { SubmitOptions } from "./job/opened-job.ts";
import type { CheckPrecision } from "./job/pass-precision.ts";
import { PlanningSlot } from "./job/planning-slot.ts";
import { placeOf } from "./runs/one-dataset.ts";
import { absenceOf, type Silence } from "./schedule/policy/absence.ts";
import { DEFAULT_SCHEDULE, type ScheduleConfig } from "./schedule/state/config.ts";
import { FlightJobs } from "./service/flight-jobs.ts";
import { forEachJob } from "./service/for-each-job.ts";
import { JobsServer } from "./service/jobs-server.ts";
import { KnownJobs } from "./service/known-jobs.ts";
import { ListingPace } from "./service/listing-pace.ts";
import { Waiters } from "./service/waiters.ts";
import { WorkServer } from "./service/work-server.ts";
import { WorkerRegistry, workerStatuses } from "./service/worker-registry.ts";

export interface CoordinatorOptions {
  /** `host:port`; port 0 takes a free one. */
  readonly listen: string;
  readonly guard: Guard;
  /** Of both servers. Left out: in the clear, for this machine alone. */
  readonly listening?: Listening;
  readonly clock: TimedClock;
  readonly log: Logger;
  /** Other times than the usual ones, for tests that cannot wait. */
  readonly schedule?: Partial<Omit<ScheduleConfig, "maxDeadRows">>;
  /** Where results are served by Arrow Flight: `host:port`. Left out: nowhere. */
  readonly flight?: { readonly listen: string; readonly logLevel: LogLevel };
  /** What checks converted models; without it, jobs that ask for one cannot run. */
  readonly checkPrecision?: CheckPrecision;
  /** Another world than the real one, for the simulator. */
  readonly seams?: CoordinatorSeams;
}

export interface CoordinatorSeams extends JobSeams {
  /** Makes the services reachable. */
  readonly serve: typeof startServer;
}

export interface Coordinator {
  /** Where it really listens. */
  readonly address: string;
  /** Where workers of this process find it, {@link Listening.forOwnWorkers}. */
  readonly ownAddress: string;
  /** Where Arrow Flight does; null where it does not. */
  readonly flightAddress: string | null;
  /** Checks, plans and opens a job, which runs from here on. @throws what planJob and openJob throw */
  submit(spec: JobSpec, options: SubmitOptions): Promise<JobHandle>;
  /** Tells workers, as they ask, that they may go home. */
  dismiss(reason: string): void;
  /** A local worker's process is known to have died: its leases need not run out first. */
  workerDied(name: string): void;
  workerCount(): number;
  /** Lets go of everything in order; jobs that have not ended can be resumed. */
  close(): Promise<void>;
}

/** How often leases, silent workers and idle jobs are looked at. */
const TICK_MS = 1_000;
/**
 * Jobs that are planned at once, and that wait for it. Each has processes that read footers and the model, of
 * 80 MB and more; two keep a disk busy. Whoever waits is in its call, and hears when it is given up.
 */
const PLANNING = { slots: 2, waiting: 64 } as const;
/** Jobs that have not ended: each holds its journal and its lock open, and is looked at each second. */
const MOST_ACTIVE = 256;
/** How long running calls may finish when the server closes. */
const CLOSE_GRACE_MS = 1_000;

/** Composition root of the coordinator: the server, its services, and the jobs behind them. */
export async function startCoordinator(options: CoordinatorOptions): Promise<Coordinator> {
  const coordinator = new RunningCoordinator(options);
  await coordinator.listen();
  return coordinator;
}

class RunningCoordinator implements Coordinator {
  readonly #options: CoordinatorOptions;
  readonly #schedule: Omit<ScheduleConfig, "maxDeadRows">;
  readonly #registry: WorkerRegistry;
  readonly #waiters: Waiters;
  readonly #seams: CoordinatorSeams;
  readonly #work: WorkServer;
  readonly #active: ActiveJob[] = [];
  readonly #known = new KnownJobs();
  readonly #planning = new Slots("jobs to plan", PLANNING);
  readonly #lists = new ListingPace();
  readonly #data = new DataServer({
    knowsSession: (session) => this.#registry.has(session),
    job: (jobId) => this.#active.find((job) => job.jobId === jobId) ?? null,
  });
  #server: RunningServer | null = null;
  #flight: FlightThread | null = null;
  #callOffTick: () => void = () => {};
  #dismissal: string | null = null;
  #isClosed = false;

  constructor(options: CoordinatorOptions) {
    this.#options = options;
    this.#seams = options.seams ?? { ...realSeams, serve: startServer };
    this.#waiters = new Waiters(options.clock);
    this.#schedule = { ...DEFAULT_SCHEDULE, ...options.schedule };
    this.#registry = new WorkerRegistry(this.#seams.random);
    this.#work = new WorkServer({
      registry: this.#registry,
      waiters: this.#waiters,
      jobs: () => this.#active,
      dismissal: () => this.#dismissal,
      times: this.#schedule,
      clock: options.clock,
      log: options.log,
    });
  }

  async listen(): Promise<void> {
    const { listen, guard, listening = LOCAL, log } = this.#options;
    const statuses = () => workerStatuses(this.#registry, this.#active, this.#options.clock.nowMs());
    const services: CoordinatorServices = {
      work: this.#work,
      data: this.#data,
      jobs: new JobsServer({
        submit: (spec, submitOptions) => this.#submitFromAfar(spec, submitOptions),
        jobs: () => this.#known.all,
        takesCode: guard.takesCode,
      }),
      workers: { listWorkers: (signal) => this.#lists.list(statuses, signal) },
    };
    this.#server = await this.#seams.serve({ listen, services, guard, listening, log });
    this.#flight = await this.#startFlight().catch(async (error: unknown) => {
      await this.#server?.close(0);
      throw error;
    });
    this.#server.setServing(true);
    this.#tickSoon();
  }

  /** The jobs go on without it, should it die. */
  async #startFlight(): Promise<FlightThread | null> {
    const { flight, guard, listening = LOCAL, log } = this.#options;
    if (flight === undefined) return null;
    const owner = new FlightJobs({ handles: () => this.#known.all, active: () => this.#active });
    const started = await startFlightThread({ ...flight, option: "--flight", guard, listening, owner });
    started.ended.catch((error: unknown) => log.error(error, "results are no longer served by Arrow Flight"));
    return started;
  }

  get address(): string {
    return present(this.#server, "the coordinator listens").address;
  }

  get ownAddress(): string {
    return present(this.#server, "the coordinator listens").ownAddress;
  }

  get flightAddress(): string | null {
    return this.#flight?.address ?? null;
  }

  async submit(spec: JobSpec, options: SubmitOptions): Promise<JobHandle> {
    this.#refuseSecond(spec.output.path);
    using slot = await PlanningSlot.take(this.#planning, options.signal ?? NEVER);
    // Once more: others were planned while this one waited.
    this.#refuseSecond(spec.output.path);
    this.#refuseTooMany();
    return await this.#open(spec, options, slot);
  }

  async #open(spec: JobSpec, options: SubmitOptions, { aside }: PlanningSlot): Promise<JobHandle> {
    const { clock, log, checkPrecision } = this.#options;
    const opened = await openJob(spec, {
      ...options,
      storesBefore: this.#seams.storeCounts(),
      aside,
      ...(checkPrecision === undefined ? {} : { checkPrecision }),
      clock,
      log,
      schedule: this.#schedule,
      seams: this.#seams,
      reportOf: (session) => this.#registry.reportOf(session),
      onWake: (wake) => (wake === "all" ? this.#waiters.wakeAll() : this.#waiters.wake(wake)),
    });
    if (this.#isClosed && opened.kind === "active") await letGo(opened.job);
    const handle = opened.kind === "published" ? publishedHandle(opened) : handleOf(opened);
    this.#known.remember(handle);
    if (opened.kind === "active") this.#giveOut(opened.job);
    return handle;
  }

  /** What whoever submits it is told stands in the log, too. */
  async #submitFromAfar(spec: JobSpec, options: SubmitOptions): Promise<JobHandle> {
    const handle = await this.submit(spec, options);
    for (const note of handle.notes) this.#options.log.warn({ job: handle.jobId }, note);
    return handle;
  }

  #refuseTooMany(): void {
    if (this.#active.length < MOST_ACTIVE) return;
    const message = `this coordinator is at work on ${MOST_ACTIVE} jobs already`;
    throw new ShardmillError("RESOURCE_EXHAUSTED", message, {
      fields: { most: MOST_ACTIVE },
      hint: "submit it again when one of them has ended",
    });
  }

  /** The lock would refuse it, too, but it knows only processes: it would name this one. */
  #refuseSecond(outputPath: string): void {
    const jobId = this.#active.find((job) => placeOf(job.planned.spec) === outputPath)?.jobId;
    if (jobId === undefined) return;
    throw new ShardmillError("OUTPUT_LOCKED", `job ${jobId} is at work on this output`, {
      fields: { jobId, path: outputPath },
      hint: `follow it with \`shardmill watch ${jobId}\`, or cancel it first`,
    });
  }

  dismiss(reason: string): void {
    this.#dismissal = reason;
    this.#waiters.wakeAll();
  }

  workerDied(name: string): void {
    const session = this.#registry.sessionOf(name);
    if (session === null) return;
    this.#registry.leave(session);
    const report = (error: unknown) => this.#options.log.error(error, "a worker's death could not be told");
    void this.#work.workerLost(session, "died", "its process ended").catch(report);
  }

  workerCount(): number {
    return this.#registry.size;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#callOffTick();
    this.#server?.setServing(false);
    const left = [...this.#active];
    for (const job of left) job.abandon();
    await Promise.all([this.#server?.close(CLOSE_GRACE_MS), this.#flight?.close(CLOSE_GRACE_MS)]);
    await Promise.allSettled(left.map((job) => job.release()));
    await this.#data[Symbol.asyncDispose]();
  }

  /** Offers the job's shards until it has ended. */
  #giveOut(job: ActiveJob): void {
    this.#active.push(job);
    const takeBack = () => {
      const index = this.#active.indexOf(job);
      if (index >= 0) this.#active.splice(index, 1);
      this.#waiters.wakeAll();
    };
    job.ended.then(takeBack, takeBack);
    this.#waiters.wakeAll();
  }

  /** Whether or not the tick before has ended: the disk may be slow, and time goes on. */
  #tickSoon(): void {
    const report = (error: unknown) => this.#options.log.error(error, "a tick failed");
    this.#callOffTick = this.#options.clock.after(TICK_MS, () => {
      this.#tickSoon();
      void this.#tick().catch(report);
    });
  }

  async #tick(): Promise<void> {
    const { clock, log } = this.#options;
    const judge = (silence: Silence) => absenceOf(silence, this.#schedule, clock.nowMs());
    for (const { session, how, message } of this.#registry.takeOut(judge)) {
      log.warn({ session, message }, "worker lost");
      await this.#work.workerLost(session, how, message);
    }
    await forEachJob(this.#active, (job) => job.tick(), log);
  }
}

/** A job opened while its coordinator closed would hold its lock as long as the process lives. */
async function letGo(job: ActiveJob): Promise<never> {
  job.abandon();
  await job.release();
  throw new ShardmillError("INTERRUPTED", "the coordinator stops; submit the job again to resume");
}
