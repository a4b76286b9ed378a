import type * as z from "zod";
import { present } from "../core/assert.ts";
import { argmax } from "./argmax.ts";
import { boxes } from "./boxes.ts";
import { columns } from "./columns.ts";
import { ctc } from "./ctc.ts";
import { maxSoftmax } from "./max-softmax.ts";
import type { OutputOp } from "./output-op.ts";
import { pool } from "./pool.ts";
import { raw } from "./raw.ts";
import { sigmoid } from "./sigmoid.ts";
import { softmax } from "./softmax.ts";
import { threshold } from "./threshold.ts";
import { topK } from "./top-k.ts";

/** All ops, in the order of the reference. */
export const OUTPUT_OPS = [
  raw,
  pool,
  argmax,
  maxSoftmax,
  softmax,
  sigmoid,
  topK,
  threshold,
  columns,
  ctc,
  boxes,
] as const satisfies readonly OutputOp[];

type AnyOp = (typeof OUTPUT_OPS)[number];
export type OpKind = AnyOp["kind"];

/** Bound op of an output, with only the keys of its kind. */
export type OutputOpBinding = z.output<ReturnType<AnyOp["schema"]>>;

export const OP_KINDS: readonly OpKind[] = OUTPUT_OPS.map(({ kind }) => kind);

const BY_KIND = new Map<string, OutputOp>(OUTPUT_OPS.map((op) => [op.kind, op]));

export function opOf({ kind }: { readonly kind: OpKind }): OutputOp {
  return present(BY_KIND.get(kind), "every kind has an op");
}
