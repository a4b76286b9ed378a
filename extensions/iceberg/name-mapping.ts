import * as z from "zod";
import { parseJson } from "../../shared/core/parse-json.ts";
import { PARSED_ONCE } from "../../shared/core/zod.ts";
import { shown } from "../lake/table-error.ts";
import { tableCorrupt } from "./metadata/iceberg-error.ts";
import type { TableMetadata } from "./metadata/table-metadata.ts";
import type { MappedName } from "./op.ts";

const MAPPING: z.ZodType<readonly { "field-id"?: number | undefined; names: string[]; fields?: unknown }[]> =
  z.array(
    z.object({
      "field-id": z.int().min(0).optional(),
      names: z.array(z.string()),
      fields: z.unknown().optional(),
    }),
  );

/** Limit of nested types, as in schemas. */
const MOST_DEPTH = 50;

/**
 * Reads the names of columns in files that have no ids. Tables made of other files have such names.
 *
 * @throws {INPUT_CORRUPT}
 */
export function mappedNames({ path, nameMapping }: TableMetadata): readonly MappedName[] {
  const read = (value: unknown, depth: number): MappedName[] => {
    const found = MAPPING.safeParse(value, PARSED_ONCE);
    if (!found.success || depth > MOST_DEPTH)
      throw tableCorrupt({ path, where: "name mapping", expected: "ids and names", found: shown(value) });
    return found.data.map(({ "field-id": id = null, names, fields }) => {
      return { id, names, inner: fields === undefined || fields === null ? [] : read(fields, depth + 1) };
    });
  };
  return nameMapping === null ? [] : read(parseJson(nameMapping), 0);
}
