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
 * A session that is given away is a kilobyte, and one that is silent stays for a lease's time. `members`: ten
 * times the fleet that is measured. `newcomers`, who have no request for a shard open since they registered,
 * or since their connection broke: a worker asks at once, so a thousand are the workers of one moment;
 * registrations without end push out each other.
 */
const MOST = { members: 20_000, newcomers: 1_000 } as const;

/** Who works here: the sessions of the workers, over all jobs. Pure: time comes in with each call. */
export class WorkerRegistry {
  readonly #members = new Map<WorkerSession, Member>();
  readonly #byName = new Map<string, Member>();
  /** Who has asked for no shard since it joined, or since its connection broke. The oldest first. */
  readonly #newcomers = new Set<Member>();
  readonly #aside = new WorkersAside<Member>();
  readonly #random: Random;

  constructor(random: Random = systemRandom) {
    this.#random = random;
  }

  /**
   * Opens a session. It ends another session of the same name. That is returned as `again` when it is of the
   * same process, and else as replaced: its process has died. The oldest newcomer is replaced when there are
   * too many.
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
    this.#aside.isBack(info.name);
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
      replaced: [...replaced].map((gone) => gone.session),
      again: namesake !== undefined && isAgain ? namesake.session : null,
    };
  }

  /** It asks for a shard: it works here. */
  asked(session: WorkerSession): void {
    const member = this.#members.get(session);
    if (member !== undefined) this.#newcomers.delete(member);
  }

  has(session: WorkerSession): boolean {
    return this.#members.has(session);
  }

  /** Notes that the worker called. @throws {SESSION_STALE} when it is not (or no longer) a member */
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
   * Takes what a worker says that it asked of stores since it registered.
   *
   * @param jobId the job that it holds leases of; null: none
   * @returns what came since its last report, and for which job; null before its first lease
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
    // A report that overtook another says more.
    member.stores = sumOfStores([...member.stores, ...came]);
    return { jobId: member.jobId, came };
  }

  /** It got a shard of this job. */
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
    // Until it asks again it is as good as gone, and makes room like one that never asked.
    this.#newcomers.add(member);
  }

  leave(session: WorkerSession): void {
    this.#remove(session);
  }

  /** It leaves, and is told of until one of its name joins. */
  putAside(session: WorkerSession, reason: string, nowMs: number): void {
    const worker = this.#member(session);
    this.#remove(session);
    this.#aside.put(worker.info.name, { worker, reason, sinceMs: nowMs });
  }

  /**
   * By a worker's name, which is all that a supervisor knows that saw its process die; null when it is none
   * of these.
   */
  sessionOf(name: string): WorkerSession | null {
    return this.#byName.get(name)?.session ?? null;
  }

  /** Since when a worker has been silent. Whether it is gone is for the core to say: see `absenceOf`. */
  silenceOf(session: WorkerSession): Silence {
    const { lastHeardMs, disconnectedMs } = this.#member(session);
    return { heardMs: lastHeardMs, disconnectedMs };
  }

  /** Takes out, and returns, the workers that are gone in the eyes of `judge`. */
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

  /** What a worker last reported; null when it is not (or no longer) a member. */
  reportOf(session: WorkerSession): WorkerReport | null {
    const member = this.#members.get(session);
    return member === undefined
      ? null
      : { ...member.report, device: member.info.device, jobId: member.servedId };
  }

  statuses(judge: Judgement): WorkerStatus[] {
    return [
      ...[...this.#members.values()].map((member) => statusOf(member, judge)),
      ...this.#aside
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
    throw new ShardmillError("SESSION_STALE", "this worker session is not known here: register again", {
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

/** A worker that never came back by then was taken away: a device is tried again each quarter of an hour. */
const FORGOTTEN_MS = 24 * 3_600_000;
/** Each is a worker's status, of a kilobyte: ten times the GPUs that fail at once. */
const MOST_ASIDE = 1_000;

interface Aside<T> {
  readonly worker: T;
  readonly reason: string;
  readonly sinceMs: number;
}

/** Workers that have left because their device is excluded, by name. Pure, as the registry. */
class WorkersAside<T> {
  /** The oldest first. */
  readonly #all = new Map<string, Aside<T>>();

  put(name: string, aside: Aside<T>): void {
    for (const [known, { sinceMs }] of this.#all)
      if (this.#all.size >= MOST_ASIDE || aside.sinceMs - sinceMs > FORGOTTEN_MS) this.#all.delete(known);
    this.#all.set(name, aside);
  }

  isBack(name: string): void {
    this.#all.delete(name);
  }

  at(nowMs: number): readonly Aside<T>[] {
    return [...this.#all.values()].filter(({ sinceMs }) => nowMs - sinceMs <= FORGOTTEN_MS);
  }
}
