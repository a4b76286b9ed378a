import { isLocation, parseLocation } from "../../shared/domain/location.ts";

/**
 * Returns the name of a file in a folder, by its absolute path. Both may have the forms that other tools
 * write. Null: it is not in the folder.
 */
export function nameIn(folder: string, path: string): string | null {
  const base = `${normalPath(folder.endsWith("/") ? folder.slice(0, -1) : folder)}/`;
  const known = normalPath(path);
  return known.startsWith(base) ? known.slice(base.length) : null;
}

/** Hadoop writes `file:/a` for `file:///a`, and `s3a:` or `s3n:` for `s3:`. */
function normalPath(path: string): string {
  const text = path.replace(/^file:\/(?!\/)/i, "file:///").replace(/^s3[an]:/i, "s3:");
  if (/^file:\/\//i.test(text)) return text.slice("file://".length);
  return isLocation(text) ? parseLocation(text) : text;
}

/** Checks that each name of a path is one: not empty, `.` or `..`, and without a NUL. */
export function isPlainPath(path: string): boolean {
  return (
    !path.includes("\0") && path.split("/").every((name) => name !== "" && name !== "." && name !== "..")
  );
}
