import * as z from "zod";
import { ZOD } from "../core/zod.ts";
import type { OpRow, OpSpec } from "./output-op.ts";
import { type OpKind, OUTPUT_OPS, type OutputOpBinding, opOf } from "./output-ops.ts";

/** Schema of all ops' bindings on the wire. */
export const OP_BINDING_SCHEMA: z.ZodType<OutputOpBinding> = z.union(
  OUTPUT_OPS.map(({ schema }) => schema(ZOD)),
);

/** Binds the op of a checked output that fits its tensor's rows. */
export function bindOp(spec: { readonly op: OpKind } & OpSpec, row: OpRow): OutputOpBinding {
  return OP_BINDING_SCHEMA.parse(opOf({ kind: spec.op }).bind(spec, row));
}

type KeysOf<Op> = Op extends { readonly keys: (...args: never[]) => infer Keys } ? Keys : never;
type Both<Union> = (Union extends unknown ? (one: Union) => void : never) extends (both: infer All) => void
  ? All
  : never;

/** Keys of the job file that any op uses. */
export const OP_KEYS: Both<KeysOf<(typeof OUTPUT_OPS)[number]>> = Object.assign(
  {},
  ...OUTPUT_OPS.map(({ keys }) => keys(ZOD)),
);
