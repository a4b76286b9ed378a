import * as z from "zod";
import { type Context, refuse } from "./job-rules.ts";
import { filePlace } from "./model-spec.ts";

/** Names of tables that SQL has already. */
const OWN_NAMES: readonly string[] = ["rows", "partials"];
/** Each database opens all tables. */
const MOST_TABLES = 100;

const tableName = z
  .string()
  .max(100)
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/)
  .meta({ title: "a name of letters, digits and `_` that does not begin with a digit" });

/** Schema of `tables` in the job file. */
export const TABLES_SPEC = z
  .record(tableName, filePlace)
  .superRefine(checkTables)
  .describe(
    "By name: small Parquet files that the SQL of steps and reductions can join with, relative to the job file, in a bucket or on " +
      "the web. At most 256 MiB together. See [tables to join with](#tables-to-join-with).",
  );

function checkTables(tables: object, context: Context): void {
  const names = Object.keys(tables);
  if (names.length > MOST_TABLES) {
    const found = String(names.length);
    refuse(context, [], "has too many tables", { expected: `at most ${MOST_TABLES}`, found });
  }
  for (const [at, name] of names.entries()) {
    const lower = name.toLowerCase();
    const other = names.slice(0, at).find((before) => before.toLowerCase() === lower);
    const owner = OWN_NAMES.includes(lower) ? "a table of every job" : `\`${other}\` to SQL`;
    if (other === undefined && !OWN_NAMES.includes(lower)) continue;
    refuse(context, [name], `is ${owner}`, {
      expected: "names other than `rows` and `partials`, that differ by more than upper and lower case",
      found: name,
    });
  }
}
