import type { Zod } from "../../shared/core/zod.ts";

/** Options of Iceberg tables, under `input.iceberg`. */
export interface IcebergSpec {
  readonly snapshot?: string;
  readonly asOf?: string;
  readonly ref?: string;
  readonly metadata?: string;
}

/** Form of a time: a day, or a time with a zone. */
const TIME = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2}))?$/;

/** Builds the schema of the options. */
export function icebergSpec(z: Zod) {
  return z
    .strictObject({
      snapshot: z
        .string()
        .regex(/^\d{1,19}$/)
        .meta({ title: 'an id of a snapshot, in quotes: `"4469544623582967147"`' })
        .exactOptional()
        .describe("Id of a snapshot, in quotes. Default: the current one of the branch `main`."),
      asOf: z
        .string()
        .max(100)
        .regex(TIME)
        .meta({ title: "a day, or a time with its zone: `2026-12-03`, `2026-12-03T08:00:00Z`" })
        .exactOptional()
        .describe(
          "Time, as in `2026-12-03T08:00:00Z`: reads the snapshot that was current at that time. A day means its " +
            "first moment, in UTC.",
        ),
      ref: z.string().min(1).max(500).exactOptional().describe("Name of a branch or tag."),
      metadata: z
        .string()
        .max(500)
        .regex(/^[^/]+$/)
        .meta({ title: "the name of a file: `00004-6302d0ef.metadata.json`" })
        .exactOptional()
        .describe(
          "File in the folder `metadata` with the state to read. Default: the newest, by its number. Only the " +
            "catalog of a table knows which one is current.",
        ),
    })
    .describe(
      "The snapshot of an Iceberg table. At most one of `snapshot`, `asOf` and `ref`. See [Iceberg tables](#iceberg-tables).",
    );
}
