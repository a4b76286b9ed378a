import type { LeftOut } from "../../../shared/domain/left-out.ts";
import { type Location, localPathOf, schemeOf } from "../../../shared/domain/location.ts";

/** Names of files that a row may hold or name, by what is in them. */
export const SOUND_NAME = /\.(wav|wave|flac|mp3|ogg|oga|opus)$/i;
export const IMAGE_NAME = /\.(jpe?g|png|webp|gif|tiff?|avif)$/i;

/** Endings of one kind of file, for `find`. */
const KINDS = [
  { what: "images", name: IMAGE_NAME, endings: ["jpg", "jpeg", "png", "webp", "gif", "tif", "tiff"] },
  { what: "sounds", name: SOUND_NAME, endings: ["wav", "flac", "mp3", "ogg", "opus"] },
] as const;

/**
 * Says how images or sounds become rows: by a CSV of their paths, which one command writes. Null where the
 * files that were left out are something else.
 */
export function rowFilesHint(folder: Location, leftOut: readonly LeftOut[]): string | null {
  const others = leftOut.find(({ reason }) => reason === "otherEnding")?.examples ?? [];
  const kind = KINDS.find(({ name }) => others.some((path) => name.test(path)));
  if (kind === undefined) return null;
  const { what, endings } = kind;
  const input = `then take ${what}.csv as the input`;
  if (schemeOf(folder) !== "file")
    return `write a CSV with a column \`path\` of the addresses of the ${what}, ${input}`;
  const names = endings.map((ending) => `-iname '*.${ending}'`).join(" -o ");
  const find = `find ${quoted(localPathOf(folder))} -type f \\( ${names} \\)`;
  return `list the ${what} in a CSV: (echo path; ${find} | sort) > ${what}.csv, ${input}`;
}

/** Writes a path as a shell reads it. */
function quoted(path: string): string {
  return `'${path.replaceAll("'", "'\\''")}'`;
}
