import * as z from "zod";
import { EXTENSIONS } from "#extensions";
import { CONVERSION_REPORT_SCHEMA, type ConversionReport } from "./accuracy.ts";

/** Conversion of models. Null: no extension provides one. */
export const CONVERSION = EXTENSIONS.flatMap(({ conversion }) => conversion ?? [])[0] ?? null;

/**
 * Key of the conversion in the schema of job files. The compiler does not know it: `conversionOf` reads it.
 */
export const CONVERSION_KEY: object =
  CONVERSION === null
    ? {}
    : {
        [CONVERSION.key]: z.enum(CONVERSION.values).default(CONVERSION.values[0]).describe(CONVERSION.says),
      };

/** Returns the form that a job's model is converted to: `int8`. Null: none, or there is no model. */
export function conversionOf(model: object | undefined): string | null {
  if (CONVERSION === null || model === undefined) return null;
  const value = valueAt(model, CONVERSION.key);
  return typeof value === "string" && value !== CONVERSION.values[0] ? value : null;
}

/** Conversion of a job's model, for status and summary. */
export interface JobConversion {
  /** Key of `model` in the job file: `precision`. */
  readonly key: string;
  /** Value of the key: `int8`. */
  readonly value: string;
  /** Result of the check. Null: the job requests none. */
  readonly check: ConversionReport | null;
}

/** Returns the conversion of a job's model. Null: the model is not converted. */
export function jobConversion(
  model: object | undefined,
  check: ConversionReport | null,
): JobConversion | null {
  const value = conversionOf(model);
  return CONVERSION === null || value === null ? null : { key: CONVERSION.key, value, check };
}

/**
 * Key of the conversion in the schema of manifests. Its value has the key again: `precision: {precision:
 * "int8", ...}`. `checkedConversion` reads it.
 */
export const CONVERSION_REPORT_KEY: object =
  CONVERSION === null
    ? {}
    : {
        // A build without the extension writes no such key.
        [CONVERSION.key]: CONVERSION_REPORT_SCHEMA.extend({ [CONVERSION.key]: z.string() })
          .nullable()
          .exactOptional(),
      };

/** Returns the manifest's keys for a conversion. */
export function manifestConversion(conversion: JobConversion | null): object {
  if (CONVERSION === null) return {};
  const { key } = CONVERSION;
  const check = conversion?.check ?? null;
  return { [key]: check === null ? null : { [key]: conversion?.value, ...check } };
}

/** Returns the conversion from a manifest. Null: the model was not converted, or not checked. */
export function checkedConversion(manifest: object): (JobConversion & { check: ConversionReport }) | null {
  const found = CONVERSION === null ? null : valueAt(manifest, CONVERSION.key);
  if (CONVERSION === null || found === null || typeof found !== "object") return null;
  const { key } = CONVERSION;
  return { key, value: String(valueAt(found, key)), check: CONVERSION_REPORT_SCHEMA.parse(found) };
}

function valueAt(from: object, key: string): unknown {
  return (from as Readonly<Record<string, unknown>>)[key];
}
