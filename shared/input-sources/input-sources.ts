import type * as z from "zod";
import { present } from "../core/assert.ts";
import type { InputSource, SourceSpec } from "./input-source.ts";
import { oneColumn } from "./one-column.ts";
import { positionIndex } from "./position-index.ts";
import { positionMask } from "./position-mask.ts";
import { rowLength } from "./row-length.ts";
import { sameValue } from "./same-value.ts";
import { stackedColumns } from "./stacked-columns.ts";

/** All sources, in the order of the reference. */
export const INPUT_SOURCES = [
  oneColumn,
  stackedColumns,
  positionMask,
  positionIndex,
  rowLength,
  sameValue,
] as const satisfies readonly InputSource[];

type AnySource = (typeof INPUT_SOURCES)[number];
export type SourceKind = AnySource["kind"];

/** Bound source of an input, with only the keys of its kind. */
export type InputSourceBinding = z.output<ReturnType<AnySource["schema"]>>;

const BY_KIND = new Map<string, InputSource>(INPUT_SOURCES.map((source) => [source.kind, source]));

export function sourceOf({ kind }: { readonly kind: SourceKind }): InputSource {
  return present(BY_KIND.get(kind), "every kind has a source");
}

/** Returns the columns that an input reads, in the order of their values. */
export function sourceColumns(binding: InputSourceBinding): readonly string[] {
  const source = sourceOf(binding);
  return source.rows === "cell" || source.rows === "cells" ? source.columns(binding) : [];
}

/** Returns the source that an input of the job file selects. Default: the column of its own name. */
export function chosenSource(spec: SourceSpec): InputSource {
  return INPUT_SOURCES.findLast(({ key }) => spec[key] !== undefined) ?? oneColumn;
}

/** Returns a hint how to make an input of this name, if nothing feeds it. Null: there is no hint. */
export function offeredSource(tensor: string): string | null {
  const sources: readonly InputSource[] = INPUT_SOURCES;
  for (const source of sources) {
    const offer = source.offer?.(tensor) ?? null;
    if (offer !== null) return offer;
  }
  return null;
}
