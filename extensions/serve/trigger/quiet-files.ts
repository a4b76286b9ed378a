import type { FileStat } from "../../../shared/domain/location.ts";

interface SeenFile extends FileStat {
  readonly path: string;
}

interface Seen {
  readonly stat: string;
  /** Time since when the file is unchanged. */
  readonly sinceMs: number;
}

/**
 * Detects files that are no longer written: they were unchanged for a while on every check. Modification
 * times are not used, because clocks differ and copies keep old times.
 */
export class QuietFiles {
  #seen: ReadonlyMap<string, Seen> = new Map();

  /**
   * Records the present files. A missing file is forgotten, and counts as new when it is back.
   *
   * @param nowMs by a monotonic clock
   * @returns the files that were quiet, if they are still unchanged
   */
  observe(files: readonly SeenFile[], quietMs: number, nowMs: number): QuietOnes {
    const seen = new Map<string, Seen>();
    for (const file of files) {
      const before = this.#seen.get(file.path);
      const stat = statOf(file);
      seen.set(file.path, { stat, sinceMs: before?.stat === stat ? before.sinceMs : nowMs });
    }
    this.#seen = seen;
    const quiet = new Map([...seen].filter(([, { sinceMs }]) => nowMs - sinceMs >= quietMs));
    return { count: quiet.size, has: (file) => quiet.get(file.path)?.stat === statOf(file) };
  }
}

interface QuietOnes {
  readonly count: number;
  has(file: SeenFile): boolean;
}

/** Returns a key of a file's state. */
export function statOf({ bytes, version }: FileStat): string {
  return `${bytes} ${version}`;
}
