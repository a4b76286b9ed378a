import type { NamedType } from "../../../shared/values/value-type.ts";
import { TypeFault } from "./column-types.ts";
import { exportedKeys, functionAt, numberAt, typesAt, type UserFunction } from "./exported-keys.ts";

/** Declaration of a reduction. Plain JSON. */
export interface ReductionDeclaration {
  readonly reads: readonly NamedType[];
  readonly combined: readonly NamedType[];
  readonly columns: readonly NamedType[];
  readonly timeoutSeconds: number;
}

/**
 * Functions of a reduction. `combine` reads the rows of a shard, `final` the results of `combine` for all
 * shards.
 */
export type ReductionHalf = "combine" | "final";

/** Checked reduction from a user's file. */
export interface LoadedReduction extends Readonly<Record<ReductionHalf, UserFunction>> {
  readonly declaration: ReductionDeclaration;
}

/** Default limit. Generous, because a function may sort all gathered rows behind the last record batch. */
const DEFAULT_TIMEOUT_SECONDS = 600;
const MAX_TIMEOUT_SECONDS = 86_400;

const KEYS = ["reads", "combined", "columns", "timeoutSeconds", "combine", "final"];

/**
 * Checks that a default export is a reduction.
 *
 * @param exported the default export of a module
 * @throws {TypeFault} naming what is wrong
 */
export function checkReduction(exported: unknown): LoadedReduction {
  const value = exportedKeys(exported, { name: "reduction", maker: "defineReduction", keys: KEYS });
  const combine = functionAt(value, "combine");
  const final = functionAt(value, "final");
  if (combine === null || final === null) throw new TypeFault("a reduction needs both `combine` and `final`");
  const declaration = {
    reads: typesAt(value, "reads"),
    combined: tableAt(value, "combined"),
    columns: tableAt(value, "columns"),
    timeoutSeconds: numberAt(value, "timeoutSeconds", MAX_TIMEOUT_SECONDS) ?? DEFAULT_TIMEOUT_SECONDS,
  };
  return { declaration, combine, final };
}

/** Reads the columns of a table. At least one is needed, because a file without columns has no row count. */
function tableAt(value: Readonly<Record<string, unknown>>, key: string): readonly NamedType[] {
  const columns = typesAt(value, key);
  if (columns.length > 0) return columns;
  throw new TypeFault(`${key}: a table needs at least one column`);
}

/** Returns the columns that a function reads, and those that it makes. */
export function columnsOf(
  { reads, combined, columns }: ReductionDeclaration,
  half: ReductionHalf,
): { readonly given: readonly NamedType[]; readonly made: readonly NamedType[] } {
  return half === "combine" ? { given: reads, made: combined } : { given: combined, made: columns };
}
