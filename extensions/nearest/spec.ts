import type { z } from "zod";
import type { Zod } from "../../shared/core/zod.ts";
import type { SpecParts } from "../../shared/extension/feature.ts";
import { columnName } from "../../shared/input-sources/input-source.ts";
import { METRICS, type Metric } from "./op.ts";

/** Limit of neighbours of a row. More would be sorted again with each block of the set. */
const MOST_NEIGHBOURS = 1_000;

/** Keys of the step in the job file. */
export interface NearestSpec {
  readonly column: string;
  readonly among: string;
  readonly vector: string;
  readonly id: string;
  readonly k: number;
  readonly metric: Metric;
  readonly as: string;
}

/** Builds the schema of the key's value. */
export function nearestSpec(z: Zod, { file: among }: SpecParts): z.ZodType<NearestSpec> {
  return z.strictObject({
    column: columnName(z).describe("The column of vectors whose neighbours are found."),
    among: among.describe(
      "The set: a file, a folder or a glob, as `input.path` has them, or the output of another job.",
    ),
    vector: columnName(z)
      .default("vector")
      .describe("The set's column of vectors: lists of floats, all of one length. Default: `vector`."),
    id: columnName(z).default("id").describe("The set's column of ids: integers or texts. Default: `id`."),
    k: z
      .int()
      .min(1)
      .max(MOST_NEIGHBOURS)
      .default(10)
      .describe("The number of neighbours of each row. Default: 10."),
    metric: z
      .enum(METRICS)
      .default("cosine")
      .describe(
        "`cosine`: by angle. `dot`: by the product of the vectors. `euclidean`: by distance. Default: `cosine`.",
      ),
    as: columnName(z)
      .default("nearest")
      .describe(
        "The column that is added, with a list of ids, the nearest first. Another column has their scores, with `_score` after this name. With `euclidean` these are distances. Default: `nearest`.",
      ),
  });
}
