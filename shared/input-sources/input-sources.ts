import type * as z from "zod";
import { present } from "../core/assert.ts";
import type { InputSource, SourceSpec } from "./input-source.ts";
import { oneColumn } from "./one-column.ts";
import { positionMask } from "./position-mask.ts";
import { sameValue } from "./same-value.ts";
import { stackedColumns } from "./stacked-columns.ts";

/** All sources, in the order of the reference. */
export const INPUT_SOURCES = [
  oneColumn,
  stackedColumns,
  positionMask,
  sameValue,
] as const satisfies readonly InputSource[];

type AnySource = (typeof INPUT_SOURCES)[number];
export type SourceKind = AnySource["kind"];

/** What an input is made of: what its kind needs to know, and no more. */
export type InputSourceBinding = z.output<ReturnType<AnySource["schema"]>>;

const BY_KIND = new Map<string, InputSource>(INPUT_SOURCES.map((source) => [source.kind, source]));

export function sourceOf({ kind }: { readonly kind: SourceKind }): InputSource {
  return present(BY_KIND.get(kind), "every kind has a source");
}

/** The columns that an input reads, in the order of their values. */
export function sourceColumns(binding: InputSourceBinding): readonly string[] {
  const source = sourceOf(binding);
  return source.rows === "cell" || source.rows === "cells" ? source.columns(binding) : [];
}

/** The source that an input of a job file asks for; where it names none, the column of its own name. */
export function chosenSource(spec: SourceSpec): InputSource {
  return INPUT_SOURCES.findLast(({ key }) => spec[key] !== undefined) ?? oneColumn;
}

/** How an input of this name could be made, where nothing feeds it: a hint, or null. */
export function offeredSource(tensor: string): string | null {
  const sources: readonly InputSource[] = INPUT_SOURCES;
  for (const source of sources) {
    const offer = source.offer?.(tensor) ?? null;
    if (offer !== null) return offer;
  }
  return null;
}
