import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { checkReductions } from "../../coordinator/reduce/check-sql.ts";
import { NEVER } from "../../shared/core/abort.ts";
import { readJobFile } from "../../shared/job-file/read-job-file.ts";
import { specDigest } from "../../shared/job-file/spec-digest.ts";
import { openLockedDatabase } from "../../shared/sql/locked-database.ts";
import type { Trial } from "./kinds.ts";
import { FILE_NAMES, makeFile } from "./make-file.ts";

/** Tries a job file: reads and checks it, and runs its SQL on rows of the planned types. */
export async function tryJobFile(
  folder: string,
  trial: Trial & { readonly kind: "jobFile" },
): Promise<string> {
  const { what, bytes } = makeFile(trial);
  const path = join(folder, FILE_NAMES.jobFile);
  await writeFile(path, bytes);
  const spec = await readJobFile(path, { set: [], env: {} });
  specDigest(spec);
  if (({} as { polluted?: unknown }).polluted !== undefined)
    throw new Error("a job file changed all objects");
  const scratch = join(folder, "sql");
  await mkdir(scratch, { recursive: true });
  await checkReductions({
    reduce: spec.reduce,
    fields: [{ name: "best", type: { kind: "numeric", type: "int32" }, nullable: false }],
    scratchFolder: scratch,
    signal: NEVER,
    open: openLockedDatabase,
  });
  return what;
}
