import * as z from "zod";

/**
 * What keys of a job file and bindings are made of, as an argument: what says how it is written there must
 * not load the library in the threads that only do as a checked job says (280 KiB, 20 ms of their start). Not
 * all of it: what is passed on whole cannot be left out of a bundle.
 */
export const ZOD = {
  array: z.array,
  boolean: z.boolean,
  enum: z.enum,
  int: z.int,
  literal: z.literal,
  number: z.number,
  object: z.object,
  strictObject: z.strictObject,
  string: z.string,
  union: z.union,
} as const;
export type Zod = typeof ZOD;
