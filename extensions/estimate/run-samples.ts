import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { deferred, NEVER, sleep } from "../../shared/core/abort.ts";
import { present } from "../../shared/core/assert.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { compiledUrl } from "../../shared/core/package-root.ts";
import { ProcessLink } from "../../shared/core/remote/process-link.ts";
import { endText, Remote } from "../../shared/core/remote/remote.ts";
import { rowShapeOf } from "../../shared/domain/row-shape.ts";
import type { ProcessLayout } from "../../worker/process/start-process.ts";
import { forkPipeline } from "../pipeline/pipelines.ts";
import { type Rate, rateOf, rateOfWhole } from "./rate.ts";
import type { Mark, NewMarks, SampleMethods, SampleResult, SampleTask } from "./sample-protocol.ts";

export interface SampleRun {
  /** Marks since the start of the process. */
  readonly marks: readonly Mark[];
  /** Index of the first mark at full speed. */
  readonly warmFrom: number;
  /** Rate of the marks at full speed. */
  readonly rate: Rate;
  readonly result: SampleResult;
}

interface RunSamplesOptions {
  /**
   * Layouts of the workers that a run would start here. They share the machine's cores and disks in the same
   * way.
   */
  readonly processes: readonly ProcessLayout[];
  readonly task: Omit<SampleTask, "index" | "startedWallMs" | "worker" | "scratchPath">;
  readonly scratchPath: string;
  /** Limit of the measurement after all are at full speed. */
  readonly budgetMs: number;
}

/** Approximate time to compile code and find the batch size. */
const WARM_UP_MS = 1_000;
/** Least duration of a measurement. A shorter one would depend too much on chance. */
const LEAST_MS = 2_000;
/** Relative error at which a measurement stops. Two runs differ by more than this. */
const ERROR = 0.005;
/** Time limit for most models to load and give first rows, before the budget starts. */
const PATIENCE_MS = 120_000;
/** Number of budgets to wait for a whole shard of uneven rows. After that, a part of one counts. */
const WHOLE_SHARD_BUDGETS = 3;
const LOOK_MS = 100;
/** Time within which a shard's end is reported and noticed. */
const WARM_SEEN_MS = 3 * LOOK_MS;

/**
 * Runs all samples concurrently until their full speed is known.
 *
 * @returns null when the model gives too few rows in minutes
 * @throws the errors of a run over these rows
 */
export async function runSamples(options: RunSamplesOptions): Promise<SampleRun[] | null> {
  const samples = options.processes.map((layout, index) => new SampleProcess(options, layout, index));
  try {
    for (const sample of samples) await sample.start();
    const failed = Promise.race(samples.map((sample) => sample.failed));
    failed.catch(() => {});
    const rates = await Promise.race([failed, untilKnown(samples, options.budgetMs)]);
    if (rates === null) return null;
    const runs = Promise.all(
      samples.map((sample, index) => sample.stop(present(rates[index], "each has a rate"))),
    );
    return await Promise.race([failed, runs]);
  } finally {
    await Promise.all(samples.map((sample) => sample.kill()));
  }
}

/**
 * Returns the rate of each sample, or null when they are too slow. Full speed counts from the moment when the
 * last sample reaches it. Before that, the others had more than their share of the machine.
 */
async function untilKnown(samples: readonly SampleProcess[], budgetMs: number): Promise<Rate[] | null> {
  const startedMs = performance.now();
  let warmMs: number | null = null;
  while (performance.now() - startedMs < PATIENCE_MS + budgetMs) {
    await sleep(LOOK_MS, NEVER);
    if (warmMs === null && samples.every((sample) => sample.isWarm(budgetMs))) {
      warmMs = performance.now();
      for (const sample of samples) sample.beginMeasuring();
    }
    if (warmMs === null) continue;
    const overMs = performance.now() - warmMs;
    const onlyWhole = overMs < WHOLE_SHARD_BUDGETS * budgetMs;
    const rates = samples.flatMap((sample) => sample.rate(onlyWhole) ?? []);
    if (rates.length < samples.length) continue;
    const good = rates.every(({ error }) => error < ERROR) && overMs >= LEAST_MS;
    if (good || overMs >= budgetMs) return rates;
  }
  return null;
}

