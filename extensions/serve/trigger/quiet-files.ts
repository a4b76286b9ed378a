import type { FileStat } from "../../../shared/domain/location.ts";

interface SeenFile extends FileStat {
  readonly path: string;
}

interface Seen {
  readonly stat: string;
  /** Since when it has been so. */
  readonly sinceMs: number;
}

/**
 * Tells which files nobody writes any more: those that have been as they are for a while, each time that they
 * were looked at. What their times of change say is not asked: clocks differ, and copies keep old times.
 */
export class QuietFiles {
  #seen: ReadonlyMap<string, Seen> = new Map();

  /**
   * Looks at the files that are there. One that is not is forgotten, and begins anew when it is back.
   *
   * @param nowMs by a clock that only goes forward
   * @returns whether a file is one that has been quiet, and is still as it was seen
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

/** Tells two states of a file apart. */
export function statOf({ bytes, version }: FileStat): string {
  return `${bytes} ${version}`;
}
