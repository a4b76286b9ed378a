import * as z from "zod";
import { ZOD } from "../core/zod.ts";
import { FEATURES } from "../domain/features.ts";
import type { FileCells } from "../domain/file-cells.ts";
import type { ModuleReduction } from "../domain/module-reduction.ts";
import { type FeatureOp, SPAN_STRATEGIES, type StepBinding } from "../domain/step-binding.ts";
import { count, fieldType, location } from "./codec-fields.ts";

const cells: z.ZodType<FileCells> = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("bytes") }),
  z.object({ kind: z.literal("locations"), folder: location }),
]);

/** On the wire, what a feature's step needs stands beside its kind and its cells. */
function featureOp({ key, data }: (typeof FEATURES)[number]): z.ZodType<FeatureOp> {
  const schema = data(ZOD);
  return z.looseObject({ kind: z.literal(key), cells }).transform((found, context) => {
    const { kind: feature, cells, ...rest } = found;
    const parsed = schema.safeParse(rest);
    if (parsed.success) return { kind: "feature", feature, cells, data: { ...parsed.data } } as const;
    for (const { path, message } of parsed.error.issues) context.addIssue({ code: "custom", path, message });
    return z.NEVER;
  });
}

/** Writes ops of features as {@link stepBinding} reads them: a replacer of `JSON.stringify`. */
export function flatFeatures(key: string, value: unknown): unknown {
  if (key !== "op" || typeof value !== "object" || value === null) return value;
  const op = value as StepBinding["op"];
  return op.kind === "feature" ? { kind: op.feature, cells: op.cells, ...op.data } : value;
}

const stepOp: z.ZodType<StepBinding["op"]> = z.union([
  ...FEATURES.map(featureOp),
  z.object({ kind: z.literal("module"), path: z.string(), timeoutSeconds: z.number() }),
  z.object({ kind: z.literal("sql"), select: z.string(), named: z.array(z.string()) }),
  z.object({
    kind: z.literal("tokenize"),
    texts: z.array(z.string()),
    prefix: z.string(),
    maxTokens: count.nullable(),
    truncation: z.enum(["left", "right"]),
    specialTokens: z.boolean(),
    ids: z.string(),
    types: z.string(),
    offsets: z.string().nullable(),
    truncated: z.string().nullable(),
  }),
  z.object({
    kind: z.literal("spans"),
    logits: z.string(),
    text: z.string(),
    offsets: z.string(),
    column: z.string(),
    strategy: z.enum(SPAN_STRATEGIES),
    labels: z.array(z.string()),
    ignore: z.array(z.string()),
  }),
  z.object({
    kind: z.literal("split"),
    column: z.string(),
    tokens: count,
    overlap: count,
    sentences: z.boolean(),
  }),
]);

const stepFile = z.object({ location, bytes: count, sha256: z.string() });

export const moduleReduction: z.ZodType<ModuleReduction> = z.object({
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
