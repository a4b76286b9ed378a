import { present } from "../shared/core/assert.ts";
import type { TimedClock } from "../shared/core/clock.ts";
import type { LogTail } from "../shared/core/log.ts";
import type { Tracer } from "../shared/core/tracer.ts";
import type { JobSpec } from "../shared/domain/job-spec.ts";
import type { CoordinatorView } from "../shared/extension/coordinator-view.ts";
import type { CoordinatorServices } from "../shared/wire/services.ts";
import { admissionBy, type SubmitRights } from "./access/submit-rights.ts";
import { DataServer } from "./data/data-server.ts";
import { startServer } from "./grpc/server.ts";
import { runInnerJob } from "./inner/inner-job.ts";
import { Meters } from "./insight/meters.ts";
import type { ActiveJob } from "./job/active-job.ts";
import type { JobHandle } from "./job/job-handle.ts";
import { type JobSeams, realSeams } from "./job/job-seams.ts";
import { openJob } from "./job/open-job.ts";
import type { OpenedJob, SubmitOptions } from "./job/opened-job.ts";
import type { CheckConversion } from "./job/pass-conversion.ts";
import type { PlanningSlot } from "./job/planning-slot.ts";
import { RunRecorder } from "./job/run-recorder.ts";
import type { JobRecord } from "./job-store/job-record.ts";
import type { JobStore } from "./job-store/job-store.ts";
import { openServers, type Servers, type ServersOptions, serverService } from "./open-servers.ts";
import { absenceOf } from "./schedule/policy/absence.ts";
import { DEFAULT_SCHEDULE, type ScheduleConfig } from "./schedule/state/config.ts";
import { forEachJob } from "./service/for-each-job.ts";
import { JobsServer } from "./service/jobs-server.ts";
import { ListingPace } from "./service/listing-pace.ts";
import { judgementOf } from "./service/member.ts";
import { ResultsOfJobs } from "./service/results-of-jobs.ts";
import { type JoiningOptions, MOST_ACTIVE, type Submission, Submissions } from "./service/submissions.ts";
import { Waiters } from "./service/waiters.ts";
import { WorkServer } from "./service/work-server.ts";
import { WorkerRegistry } from "./service/worker-registry.ts";

export interface CoordinatorOptions extends ServersOptions {
  /** Returns the facts of jobs whose runs this process starts by itself. Default: none. */
  readonly served?: CoordinatorView["served"];
  readonly clock: TimedClock;
  /** Times that differ from the defaults, for fast tests. */
  readonly schedule?: Partial<Omit<ScheduleConfig, "maxDeadLetters">>;
  /** Check of converted models. Default: jobs that ask for a conversion cannot run. */
  readonly checkConversion?: CheckConversion;
  /** Rights of submitters. Default: no code, all places. */
  readonly rights?: SubmitRights;
  /** Jobs come from other users and must not reach what only this machine can reach. Default: false. */
  readonly isGuarded?: boolean;
  /** Limit of active jobs per token. Default: the limit for all jobs. */
  readonly jobsOfOne?: number;
  /** Store of jobs that survive a restart, and the records from before this one. Default: none. */
  readonly remembers?: { readonly store: JobStore; readonly records: readonly JobRecord[] };
  /** Receiver of traces, closed with the coordinator. Default: no traces. */
  readonly tracer?: Tracer;
  /** Dependencies that the simulator replaces. */
  readonly seams?: CoordinatorSeams;
}

export interface CoordinatorSeams extends JobSeams {
  /** Serves the services. */
  readonly serve: typeof startServer;
}

export interface Coordinator {
  /** Address that it listens on, with the real port. */
  readonly address: string;
  /** Address for workers of this process, see {@link Listening.forOwnWorkers}. */
  readonly ownAddress: string;
  /** Ports of faces that it serves. */
  readonly ports: Servers["ports"];
  /** URL of its HTTP server, as a browser opens it. Null: HTTP is not served. */
  readonly httpUrl: string | null;
  /** Checks, plans and opens a job, which runs from here on. @throws the errors of planJob and openJob */
  submit(spec: JobSpec, options: JoiningOptions): Promise<JobHandle>;
  /** Dismisses workers: each gets the reason with its next request for a lease. */
  dismiss(reason: string): void;
  /** Reports that a local worker's process has exited, so that its leases are released at once. */
  workerLost(name: string): void;
  workerCount(): number;
  /** Releases everything in order. Jobs that have not ended can be resumed. */
  close(): Promise<void>;
}

