import { messageOf } from "../../../shared/core/errors.ts";

/** Where source maps say that the files of a bundle lie: below the folder of the step's file. */
export const SOURCE_ROOT = "step:///";

/** `lib/steps.ts:12:5`, at the end of a line of a stack, in brackets or not. */
const PLACE = /^(.+:\d+:\d+)\)?$/;

/**
 * What a user's code threw, with the place in the user's own file where it did, as source maps tell it:
 * `TypeError: x is undefined (steps.ts:12:5)`.
 */
export function describeThrown(error: unknown): string {
  if (!(error instanceof Error)) return messageOf(error);
  const isPlain = error.name === "Error" || error.name === "RowFailure";
  const what = isPlain ? error.message : `${error.name}: ${error.message}`;
  const place = placeOf(error.stack ?? "");
  return place === null ? what : `${what} (${place})`;
}

/** The innermost frame of the user's own files; of a library's, where there are no others. */
function placeOf(stack: string): string | null {
  const places = stack.split("\n").flatMap((line) => {
    const at = line.indexOf(SOURCE_ROOT);
    return at < 0 ? [] : (PLACE.exec(line.slice(at + SOURCE_ROOT.length).trim())?.[1] ?? []);
  });
  return places.find((place) => !place.includes("node_modules/")) ?? places[0] ?? null;
}
