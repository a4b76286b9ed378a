import type * as z from "zod";
import type { Zod } from "../../shared/core/zod.ts";
import type { Field } from "../../shared/domain/dataset.ts";
import type { IndexParts } from "../../shared/extension/format.ts";
import { type DeletedRows, deletedRows } from "../lake/op.ts";
import { type IcebergSpec, icebergSpec } from "./spec.ts";

/** Ids of a column, and of the fields in it. */
export interface FieldIds {
  readonly id: number;
  readonly inner: readonly FieldIds[];
}

/** Names that a column, or a field in one, has in files without ids. */
export interface MappedName {
  /** Null: the table has no such field any more. */
  readonly id: number | null;
  readonly names: readonly string[];
  readonly inner: readonly MappedName[];
}

/** Form of an Iceberg table's files: the columns of one snapshot of the table. */
export interface IcebergForm {
  readonly kind: "iceberg";
  readonly snapshot: string;
  /** File of the metadata, and the options that select the snapshot in it. */
  readonly options: IcebergSpec;
  /** All columns, in the order of the table's schema. */
  readonly fields: readonly Field[];
  /** Ids of the columns. */
  readonly ids: readonly FieldIds[];
  /** Names of the columns in files without ids. */
  readonly names: readonly MappedName[];
}

/** Facts of a data file that the table has, and the file itself may lack. */
export interface IcebergIndex {
  readonly form: IcebergForm;
  /** Values of columns that the file may lack, by id, as {@link "./partition-text.ts"} writes them. */
  readonly values: Readonly<Record<string, string | null>>;
  readonly deleted: DeletedRows | null;
}

/** Builds the schema of an index. */
export function icebergIndex(z: Zod, parts: IndexParts): z.ZodType<IcebergIndex> {
  const { field, count } = parts;
  const ids: z.ZodType<FieldIds> = z.object({
    id: count,
    get inner() {
      return z.array(ids);
    },
  });
  const names: z.ZodType<MappedName> = z.object({
    id: z.union([count, z.literal(null)]),
    names: z.array(z.string()),
    get inner() {
      return z.array(names);
    },
  });
  return z.object({
    form: z.object({
      kind: z.literal("iceberg"),
      snapshot: z.string(),
      options: icebergSpec(z),
      fields: z.array(field),
      ids: z.array(ids),
      names: z.array(names),
    }),
    values: z.record(z.string(), z.union([z.string(), z.literal(null)])),
    deleted: deletedRows(z, parts),
  });
}

/** Describes a form in messages. */
export function formText({ snapshot }: IcebergForm): string {
  return `snapshot ${snapshot}`;
}
