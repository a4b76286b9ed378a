import type { RecordBatch, Schema } from "apache-arrow";
import { NEVER } from "../../shared/core/abort.ts";
import { present } from "../../shared/core/assert.ts";
import { errorToData, isShardmillError, messageOf } from "../../shared/core/errors.ts";
import type { Lease, LeaseSlice } from "../../shared/domain/job.ts";
import { placeOfRow } from "../../shared/domain/row-place.ts";
import { type ShardId, shardId } from "../../shared/domain/shard.ts";
import type { StepBinding } from "../../shared/domain/step-binding.ts";
import type { PreviewFormat } from "../../shared/extension/feature-viewer.ts";
import type { Step, StepResult } from "../../shared/steps/step.ts";
import type { JobDescription } from "../../shared/wire/job-description.ts";
import { plainLanes } from "../../worker/accuracy/open-cpu-stage.ts";
import type { ShardResult } from "../../worker/collect/collector.ts";
import { finishRows } from "../../worker/finish/finish-rows.ts";
import type { Lanes } from "../../worker/lanes/lanes.ts";
import { BusyMeter } from "../../worker/meter/busy-meter.ts";
import { mapShard } from "../../worker/pipeline/map-shard.ts";
import { ModelStep } from "../../worker/pipeline/model-step.ts";
import type { ShardRows } from "../../worker/read/shard-input.ts";
import type { UnreadableRows } from "../../worker/read/unreadable-rows.ts";
import { StageSteps } from "../../worker/steps/stage-steps.ts";
import { type OnStep, StepChain } from "../../worker/steps/step-chain.ts";
import type { RowFate, RowTrace, StepTrace } from "./row-trace.ts";
import { shownRows } from "./shown-value.ts";
import { StepWatch } from "./step-watch.ts";
import { WatchedLanes } from "./watched-lanes.ts";

interface RowTracerOptions {
  /** Job whose step files have local paths. */
  readonly job: JobDescription;
  /** Null: the job has no model. */
  readonly lanes: Lanes | null;
  /** Lanes of each stage before the last one. */
  readonly stages: readonly Lanes[];
  readonly scratchPath: string;
  readonly preview: PreviewFormat | null;
}

/** Place of a row. */
interface RowPlace {
  /** Schema of the file. */
  readonly schema: Schema;
  /** Rows that could not be read. */
  readonly unreadable: UnreadableRows;
  readonly row: number;
  readonly place: LeaseSlice;
}

/** Rows of a batch when the model takes any number. They are mostly the parts of one row. */
const BATCH_ROWS = 256;
/** Shard id of every row, because each is a shard of its own. */
const ONLY: ShardId = shardId(0);

/**
 * Pipeline of a job for one row at a time, with observers at the steps and lanes. Each row is a shard of its
 * own, so a failure affects no other row.
 */
export class RowTracer implements AsyncDisposable {
  readonly #job: JobDescription;
  readonly #lanes: WatchedLanes | null;
  readonly #stages: readonly Lanes[];
  readonly #watch: StepWatch;
  readonly #prepare: StageSteps | null;
  readonly #finish: StageSteps | null;
  readonly #meter = new BusyMeter(() => 0);

  constructor({ job, lanes, stages, scratchPath, preview }: RowTracerOptions) {
    this.#job = job;
    this.#lanes = lanes === null ? null : new WatchedLanes(lanes);
    this.#watch = new StepWatch(preview, job.stores, NEVER);
    this.#stages = stages;
    const steps = (stage: "prepare" | "finish") =>
      job.map[stage].length === 0 ? null : this.#open(stage, scratchPath);
    this.#prepare = steps("prepare");
    this.#finish = steps("finish");
  }

