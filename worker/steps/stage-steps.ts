import type { RecordBatch, Schema } from "apache-arrow";
import { gather } from "../../shared/dataset/gather.ts";
import { recordBatchOf } from "../../shared/dataset/record-batch.ts";
import { mostSoundBytes } from "../../shared/domain/sound-op.ts";
import {
  joinSteps,
  madeColumns,
  type StepBinding,
  type StepColumns,
} from "../../shared/domain/step-binding.ts";
import { dtypeBytes } from "../../shared/domain/tensor.ts";
import { applyStep, type SteppedRows } from "../../shared/steps/apply-step.ts";
import type { Step } from "../../shared/steps/step.ts";
import type { BusyMeter } from "../meter/busy-meter.ts";
import { StepThreads } from "./step-threads.ts";

/**
 * What steps should make of a record batch at most, where its columns tell. A row that is the name of a file
 * may become a megabyte of pixels, and there are thousands of names in a record batch. With more, the threads
 * of a stage would hold gigabytes; with less, handing it over would be felt.
 */
const MADE_BYTES = 16 << 20;

/**
 * Neither the bytes of a sound nor its name tell how long it is, so as many go together as the longest ones
 * may: two of an hour at 16 kHz, which is a gigabyte with what is on its way. One by one they cost seven
 * milliseconds more each; above sixteen nothing is won.
 */
const SOUNDS_BYTES = 512 << 20;
const MOST_SOUNDS = 16;

interface StageStepsOptions {
  readonly stage: "prepare" | "finish";
  /** At least one. */
  readonly steps: readonly StepBinding[];
  readonly threads: number;
  readonly scratchPath: string;
  readonly meter: Pick<BusyMeter, "add">;
  /** Opens what runs the steps. Left out: threads of their own. */
  readonly open?: (steps: readonly StepBinding[]) => Step;
}

/**
 * The steps of a stage: its threads are given what the steps read and give back what they make, and all other
 * columns are put beside that here.
 */
export class StageSteps implements AsyncDisposable {
  /** Record batches that keep all threads busy: whichever is done first finds another. */
  readonly atOnce: number;
  /** Rows of a record batch that the steps make no more than about `MADE_BYTES` of. */
  readonly mostRows: number;
  readonly #columns: StepColumns;
  readonly #step: Step;
  readonly #schemas = new Map<string, Promise<Schema>>();

  constructor({ stage, steps, threads, scratchPath, meter, open }: StageStepsOptions) {
    const joined = joinSteps(`map.${stage}`, steps);
    this.atOnce = threads + 1;
    const sounds = joined.steps.flatMap(({ op }) => (op.kind === "sound" ? [mostSoundBytes(op)] : []));
    this.mostRows =
      sounds.length > 0
        ? Math.max(1, Math.min(MOST_SOUNDS, Math.floor(SOUNDS_BYTES / Math.max(...sounds))))
        : Math.max(1, Math.floor(MADE_BYTES / Math.max(1, madeRowBytes(joined.columns))));
    this.#columns = joined.columns;
    const onBusy = (ms: number) => meter.add(stage, ms);
    this.#step =
      open?.(joined.steps) ?? new StepThreads({ steps: joined.steps, scratchPath, count: threads, onBusy });
  }

  /** @throws whatever a step throws, naming itself */
  run(batch: RecordBatch, signal: AbortSignal): Promise<SteppedRows> {
    return applyStep(this.#step, this.#columns, batch, signal);
  }

  /** Of the rows behind the steps, where those in front of them are of `schema`: found by a run over none. */
  schemaOf(schema: Schema, signal: AbortSignal): Promise<Schema> {
    const key = schema.fields.map(({ name, type }) => `${name} ${type}`).join("\n");
    const known = this.#schemas.get(key);
    if (known !== undefined) return known;
    const none = recordBatchOf(
      schema,
      0,
      schema.fields.map(({ type }) => gather(type, [])),
    );
    const found = this.run(none, signal).then(({ batch }) => batch.schema);
    found.catch(() => this.#schemas.delete(key));
    this.#schemas.set(key, found);
    return found;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve(this.#step[Symbol.asyncDispose]());
  }
}

/** Bytes of a row in the columns that are made and whose cells are all of one size. */
function madeRowBytes(columns: StepColumns): number {
  return madeColumns(columns).reduce((sum, { type }) => {
    if (type.kind !== "fixedList" || type.item.kind !== "numeric") return sum;
    return sum + type.length * dtypeBytes(type.item.type);
  }, 0);
}
