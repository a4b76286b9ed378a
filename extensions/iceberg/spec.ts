import type { Zod } from "../../shared/core/zod.ts";
import { asOfOption } from "../lake/spec.ts";

/** Options of Iceberg tables, under `input.iceberg`. */
export interface IcebergSpec {
  readonly snapshot?: string;
  readonly asOf?: string;
  readonly ref?: string;
  readonly metadata?: string;
}

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
      asOf: asOfOption(z, "the snapshot that was current at that time"),
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
