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

const LET_GO = { code: "INTERRUPTED", message: "this coordinator released the job" } as const;

/** Span attribute with the job id, used by coordinator and workers. */
const JOB_ID = "shardmill.job.id";

/**
 * Most shards whose first attempts are traced, spread evenly over the plan. Later attempts are always traced.
 * More spans would exceed what trace viewers show, and hide failures.
 */
const MOST_TRACED = 2_000;

/** End of the trace id in `00-TRACE-SPAN-FLAGS`. */
const TRACE_ID_END = 36;

/** Records how long the steps of one job's run take, and how its attempts end. */
export class RunRecorder {
  readonly #clock: Clock;
  readonly #meters: Meters;
  readonly #tally = new RunTally();
  /** Total time of a step, also when it is repeated. */
  readonly #doneMs = new Map<RunStep, number>();
  readonly #sinceMs = new Map<RunStep, { readonly ms: number; readonly span: Span }>();
  readonly #tracer: Tracer;
  readonly #job: Span;
  #tracedEach = 1;
  /** Spans of the attempts whose partials are being offered, by execution id. */
  readonly #attempts = new Map<string, string>();

  constructor(clock: Clock, meters: Meters, tracer: Tracer = NO_TRACER) {
    this.#clock = clock;
    this.#meters = meters;
    this.#tracer = tracer;
    this.#job = tracer.begin("job", "");
  }

  /** Adds the job's id, name and size to its span, once they are known. */
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

  /** Awaits the opening of a job. Ends the span when the job is already published, or cannot be opened. */
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

  /** Ends the run's spans. @param error why the job failed or could not start. Default: no failure. */
  over(error?: unknown): void {
    for (const step of [...this.#sinceMs.keys()]) this.end(step, error);
    this.#job.end(error);
  }

  /** Ends the run's spans when the job has ended or this coordinator releases it. */
  ended(state: JobState): void {
    const { code, message } = unhappyEnd(state) ?? LET_GO;
    this.over(state.phase.kind === "published" ? undefined : new ShardmillError(code, message));
  }

  /**
   * Returns the parent span of an attempt. Large jobs trace a sample of their shards.
   *
   * @param attempt 1 for the first
   */
  traceparentOf(shard: number, attempt: number): string {
    const { traceparent } = this.#job;
    if (attempt > 1 || shard % this.#tracedEach === 0) return traceparent;
    return traceparent.replace(/-01$/, "-00");
  }

  /**
   * Runs an offer so that the commit's span is a child of the attempt's span. Spans that an earlier
   * coordinator granted are of another trace, and are ignored.
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

  /** Traces a part of a running step. Parts may run concurrently. */
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

  /** Ends a step. Does nothing when the step has not begun, or has ended. */
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

  /** Wraps a shell's journal and work, to measure both. */
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

  /** Wraps a shell's work. Reducing or publishing ends the map step. */
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
