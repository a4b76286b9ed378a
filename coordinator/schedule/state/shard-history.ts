import { tokenKey } from "../../../shared/domain/token.ts";
import type { JobState } from "./job-state.ts";
import type { AttemptEnd } from "./record.ts";
import { placeOf } from "./shard-place.ts";
import type { Attempt, ShardEntry } from "./shard-state.ts";

/** What happened to a shard, in one line: for errors that must explain themselves. */
export function storyOf(state: JobState, entry: ShardEntry): string {
  const parent = entry.parent === null ? "" : `, a half of shard ${entry.parent}`;
  const attempts = entry.attempts.length === 0 ? "never leased" : entry.attempts.map(tellAttempt).join("; ");
  const revoked = entry.revocations === 0 ? "" : `; commits revoked: ${entry.revocations}`;
  return `${placeOf(state, entry)}${parent}, is ${entry.state.kind}: ${attempts}${revoked}`;
}

function tellAttempt({ token, worker, backup, end }: Attempt): string {
  return `${tokenKey(token)} on ${worker}${backup ? " (backup)" : ""} ${tellEnd(end)}`;
}

function tellEnd(end: AttemptEnd | null): string {
  if (end === null) return "open";
  switch (end.kind) {
    case "failed":
    case "rejected":
      return `${end.kind} ${end.code}: ${end.message}`;
    case "died":
      return `died: ${end.message}`;
    default:
      return end.kind;
  }
}
