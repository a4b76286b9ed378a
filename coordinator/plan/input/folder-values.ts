import { type Location, schemeOf } from "../../../shared/domain/location.ts";
import { NULL_PARTITION } from "../../../shared/domain/partition.ts";

/** A folder `name=value`. */
export interface FolderValue {
  readonly name: string;
  readonly value: string | null;
}

/**
 * What the folders `name=value` on the way to a file say, in their order.
 *
 * @param skipped so many of the location's names, from its first, are not looked at
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

/** What folders say of many files: those of one folder share it. */
export class FolderValuesOfFolders {
  readonly #known = new Map<string, readonly FolderValue[]>();

  /** See `folderValues`. */
  file(location: Location, skipped: number): readonly FolderValue[] {
    const folder = location.slice(0, location.lastIndexOf("/") + 1);
    const key = `${skipped} ${folder}`;
    const known = this.#known.get(key) ?? folderValues(location, skipped);
    this.#known.set(key, known);
    return known;
  }
}

/** Without the query of a URL, which may look like a folder. */
function pathOf(location: Location): string {
  const isUrl = ["http", "https"].includes(schemeOf(location));
  return isUrl ? (location.split(/[?#]/)[0] ?? "") : location;
}

/** Percent-encoded characters as what they are. What encodes none stays as it is: `50%`. */
function decoded(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (bytes) => {
    try {
      return decodeURIComponent(bytes);
    } catch {
      return bytes;
    }
  });
}
