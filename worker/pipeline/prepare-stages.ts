import { present } from "../../shared/core/assert.ts";
import type { Shard } from "../../shared/domain/shard.ts";
import type { StepBinding } from "../../shared/domain/step-binding.ts";
import type { StepJob } from "../../shared/domain/step-job.ts";
import type { JobDescription } from "../../shared/wire/job-description.ts";
import type { LearnedBatch } from "../batch/batch-sizer.ts";
import type { Lanes } from "../lanes/lanes.ts";
import type { BusyMeter } from "../meter/busy-meter.ts";
import { StageSteps } from "../steps/stage-steps.ts";
import { ModelStep } from "./model-step.ts";
import { type StartedModel, startModel } from "./start-model.ts";
import { stepThreadCount } from "./thread-counts.ts";

/** Lanes of a stage before the last one. */
export interface StageLanes {
  readonly lanes: Lanes & Disposable;
  /** Batch sizes that an earlier run learned. */
  readonly learned: LearnedBatch;
}

interface PrepareOptions {
  readonly job: Pick<JobDescription, "map" | "stages" | "stores">;
  readonly stages: readonly StageLanes[];
  readonly shardThreads: number;
  readonly cores: number;
  readonly ofJob?: StepJob;
  readonly scratchPath: string;
  readonly meter: BusyMeter;
  readonly onLearned: (learned: LearnedBatch, stage: number) => void;
}

/**
 * Pieces of a model at once: one is made into batches, and one ends. So its lanes never wait for the last
 * batch of a piece. One more waits for the next stage.
 */
const MODEL_PIECES = 2;

/** Steps in front of the last model, and the models among them. Each has threads or lanes of its own. */
export class PrepareStages implements AsyncDisposable {
  /** Consecutive steps of one kind, in order. */
  readonly steps: readonly StageSteps[];
  readonly #models: readonly StartedModel[];
  readonly #modelSteps: readonly ModelStep[];

  /** @param largestShard returns the rows of the largest shard so far */
  constructor(options: PrepareOptions, largestShard: () => number) {
    const { job, stages, shardThreads, cores, meter, onLearned } = options;
    const { stages: described = [] } = job;
    this.#models = described.map((stage, index) => {
      const { lanes, learned } = present(stages[index], "each stage has lanes");
      const ofStage = (news: LearnedBatch) => onLearned(news, index);
      return startModel(lanes, stage, { shardThreads, learned, largestShard, onLearned: ofStage });
    });
    this.#modelSteps = described.map((stage, index) => {
      const model = present(this.#models[index], "each stage has a model");
      return new ModelStep({ stage, model, meter });
    });
    this.steps = sectionsOf(job.map.prepare).map(({ steps, model }) => {
      const given = { ...options, stage: "prepare" as const, steps, stores: job.stores };
      if (model === null) return new StageSteps({ ...given, threads: stepThreadCount(cores, shardThreads) });
      const step = present(this.#modelSteps[model], "a step names a stage");
      return new StageSteps({ ...given, threads: MODEL_PIECES, open: () => step });
    });
  }

  /** Number of lanes of all stages. */
  get lanes(): number {
    return this.#models.reduce((sum, { lanes }) => sum + lanes.count, 0);
  }

  /**
   * Checks, after the last rows of a shard, that each model worked on at least one row.
   *
   * @throws {MODEL_FAILED} {MODEL_SHAPE} when a model failed on each row
   */
  checkSomeMapped(shard: Shard): void {
    for (const step of this.#modelSteps) step.checkSomeMapped(shard);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.steps.map((steps) => steps[Symbol.asyncDispose]()));
    for (const { lanes } of this.#models) lanes[Symbol.dispose]();
  }
}

interface Section {
  readonly steps: readonly StepBinding[];
  /** Index of the stage whose model is the only step. Null: the steps run in threads. */
  readonly model: number | null;
}

/** Splits steps at the models among them. */
function sectionsOf(steps: readonly StepBinding[]): readonly Section[] {
  const sections: { readonly steps: StepBinding[]; readonly model: number | null }[] = [];
  for (const step of steps) {
    const last = sections.at(-1);
    if (step.op.kind === "model") sections.push({ steps: [step], model: step.op.stage });
    else if (last === undefined || last.model !== null) sections.push({ steps: [step], model: null });
    else last.steps.push(step);
  }
  return sections;
}
