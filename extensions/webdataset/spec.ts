import type { Zod } from "../../shared/core/zod.ts";

/** Options for WebDataset files, under `input.webdataset`. */
export interface TarSpec {
  readonly endings?: readonly string[];
}

/** More endings than a tar has by design. Stems with dots, such as `0.1.jpg`, give one for each row. */
export const MOST_ENDINGS = 1_000;

/** Builds the schema of the options. */
export function tarSpec(z: Zod) {
  const ending = z
    .string()
    .max(1_000)
    .regex(/^(?!__key__$)[^/A-Z]+$/)
    .meta({ title: "an ending in lower case" });
  return z
    .strictObject({
      endings: z
        .array(ending)
        .min(1)
        .max(MOST_ENDINGS)
        .exactOptional()
        .describe(
          "The endings that are columns: `[jpg, cls]`. Members with other endings are skipped. " +
            "Default: the endings in the first rows of some files, and no others.",
        ),
    })
    .describe("The columns of WebDataset files.");
}
