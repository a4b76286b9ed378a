import * as z from "zod";
import type { Frozen } from "../core/frozen.ts";
import { REDUCTIONS } from "./features.ts";
import { checkReductionCount, checkReductionRules } from "./job-rules.ts";
import { filePlace } from "./model-spec.ts";

const sql = z.string().min(1).max(1_000_000);

/** Keys of extensions. The compiler knows none of them: `reductionValue` reads them. */
const PROGRAM_KEYS: object = Object.fromEntries(
  REDUCTIONS.map(({ key, says }) => [key, filePlace.exactOptional().describe(says)]),
);
const WAYS = ["in SQL (DuckDB)", ...REDUCTIONS.map(({ written }) => written)].join(" or ");

const reductionSpec = z
  .strictObject({
    combine: sql
      .exactOptional()
      .describe(
        "SQL over one shard's `rows`, run on the worker. Default: none, so `final` reads all `rows`.",
      ),
    final: sql
      .exactOptional()
      .describe("SQL over `partials` (all combined tables), or over `rows` when there is no `combine`."),
    by: z
      .array(z.string().min(1).max(200))
      .min(1)
      .max(16)
      .exactOptional()
      .describe(
        "Key columns of what `final` reads. All rows of a key are reduced together, in parts of less memory.",
      ),
    ...PROGRAM_KEYS,
  })
  .superRefine(checkReductionRules);

/** Name of a reduction. File names on the coordinator and on workers contain it. */
const fileName = z
  .string()
  .max(100)
  .regex(/^[A-Za-z0-9_-]+$/)
  .meta({ title: "a name of letters, digits, `_` and `-`" });

/** Schema of `reduce` in the job file. */
export const reduceSpec = z
  .record(
    fileName,
    z.union([
      sql.transform((final): z.input<typeof reductionSpec> => ({ final })).pipe(reductionSpec),
      reductionSpec,
    ]),
  )
  .superRefine(checkReductionCount)
  .prefault({})
  .describe(`By name: reductions of the mapped rows, ${WAYS}. \`total: SELECT ...\` is short for \`final\`.`);

export type ReductionSpec = Frozen<z.output<typeof reductionSpec>>;
