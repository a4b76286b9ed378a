import * as z from "zod";
import { asDigest } from "../core/digest.ts";
import { ZOD } from "../core/zod.ts";
import { FEATURES, INPUTS, STEPS } from "../domain/features.ts";
import { fileCells } from "../domain/file-cells.ts";
import type { JobTable } from "../domain/job-tables.ts";
import type { ReductionBinding } from "../domain/reduction-binding.ts";
import type { ExtensionOp, FeatureOp, StepBinding } from "../domain/step-binding.ts";
import { count, fieldType, location } from "./codec-fields.ts";

const cells = fileCells(ZOD, location);

/** Schema of a feature's op. On the wire, its data is beside its kind and its cells. */
function featureOp({ key, data }: (typeof FEATURES)[number]): z.ZodType<FeatureOp> {
  const schema = data(ZOD);
  return z.looseObject({ kind: z.literal(key), cells }).transform((found, context) => {
    const { kind: feature, cells, ...rest } = found;
    const data = parseData(schema, rest, context);
    return data === null ? z.NEVER : ({ kind: "feature", feature, cells, data } as const);
  });
}

/** Schema of an extension's op. On the wire, its data is beside its kind. */
function extensionOp({ step }: (typeof STEPS | typeof INPUTS)[number]): z.ZodType<ExtensionOp> {
  const schema = step.data(ZOD);
  return z.looseObject({ kind: z.literal(step.kind) }).transform((found, context) => {
    const { kind, ...rest } = found;
    const data = parseData(schema, rest, context);
    return data === null ? z.NEVER : ({ kind: "extension", step: kind, data } as const);
  });
}

function parseData(schema: z.ZodType<object>, value: object, context: z.core.$RefinementCtx) {
  const parsed = schema.safeParse(value);
  if (parsed.success) return { ...parsed.data };
  for (const { path, message } of parsed.error.issues) context.addIssue({ code: "custom", path, message });
  return null;
}

/** Encodes ops in the form that {@link stepBinding} decodes: a replacer for `JSON.stringify`. */
export function flatFeatures(key: string, value: unknown): unknown {
  if (key !== "op" || typeof value !== "object" || value === null) return value;
  const op = value as StepBinding["op"];
  if (op.kind === "extension") return { kind: op.step, ...op.data };
  return op.kind === "feature" ? { kind: op.feature, cells: op.cells, ...op.data } : value;
}

const stepOp: z.ZodType<StepBinding["op"]> = z.union([
  ...FEATURES.map(featureOp),
  ...[...INPUTS, ...STEPS].map(extensionOp),
  z.object({
    kind: z.literal("sql"),
    select: z.string(),
    named: z.array(z.string()),
    joins: z.object({ tables: z.array(z.string()), order: z.array(z.string()) }).exactOptional(),
  }),
  z.object({ kind: z.literal("model"), stage: count }),
]);

export const stepFile = z.object({ location, bytes: count, sha256: z.string().transform(asDigest) });

export const jobTable: z.ZodType<JobTable> = stepFile.extend({ rows: count });

export const reductionBinding: z.ZodType<ReductionBinding> = z.object({
  where: z.string(),
  path: z.string(),
  file: stepFile,
  reads: z.array(z.string()),
  combined: z.array(z.string()),
  columns: z.array(z.string()),
});

export const stepBinding: z.ZodType<StepBinding> = z.object({
  where: z.string(),
  op: stepOp,
  files: z.array(stepFile),
  reads: z.array(z.string()),
  columns: z.array(
    z.object({ name: z.string(), type: fieldType, nullable: z.boolean(), from: z.string().nullable() }),
  ),
});
