import { messageOf } from "../../../shared/core/errors.ts";

/** Root of a bundle's files in source maps: the folder of the step's file. */
export const SOURCE_ROOT = "step:///";

/** `lib/steps.ts:12:5` at the end of a stack line, optionally in brackets. */
const PLACE = /^(.+:\d+:\d+)\)?$/;

/**
 * Describes an error of a user's code, with its place in the user's own file, from source maps: `TypeError: x
 * is undefined (steps.ts:12:5)`.
 */
export function describeThrown(error: unknown): string {
  if (!(error instanceof Error)) return messageOf(error);
  const isPlain = error.name === "Error" || error.name === "RowFailure";
  const what = isPlain ? error.message : `${error.name}: ${error.message}`;
  const place = placeOf(error.stack ?? "");
  return place === null ? what : `${what} (${place})`;
}

/** Returns the innermost frame in the user's own files, else in a library. */
function placeOf(stack: string): string | null {
  const places = stack.split("\n").flatMap((line) => {
    const at = line.indexOf(SOURCE_ROOT);
    return at < 0 ? [] : (PLACE.exec(line.slice(at + SOURCE_ROOT.length).trim())?.[1] ?? []);
  });
  return places.find((place) => !place.includes("node_modules/")) ?? places[0] ?? null;
}
