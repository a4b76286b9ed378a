import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isShardmillError } from "../core/errors.ts";
import type { JsonForm } from "../domain/dataset.ts";
import type { LockedDatabase } from "../sql/locked-database.ts";
import { quoteLiteral } from "../sql/quote.ts";
import { RECORD_MOST_BYTES } from "./record-sink.ts";
import { recordsOf, type TextSample } from "./text-sample.ts";

/** The columns of JSON Lines: the keys of the objects that the samples hold. Other lines are passed over. */
export async function sniffJson(
  samples: readonly TextSample[],
  { database, folder }: { database: LockedDatabase; folder: string },
): Promise<JsonForm> {
  const none: JsonForm = { kind: "json", fields: [] };
  const lines = samples.flatMap((sample) => recordsOf(sample, none, 0).records).filter(isObject);
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

/** As far as its first character says. */
function isObject(line: Buffer): boolean {
  return line.toString("latin1", 0, 64).trimStart().startsWith("{");
}
