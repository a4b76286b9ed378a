import type { Zod } from "../../shared/core/zod.ts";
import { asOfOption } from "../lake/spec.ts";

/** Options of Delta tables, under `input.delta`. */
export interface DeltaSpec {
  readonly version?: number;
  readonly asOf?: string;
}

/** Builds the schema of the options. */
export function deltaSpec(z: Zod) {
  return z
    .strictObject({
      version: z.int().min(0).exactOptional().describe("Version of the table. Default: the newest."),
      asOf: asOfOption(z, "the newest version that was committed until then"),
    })
    .describe("The version of a Delta table. See [Delta tables](#delta-tables).");
}
