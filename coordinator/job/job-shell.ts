import { type Deferred, deferred } from "../../shared/core/abort.ts";
import { assertNever } from "../../shared/core/assert.ts";
import type { Clock } from "../../shared/core/clock.ts";
import { asDigest, type Digest } from "../../shared/core/digest.ts";
import {
  errorToData,
  isShardmillError,
  messageOf,
  type ShardmillError,
  toShardmillError,
} from "../../shared/core/errors.ts";
import { type PartialManifest, partialFolder } from "../../shared/domain/partial.ts";
import { shardId } from "../../shared/domain/shard.ts";
import type { WorkerSession } from "../../shared/domain/worker.ts";
import { applyEvent } from "../schedule/events/apply.ts";
import type { JobEffect, OfferOutcome } from "../schedule/state/effect.ts";
import type { JobEvent } from "../schedule/state/event.ts";
import type { JobState } from "../schedule/state/job-state.ts";
import type { FailureReason, JournalRecord } from "../schedule/state/record.ts";
import type { Wake } from "./wake.ts";

/**
 * Side effects that the shell performs for the core. Injected, so that a simulator can fail, delay and crash
 * them.
 */
export interface ShellWork {
  /**
   * @throws {PARTIAL_INVALID} when the partial is missing, incomplete or not durable
   * @throws {OUTPUT_FAILED} when its storage cannot be reached: the job ends, and another run resumes it
   */
  verify(partial: PartialManifest): Promise<void>;
  discard(partial: PartialManifest): Promise<void>;
  /**
   * Reduces and stages the output. Returns the digest of the staged output.
   *
   * @throws {PARTIAL_INVALID} names the shard
   */
  reduce(): Promise<Digest>;
  publish(outputDigest: Digest): Promise<void>;
  /** Returns the error of a job that another coordinator has taken over. Null when no takeover is visible. */
  whyLost(): Promise<ShardmillError | null>;
}

export interface ShellJournal {
  append(record: JournalRecord, options: { readonly durable: boolean }): Promise<void>;
  /** Notes that all records of an event are appended, and that the state includes them. */
  eventAppended(): void;
}

export type JobEnd = Extract<JobEffect, { kind: "jobEnded" }>;
export type ExclusionNotice = Extract<JobEffect, { kind: "exclusion" }>;
type Answer = Extract<JobEffect, { kind: "grant" | "noLease" | "heartbeatReply" | "done" | "refuse" }>;

interface JobShellOptions {
  readonly state: JobState;
  readonly journal: ShellJournal;
  readonly clock: Clock;
  readonly work: ShellWork;
  /** Called when shards or slots became available. Waiting lease requests may be retried. */
  readonly onWake: (wake: Wake | "all") => void;
  /** Called when a worker is excluded or trusted again. */
  readonly onExclusion?: (notice: ExclusionNotice) => void;
  /** Called after the core has applied an event, to record the run's history. */
  readonly onApplied?: (event: JobEvent, effects: readonly JobEffect[]) => void;
}

/**
 * A thin shell around the pure core. Applies an event, then runs its effects in order.
 *
 * Law `record-before-answer`: records reach the journal in the order in which the core changed its state. A
 * reply may rest on records of earlier events. So no reply leaves before all durable records up to its own
 * event are on disk. If the journal cannot be written, everything stops and `ended` rejects.
 */
export class JobShell {
  readonly state: JobState;
  /**
   * Resolves when the job ends. Rejects when this coordinator can no longer continue, for example with
   * JOURNAL_FAILED.
   */
  readonly ended: Promise<JobEnd>;
  readonly #options: JobShellOptions;
  readonly #ended = deferred<JobEnd>();
  readonly #offers = new Map<string, Deferred<OfferOutcome>>();
  readonly #running = new Set<Promise<void>>();
  /** Newest durable append. The journal writes in order, so all earlier ones are on disk when this one is. */
  #lastDurable: Promise<void> = Promise.resolve();
  #broken = false;

  constructor(options: JobShellOptions) {
    this.#options = options;
    this.state = options.state;
    this.ended = this.#ended.promise;
    this.ended.catch(() => {});
  }

