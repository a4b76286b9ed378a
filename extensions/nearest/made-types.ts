import type { NamedType, ScalarName } from "../../shared/values/value-type.ts";
import { type NearestOp, scoreColumn } from "./op.ts";

/** Returns the columns that the step makes: ids and scores. */
export function madeTypes({ as, ids }: Pick<NearestOp, "as" | "ids">): readonly NamedType[] {
  return [listOf(as, ids), listOf(scoreColumn(as), "float32")];
}

function listOf(name: string, item: ScalarName): NamedType {
  const type = { shape: { kind: "scalar", name: item }, isNullable: false } as const;
  return { name, type: { shape: { kind: "list", item: type }, isNullable: false } };
}
