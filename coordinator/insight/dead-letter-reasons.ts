import type { DeadLetter } from "../../shared/domain/partial.ts";
import type { DeadLetterReason } from "../../shared/domain/run-history.ts";
import type { JobState } from "../schedule/state/job-state.ts";
import { committedPartials, poisonedRows } from "../schedule/state/progress.ts";

/** Limit of kinds of failures. Users read no more. */
const MOST_REASONS = 20;
/** Limit of a message, which may quote a row: files that users share show it. */
const MOST_CHARS = 300;

/**
 * Returns the reasons of dead letters, in committed and poisoned shards. Visits every shard if there are any.
 */
export function deadLetterReasons(state: JobState): readonly DeadLetterReason[] {
  if (state.totals.deadLetters === 0) return [];
  const reasons = new Map<string, DeadLetterReason>();
  const add = (letter: DeadLetter) => {
    const key = `${letter.stage} ${letter.code}`;
    const known = reasons.get(key);
    const first = { ...letter, message: letter.message.slice(0, MOST_CHARS), shards: 0 };
    reasons.set(key, { ...(known ?? first), shards: (known?.shards ?? 0) + 1 });
  };
  for (const { firstDeadLetter } of committedPartials(state))
    if (firstDeadLetter !== null) add(firstDeadLetter);
  for (const letter of poisonedRows(state)) add(letter);
  return [...reasons.values()].sort((a, b) => b.shards - a.shards).slice(0, MOST_REASONS);
}
