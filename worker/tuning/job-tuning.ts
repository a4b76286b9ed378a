import * as z from "zod";
import type { AccuracyLimits, DeviceReport } from "../../shared/domain/accuracy.ts";
import { DEVICE_REPORT_SCHEMA } from "../../shared/domain/accuracy.ts";
import { modelDigest } from "../../shared/domain/model-digest.ts";
import { isUneven } from "../../shared/domain/row-shape.ts";
import type { JobDescription } from "../../shared/wire/job-description.ts";
import { type LearnedBatch, mergeLearned, NOTHING_LEARNED } from "../batch/batch-sizer.ts";
import type { LaneLayout } from "../lanes/lane-layout.ts";
import type { MachineFacts } from "./machine-facts.ts";
import type { TuningCache, TuningKey } from "./tuning-cache.ts";

/** Version of the measurements. Increase it when their meaning changes, so that old values are ignored. */
const VERSION = 1;

const learnedSchema: z.ZodType<LearnedBatch> = z.object({
  units: z.int().min(1).nullable(),
  caps: z.array(z.object({ length: z.int().min(1).nullable(), units: z.int().min(1) })).max(1_000),
});

/** Scope of a device check. A check with another scope does not apply. */
export interface CheckKind {
  /** Rows that the job requests. */
  readonly rows: number;
  /** Names of tensors from which an order or a class is read. */
  readonly ranked: readonly string[];
  readonly limits: AccuracyLimits;
}

/** Measurements of earlier runs, for one model with one job's inputs and outputs, on one kind of machine. */
export class JobTuning {
  readonly #cache: TuningCache;
  readonly #key: Promise<TuningKey>;

  /** @param machine may take as long as loading a model, and is awaited on first use */
  constructor(
    cache: TuningCache,
    job: Pick<JobDescription, "model" | "map">,
    machine: MachineFacts | Promise<MachineFacts>,
  ) {
    this.#cache = cache;
    this.#key = Promise.resolve(machine).then((facts) => keyOf(job, facts));
  }

  async recallBatch(layout: LaneLayout): Promise<LearnedBatch> {
    const { data } = learnedSchema.safeParse(await this.#cache.recall(await this.#batchKey(layout)));
    return data ?? NOTHING_LEARNED;
  }

  /**
   * Merges a thread's measurements into the stored ones. Several threads and workers may measure one model.
   */
  async rememberBatch(layout: LaneLayout, news: LearnedBatch): Promise<void> {
    const known = await this.recallBatch(layout);
    await this.#cache.remember(await this.#batchKey(layout), mergeLearned(known, news));
  }

  /** Returns the stored result of such a check. Null: there is none. */
  async recallCheck(check: CheckKind): Promise<DeviceReport | null> {
    const { data } = DEVICE_REPORT_SCHEMA.safeParse(await this.#cache.recall(await this.#checkKey(check)));
    return data ?? null;
  }

  async rememberCheck(check: CheckKind, report: DeviceReport): Promise<void> {
    await this.#cache.remember(await this.#checkKey(check), report);
  }

  async #checkKey({ rows, ranked, limits }: CheckKind): Promise<TuningKey> {
    const { tolerance, maxBeyond, minCosine, minAgreement } = limits;
    return {
      ...(await this.#key),
      kind: "device check",
      rows,
      ranked,
      limits: { tolerance, maxBeyond, minCosine, minAgreement },
    };
  }

  async #batchKey(layout: LaneLayout): Promise<TuningKey> {
    return { ...(await this.#key), kind: "batch", layout };
  }
}

function keyOf({ model, map }: Pick<JobDescription, "model" | "map">, machine: MachineFacts): TuningKey {
  return {
    version: VERSION,
    model: modelDigest(model),
    inputs: map.inputs.map(({ tensor, dtype, rowDims, rowShape }) => [
      tensor,
      dtype,
      rowDims,
      isUneven(rowShape) ? rowShape.sequence : null,
    ]),
    outputs: [...new Set(map.outputs.map(({ tensor }) => tensor))].sort(),
    ...machine,
  };
}
