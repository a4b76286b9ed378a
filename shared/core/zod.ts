import * as z from "zod";

/**
 * Parts of zod for keys of job files and bindings, passed as an argument. Modules that declare keys must not
 * load the library in threads that only run a checked job. Loading takes 280 KiB and 20 ms of a thread's
 * start. Only a part is listed: a bundle cannot drop parts of a library that is passed whole.
 */
export const ZOD = {
  array: z.array,
  boolean: z.boolean,
  custom: z.custom,
  enum: z.enum,
  int: z.int,
  literal: z.literal,
  number: z.number,
  object: z.object,
  record: z.record,
  strictObject: z.strictObject,
  string: z.string,
  union: z.union,
} as const;
export type Zod = typeof ZOD;

/** Parsing of a schema that a process uses once or twice. Zod then generates no code for its objects. */
export const PARSED_ONCE = { jitless: true } as const;
