import * as z from "zod";
import type { Field, FieldType } from "../domain/dataset.ts";
import { isLocation, type Location } from "../domain/location.ts";
import { DTYPES } from "../domain/tensor.ts";

/** Schemas that all parts of a job's description share. */

export const count = z.int().min(0);
export const dtype = z.enum(DTYPES);

const timeUnit = z.enum(["second", "millisecond", "microsecond", "nanosecond"]);

export const fieldType: z.ZodType<FieldType> = z.lazy(() =>
  z.discriminatedUnion("kind", [
    z.object({
      kind: z.literal("numeric"),
      type: dtype,
    }),
    z.object({ kind: z.literal("list"), item: fieldType }),
    z.object({ kind: z.literal("fixedList"), item: fieldType, length: count }),
    z.object({ kind: z.literal("binary") }),
    z.object({ kind: z.literal("fixedBinary"), bytes: count }),
    z.object({ kind: z.literal("string") }),
    z.object({ kind: z.literal("null") }),
    z.object({ kind: z.literal("date"), unit: z.enum(["day", "millisecond"]) }),
    z.object({ kind: z.literal("time"), unit: timeUnit }),
    z.object({ kind: z.literal("timestamp"), unit: timeUnit, zone: z.string().nullable() }),
    z.object({ kind: z.literal("duration"), unit: timeUnit }),
    z.object({ kind: z.literal("interval"), unit: z.enum(["yearMonth", "dayTime", "monthDayNano"]) }),
    z.object({ kind: z.literal("decimal"), precision: z.int(), scale: z.int() }),
    z.object({ kind: z.literal("struct"), fields: z.array(field) }),
    z.object({ kind: z.literal("map"), key: fieldType, value: fieldType }),
    z.object({ kind: z.literal("union"), fields: z.array(field) }),
    z.object({ kind: z.literal("dictionary"), values: fieldType }),
  ]),
);

export const field: z.ZodType<Field> = z.lazy(() =>
  z.object({ name: z.string(), type: fieldType, nullable: z.boolean() }),
);

export const location = z.custom<Location>(
  (value) => typeof value === "string" && isLocation(value),
  "is not a location",
);
