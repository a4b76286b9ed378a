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

/**
 * Raised when what is measured, or what its numbers mean, changes: what was remembered before is then not
 * found.
 */
const VERSION = 1;

const learnedSchema: z.ZodType<LearnedBatch> = z.object({
  units: z.int().min(1).nullable(),
  caps: z.array(z.object({ length: z.int().min(1).nullable(), units: z.int().min(1) })).max(1_000),
});

/** What a check of a device looks at: one that looked at less says nothing of what another would find. */
export interface CheckKind {
  /** That the job asks for. */
  readonly rows: number;
  /** The tensors of which an order or a class is read, by name. */
  readonly ranked: readonly string[];
  readonly limits: AccuracyLimits;
}

/** What earlier runs found for one model, fed and asked as one job does it, on one kind of machine. */
export class JobTuning {
  readonly #cache: TuningCache;
  readonly #key: Promise<TuningKey>;

  /** @param machine may take as long as a model takes to load: it is waited for when it is needed */
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
   * Adds what a thread learned to what is known by now: several threads, and workers, may learn of one model.
   */
  async rememberBatch(layout: LaneLayout, news: LearnedBatch): Promise<void> {
    const known = await this.recallBatch(layout);
    await this.#cache.remember(await this.#batchKey(layout), mergeLearned(known, news));
  }

  /** What this device was found to be by such a check; null where there was none. */
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
