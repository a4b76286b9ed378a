import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isShardmillError } from "../core/errors.ts";
import { inputUnsupported } from "../dataset/input-errors.ts";
import type { Field, JsonForm } from "../domain/dataset.ts";
import type { LockedDatabase } from "../sql/locked-database.ts";
import { quoteLiteral } from "../sql/quote.ts";
import { isOddWithin, type KeyTree, keysOf, oddKeys } from "./json-keys.ts";
import { nestsTooDeep } from "./nesting.ts";
import { RECORD_MOST_BYTES } from "./record-sink.ts";
import { recordsOf, type TextSample } from "./text-sample.ts";

/** The columns of JSON Lines: the keys of the objects that the samples hold. Other lines are passed over. */
export async function sniffJson(
  samples: readonly TextSample[],
  { database, folder }: { database: LockedDatabase; folder: string },
): Promise<JsonForm> {
  const none: JsonForm = { kind: "json", fields: [] };
  const lines = samples.flatMap((sample) => recordsOf(sample, none, 0).records).filter(isReadable);
  const first = samples[0]?.path ?? "";
  if (lines.length === 0) return none;
  const path = join(folder, "sample.jsonl");
  await writeFile(path, Buffer.concat(lines));
  const settings = [
    quoteLiteral(path),
    "format = 'newline_delimited'",
    "records = true",
    "ignore_errors = true",
    "sample_size = -1",
    "map_inference_threshold = -1",
    `maximum_object_size = ${RECORD_MOST_BYTES}`,
  ];
  const keys = keysOf(lines);
  const odd = oddKeys(keys);
  if (odd !== null)
    throw inputUnsupported(first, odd, "give each key a name that SQL can tell from the others");
  try {
    const fields = await database.columnsOf(`SELECT * FROM read_json(${settings.join(", ")})`);
    return { kind: "json", fields: fields.map((field) => withPlainStructs(field, keys.get(field.name))) };
  } catch (error) {
    // Nothing but lines that are no objects.
    if (isShardmillError(error, "SQL_FAILED") || isShardmillError(error, "SQL_INVALID")) return none;
    throw error;
  }
}

/** As text, where an object in it has keys that no struct can have: one of them would be lost. */
function withPlainStructs(field: Field, keys: KeyTree = new Map()): Field {
  return isOddWithin(keys) ? { ...field, type: { kind: "string" } } : field;
}

/** An object, as far as its first character says, and none that DuckDB would not survive. */
function isReadable(line: Buffer): boolean {
  const isObject = line.toString("latin1", 0, 64).trimStart().startsWith("{");
  return isObject && !nestsTooDeep(line, 0, line.length);
}