/** Interval of checks of leases, silent workers and idle jobs. */
const TICK_MS = 1_000;
/** Time that running calls have to finish when the server closes. */
const CLOSE_GRACE_MS = 1_000;

/** Composition root of the coordinator: the server, its services, and their jobs. */
export async function startCoordinator(options: CoordinatorOptions): Promise<Coordinator> {
  return await new RunningCoordinator(options).listen();
}

class RunningCoordinator implements Coordinator {
  readonly #options: CoordinatorOptions;
  readonly #schedule: Omit<ScheduleConfig, "maxDeadLetters">;
  readonly #registry: WorkerRegistry;
  readonly #waiters: Waiters;
  readonly #seams: CoordinatorSeams;
  readonly #work: WorkServer;
  readonly #active: ActiveJob[] = [];
  readonly #meters = new Meters();
  readonly #submissions: Submissions;
  readonly #lists = new ListingPace();
  readonly #data = new DataServer({
    knowsSession: (session) => this.#registry.has(session),
    job: (jobId) => this.#active.find((job) => job.jobId === jobId) ?? null,
  });
  #servers: Servers | null = null;
  #callOffTick: () => void = () => {};
  #dismissal: string | null = null;

  constructor(options: CoordinatorOptions) {
    this.#options = options;
    this.#seams = options.seams ?? { ...realSeams, isGuarded: options.isGuarded, serve: startServer };
    this.#waiters = new Waiters(options.clock, this.#meters.leaseGrant);
    this.#schedule = { ...DEFAULT_SCHEDULE, ...options.schedule };
    this.#registry = new WorkerRegistry(this.#seams.random);
    this.#submissions = new Submissions({
      open: (spec, submitOptions, slot) => this.#open(spec, submitOptions, slot),
      ...admissionBy(options.rights),
      startServing: (job) => this.#startServing(job),
      active: () => this.#active,
      ...{ store: options.remembers?.store ?? null, isGuarded: this.#seams.isGuarded },
      hasOwnJob: !options.guard.takesJobs,
      ...{ jobsOfOne: options.jobsOfOne ?? MOST_ACTIVE, log: options.log },
    });
    const { guard, listening } = options;
    const own = guard.takesJobs || listening?.forOwnWorkers === true ? [] : this.#active;
    this.#work = new WorkServer({
      registry: this.#registry,
      waiters: this.#waiters,
      jobs: () => this.#active,
      dismissal: (session) => this.#dismissal ?? own[0]?.unfitnessOf(session) ?? null,
      isOpening: () => this.#submissions.isOpening,
      ...{ times: this.#schedule, clock: options.clock, log: options.log },
    });
  }

  async listen(): Promise<this> {
    const jobs = new JobsServer({
      submit: (spec, submitOptions) => this.#submitFromAfar(spec, submitOptions),
      jobs: () => this.#submissions.known.all,
      listed: () => this.#submissions.known.listed,
    });
    const services: CoordinatorServices = {
      work: this.#work,
      data: this.#data,
      jobs,
      server: serverService(this.#options),
      workers: { listWorkers: (signal) => this.#lists.list(() => this.#statuses(), signal) },
    };
    const openAgain = await this.#submissions.recall(this.#options.remembers?.records ?? []);
    this.#servers = await openServers(this.#options, this.#seams.serve, {
      services,
      jobs: () => this.#active,
      rates: this.#meters.calls,
      results: new ResultsOfJobs({ known: this.#submissions.known, active: () => this.#active }),
      view: (logs) => this.#view(jobs, logs),
    });
    openAgain();
    this.#tickSoon();
    return this;
  }

  get address(): string {
    return this.#listening.grpc.address;
  }

  get ownAddress(): string {
    return this.#listening.grpc.ownAddress;
  }

  get ports(): Servers["ports"] {
    return this.#listening.ports;
  }

  get httpUrl(): string | null {
    return this.#listening.http?.url ?? null;
  }

  get #listening(): Servers {
    return present(this.#servers, "the coordinator listens");
  }

  submit(spec: JobSpec, options: JoiningOptions): Promise<JobHandle> {
    return this.#submissions.submit(spec, options);
  }

  #open(spec: JobSpec, options: SubmitOptions, { withoutSlot }: PlanningSlot): Promise<OpenedJob> {
    const { clock, log, checkConversion } = this.#options;
    const recorder = new RunRecorder(clock, this.#meters, this.#options.tracer);
    const opening = openJob(spec, {
      ...options,
      beganMs: clock.nowMs(),
      storesBefore: this.#seams.storeCounts(),
      withoutSlot,
      recorder,
      ...(checkConversion === undefined ? {} : { checkConversion }),
      clock,
      log,
      schedule: this.#schedule,
      seams: this.#seams,
      reportOf: (session) => this.#registry.reportOf(session),
      onWake: (wake) => (wake === "all" ? this.#waiters.wakeAll() : this.#waiters.wake(wake)),
      runTasks: (tasks, outer, signal) =>
        runInnerJob(tasks, { ...outer, serve: (job) => this.#startServing(job) }, signal),
    });
    return recorder.opened(opening);
  }

  /** Submits a job for a client. Logs the notes that the client receives, too. */
  async #submitFromAfar(spec: JobSpec, options: Submission): Promise<JobHandle> {
    const handle = await this.#submissions.submit(spec, options);
    for (const note of handle.notes) this.#options.log.warn({ job: handle.jobId }, note);
    return handle;
  }

  /** Makes the view for routes of faces. */
  #view(service: JobsServer, logs: LogTail): CoordinatorView {
    return {
      jobs: () => this.#submissions.known.listed,
      workers: () => this.#statuses(),
      served: () => this.#options.served?.() ?? [],
      ...{ service, logs, meters: this.#meters },
      leaseRequests: () => this.#waiters.size,
      ...{ planning: this.#submissions.planning, clock: this.#options.clock },
    };
  }

  #statuses() {
    return this.#registry.statuses(judgementOf(this.#active, this.#options.clock.nowMs()));
  }

  dismiss(reason: string): void {
    this.#dismissal = reason;
    this.#waiters.wakeAll();
  }

  workerLost(name: string): void {
    const session = this.#registry.sessionOf(name);
    if (session === null) return;
    this.#registry.leave(session);
    const report = (error: unknown) =>
      this.#options.log.error(error, "the loss of a worker could not be processed");
    void this.#work.workerLost(session, "exited", "its process exited").catch(report);
  }

  workerCount(): number {
    return this.#registry.size;
  }

  async close(): Promise<void> {
    this.#submissions.close();
    this.#callOffTick();
    this.#servers?.grpc.setServing(false);
    const left = [...this.#active];
    for (const job of left) job.abandon();
    await this.#servers?.close(CLOSE_GRACE_MS);
    await Promise.allSettled([...left.map((job) => job.release()), this.#submissions.idle()]);
    await this.#data[Symbol.asyncDispose]();
    await this.#options.tracer?.close();
  }

  /** Offers the job's shards until it has ended. */
  #startServing(job: ActiveJob): void {
    this.#active.push(job);
    const takeBack = () => {
      const index = this.#active.indexOf(job);
      if (index >= 0) this.#active.splice(index, 1);
      this.#waiters.wakeAll();
    };
    job.ended.then(takeBack, takeBack);
    this.#waiters.wakeAll();
  }

  /** Schedules the next tick without waiting for the previous one: the disk may be slow, and time goes on. */
  #tickSoon(): void {
    this.#callOffTick = this.#options.clock.after(TICK_MS, () => {
      this.#tickSoon();
      this.#tick().catch((error) => this.#options.log.error(error, "a tick failed"));
    });
  }

  async #tick(): Promise<void> {
    const { clock, log } = this.#options;
    const lost = this.#registry.takeOut((silence) => absenceOf(silence, this.#schedule, clock.nowMs()));
    for (const { session, how, message } of lost) {
      log.warn({ session, message }, "worker lost");
      await this.#work.workerLost(session, how, message);
    }
    this.#work.tick();
    await forEachJob(this.#active, (job) => job.tick(), log);
  }
}
