import * as z from "zod";
import { ZOD } from "../core/zod.ts";
import { INPUT_SOURCES, type InputSourceBinding } from "./input-sources.ts";

/** Bindings of all sources, as they cross the wire. */
export const SOURCE_BINDING_SCHEMA: z.ZodType<InputSourceBinding> = z.union(
  INPUT_SOURCES.map(({ schema }) => schema(ZOD)),
);

/** A binding that some source made. */
export function asSourceBinding(binding: { readonly kind: string }): InputSourceBinding {
  return SOURCE_BINDING_SCHEMA.parse(binding);
}

type KeysOf<Source> = Source extends { readonly keys: (...args: never[]) => infer Keys } ? Keys : never;
type Both<Union> = (Union extends unknown ? (one: Union) => void : never) extends (both: infer All) => void
  ? All
  : never;

/** The keys of the job file that some source uses. */
export const SOURCE_KEYS: Both<KeysOf<(typeof INPUT_SOURCES)[number]>> = Object.assign(
  {},
  ...INPUT_SOURCES.map(({ keys }) => keys(ZOD)),
);
