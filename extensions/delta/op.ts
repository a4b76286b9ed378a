import type * as z from "zod";
import type { Zod } from "../../shared/core/zod.ts";
import type { Field } from "../../shared/domain/dataset.ts";
import type { IndexParts } from "../../shared/extension/format.ts";
import { type DeletedRows, deletedRows } from "../lake/op.ts";
import type { ColumnMapping } from "./log/table-schema.ts";

/** Form of a Delta table's files: the columns of one version of the table. */
export interface DeltaForm {
  readonly kind: "delta";
  readonly version: number;
  /** All columns, in the order of the table's schema. */
  readonly fields: readonly Field[];
  /** Names of the columns that files lack, because the log has their values. */
  readonly partitionColumns: readonly string[];
  readonly mapping: ColumnMapping;
}

/** Facts of a data file that the log has, and the file itself lacks. */
export interface DeltaIndex {
  readonly form: DeltaForm;
  /** Value of each partition column, as {@link "./partition-value.ts"} writes it. */
  readonly values: readonly (string | null)[];
  /** Rows that are deleted from the file. Null: none are. */
  readonly deleted: DeletedRows | null;
}

/** Builds the schema of an index. */
export function deltaIndex(z: Zod, parts: IndexParts): z.ZodType<DeltaIndex> {
  const { field, count } = parts;
  return z.object({
    form: z.object({
      kind: z.literal("delta"),
      version: count,
      fields: z.array(field),
      partitionColumns: z.array(z.string()),
      mapping: z.object({
        by: z.union([z.enum(["name", "id"]), z.literal(null)]),
        keys: z.array(z.string()),
      }),
    }),
    values: z.array(z.union([z.string(), z.literal(null)])),
    deleted: deletedRows(z, parts),
  });
}

/** Describes a form in messages. */
export function formText({ version, partitionColumns }: DeltaForm): string {
  const by = partitionColumns.length === 0 ? "" : `, partitioned by ${partitionColumns.join(", ")}`;
  return `version ${version}${by}`;
}
