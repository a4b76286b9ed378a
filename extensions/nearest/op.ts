import type { Zod } from "../../shared/core/zod.ts";
import type { NamedType, ScalarName } from "../../shared/values/value-type.ts";

/** Measures of similarity: see `map.finish[].nearest.metric` of the job file. */
export const METRICS = ["cosine", "dot", "euclidean"] as const;
export type Metric = (typeof METRICS)[number];

/** Types of the set's ids. Neighbours have the same type. */
export const ID_TYPES = [
  ...(["int8", "int16", "int32", "int64"] as const),
  ...(["uint8", "uint16", "uint32", "uint64"] as const),
  "string",
] as const;
export type IdType = (typeof ID_TYPES)[number];

/** Facts about a packed set. */
export interface SetFacts {
  readonly rows: number;
  /** Numbers of each vector. */
  readonly dims: number;
  readonly ids: IdType;
}

/** Step that finds the nearest vectors of a set. Its file is the packed set. */
export interface NearestOp extends SetFacts {
  readonly column: string;
  /** Column of the ids. That of the scores is named after it. */
  readonly as: string;
  readonly k: number;
  readonly metric: Metric;
}

export function nearestOp(z: Zod) {
  return z.object({
    rows: z.int().min(1),
    dims: z.int().min(1),
    ids: z.enum(ID_TYPES),
    column: z.string(),
    as: z.string(),
    k: z.int().min(1),
    metric: z.enum(METRICS),
  });
}

/** Returns the columns that the step makes: ids and scores. */
export function madeTypes({ as, ids }: Pick<NearestOp, "as" | "ids">): readonly NamedType[] {
  return [listOf(as, ids), listOf(`${as}_score`, "float32")];
}

function listOf(name: string, item: ScalarName): NamedType {
  const type = { shape: { kind: "scalar", name: item }, isNullable: false } as const;
  return { name, type: { shape: { kind: "list", item: type }, isNullable: false } };
}

/** Describes the step: `10 of 20,000 vectors of 384 numbers, by cosine`. */
export function nearestText({ k, rows, dims, metric }: NearestOp): string {
  const count = (value: number, noun: string) =>
    `${value.toLocaleString("en-US")} ${noun}${value === 1 ? "" : "s"}`;
  return `${k} of ${count(rows, "vector")} of ${count(dims, "number")}, by ${metric}`;
}
