import * as z from "zod";
import { ZOD } from "../core/zod.ts";
import { INPUT_SOURCES, type InputSourceBinding } from "./input-sources.ts";

/** Schema of all sources' bindings on the wire. */
export const SOURCE_BINDING_SCHEMA: z.ZodType<InputSourceBinding> = z.union(
  INPUT_SOURCES.map(({ schema }) => schema(ZOD)),
);

/** Narrows a binding that a source made. */
export function asSourceBinding(binding: { readonly kind: string }): InputSourceBinding {
  return SOURCE_BINDING_SCHEMA.parse(binding);
}

type KeysOf<Source> = Source extends { readonly keys: (...args: never[]) => infer Keys } ? Keys : never;
type Both<Union> = (Union extends unknown ? (one: Union) => void : never) extends (both: infer All) => void
  ? All
  : never;

/** Keys of the job file that any source uses. */
export const SOURCE_KEYS: Both<KeysOf<(typeof INPUT_SOURCES)[number]>> = Object.assign(
  {},
  ...INPUT_SOURCES.map(({ keys }) => keys(ZOD)),
);
