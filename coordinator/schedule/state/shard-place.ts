import { present } from "../../../shared/core/assert.ts";
import { tokenKey } from "../../../shared/domain/token.ts";
import type { JobState } from "./job-state.ts";
import type { AttemptEnd, FailureReason } from "./record.ts";
import type { AttemptEntry, ShardEntry } from "./shard-state.ts";

/**
 * Location of a shard: rows `[rowStart, rowEnd)` of its file, or of the whole input if it spans several
 * files.
 */
type ShardPlace =
  | { readonly kind: "file"; readonly file: string; readonly rowStart: number; readonly rowEnd: number }
  | {
      readonly kind: "files";
      readonly files: number;
      readonly firstFile: string;
      readonly lastFile: string;
      readonly rowStart: number;
      readonly rowEnd: number;
    };

function shardPlace(state: JobState, { shard }: ShardEntry): ShardPlace {
  const slices = state.rows.slicesOf(shard);
  const first = present(slices[0], "a shard has a file");
  const last = present(slices.at(-1), "a shard has a file");
  const [firstFile, lastFile] = [filePath(state, first.file), filePath(state, last.file)];
  if (first.file === last.file) {
    return { kind: "file", file: firstFile, rowStart: first.rowStart, rowEnd: last.rowEnd };
  }
  const files = new Set(slices.map(({ file }) => file)).size;
  const { rowStart, rowEnd } = shard;
  return { kind: "files", files, firstFile, lastFile, rowStart, rowEnd };
}

/** Describes a shard by its first and last row: `shard 7 (a.parquet, rows 100 to 199)`. */
export function placeOf(state: JobState, entry: ShardEntry): string {
  const place = shardPlace(state, entry);
  const { rowStart, rowEnd } = place;
  const rows = rowEnd - rowStart === 1 ? `row ${rowStart}` : `rows ${rowStart} to ${rowEnd - 1}`;
  const where =
    place.kind === "file"
      ? `${place.file}, ${rows}`
      : `${rows} of the input, in ${place.files} files from ${place.firstFile} to ${place.lastFile}`;
  return `shard ${entry.shard.id} (${where})`;
}

/** Returns the location of a shard as fields of an error. */
export function placeFields(state: JobState, entry: ShardEntry): FailureReason["fields"] {
  const { kind: _, ...place } = shardPlace(state, entry);
  return { shard: entry.shard.id, ...place };
}

export function filePath(state: JobState, file: number): string {
  return state.files[file] ?? `file ${file}`;
}

/** Describes the history of a shard in one line, for errors. */
export function historyOf(state: JobState, entry: ShardEntry): string {
  const parent = entry.parent === null ? "" : `, a half of shard ${entry.parent}`;
  const attempts =
    entry.attempts.length === 0 ? "never leased" : entry.attempts.map(describeAttempt).join("; ");
  const revoked = entry.revocations === 0 ? "" : `; commits revoked: ${entry.revocations}`;
  return `${placeOf(state, entry)}${parent}, is ${entry.state.kind}: ${attempts}${revoked}`;
}

function describeAttempt({ token, worker, backup, end }: AttemptEntry): string {
  return `${tokenKey(token)} on ${worker}${backup ? " (backup)" : ""} ${describeEnd(end)}`;
}

function describeEnd(end: AttemptEnd | null): string {
  if (end === null) return "open";
  switch (end.kind) {
    case "failed":
    case "rejected":
      return `${end.kind} ${end.code}: ${end.message}`;
    case "lost":
      return `died: ${end.message}`;
    default:
      return end.kind;
  }
}
