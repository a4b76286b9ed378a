import { formatCount } from "../core/units.ts";

/** Records of a text file that are not valid UTF-8. Each becomes a dead letter. */
export interface Undecoded {
  readonly records: number;
  /** First line of the first record, from 1. */
  readonly line: number;
  /** Offset of the first record's first byte in the content, from 0. */
  readonly byte: number;
}

export interface UndecodedFile extends Undecoded {
  readonly path: string;
  /** Count of all rows in the file. */
  readonly rows: number;
}

const SHOWN_FILES = 3;

/** Returns one phrase for each of the first files, and one for the others. */
export function undecodedPhrases(files: readonly UndecodedFile[]): string[] {
  const shown = files.slice(0, SHOWN_FILES).map(({ path, records, rows, line, byte }) => {
    const count = `${formatCount(records)} of ${formatCount(rows)} rows of ${path}`;
    return `${count}, the first in line ${line} (byte ${byte})`;
  });
  const others = files.length - SHOWN_FILES;
  return others <= 0
    ? shown
    : [...shown, `and of ${formatCount(others)} more ${others === 1 ? "file" : "files"}`];
}
