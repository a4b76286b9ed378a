import { setMaxListeners } from "node:events";
import type { RecordBatch } from "apache-arrow";
import { isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import type { Shard } from "../../shared/domain/shard.ts";
import type { Step, StepResult } from "../../shared/steps/step.ts";
import type { ModelStage } from "../../shared/wire/job-description.ts";
import { BatchRunner } from "../batch/batch-runner.ts";
import { PieceOutputs } from "../collect/piece-outputs.ts";
import type { BusyMeter } from "../meter/busy-meter.ts";
import { InputChunk } from "../tensorize/input-chunk.ts";
import { cutForModel, type ModelLanes, runBatches } from "./run-batches.ts";

interface ModelStepOptions {
  readonly stage: Pick<ModelStage, "name" | "map">;
  readonly model: ModelLanes;
  readonly meter: BusyMeter;
}

/**
 * Model of a stage before the last one, as a step. Each row gives one row with the model's outputs, or a
 * failure. Batches are of one record batch.
 */
export class ModelStep implements Step {
  readonly #options: ModelStepOptions;
  /** Runners by shard. A model that fails on each row of a shard is at fault, not the rows. */
  readonly #runners = new WeakMap<Shard, BatchRunner>();

  constructor(options: ModelStepOptions) {
    this.#options = options;
  }

  /** Runs rows of no shard. */
  run(batch: RecordBatch, signal: AbortSignal): Promise<StepResult> {
    return this.#run(batch, this.#newRunner(signal), signal);
  }

  ofShard(shard: Shard): Pick<Step, "run"> {
    return {
      run: (batch, signal) => {
        const runner = this.#runners.get(shard) ?? this.#newRunner(signal);
        this.#runners.set(shard, runner);
        return this.#run(batch, runner, signal);
      },
    };
  }

  /**
   * Checks, after the last rows of a shard, that the model worked on at least one of them.
   *
   * @throws {MODEL_FAILED} {MODEL_SHAPE} when it failed on each row
   */
  checkSomeMapped(shard: Shard): void {
    try {
      this.#runners.get(shard)?.checkSomeMapped();
    } catch (error) {
      throw this.#named(error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #newRunner(signal: AbortSignal): BatchRunner {
    const { stage, model, meter } = this.#options;
    // Each batch at the lanes listens. Node warns of a leak above ten listeners.
    setMaxListeners(0, signal);
    return new BatchRunner({ ...model, map: stage.map, meter, signal });
  }

  async #run(batch: RecordBatch, runner: BatchRunner, signal: AbortSignal): Promise<StepResult> {
    const { stage, model, meter } = this.#options;
    const { name, map } = stage;
    const chunk = meter.time("tensorize", () => new InputChunk(batch, 0, map.inputs));
    const outputs = new PieceOutputs(map, chunk);
    const batches = cutForModel(() => only(chunk), { map, ...model, onRead: () => {} });
    const atLanes = { runner, inFlight: model.inFlight, meter, stop: new AbortController(), signal };
    try {
      await runBatches(batches, atLanes, (outcomes) => outputs.collect(outcomes));
    } catch (error) {
      signal.throwIfAborted();
      throw this.#named(error);
    }
    const { failed = [], ...made } = outputs.finish();
    return { ...made, failed: failed.map((row) => ({ ...row, message: `stage ${name}: ${row.message}` })) };
  }

  /** Adds the name of the stage to an error of its model. */
  #named(error: unknown): unknown {
    const isModels = MODEL_CODES.some((code) => isShardmillError(error, code));
    if (!isModels || !isShardmillError(error)) return error;
    const { name } = this.#options.stage;
    const { fields, problems, hint } = error;
    return new ShardmillError(error.code, `stage ${name}: ${error.message}`, {
      ...{ fields: { ...fields, stage: name }, problems, cause: error.cause ?? error },
      ...(hint === undefined ? {} : { hint }),
    });
  }
}

const MODEL_CODES = ["MODEL_FAILED", "MODEL_SHAPE", "OUT_OF_MEMORY"] as const;

async function* only(chunk: InputChunk): AsyncGenerator<InputChunk, void, undefined> {
  yield chunk;
}
