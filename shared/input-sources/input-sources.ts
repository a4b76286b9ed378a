import * as z from "zod";
import { present } from "../core/assert.ts";
import type { InputSource } from "./input-source.ts";
import { oneColumn } from "./one-column.ts";
import { positionMask } from "./position-mask.ts";
import { stackedColumns } from "./stacked-columns.ts";

export const INPUT_SOURCES = [
  oneColumn,
  stackedColumns,
  positionMask,
] as const satisfies readonly InputSource[];

type AnySource = (typeof INPUT_SOURCES)[number];
export type SourceKind = AnySource["kind"];

/** What an input is made of: what its kind needs to know, and no more. */
export type InputSourcePlan = z.output<AnySource["schema"]>;

/** Plans of all sources, as they cross the wire. */
export const SOURCE_PLAN_SCHEMA: z.ZodType<InputSourcePlan> = z.union(
  INPUT_SOURCES.map(({ schema }) => schema),
);

const BY_KIND = new Map<string, InputSource>(INPUT_SOURCES.map((source) => [source.kind, source]));

export function sourceOf({ kind }: { readonly kind: SourceKind }): InputSource {
  return present(BY_KIND.get(kind), "every kind has a source");
}
