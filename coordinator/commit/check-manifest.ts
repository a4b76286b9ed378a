import { assertNever } from "../../shared/core/assert.ts";
import { isExecutionId } from "../../shared/domain/execution-id.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";
import { partialDigest } from "../../shared/domain/partial-digest.ts";
import {
  isPartFileName,
  type PartialRules,
  type PlannedPartialFile,
  partialLayout,
} from "../../shared/domain/partial-layout.ts";
import { NOTED_COUNTS, ROW_COUNTS, rowCountsFault } from "../../shared/domain/row-counts.ts";
import { partialInvalid } from "./partial-invalid.ts";

const SHA256 = /^[0-9a-f]{64}$/;

/**
 * Checks that a manifest agrees with itself and with the job, before any file is read. Covers file names,
 * counts, the set of files, and the digest over the files. A checked name cannot lead out of the partial's
 * folder.
 *
 * @throws {PARTIAL_INVALID} with the first difference
 */
export function checkManifest(partial: PartialManifest, rules: PartialRules): void {
  const differs = (what: string, expected: string | number, found: string | number) =>
    partialInvalid(partial, { what, expected, found });
  const { rowsIn, rowsMapped, rowsOut, rowsFiltered, rowsDeadLettered, executionId, files } = partial;
  if (!isExecutionId(executionId))
    throw differs("execution id", "letters and digits", JSON.stringify(executionId));
  const fault = rowCountsFault(partial, rowsIn);
  if (fault !== null) throw differs("row counts", `${rowsIn} rows, each counted once`, fault);
  if (!rules.hasSteps && (rowsFiltered > 0 || rowsOut !== rowsMapped)) {
    const found = `${rowsMapped} mapped, ${rowsOut} rows out and ${rowsFiltered} filtered`;
    throw differs("row counts", "each mapped row out once and none filtered: the job has no steps", found);
  }
  for (const name of NOTED_COUNTS) {
    const { needs, refusal } = ROW_COUNTS[name].noted;
    const [what, expected] = refusal;
    if (!rules[needs] && partial[name] > 0) throw differs(what, expected, partial[name]);
  }
  if ((partial.firstDeadLetter !== null) !== rowsDeadLettered > 0) {
    throw differs(
      "first dead letter",
      rowsDeadLettered > 0 ? "one" : "none",
      partial.firstDeadLetter === null ? "none" : "one",
    );
  }
  const expected = expectedFiles(partial, rules);
  const found = files.map((file) => file.name).sort();
  const names = expected.map((file) => file.name).sort();
  if (found.join("\n") !== names.join("\n")) throw differs("files", names.join(", "), found.join(", "));
  for (const file of expected) checkEntry(partial, file, rules);
  const rows = files.reduce((sum, file) => sum + file.rows, 0);
  if (rules.hasParts === true && rows !== rowsOut) throw differs("rows of all files", rowsOut, rows);
  if (partialDigest(files) !== partial.digest)
    throw differs("digest of the files", partialDigest(files), partial.digest);
}

function expectedFiles(
  { files, rowsDeadLettered }: PartialManifest,
  rules: PartialRules,
): readonly PlannedPartialFile[] {
  if (rules.hasParts !== true) {
    // Workers of earlier versions list no folders: the coordinator then orders the rows itself.
    const hasFolders = files.some(({ kind }) => kind === "folders");
    const layout = partialLayout(rules, { hasDeadLetters: rowsDeadLettered > 0 });
    return layout.filter(({ kind }) => kind !== "folders" || hasFolders);
  }
  const names = new Set(files.map(({ name }) => name));
  const parts = [...names].filter((name) => isPartFileName(name, [rules.rowsFormat]));
  return parts.map((name) => ({ kind: "rows", name, format: rules.rowsFormat }));
}

function checkEntry(
  partial: PartialManifest,
  expected: PlannedPartialFile,
  { hasParts = false }: PartialRules,
): void {
  const file = partial.files.find((candidate) => candidate.name === expected.name);
  const differs = (what: string, wanted: string | number, found: string | number) =>
    partialInvalid(partial, { what: `${what} of ${expected.name}`, expected: wanted, found });
  if (file === undefined) throw differs("entry", "one", "none");
  if (file.kind !== expected.kind) throw differs("kind", expected.kind, file.kind);
  if (!isCount(file.rows)) throw differs("rows", "a count", file.rows);
  if (!isCount(file.bytes)) throw differs("bytes", "a count", file.bytes);
  const rows = hasParts ? null : dueRows(partial, expected.kind);
  if (rows !== null && file.rows !== rows) throw differs("rows", rows, file.rows);
  if (!SHA256.test(file.sha256)) throw differs("sha256", "64 hex digits", file.sha256);
}

/** Returns the rows that a file of this kind must have. Null: any number, as SQL or a sampling decides. */
function dueRows(
  { rowsOut, rowsDeadLettered }: PartialManifest,
  kind: PlannedPartialFile["kind"],
): number | null {
  switch (kind) {
    case "rows":
    case "scan":
    case "folders":
      return rowsOut;
    case "errors":
      return rowsDeadLettered;
    case "combined":
    case "sample":
      return null;
    default:
      return assertNever(kind);
  }
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
