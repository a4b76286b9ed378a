import * as z from "zod";
import { EXTENSIONS } from "#extensions";
import { CONVERSION_REPORT_SCHEMA, type ConversionReport } from "./accuracy.ts";

/** Conversion of models. Null: no extension converts any. */
export const CONVERSION = EXTENSIONS.flatMap(({ conversion }) => conversion ?? [])[0] ?? null;

/** Its key in the schema of job files. The compiler does not know it: `conversionOf` reads it. */
export const CONVERSION_KEY: object =
  CONVERSION === null
    ? {}
    : {
        [CONVERSION.key]: z.enum(CONVERSION.values).default(CONVERSION.values[0]).describe(CONVERSION.says),
      };

/** Returns to what a job's model is converted: `int8`. Null: it is used as it is. */
export function conversionOf(model: object): string | null {
  if (CONVERSION === null) return null;
  const value = valueAt(model, CONVERSION.key);
  return typeof value === "string" && value !== CONVERSION.values[0] ? value : null;
}

/** Conversion of a job's model, for status and summary. */
export interface JobConversion {
  /** Key of `model` in the job file: `precision`. */
  readonly key: string;
  /** Value of the key: `int8`. */
  readonly value: string;
  /** Null: the job asks for no check. */
  readonly check: ConversionReport | null;
}

/** Null for a model that is used as it is. */
export function jobConversion(model: object, check: ConversionReport | null): JobConversion | null {
  const value = conversionOf(model);
  return CONVERSION === null || value === null ? null : { key: CONVERSION.key, value, check };
}

/**
 * Its key in the schema of manifests, whose value has the key again: `precision: {precision: "int8", ...}`.
 * `checkedConversion` reads it.
 */
export const CONVERSION_REPORT_KEY: object =
  CONVERSION === null
    ? {}
    : { [CONVERSION.key]: CONVERSION_REPORT_SCHEMA.extend({ [CONVERSION.key]: z.string() }).nullable() };

/** Returns what a manifest has of a conversion. */
export function manifestConversion(conversion: JobConversion | null): object {
  if (CONVERSION === null) return {};
  const { key } = CONVERSION;
  const check = conversion?.check ?? null;
  return { [key]: check === null ? null : { [key]: conversion?.value, ...check } };
}

/** Returns the conversion that a manifest has. Null: its model was not converted, or was not checked. */
export function checkedConversion(manifest: object): (JobConversion & { check: ConversionReport }) | null {
  const found = CONVERSION === null ? null : valueAt(manifest, CONVERSION.key);
  if (CONVERSION === null || found === null || typeof found !== "object") return null;
  const { key } = CONVERSION;
  return { key, value: String(valueAt(found, key)), check: CONVERSION_REPORT_SCHEMA.parse(found) };
}

function valueAt(from: object, key: string): unknown {
  return (from as Readonly<Record<string, unknown>>)[key];
}
