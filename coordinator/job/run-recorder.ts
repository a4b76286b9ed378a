import type { Clock } from "../../shared/core/clock.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { NO_TRACER, type Span, type Tracer } from "../../shared/core/tracer.ts";
import type { ExecutionId } from "../../shared/domain/execution-id.ts";
import type { JobId } from "../../shared/domain/job-id.ts";
import {
  type AttemptCounts,
  RUN_STEPS,
  type RunStep,
  type StepSeconds,
} from "../../shared/domain/job-metrics.ts";
import type { Meters } from "../insight/meters.ts";
import { RunTally } from "../insight/run-tally.ts";
import { type JobState, unhappyEnd } from "../schedule/state/job-state.ts";
import type { JournalRecord } from "../schedule/state/record.ts";
import type { ShellJournal, ShellWork } from "./job-shell.ts";

const LET_GO = { code: "INTERRUPTED", message: "this coordinator let go of the job" } as const;

/** What spans of both processes call the job by. */
const JOB_ID = "shardmill.job.id";

/**
 * Shards of a job whose first attempts are traced, evenly over the plan; later ones are in any case. More
 * would be shown by no tool, and hide what went wrong.
 */
const MOST_TRACED = 2_000;

/** Of `00-TRACE-SPAN-FLAGS`. */
const TRACE_ID_END = 36;

/** Takes down how long the steps of one job's run take, and what becomes of its attempts. */
export class RunRecorder {
  readonly #clock: Clock;
  readonly #meters: Meters;
  readonly #tally = new RunTally();
  /** Of a step that is repeated, all of it. */
  readonly #doneMs = new Map<RunStep, number>();
  readonly #sinceMs = new Map<RunStep, { readonly ms: number; readonly span: Span }>();
  readonly #tracer: Tracer;
  readonly #job: Span;
  #tracedEach = 1;
  /** The spans of the attempts whose partials are offered now, by execution. */
  readonly #attempts = new Map<string, string>();

  constructor(clock: Clock, meters: Meters, tracer: Tracer = NO_TRACER) {
    this.#clock = clock;
    this.#meters = meters;
    this.#tracer = tracer;
    this.#job = tracer.begin("job", "");
  }

  /** Which job it is, once that is known. */
  named({
    jobId,
    name,
    shards,
  }: {
    readonly jobId: JobId;
    readonly name: string;
    readonly shards: number;
  }): void {
    this.#job.note({ [JOB_ID]: jobId, "shardmill.job.name": name, "shardmill.job.shards": shards });
    this.#tracedEach = Math.ceil(shards / MOST_TRACED);
  }

  /** It has been opened, or cannot be; where it is published already, there is nothing more to tell. */
  async opened<Opened extends { readonly kind: "active" | "published" }>(
    opening: Promise<Opened>,
  ): Promise<Opened> {
    try {
      const opened = await opening;
      if (opened.kind !== "active") this.over();
      return opened;
    } catch (error) {
      this.over(error);
      throw error;
    }
  }

