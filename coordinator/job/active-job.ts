import type { Clock } from "../../shared/core/clock.ts";
import { ERROR_CODES } from "../../shared/core/error-codes.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import type { DeviceReport } from "../../shared/domain/accuracy.ts";
import { isEnded, type Lease, type PlannedJob } from "../../shared/domain/job.ts";
import type { JobId } from "../../shared/domain/job-id.ts";
import type { JobStatus } from "../../shared/domain/job-status.ts";
import type { JobStores } from "../../shared/domain/job-stores.ts";
import type { JobView } from "../../shared/domain/job-view.ts";
import type { Location } from "../../shared/domain/location.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";
import type { ShardId } from "../../shared/domain/shard.ts";
import type { StoreCounts } from "../../shared/domain/store-counts.ts";
import { type Token, tokenKey } from "../../shared/domain/token.ts";
import type { WorkerInfo, WorkerSession } from "../../shared/domain/worker.ts";
import type { JobDescription } from "../../shared/wire/job-description.ts";
import type { Heartbeat, LeaseRef } from "../../shared/wire/services.ts";
import { refusalReason } from "../insight/device-reports.ts";
import type { RunWatch } from "../insight/run-watch.ts";
import { uploadFault } from "../schedule/policy/answers.ts";
import { excludedMs } from "../schedule/policy/exclusion.ts";
import { readyFor } from "../schedule/policy/pending-queue.ts";
import type { OfferOutcome } from "../schedule/state/effect.ts";
import type { HowLost, JobEvent } from "../schedule/state/event.ts";
import { heldBack, openShards } from "../schedule/state/job-state.ts";
import { committedPartials, liveLeases } from "../schedule/state/progress.ts";
import type { FailureReason } from "../schedule/state/record.ts";
import { FailureJudge } from "./failure-judge.ts";
import { metricsOf } from "./job-metrics.ts";
import type { JobEnd, JobShell } from "./job-shell.ts";
import { statusOf, viewOf } from "./job-view.ts";
import type { RunRecorder } from "./run-recorder.ts";
import { leaseOf, limitSharers } from "./schedule-for.ts";

export interface ActiveJobOptions {
  readonly jobId: JobId;
  readonly planned: PlannedJob;
  readonly description: JobDescription;
  readonly shell: JobShell;
  readonly clock: Clock;
  readonly manifestPath: string;
  readonly files: Pick<ActiveJob, "inputPaths" | "modelPaths" | "partialsPath" | "spoolPath">;
  /** Measures how this run spends its time. */
  readonly runWatch: RunWatch;
  /** Records spans and metrics of this run. */
  readonly recorder: RunRecorder;
  /** Aborts running checks and reductions, whose results are no longer needed. */
  readonly stopWork: () => void;
  /** Releases the job's files: the journal and the lock. */
  readonly release: () => Promise<void>;
}

type LeaseTry =
  | { readonly kind: "lease"; readonly lease: Lease }
  | { readonly kind: "none"; readonly retryAtMs: number | null; readonly slotsFull: boolean };

