import { ShardmillError } from "../../shared/core/errors.ts";
import { type Random, systemRandom } from "../../shared/core/random.ts";
import type { JobId } from "../../shared/domain/job-id.ts";
import { type StoreCounts, sinceStores, sumOfStores } from "../../shared/domain/store-counts.ts";
import {
  type WorkerInfo,
  type WorkerSession,
  type WorkerStatus,
  workerSession,
} from "../../shared/domain/worker.ts";
import type { WorkerReport } from "../insight/run-watch.ts";
import type { Absence, Silence } from "../schedule/policy/absence.ts";
import { type Judgement, type Member, NO_REPORT, statusOf, type WorkloadReport } from "./member.ts";

/**
 * Limits of workers. `members`: ten times the largest measured fleet. A session takes a kilobyte, and a
 * silent one stays for a lease's time.
 *
 * `newcomers`: workers with no lease request open since they registered or lost their connection. A worker
 * asks at once, so a thousand covers the registrations of one moment. Endless registrations replace each
 * other.
 */
const MOST = { members: 20_000, newcomers: 1_000 } as const;

/** Sessions of the workers, over all jobs. Pure: each call passes the time. */
export class WorkerRegistry {
  readonly #members = new Map<WorkerSession, Member>();
  readonly #byName = new Map<string, Member>();
  /** Workers that have not asked for a shard since they joined or lost their connection. Oldest first. */
  readonly #newcomers = new Set<Member>();
  readonly #faulty = new FaultyWorkers<Member>();
  readonly #random: Random;

  constructor(random: Random = systemRandom) {
    this.#random = random;
  }

