import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isShardmillError } from "../core/errors.ts";
import { inputUnsupported } from "../dataset/input-errors.ts";
import type { JsonForm } from "../domain/dataset.ts";
import type { LockedDatabase } from "../sql/locked-database.ts";
import { quoteLiteral } from "../sql/quote.ts";
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
  try {
    await refuseLookalikes(first, path, database);
    return {
      kind: "json",
      fields: await database.columnsOf(`SELECT * FROM read_json(${settings.join(", ")})`),
    };
  } catch (error) {
    // Nothing but lines that are no objects.
    if (isShardmillError(error, "SQL_FAILED") || isShardmillError(error, "SQL_INVALID")) return none;
    throw error;
  }
}

/**
 * DuckDB does not tell names apart by case: of two keys that differ in nothing else, one would be read as
 * nulls.
 *
 * @throws {INPUT_UNSUPPORTED}
 */
async function refuseLookalikes(file: string, sample: string, database: LockedDatabase): Promise<void> {
  const objects = `read_json_objects(${quoteLiteral(sample)}, format = 'newline_delimited', ignore_errors = true)`;
  const keys = `SELECT DISTINCT unnest(json_keys(json)) AS name FROM ${objects} WHERE json_type(json) = 'OBJECT'`;
  const names = `SELECT list_sort(list(name)) AS names FROM (${keys}) GROUP BY lower(name) HAVING count(*) > 1 ORDER BY 1`;
  const [found] = await database.rows(names);
  if (found === undefined) return;
  const what = `keys that differ in case only (${(found.names as string[]).join(", ")})`;
  throw inputUnsupported(file, what, "give them names that differ in more");
}

/** An object, as far as its first character says, and none that DuckDB would not survive. */
function isReadable(line: Buffer): boolean {
  const isObject = line.toString("latin1", 0, 64).trimStart().startsWith("{");
  return isObject && !nestsTooDeep(line, 0, line.length);
}