  /** @param batch batch of the single row, whose memory is released */
  async trace(batch: RecordBatch, { schema, unreadable, row, place }: RowPlace): Promise<RowTrace> {
    const read = shownRows(batch, this.#job.map.columns);
    const lease = { shard: { id: ONLY, rowStart: 0, rowEnd: 1 }, slices: [place] };
    let prepare: readonly StepTrace[] = [];
    let fate: RowFate;
    try {
      const mapped = await this.#map({ schema, unreadable, read: () => asAsync(batch) }, lease);
      prepare = this.#watch.takeSteps();
      const steps = this.#finish;
      const result = steps === null ? mapped : await finishRows(mapped, { steps, lease, signal: NEVER });
      fate = fateOf(result);
    } catch (error) {
      if (prepare.length === 0) prepare = this.#watch.takeSteps();
      fate = failure(error);
    }
    const finish = this.#watch.takeSteps();
    const { file, row: fileRow } = placeOfRow(place.file, place.rowStart);
    const runs = this.#lanes?.takeRuns() ?? [];
    const by = dropperIn([...prepare, ...finish]);
    if (fate.kind === "filtered") fate = { kind: "filtered", by };
    return { row, file, fileRow, read, prepare, runs, finish, fate };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#prepare?.[Symbol.asyncDispose](), this.#finish?.[Symbol.asyncDispose]()]);
    await this.#watch[Symbol.asyncDispose]();
  }

  #open(stage: "prepare" | "finish", scratchPath: string): StageSteps {
    const { stores } = this.#job;
    return new StageSteps({
      stage,
      steps: this.#job.map[stage],
      threads: 1,
      shardThreads: 1,
      scratchPath,
      stores,
      meter: this.#meter,
      open: (steps) => {
        const onStep: OnStep = (binding, given, made) => this.#watch.note(binding, given, made);
        const openModel = async (stage: number) => this.#modelOf(stage);
        return new WatchedSteps(steps, { scratchPath, stores, onStep, openModel });
      },
    });
  }

  #modelOf(index: number): Step {
    const stage = present(this.#job.stages?.[index], "a step names a stage");
    const lanes = present(this.#stages[index], "each stage has lanes");
    const model = plainLanes(lanes, stage.map, BATCH_ROWS);
    return new ModelStep({ stage, model, meter: this.#meter });
  }

  #map(input: ShardRows, lease: Pick<Lease, "shard" | "slices">) {
    const lanes = this.#lanes;
    return mapShard({
      job: this.#job,
      lease,
      input,
      steps: this.#prepare === null ? [] : [this.#prepare],
      model: lanes === null ? null : plainLanes(lanes, this.#job.map, BATCH_ROWS),
      meter: this.#meter,
      signal: NEVER,
      turn: async () => {},
      onRead: () => {},
      onProgress: () => {},
    });
  }
}

/** Observed steps of a stage in this thread. */
class WatchedSteps implements Step {
  readonly #chain: Promise<StepChain>;

  constructor(steps: readonly StepBinding[], options: Parameters<typeof StepChain.open>[1]) {
    this.#chain = StepChain.open(steps, options);
    // An error of opening is thrown for the first rows.
    this.#chain.catch(() => {});
  }

  async run(batch: RecordBatch, signal: AbortSignal): Promise<StepResult> {
    const { batch: made, ...rest } = await (await this.#chain).run(batch, signal);
    return { made, ...rest };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (await this.#chain.catch(() => null))?.[Symbol.asyncDispose]();
  }
}

async function* asAsync(batch: RecordBatch): AsyncGenerator<RecordBatch, void, undefined> {
  yield batch;
}

function fateOf({ firstDeadLetter, rows }: ShardResult): RowFate {
  if (firstDeadLetter !== null) {
    const { stage, code, message } = firstDeadLetter;
    return { kind: "deadLetter", stage, code, message };
  }
  return rows.numRows === 0 ? { kind: "filtered", by: "" } : { kind: "published", rows: shownRows(rows) };
}

/** Returns the step that dropped a row. */
function dropperIn(steps: readonly StepTrace[]): string {
  return steps.find(({ made }) => made.rows === 0)?.where ?? "a step";
}

/**
 * Returns the outcome of an error. A model error on the only row looks like a failed job. In a job with other
 * rows it is a dead letter.
 */
function failure(error: unknown): RowFate {
  const isModels = isShardmillError(error, "MODEL_FAILED") || isShardmillError(error, "MODEL_SHAPE");
  const ofRow = isModels && error.fields.rowsFailed !== undefined;
  if (!ofRow) return { kind: "failed", error: errorToData(error) };
  return { kind: "deadLetter", stage: "infer", code: "ROW_FAILED", message: messageOf(error.cause) };
}
