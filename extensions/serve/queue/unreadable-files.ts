import type { ErrorData } from "../../../shared/core/errors.ts";
import { reasonText, unreadableFiles } from "../trigger/run-outcome.ts";
import type { SpooledWindow } from "./spool.ts";

/** Returns the files that a window's run reads, without duplicates. */
export function filesOf({ keys, counts, input, left }: SpooledWindow): string[] {
  const out = new Set(left.map(([key]) => key));
  return [
    ...new Set(messageFiles({ keys, counts, input }).flatMap(([key, files]) => (out.has(key) ? [] : files))),
  ];
}

/**
 * Excludes messages whose files made a window's run fail. The file list of a run that has begun is sealed, so
 * the run must restart.
 *
 * @param locationOf the location of a file that a message names
 * @returns null when the failure concerns no file of the window
 */
export function withoutUnreadable(
  window: SpooledWindow,
  failure: ErrorData,
  locationOf: (file: string) => string,
): SpooledWindow | null {
  const bad = unreadableFiles(failure);
  const out = new Set(window.left.map(([key]) => key));
  const unreadable = messageFiles(window)
    .filter(([key, files]) => !out.has(key) && files.some((file) => bad.has(locationOf(file))))
    .map(([key]) => [key, reasonText(failure)] as const);
  if (unreadable.length === 0) return null;
  return { ...window, left: [...window.left, ...unreadable] };
}

function messageFiles({
  keys,
  counts,
  input,
}: Pick<SpooledWindow, "keys" | "counts" | "input">): [string, string[]][] {
  let start = 0;
  return keys.map((key, index) => {
    const files = input.slice(start, start + (counts[index] ?? 0));
    start += files.length;
    return [key, files];
  });
}
