import type { NamedType } from "../../../shared/values/value-type.ts";
import { TypeFault } from "./column-types.ts";
import { exportedKeys, functionAt, numberAt, typesAt, type UserFunction } from "./exported-keys.ts";

/** What a reduction declares: plain JSON. */
export interface ReductionDeclaration {
  readonly reads: readonly NamedType[];
  readonly combined: readonly NamedType[];
  readonly columns: readonly NamedType[];
  readonly timeoutSeconds: number;
}

/** `combine` is run over the rows of a shard, `final` over what it made of all shards. */
export type ReductionHalf = "combine" | "final";

/** A reduction as its file exports it, checked. */
export interface LoadedReduction extends Readonly<Record<ReductionHalf, UserFunction>> {
  readonly declaration: ReductionDeclaration;
}

/** Behind the last record batch a half may sort all that it has gathered. */
const DEFAULT_TIMEOUT_SECONDS = 600;
const MAX_TIMEOUT_SECONDS = 86_400;

const KEYS = ["reads", "combined", "columns", "timeoutSeconds", "combine", "final"];

/**
 * @param exported the default export of a module
 * @throws {TypeFault} what is wrong with it
 */
export function checkReduction(exported: unknown): LoadedReduction {
  const value = exportedKeys(exported, { name: "reduction", maker: "defineReduction", keys: KEYS });
  const combine = functionAt(value, "combine");
  const final = functionAt(value, "final");
  if (combine === null || final === null) throw new TypeFault("a reduction has both `combine` and `final`");
  const declaration = {
    reads: typesAt(value, "reads"),
    combined: tableAt(value, "combined"),
    columns: tableAt(value, "columns"),
    timeoutSeconds: numberAt(value, "timeoutSeconds", MAX_TIMEOUT_SECONDS) ?? DEFAULT_TIMEOUT_SECONDS,
  };
  return { declaration, combine, final };
}

/** A file without columns could not say how many rows it has. */
function tableAt(value: Readonly<Record<string, unknown>>, key: string): readonly NamedType[] {
  const columns = typesAt(value, key);
  if (columns.length > 0) return columns;
  throw new TypeFault(`${key}: a table has a column at least`);
}

/** What a half is given, and what it makes. */
export function columnsOf(
  { reads, combined, columns }: ReductionDeclaration,
  half: ReductionHalf,
): { readonly given: readonly NamedType[]; readonly made: readonly NamedType[] } {
  return half === "combine" ? { given: reads, made: combined } : { given: combined, made: columns };
}