/** A job that this coordinator runs. Takes calls of workers and users, and reports its status. */
export class ActiveJob {
  readonly #options: ActiveJobOptions;
  readonly view = (): JobView => viewOf(this.#options);
  readonly #joined = new Set<WorkerSession>();
  readonly #failures: FailureJudge;
  #endedMs: number | null = null;
  #released: Promise<void> | null = null;

  constructor(options: ActiveJobOptions) {
    this.#options = options;
    this.#failures = new FailureJudge(options.planned);
    options.runWatch.look();
    options.shell.ended
      .catch(() => {})
      .finally(() => {
        this.#endedMs = options.clock.nowMs();
        options.runWatch.look();
        options.recorder.ended(options.shell.state);
        options.stopWork();
      });
  }

  get jobId(): JobId {
    return this.#options.jobId;
  }

  get description(): JobDescription {
    return this.#options.description;
  }

  get planned(): PlannedJob {
    return this.#options.planned;
  }

  get ended(): Promise<JobEnd> {
    return this.#options.shell.ended;
  }

  /** @throws {LEASE_STALE} when a partial of this shard under this token could no longer be committed */
  checkUpload(shard: ShardId, token: Token): void {
    const fault = uploadFault(this.#options.shell.state, shard, token);
    if (fault !== null) throw new ShardmillError(fault.code, fault.message, { fields: fault.fields });
  }

  get stores(): JobStores {
    return this.#options.planned.stores;
  }

  /** Input files. Workers reach no other input through the coordinator. */
  get inputPaths(): Pick<ReadonlySet<Location>, "has"> {
    return this.#options.files.inputPaths;
  }

  get modelPaths(): ReadonlySet<Location> {
    return this.#options.files.modelPaths;
  }

  get partialsPath(): Location {
    return this.#options.files.partialsPath;
  }

  get spoolPath(): string {
    return this.#options.files.spoolPath;
  }

  /** Workers that share limits of the job. */
  get workers(): number {
    return limitSharers(this.#options.planned.map, this.#options.shell.state);
  }

  /** Number of shards that are leased or available to workers. 0 before and after the map phase. */
  get openShards(): number {
    const { state } = this.#options.shell;
    return state.phase.kind === "running" ? openShards(state) - heldBack(state) : 0;
  }

  /** Returns the partials committed so far, in plan order. The output is made from them. */
  committedPartials(): readonly PartialManifest[] {
    return committedPartials(this.#options.shell.state);
  }

  /** Mapping that the job's rows are mapped with, see `JobState.mapping`. */
  get mapping(): string {
    return this.#options.shell.state.mapping;
  }

  leasesOf(session: WorkerSession): number {
    return liveLeases(this.#options.shell.state, session);
  }

  /** Returns how much longer this job excludes a worker, in milliseconds. 0: on probation. Null: trusted. */
  excludedMs(name: string): number | null {
    return excludedMs(this.#options.shell.state, name, this.#options.clock.nowMs());
  }

  get priority(): number {
    return this.#options.shell.state.standing.priority;
  }

  /** Returns how many pending shards this worker could get now if it held none. */
  readyFor(session: WorkerSession): number {
    return readyFor(this.#options.shell.state, session, this.#options.clock.nowMs());
  }

  /** Checks whether this worker may get shards of this job now. */
  accepts(session: WorkerSession, info: WorkerInfo): boolean {
    const { device } = this.#options.description;
    const { phase } = this.#options.shell.state;
    if (phase.kind !== "running" || this.refusalOf(session) !== null || this.mapping !== info.mapping)
      return false;
    return device === "auto" || device === info.device;
  }

  /** Returns the reason why this job assigns no shard to a worker. Null: it may. */
  refusalOf(session: WorkerSession): string | null {
    return this.#options.runWatch.devices.refusalOf(session);
  }

  /** Returns the reason, other than its device, why a worker cannot run this job. Null: there is none. */
  unfitnessOf(session: WorkerSession): string | null {
    return this.#options.runWatch.devices.unfitnessOf(session);
  }

  /** Records a device check. A worker whose device computes wrong numbers is removed from this job. */
  async reportDevice(session: WorkerSession, report: DeviceReport): Promise<void> {
    this.#options.runWatch.devices.add(session, report);
    if (report.refusal !== null) await this.#refuse(session, refusalReason(report));
  }

  async #refuse(session: WorkerSession, reason: FailureReason): Promise<void> {
    if (!this.#joined.delete(session) || this.#isOver()) return;
    await this.#dispatch({ kind: "workerRefused", worker: session, reason });
  }

  async join(session: WorkerSession, info: WorkerInfo): Promise<void> {
    if (this.#joined.has(session) || this.#isOver()) return;
    this.#joined.add(session);
    // The shards of an inner job are tasks.
    const slots = this.description.tasks === null ? info.slots : (info.taskSlots ?? info.slots);
    await this.#dispatch({ kind: "workerJoined", worker: session, name: info.name, slots });
  }

  async workerLost(session: WorkerSession, how: HowLost, message: string): Promise<void> {
    this.#options.runWatch.devices.forget(session);
    if (!this.#joined.delete(session) || this.#isOver()) return;
    await this.#dispatch({ kind: "workerLost", worker: session, how, message });
  }

  async requestLease(session: WorkerSession, running: readonly LeaseRef[]): Promise<LeaseTry> {
    const answer = await this.#dispatch({
      kind: "leaseRequested",
      worker: session,
      running: running.filter(({ jobId }) => jobId === this.jobId).map(({ shard }) => shard),
    });
    if (answer?.kind === "noLease")
      return { kind: "none", retryAtMs: answer.retryAtMs, slotsFull: answer.why === "slotsFull" };
    if (answer?.kind !== "grant") return { kind: "none", retryAtMs: null, slotsFull: false };
    return { kind: "lease", lease: leaseOf(answer, this.#options) };
  }

  /** Adds to this run the store requests that a worker reports. */
  noteStores(counts: readonly StoreCounts[]): void {
    this.#options.runWatch.noteStores(counts);
  }

  /** Renews the leases. Returns for each lease whether it is still live. */
  async heartbeat(session: WorkerSession, leases: Heartbeat["leases"]): Promise<boolean[]> {
    if (!this.#joined.has(session) || this.#isOver()) return leases.map(() => false);
    if (leases.some(({ rowsDone }) => rowsDone > 0)) this.#options.runWatch.noteRows(session);
    const answer = await this.#dispatch({
      kind: "heartbeat",
      worker: session,
      leases: leases.map(({ lease, rowsDone }) => ({ token: lease.token, shard: lease.shard, rowsDone })),
    });
    if (answer?.kind !== "heartbeatReply") return leases.map(() => false);
    const live = new Set(answer.leases.filter((lease) => lease.live).map((lease) => tokenKey(lease.token)));
    return leases.map(({ lease }) => live.has(tokenKey(lease.token)));
  }

  /** @param traceparent span of the attempt. Empty: no tracing. */
  offer(session: WorkerSession, partial: PartialManifest, traceparent: string): Promise<OfferOutcome> {
    const { runWatch, shell, recorder } = this.#options;
    runWatch.noteRows(session);
    return recorder.offered(partial.executionId, traceparent, () => shell.offer(session, partial));
  }

  /** Dispatches an event that the core acknowledges or refuses. @throws the reason of a refusal */
  async report(event: JobEvent): Promise<void> {
    const answer = await this.#dispatch(event);
    if (answer?.kind !== "refuse") return;
    const { code, message, fields } = answer.reason;
    throw new ShardmillError(code, message, { fields });
  }

  /** @returns the worker's reason, judged by what this coordinator itself sees of the job's files */
  async attemptFailed(session: WorkerSession, lease: LeaseRef, said: FailureReason): Promise<FailureReason> {
    const { shard, token } = lease;
    const reason = await this.#failures.judge(said);
    if (ERROR_CODES[reason.code].attempt === "refuse") {
      this.#options.runWatch.devices.refuse(session, reason.message);
      await this.#refuse(session, reason);
    } else await this.report({ kind: "attemptFailed", worker: session, shard, token, reason });
    return reason;
  }

  async tick(): Promise<void> {
    if (this.#isOver()) return;
    await this.#dispatch({ kind: "tick" });
    this.#options.runWatch.look();
    this.#options.runWatch.recordPace();
  }

  status(): JobStatus {
    return statusOf(this.#options, this.#endedMs);
  }

  /** Returns the job's counters and durations for the metrics endpoint. */
  metrics() {
    return metricsOf(this.#options);
  }

  /** Releases the job's files once no work uses them. The job's state stays on disk and can be resumed. */
  release(): Promise<void> {
    this.#released ??= this.#options.shell.idle().then(() => this.#options.release());
    return this.#released;
  }

  /** Stops at once and acknowledges nothing more, as if killed, but aborts running work in order. */
  abandon(): void {
    this.#options.shell.breakDown(
      new ShardmillError("INTERRUPTED", "the coordinator stops: run the job again to resume it"),
    );
  }

  #isOver(): boolean {
    return this.#endedMs !== null || isEnded(this.#options.shell.state.phase.kind);
  }

  #dispatch(event: JobEvent) {
    return this.#options.shell.dispatch(event);
  }
}
