import { isAddress } from "../../shared/domain/location.ts";
import type { SpooledWindow } from "./spool.ts";

/** Errors that say of a file, which they name, that no other try will read it. */
const OF_A_FILE = /^INPUT_(NOT_FOUND|CORRUPT|UNSUPPORTED): /;

/** The files that the run of a window reads, each once. */
export function filesOf({ keys, counts, input, left }: SpooledWindow): string[] {
  const out = new Set(left.map(([key]) => key));
  return [
    ...new Set(messageFiles({ keys, counts, input }).flatMap(([key, files]) => (out.has(key) ? [] : files))),
  ];
}

/**
 * The window without the messages whose files are why its run failed. What has begun of it has its files
 * sealed: it has to be begun anew.
 *
 * @param reason why the run failed, which begins with the code of the error
 * @returns null where it is about no file of the window
 */
export function withoutUnreadable(window: SpooledWindow, reason: string): SpooledWindow | null {
  if (!OF_A_FILE.test(reason)) return null;
  const out = new Set(window.left.map(([key]) => key));
  const unreadable = messageFiles(window)
    .filter(([key, files]) => !out.has(key) && files.some((file) => names(reason, file)))
    .map(([key]) => [key, reason] as const);
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

/** Not that of another file, whose path begins or ends like this one's. A relative one is there in full. */
function names(reason: string, file: string): boolean {
  const isWhole = isAddress(file) || file.startsWith("/");
  const tail = isWhole ? file : file.replace(/^(?:\.{1,2}\/)+/, "");
  const [before, after] = [isWhole ? /[\s:"'`]$|^$/ : /[\s:"'`/]$|^$/, /^(?:[\s:,;"'`]|$)/];
  for (let at = reason.indexOf(tail); at !== -1; at = reason.indexOf(tail, at + 1))
    if (before.test(reason.slice(0, at)) && after.test(reason.slice(at + tail.length))) return true;
  return false;
}