  /** It has ended, or could not begin. @param error why it failed; left out: it did not */
  over(error?: unknown): void {
    for (const step of [...this.#sinceMs.keys()]) this.end(step, error);
    this.#job.end(error);
  }

  /** It has ended, or this coordinator lets go of it. */
  ended(state: JobState): void {
    const { code, message } = unhappyEnd(state) ?? LET_GO;
    this.over(state.phase.kind === "published" ? undefined : new ShardmillError(code, message));
  }

  /** Within which span an attempt is. Of many shards not all are traced. @param attempt 1 for the first */
  traceparentOf(shard: number, attempt: number): string {
    const { traceparent } = this.#job;
    if (attempt > 1 || shard % this.#tracedEach === 0) return traceparent;
    return traceparent.replace(/-01$/, "-00");
  }

  /**
   * An attempt's partial is offered: its commit is within that attempt's span, if that is one of this run's.
   * What a coordinator before this one has granted is of another trace.
   */
  async offered<T>(executionId: ExecutionId, traceparent: string, offer: () => Promise<T>): Promise<T> {
    const isOfThisRun = traceparent.startsWith(this.#job.traceparent.slice(0, TRACE_ID_END));
    if (traceparent === "" || !isOfThisRun) return await offer();
    this.#attempts.set(executionId, traceparent);
    try {
      return await offer();
    } finally {
      this.#attempts.delete(executionId);
    }
  }

  async step<T>(step: RunStep, task: () => Promise<T>): Promise<T> {
    this.begin(step);
    try {
      const done = await task();
      this.end(step);
      return done;
    } catch (error) {
      this.end(step, error);
      throw error;
    }
  }

  /** A part of a step that goes on: parts may be beside each other. */
  async within<T>(step: RunStep, part: string, task: () => Promise<T>): Promise<T> {
    const parent = this.#sinceMs.get(step)?.span ?? this.#job;
    const span = this.#tracer.begin(part, parent.traceparent);
    try {
      const done = await task();
      span.end();
      return done;
    } catch (error) {
      span.end(error);
      throw error;
    }
  }

  begin(step: RunStep): void {
    const span = this.#tracer.begin(step, this.#job.traceparent);
    this.#sinceMs.set(step, { ms: this.#clock.nowMs(), span });
  }

  /** Does nothing where it has not begun, or has ended. */
  end(step: RunStep, error?: unknown): void {
    const since = this.#sinceMs.get(step);
    if (since === undefined) return;
    this.#sinceMs.delete(step);
    since.span.end(error);
    this.#doneMs.set(step, (this.#doneMs.get(step) ?? 0) + this.#clock.nowMs() - since.ms);
  }

  get attempts(): AttemptCounts {
    return this.#tally.read();
  }

  get seconds(): StepSeconds {
    const nowMs = this.#clock.nowMs();
    const known = RUN_STEPS.flatMap((step) => {
      const [done, sinceMs] = [this.#doneMs.get(step), this.#sinceMs.get(step)?.ms];
      if (done === undefined && sinceMs === undefined) return [];
      return [[step, ((done ?? 0) + (sinceMs === undefined ? 0 : nowMs - sinceMs)) / 1_000] as const];
    });
    return Object.fromEntries(known);
  }

  /** What a shell works with, looked at. */
  watched(journal: ShellJournal, work: ShellWork) {
    return { journal: this.#journal(journal), work: this.#work(work) };
  }

  #journal(journal: ShellJournal): ShellJournal {
    return {
      append: async (record: JournalRecord, options) => {
        this.#tally.add(record);
        const beganMs = this.#clock.nowMs();
        await journal.append(record, options);
        if (options.durable) this.#meters.journalAppend.addMs(this.#clock.nowMs() - beganMs);
      },
      eventAppended: () => journal.eventAppended(),
    };
  }

  /** What comes after the last shard ends the step before it. */
  #work(work: ShellWork): ShellWork {
    return {
      verify: async (partial) => {
        const beganMs = this.#clock.nowMs();
        const attempt = this.#attempts.get(partial.executionId) ?? this.traceparentOf(partial.shard, 1);
        const span = this.#tracer.begin("commit", attempt, { "shardmill.shard": partial.shard });
        try {
          await work.verify(partial);
          span.end();
        } catch (error) {
          span.end(error);
          throw error;
        } finally {
          this.#meters.partialCheck.addMs(this.#clock.nowMs() - beganMs);
        }
      },
      discard: (partial) => work.discard(partial),
      whyLost: () => work.whyLost(),
      reduce: () => {
        this.end("map");
        return this.step("reduce", () => work.reduce());
      },
      publish: (outputDigest) => {
        this.end("map");
        return this.step("publish", () => work.publish(outputDigest));
      },
    };
  }
}