  /**
   * Applies an event. Resolves with the core's reply, once everything that must precede the reply is done.
   */
  async dispatch(event: JobEvent): Promise<Answer | null> {
    if (this.#broken)
      throw await this.ended.then(() => new Error("broken invariant: ended"), toShardmillError);
    const effects = applyEvent(this.state, this.#options.clock.nowMs(), event);
    this.#options.onApplied?.(event, effects);
    return this.perform(effects);
  }

  async perform(effects: readonly JobEffect[]): Promise<Answer | null> {
    for (const effect of effects) {
      if (effect.kind !== "append") continue;
      const written = this.#options.journal.append(effect.record, { durable: effect.durable });
      written.catch((error: unknown) => this.breakDown(error));
      if (effect.durable) this.#lastDurable = written;
    }
    this.#options.journal.eventAppended();
    await this.#lastDurable;
    let answer: Answer | null = null;
    for (const effect of effects) answer = this.#run(effect) ?? answer;
    return answer;
  }

  /**
   * Offers a finished partial. Resolves once the partial is committed durably or refused. A repeated offer
   * shares the reply.
   */
  async offer(worker: WorkerSession, partial: PartialManifest): Promise<OfferOutcome> {
    const key = partialFolder(partial);
    const known = this.#offers.get(key);
    if (known !== undefined) return known.promise;
    const offer = deferred<OfferOutcome>();
    offer.promise.catch(() => {});
    this.#offers.set(key, offer);
    const answer = await this.dispatch({ kind: "partialOffered", worker, partial });
    if (answer?.kind === "refuse") this.#resolveOffer(key, { kind: "refused", reason: answer.reason });
    return offer.promise;
  }

  /**
   * Stops everything, because this coordinator can no longer keep its guarantees. Acknowledges nothing more.
   */
  breakDown(error: unknown): void {
    if (this.#broken) return;
    this.#broken = true;
    this.#ended.reject(toShardmillError(error));
    for (const offer of this.#offers.values()) offer.reject(toShardmillError(error));
    this.#offers.clear();
    this.#options.onWake("all");
  }

  /** Resolves once all work that effects have started is finished. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled([...this.#running]);
  }

  #run(effect: JobEffect): Answer | null {
    const { work } = this.#options;
    switch (effect.kind) {
      case "append":
        return null;
      case "grant":
      case "noLease":
      case "heartbeatReply":
      case "done":
      case "refuse":
        return effect;
      case "settleOffer":
        this.#resolveOffer(partialFolder(effect), effect.outcome);
        return null;
      case "verify":
        this.#start(() => this.#verify(effect.partial));
        return null;
      case "discard":
        this.#start(() => work.discard(effect.partial));
        return null;
      case "wake":
        this.#options.onWake(effect);
        return null;
      case "exclusion":
        this.#options.onExclusion?.(effect);
        return null;
      case "startReduce":
        this.#start(() => this.#reduce());
        return null;
      case "publish":
        this.#start(() => this.#publish(effect.outputDigest));
        return null;
      case "jobEnded":
        this.#end(effect);
        return null;
      default:
        return assertNever(effect);
    }
  }

  #start(task: () => Promise<void>): void {
    const running = task().catch((error: unknown) => this.breakDown(error));
    this.#running.add(running);
    running.finally(() => this.#running.delete(running)).catch(() => {});
  }

  async #verify(partial: PartialManifest): Promise<void> {
    const { shard, token, executionId } = partial;
    const rejected = await this.#options.work.verify(partial).then(
      () => null,
      (error: unknown) => failureOf(error),
    );
    if (rejected?.code === "OUTPUT_FAILED") return await this.#breakJob(rejected);
    await this.dispatch(
      rejected === null
        ? { kind: "partialStored", shard, token, executionId }
        : { kind: "partialRejected", shard, token, executionId, reason: rejected },
    );
  }

  async #reduce(): Promise<void> {
    try {
      const outputDigest = await this.#options.work.reduce();
      await this.dispatch({ kind: "reduced", outputDigest });
    } catch (error) {
      const damage = damageOf(error);
      if (damage === null) await this.#breakJob(failureOf(error));
      else await this.dispatch(damage);
    }
  }

  async #publish(outputDigest: Digest): Promise<void> {
    try {
      await this.#options.work.publish(outputDigest);
    } catch (error) {
      return await this.#breakJob(failureOf(error));
    }
    await this.dispatch({ kind: "publishDone", outputDigest });
  }

  /** Fails the job, unless another coordinator has taken it over: files that it removed are no failure. */
  async #breakJob(reason: FailureReason): Promise<void> {
    const lost = await this.#options.work.whyLost();
    if (lost !== null) this.breakDown(lost);
    else await this.dispatch({ kind: "jobBroken", reason });
  }

  #resolveOffer(key: string, outcome: OfferOutcome): void {
    this.#offers.get(key)?.resolve(outcome);
    this.#offers.delete(key);
  }

  #end(end: JobEnd): void {
    this.#ended.resolve(end);
    const reason: FailureReason = { code: "JOB_ENDED", message: `the job is ${end.phase}`, fields: {} };
    for (const key of [...this.#offers.keys()]) this.#resolveOffer(key, { kind: "refused", reason });
    this.#options.onWake("all");
  }
}

function failureOf(error: unknown): FailureReason {
  const { problems: _problems, ...reason } = errorToData(error);
  return reason;
}

/**
 * Returns the event that revokes the commit of a partial that was found damaged while reducing. Null for
 * other errors.
 */
function damageOf(error: unknown): JobEvent | null {
  if (!isShardmillError(error, "PARTIAL_INVALID")) return null;
  const { shard, digest } = error.fields;
  if (typeof shard !== "number" || typeof digest !== "string") return null;
  return {
    kind: "partialDamaged",
    shard: shardId(shard),
    digest: asDigest(digest),
    reason: messageOf(error),
  };
}