  /**
   * Opens a session and ends another session of the same name. That session is returned as `again` if it
   * belongs to the same process. Otherwise it is in `replaced`, because its process has exited. With too many
   * newcomers, the oldest one is replaced.
   *
   * @throws {RESOURCE_EXHAUSTED} when there are too many workers
   */
  join(
    info: WorkerInfo,
    nowMs: number,
    instance?: string,
  ): { session: WorkerSession; replaced: WorkerSession[]; again: WorkerSession | null } {
    const replaced = new Set<Member>();
    const namesake = this.#byName.get(info.name);
    if (namesake !== undefined) replaced.add(namesake);
    const [oldest] = this.#newcomers;
    if (oldest !== undefined && this.#newcomers.size >= MOST.newcomers) replaced.add(oldest);
    if (this.#members.size - replaced.size >= MOST.members) throw tooMany();
    for (const member of replaced) this.#remove(member.session);
    this.#faulty.isBack(info.name);
    const session = workerSession(this.#random.hex(12));
    const member: Member = {
      session,
      info,
      instance,
      joinedMs: nowMs,
      lastHeardMs: nowMs,
      disconnectedMs: null,
      report: NO_REPORT,
      stores: [],
      jobId: null,
      servedId: null,
      rowsCommitted: 0,
      shardsCommitted: 0,
      attemptsFailed: 0,
    };
    this.#members.set(session, member);
    this.#newcomers.add(member);
    this.#byName.set(info.name, member);
    const isAgain = instance !== undefined && namesake?.instance === instance;
    if (namesake !== undefined && isAgain) replaced.delete(namesake);
    return {
      session,
      replaced: [...replaced].map((replacedMember) => replacedMember.session),
      again: namesake !== undefined && isAgain ? namesake.session : null,
    };
  }

  /** Records that the worker asks for a shard, so it is no newcomer any more. */
  requested(session: WorkerSession): void {
    const member = this.#members.get(session);
    if (member !== undefined) this.#newcomers.delete(member);
  }

  has(session: WorkerSession): boolean {
    return this.#members.has(session);
  }

  /** Records a call of the worker. @throws {SESSION_STALE} when it is not (or no longer) a member */
  heard(session: WorkerSession, nowMs: number): WorkerInfo {
    const member = this.#member(session);
    member.lastHeardMs = nowMs;
    member.disconnectedMs = null;
    return member.info;
  }

  /** @throws {SESSION_STALE} when it is not (or no longer) a member */
  infoOf(session: WorkerSession): WorkerInfo {
    return this.#member(session).info;
  }

  reportWork(session: WorkerSession, report: WorkloadReport): void {
    this.#member(session).report = report;
  }

  /**
   * Records the store requests that a worker has made since it registered.
   *
   * @param jobId job whose leases it holds. Null: none
   * @returns requests since its last report, and their job. Null before its first lease
   */
  reportStores(
    session: WorkerSession,
    stores: readonly StoreCounts[],
    jobId: JobId | null,
  ): { readonly jobId: JobId; readonly came: readonly StoreCounts[] } | null {
    const member = this.#member(session);
    member.jobId = jobId ?? member.jobId;
    if (member.jobId === null) return null;
    const came = sinceStores(member.stores, stores);
    // Reports may arrive out of order: keep the highest counts.
    member.stores = sumOfStores([...member.stores, ...came]);
    return { jobId: member.jobId, came };
  }

  /** Records that the worker got a shard of this job. */
  granted(session: WorkerSession, jobId: JobId): void {
    const member = this.#members.get(session);
    if (member !== undefined) member.servedId = jobId;
  }

  countCommit(session: WorkerSession, rows: number): void {
    const member = this.#members.get(session);
    if (member === undefined) return;
    member.shardsCommitted += 1;
    member.rowsCommitted += rows;
  }

  countFailure(session: WorkerSession): void {
    const member = this.#members.get(session);
    if (member !== undefined) member.attemptsFailed += 1;
  }

  disconnected(session: WorkerSession, nowMs: number): void {
    const member = this.#members.get(session);
    if (member === undefined) return;
    member.disconnectedMs = nowMs;
    // Until it asks again, it counts as a newcomer and can be replaced.
    this.#newcomers.add(member);
  }

  leave(session: WorkerSession): void {
    this.#remove(session);
  }

  /** Removes a worker whose device is excluded. Its status is shown until a worker of its name joins. */
  excludeGpu(session: WorkerSession, reason: string, nowMs: number): void {
    const worker = this.#member(session);
    this.#remove(session);
    this.#faulty.put(worker.info.name, { worker, reason, sinceMs: nowMs });
  }

  /** Returns the session of a worker by its name, for a supervisor of its process. Null: unknown. */
  sessionOf(name: string): WorkerSession | null {
    return this.#byName.get(name)?.session ?? null;
  }

  /** Returns the times since which a worker has been silent. `absenceOf` decides whether it is lost. */
  silenceOf(session: WorkerSession): Silence {
    const { lastHeardMs, disconnectedMs } = this.#member(session);
    return { heardMs: lastHeardMs, disconnectedMs };
  }

  /** Removes and returns the workers that are lost according to `judge`. */
  takeOut(judge: (silence: Silence) => Absence | null): (Absence & { readonly session: WorkerSession })[] {
    return [...this.#members.keys()].flatMap((session) => {
      const absence = judge(this.silenceOf(session));
      if (absence === null) return [];
      this.#remove(session);
      return [{ session, ...absence }];
    });
  }

  get size(): number {
    return this.#members.size;
  }

  infos(): { session: WorkerSession; info: WorkerInfo }[] {
    return [...this.#members.values()].map(({ session, info }) => ({ session, info }));
  }

  /** Returns a worker's last report. Null: it is not (or no longer) a member. */
  reportOf(session: WorkerSession): WorkerReport | null {
    const member = this.#members.get(session);
    return member === undefined
      ? null
      : { ...member.report, device: member.info.device, jobId: member.servedId };
  }

  statuses(judge: Judgement): WorkerStatus[] {
    return [
      ...[...this.#members.values()].map((member) => statusOf(member, judge)),
      ...this.#faulty
        .at(judge.nowMs)
        .map(({ worker, reason }) => statusOf({ ...worker, report: NO_REPORT }, judge, reason)),
    ];
  }

  #remove(session: WorkerSession): void {
    const member = this.#members.get(session);
    if (member === undefined) return;
    this.#members.delete(session);
    this.#newcomers.delete(member);
    this.#byName.delete(member.info.name);
  }

  #member(session: WorkerSession): Member {
    const member = this.#members.get(session);
    if (member !== undefined) return member;
    throw new ShardmillError("SESSION_STALE", "this worker session is unknown: register again", {
      fields: { session },
    });
  }
}

function tooMany(): ShardmillError {
  return new ShardmillError(
    "RESOURCE_EXHAUSTED",
    `this coordinator has ${MOST.members} workers, and takes no more`,
    {
      fields: { most: MOST.members },
      hint: "run a second coordinator for other jobs",
    },
  );
}

/** Time after which an excluded worker is forgotten. Its device is tried again every quarter of an hour. */
const FORGOTTEN_MS = 24 * 3_600_000;
/** Limit of excluded workers: ten times the GPUs that fail at once. Each is a status of a kilobyte. */
const MOST_FAULTY = 1_000;

interface Faulty<T> {
  readonly worker: T;
  readonly reason: string;
  readonly sinceMs: number;
}

/** Workers that left because their device is excluded, by name. Pure, like the registry. */
class FaultyWorkers<T> {
  /** Oldest first. */
  readonly #all = new Map<string, Faulty<T>>();

  put(name: string, gpuFault: Faulty<T>): void {
    for (const [known, { sinceMs }] of this.#all)
      if (this.#all.size >= MOST_FAULTY || gpuFault.sinceMs - sinceMs > FORGOTTEN_MS) this.#all.delete(known);
    this.#all.set(name, gpuFault);
  }

  isBack(name: string): void {
    this.#all.delete(name);
  }

  at(nowMs: number): readonly Faulty<T>[] {
    return [...this.#all.values()].filter(({ sinceMs }) => nowMs - sinceMs <= FORGOTTEN_MS);
  }
}
