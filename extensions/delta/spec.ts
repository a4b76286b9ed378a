import type { Zod } from "../../shared/core/zod.ts";

/** Options of Delta tables, under `input.delta`. */
export interface DeltaSpec {
  readonly version?: number;
  readonly asOf?: string;
}

/** Form of a time: a day, or a time with a zone. */
const TIME = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2}))?$/;

/** Builds the schema of the options. */
export function deltaSpec(z: Zod) {
  return z
    .strictObject({
      version: z.int().min(0).exactOptional().describe("Version of the table. Default: the newest."),
      asOf: z
        .string()
        .max(100)
        .regex(TIME)
        .meta({ title: "a day, or a time with its zone: `2026-12-03`, `2026-12-03T08:00:00Z`" })
        .exactOptional()
        .describe(
          "Time, as in `2026-12-03T08:00:00Z`: reads the newest version that was committed until then. A day means its " +
            "first moment, in UTC. Not together with `version`.",
        ),
    })
    .describe("The version of a Delta table. See [Delta tables](#delta-tables).");
}
