import type * as z from "zod";
import { present } from "../../shared/core/assert.ts";
import type { Zod } from "../../shared/core/zod.ts";
import type { Field } from "../../shared/domain/dataset.ts";
import type { IndexParts } from "../../shared/extension/format.ts";

/** Column with the stem of each row, named as the webdataset library names it. */
export const KEY_COLUMN = "__key__";

/** Form of WebDataset files: the columns of their rows. */
export interface TarForm {
  readonly kind: "webdataset";
  /** {@link KEY_COLUMN}, then a column for each ending. */
  readonly fields: readonly Field[];
  /** True when the job lists the endings. Members with other endings are then skipped, not refused. */
  readonly skipsOthers: boolean;
}

/** Consecutive rows of a tar. */
export interface TarStretch {
  /** Offset in the tar. A compressed tar's offsets are those of its content. */
  readonly start: number;
  readonly bytes: number;
  /** Stem of each row. */
  readonly keys: readonly string[];
  /** Members of the rows, as `packMembers` packs them. */
  readonly members: string;
}

const PACKINGS = ["none", "gzip", "zstd"] as const;
export type Packing = (typeof PACKINGS)[number];

/** Index of a tar, or its part for the rows of a lease. */
export interface TarIndex {
  readonly form: TarForm;
  readonly packing: Packing;
  /** Row of the file that begins the first stretch. */
  readonly firstRow: number;
  readonly stretches: readonly TarStretch[];
}

/** Builds the schema of an index. */
export function tarIndex(z: Zod, { field, count }: IndexParts): z.ZodType<TarIndex> {
  return z.object({
    form: z.object({ kind: z.literal("webdataset"), fields: z.array(field), skipsOthers: z.boolean() }),
    packing: z.enum(PACKINGS),
    firstRow: count,
    stretches: z.array(
      z.object({ start: count, bytes: count, keys: z.array(z.string()), members: z.string() }),
    ),
  });
}

/** Returns the part of an index with the stretches of rows `[rowStart, rowEnd)`. */
export function cutIndex(index: TarIndex, rowStart: number, rowEnd: number): TarIndex {
  const { stretches, firstRow, form, packing } = index;
  const rowsOf = (at: number) => present(stretches[at], "a stretch is within the index").keys.length;
  let row = firstRow;
  let before = 0;
  while (before < stretches.length && row + rowsOf(before) <= rowStart) {
    row += rowsOf(before);
    before += 1;
  }
  let behind = before;
  for (let end = row; behind < stretches.length && end < rowEnd; behind += 1) end += rowsOf(behind);
  return { form, packing, firstRow: row, stretches: stretches.slice(before, behind) };
}

/** Describes a form in messages. */
export function formText({ fields, skipsOthers }: TarForm): string {
  const endings = fields.length - 1;
  const others = skipsOthers ? ", other endings skipped" : "";
  return `a row a stem, ${endings} ${endings === 1 ? "ending" : "endings"}${others}`;
}