class SampleProcess {
  /** Promise that never resolves. It rejects when the process fails or exits too early. */
  readonly failed: Promise<never>;
  readonly #options: RunSamplesOptions;
  readonly #layout: ProcessLayout;
  readonly #index: number;
  readonly #failed = deferred<never>();
  readonly #stop = new AbortController();
  readonly #isUneven: boolean;
  readonly #marks: Mark[] = [];
  /** Indices of the marks at which a shard ended. */
  readonly #shardEnds: number[] = [];
  #warmFrom = 0;
  #remote: Remote<SampleMethods> | null = null;
  #result: Promise<SampleResult> | null = null;

  constructor(options: RunSamplesOptions, layout: ProcessLayout, index: number) {
    this.#options = options;
    this.#layout = layout;
    this.#index = index;
    this.#isUneven = rowShapeOf(options.task.job.map) !== "even";
    this.failed = this.#failed.promise;
    this.failed.catch(() => {});
  }

  async start(): Promise<void> {
    const scratchPath = join(this.#options.scratchPath, `sample-${this.#index}`);
    await mkdir(scratchPath, { recursive: true });
    const { options: worker } = this.#layout;
    const task: SampleTask = {
      ...this.#options.task,
      index: this.#index,
      startedWallMs: Date.now(),
      worker,
      scratchPath,
    };
    const script = compiledUrl("extensions/estimate/sample-process.ts");
    const child = forkPipeline(script, this.#layout, ["ignore", "ignore", "inherit", "ipc"]);
    this.#remote = new Remote<SampleMethods>(new ProcessLink(child), {
      lost: (end) => new ShardmillError("INTERNAL", `a sample process ended: ${endText(end)}`),
    });
    this.#result = this.#remote.call("run", task, {
      onEvent: (marks) => this.#add(marks),
      onAbort: "wait",
      signal: this.#stop.signal,
    });
    this.#result.catch((error: unknown) => this.#failed.reject(error));
  }

  /** Returns true when a shard has ended, or would take longer than the budget. */
  isWarm(budgetMs: number): boolean {
    const [first, last] = [this.#marks[0], this.#marks.at(-1)];
    if (first === undefined || last === undefined) return false;
    const sinceMs = last[0] - first[0];
    return sinceMs >= WARM_UP_MS && (this.#shardEnds.length > 0 || sinceMs >= budgetMs);
  }

  beginMeasuring(): void {
    this.#warmFrom = Math.max(0, this.#marks.length - 1);
  }

  /** Returns the rate at full speed. Null: not known yet. Uneven rows need whole shards. */
  rate(onlyWhole: boolean): Rate | null {
    const whole = this.#isUneven ? rateOfWhole(this.#wholeShards()) : null;
    return whole ?? (this.#isUneven && onlyWhole ? null : rateOf(this.#marks.slice(this.#warmFrom)));
  }

  /**
   * Returns the marks from the first shard's end at full speed to the last. That first end often triggered
   * the full speed, a few polls earlier.
   */
  #wholeShards(): readonly Mark[] {
    const sinceMs = (this.#marks[this.#warmFrom]?.[0] ?? 0) - WARM_SEEN_MS;
    const from = this.#shardEnds.find((end) => (this.#marks[end]?.[0] ?? 0) >= sinceMs);
    return from === undefined ? [] : this.#marks.slice(from, (this.#shardEnds.at(-1) ?? from) + 1);
  }

  async stop(rate: Rate): Promise<SampleRun> {
    this.#stop.abort(new ShardmillError("INTERRUPTED", "the sample is long enough"));
    const result = await present(this.#result, "the process was started");
    return { marks: this.#marks, warmFrom: this.#warmFrom, rate, result };
  }

  /** Resolves when the process writes nothing more. */
  async kill(): Promise<void> {
    await this.#remote?.[Symbol.asyncDispose]();
  }

  #add({ marks, shardEnds }: NewMarks): void {
    this.#shardEnds.push(...shardEnds.map((end) => this.#marks.length + end));
    this.#marks.push(...marks);
  }
}
