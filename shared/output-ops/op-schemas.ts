import * as z from "zod";
import { ZOD } from "../core/zod.ts";
import type { OpRow, OpSpec } from "./output-op.ts";
import { type OpKind, OUTPUT_OPS, type OutputOpBinding, opOf } from "./output-ops.ts";

/** Bindings of all ops, as they cross the wire. */
export const OP_BINDING_SCHEMA: z.ZodType<OutputOpBinding> = z.union(
  OUTPUT_OPS.map(({ schema }) => schema(ZOD)),
);

/** The op of an output of a checked job file that fits its tensor, whose rows are such. */
export function bindOp(spec: { readonly op: OpKind } & OpSpec, row: OpRow): OutputOpBinding {
  return OP_BINDING_SCHEMA.parse(opOf({ kind: spec.op }).bind(spec, row));
}

type KeysOf<Op> = Op extends { readonly keys: (...args: never[]) => infer Keys } ? Keys : never;
type Both<Union> = (Union extends unknown ? (one: Union) => void : never) extends (both: infer All) => void
  ? All
  : never;

/** The keys of the job file that some op uses. */
export const OP_KEYS: Both<KeysOf<(typeof OUTPUT_OPS)[number]>> = Object.assign(
  {},
  ...OUTPUT_OPS.map(({ keys }) => keys(ZOD)),
);
