import { type Location, schemeOf } from "../../../shared/domain/location.ts";
import { NULL_PARTITION } from "../../../shared/domain/partition.ts";

/** Value of a folder named `name=value`. */
export interface FolderValue {
  readonly name: string;
  readonly value: string | null;
}

/**
 * Returns the values of the folders `name=value` on the path to a file, in order.
 *
 * @param skipped number of leading names in the location that are ignored
 */
export function folderValues(location: Location, skipped: number): FolderValue[] {
  return pathOf(location)
    .split("/")
    .slice(skipped, -1)
    .flatMap((folder) => {
      const at = folder.indexOf("=");
      if (at <= 0) return [];
      const value = folder.slice(at + 1);
      return [
        { name: decoded(folder.slice(0, at)), value: value === NULL_PARTITION ? null : decoded(value) },
      ];
    });
}

/** Cache of folder values, which the files of one folder share. */
export class FolderValuesOfFolders {
  readonly #known = new Map<string, readonly FolderValue[]>();

  /** Returns the values for a file, see `folderValues`. */
  file(location: Location, skipped: number): readonly FolderValue[] {
    const folder = location.slice(0, location.lastIndexOf("/") + 1);
    const key = `${skipped} ${folder}`;
    const known = this.#known.get(key) ?? folderValues(location, skipped);
    this.#known.set(key, known);
    return known;
  }
}

/** Returns a location without the query of a URL, which may look like a folder. */
function pathOf(location: Location): string {
  const isUrl = ["http", "https"].includes(schemeOf(location));
  return isUrl ? (location.split(/[?#]/)[0] ?? "") : location;
}

/** Decodes percent-encoded characters. Invalid encodings such as `50%` stay. */
function decoded(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (bytes) => {
    try {
      return decodeURIComponent(bytes);
    } catch {
      return bytes;
    }
  });
}
